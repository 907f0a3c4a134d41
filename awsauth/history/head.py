"""The chain of revisions that an object's own annotations prove."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.core.revisions.revision import is_sound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.revisions.info import Head, RevisionInfo
    from awsauth.stores.store import RevisionList


def chain(listing: RevisionList, start: Head | None) -> Iterator[RevisionInfo]:
    """Yield the revision that an object names and those that it came from, back to the first one or to a break.

    Only these are known to be states that the object was in: each digest is vouched for by the one after it, and the
    newest by the object. A break is a revision that is gone or altered, or a state that came from an unknown one.
    """
    by_digest = {info.digest: info for info in listing.revisions if is_sound(info)} if start else {}
    info = by_digest.get(start.digest) if start else None
    while info is not None:
        yield info
        info = by_digest.get(info.parent_digest)
