"""Finding entries without looking at all of them: those of a principal, and those by which two readings differ."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from awsauth.core.reading import Mapped, Reading

SEARCHES: Final = 32
"""How many searches through a text take about as long as looking at all its entries."""


def positions(reading: Reading, principals: Collection[str]) -> list[int]:
    """Return the positions of the entries that map one of `principals`, which are in lower case."""
    entries = reading.entries
    return [
        position
        for position in candidates(reading, principals)
        if (mapped := entries[position].mapped) is not None and mapped.principal.lower() in principals
    ]


def mapped_of(reading: Reading, principals: Collection[str]) -> list[Mapped]:
    """Return what is mapped to one of `principals`, which are in lower case, in the order of the text."""
    if not reading.bounds or len(principals) > SEARCHES:
        return [mapped for mapped in reading.mapped if mapped.principal.lower() in principals]
    found = [reading.entries[position].mapped for position in positions(reading, principals)]
    return [mapped for mapped in found if mapped is not None]


def candidates(reading: Reading, principals: Collection[str]) -> Iterable[int]:
    """Return positions among which are those of all entries of `principals`, in lower case; often few others."""
    bounds = reading.bounds
    if not principals:
        return ()
    if not bounds or len(principals) > SEARCHES or "" in principals:
        return range(len(reading.entries))
    # One byte for a character, so that places in it are places in the text; no other letter than an ASCII one changes.
    folded = reading.text.encode("ascii", "replace").lower()
    return sorted({
        bisect_right(bounds, offset) - 1
        for principal in principals
        for offset in _occurrences(folded, principal.encode("ascii", "replace"))
        if bounds[0] <= offset < bounds[-1]
    })  # fmt: skip


def _occurrences(text: bytes, part: bytes) -> Iterator[int]:
    offset = text.find(part)
    while offset >= 0:
        yield offset
        offset = text.find(part, offset + 1)


def differing(before: Reading, after: Reading) -> tuple[range, range]:
    """Return the positions of the entries by which two readings of one key differ: those around them map the same."""
    old, new = before.entries, after.entries
    if before.text == after.text:
        return range(len(old), len(old)), range(len(new), len(new))
    head, tail = _shared(before, after) if before.bounds and after.bounds else (0, 0)
    shortest = min(len(old), len(new))
    while head < shortest - tail and old[head].mapped == new[head].mapped:
        head += 1
    while tail < shortest - head and old[-1 - tail].mapped == new[-1 - tail].mapped:
        tail += 1
    return range(head, len(old) - tail), range(head, len(new) - tail)


def _shared(before: Reading, after: Reading) -> tuple[int, int]:
    """Return how many entries at the start, and how many at the end, have the same text, part by part."""
    length = _same_start(before.text, after.text)
    heads = min(bisect_right(reading.bounds, length) for reading in (before, after))
    head = next((n for n in range(heads, max(heads - 3, 0), -1) if before.bounds[:n] == after.bounds[:n]), 1) - 1

    if head == min(len(before.entries), len(after.entries)):
        return head, 0
    shift = len(after.text) - len(before.text)
    length = _same_end(before.text, after.text)
    tails = min(len(one.bounds) - bisect_left(one.bounds, len(one.text) - length) for one in (before, after))
    tail = next((n for n in range(tails, max(tails - 3, 0), -1) if _is_shifted(before, after, n, shift)), 1) - 1
    return head, min(tail, len(before.entries) - head, len(after.entries) - head)


def _is_shifted(before: Reading, after: Reading, count: int, shift: int) -> bool:
    """Whether the last `count` bounds are the same but for the shift."""
    return [bound + shift for bound in before.bounds[-count:]] == after.bounds[-count:]


def _same_start(one: str, other: str) -> int:
    """Return how many characters two texts begin with both."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _same_end(one: str, other: str) -> int:
    """Return how many characters two texts end with both."""
    length, other_length = len(one), len(other)
    low, high = 0, min(length, other_length)
    while low < high:
        middle = (low + high + 1) // 2
        if one[length - middle : length - low] == other[other_length - middle : other_length - low]:
            low = middle
        else:
            high = middle - 1
    return low
