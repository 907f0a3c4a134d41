"""Which lines differ between two versions of a text, in time proportional to their length."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import NamedTuple


class Change(NamedTuple):
    """Lines ``old_start`` to ``old_end`` become lines ``new_start`` to ``new_end`` (ends exclusive, from 0)."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int


def changed_lines(old: list[str], new: list[str]) -> list[Change]:
    """Return the changes that make `new` of `old`, in order; every other line is in both.

    Lines that occur exactly once on both sides are what the rest is aligned by ("patience diff"): mapping entries
    are full of repeated lines, over which difflib takes quadratic time.
    """
    whole = trimmed(old, new, Change(0, len(old), 0, len(new)))
    changes = []
    old_at, new_at = whole.old_start, whole.new_start
    for old_line, new_line in [*_anchors(old, new, whole), (whole.old_end, whole.new_end)]:
        if old[old_at:old_line] != new[new_at:new_line]:
            changes.append(trimmed(old, new, Change(old_at, old_line, new_at, new_line)))
        old_at, new_at = old_line + 1, new_line + 1
    return changes


def trimmed(old: list[str], new: list[str], change: Change) -> Change:
    """Take the lines off a change's ends that are the same on both sides."""
    old_start, old_end, new_start, new_end = change
    while old_start < old_end and new_start < new_end and old[old_start] == new[new_start]:
        old_start += 1
        new_start += 1
    while old_start < old_end and new_start < new_end and old[old_end - 1] == new[new_end - 1]:
        old_end -= 1
        new_end -= 1
    return Change(old_start, old_end, new_start, new_end)


def _anchors(old: list[str], new: list[str], within: Change) -> list[tuple[int, int]]:
    """Return the longest rising run of line numbers at which a line unique on both sides stands."""
    old_lines, new_lines = old[within.old_start : within.old_end], new[within.new_start : within.new_end]
    old_count, new_count = Counter(old_lines), Counter(new_lines)
    place = {line: number for number, line in enumerate(new_lines, within.new_start) if new_count[line] == 1}
    tails: list[int] = []
    chain: list[tuple[int, int, int]] = []
    ends: list[int] = []
    for number, line in enumerate(old_lines, within.old_start):
        if old_count[line] != 1 or line not in place:
            continue
        length = bisect_left(tails, place[line])
        chain.append((number, place[line], ends[length - 1] if length else -1))
        tails[length : length + 1] = [place[line]]
        ends[length : length + 1] = [len(chain) - 1]
    anchors = []
    link = ends[-1] if ends else -1
    while link >= 0:
        old_line, new_line, link = chain[link]
        anchors.append((old_line, new_line))
    return anchors[::-1]
