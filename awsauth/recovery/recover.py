"""Recovering: the whole way, so that it can be stopped anywhere and run again."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from awsauth.aws.access_entries import AccessEntries
from awsauth.aws.authentication_mode import BOTH, switch_to_both
from awsauth.aws.session import check_texts
from awsauth.boundary import public
from awsauth.client import AwsAuthClient
from awsauth.cluster_context import ClusterContext
from awsauth.connections.eks import EksClusterInfo
from awsauth.core.text.display import quoted
from awsauth.errors import AwsAuthError, RecoveryError
from awsauth.history.retrying_store import with_retries
from awsauth.recovery.arguments import check_creator, check_flags, names_in, region_in, wish_of
from awsauth.recovery.discovery import ClusterRef, discover
from awsauth.recovery.plan import plan_of, refuse_without_consent
from awsauth.recovery.repair import repair
from awsauth.recovery.report import SWITCH, Leftover, Recovery
from awsauth.recovery.temporary_access import TemporaryAccess
from awsauth.stores.cluster import ClusterStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    import boto3

    from awsauth.aws.access_entries import ReadEntries
    from awsauth.aws.eks import EksCluster
    from awsauth.core.edit.changes import Change
    from awsauth.recovery.discovery import Discovery
    from awsauth.recovery.repair import AppliedRepair, RepairRequest
    from awsauth.recovery.report import RecoveryPlan
    from awsauth.verification.probe import ProbeResult

WAITS: Final = 300.0
"""Seconds to wait for the mode to be switched, for an entry to count, and for ``aws-auth`` to."""


@public
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
    """Get back into an EKS cluster, and repair its ``aws-auth``: for who is locked out, but may call the EKS API.

    Three ways in, the first that works: the caller may change ``aws-auth`` already; `creator_role` may; the caller gets
    an access entry with the cluster-admin policy for as long as it takes, for which a cluster that looks at ``aws-auth``
    alone is switched to access entries first. That cannot be undone, and has to be allowed by name. Then ``aws-auth`` is
    repaired, what was made is taken away again, and new tokens show whether the caller gets in by ``aws-auth`` alone.

    An access entry that is there already is used, and never deleted. Stopped anywhere, it is to be run again with the
    same arguments: it knows its own work by a tag (``awsauth/temporary``), goes on from there, and takes it away.

    Args:
        cluster: The cluster's name or ARN.
        region: Where it is; by default that of the ARN, the profile, the environment or instance metadata.
        profile: A profile of the AWS configuration.
        session: A boto3 session, in place of a profile.
        changes: The changes that repair ``aws-auth``.
        rollback_to: The revision to go back to. With neither, as far back as it takes for the caller to be an
            administrator, or for anybody to be one.
        creator_role: The ARN of the role that made the cluster, if the caller may assume it.
        iam_arn: The caller's ARN with its real path; needed where iam:GetRole is not allowed.
        allow: ``switch-authentication-mode``, and guards that are to let the repair pass.
        reason: Why; kept with the revision.
        author: Who, for the history: a claim.
        timeout: Seconds to wait for each thing that takes its time.
        dry_run: Only say what would be done: the result's `plan`.

    Raises:
        UsageError: the arguments make no sense; nothing was contacted.
        GuardError: it would switch the authentication mode, or the repair would do harm, and that is not allowed by name.
        RecoveryError: it cannot work, or did not.
        UnprovenHistoryError: `rollback_to` is None, and only revisions that the object does not prove are of use.
        AwsPermissionError: IAM does not allow a call.
        OutcomeUnknownError: something that was to be changed was not answered, and may have been.
        AwsAuthError: anything else; every error says what was done before, and what is left of it.
    """
    allowed = names_in(allow)
    wish = wish_of(changes, rollback_to, allowed, reason)
    check_texts(
        required=["cluster"],
        cluster=cluster,
        region=region,
        profile=profile,
        creator_role=creator_role,
        iam_arn=iam_arn,
    )
    check_flags(timeout, dry_run=dry_run)
    if creator_role is not None:
        check_creator(creator_role)
    location = ClusterRef(cluster, region or region_in(cluster), profile, session)
    with ExitStack() as open_until:
        found = discover(location, creator_role=creator_role, iam_arn=iam_arn, open_until=open_until)
        plan = plan_of(found, wish, may_switch=SWITCH in allowed)
        if dry_run:
            return Recovery(plan, dry_run=True)
        refuse_without_consent(plan)
        return _Recovering(found, plan, wish, author, timeout).recovered()


class _Recovering:
    """One run, from what was found to the report."""

    def __init__(
        self, found: Discovery, plan: RecoveryPlan, wish: RepairRequest, author: str | None, timeout: float
    ) -> None:
        self._found = found
        self._plan = plan
        self._wish = wish
        self._author = author
        self._timeout = timeout
        self._cluster = found.cluster
        self._temporary = found.temporary
        self._done: list[str] = []
        self._notes: list[str] = []
        self._entries: tuple[str, ...] = ()

    def recovered(self) -> Recovery:
        try:
            self._get_in()
            repaired = self._repaired()
        except (AwsAuthError, KeyboardInterrupt) as error:
            self._step_back()
            if isinstance(error, AwsAuthError):
                self._tell(error)
            raise
        try:
            seen = self._let_go(repaired)
        except AwsAuthError as error:
            self._tell(error)
            raise
        return Recovery(
            self._plan,
            done=tuple(self._done),
            result=repaired.result,
            explanation=repaired.explanation,
            administrators=repaired.administrators,
            seen=seen,
            left=tuple(self._left()),
            entries=self._entries,
            notes=(*self._found.notes, *self._notes),
        )

    def _get_in(self) -> None:
        temporary = self._temporary
        if self._found.way != "access-entry" or temporary is None:
            return
        if self._cluster.authentication_mode == "CONFIG_MAP":
            temporary = self._switched(temporary.principal_arn)
        temporary.grant(self._done)
        seen = self._found.own.wait(lambda seen: seen.may_repair, self._timeout)
        if not seen.may_repair:
            raise _does_not_count(temporary, seen, self._timeout)

    def _switched(self, principal_arn: str) -> TemporaryAccess:
        """Switch to access entries, and return the caller's access as it is then."""
        # What cannot be undone comes after what might be refused.
        AccessEntries(self._found.session, self._cluster).try_right_to_make(principal_arn)
        self._cluster = switch_to_both(self._found.session, self._cluster, timeout=self._timeout, done=self._done)
        # Nothing comes before it, and now it is more than begun.
        self._done[:] = [f"Switched the authentication mode to {self._cluster.authentication_mode}"]
        entries = AccessEntries(self._found.session, self._cluster)
        self._entries = tuple(arn for arn in entries.principals() if arn != principal_arn)
        self._temporary = TemporaryAccess(entries, principal_arn, entries.find(principal_arn))
        return self._temporary

    def _repaired(self) -> AppliedRepair:
        transport = self._found.entrance.transport
        facts = _LastingFacts(self._found, self._cluster, self._temporary)
        circumstances = ClusterContext(transport, facts)
        client = AwsAuthClient(with_retries(ClusterStore(transport)), author=self._author, circumstances=circumstances)
        repaired = repair(client, transport, self._found.caller, self._wish)
        if repaired.text:
            self._done.append(repaired.text)
        return repaired

    def _let_go(self, repaired: AppliedRepair) -> str:
        """Take the temporary access away, and return as whom the caller gets in without it."""
        temporary = self._temporary
        was_ours = bool(temporary and temporary.ours)
        if temporary is not None:
            temporary.take_away(self._done)
        if temporary is not None and temporary.own_entry_stays:
            self._notes.append(
                f"{self._found.caller.canonical_arn} has an access entry, which stays and wins over aws-auth, so what "
                "aws-auth says of it was not tried."
            )
            return ""
        if repaired.explanation.username is None:
            self._notes.append(
                f"aws-auth does not let {self._found.caller.canonical_arn} in, so no token could show that it works. "
                "Have an administrator try."
            )
            return ""
        # Who got in without our doing may do so by what is not in aws-auth: a cluster's hidden creator does.
        is_in_anyway = self._found.way == "direct" and not was_ours

        def expected(seen: ProbeResult) -> bool:
            return seen.matches(repaired.explanation) or (is_in_anyway and seen.may_repair)

        seen = self._found.own.wait(expected, self._timeout)
        if expected(seen):
            return seen.user
        raise self._not_in_after_all(repaired, seen, put_back=was_ours)

    def _not_in_after_all(self, repaired: AppliedRepair, seen: ProbeResult, *, put_back: bool) -> RecoveryError:
        back = self._put_back() if put_back else ""
        return RecoveryError(
            f"By aws-auth {quoted(self._found.caller.canonical_arn, 200)} is {repaired.explanation.outcomes[0]}, and after "
            f"{self._timeout:.0f} seconds a new token was {seen}.{back}",
            hint="Look at what aws-auth says (explain), and whether the cluster's authenticator is well (the log type "
            "authenticator in CloudWatch); then run it again.",
        )

    def _put_back(self) -> str:
        if self._temporary is None:
            return ""
        try:
            self._temporary.grant(self._done)
        except AwsAuthError as error:
            return f" The temporary access could not be put back: {error.message}"
        return " The temporary access was put back."

    def _step_back(self) -> None:
        """Take the temporary access away after a failure; that it stays is no reason to hide the failure."""
        if self._temporary is None:
            return
        try:
            self._temporary.take_away(self._done)
        except AwsAuthError as error:
            self._notes.append(f"It could not be taken away: {error.message}")

    def _tell(self, error: AwsAuthError) -> None:
        """Put into an error what was done before, and what is left."""
        left = self._left()
        told = [f"Done so far: {'; '.join(self._done)}."] if self._done else []
        if self._done:
            error.changed = True
        told += [f"Left behind: {one}" for one in left]
        told += self._notes
        if self._entries:
            told.append(f"EKS made access entries: {', '.join(self._entries)}")
        error.hint = "\n".join([error.hint, *told]).strip()

    def _left(self) -> list[Leftover]:
        left = self._temporary.leftovers() if self._temporary else []
        if self._cluster.authentication_mode != self._plan.authentication_mode:
            left.append(Leftover(f"The authentication mode {BOTH}, which cannot be switched back"))
        return left


class _LastingFacts(EksClusterInfo):
    """What EKS knows of a cluster, without the access that is taken away again: no guard may count on that."""

    def __init__(self, found: Discovery, cluster: EksCluster, temporary: TemporaryAccess | None) -> None:
        super().__init__(found.session, cluster, found.entrance.transport)
        self._temporary = temporary

    def access_entries(self) -> ReadEntries:
        """Return the access entries that stay, with what they give then."""
        read = super().access_entries()
        temporary = self._temporary
        return replace(read, entries=tuple(temporary.lasting(read.entries))) if temporary else read


def _does_not_count(temporary: TemporaryAccess, seen: ProbeResult, seconds: float) -> RecoveryError:
    return RecoveryError(
        f"The access entry of {quoted(temporary.principal_arn, 200)} does not let it in as an administrator: after "
        f"{seconds:.0f} seconds a new token was {seen}.",
        hint="EKS ties an entry to the id that its role had then: if the role was made anew since, the entry has to be "
        "deleted and made again. Otherwise wait, and run it again.",
    )
