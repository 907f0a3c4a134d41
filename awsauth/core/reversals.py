"""Which changes of ours somebody has taken back, as far as the history tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from awsauth.core.revision_info import Head, RevisionInfo


class Reversal(NamedTuple):
    """A change of ours that was taken back by somebody else.

    Attributes:
        ours: The number of its revision.
        outside: The number of the revision that keeps what somebody else made of it; 0 for the present state, which is
            in none yet.
        certain: Whether that is what happened. If not, the writer of `ours` may as well have been stopped before the
            object was written.
    """

    ours: int
    outside: int
    certain: bool = True


def reversals(history: Sequence[RevisionInfo], carried: Head | None, present: str) -> tuple[Reversal, ...]:
    """Return the changes of ours that were taken back, in the order of their numbers.

    A change counts as taken back when somebody else has made the data again what it was at some time before it, byte
    for byte.

    Args:
        history: The revisions that are kept, in the order of their numbers.
        carried: What the object says of its revision; None where it says nothing.
        present: The digest of its data (see `data_digest`).
    """
    by_number = {info.number: info for info in history}
    found = []
    for info in history:
        ours = by_number.get(info.parent) if info.parent < info.number else None
        if info.kind == "outside" and _takes_back(by_number, ours, info.data_digest):
            found.append(Reversal(info.parent, info.number))
    named = by_number.get(carried.number) if carried else None
    if named and named.head == carried and _takes_back(by_number, named, present):
        found.append(Reversal(named.number, 0))
    if not carried:
        found += _unnamed(history, by_number, present)
    return tuple(found)


def _takes_back(by_number: dict[int, RevisionInfo], ours: RevisionInfo | None, digest: str) -> bool:
    if ours is None or ours.kind == "outside" or ours.data_digest == digest:
        return False
    return any(info.data_digest == digest for info in _before(by_number, ours))


def _before(by_number: dict[int, RevisionInfo], info: RevisionInfo) -> Iterator[RevisionInfo]:
    """Yield what a revision came from, back to the first one that is kept."""
    while 0 < info.parent < info.number and (earlier := by_number.get(info.parent)):
        yield earlier
        info = earlier


def _unnamed(history: Sequence[RevisionInfo], by_number: dict[int, RevisionInfo], present: str) -> Iterator[Reversal]:
    """Yield the newest change when an object without our annotations is what it was before that change.

    A tool that replaces the whole object, annotations included, leaves no other trace. Neither does a writer that was
    stopped between the first revision and the write.
    """
    newest = history[-1] if history else None
    if newest and _takes_back(by_number, newest, present):
        first = by_number.get(newest.parent)
        yield Reversal(newest.number, 0, certain=first is not None and first.kind != "outside")
