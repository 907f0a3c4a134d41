"""The revisions of one change: recorded before the write, and removed where nothing comes of it."""

from __future__ import annotations

import contextlib
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

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
from awsauth.history.position import locate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.merge import Merged
    from awsauth.core.revision import Revision
    from awsauth.core.revision_info import Head, Kind
    from awsauth.core.text import Splice
    from awsauth.history.proposal import Proposal
    from awsauth.retry import Backoff
    from awsauth.stores.store import Listing, Snapshot, Store

AT_WORK: Final = timedelta(seconds=3)
"""For how long after the recording of a revision its writer may be about to write; most need a few milliseconds.

A server tells times in whole seconds.
"""


class Recorder:
    """Records what one change makes of the object, however often it is tried.

    Args:
        store: Where.
        reason: Why; kept with the revision.
        author: Who; kept with the revision.
        patience: How long to go on where there is no answer.

    Attributes:
        outside: The revision that keeps what somebody else had made of the object before, where there was none.
    """

    def __init__(self, store: Store, reason: str, author: str, patience: Backoff) -> None:
        self._store = store
        self._reason = reason
        self._author = author
        self._patience = patience
        self._attempt = os.urandom(8).hex()  # what `secrets` takes, without its import
        self._recorded: Revision | None = None
        self._number_was_taken = False
        self.outside: Revision | None = None

    def record(self, proposal: Proposal) -> Revision:
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
            self.outside = self._post(self._draft(number, before, proposal, "outside"))
            number, before = number + 1, self.outside.info.head
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
                self._patience.wait_or_raise(_not_recorded(revision, error))
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

    def tidy(self, snapshot: Snapshot, *, may_have_been_at: bool) -> None:
        """Remove the revision whose write was refused, unless the history may need it.

        Args:
            snapshot: The object as it is by now.
            may_have_been_at: Whether an object that names none may have been at it.
        """
        left = self._recorded
        if left and self._may_be_needed(left, snapshot, may_have_been_at=may_have_been_at):
            self._recorded = None
        else:
            self.discard()

    def _may_be_needed(self, left: Revision, snapshot: Snapshot, *, may_have_been_at: bool) -> bool:
        """Whether somebody may take our revision for one that the object has been at.

        Where the object does not say which revision it is at, that is looked for: the one with its data, or else the
        newest. What was recorded on top of ours since then would hang in the air without it.
        """
        if snapshot.own_head is None and left.info.data_digest == data_digest(snapshot.data):
            return True
        if snapshot.head is None and may_have_been_at:
            return True
        if snapshot.head and snapshot.head.parent_digest == left.info.parent_digest:
            return False  # Another writer was quicker, and the object said all the time which revision it was at.
        with contextlib.suppress(AwsAuthError):
            return any(info.parent_digest == left.digest for info in self._store.list_revisions().revisions)
        return True

    def discard(self) -> None:
        """Remove our revision where we may; where not, it stays as one that nothing came of."""
        left, self._recorded = self._recorded, None
        if left:
            with contextlib.suppress(AwsAuthError):
                self._store.discard_revision(left.number, left.digest)


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
