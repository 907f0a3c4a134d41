"""Changing access entries: merge, guards, history, and calls of EKS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.apply import Result
from awsauth.core.access.matching import account_of, principal_of
from awsauth.core.diff import Diff
from awsauth.core.document.document import Document
from awsauth.core.edit.merge import MergeResult
from awsauth.core.edit.validation import BRIDGE_GROUP
from awsauth.core.entries.merge import EntryDiff, EntryRevision, Step, merge_entries, steps, undo
from awsauth.core.entries.model import AccessEntry
from awsauth.core.findings import Finding, note
from awsauth.core.guards.access import needs_bridge
from awsauth.core.guards.context import GuardContext, GuardInput
from awsauth.core.guards.entries import by_namespace, mapping_of, taken
from awsauth.core.guards.guards import raise_for_violations, run_guards
from awsauth.core.plan import Plan, require_same_entries
from awsauth.core.revisions.info import Writer, fitting
from awsauth.core.text.display import command_line, listed, quoted
from awsauth.entries.journal import EntryJournal, check_binding, delete_binding, make_binding
from awsauth.errors import AwsAuthError, AwsServiceError, ConflictError, ForbiddenError, InvalidValueError, UsageError
from awsauth.system.backoff import Backoff
from awsauth.system.debug_log import log_debug

if TYPE_CHECKING:
    from awsauth.aws.access_entries import AccessEntries
    from awsauth.cluster_context import ClusterContext
    from awsauth.connections.eks_cluster_info import EksClusterInfo
    from awsauth.core.edit.changes import EntryChange
    from awsauth.history.sync import SyncProposal
    from awsauth.options import Options
    from awsauth.stores.store import Store

SETTLES: Final = 10.0  # seconds until the API server uses a policy or group that EKS shows
NEW_PRINCIPAL: Final = 10.0  # seconds within which EKS knows a new role or user

_DONE: Final = {
    "create": "made the access entry of {}",
    "associate": "gave {} the policy {}",
    "update": "set the username and groups of {}",
    "disassociate": "took from {} the policy {}",
    "tag": "tagged the access entry of {}",
    "delete": "deleted the access entry of {}",
}


class PendingEntries(NamedTuple):
    """A change of access entries, and the state that it is made for.

    Attributes:
        calls: The calls of EKS.
        entries: The access entries.
        document: The mappings; empty if the cluster does not use them and they cannot be read.
        diffs: The entries that change.
        undoes: For a rollback, the numbers of the revisions that it undoes.
        regranted: For a rollback, see `GuardContext`.
        prove: Takes each change after it is made, before the next one is made; None if they are made together.
    """

    calls: AccessEntries
    entries: tuple[AccessEntry, ...]
    document: Document
    diffs: tuple[EntryDiff, ...] = ()
    undoes: tuple[int, ...] = ()
    regranted: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    prove: Callable[[EntryDiff], None] | None = None


class EntryChanger(NamedTuple):
    """Changes the access entries of one cluster.

    Args:
        store: The store of ``aws-auth``.
        writer: Returns who makes the changes.
        context: The facts of the cluster.
        eks: The connection to EKS.
    """

    store: Store
    writer: Callable[[], Writer]
    context: ClusterContext
    eks: EksClusterInfo

    @property
    def journal(self) -> EntryJournal:
        """The history of the cluster's access entries."""
        return EntryJournal(self.context.transport, self.eks.entry_calls().cluster.arn)

    def read(self, concerned: Iterable[str], *, switches: bool = False) -> PendingEntries:
        """Return the present state, read anew.

        Args:
            concerned: The ARNs of principals whose entries have to be known.
            switches: Whether the authentication mode is switched before the change.

        Raises:
            UsageError: the cluster does not use access entries.
            AwsServiceError: an entry cannot be read.
            AwsAuthError: EKS or the API server does not answer.
        """
        self.eks.forget()
        calls, mode = self.eks.entry_calls(), self.eks.authentication_mode()
        if mode == "CONFIG_MAP" and not switches:
            hint = "Move the cluster with `awsauth migrate apply`. Or map the principal in aws-auth."
            raise UsageError("The cluster's authentication mode is CONFIG_MAP: it has no access entries.", hint=hint)
        read = self.eks.access_entries()
        for arn in read.unread.intersection(concerned):
            message = f"The access entry of {quoted(arn, 200)} cannot be read whole. {' '.join(read.notes)}"
            hint = "A change needs eks:DescribeAccessEntry and eks:ListAssociatedAccessPolicies."
            raise AwsServiceError(message, hint=hint)
        document = Document({})
        try:
            document = self.store.read().document
        except ForbiddenError:
            if mode != "API":
                raise
        return PendingEntries(calls, read.entries, document)

    def plan(self, changes: Sequence[EntryChange]) -> Plan:
        """Return the plan of changes, with the findings of the guards.

        Raises:
            MappingConflictError: an entry does not allow the changes.
            InvalidValueError: EKS would refuse a value.
            AwsAuthError: as for `read`.
        """
        now = self.read(change.principal_arn for change in changes)
        diffs = merge_entries(now.entries, changes)
        findings, _ = self._judged(now._replace(diffs=diffs))
        return Plan.of_entries(diffs, changes, uid=now.calls.cluster.arn, findings=findings)

    def apply(self, changes: Sequence[EntryChange], options: Options, plan: Plan | None = None) -> Result:
        """Make changes, or those of a plan.

        Args:
            changes: The changes.
            options: How the change is made.
            plan: The plan with the changes; None without one.

        Raises:
            PlanOutdatedError: the plan is for another cluster, or its effect would be another one now.
            AwsAuthError: as for `plan` and `run`.
        """
        now = self.read(change.principal_arn for change in changes)
        if plan:
            plan.require_same_object(now.calls.cluster.arn)
        return self.run(now._replace(diffs=merge_entries(now.entries, changes)), options, plan.diff if plan else None)

    def rollback(self, to: int | None, approved: Diff | None, options: Options) -> Result:
        """Undo recorded changes (see `AwsAuthClient.rollback_entries`)."""
        revisions = self.journal.revisions()
        now = self.read(diff.principal_arn for one in revisions for diff in one.diff)
        diffs, undoes = undo(revisions, now.entries, to)
        writer = self.writer()
        me = writer.arn or writer.username  # an account of an operating system may be that of several people
        undone = [one for one in revisions if one.number in undoes and not (me and one.identity == me)]
        regranted = taken(diff for one in undone for diff in one.diff)
        return self.run(now._replace(diffs=diffs, undoes=undoes, regranted=regranted), options, approved)

    def sync(self, proposal: SyncProposal, options: Options) -> Result:
        """Apply fragments (see `SyncMethods.sync`)."""
        from awsauth.core.desired import acts

        desired, choices = proposal.desired, proposal.choices
        now = self.read(one.mapped.principal for wanted in desired.values() for one in wanted.values())
        live, records = acts.live_and_records(now.entries)
        known = acts.KnownRecords(records, proven=records)
        report = acts.acts_of(desired, live, known, choices, uid=now.calls.cluster.arn)
        proposal.settle(report, records)
        diffs = acts.diffs_of_acts(report, desired, now.entries)
        return replace(self.run(now._replace(diffs=diffs), options, None), sync=report)

    def run(self, pending: PendingEntries, options: Options, approved: Diff | None) -> Result:
        """Make a change, or with ``dry_run`` only return its result.

        Args:
            pending: The change.
            options: How it is made.
            approved: The only diff that may be made; None for any.

        Raises:
            UsageError: an option does not fit.
            PlanOutdatedError: the diff is not the approved one.
            GuardError: a guard refuses it.
            ConflictError: another writer changes the same entries.
            AwsAuthError: EKS or the API server refuses or does not answer.
        """
        _check(options)
        if approved is not None:
            require_same_entries(approved, pending.diffs, pending.entries)
        result = Result(bool(pending.diffs), Diff((), {}, entries=pending.diffs), pending.document)
        if not pending.diffs:
            return result
        findings, bridged = self._judged(pending)
        raise_for_violations(findings, options.get("allow", ()))
        number = None if options.get("dry_run") else self._made(pending, bridged, options)
        return replace(result, findings=findings, revision=number)

    def _judged(self, pending: PendingEntries) -> tuple[tuple[Finding, ...], frozenset[str]]:
        """Return the findings, and the principals that need the bridge."""
        diffs, document = pending.diffs, pending.document
        for diff in diffs:
            _check_entry(diff, pending.calls)
        _check_policies(diffs, pending.calls)
        known = GuardContext(entry_diffs=diffs, regranted=pending.regranted, is_rollback=bool(pending.undoes))
        context, notes = self.context.for_change(MergeResult(document, document), known)
        case = GuardInput.of(document, document, context)
        bridged = frozenset(diff.principal_arn for diff in diffs if needs_bridge(case, diff))
        return (*run_guards(document, document, context), *map(_bridge_note, sorted(bridged)), *notes), bridged

    def _made(self, pending: PendingEntries, bridged: frozenset[str], options: Options) -> int | None:
        """Record and make a change, and return the number of its revision."""
        writer, transport, journal = self.writer(), self.context.transport, self.journal
        makes_binding = bool(bridged) and check_binding(transport)
        number = None
        if options.get("history", True):
            reason, author, identity = map(fitting, (options.get("reason", ""), writer.author, writer.identity))
            number = journal.record(EntryRevision(0, None, reason, author, identity, pending.undoes, pending.diffs))
        done: list[str] = []
        try:
            if makes_binding:
                make_binding(transport)
                done.append(f"made the ClusterRoleBinding {BRIDGE_GROUP}")
            for diffs in [(diff,) for diff in pending.diffs] if pending.prove else [pending.diffs]:
                change_entries(pending.calls, diffs, done, bridged, writer.arn)
                if pending.prove:
                    pending.prove(diffs[0])
            if bridged or any(diff.before and BRIDGE_GROUP in diff.before.groups for diff in pending.diffs):
                self._end_bridge()
        except AwsAuthError as error:
            error.changed = bool(done) or error.changed
            if error.changed is not False:
                before = f"Done before: {'; '.join(done)}." if done else ""
                is_change = number and not pending.undoes
                again = f"Run it again{', or undo it with `awsauth entry rollback`' if is_change else ''}."
                error.hint = "\n".join(filter(None, [error.hint, before, again]))
            elif number:
                journal.discard(number)
            raise
        finally:
            self.eks.forget()
        return number

    def _end_bridge(self) -> None:
        """Delete the binding of the bridge, unless an entry may have its group."""
        self.eks.forget()
        with suppress(AwsAuthError):
            read = self.eks.access_entries()
            if not read.unread and not any(BRIDGE_GROUP in entry.groups for entry in read.entries):
                delete_binding(self.context.transport)


