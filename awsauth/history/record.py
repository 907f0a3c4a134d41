"""The revisions of a change: recorded before the write.

They are removed if the write is refused.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from awsauth.core.revisions.info import OWNER_PREFIX, Head, RevisionInfo, RevisionKind, Writer
from awsauth.core.revisions.revision import HIGHEST, Revision, draft
from awsauth.errors import AwsAuthError, HistoryError, OutcomeUnknownError, RevisionTakenError, UnreachableError
from awsauth.stores.store import sound_revision
from awsauth.system.debug_log import log_debug

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from awsauth.history.proposal import PendingChange
    from awsauth.stores.store import Snapshot, Store
    from awsauth.system.backoff import Backoff


@dataclass(eq=False, repr=False)
class Recorder:
    """Records the object's states during one change, over all attempts.

    Args:
        store: Where the revisions are kept.
        reason: Why; kept with the revision.
        writer: Returns who makes the change; asked before the first revision is recorded.
        patience: How long to try while there is no answer.
    """

    store: Store
    reason: str
    writer: Callable[[], Writer]
    patience: Backoff
    _attempt: str = field(default_factory=lambda: os.urandom(8).hex(), init=False)  # `secrets` would be an import more
    _number_was_taken: bool = field(default=False, init=False)
    _named: Head | None = field(default=None, init=False)
    # The revision of a write whose outcome is not known yet.
    _recorded: Revision | None = field(default=None, init=False)
    # The revision of the state before the change, if no revision held that state.
    _outside: Revision | None = field(default=None, init=False)

    def record(self, proposal: PendingChange) -> Revision:
        """Record the revision of the proposal, and the present state if needed.

        The present state comes first, if no revision holds it. The state of an object that names no revision has no
        known parent: anyone may have added the newest revision.
        """
        snapshot = proposal.snapshot
        if self._named != snapshot.head:
            self._outside = None
        self._named = snapshot.head
        numbers = self._numbers(snapshot.head)
        before = self._outside.info.head if self._outside else snapshot.head
        if snapshot.exists and not proposal.is_snapshot and not self._has_revision(proposal):
            self._outside = self._post(self._draft(next(numbers), before, proposal, "outside"))
            before = self._outside.info.head
        kind: RevisionKind = "snapshot" if proposal.is_snapshot else "sync" if proposal.sync else "change"
        kind = "rollback" if proposal.restoration else kind
        self._recorded = self._post(self._draft(next(numbers), before, proposal, kind))
        return self._recorded

    def _numbers(self, named: Head | None) -> Iterator[int]:
        """Yield free numbers.

        The revisions are listed only if the object names none, or a number was taken.
        """
        number = named.number if named else 0
        is_last = number >= HIGHEST - 1  # Another tool may have altered the annotation. Its digest tells the number.
        if number == 0 or is_last or self._number_was_taken:
            listing = self.store.list_revisions()
            if is_last:
                number = next((info.number for info in listing.chain(named)), 0)
            while True:
                number = listing.number_behind(number)
                yield number
        yield from count(number + 1)

    def _has_revision(self, proposal: PendingChange) -> bool:
        """Whether a revision holds the present state.

        Only a change that takes text away has to make sure of it.
        """
        snapshot, merged = proposal.snapshot, proposal.merged
        if self._outside and self._outside.info.head.is_of(snapshot.data, snapshot.binary_data):
            return True
        is_known = proposal.is_head_sound or merged.only_adds or merged.after is merged.before
        return snapshot.own_head is not None if is_known else is_held(self.store, snapshot)

    def _draft(self, number: int, before: Head | None, proposal: PendingChange, kind: RevisionKind) -> Revision:
        snapshot = proposal.snapshot
        data, annotations = snapshot.data, snapshot.annotations
        metadata: dict[str, Any] = {}
        if kind != "outside":  # Reason and writer of another tool's state are unknown.
            data = proposal.merged.after.data
            if proposal.owners is not None:
                others = {key: text for key, text in annotations.items() if not key.startswith(OWNER_PREFIX)}
                annotations = {**others, **proposal.owners}
            restores = proposal.restoration.to if proposal.restoration else 0
            owner = ", ".join(proposal.sync.owners) if proposal.sync else ""
            metadata = {"reason": self.reason, "writer": self.writer(), "restores": restores, "owner": owner}
        metadata |= {"uid": snapshot.uid, "managers": snapshot.managers, "creates": not snapshot.exists}
        kept = {"binary_data": snapshot.binary_data, "labels": snapshot.labels, "annotations": annotations}
        return draft(number, before, data, kind=kind, attempt=self._attempt, **kept, **metadata)

    def _post(self, revision: Revision) -> Revision:
        """Record a revision.

        Without an answer, try again until it is recorded or another one has the number.
        """
        unanswered = False
        while True:
            try:
                recorded = self.store.record(revision)
            except (OutcomeUnknownError, UnreachableError) as error:
                # If no request was sent, now or before, another try is the caller's decision.
                unanswered = unanswered or isinstance(error, OutcomeUnknownError)
                if not unanswered:
                    raise
                message = f"Revision {revision.number} could not be recorded in time, so the change was not made."
                late = HistoryError(message, hint="Try again. If the revision appears in the history, it is unused.")
                late.__cause__ = error
                self.patience.wait_or_raise(late)
            except RevisionTakenError:
                self._number_was_taken = True
                if unanswered:
                    with contextlib.suppress(AwsAuthError):
                        there = self.store.read_revision(revision.number)
                        if there.digest == revision.digest:
                            return there
                raise
            else:
                log_debug("Recorded revision %s (%s)", recorded.number, recorded.info.kind)
                return recorded

    def tidy(self, snapshot: Snapshot, *, may_be_applied: bool) -> None:
        """Remove the revisions of a refused write, except those of the object's past.

        Args:
            snapshot: The object as it is now.
            may_be_applied: Whether a write was not answered.
        """
        left, outside = self._recorded, self._outside
        if may_be_applied:
            # If another revision has the same parent, this one was never applied.
            parent = left.info.parent_digest if left else ""
            if not parent or not self._any(snapshot, lambda info: info.parent_digest == parent):
                self._recorded = None
                return
        self.discard()
        if outside and snapshot.head and snapshot.head != self._named:
            # Another writer was first, and may have recorded the same state before the change.
            state = (outside.info.parent_digest, outside.info.data_digest)
            if self._any(snapshot, lambda info: (info.parent_digest, info.data_digest) == state):
                self._discard(outside)
                self._outside = None

    def _any(self, snapshot: Snapshot, fits: Callable[[RevisionInfo], bool]) -> bool:
        """Whether the object was demonstrably at such a revision.

        Returns False if the revisions cannot be listed.
        """
        with contextlib.suppress(AwsAuthError):
            return bool(snapshot.head) and any(map(fits, self.store.list_revisions().chain(snapshot.head)))
        return False

    def discard(self) -> None:
        """Delete the unused revision; if that is not allowed, it stays as `unconfirmed`."""
        self._discard(self._recorded)
        self._recorded = None

    def _discard(self, revision: Revision | None) -> None:
        if revision:
            with contextlib.suppress(AwsAuthError):
                self.store.discard_revision(revision.number, revision.digest)


def is_held(store: Store, snapshot: Snapshot) -> bool:
    """Whether the object names an unaltered revision that holds its state."""
    head = snapshot.own_head
    return head is not None and sound_revision(store, head.number, head.digest) is not None
