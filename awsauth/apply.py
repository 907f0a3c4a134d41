"""Making a change: merge, guards, commit, result."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.core.access.node_mappings import is_node_mapping
from awsauth.core.diff import Diff, diff
from awsauth.core.findings import Finding, Severity, counted, note, warning
from awsauth.core.guards.context import GuardContext
from awsauth.core.guards.guards import REFUSALS, enforce, run_guards
from awsauth.core.revisions.info import OBSERVED, Writer, owners_of
from awsauth.core.serialization import LEFT_OUT, JsonValue
from awsauth.core.text.display import NotebookValue, quoted
from awsauth.history.commit import commit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from awsauth.cluster_context import ClusterContext
    from awsauth.core.desired.acts import SyncReport
    from awsauth.core.document.document import Document
    from awsauth.core.lint.policy import Policy
    from awsauth.core.revisions.restore import Restoration
    from awsauth.history.proposal import PendingChange, Propose
    from awsauth.options import Options
    from awsauth.stores.store import Snapshot, Store

    Judge = Callable[[Document, Document, GuardContext], tuple[Finding, ...]]  # runs the guards, or enforces them

ONLY_RECORDS: Final = "No mapping changes; the record of owners does."


@dataclass(frozen=True, slots=True, repr=False)
class Result(NotebookValue, JsonValue):
    """The outcome of a change, or of its dry run.

    Attributes:
        changed: Whether anything changed, or would change.
        diff: The difference; `str`, `.markdown()` and `.to_json()` show it.
        document: The data afterwards.
        findings: The findings of guards, of the merge and, in a dry run, of `lint`.
        extra_groups: By ARN, the groups that a principal keeps though the call did not name them.
        revision: The number of the new revision; None without a change or without history.
        restoration: For a rollback, the mappings that stay and that go, and their writers.
        sync: For a sync, the entries of the owner that changed, or would change.
    """

    changed: bool
    diff: Diff
    document: Document = field(metadata=LEFT_OUT)
    findings: tuple[Finding, ...] = ()
    extra_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    revision: int | None = None
    restoration: Restoration | None = None
    sync: SyncReport | None = None

    @property
    def _title(self) -> str:
        recorded = f", revision {self.revision}" if self.revision else ""
        return f"{self.diff.summary}{recorded}, {counted(self.findings)}"

    def __str__(self) -> str:
        """Return the difference and the findings as lines of text."""
        unchanged = ONLY_RECORDS if self.changed and (self.sync or self.restoration) else "No change."
        return "\n".join([str(self.diff) if self.diff else unchanged, *(found.line for found in self.findings)])


class ChangeApplier(NamedTuple):
    """Makes changes to one ``aws-auth``; guards check them after every merge.

    Attributes:
        store: The store of the ``aws-auth``.
        writer: Returns who makes the changes, for the history.
        cluster_context: The facts of the cluster; None for a file.
        policy: The rules for mappings.
    """

    store: Store
    writer: Callable[[], Writer]
    cluster_context: ClusterContext | None = None
    policy: Policy | None = None

    def findings(self, proposal: PendingChange, judge: Judge = run_guards) -> tuple[Finding, ...]:
        """Return the findings of the guards, of other writers, and of new `lint`."""
        if not proposal.changes_something:
            return ()
        return (*self._guard_findings(proposal, judge, thorough=True), *self._new_lint_findings(proposal))

    def run(self, propose: Propose, options: Options) -> Result:
        """Make the proposed change, or with ``dry_run`` only return its result.

        Raises:
            GuardError: a guard refuses it.
            UsageError: the dry run is for the server, and the store has no server.
            AwsAuthError: as for `awsauth.history.commit.commit`.
        """
        judge = partial(enforce, allow=options.get("allow", ()))
        dry_run = options.get("dry_run", False)
        if dry_run is True:
            proposal = propose(self.store.read())
            return result_of(proposal, self.findings(proposal, judge), changed=proposal.changes_something)
        findings: tuple[Finding, ...] = ()

        def guarded(proposal: PendingChange) -> None:
            nonlocal findings
            findings = self._guard_findings(proposal, judge, thorough=bool(dry_run))

        # A dry run on the server is a whole change, with its revision, so that the server checks all of it.
        store = self.store.dry_run_store() if dry_run else self.store
        reason, history = options.get("reason", ""), options.get("history", True)
        outcome = commit(store, propose, reason=reason, writer=self.writer, checks=[guarded], history=history)
        revision = outcome.revision.number if outcome.revision and not dry_run else None
        result = result_of(outcome.proposal, findings, changed=outcome.changed, revision=revision)
        if not outcome.is_altered:
            return result
        findings = (_altered(outcome.snapshot, result), *result.findings)
        return replace(result, document=outcome.snapshot.document, findings=findings)

    def _new_lint_findings(self, proposal: PendingChange) -> Sequence[Finding]:
        """Return the `lint` findings that a change introduces.

        As `lint` takes time, a change that is made already is not checked.

        Raises:
            AwsAuthError: the write would fail.
        """
        from awsauth.core.lint.lint import newly_found

        before, after = proposal.merged.before, proposal.merged.after
        self.store.check_edit(after.data, proposal.snapshot)
        return [finding for finding in newly_found(before, after) if finding.code not in REFUSALS]

    def _guard_findings(self, proposal: PendingChange, judge: Judge, *, thorough: bool) -> tuple[Finding, ...]:
        snapshot, merged = proposal.snapshot, proposal.merged
        snapshot.check_mutable()
        context, notes = self._guard_context(proposal)
        found = judge(merged.before, merged.after, context)
        if self.cluster_context:
            notes = (*notes, *self.cluster_context.rivals(self.store, snapshot, merged, thorough=thorough))
        of_object = [finding for finding in snapshot.findings if finding.code not in REFUSALS]
        return (*_creation(proposal), *of_object, *found, *_owned(proposal), *notes)

    def _guard_context(self, proposal: PendingChange) -> tuple[GuardContext, tuple[Finding, ...]]:
        snapshot, restoration = proposal.snapshot, proposal.restoration
        known = GuardContext(
            uid=snapshot.uid, binary_bytes=snapshot.binary_bytes, policy=self.policy, object_findings=snapshot.findings
        )
        if restoration:
            known = known._replace(revision_uid=restoration.uid, readable=restoration.readable, is_rollback=True)
            known = known._replace(regranted=_regranted(restoration, self.writer()))
        return self.cluster_context.for_change(proposal.merged, known) if self.cluster_context else (known, ())


def _altered(snapshot: Snapshot, result: Result) -> Finding:
    message = f"The API server stored other data than awsauth sent: {diff(result.document, snapshot.document).summary}."
    impact = "A mutating webhook or policy changes aws-auth; the revision holds the data as it was sent."
    hint = "Compare the two, and roll back if the difference does harm. Then ask the owner of the admission webhooks."
    return Finding("altered-by-server", Severity.ERROR, message, impact, hint)


def _owned(proposal: PendingChange) -> Iterator[Finding]:
    """Yield warnings about changes to entries of owners.

    A sync and a rollback handle the owners themselves.
    """
    if not owners_of(proposal.snapshot.annotations) or proposal.sync or proposal.restoration:
        return
    from awsauth.core.desired.records import principal_name, read_records

    records, _ = read_records(proposal.snapshot.annotations)
    for mapping in diff(proposal.merged.before, proposal.merged.after).mappings:
        name = principal_name(mapping.key, mapping.principal)
        for owner in (owner for owner, record in records.items() if name in record):
            message = f"{quoted(mapping.principal, 200)} is an entry of the owner {owner}."
            impact = "The owner's next sync puts it back."
            hint = "Change the owner's fragment instead."
            yield warning("owned-entry", message, impact, hint, principal=mapping.principal)


def _creation(proposal: PendingChange) -> tuple[Finding, ...]:
    if proposal.snapshot.exists or proposal.restoration:
        return ()
    impact = "No principal is mapped now. If another writer creates it first, the change is merged with theirs."
    hint = "If aws-auth was deleted, roll back instead: the history may hold its last state."
    return (note("will-be-created", "aws-auth does not exist: the change creates it.", impact, hint),)


def _regranted(restoration: Restoration, writer: Writer) -> dict[str, tuple[str, ...]]:
    """Return the groups, by principal, that a rollback gives back.

    Another writer has removed them through awsauth. A removal by another tool does not count as a decision, nor does
    the removal of a node mapping.
    """
    return {
        effect.principal: effect.regranted
        for effect in restoration.reverted
        if effect.principal
        and effect.touched_by.kind not in OBSERVED
        and effect.touched_by.is_other_than(writer)
        and effect.regranted is not None
        and not any(map(is_node_mapping, effect.after))
    }


def result_of(
    proposal: PendingChange, findings: tuple[Finding, ...], *, changed: bool, revision: int | None = None
) -> Result:
    """Return the result of a change; `findings` go behind those of its merge."""
    merged, restoration, sync = proposal.merged, proposal.restoration, proposal.sync
    difference, extra = diff(merged.before, merged.after), dict(merged.extra_groups)
    return Result(changed, difference, merged.after, (*merged.findings, *findings), extra, revision, restoration, sync)