def _check(options: Options) -> None:
    for name in ("wait", "verify", "revert_after"):
        if options.get(name):
            raise UsageError(f"{name}= is for changes of mappings.", hint=f"Leave {name}= out.")
    if options.get("dry_run") == "server":
        raise UsageError("EKS has no dry run of its own for access entries.", hint="Pass dry_run=True.")


def _check_entry(diff: EntryDiff, calls: AccessEntries) -> None:
    before, after, arn = diff.before, diff.after, diff.principal_arn
    cluster = calls.cluster
    if before and (before.is_temporary or before.has_temporary_policy):
        message = f"A recovery uses the access entry of {quoted(arn, 200)}, and is not over."
        command = command_line("awsauth", "recover", "--cluster", cluster.name, "--region", cluster.region)
        hint = f"End it with `{command}`, with the arguments with which it began. Then run this again."
        raise ConflictError(message, hint=hint)
    if after and not before and after.lets_nodes_in and account_of(arn) != cluster.account:
        message = f"{quoted(arn, 200)} is not of the cluster's account {cluster.account}."
        raise InvalidValueError(message, hint="Nodes need a role of the account that the cluster is in.")


def _check_policies(diffs: Iterable[EntryDiff], calls: AccessEntries) -> None:
    """Check that EKS has the policies that entries get, before anything is made."""
    given = [step.policy for diff in diffs for step in steps(diff) if step.action == "associate" and step.policy]
    known = calls.known_policies() if given else frozenset()
    for policy in given:
        if policy.policy_arn not in known:
            names = sorted(arn.rpartition("/")[2] for arn in known)
            hint = f"Use one of {listed(get_close_matches(policy.name, names, 3, 0.3) or names, 30)}."
            raise InvalidValueError(f"EKS has no access policy {quoted(policy.name)}.", hint=hint)


