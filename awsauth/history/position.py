"""Where in its history an object stands: by the digest of its state, and by what it says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from awsauth.core.revision import COUNTED
from awsauth.core.revision_info import data_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.revision_info import Head, RevisionInfo
    from awsauth.stores.store import Listing, Snapshot, Store


class Position(NamedTuple):
    """Where an object stands.

    Attributes:
        head: The revision that holds its state; None where no revision does.
        before: The revision that the state came from: the head itself, or the last one known before an outside change.
        next_number: The number for the next revision, as far as is known.
    """

    head: Head | None
    before: Head | None
    next_number: int


def locate(store: Store, snapshot: Snapshot, *, listing: Listing | None = None) -> Position:
    """Return where the object stands.

    The revisions are listed only for an object that says nothing of its own: one that carries the head of another
    state was written by another tool since, and that state is a new one.

    Args:
        store: Where to list the revisions, if need be.
        snapshot: The object.
        listing: The revisions, where they are known already. With them a free number is found too, a state that was
            recorded by a writer who then was stopped, and that the revision which the object names has been deleted.
    """
    carried = snapshot.head if snapshot.head and snapshot.head.number < COUNTED else None
    own = snapshot.own_head if carried else None
    if listing is None and carried:
        return Position(own, carried, carried.number + 1)
    listing = listing or store.list_revisions()
    known = own if own and is_kept(listing, own) else None
    head = known or _found(snapshot, listing, above=carried.number if carried else 0)
    newest = listing.revisions[-1].head if listing.revisions else None
    # A revision that was deleted has had its number: what comes of it is behind it.
    return Position(head, head or carried or newest, listing.number_behind(carried.number if carried else 0))


def is_kept(listing: Listing, head: Head) -> bool:
    """Whether a revision that an object names is still there."""
    info = listing.find(head.number)
    return info is not None and info.digest == head.digest


def _found(snapshot: Snapshot, listing: Listing, *, above: int) -> Head | None:
    """Return the newest revision with the object's data."""
    if not snapshot.exists:
        return None
    digest = data_digest(snapshot.data)
    same = [info for info in listing.revisions if info.number > above and info.data_digest == digest]
    return same[-1].head if same else None


def may_be_unapplied(listing: Listing, position: Position, number: int) -> bool:
    """Whether nothing shows that the object ever was at a revision: its writer may have been stopped before the write.

    So it is where the object says nothing of its own, and no revision came from that one: it may as well have been
    applied, and then wiped off by a tool that replaces the whole object.
    """
    info = listing.find(number)
    if info is None or info.kind == "outside" or (position.head and position.head.number == number):
        return False
    return number not in built_on(listing)


def built_on(listing: Listing) -> set[int]:
    """Return the numbers of the revisions that another one came from."""
    return {origin.number for info in listing.revisions if (origin := parent(listing, info))}


def lineage(listing: Listing, start: Head | None) -> Iterator[RevisionInfo]:
    """Yield a revision and what it came from, back to the first one that is kept or to a break in the chain."""
    info = listing.find(start.number) if start else None
    if info is None or start is None or info.digest != start.digest:
        return
    while info is not None:
        yield info
        info = parent(listing, info)


def parent(listing: Listing, info: RevisionInfo) -> RevisionInfo | None:
    """Return the revision that one came from; None for the first, and where it is gone or is another one."""
    found = listing.find(info.parent) if 0 < info.parent < info.number else None
    return found if found and found.digest == info.parent_digest else None
