"""Making a change with the guards on: what every change goes through, whatever asks for it and wherever it is made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from awsauth.boundary import public
from awsauth.core.access.node_mappings import is_node_mapping
from awsauth.core.diff import diff
from awsauth.core.findings import Finding, Severity, counted
from awsauth.core.guards.context import GuardContext
from awsauth.core.guards.guards import REFUSALS, enforce, run_guards
from awsauth.core.revisions.annotations import owners_of
from awsauth.core.revisions.info import OBSERVED
from awsauth.core.serialization import LEFT_OUT, JsonValue
from awsauth.core.text.display import NotebookValue, quoted
from awsauth.errors import UsageError
from awsauth.history.commit import commit
from awsauth.stores.store import SupportsDryRun, SupportsEditCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from awsauth.cluster_context import ClusterContext
    from awsauth.core.desired.acts import SyncReport
    from awsauth.core.diff import Diff
    from awsauth.core.document.document import Document
    from awsauth.core.lint.policy import Policy
    from awsauth.core.revisions.info import Writer
    from awsauth.core.revisions.restore import Restoration
    from awsauth.history.commit import PendingChange
    from awsauth.options import Options
    from awsauth.stores.store import Snapshot, Store


@dataclass(frozen=True, slots=True, repr=False)
@public
class Result(NotebookValue, JsonValue):
    """What a call did, or would do after ``dry_run=True``.

    Attributes:
        changed: Whether anything was changed, or would be.
        diff: The difference; `str` gives it as text, `.markdown()` and `.to_json()` otherwise.
        document: The data as it is now, or would be.
        findings: What the caller should know.
        extra_groups: By ARN, the groups that a principal stays in though they were not asked for.
        revision: The number of the revision that was made; None without a change or without history.
        restoration: Of a rollback, what it keeps, what goes, and whose it was.
        sync: Of a sync, what it did, or would do.
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
        """Return the difference with the findings, fit for a log."""
        shown = str(self.diff) if self.diff else "No change."
        return "\n".join([shown, *(found.line for found in self.findings)])


WILL_BE_CREATED: Final = "will-be-created"


OWNED: Final = "owned-entry"


ALTERED: Final = "altered-by-server"


class ChangeApplier:
    """Makes changes to one ``aws-auth``, each looked at by the guards as often as it is merged anew.

    Args:
        store: Where it lives.
        writer: Returns who makes the changes, for the history.
        circumstances: What is known around it; None for a file, where nothing is.
        policy: What may be mapped at all.
    """

    def __init__(
        self,
        store: Store,
        writer: Callable[[], Writer],
        *,
        circumstances: ClusterContext | None = None,
        policy: Policy | None = None,
    ) -> None:
        self._store = store
        self._writer = writer
        self._circumstances = circumstances
        self._policy = policy

    def on(self, store: Store) -> ChangeApplier:
        """Return what makes the same changes to another store."""
        return ChangeApplier(store, self._writer, circumstances=self._circumstances, policy=self._policy)

    def findings(self, proposal: PendingChange) -> tuple[Finding, ...]:
        """Return what the guards say, refusals included, who else is likely to undo the change, and what `lint` then finds."""
        if not proposal.changes_something:
            return ()
        return (*self._said(proposal, run_guards, thorough=True), *self._foreseen(proposal))

    def run(self, propose: Callable[[Snapshot], PendingChange], options: Options) -> Result:
        """Make what is proposed, or with ``dry_run`` only say what would come of it.

        Raises:
            GuardError: a guard refuses it.
            UsageError: the server is to rehearse it, and there is none.
            AwsAuthError: as for `awsauth.history.commit.commit`.
        """
        allow = options.get("allow", ())
        dry_run = options.get("dry_run", False)
        if dry_run is True:
            return self._foretold(propose(self._store.read()), allow)
        findings: tuple[Finding, ...] = ()

        def guarded(proposal: PendingChange) -> None:
            nonlocal findings
            findings = self._checked(proposal, allow, thorough=bool(dry_run))

        # A rehearsal is a whole change, revision and all, so that the server says whatever it would say to that one.
        outcome = commit(
            _rehearsal(self._store) if dry_run else self._store,
            propose,
            reason=options.get("reason", ""),
            writer=self._writer,
            checks=[guarded],
            history=options.get("history", True),
        )
        revision = outcome.revision.number if outcome.revision and not dry_run else None
        result = result_of(outcome.proposal, findings, changed=outcome.changed, revision=revision)
        if not outcome.is_altered:
            return result
        return replace(
            result, document=outcome.snapshot.document, findings=(_altered(outcome.snapshot, result), *result.findings)
        )

    def _foretold(self, proposal: PendingChange, allow: Sequence[str]) -> Result:
        if not proposal.changes_something:
            return result_of(proposal, (), changed=False)
        findings = self._checked(proposal, allow, thorough=True)
        return result_of(proposal, (*findings, *self._foreseen(proposal)), changed=True)

    def _foreseen(self, proposal: PendingChange) -> Sequence[Finding]:
        """Return what `lint` finds after a change that is not going to be made yet; there is time for it.

        Raises:
            AwsAuthError: what otherwise only writing would tell.
        """
        from awsauth.core.lint.lint import newly_found

        before, after = proposal.merged.before, proposal.merged.after
        if isinstance(self._store, SupportsEditCheck):
            self._store.check_edit(after.data, proposal.snapshot)
        # Of what is theirs the guards have spoken.
        return [finding for finding in newly_found(before, after) if finding.code not in REFUSALS]

    def _checked(self, proposal: PendingChange, allow: Sequence[str], *, thorough: bool) -> tuple[Finding, ...]:
        return self._said(
            proposal, lambda before, after, context: enforce(before, after, context, allow), thorough=thorough
        )

    def _said(
        self,
        proposal: PendingChange,
        judge: Callable[[Document, Document, GuardContext], tuple[Finding, ...]],
        *,
        thorough: bool,
    ) -> tuple[Finding, ...]:
        proposal.snapshot.check_mutable()
        context, notes = self._around(proposal)
        found = judge(proposal.merged.before, proposal.merged.after, context)
        rivals = self._rivals(proposal, thorough=thorough)
        of_object = [finding for finding in proposal.snapshot.findings if finding.code not in REFUSALS]
        return (*_creation(proposal), *of_object, *found, *_owned(proposal), *notes, *rivals)

    def _around(self, proposal: PendingChange) -> tuple[GuardContext, tuple[Finding, ...]]:
        snapshot, restoration = proposal.snapshot, proposal.restoration
        known = GuardContext(
            uid=snapshot.uid,
            binary_bytes=snapshot.binary_bytes,
            regranted=_regranted(restoration, self._writer()) if restoration else {},
            revision_uid=restoration.uid if restoration else "",
            readable=restoration.readable if restoration else None,
            policy=self._policy,
            object_findings=snapshot.findings,
            is_rollback=restoration is not None,
        )
        return self._circumstances.for_change(proposal.merged, known) if self._circumstances else (known, ())

    def _rivals(self, proposal: PendingChange, *, thorough: bool) -> tuple[Finding, ...]:
        if self._circumstances is None:
            return ()
        return self._circumstances.rivals(self._store, proposal.snapshot, proposal.merged, thorough=thorough)


