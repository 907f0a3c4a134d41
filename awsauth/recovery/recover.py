"""Recovering: every step can be interrupted, and the same call goes on from there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from awsauth.aws.access_entries import AccessEntries
from awsauth.aws.eks import BOTH, switch_authentication_mode
from awsauth.client import AwsAuthClient
from awsauth.cluster_context import ClusterContext
from awsauth.connections.eks import from_eks
from awsauth.connections.eks_cluster_info import EksClusterInfo
from awsauth.core.arn import canonical_role
from awsauth.core.edit.changes import Change, as_list, entry_changes
from awsauth.core.edit.validation import check_texts, require
from awsauth.core.text.display import quoted
from awsauth.errors import AwsAuthError, GuardError, RecoveryError, UnprovenHistoryError, UsageError
from awsauth.history.commit import RetryingStore
from awsauth.options import check_options, check_timeout, check_whole_number
from awsauth.recovery import plan as planning
from awsauth.recovery.discovery import Discovery, Leftover, TemporaryAccess, discover, try_right_to_make
from awsauth.recovery.plan import SWITCH, Recovery, RecoveryPlan, RecoveryStep
from awsauth.recovery.repair import AccessRepair, RepairRequest
from awsauth.stores.cluster import ClusterStore

if TYPE_CHECKING:
    import boto3

    from awsauth.core.explain.explanation import Explanation
    from awsauth.verification.verify import ProbeResult

WAITS: Final = 300.0  # seconds for the mode's switch, an entry and `aws-auth` to take effect


def recover(
    cluster: str,
    *,
    region: str | None = None,
    profile: str | None = None,
    session: boto3.Session | None = None,
    changes: Sequence[Change] | Change | None = None,
    rollback_to: int | None = None,
    creator_role: str | None = None,
    iam_arn: str | None = None,
    allow: Sequence[str] = (),
    reason: str = "",
    author: str | None = None,
    timeout: float = WAITS,
    dry_run: bool = False,
) -> Recovery:
    """Regain access to an EKS cluster, and repair its ``aws-auth``.

    It works through the EKS API (see the guide "Locked out"). After an interruption, run it again with the same
    arguments. An existing access entry is used and never deleted.

    Args:
        cluster: The cluster's name or ARN.
        region: Its region; by default that of the ARN, the profile, the environment or instance metadata.
        profile: A profile of the AWS configuration.
        session: A boto3 session to use instead of a profile.
        changes: The changes that repair ``aws-auth``.
        rollback_to: The revision to restore. With neither, the newest in which you, or else anyone, is administrator.
        creator_role: The ARN of the role that created the cluster, if you may assume it.
        iam_arn: Your ARN with its path, if you may not call iam:GetRole.
        allow: ``switch-authentication-mode``, and guards that the repair may violate.
        reason: Why; kept with the revision.
        author: Your name, for the history: a claim.
        timeout: Seconds to wait for each step to take effect.
        dry_run: Only return the plan.

    Raises:
        UsageError, InvalidValueError: the arguments make no sense.
        GuardError: it would switch the authentication mode, or a guard refuses the repair.
        RecoveryError: it cannot work, or failed.
        UnprovenHistoryError: `rollback_to` is None, and only unproven revisions are of use.
        AwsAuthError: any other failure; the hint lists the steps that are done, and their leftovers.
    """
    request = repair_request(changes, rollback_to, allow, reason)
    optional: Any = {"region": region, "profile": profile, "creator_role": creator_role, "iam_arn": iam_arn}
    check_texts(required=["cluster"], cluster=cluster, **optional)
    check_timeout(timeout)
    check_options({"dry_run": dry_run})
    if creator_role is not None:
        canonical_role(creator_role)
    region = region or "".join(cluster.split(":", 5)[3:4]) or None  # that of an ARN, which IAM and STS need too
    connect = partial(from_eks, cluster, region=region, profile=profile, session=session)
    with ExitStack() as open_until:
        found = discover(connect, creator_role=creator_role, iam_arn=iam_arn, open_until=open_until)
        run = _Recovering(found, request, author, timeout)
        plan = planning.plan_of(found, run.repair_step(), may_switch=request.may_switch)
        if dry_run:
            return Recovery(plan, dry_run=True)
        planning.refuse_without_consent(plan)
        return run.recovered(plan)


class _Recovering:
    """One run, from the discovery to the report."""

    def __init__(self, found: Discovery, request: RepairRequest, author: str | None, timeout: float) -> None:
        self._found = found
        self._request = request
        self._author = author
        self._timeout = timeout
        self._cluster = found.cluster
        self._temporary = found.temporary
        self._done: list[str] = []
        self._notes: list[str] = []
        self._entries: tuple[str, ...] = ()

    def repair_step(self) -> RecoveryStep | None:
        """Return the repair as a step of the plan.

        Returns None if ``aws-auth`` is repaired already, as far as that is known.
        """
        if self._found.way == "access-entry":
            return self._request.step
        with contextlib.suppress(GuardError, UnprovenHistoryError):  # Recovering raises them again.
            pending = self._repair().pending()
            return pending.step if pending else None
        return self._request.step

    def recovered(self, plan: RecoveryPlan) -> Recovery:
        try:
            try:
                self._open_access()
                repair = self._repair()
                result = repair.apply(self._done)
                explanation, administrators = repair.explanation(), repair.administrators()
            except (AwsAuthError, KeyboardInterrupt):
                # Another failure must not hide this one.
                if problem := self._failure_of(TemporaryAccess.remove_access):
                    self._notes.append(f"The temporary access could not be removed: {problem}")
                raise
            seen = self._end_access(explanation)
        except AwsAuthError as error:
            self._tell(error)
            raise
        report = Recovery(plan, done=tuple(self._done), result=result, explanation=explanation, seen=seen)
        left, notes = tuple(self._left()), (*self._found.notes, *self._notes)
        return replace(report, administrators=administrators, left=left, entries=self._entries, notes=notes)

    def _open_access(self) -> None:
        if self._found.way != "access-entry":
            return
        if self._cluster.authentication_mode == "CONFIG_MAP":
            self._temporary = self._switched(self._temporary.principal_arn)
        self._temporary.grant(self._done)
        seen = self._found.own.wait(lambda seen: seen.may_repair, self._timeout)
        if not seen.may_repair:
            arn, late = quoted(self._temporary.principal_arn, 200), f"after {self._timeout:.0f} seconds"
            found = f"{late} a new token was {seen}"
            message = f"The access entry of {arn} does not let it in as an administrator: {found}."
            stale = "If the role was deleted and created again since, delete the entry and create it again."
            hint = f"EKS ties an entry to the id of its role. {stale} Otherwise wait, and run it again."
            raise RecoveryError(message, hint=hint)

    def _switched(self, principal_arn: str) -> TemporaryAccess:
        """Switch to access entries, and return the caller's access as it is then."""
        session = self._found.own.tokens.session
        # The switch cannot be undone, so a step that IAM may refuse is tried before it.
        try_right_to_make(AccessEntries(session, self._cluster), principal_arn)
        self._cluster = switch_authentication_mode(session, self._cluster, timeout=self._timeout, done=self._done)
        self._done[:] = [f"Switched the authentication mode to {self._cluster.authentication_mode}"]
        entries = AccessEntries(session, self._cluster)
        self._entries = tuple(arn for arn in entries.principals() if arn != principal_arn)
        return TemporaryAccess(entries, principal_arn, entries.find(principal_arn))

    def _repair(self) -> AccessRepair:
        transport = self._found.entrance.transport
        context = ClusterContext(transport, EksClusterInfo(self._found.own.tokens.session, self._cluster, transport))
        client = AwsAuthClient(RetryingStore(ClusterStore(transport)), author=self._author, cluster_context=context)
        return AccessRepair(client, transport, self._found.caller, self._request)

    def _end_access(self, explanation: Explanation) -> str:
        """Remove the temporary access, and return the caller's identity without it."""
        caller, was_ours = self._found.caller.canonical_arn, self._temporary.is_ours
        self._temporary.remove_access(self._done)
        if self._temporary.own_entry_stays:
            self._notes.append(f"The access entry of {caller} wins over aws-auth, so its mapping was not tried.")
            return ""
        if explanation.username is None:
            self._notes.append(f"aws-auth does not map {caller}, so no token could try it. Have an administrator try.")
            return ""
        # A caller who got in without our help may be the cluster's creator, who needs no mapping.
        is_in_anyway = self._found.way == "direct" and not was_ours

        def expected(seen: ProbeResult) -> bool:
            return seen.matches(explanation) or (is_in_anyway and seen.may_repair)

        seen = self._found.own.wait(expected, self._timeout)
        if expected(seen):
            return seen.user
        back = ""
        if was_ours:
            problem = self._failure_of(TemporaryAccess.grant)
            back = f" The temporary access {f'could not be put back: {problem}' if problem else 'was put back.'}"
        found = f"after {self._timeout:.0f} seconds a new token was {seen}"
        message = f"By aws-auth {quoted(caller, 200)} is {explanation.outcomes[0]}, but {found}.{back}"
        log = "the log of the cluster's authenticator (type authenticator in CloudWatch)"
        raise RecoveryError(message, hint=f"Look at the mapping (explain), and at {log}. Then run it again.")

    def _failure_of(self, action: Callable[[TemporaryAccess, list[str]], None]) -> str:
        """Change the temporary access, and return why it failed, or an empty text."""
        try:
            action(self._temporary, self._done)
        except AwsAuthError as error:
            return error.message
        return ""

    def _tell(self, error: AwsAuthError) -> None:
        """Put the steps that are done, and their leftovers, into an error."""
        told = [f"Done so far: {'; '.join(self._done)}."] if self._done else []
        told += [f"Left behind: {left}" for left in self._left()]
        told += self._notes
        if self._done:
            error.changed = True
        if self._entries:
            told.append(f"EKS made access entries: {', '.join(self._entries)}")
        error.hint = "\n".join([error.hint, *told]).strip()

    def _left(self) -> list[Leftover]:
        left = self._temporary.leftovers()
        if self._cluster.authentication_mode != self._found.cluster.authentication_mode:
            left.append(Leftover(f"The authentication mode {BOTH}, which cannot be switched back"))
        return left


def repair_request(changes: Any, rollback_to: Any, allow: Any, reason: Any) -> RepairRequest:
    """Return how ``aws-auth`` is to be repaired.

    Raises:
        UsageError: an argument makes no sense.
    """
    if changes is not None and rollback_to is not None:
        raise UsageError("Both changes and rollback_to= are given.", hint="Pass one of them, or neither.")
    made = () if changes is None else tuple(as_list(changes))
    if changes is not None and not made:
        raise UsageError("changes is empty.", hint="Leave it out to roll back instead.")
    if entry_changes(made):
        raise UsageError("A recovery repairs aws-auth, not access entries.", hint="Pass changes of mappings.")
    if rollback_to is not None:
        check_whole_number("rollback_to", rollback_to, least=1)
    is_list = isinstance(allow, Iterable) and not isinstance(allow, str)
    require(is_list, "allow", allow, f"Pass a list, such as [{SWITCH!r}].")
    names = tuple(allow)
    guards = tuple(name for name in names if name != SWITCH)
    check_options({"allow": guards, "reason": reason})
    return RepairRequest(made, rollback_to, guards, reason, may_switch=SWITCH in names)
