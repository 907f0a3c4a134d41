"""Pruning: old revisions go, by age and number; what is in use, and what is young, stays."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from awsauth.errors import AwsAuthError
from awsauth.history.head import chain

if TYPE_CHECKING:
    from awsauth.core.revisions.info import RevisionInfo
    from awsauth.stores.store import RevisionList, Snapshot, Store

KEEP_LAST: Final = 50
KEEP_FOR: Final = timedelta(days=30)
KEEP_AT_MOST: Final = 500
TOO_YOUNG: Final = timedelta(hours=1)
"""Another writer may stand between recording its revision and the write that makes it the live one."""


def prune(store: Store, *, dry_run: bool = False) -> tuple[int, ...]:
    """Delete the revisions that are no longer kept, the oldest first, and return their numbers.

    Kept are the last 50 and all of the last 30 days, at most 500 of them, and always: what is younger than an hour
    by the store's clock, the revision that the object names, and the one before it. With `dry_run`
    nothing is deleted.

    Raises:
        AwsAuthError: what the store raises. What was deleted until then stays deleted.
    """
    snapshot = store.read()
    listing = store.list_revisions()
    pruned: list[int] = []
    for info in expendable(listing, _in_use(snapshot, listing)):
        try:
            if not dry_run:
                store.discard_revision(info.number, info.digest)
        except AwsAuthError as error:
            error.changed = bool(pruned)
            raise
        pruned.append(info.number)
    return tuple(pruned)


def expendable(listing: RevisionList, in_use: set[int]) -> list[RevisionInfo]:
    """Return the revisions that are not to be kept, the oldest first.

    Args:
        listing: All there are.
        in_use: The numbers of those that stay in any case.
    """
    found = []
    for rank, info in enumerate(reversed(listing.revisions)):
        age = listing.now - info.created if info.created else timedelta(0)
        wanted = rank < KEEP_LAST or (age < KEEP_FOR and rank < KEEP_AT_MOST)
        if not wanted and age >= TOO_YOUNG and info.number not in in_use:
            found.append(info)
    return found[::-1]


def _in_use(snapshot: Snapshot, listing: RevisionList) -> set[int]:
    return {info.number for info in islice(chain(listing, snapshot.head), 2)}
