"""Unified diffs of texts, in a time that grows with the text alone."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import starmap, takewhile
from operator import eq, itemgetter
from typing import Final, NamedTuple

from awsauth.core.text.display import visible
from awsauth.core.text.lines import Unchanged, line_end, line_of, line_start, same_end, same_start

_CONTEXT: Final = 3


class LineChange(NamedTuple):
    """Lines that become others: from 0, with exclusive ends."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int


_Link = tuple[int, int, "_Link | None"]  # the numbers of an old and a new line, and the link before


def changed_lines(old: list[str], new: list[str]) -> list[LineChange]:
    """Return the changes from `old` to `new`, in order; other lines are in both.

    Lines that occur exactly once on each side align the rest ("patience diff"). Mapping entries repeat many lines, and
    difflib needs quadratic time for those.
    """
    whole = _trimmed(old, new, LineChange(0, len(old), 0, len(new)))
    if old != new and (whole.old_start == whole.old_end or whole.new_start == whole.new_end):
        return [whole]  # most edits only add or remove lines
    changes = []
    old_at, new_at = whole.old_start, whole.new_start
    for old_line, new_line in [*_anchors(old, new, whole), (whole.old_end, whole.new_end)]:
        if old[old_at:old_line] != new[new_at:new_line]:
            changes.append(_trimmed(old, new, LineChange(old_at, old_line, new_at, new_line)))
        old_at, new_at = old_line + 1, new_line + 1
    return changes


def _trimmed(old: list[str], new: list[str], change: LineChange) -> LineChange:
    """Drop the lines at both ends of a change that are the same on both sides."""
    old_lines, new_lines = old[change.old_start : change.old_end], new[change.new_start : change.new_end]
    start = _count_equal(zip(old_lines, new_lines, strict=False))
    end = _count_equal(zip(reversed(old_lines[start:]), reversed(new_lines[start:]), strict=False))
    return LineChange(change.old_start + start, change.old_end - end, change.new_start + start, change.new_end - end)


def _count_equal(pairs: Iterable[tuple[str, str]]) -> int:
    """Return how many pairs at the start hold two equal lines."""
    return len([*takewhile(bool, starmap(eq, pairs))])


def _anchors(old: list[str], new: list[str], within: LineChange) -> list[tuple[int, int]]:
    """Return the longest run of unique lines in the same order on both sides.

    It is a list of pairs of line numbers.
    """
    old_lines, new_lines = old[within.old_start : within.old_end], new[within.new_start : within.new_end]
    old_count, new_count = Counter(old_lines), Counter(new_lines)
    location = {line: number for number, line in enumerate(new_lines, within.new_start) if new_count[line] == 1}
    # By length, the last link of the run whose last line comes first in `new`.
    ends: list[_Link] = []
    for number, line in enumerate(old_lines, within.old_start):
        if old_count[line] == 1 and line in location:
            length = bisect_left(ends, location[line], key=itemgetter(1))
            ends[length : length + 1] = [(number, location[line], ends[length - 1] if length else None)]
    anchors = []
    link = ends[-1] if ends else None
    while link:
        anchors.append(link[:2])
        link = link[2]
    return anchors[::-1]


def unified(name: str, before: str, after: str, known: Unchanged | None = None) -> str:
    """Return the difference of two texts in unified form; empty if they are equal.

    Invisible characters are escaped (see `visible`).

    Args:
        name: The name of the texts in the heading.
        before: The old text.
        after: The new text.
        known: The parts that both texts share, if they are known.
    """
    if before == after:
        return ""
    # Only the lines between the first and the last difference are compared, with the context around them.
    start = line_start(before, known.start if known else same_start(before, after))
    # Two texts have one diff, wherever among equal lines the edit was made.
    while before[start : (line := line_end(before, start))] == after[start : line_end(after, start)]:
        start = line
    rest = min(known.end, len(before) - start, len(after) - start) if known else same_end(before[start:], after[start:])
    end = line_end(before, len(before) - rest)
    for _ in range(_CONTEXT):
        start, end = line_start(before, max(start - 1, 0)), line_end(before, end)
    old = StringIO(before[start:end]).readlines()
    new = StringIO(after[start : len(after) - len(before) + end]).readlines()
    first = line_of(before, start)
    hunks = [_hunk(old, new, hunk, first) for hunk in _hunks(changed_lines(old, new))]
    return visible(f"--- {name}\n+++ {name}\n{''.join(hunks)}", keep="\t\n")


def _hunks(changes: Sequence[LineChange]) -> Iterator[list[LineChange]]:
    """Yield the changes that share a hunk, because their contexts meet."""
    hunk = [changes[0]]
    for change in changes[1:]:
        if change.old_start - hunk[-1].old_end > 2 * _CONTEXT:
            yield hunk
            hunk = []
        hunk.append(change)
    yield hunk


def _hunk(old: list[str], new: list[str], hunk: Sequence[LineChange], first: int) -> str:
    """Return a hunk as text; `first` is the line number in `old` and `new`."""
    above = min(_CONTEXT, hunk[0].old_start)
    position, new_start = hunk[0].old_start - above, hunk[0].new_start - above
    below = min(_CONTEXT, len(old) - hunk[-1].old_end)
    end, new_end = hunk[-1].old_end + below, hunk[-1].new_end + below
    ranges = f"-{_range(first + position, end - position)} +{_range(first + new_start, new_end - new_start)}"
    shown = []
    for change in hunk:
        shown += [_marked(" ", old[position : change.old_start]), _marked("-", old[change.old_start : change.old_end])]
        shown.append(_marked("+", new[change.new_start : change.new_end]))
        position = change.old_end
    return f"@@ {ranges} @@\n{''.join(shown)}{_marked(' ', old[position:end])}"


def _range(start: int, count: int) -> str:
    return f"{start - (count == 0)},{count}" if count != 1 else f"{start}"


def _marked(mark: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    text = "".join(lines)
    marked = mark + text.removesuffix("\n").replace("\n", f"\n{mark}") + "\n"
    return marked if text.endswith("\n") else f"{marked}\\ No newline at end of file\n"
