"""Reading the access entries of an EKS cluster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from awsauth.aws.aws_errors import GONE, bounded, translated
from awsauth.core.access_entries import AccessEntry, AccessPolicy
from awsauth.core.escaping import quoted
from awsauth.errors import AwsAuthError, AwsServiceError

if TYPE_CHECKING:
    from mypy_boto3_eks.type_defs import AccessEntryTypeDef

    from awsauth.aws.eks import EksCluster
    from awsauth.aws.session import AwsSession

AT_ONCE: Final = 8
"""Requests under way at the same time: an entry takes two, and a cluster may have 3,000 of them."""


@dataclass(frozen=True, slots=True)
class ReadEntries:
    """The access entries that could be read.

    Attributes:
        entries: In the order in which EKS lists them; one that could only be listed has no `type`.
        notes: What could not be read, and why, such as the right that is missing; empty where nothing is left out.
    """

    entries: tuple[AccessEntry, ...] = ()
    notes: tuple[str, ...] = ()


def read_access_entries(session: AwsSession, cluster: EksCluster) -> ReadEntries:
    """Return the access entries of a cluster with all that they give; none where it does not look at them.

    An entry that can only be listed is told by its principal, and what could not be read of it is noted.

    Raises:
        AwsPermissionError: the right eks:ListAccessEntries is missing.
        CredentialsError, AwsServiceError: they cannot be listed for another reason.
    """
    if cluster.authentication_mode == "CONFIG_MAP":
        return ReadEntries()
    principals = _listed(session, cluster)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(partial(_read, session, cluster), principals))
    notes = dict.fromkeys(note for _, noted in found for note in noted)
    return ReadEntries(tuple(entry for entry, _ in found if entry), tuple(notes))


def _listed(session: AwsSession, cluster: EksCluster) -> list[str]:
    eks = session.client("eks", cluster.region)
    with translated(f"The access entries of {quoted(cluster.name)} cannot be listed", session, service="eks"):
        pages = eks.get_paginator("list_access_entries").paginate(clusterName=cluster.name)
        return [str(principal) for page in bounded(pages) for principal in page["accessEntries"]]


def _read(session: AwsSession, cluster: EksCluster, principal: str) -> tuple[AccessEntry | None, list[str]]:
    """Return an entry, None where it has been deleted since, and notes."""
    try:
        entry = _described(session, cluster, principal)
    except AwsServiceError as error:
        return (None, []) if error.code == GONE else (AccessEntry(principal), [error.what])
    except AwsAuthError as error:
        return AccessEntry(principal), [error.what]
    if entry.lets_nodes_in:  # Such an entry can have no policies.
        return entry, []
    try:
        policies = policies_of(session, cluster, principal)
    except AwsAuthError as error:
        return entry, [error.what]
    return replace(entry, policies=policies), []


def _described(session: AwsSession, cluster: EksCluster, principal: str) -> AccessEntry:
    eks = session.client("eks", cluster.region)
    # Of all entries in the same words, so that a right that is missing is noted once.
    with translated(f"Access entries of {quoted(cluster.name)} cannot be described", session, service="eks"):
        return entry_of(eks.describe_access_entry(clusterName=cluster.name, principalArn=principal)["accessEntry"])


def entry_of(described: AccessEntryTypeDef) -> AccessEntry:
    """Return an access entry, without its policies, from what ``eks:DescribeAccessEntry`` says of it."""
    groups = tuple(described.get("kubernetesGroups", ()))
    kind, username = described.get("type", "STANDARD"), described.get("username", "")
    return AccessEntry(described["principalArn"], kind, username, groups)


def policies_of(session: AwsSession, cluster: EksCluster, principal: str) -> tuple[AccessPolicy, ...]:
    """Return the access policies of an entry, given its principal with the path.

    Raises:
        AwsPermissionError: the right eks:ListAssociatedAccessPolicies is missing.
        CredentialsError, AwsServiceError: they cannot be listed for another reason.
    """
    eks = session.client("eks", cluster.region)
    doing = f"The policies of access entries of {quoted(cluster.name)} cannot be listed"
    with translated(doing, session, service="eks"):
        pages = eks.get_paginator("list_associated_access_policies").paginate(
            clusterName=cluster.name, principalArn=principal
        )
        return tuple(
            AccessPolicy(policy["policyArn"], tuple(policy["accessScope"].get("namespaces", ())))
            for page in bounded(pages)
            for policy in page["associatedAccessPolicies"]
        )
