"""Reading and changing the access entries of a cluster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from awsauth.aws.errors import MISSING, TAKEN, THROTTLED, pages_of
from awsauth.core.access.matching import principal_of
from awsauth.core.entries.model import CLUSTER_ADMIN_POLICY, AccessEntry, AccessPolicy
from awsauth.core.text.display import command_line, quoted, visible
from awsauth.errors import AwsAuthError, AwsServiceError, OutcomeUnknownError
from awsauth.system.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from contextlib import AbstractContextManager

    from mypy_boto3_eks import EKSClient

    from awsauth.aws.eks import EksCluster
    from awsauth.aws.session import AwsSession

# Concurrent requests: an entry takes two, and a cluster may have 3,000 entries.
AT_ONCE: Final = 8

# Seconds within which all of EKS knows a change of an entry.
SHOWN_WITHIN: Final = 30.0


@dataclass(frozen=True, slots=True)
class ReadEntries:
    """The access entries that could be read.

    Attributes:
        entries: In the order of EKS; an entry that could only be listed has no `type`.
        notes: Why something could not be read, such as a missing permission; empty if everything was read.
        unread: The principals of the entries that could not be read whole.
    """

    entries: tuple[AccessEntry, ...] = ()
    notes: tuple[str, ...] = ()
    unread: frozenset[str] = frozenset()


class AccessEntries:
    """The access entries of one cluster.

    Every method may raise `AwsPermissionError`, `AwsServiceError` and `CredentialsError`. A method that changes something
    may also raise `OutcomeUnknownError`. It returns False if EKS refuses because the object is there already, or is gone.

    Args:
        session: The session that calls EKS.
        cluster: The cluster.
    """

    def __init__(self, session: AwsSession, cluster: EksCluster) -> None:
        self._session = session
        self.cluster = cluster
        arn = f"arn:{cluster.partition}:eks::aws:cluster-access-policy/{CLUSTER_ADMIN_POLICY}"
        self.cluster_admin: Final = AccessPolicy(arn)

    def principals(self, *, administrators: bool = False) -> tuple[str, ...]:
        """Return the principals of all entries, or of those with the cluster-admin policy."""
        only: dict[str, Any] = {"associatedPolicyArn": self.cluster_admin.policy_arn} if administrators else {}
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
        return self.whole(found) if found else None

    def describe(self, principal_arn: str, problem: str) -> AccessEntry | None:
        """Return an entry without its policies; None if EKS shows no entry."""
        with self._calling(problem, unless=MISSING) as eks:
            found = eks.describe_access_entry(clusterName=self.cluster.name, principalArn=principal_arn)["accessEntry"]
            return AccessEntry(
                found["principalArn"],
                found.get("type", "STANDARD"),
                found.get("username", ""),
                tuple(found.get("kubernetesGroups", ())),
                entry_arn=found.get("accessEntryArn", ""),
                created=_in_utc(found.get("createdAt")),
                modified=_in_utc(found.get("modifiedAt")),
                tags=dict(found.get("tags") or {}),
            )
        return None

    def whole(self, entry: AccessEntry) -> AccessEntry | None:
        """Return an entry with its policies; None if EKS does not show it any more."""
        if not entry.takes_policies:
            return entry
        with self._calling("the policies of access entries cannot be listed", unless=MISSING) as eks:
            named = {"clusterName": self.cluster.name, "principalArn": entry.principal_arn}
            listed = pages_of(eks, "list_associated_access_policies", **named)
            given = ((one["policyArn"], tuple(one["accessScope"].get("namespaces", ()))) for one in listed)
            return replace(entry, policies=tuple(AccessPolicy(*one) for one in given))
        return None

    def known_policies(self) -> frozenset[str]:
        """Return the ARNs of all access policies that EKS has."""
        with self._calling("the access policies cannot be listed") as eks:
            return frozenset(policy["arn"] for policy in pages_of(eks, "list_access_policies"))

    def create(self, wanted: AccessEntry, unless: Collection[str] = TAKEN) -> bool:
        """Make an entry without its policies; return False if EKS has one."""
        named = {} if wanted.lets_nodes_in else {"username": wanted.username, "kubernetesGroups": [*wanted.groups]}
        # Only AWS sets the tags that begin with aws:.
        tags = {name: value for name, value in wanted.tags.items() if not name.startswith("aws:")}
        given = {name: value for name, value in {"type": wanted.type, **named, "tags": tags}.items() if value}
        return self._change("create_access_entry", wanted.principal_arn, "cannot be made", unless, **given)

    def update(self, wanted: AccessEntry) -> bool:
        """Set the username and groups of an entry; False if EKS finds no entry."""
        own: dict[str, Any] = {"username": wanted.username, "kubernetesGroups": [*wanted.groups]}
        return self._change("update_access_entry", wanted.principal_arn, "cannot be changed", MISSING, **own)

    def associate(self, principal_arn: str, policy: AccessPolicy, unless: Collection[str] = MISSING) -> bool:
        """Give an entry a policy in exactly this scope; False if EKS finds no entry."""
        namespaces = [*policy.namespaces]
        scope = {"type": "namespace", "namespaces": namespaces} if namespaces else {"type": "cluster"}
        problem = f"cannot be given the policy {visible(policy.name)}"
        given: dict[str, Any] = {"policyArn": policy.policy_arn, "accessScope": scope}
        return self._change("associate_access_policy", principal_arn, problem, unless, **given)

    def disassociate(self, principal_arn: str, policy: AccessPolicy) -> bool:
        """Remove a policy from an entry; return False if EKS does not find it."""
        problem = f"still has the policy {visible(policy.name)}"
        given = {"policyArn": policy.policy_arn}
        return self._change("disassociate_access_policy", principal_arn, problem, MISSING, **given)

    def delete(self, principal_arn: str) -> bool:
        """Delete an entry; return False if EKS does not find it."""
        return self._change("delete_access_entry", principal_arn, "cannot be deleted", MISSING)

    def tag(self, found: AccessEntry, **tags: str) -> None:
        """Set tags of an entry."""
        with self._changing(found.principal_arn, "cannot be tagged") as eks:
            eks.tag_resource(resourceArn=found.entry_arn, tags=tags)

    def untag(self, found: AccessEntry, *names: str) -> None:
        """Remove tags of an entry."""
        with self._changing(found.principal_arn, "cannot be untagged") as eks:
            eks.untag_resource(resourceArn=found.entry_arn, tagKeys=[*names])

    def command(self, action: str, principal_arn: str, *more: str) -> str:
        """Return the command of the AWS CLI for an action on an entry."""
        cluster = ("--region", self.cluster.region, "--cluster-name", self.cluster.name)
        return command_line("aws", "eks", action, *cluster, "--principal-arn", principal_arn, *more)

    def until_shown(
        self, principal_arn: str, act: Callable[[], bool], is_shown: Callable[[AccessEntry | None], bool]
    ) -> AccessEntry | None:
        """Make a change, and return the entry as soon as EKS shows the change.

        Parts of EKS know a new entry later than others.

        Args:
            principal_arn: The principal, with its path.
            act: Makes the change, or returns False if EKS refused it and may accept it soon.
            is_shown: Whether an entry, or None, has the change.

        Raises:
            OutcomeUnknownError: the call was not answered, and EKS does not show the change.
            AwsServiceError: EKS does not show the change in time.
        """
        changed: bool | None = False
        message = f"EKS does not show the change of the access entry of {quoted(principal_arn, 200)}."
        hint = "Another client may have changed the entry, too. Run it again in a minute."
        last: AwsAuthError = AwsServiceError(message, hint=hint)
        for _ in Backoff(SHOWN_WITHIN):
            try:
                changed = act() if changed is False else changed
                found = self.find(principal_arn)
                if is_shown(found):
                    return found
            except OutcomeUnknownError as error:
                changed, last = None, error
            except AwsAuthError as error:
                if getattr(error, "code", "") not in THROTTLED:
                    error.changed = changed
                    raise
                last = error if changed is False else last
        last.changed = changed
        raise last

    def read(self) -> ReadEntries:
        """Return all entries, with their policies.

        There are none if the cluster does not use them. An entry that can only be listed is returned without its
        details, and the reason is noted.
        """
        if self.cluster.authentication_mode == "CONFIG_MAP":
            return ReadEntries()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(self._read, self.principals()))
        notes = dict.fromkeys(note for _, note in found if note)
        unread = frozenset(entry.principal_arn for entry, note in found if entry and note)
        return ReadEntries(tuple(entry for entry, _ in found if entry), tuple(notes), unread)

    def _read(self, principal: str) -> tuple[AccessEntry | None, str]:
        """Return an entry, and the reason why parts of it could not be read.

        The entry is None if it has been deleted since.
        """
        entry: AccessEntry | None = AccessEntry(principal)
        try:
            # The same words for all entries, so that a missing permission is noted once.
            entry = self.describe(principal, "access entries cannot be described")
            return entry and self.whole(entry), ""
        except AwsAuthError as error:
            return entry, error.message

    def _change(self, operation: str, principal_arn: str, problem: str, unless: Collection[str], **given: Any) -> bool:
        with self._changing(principal_arn, problem, unless) as eks:
            getattr(eks, operation)(clusterName=self.cluster.name, principalArn=principal_arn, **given)
            return True
        return False

    def _changing(self, arn: str, problem: str, unless: Collection[str] = ()) -> AbstractContextManager[EKSClient]:
        commands = ("describe-access-entry", "list-associated-access-policies")
        look = " and ".join(f"`{self.command(command, arn)}`" for command in commands)
        problem = f"the access entry of {quoted(arn, 200)} {problem}"
        return self._calling(problem, look=f"Look at the present state with {look}.", unless=unless)

    def _calling(self, problem: str, **options: Any) -> AbstractContextManager[EKSClient]:
        doing = f"On the cluster {quoted(self.cluster.name)}, {problem}"
        return self._session.calling("eks", doing, region=self.cluster.region, **options)


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment and moment.astimezone(timezone.utc)
