"""What a recovery discovers first: the caller, its access, and ways to regain it.

One way is an access entry for the time of the repair, which leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from awsauth.aws.access_entries import AccessEntries
from awsauth.aws.errors import INVALID, MISSING, TAKEN
from awsauth.aws.iam import get_role
from awsauth.aws.session import AwsSession
from awsauth.core.access.caller import Caller
from awsauth.core.access.matching import principal_of
from awsauth.core.entries.model import TEMPORARY, TEMPORARY_POLICY, AccessEntry
from awsauth.core.serialization import JsonValue
from awsauth.core.text.display import command_line, listed, quoted, visible
from awsauth.errors import AwsAuthError, AwsPermissionError, OutcomeUnknownError, RecoveryError, UsageError
from awsauth.kube.rbac import CHANGER
from awsauth.verification.verify import ProbeResult, TokenProbe

if TYPE_CHECKING:
    from awsauth.aws.eks import EksCluster
    from awsauth.connections.eks import EksConnection

    Connect = Callable[..., EksConnection]  # connects to the cluster, as `role_arn` if given

# How the recovery gets access. As the caller, who may change ``aws-auth`` already; as the cluster's creator; or by an
# access entry.
Way = Literal["direct", "creator", "access-entry"]


@dataclass(frozen=True, slots=True)
class Leftover(JsonValue):
    """Something that a recovery has left behind.

    Attributes:
        text: The thing.
        command: The command that removes it; empty if nothing can.
    """

    text: str
    command: str = ""

    def __str__(self) -> str:
        return f"{visible(self.text)}: `{self.command}`" if self.command else f"{visible(self.text)}."


class Discovery(NamedTuple):
    """What was discovered; nothing is changed yet.

    Attributes:
        cluster: The cluster.
        caller: The caller, as STS has it.
        own: A probe with tokens of the caller.
        seen: The access of a new token of the caller.
        entrance: A probe with tokens of the identity that repairs: the caller or the creator.
        way: How it gets in.
        temporary: The caller's temporary access, if it has any or needs any.
        notes: Further facts for the caller.
    """

    cluster: EksCluster
    caller: Caller
    own: TokenProbe
    seen: ProbeResult
    entrance: TokenProbe
    way: Way
    temporary: TemporaryAccess
    notes: tuple[str, ...]


def discover(connect: Connect, *, creator_role: str | None, iam_arn: str | None, open_until: ExitStack) -> Discovery:
    """Look at the cluster, the caller and the ways in.

    Args:
        connect: Connects with the cluster, given a `role_arn` as that role.
        creator_role: The role that created the cluster, to be assumed, if it is known.
        iam_arn: The caller's ARN with its path, if the caller may not call iam:GetRole.
        open_until: Closes the connections.

    Raises:
        RecoveryError: the cluster ignores ``aws-auth``, or the caller can have no access entry.
        AwsAuthError: EKS, STS, IAM or the API server cannot be asked.
    """
    connection = open_until.enter_context(closing(connect()))
    cluster = connection.cluster
    if cluster.authentication_mode == "API":
        because = "the cluster ignores aws-auth, so a repair of it grants no access"
        message = f"The authentication mode of {quoted(cluster.name)} is API: {because}."
        hint = "Create access entries: aws eks create-access-entry and aws eks associate-access-policy."
        raise RecoveryError(message, hint=hint)
    notes: list[str] = []
    own = TokenProbe(connection.tokens, connection.transport, CHANGER)
    caller = Caller(connection.tokens.caller())
    seen = own.look()
    creator = None
    if not seen.may_repair and creator_role is not None:
        creator = _creator(connect, creator_role, open_until, notes)
    way: Way = "direct" if seen.may_repair else "creator" if creator else "access-entry"
    temporary = _temporary(connection, caller, way, iam_arn, notes)
    if way == "access-entry":
        temporary.check()
    return Discovery(cluster, caller, own, seen, creator or own, way, temporary, tuple(notes))


def _creator(connect: Connect, role_arn: str, open_until: ExitStack, notes: list[str]) -> TokenProbe | None:
    """Return a probe with tokens of the creator; None if it cannot repair.

    The caller may also be unable to assume the role.
    """
    try:
        connection = open_until.enter_context(closing(connect(role_arn=role_arn)))
        creator = TokenProbe(connection.tokens, connection.transport, CHANGER)
        seen = creator.look()
        if seen.may_repair:
            return creator
        why = f"it is {seen}"
    except AwsAuthError as error:
        why = error.message
    notes.append(f"{visible(role_arn)} does not help: {why}")
    return None


def _temporary(
    connection: EksConnection, caller: Caller, way: Way, iam_arn: str | None, notes: list[str]
) -> TemporaryAccess:
    session, arn = connection.tokens.session, caller.canonical_arn
    entries, entry = AccessEntries(session, connection.cluster), None
    if connection.cluster.authentication_mode != "CONFIG_MAP":
        try:
            entry = entries.of_caller(arn)
            _look_at_others(entries, caller, way, notes)
        except AwsPermissionError as error:
            if way == "access-entry":
                raise
            notes.append(f"Not checked: the access entries. {error.message}")
    if entry:
        arn = entry.principal_arn
    elif way == "access-entry":
        arn = _iam_arn(session, caller, iam_arn)
    temporary = TemporaryAccess(entries, arn, entry)
    if entry and temporary.own_entry_stays:
        notes.append(f"The caller's access entry wins over aws-auth: {entry.gives}")
    return temporary


def _look_at_others(entries: AccessEntries, caller: Caller, way: Way, notes: list[str]) -> None:
    """Note temporary access that was left behind, and other administrators.

    The latter only if the caller may use it.
    """
    own = principal_of(caller.canonical_arn)
    arns = (arn for arn in entries.principals(administrators=True) if principal_of(arn) != own)
    administrators = [found for arn in arns if (found := entries.find(arn))]
    for found in administrators:
        left = TemporaryAccess(entries, found.principal_arn, found).leftovers()
        notes += [f"Another recovery has left this behind, or still runs: {one}" for one in left]
    others = [found.principal_arn for found in administrators if not found.is_temporary]
    if others and way == "access-entry":
        advice = "If you may assume one of them, pass it as creator_role=…."
        notes.append(f"These are administrators by access entries: {listed(others, 5)}. {advice}")


def _iam_arn(session: AwsSession, caller: Caller, given: str | None) -> str:
    """Return the caller's ARN with its path, as EKS needs it."""
    if not caller.is_role:
        if ":user/" in caller.canonical_arn:
            return caller.canonical_arn
        message = f"{quoted(caller.arn, 200)} can have no access entry: only roles and IAM users can."
        raise RecoveryError(message, hint="Run it as a role that may change the cluster.")
    if given is not None:
        if principal_of(given) != principal_of(caller.canonical_arn):
            message = f"iam_arn is {quoted(given, 200)}, but the caller is {quoted(caller.canonical_arn, 200)}."
            raise UsageError(message, hint="Pass the caller's own ARN, with its path.")
        return given
    try:
        role = get_role(session, caller.name)
    except AwsPermissionError as error:
        error.hint = f"{error.hint}\nOr pass the role's ARN, with its path, as iam_arn=…"
        raise
    if not role:
        message = f"The role {quoted(caller.name)} no longer exists in IAM, so it can have no access entry."
        raise RecoveryError(message, hint="Run it as an existing role.")
    return role.arn


