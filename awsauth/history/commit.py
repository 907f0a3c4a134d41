"""Committing a change: revision first, then the one write that decides; and again when somebody else was quicker."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.core.edit.merge import merge_with_report
from awsauth.core.revisions.info import Writer
from awsauth.debug_log import log_debug
from awsauth.errors import AwsAuthError, ConflictError, OutcomeUnknownError, RevisionTakenError
from awsauth.history.record import Recorder
from awsauth.history.resolve import resolve_unknown_outcome
from awsauth.history.retrying_store import RetryingStore
from awsauth.retry import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from awsauth.core.edit.changes import Change
    from awsauth.core.edit.merge import MergeResult
    from awsauth.core.plan import Plan
    from awsauth.core.revisions.restore import Restoration
    from awsauth.core.revisions.revision import Revision
    from awsauth.stores.store import Snapshot, Store


class PendingChange(NamedTuple):
    """What is about to be written.

    Attributes:
        snapshot: The object that it is made for.
        merged: The change of its document.
        restoration: Of a rollback, what it keeps and what goes.
        is_snapshot: Whether the present state is recorded, and nothing else.
    """

    snapshot: Snapshot
    merged: MergeResult
    restoration: Restoration | None = None
    is_snapshot: bool = False

    @property
    def changes_something(self) -> bool:
        """Whether there is anything to write."""
        return self.is_snapshot or self.merged.after is not self.merged.before


PRUNE_EVERY: Final = 25
"""Pruning goes by the way with every revision whose number this divides."""


class CommitOutcome(NamedTuple):
    """What a commit did.

    Attributes:
        changed: Whether anything was written.
        proposal: What was written, or what there was nothing to change about.
        snapshot: The object as it is now.
        revision: The revision that was made, or None.
        outside: The revision that keeps what somebody else had made of the object before, where that was not kept.
        pruned: The numbers of the revisions that were pruned by the way.
        is_altered: Whether the server has stored other data than was written.
    """

    changed: bool
    proposal: PendingChange
    snapshot: Snapshot
    revision: Revision | None = None
    outside: Revision | None = None
    pruned: tuple[int, ...] = ()
    is_altered: bool = False


def changing(changes: Iterable[Change]) -> Callable[[Snapshot], PendingChange]:
    """Return what proposes these changes for any object."""
    made = list(changes)
    return lambda snapshot: PendingChange(snapshot, merge_with_report(snapshot.document, made))


def applying(plan: Plan) -> Callable[[Snapshot], PendingChange]:
    """Return what proposes a plan for the object that it was made for."""
    was_absent = False

    def propose(snapshot: Snapshot) -> PendingChange:
        nonlocal was_absent
        # What was not there a moment ago and is now, another creator has made: it is the object that was planned.
        if not was_absent:
            plan.require_same_object(snapshot.uid)
        was_absent = was_absent or not snapshot.exists
        return PendingChange(snapshot, plan.merge_into(snapshot.document))

    return propose


def commit(
    store: Store,
    propose: Callable[[Snapshot], PendingChange],
    *,
    reason: str = "",
    writer: Callable[[], Writer] = Writer,
    checks: Sequence[Callable[[PendingChange], None]] = (),
    history: bool = True,
    patience: Backoff | None = None,
) -> CommitOutcome:
    """Make a change, and the revision that keeps it.

    The revision is recorded first; then one write changes the object and names the revision. When the object was
    written by somebody else meanwhile, the change is proposed and checked again for what is there then. A process
    that is stopped in between leaves the old state or the new one, and at most a revision that nothing came of.

    Args:
        store: Where.
        propose: Makes the proposal from the object as it is.
        reason: Why; kept with the revision.
        writer: Returns who makes the change; kept with the revision.
        checks: Called with every proposal before anything is written; each may raise to refuse it.
        history: Whether to make a revision.
        patience: How long to go on; 60 seconds.

    Raises:
        ConflictError: others were quicker until the deadline, or have deleted the object; nothing was changed.
        OutcomeUnknownError: a write was not answered, and until the deadline nothing said what became of it.
        HistoryError: the revision cannot be recorded; nothing was changed.
        AwsAuthError: what `propose`, a check or the store raises; nothing was changed.
    """
    return _Commit(store, reason, writer, history=history, patience=patience or Backoff()).run(propose, checks)


class _Commit:
    def __init__(
        self, store: Store, reason: str, writer: Callable[[], Writer], *, history: bool, patience: Backoff
    ) -> None:
        self._store = RetryingStore(store, patience)
        self._recorder = Recorder(self._store, reason, writer, patience)
        self._history = history
        self._patience = patience
        self._existed = False
        self._is_altered = False
        self._sent: CommitOutcome | None = None

    def run(
        self, propose: Callable[[Snapshot], PendingChange], checks: Sequence[Callable[[PendingChange], None]]
    ) -> CommitOutcome:
        """Commit the change; an error after a write without an answer leaves open whether it was made."""
        try:
            return self._run(propose, checks)
        except AwsAuthError as error:
            if self._sent:
                error.changed = None
            raise

    def _run(
        self, propose: Callable[[Snapshot], PendingChange], checks: Sequence[Callable[[PendingChange], None]]
    ) -> CommitOutcome:
        while True:
            snapshot = self._store.read()
            self._tidy(snapshot)
            self._check_is_there(snapshot)
            proposal = propose(snapshot)
            log_debug("The change %s", "changes the data" if proposal.changes_something else "changes nothing")
            if not proposal.changes_something:
                if self._sent and snapshot.head is None:
                    # Others have written over it, and dropped what would tell whether ours was made: what it is for is there.
                    return self._sent._replace(snapshot=snapshot)
                return CommitOutcome(changed=False, proposal=proposal, snapshot=snapshot)
            snapshot.check_mutable()
            for check in checks:
                check(proposal)
            try:
                return self._make(proposal)
            except (ConflictError, RevisionTakenError) as error:
                log_debug("Another writer was first: reading, merging and checking again")
                self._pause(error)

    def _make(self, proposal: PendingChange) -> CommitOutcome:
        revision = self._recorder.record(proposal) if self._history else None
        snapshot = self._write(proposal, revision)
        pruned = self._prune() if revision and revision.number % PRUNE_EVERY == 0 else ()
        return CommitOutcome(
            changed=True,
            proposal=proposal,
            snapshot=snapshot,
            revision=revision,
            outside=self._recorder.outside,
            pruned=pruned,
            is_altered=self._is_altered,
        )

    def _tidy(self, snapshot: Snapshot) -> None:
        self._recorder.tidy(snapshot, may_be_applied=self._sent is not None)

    def _check_is_there(self, snapshot: Snapshot) -> None:
        """Check that the object has not been deleted meanwhile: made anew, it would hold nothing but this change.

        Raises:
            ConflictError: it has.
        """
        if self._existed and not snapshot.exists:
            raise ConflictError(
                "Somebody has deleted aws-auth while it was being changed; this has not made it again.",
                hint="Let them finish: they may be about to make it anew. Then run it again, or roll back.",
            )
        self._existed = snapshot.exists

    def _write(self, proposal: PendingChange, revision: Revision | None) -> Snapshot:
        data, base = proposal.merged.after.data, proposal.snapshot
        try:
            try:
                snapshot = self._store.write(data, base, revision)
            except OutcomeUnknownError as error:
                log_debug("The outcome of the write is unknown: looking whether it was made")
                self._sent = CommitOutcome(
                    changed=True, proposal=proposal, snapshot=base, revision=revision, outside=self._recorder.outside
                )
                return resolve_unknown_outcome(self._store, data, base, revision, patience=self._patience, cause=error)
            else:
                self._is_altered = snapshot.data != data
                return snapshot
        except (ConflictError, OutcomeUnknownError):
            raise  # After a conflict the revision goes when the object is known; it must stay while it may be applied.
        except AwsAuthError:
            self._recorder.discard()
            raise

    def _pause(self, cause: AwsAuthError) -> None:
        error = ConflictError(
            "Others have written again and again until the time was up; nothing was changed.", hint="Try again."
        )
        error.__cause__ = cause
        try:
            self._patience.wait_or_raise(error)
        except AwsAuthError:
            with contextlib.suppress(AwsAuthError):
                self._tidy(self._store.read())
            raise

    def _prune(self) -> tuple[int, ...]:
        # Who may write need not be allowed to delete, and the change is made already.
        from awsauth.history.prune import prune

        with contextlib.suppress(AwsAuthError):
            return prune(self._store)
        return ()
