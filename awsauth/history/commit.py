"""Committing a change: revision first, then the one write that decides; and again when somebody else was quicker."""

from __future__ import annotations

import contextlib
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from awsauth.core.merge import merged
from awsauth.core.revision import draft
from awsauth.core.revision_info import data_digest
from awsauth.errors import (
    AwsAuthError,
    ConflictError,
    HistoryError,
    OutcomeUnknownError,
    RevisionNotFoundError,
    RevisionTakenError,
    UnreachableError,
)
from awsauth.history.patience import Patience
from awsauth.history.patient_store import PatientStore
from awsauth.history.position import locate
from awsauth.history.settling import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from awsauth.core.changes import Change
    from awsauth.core.merge import Merged
    from awsauth.core.restoration import Restoration
    from awsauth.core.revision import Revision
    from awsauth.core.revision_info import Head, Kind
    from awsauth.core.text import Splice
    from awsauth.stores.store import Listing, Snapshot, Store

AT_WORK: Final = timedelta(seconds=3)
"""For how long after the recording of a revision its writer may be about to write; most need a few milliseconds.

A server tells times in whole seconds.
"""

PRUNE_EVERY: Final = 25
"""Pruning goes by the way with every revision whose number this divides."""


class Proposal(NamedTuple):
    """What is about to be written.

    Attributes:
        snapshot: The object that it is made for.
        merged: The change of its document.
        restoration: Of a rollback, what it keeps and what goes.
    """

    snapshot: Snapshot
    merged: Merged
    restoration: Restoration | None = None

    @property
    def changes_something(self) -> bool:
        """Whether there is anything to write."""
        return self.merged.after is not self.merged.before


class Outcome(NamedTuple):
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
    proposal: Proposal
    snapshot: Snapshot
    revision: Revision | None = None
    outside: Revision | None = None
    pruned: tuple[int, ...] = ()
    is_altered: bool = False


def changing(changes: Iterable[Change]) -> Callable[[Snapshot], Proposal]:
    """Return what proposes these changes for any object."""
    made = list(changes)
    return lambda snapshot: Proposal(snapshot, merged(snapshot.document, made))


def commit(
    store: Store,
    propose: Callable[[Snapshot], Proposal],
    *,
    reason: str = "",
    author: str = "",
    checks: Sequence[Callable[[Proposal], None]] = (),
    history: bool = True,
    patience: Patience | None = None,
) -> Outcome:
    """Make a change, and the revision that keeps it.

    The revision is recorded first; then one write changes the object and names the revision. When the object was
    written by somebody else meanwhile, the change is proposed and checked again for what is there then. A process
    that is stopped in between leaves the old state or the new one, and at most a revision that nothing came of.

    Args:
        store: Where.
        propose: Makes the proposal from the object as it is.
        reason: Why; kept with the revision.
        author: Who; kept with the revision, as a claim.
        checks: Called with every proposal before anything is written; each may raise to refuse it.
        history: Whether to make a revision.
        patience: How long to go on; 60 seconds.

    Raises:
        ConflictError: others were quicker until the deadline, or have deleted the object; nothing was changed.
        OutcomeUnknownError: a write was not answered, and until the deadline nothing said what became of it.
        HistoryError: the revision cannot be recorded; nothing was changed.
        AwsAuthError: what `propose`, a check or the store raises; nothing was changed.
    """
    return _Commit(store, reason, author, history=history, patience=patience or Patience(60)).run(propose, checks)