def _bridge_note(arn: str) -> Finding:
    message = f"{quoted(arn, 200)} is an administrator by its mapping, and gets its policy after its access entry."
    bridge = f"the group {BRIDGE_GROUP}, which a ClusterRoleBinding of this name binds to cluster-admin"
    risk = "While the binding is there, users who may make access entries can become administrators by it."
    impact = f"Until the policy counts, the entry has {bridge}. {risk}"
    hint = "awsauth deletes the binding that it made. After an interruption, run the same command again."
    return note("entry-bridge", message, impact, hint, principal=arn)


def change_entries(
    calls: AccessEntries, diffs: Iterable[EntryDiff], done: list[str], bridged: Collection[str], caller_arn: str
) -> None:
    """Change access entries, unless another writer has changed them meanwhile.

    Those that only gain come first. In each group, the caller's comes last.

    Args:
        calls: The calls of EKS.
        diffs: The changes.
        done: The list to which each finished step is added, in words.
        bridged: The principals whose new entries have the group of the bridge until they have their policies.
        caller_arn: The caller; empty if it is unknown.
    """
    own = caller_arn and principal_of(caller_arn)
    ordered = sorted(diffs, key=lambda diff: (_takes(diff), principal_of(diff.principal_arn) == own))
    running = [_changing(calls, diff, done, bridged=diff.principal_arn in bridged) for diff in ordered]
    while running := [one for one in running if next(one, "over") is None]:
        log_debug("Waiting until the API server uses the new rights, before entries lose others")
        Backoff(2 * SETTLES).wait(SETTLES)