def _altered(snapshot: Snapshot, result: Result) -> Finding:
    return Finding(
        ALTERED,
        Severity.ERROR,
        f"The API server has stored something else than was sent: {diff(result.document, snapshot.document).summary}.",
        "A mutating webhook or policy changes aws-auth, and the history holds what was sent.",
        "Look at it, and go back if it does harm. Then ask whoever is in charge of the admission webhooks.",
    )


def _owned(proposal: PendingChange) -> Iterator[Finding]:
    """Yield who applied the entries that a change concerns; a sync and a rollback know that themselves."""
    if not owners_of(proposal.snapshot.annotations) or proposal.sync or proposal.restoration:
        return
    from awsauth.core.desired.records import principal_name, read_records

    records, _ = read_records(proposal.snapshot.annotations)
    for mapping in diff(proposal.merged.before, proposal.merged.after).mappings:
        name = principal_name(mapping.key, mapping.principal)
        for owner in (owner for owner, record in records.items() if name in record):
            yield Finding(
                OWNED,
                Severity.WARNING,
                f"{quoted(mapping.principal, 200)} is an entry of the owner {owner}.",
                "The owner's next sync puts it back.",
                "Change the owner's fragment instead.",
                principal=mapping.principal,
            )


def _creation(proposal: PendingChange) -> tuple[Finding, ...]:
    if proposal.snapshot.exists or proposal.restoration:
        return ()
    return (
        Finding(
            WILL_BE_CREATED,
            Severity.NOTE,
            "There is no aws-auth: the change makes it.",
            "Nobody is mapped now. Whoever else is about to make it conflicts with this, and the two are merged.",
            "If there was one before, its history may have what it held: roll back instead.",
        ),
    )


def _rehearsal(store: Store) -> Store:
    if not isinstance(store, SupportsDryRun):
        raise UsageError(
            "There is no server here that could be asked; nothing was changed.",
            hint="Pass dry_run=True, which asks nobody.",
        )
    return store.dry_run_store()


def _regranted(restoration: Restoration, writer: Writer) -> dict[str, tuple[str, ...]]:
    """Return what a rollback gives back though another writer took it through this library: by principal, the groups.

    What another tool took was no decision that this library knows of, and nodes are not shut out on purpose.
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
    """Return what a change comes to, or came to."""
    result = proposal.merged
    return Result(
        changed=changed,
        diff=diff(result.before, result.after),
        document=result.after,
        findings=(*result.findings, *findings),
        extra_groups=dict(result.extra_groups),
        revision=revision,
        restoration=proposal.restoration,
        sync=proposal.sync,
    )