class _Commit:
    def __init__(self, store: Store, reason: str, author: str, *, history: bool, patience: Patience) -> None:
        self._store = PatientStore(store, patience)
        self._reason = reason
        self._author = author
        self._history = history
        self._patience = patience
        self._attempt = os.urandom(8).hex()  # what `secrets` takes, without its import
        self._recorded: Revision | None = None
        self._outside: Revision | None = None
        self._number_was_taken = False
        self._was_unanswered = False
        self._had_head = False
        self._existed = False
        self._is_altered = False
        self._sent: Outcome | None = None

    def run(self, propose: Callable[[Snapshot], Proposal], checks: Sequence[Callable[[Proposal], None]]) -> Outcome:
        while True:
            snapshot = self._store.read()
            self._tidy(snapshot)
            self._check_is_there(snapshot)
            proposal = propose(snapshot)
            if not proposal.changes_something:
                if self._sent and snapshot.head is None:
                    # Others have written over it, and dropped what would tell whether ours was made: what it is for is there.
                    return self._sent._replace(snapshot=snapshot)
                return Outcome(changed=False, proposal=proposal, snapshot=snapshot)
            snapshot.check_mutable()
            for check in checks:
                check(proposal)
            try:
                return self._make(proposal)
            except (ConflictError, RevisionTakenError) as error:
                self._pause(error)

    def _make(self, proposal: Proposal) -> Outcome:
        revision = self._record(proposal) if self._history else None
        snapshot = self._write(proposal, revision)
        pruned = self._prune() if revision and revision.number % PRUNE_EVERY == 0 else ()
        return Outcome(
            changed=True,
            proposal=proposal,
            snapshot=snapshot,
            revision=revision,
            outside=self._outside,
            pruned=pruned,
            is_altered=self._is_altered,
        )

    def _check_is_there(self, snapshot: Snapshot) -> None:
        """Check that the object has not been deleted meanwhile: made anew, it would hold nothing but this change.

        Raises:
            ConflictError: it has.
        """
        if self._existed and not snapshot.exists:
            raise ConflictError(
                "Somebody has deleted aws-auth while it was being changed; this has not made it again.",
                cure="Let them finish: they may be about to make it anew. Then run it again, or roll back.",
            )
        self._existed = snapshot.exists

    def _record(self, proposal: Proposal) -> Revision:
        """Record the revision of the proposal, and before it the present state where no revision holds it."""
        snapshot = proposal.snapshot
        names_none = snapshot.head is None
        listing = self._store.list_revisions() if names_none or self._number_was_taken else None
        position = locate(self._store, snapshot, listing=listing)
        if listing is None and not _only_adds(proposal.merged) and not self._is_kept(position.head):
            position = locate(self._store, snapshot, listing=self._store.list_revisions())
        if names_none and position.head is None and listing:
            self._check_is_settled(listing, snapshot)
        number, before = position.next_number, position.before
        if position.head is None and snapshot.exists:
            self._outside = self._post(self._draft(number, before, proposal, "outside"))
            number, before = number + 1, self._outside.info.head
        kind: Kind = "rollback" if proposal.restoration else "change"
        self._recorded = self._post(self._draft(number, before, proposal, kind))
        return self._recorded

    def _is_kept(self, head: Head | None) -> bool:
        """Whether the revision that holds the present state is still there: what is taken away must not be lost."""
        try:
            return head is None or self._store.read_revision(head.number).digest == head.digest
        except (RevisionNotFoundError, HistoryError):
            return False

    def _check_is_settled(self, listing: Listing, snapshot: Snapshot) -> None:
        """Check that the newest revision, which passes for what a state came from, is not about to be written or taken back.

        Raises:
            ConflictError: its writer may be at work.
        """
        newest = listing.revisions[-1] if listing.revisions else None
        if newest is None or newest.created is None or newest.kind == "outside" or newest.attempt == self._attempt:
            return
        # An object without a uid never names its revision, so that says nothing there.
        if snapshot.uid and abs(listing.now - newest.created) < AT_WORK:  # clocks differ
            raise ConflictError(
                f"Another writer has recorded revision {newest.number} and may be about to write; nothing was changed.",
                cure="Try again in a moment.",
            )

    def _draft(self, number: int, before: Head | None, proposal: Proposal, kind: Kind) -> Revision:
        snapshot = proposal.snapshot
        # Of a state that somebody else made, neither reason nor author is known.
        is_ours = kind != "outside"
        return draft(
            number,
            before,
            proposal.merged.after.data if is_ours else snapshot.data,
            binary_data=snapshot.binary_data,
            labels=snapshot.labels,
            annotations=snapshot.annotations,
            kind=kind,
            reason=self._reason if is_ours else "",
            author=self._author if is_ours else "",
            restores=proposal.restoration.to if proposal.restoration and is_ours else 0,
            uid=snapshot.uid,
            attempt=self._attempt,
            managers=snapshot.managers,
        )

    def _post(self, revision: Revision) -> Revision:
        """Record a revision; without an answer, again, until it is recorded or the number is another's."""
        unanswered = False
        while True:
            try:
                return self._store.record(revision)
            except (OutcomeUnknownError, UnreachableError) as error:
                # What was not even sent is no reason to go on, unless something was sent before.
                unanswered = unanswered or isinstance(error, OutcomeUnknownError)
                if not unanswered:
                    raise
                self._patience.pause(_not_recorded(revision, error))
            except RevisionTakenError:
                self._number_was_taken = True
                if unanswered and (ours := self._already_there(revision)):
                    return ours
                raise

    def _already_there(self, revision: Revision) -> Revision | None:
        """Return the revision if an earlier attempt to record it has succeeded."""
        with contextlib.suppress(AwsAuthError):
            there = self._store.read_revision(revision.number)
            if there.info.attempt == self._attempt and there.digest == revision.digest:
                return there
        return None

    def _write(self, proposal: Proposal, revision: Revision | None) -> Snapshot:
        data, base = proposal.merged.after.data, proposal.snapshot
        self._had_head = base.head is not None
        try:
            try:
                snapshot = self._store.write(data, base, revision)
            except OutcomeUnknownError as error:
                self._was_unanswered = True
                self._sent = Outcome(
                    changed=True, proposal=proposal, snapshot=base, revision=revision, outside=self._outside
                )
                return settle(self._store, data, base, revision, patience=self._patience, cause=error)
            else:
                self._is_altered = snapshot.data != data
                return snapshot
        except (ConflictError, OutcomeUnknownError):
            raise  # After a conflict the revision goes when the object is known; it must stay while it may be applied.
        except AwsAuthError:
            self._discard()
            raise

    def _tidy(self, snapshot: Snapshot) -> None:
        """Remove the revision whose write was refused, unless the history may need it."""
        left = self._recorded
        if left and self._may_be_needed(left, snapshot):
            self._recorded = None
        else:
            self._discard()

    def _may_be_needed(self, left: Revision, snapshot: Snapshot) -> bool:
        """Whether somebody may take our revision for one that the object has been at.

        Where the object does not say which revision it is at, that is looked for: the one with its data, or else the
        newest. What was recorded on top of ours since then would hang in the air without it.
        """
        if snapshot.own_head is None and left.info.data_digest == data_digest(snapshot.data):
            return True
        if snapshot.head is None and (self._was_unanswered or self._had_head):
            return True
        if snapshot.head and snapshot.head.parent_digest == left.info.parent_digest:
            return False  # Another writer was quicker, and the object said all the time which revision it was at.
        with contextlib.suppress(AwsAuthError):
            return any(info.parent_digest == left.digest for info in self._store.list_revisions().revisions)
        return True

    def _pause(self, cause: AwsAuthError) -> None:
        error = ConflictError(
            "Others have written again and again until the time was up; nothing was changed.", cure="Try again."
        )
        error.__cause__ = cause
        try:
            self._patience.pause(error)
        except AwsAuthError:
            with contextlib.suppress(AwsAuthError):
                self._tidy(self._store.read())
            raise

    def _discard(self) -> None:
        """Remove our revision where we may; where not, it stays as one that nothing came of."""
        left, self._recorded = self._recorded, None
        if left:
            with contextlib.suppress(AwsAuthError):
                self._store.discard_revision(left.number, left.digest)

    def _prune(self) -> tuple[int, ...]:
        # Who may write need not be allowed to delete, and the change is made already.
        from awsauth.history.pruning import prune

        with contextlib.suppress(AwsAuthError):
            return prune(self._store)
        return ()


def _only_adds(change: Merged) -> bool:
    """Whether nothing of any text goes: what was there can be had again by taking out what is new."""
    splices = cast("Mapping[str, tuple[Splice, ...]]", change.splices)
    changed = [key for key, text in change.before.data.items() if change.after.data.get(key) != text]
    return all(key in splices and all(one.start == one.end for one in splices[key]) for key in changed)


def _not_recorded(revision: Revision, cause: Exception) -> HistoryError:
    error = HistoryError(
        f"Revision {revision.number} could not be recorded in time, so the change was not made; aws-auth is as it was.",
        cure="Try again. Should the revision turn up in the history, it is one that nothing came of.",
    )
    error.__cause__ = cause
    return error
