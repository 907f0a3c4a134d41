"""Changing who gets in by access entries: the authentication mode, one principal's entry, and what it allows.

What is made for a while carries a tag that says so, by which whoever comes later knows it and can take it away.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from awsauth.aws.errors import GONE, bounded, translate_errors
from awsauth.core.access.access_entries import AccessEntry, AccessPolicy
from awsauth.core.access.matching import principal_of
from awsauth.core.text.display import command_line, quoted
from awsauth.errors import AwsAuthError, AwsPermissionError, AwsServiceError
from awsauth.retry import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from mypy_boto3_eks import EKSClient
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
    with translate_errors(f"The access entries of {quoted(cluster.name)} cannot be listed", session, service="eks"):
        pages = eks.get_paginator("list_access_entries").paginate(clusterName=cluster.name)
        return [str(principal) for page in bounded(pages) for principal in page["accessEntries"]]


def _read(session: AwsSession, cluster: EksCluster, principal: str) -> tuple[AccessEntry | None, list[str]]:
    """Return an entry, None where it has been deleted since, and notes."""
    try:
        entry = _described(session, cluster, principal)
    except AwsServiceError as error:
        return (None, []) if error.code == GONE else (AccessEntry(principal), [error.message])
    except AwsAuthError as error:
        return AccessEntry(principal), [error.message]
    if entry.lets_nodes_in:  # Such an entry can have no policies.
        return entry, []
    try:
        policies = policies_of(session, cluster, principal)
    except AwsAuthError as error:
        return entry, [error.message]
    return replace(entry, policies=policies), []


def _described(session: AwsSession, cluster: EksCluster, principal: str) -> AccessEntry:
    eks = session.client("eks", cluster.region)
    # Of all entries in the same words, so that a right that is missing is noted once.
    with translate_errors(f"Access entries of {quoted(cluster.name)} cannot be described", session, service="eks"):
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
    with translate_errors(doing, session, service="eks"):
        pages = eks.get_paginator("list_associated_access_policies").paginate(
            clusterName=cluster.name, principalArn=principal
        )
        return tuple(
            AccessPolicy(policy["policyArn"], tuple(policy["accessScope"].get("namespaces", ())))
            for page in bounded(pages)
            for policy in page["associatedAccessPolicies"]
        )


TEMPORARY: Final = "awsauth/temporary"
"""The tag of an access entry that is to be deleted again; its value is when it was made."""


TEMPORARY_POLICY: Final = "awsauth/temporary-policy"
"""The tag of an access entry that was there before, and from which only the cluster-admin policy is to be taken."""


TAKEN: Final = "ResourceInUseException"


_SETTLES: Final = 30.0
"""Seconds for which EKS may not know everywhere what was just made."""


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class FoundEntry:
    """An access entry with what tells whose work it is.

    Attributes:
        entry: What it gives.
        arn: Of the entry itself, for its tags.
        tags: Its tags.
    """

    entry: AccessEntry
    arn: str
    tags: Mapping[str, str]

    @property
    def is_temporary(self) -> bool:
        """Whether it was made for a while, and is to be deleted."""
        return TEMPORARY in self.tags

    @property
    def has_temporary_policy(self) -> bool:
        """Whether it was there before, and was given the cluster-admin policy for a while."""
        return TEMPORARY_POLICY in self.tags


class AccessEntries:
    """The access entries of one cluster, to be read one at a time, and changed.

    Every method may raise `AwsPermissionError`, `AwsServiceError` and `CredentialsError`; one that changes something
    also `OutcomeUnknownError`, where EKS did not answer.

    Args:
        session: Whom to ask as.
        cluster: Which cluster.
    """

    def __init__(self, session: AwsSession, cluster: EksCluster) -> None:
        self._session = session
        self.cluster = cluster
        self.policy_arn: Final = f"arn:{cluster.partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"

    def principals(self, *, administrators: bool = False) -> tuple[str, ...]:
        """Return whose entries there are, of all or of those with the cluster-admin policy."""
        only: dict[str, Any] = {"associatedPolicyArn": self.policy_arn} if administrators else {}

        def listed(eks: EKSClient) -> tuple[str, ...]:
            pages = eks.get_paginator("list_access_entries").paginate(clusterName=self.cluster.name, **only)
            return tuple(str(principal) for page in bounded(pages) for principal in page["accessEntries"])

        return self._call("the access entries cannot be listed", listed)

    def of_caller(self, arn: str) -> FoundEntry | None:
        """Return the entry of whoever the authenticator knows by `arn`, whatever its path in IAM; None for none."""
        wanted = principal_of(arn)
        mine = next((listed for listed in self.principals() if principal_of(listed) == wanted), None)
        return self.find(mine) if mine else None

    def find(self, principal_arn: str) -> FoundEntry | None:
        """Return the entry of a principal, given with its path; None where there is none, or EKS shows none yet."""

        def described(eks: EKSClient) -> FoundEntry:
            found = eks.describe_access_entry(clusterName=self.cluster.name, principalArn=principal_arn)["accessEntry"]
            entry = entry_of(found)
            if entry.type == "STANDARD":
                entry = replace(entry, policies=policies_of(self._session, self.cluster, principal_arn))
            return FoundEntry(entry, found["accessEntryArn"], dict(found.get("tags") or {}))

        return self._unless({GONE}, f"the access entry of {quoted(principal_arn, 200)} cannot be described", described)

    def make(self, principal_arn: str) -> FoundEntry | None:
        """Make an entry that is marked as temporary; where there is one already, return that as it is."""
        if self._create(principal_arn, {TAKEN}, "cannot be made"):
            return None
        for _ in Backoff(_SETTLES):
            found = self.find(principal_arn)
            if found:
                return found
        raise AwsServiceError(
            f"EKS says that {quoted(principal_arn, 200)} has an access entry, and does not show it.",
            hint="Run it again in a minute.",
        )

    def try_right_to_make(self, principal_arn: str) -> None:
        """Call what makes an entry while the cluster does not look at entries: EKS refuses it, once IAM has let it pass.

        Raises:
            AwsPermissionError: IAM does not let it pass.
        """
        refusals = {"InvalidRequestException", "InvalidParameterException", TAKEN, GONE}
        self._create(principal_arn, refusals, "could not be made")
        self._associate(principal_arn, refusals, "could not be given a policy")

    def give_policy(self, principal_arn: str) -> None:
        """Give an entry the cluster-admin policy for the whole cluster."""
        for _ in Backoff(_SETTLES):
            # The entry may have been made so lately that this part of EKS does not know it.
            if self._associate(principal_arn, {GONE}, "cannot be given the cluster-admin policy"):
                return
        raise AwsServiceError(
            f"EKS does not find the access entry of {quoted(principal_arn, 200)}.",
            hint="Somebody may have deleted it; run it again.",
            code=GONE,
        )

    def mark(self, found: FoundEntry) -> None:
        """Mark an entry that was there before as one that has the policy for a while."""
        self._change(
            found.entry.principal_arn,
            "cannot be tagged",
            lambda eks: eks.tag_resource(resourceArn=found.arn, tags={TEMPORARY_POLICY: _now()}),
        )

    def delete(self, principal_arn: str) -> None:
        """Delete an entry; that it is gone already is as well."""
        self._change(
            principal_arn,
            "cannot be deleted",
            lambda eks: eks.delete_access_entry(clusterName=self.cluster.name, principalArn=principal_arn),
            {GONE},
        )

    def take_policy(self, found: FoundEntry) -> None:
        """Take the cluster-admin policy from an entry, and then the mark."""
        principal_arn = found.entry.principal_arn
        self._change(
            principal_arn,
            "still has the cluster-admin policy",
            lambda eks: eks.disassociate_access_policy(
                clusterName=self.cluster.name, principalArn=principal_arn, policyArn=self.policy_arn
            ),
            {GONE},
        )
        self._change(
            principal_arn,
            "cannot be untagged",
            lambda eks: eks.untag_resource(resourceArn=found.arn, tagKeys=[TEMPORARY_POLICY]),
        )

    def _create(self, principal_arn: str, codes: set[str], problem: str) -> bool:
        """Make an entry (see `_change`)."""
        return self._change(
            principal_arn,
            problem,
            lambda eks: eks.create_access_entry(
                clusterName=self.cluster.name, principalArn=principal_arn, type="STANDARD", tags={TEMPORARY: _now()}
            ),
            codes,
        )

    def _associate(self, principal_arn: str, codes: set[str], problem: str) -> bool:
        """Give an entry the cluster-admin policy (see `_change`)."""
        return self._change(
            principal_arn,
            problem,
            lambda eks: eks.associate_access_policy(
                clusterName=self.cluster.name,
                principalArn=principal_arn,
                policyArn=self.policy_arn,
                accessScope={"type": "cluster"},
            ),
            codes,
        )

    def _change(
        self, principal_arn: str, problem: str, call: Callable[[EKSClient], object], codes: Collection[str] = ()
    ) -> bool:
        """Change something about an entry; whether EKS did, and did not refuse it with one of `codes`."""
        doing = f"the access entry of {quoted(principal_arn, 200)} {problem}"
        return self._unless(codes, doing, call, look=self._look(principal_arn)) is not None

    def _look(self, principal_arn: str) -> str:
        """Return how to see what became of a change."""
        location = (
            "--cluster-name",
            self.cluster.name,
            "--region",
            self.cluster.region,
            "--principal-arn",
            principal_arn,
        )
        entry = command_line("aws", "eks", "describe-access-entry", *location)
        policies = command_line("aws", "eks", "list-associated-access-policies", *location)
        return f"See what there is: `{entry}`, and `{policies}`."

    def _call(self, problem: str, call: Callable[[EKSClient], _T], *, look: str = "") -> _T:
        eks = self._session.client("eks", self.cluster.region)
        doing = f"On the cluster {quoted(self.cluster.name)}, {problem}"
        with translate_errors(doing, self._session, service="eks", look=look):
            return call(eks)

    def _unless(
        self, codes: Collection[str], problem: str, call: Callable[[EKSClient], _T], *, look: str = ""
    ) -> _T | None:
        """Return what EKS answers; None for an error with one of `codes`."""
        try:
            return self._call(problem, call, look=look)
        except AwsPermissionError:
            raise
        except AwsServiceError as error:
            if error.code not in codes:
                raise
            return None


def _now() -> str:
    return f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
