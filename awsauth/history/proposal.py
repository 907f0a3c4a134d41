"""A change that is about to be written, and the functions that propose it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from awsauth.core.edit.merge import MergeResult, merge_with_report
from awsauth.core.revisions.info import owners_of
from awsauth.stores.store import Snapshot

if TYPE_CHECKING:
    from awsauth.core.desired.acts import SyncReport
    from awsauth.core.edit.changes import Change
    from awsauth.core.plan import Plan
    from awsauth.core.revisions.restore import Restoration


class PendingChange(NamedTuple):
    """A change that is about to be written.

    Attributes:
        snapshot: The object that the change was made for.
        merged: The change of its document.
        restoration: The effects of a rollback.
        is_snapshot: Whether only the present state is recorded.
        sync: What a sync does.
        owners: The records of owners after the change, as annotations; None if they stay.
        is_head_sound: Whether the revision that the object names is known to exist unaltered.
    """

    snapshot: Snapshot
    merged: MergeResult
    restoration: Restoration | None = None
    is_snapshot: bool = False
    sync: SyncReport | None = None
    owners: Mapping[str, str] | None = None
    is_head_sound: bool = False

    @property
    def changes_something(self) -> bool:
        """Whether there is anything to write."""
        is_recorded = self.owners is None or self.owners == owners_of(self.snapshot.annotations)
        return self.merged.after is not self.merged.before or self.is_snapshot or not is_recorded


Propose = Callable[[Snapshot], PendingChange]  # returns the change for the present object


def changing(changes: Iterable[Change]) -> Propose:
    """Return a function that proposes these changes for any object."""
    made = list(changes)
    return lambda snapshot: PendingChange(snapshot, merge_with_report(snapshot.document, made))


def applying(plan: Plan) -> Propose:
    """Return a function that proposes a plan for the object that it was made for."""
    was_absent = False

    def propose(snapshot: Snapshot) -> PendingChange:
        nonlocal was_absent
        # If the object was absent at first, another writer has created the one that was planned.
        if not was_absent:
            plan.require_same_object(snapshot.uid)
        was_absent = was_absent or not snapshot.exists
        return PendingChange(snapshot, plan.merge_into(snapshot.document))

    return propose
