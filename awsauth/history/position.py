"""The chain of revisions that an object's own annotations prove."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.core.revision import is_sound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.revision_info import Head, RevisionInfo
    from awsauth.stores.store import Listing


def chain(listing: Listing, start: Head | None) -> Iterator[RevisionInfo]:
    """Yield the revision that an object names and those that it came from, back to the first one or to a break.

    Only these are known to be states that the object was in: each digest is vouched for by the one after it, and the
    newest by the object. A break is a revision that is gone or altered, or a state that came from an unknown one.
    """
    info = listing.find(start.number) if start else None
    digest = start.digest if start else ""
    while info is not None and info.digest == digest and is_sound(info):
        yield info
        digest = info.parent_digest
        info = listing.find(info.parent) if 0 < info.parent < info.number else None


def parent(listing: Listing, info: RevisionInfo) -> RevisionInfo | None:
    """Return the revision that one came from; None for the first, and if it is gone or another one."""
    return next((one for one in chain(listing, info.head) if one is not info), None)