class TemporaryAccess:
    """The cluster-admin policy for one principal, for a while.

    An entry or a policy of an interrupted run has a tag, and counts as this run's own.

    Args:
        entries: The cluster's access entries.
        principal_arn: The principal, with its path; if it has an entry, as the entry names it.
        entry: Its entry, or None.
    """

    def __init__(self, entries: AccessEntries, principal_arn: str, entry: AccessEntry | None) -> None:
        self._entries = entries
        self.principal_arn = principal_arn
        self.entry = entry

    @property
    def is_ours(self) -> bool:
        """Whether the entry, or its cluster-admin policy, has to be removed again."""
        return self.entry is not None and (self.entry.is_temporary or self.entry.has_temporary_policy)

    @property
    def own_entry_stays(self) -> bool:
        """Whether the principal has an entry that is not ours; it wins over ``aws-auth``."""
        return self.entry is not None and not self.entry.is_temporary

    @property
    def has_policy(self) -> bool:
        """Whether the entry makes its principal an administrator."""
        return self.entry is not None and self.entry.is_administrator

    def check(self) -> None:
        """Refuse an entry that can only be used by a change that stays.

        Raises:
            RecoveryError: it is such an entry.
        """
        entry = self.entry
        if not entry or self.has_policy or self.is_ours:
            return
        if entry.lets_nodes_in:
            arn = quoted(self.principal_arn, 200)
            message = f"{arn} has an access entry for nodes (type {entry.type}), which can have no policy."
            raise RecoveryError(message, hint="Run it as a role that nodes do not have.")
        if any(policy.policy_arn == self._entries.cluster_admin.policy_arn for policy in entry.policies):
            policy = ("--policy-arn", self._entries.cluster_admin.policy_arn, "--access-scope", "type=cluster")
            command = self._entries.command("associate-access-policy", self.principal_arn, *policy)
            has = f"The access entry of {quoted(self.principal_arn, 200)} has the cluster-admin policy"
            message = f"{has} for some namespaces only. The policy for the whole cluster would overwrite it."
            raise RecoveryError(message, hint=f"Give it the policy yourself, and run it again: `{command}`.")

    def grant(self, done: list[str]) -> None:
        """Give the principal the policy, and append each step to `done`.

        Raises:
            RecoveryError: as for `check`, if another client has made an entry since.
            AwsAuthError: EKS refuses.
        """
        if not self.entry:
            wanted = _temporary_entry(self.principal_arn)
            try:
                is_made = self._entries.create(wanted)
            except (OutcomeUnknownError, KeyboardInterrupt):
                self.entry = wanted  # it may have been made
                raise
            if is_made:
                self.entry = wanted
                done.append(f"Made a temporary access entry for {self.principal_arn}")
            else:
                # Another client, or an interrupted run, made it so lately that EKS did not list it.
                self.entry = self._entries.until_shown(self.principal_arn, lambda: True, bool)
        self.check()
        if self.has_policy:
            return
        if self.entry and not self.is_ours:
            tag = {TEMPORARY_POLICY: _now()}
            self.entry = replace(self.entry, tags={**self.entry.tags, **tag})
            self._entries.tag(self.entry, **tag)
        give = partial(self._entries.associate, self.principal_arn, self._entries.cluster_admin)
        self._entries.until_shown(self.principal_arn, give, lambda found: bool(found and found.is_administrator))
        done.append(f"Gave the access entry of {self.principal_arn} the cluster-admin policy")

    def remove_access(self, done: list[str]) -> None:
        """Remove the temporary access, and append each step to `done`.

        A second call does nothing.
        """
        entry = self.entry
        if not entry or not self.is_ours:
            return
        if entry.is_temporary:
            self._entries.delete(self.principal_arn)
            self.entry = None
            done.append(f"Deleted the temporary access entry of {self.principal_arn}")
        else:
            self._entries.disassociate(self.principal_arn, self._entries.cluster_admin)
            self._entries.untag(entry, TEMPORARY_POLICY)
            self.entry = self._entries.find(self.principal_arn)
            done.append(f"Removed the cluster-admin policy from the access entry of {self.principal_arn} again")

    def leftovers(self) -> list[Leftover]:
        """Return the things that are not removed yet, with the commands that remove them."""
        if not self.entry or not self.is_ours:
            return []
        if self.entry.is_temporary:
            text = f"The temporary access entry of {self.principal_arn}, an administrator of the cluster"
            return [Leftover(text, self._entries.command("delete-access-entry", self.principal_arn))]
        text = f"The cluster-admin policy of the access entry of {self.principal_arn}"
        named = ("--policy-arn", self._entries.cluster_admin.policy_arn)
        policy = self._entries.command("disassociate-access-policy", self.principal_arn, *named)
        where = ("--region", self._entries.cluster.region, "--resource-arn", self.entry.entry_arn)
        tag = command_line("aws", "eks", "untag-resource", *where, "--tag-keys", TEMPORARY_POLICY)
        return [Leftover(text, policy), Leftover("The tag that marks the policy as temporary", tag)]


def try_right_to_make(entries: AccessEntries, principal_arn: str) -> None:
    """Check the IAM permissions to make an entry.

    The cluster's authentication mode still refuses entries.

    Raises:
        AwsPermissionError: IAM does not allow it.
    """
    refusals = INVALID | TAKEN | MISSING
    entries.create(_temporary_entry(principal_arn), refusals)
    entries.associate(principal_arn, entries.cluster_admin, refusals)


def _temporary_entry(principal_arn: str) -> AccessEntry:
    return AccessEntry(principal_arn, "STANDARD", tags={TEMPORARY: _now()})


def _now() -> str:
    return f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