def _changing(calls: AccessEntries, diff: EntryDiff, done: list[str], *, bridged: bool) -> Iterator[None]:
    """Change one access entry, and yield before it loses rights after it got others."""
    arn, made = diff.principal_arn, steps(diff, bridged=bridged)
    states = [diff.before, *(step.entry for step in made)]
    gave = False
    for position, step in enumerate(made, 1):
        present, then = states[position - 1], step.entry
        is_bridge = step.action == "update" and present and BRIDGE_GROUP in present.groups
        waits = is_bridge or (gave and then and _takes(EntryDiff(arn, present, then)))
        if waits:
            yield
            gave = False
        if (waits or present is diff.before) and (found := calls.find(arn)) not in states:
            raise _conflict(arn, found)
        _take(calls, arn, step, states[position:])
        done.append(_DONE[step.action].format(arn, step.policy))
        gave = gave or bool(present and then and _takes(EntryDiff(arn, then, present)))


def _take(calls: AccessEntries, arn: str, step: Step, states: Sequence[AccessEntry | None]) -> None:
    """Take a step, and wait until EKS shows it, or a later one."""
    patience = Backoff(NEW_PRINCIPAL)

    def act() -> bool:
        try:
            accepted = _sent(calls, arn, step)
        except AwsServiceError as error:
            if "invalid principal" not in error.message.lower():
                raise
            if patience.is_over:
                error.hint = "Check that IAM has this role or user, and that the ARN has its path."
                raise
            return False
        if step.action == "create" and not accepted and (found := calls.find(arn)) and found not in states:
            raise _conflict(arn, found)
        return accepted

    calls.until_shown(arn, act, lambda found: found in states)


def _sent(calls: AccessEntries, arn: str, step: Step) -> bool:
    """Send the call of a step.

    Returns False if EKS has the entry already, or does not know it.
    """
    entry, policy = step.entry, step.policy
    if entry is None:
        return calls.delete(arn)
    if step.action == "create":
        return calls.create(entry)
    if step.action == "tag":
        calls.tag(entry, **entry.owned) if entry.owner else calls.untag(entry, *entry.owned)
        return True
    if policy is None:
        return calls.update(entry)
    send = calls.associate if step.action == "associate" else calls.disassociate
    return send(arn, policy)


def _takes(diff: EntryDiff) -> bool:
    if not diff.before or not diff.after:
        return diff.before is not None
    compared = by_namespace([diff.before, diff.after])
    was, then = mapping_of(diff.before, compared), mapping_of(diff.after, compared)
    return was.username != then.username or not set(was.groups) <= set(then.groups)


def _conflict(arn: str, found: AccessEntry | None) -> ConflictError:
    now = f"It gives now: {found.gives}." if found else "It is gone."
    message = f"Another writer changed the access entry of {quoted(arn, 200)} since it was read. {now}"
    return ConflictError(message, hint="See the present entry with `awsauth get`, and make the change again.")
