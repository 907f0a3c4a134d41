"""The revisions of one change: recorded before the write, and removed where nothing comes of it."""

from __future__ import annotations

import contextlib
import os
from itertools import count
from typing import TYPE_CHECKING, cast

from awsauth.core.revisions.info import UNKNOWN_WRITER, Writer
from awsauth.core.revisions.revision import COUNTED, draft
from awsauth.debug_log import log_debug
from awsauth.errors import (
    AwsAuthError,
    HistoryError,
    OutcomeUnknownError,
    RevisionNotFoundError,
    RevisionTakenError,
    UnreachableError,
)
from awsauth.history.head import chain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from awsauth.core.edit.merge import MergeResult
    from awsauth.core.revisions.info import Head, RevisionKind
    from awsauth.core.revisions.revision import Revision
    from awsauth.core.text.lines import Splice
    from awsauth.history.commit import PendingChange
    from awsauth.retry import Backoff
    from awsauth.stores.store import Snapshot, Store


class Recorder:
    """Records the states that one change takes the object through, however often it is tried.

    Args:
        store: Where.
        reason: Why; kept with the revision.
        writer: Returns who makes the change; asked before the first revision is recorded.
        patience: How long to go on where there is no answer.

    Attributes:
        outside: The revision that keeps the state before the change, if no revision kept it.
    """

    def __init__(self, store: Store, reason: str, writer: Callable[[], Writer], patience: Backoff) -> None:
        self._store = store
        self._reason = reason
        self._writer = writer
        self._patience = patience
        self._attempt = os.urandom(8).hex()  # what `secrets` takes, without its import
        self._recorded: Revision | None = None
        self._number_was_taken = False
        self._named: Head | None = None
        self.outside: Revision | None = None

    def record(self, proposal: PendingChange) -> Revision:
        """Record the revision of the proposal, and before it the present state if no revision holds it.

        An object that names no revision came from an unknown one: the newest that is listed may be anybody's.
        """
        snapshot = proposal.snapshot
        if self._named != snapshot.head:
            self.outside = None
        before, self._named = snapshot.head, snapshot.head
        numbers = self._numbers(before)
        if self.outside:
            before = self.outside.info.head
        if snapshot.exists and not proposal.is_snapshot and not self._is_held(proposal):
            self.outside = self._post(self._draft(next(numbers), before, proposal, "outside"))
            before = self.outside.info.head
        kind: RevisionKind = "rollback" if proposal.restoration else "snapshot" if proposal.is_snapshot else "change"
        self._recorded = self._post(self._draft(next(numbers), before, proposal, kind))
        return self._recorded

    def _numbers(self, named: Head | None) -> Iterator[int]:
        """Yield the numbers of the revisions to be recorded; listed only if the object names none, or one was taken."""
        number = named.number if named else 0
        if number == 0 or number >= COUNTED or self._number_was_taken:
            listing = self._store.list_revisions()
            if number >= COUNTED:  # The annotation may have been altered; its digest tells.
                number = next((info.number for info in chain(listing, named)), 0)
            while True:
                number = listing.number_behind(number)
                yield number
        yield from count(number + 1)

    def _is_held(self, proposal: PendingChange) -> bool:
        """Whether a revision holds the present state; read before text is taken away, as it may have been deleted."""
        snapshot = proposal.snapshot
        if self.outside and self.outside.info.head.is_of(snapshot.data, snapshot.binary_data):
            return True
        head = snapshot.own_head
        if head is None or _only_adds(proposal.merged):
            return head is not None
        try:
            return self._store.read_revision(head.number).digest == head.digest
        except (RevisionNotFoundError, HistoryError):
            return False

    def _draft(self, number: int, before: Head | None, proposal: PendingChange, kind: RevisionKind) -> Revision:
        snapshot = proposal.snapshot
        # Of a state that another tool made, neither reason nor writer is known.
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
            writer=self._writer() if is_ours else UNKNOWN_WRITER,
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
                recorded = self._store.record(revision)
            except (OutcomeUnknownError, UnreachableError) as error:
                # What was not even sent is no reason to go on, unless something was sent before.
                unanswered = unanswered or isinstance(error, OutcomeUnknownError)
                if not unanswered:
                    raise
                self._patience.wait_or_raise(_not_recorded(revision, error))
            except RevisionTakenError:
                self._number_was_taken = True
                if unanswered and (ours := self._already_there(revision)):
                    return ours
                raise
            else:
                log_debug("Recorded revision %s (%s)", recorded.number, recorded.info.kind)
                return recorded

    def _already_there(self, revision: Revision) -> Revision | None:
        """Return the revision if an earlier attempt to record it has succeeded."""
        with contextlib.suppress(AwsAuthError):
            there = self._store.read_revision(revision.number)
            if there.digest == revision.digest:
                return there
        return None

    def tidy(self, snapshot: Snapshot, *, may_be_applied: bool) -> None:
        """Remove the revisions of a write that was refused, unless the object may have been at them.

        Args:
            snapshot: The object as it is by now.
            may_be_applied: Whether a write was not answered.
        """
        if may_be_applied and not self._is_disproved(snapshot):
            self._recorded = None
            return
        self.discard()
        outside = self.outside
        if outside and snapshot.head and snapshot.head != self._named and self._is_recorded_twice(outside, snapshot):
            self._discard(outside)
            self.outside = None

    def _is_recorded_twice(self, outside: Revision, snapshot: Snapshot) -> bool:
        """Whether another writer was quicker, and has recorded the state before the change, too."""
        state = (outside.info.parent_digest, outside.info.data_digest)
        with contextlib.suppress(AwsAuthError):
            listing = self._store.list_revisions()
            return any((info.parent_digest, info.data_digest) == state for info in chain(listing, snapshot.head))
        return False

    def _is_disproved(self, snapshot: Snapshot) -> bool:
        """Whether another writer's revision came from the same one as ours: then ours was not applied."""
        left = self._recorded
        if left is None or snapshot.head is None or not left.info.parent:
            return False
        with contextlib.suppress(AwsAuthError):
            listing = self._store.list_revisions()
            return any(info.parent_digest == left.info.parent_digest for info in chain(listing, snapshot.head))
        return False

    def discard(self) -> None:
        """Delete the unused revision; if that is not allowed, it stays as `unconfirmed`."""
        left, self._recorded = self._recorded, None
        if left:
            self._discard(left)

    def _discard(self, revision: Revision) -> None:
        with contextlib.suppress(AwsAuthError):
            self._store.discard_revision(revision.number, revision.digest)


def _only_adds(change: MergeResult) -> bool:
    """Whether nothing of any text goes: what was there can be had again by taking out what is new."""
    splices = cast("Mapping[str, tuple[Splice, ...]]", change.splices)
    changed = [key for key, text in change.before.data.items() if change.after.data.get(key) != text]
    return all(key in splices and all(one.start == one.end for one in splices[key]) for key in changed)


def _not_recorded(revision: Revision, cause: Exception) -> HistoryError:
    error = HistoryError(
        f"Revision {revision.number} could not be recorded in time, so the change was not made; aws-auth is as it was.",
        hint="Try again. Should the revision turn up in the history, it is one that nothing came of.",
    )
    error.__cause__ = cause
    return error
