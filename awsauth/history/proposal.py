"""What is about to be written, before anybody has agreed to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from awsauth.core.merge import Merged
    from awsauth.core.restoration import Restoration
    from awsauth.stores.store import Snapshot


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
