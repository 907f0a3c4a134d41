"""Reading and changing the access entries of a cluster.

An entry, or a policy of an entry, that is made for a while carries a tag. A later run finds it by that tag and removes it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from awsauth.aws.errors import INVALID, MISSING, TAKEN, pages_of
from awsauth.backoff import Backoff
from awsauth.core.access.matching import principal_of
from awsauth.core.entries.model import TEMPORARY, TEMPORARY_POLICY, AccessEntry, AccessPolicy
from awsauth.core.text.display import command_line, quoted
from awsauth.errors import AwsAuthError, AwsServiceError

if TYPE_CHECKING:
    from collections.abc import Collection
    from contextlib import AbstractContextManager

    from mypy_boto3_eks import EKSClient

    from awsauth.aws.eks import EksCluster
    from awsauth.aws.session import AwsSession

# Concurrent requests: an entry takes two, and a cluster may have 3,000 entries.
AT_ONCE: Final = 8

# Seconds within which all of EKS knows a new entry.
_SETTLES: Final = 30.0


@dataclass(frozen=True, slots=True)
class ReadEntries:
    """The access entries that could be read.

    Attributes:
        entries: In the order of EKS; an entry that could only be listed has no `type`.
        notes: Why something could not be read, such as a missing permission; empty if everything was read.
    """

    entries: tuple[AccessEntry, ...] = ()
    notes: tuple[str, ...] = ()


class AccessEntries:
    """The access entries of one cluster.

    Every method may raise `AwsPermissionError`, `AwsServiceError` and `CredentialsError`. A method that changes something
    may also raise `OutcomeUnknownError`.

    Args:
        session: The session that calls EKS.
        cluster: The cluster.
    """

    def __init__(self, session: AwsSession, cluster: EksCluster) -> None:
        self._session = session
        self.cluster = cluster
        self.policy_arn: Final = f"arn:{cluster.partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"

    def principals(self, *, administrators: bool = False) -> tuple[str, ...]:
        """Return the principals of all entries, or of those with the cluster-admin policy."""
        only: dict[str, Any] = {"associatedPolicyArn": self.policy_arn} if administrators else {}
        with self._calling("the access entries cannot be listed") as eks:
            return tuple(map(str, pages_of(eks, "list_access_entries", clusterName=self.cluster.name, **only)))

    def of_caller(self, arn: str) -> AccessEntry | None:
        """Return the entry of the principal with this ARN, under any path in IAM."""
        wanted = principal_of(arn)
        mine = next((listed for listed in self.principals() if principal_of(listed) == wanted), None)
        return self.find(mine) if mine else None

    def find(self, principal_arn: str) -> AccessEntry | None:
        """Return the entry of a principal, or None if EKS shows no entry.

        The principal's ARN has its path.
        """
        found = self.describe(principal_arn, f"the access entry of {quoted(principal_arn, 200)} cannot be described")
        if not found or not found.takes_policies:
            return found
        return replace(found, policies=self.policies(principal_arn))

    def describe(self, principal_arn: str, problem: str) -> AccessEntry | None:
        """Return an entry without its policies; None if EKS shows no entry."""
        with self._calling(problem, unless=MISSING) as eks:
            found = eks.describe_access_entry(clusterName=self.cluster.name, principalArn=principal_arn)["accessEntry"]
            groups = tuple(found.get("kubernetesGroups", ()))
            return AccessEntry(
                found["principalArn"],
                found.get("type", "STANDARD"),
                found.get("username", ""),
                groups,
                entry_arn=found.get("accessEntryArn", ""),
                created=_in_utc(found.get("createdAt")),
                modified=_in_utc(found.get("modifiedAt")),
                tags=dict(found.get("tags") or {}),
            )
        return None

    def policies(self, principal_arn: str) -> tuple[AccessPolicy, ...]:
        """Return the access policies of an entry, given its principal with the path."""
        with self._calling("the policies of access entries cannot be listed") as eks:
            listed = pages_of(
                eks, "list_associated_access_policies", clusterName=self.cluster.name, principalArn=principal_arn
            )
            return tuple(
                AccessPolicy(policy["policyArn"], tuple(policy["accessScope"].get("namespaces", ())))
                for policy in listed
            )

    def make(self, principal_arn: str) -> AccessEntry | None:
        """Make an entry that is tagged as temporary.

        If there is an entry already, return it unchanged.
        """
        if self._create(principal_arn, TAKEN, "cannot be made"):
            return None
        for _ in Backoff(_SETTLES):
            found = self.find(principal_arn)
            if found:
                return found
        raise AwsServiceError(
            f"EKS says that {quoted(principal_arn, 200)} has an access entry, but does not show it.",
            hint="Run it again in a minute.",
        )

    def try_right_to_make(self, principal_arn: str) -> None:
        """Check the IAM permissions to make an entry.

        The cluster's authentication mode still refuses entries.

        Raises:
            AwsPermissionError: IAM does not allow it.
        """
        refusals = INVALID | TAKEN | MISSING
        self._create(principal_arn, refusals, "could not be made")
        self._associate(principal_arn, refusals, "could not be given a policy")

    def give_policy(self, principal_arn: str) -> None:
        """Give an entry the cluster-admin policy for the whole cluster."""
        for _ in Backoff(_SETTLES):
            # This part of EKS may not know a new entry yet.
            if self._associate(principal_arn, MISSING, "cannot be given the cluster-admin policy"):
                return
        raise AwsServiceError(
            f"EKS does not find the access entry of {quoted(principal_arn, 200)}.",
            hint="Run it again: another user may have deleted the entry.",
            code="ResourceNotFoundException",
        )

    def mark(self, found: AccessEntry) -> None:
        """Mark an older entry as one that has the policy for a while."""
        now = f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
        with self._changing(found.principal_arn, "cannot be tagged") as eks:
            eks.tag_resource(resourceArn=found.entry_arn, tags={TEMPORARY_POLICY: now})

    def delete(self, principal_arn: str) -> None:
        """Delete an entry, if it still exists."""
        with self._changing(principal_arn, "cannot be deleted", MISSING) as eks:
            eks.delete_access_entry(clusterName=self.cluster.name, principalArn=principal_arn)

    def take_policy(self, found: AccessEntry) -> None:
        """Remove the cluster-admin policy from an entry, and then the mark."""
        principal_arn = found.principal_arn
        with self._changing(principal_arn, "still has the cluster-admin policy", MISSING) as eks:
            eks.disassociate_access_policy(
                clusterName=self.cluster.name, principalArn=principal_arn, policyArn=self.policy_arn
            )
        with self._changing(principal_arn, "cannot be untagged") as eks:
            eks.untag_resource(resourceArn=found.entry_arn, tagKeys=[TEMPORARY_POLICY])

    def _create(self, principal_arn: str, unless: Collection[str], problem: str) -> bool:
        """Make an entry; return False if EKS refuses with a code in `unless`."""
        now = f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
        with self._changing(principal_arn, problem, unless) as eks:
            eks.create_access_entry(
                clusterName=self.cluster.name, principalArn=principal_arn, type="STANDARD", tags={TEMPORARY: now}
            )
            return True
        return False

    def _associate(self, principal_arn: str, unless: Collection[str], problem: str) -> bool:
        """Give an entry the cluster-admin policy.

        Returns False if EKS refuses with a code in `unless`.
        """
        with self._changing(principal_arn, problem, unless) as eks:
            eks.associate_access_policy(
                clusterName=self.cluster.name,
                principalArn=principal_arn,
                policyArn=self.policy_arn,
                accessScope={"type": "cluster"},
            )
            return True
        return False

    def _changing(
        self, principal_arn: str, problem: str, unless: Collection[str] = ()
    ) -> AbstractContextManager[EKSClient]:
        entry = ("--region", self.cluster.region, "--cluster-name", self.cluster.name, "--principal-arn", principal_arn)
        look = " and ".join(
            f"`{command_line('aws', 'eks', command, *entry)}`"
            for command in ("describe-access-entry", "list-associated-access-policies")
        )
        problem = f"the access entry of {quoted(principal_arn, 200)} {problem}"
        return self._calling(problem, look=f"Look at the present state with {look}.", unless=unless)

    def _calling(self, problem: str, **options: Any) -> AbstractContextManager[EKSClient]:
        doing = f"On the cluster {quoted(self.cluster.name)}, {problem}"
        return self._session.calling("eks", doing, region=self.cluster.region, **options)


def read_access_entries(session: AwsSession, cluster: EksCluster) -> ReadEntries:
    """Return the access entries of a cluster, with their policies.

    There are none if the cluster does not use them. An entry that can only be listed is returned without its details,
    and the reason is noted.

    Raises:
        AwsPermissionError: the permission eks:ListAccessEntries is missing.
        CredentialsError, AwsServiceError: they cannot be listed for another reason.
    """
    if cluster.authentication_mode == "CONFIG_MAP":
        return ReadEntries()
    entries = AccessEntries(session, cluster)
    principals = entries.principals()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(partial(_read, entries), principals))
    notes = dict.fromkeys(note for _, note in found if note)
    return ReadEntries(tuple(entry for entry, _ in found if entry), tuple(notes))


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment and moment.astimezone(timezone.utc)


def _read(entries: AccessEntries, principal: str) -> tuple[AccessEntry | None, str]:
    """Return an entry, and the reason why parts of it could not be read.

    The entry is None if it has been deleted since.
    """
    entry: AccessEntry | None = AccessEntry(principal)
    try:
        # The same words for all entries, so that a missing permission is noted once.
        entry = entries.describe(principal, "access entries cannot be described")
        if not entry or not entry.takes_policies:
            return entry, ""
        return replace(entry, policies=entries.policies(principal)), ""
    except AwsAuthError as error:
        return entry, error.message
