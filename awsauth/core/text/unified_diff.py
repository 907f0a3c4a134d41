"""Unified diffs of texts, made from splices where they are known: no search, so no time to speak of."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.core.text.display import visible
from awsauth.core.text.lines import Splice, line_end, line_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class LineChange(NamedTuple):
    """Lines ``old_start`` to ``old_end`` become lines ``new_start`` to ``new_end`` (ends exclusive, from 0)."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int


def changed_lines(old: list[str], new: list[str]) -> list[LineChange]:
    """Return the changes that make `new` of `old`, in order; every other line is in both.

    Lines that occur exactly once on both sides are what the rest is aligned by ("patience diff"): mapping entries
    are full of repeated lines, over which difflib takes quadratic time.
    """
    whole = trimmed(old, new, LineChange(0, len(old), 0, len(new)))
    changes = []
    old_at, new_at = whole.old_start, whole.new_start
    for old_line, new_line in [*_anchors(old, new, whole), (whole.old_end, whole.new_end)]:
        if old[old_at:old_line] != new[new_at:new_line]:
            changes.append(trimmed(old, new, LineChange(old_at, old_line, new_at, new_line)))
        old_at, new_at = old_line + 1, new_line + 1
    return changes


def trimmed(old: list[str], new: list[str], change: LineChange) -> LineChange:
    """Take the lines off a change's ends that are the same on both sides."""
    old_start, old_end, new_start, new_end = change
    while old_start < old_end and new_start < new_end and old[old_start] == new[new_start]:
        old_start += 1
        new_start += 1
    while old_start < old_end and new_start < new_end and old[old_end - 1] == new[new_end - 1]:
        old_end -= 1
        new_end -= 1
    return LineChange(old_start, old_end, new_start, new_end)


def _anchors(old: list[str], new: list[str], within: LineChange) -> list[tuple[int, int]]:
    """Return the longest rising run of line numbers at which a line unique on both sides stands."""
    old_lines, new_lines = old[within.old_start : within.old_end], new[within.new_start : within.new_end]
    old_count, new_count = Counter(old_lines), Counter(new_lines)
    location = {line: number for number, line in enumerate(new_lines, within.new_start) if new_count[line] == 1}
    tails: list[int] = []
    chain: list[tuple[int, int, int]] = []
    ends: list[int] = []
    for number, line in enumerate(old_lines, within.old_start):
        if old_count[line] != 1 or line not in location:
            continue
        length = bisect_left(tails, location[line])
        chain.append((number, location[line], ends[length - 1] if length else -1))
        tails[length : length + 1] = [location[line]]
        ends[length : length + 1] = [len(chain) - 1]
    anchors = []
    link = ends[-1] if ends else -1
    while link >= 0:
        old_line, new_line, link = chain[link]
        anchors.append((old_line, new_line))
    return anchors[::-1]


_CONTEXT: Final = 3


class _Replaced(NamedTuple):
    """Lines of the old text, from the offset `start` to `end`, and what stands in their place."""

    start: int
    end: int
    new: str


def unified(name: str, before: str, after: str, splices: Sequence[Splice] | None = None) -> str:
    """Return the difference of two texts in unified form, every line visible, or nothing where there is none.

    Args:
        name: What the texts are called in the heading.
        before: The old text.
        after: The new text.
        splices: How one becomes the other, in the order of the text; None when that is not known.
    """
    if before == after:
        return ""
    edits = _compared(before, after) if splices is None else splices
    replaced = [trimmed for lines in _whole_lines(before, edits) for trimmed in _trimmed(before, lines)]
    shown = [f"--- {name}\n+++ {name}\n"]
    line, counted = 1, 0
    for hunk, shift in _hunks(before, replaced):
        first = _lines_up(before, hunk[0].start)
        line += before.count("\n", counted, first)
        counted = first
        shown.append(_hunk(before, hunk, first, line, line + shift))
    return "".join(shown)


def _compared(before: str, after: str) -> Iterator[Splice]:
    """Yield splices between two texts of which nothing is known."""
    old, new = _split(before), _split(after)
    offsets = [0, *accumulate(map(len, old))]
    for change in changed_lines(old, new):
        text = "".join(new[change.new_start : change.new_end])
        yield Splice(offsets[change.old_start], offsets[change.old_end], text)


def _whole_lines(text: str, splices: Iterable[Splice]) -> list[_Replaced]:
    """Widen splices to the lines they touch, and join those that meet."""
    found: list[_Replaced] = []
    for splice in splices:
        start = line_start(text, splice.start)
        if found and start < found[-1].end:
            # Both touch one line: what the earlier one left of it comes before this one.
            earlier = found.pop()
            start = earlier.start
            before = earlier.new[: len(earlier.new) - (earlier.end - splice.start)]
        else:
            before = text[start : splice.start]
        new = before + splice.text
        end = splice.end if _is_boundary(text, splice.end) else line_end(text, splice.end)
        if new and not (new + text[splice.end : end]).endswith("\n"):
            end = line_end(text, end) if end < len(text) else end
        found.append(_Replaced(start, end, new + text[splice.end : end]))
    return found


def _is_boundary(text: str, offset: int) -> bool:
    return offset in (0, len(text)) or text[offset - 1] == "\n"


def _trimmed(text: str, lines: _Replaced) -> Iterator[_Replaced]:
    """Leave out the lines at both ends that are the same."""
    start, end, new = lines
    if (start == end) != (not new):  # nothing to compare with
        yield lines
        return
    old_lines, new_lines = _split(text[start:end]), _split(new)
    change = trimmed(old_lines, new_lines, LineChange(0, len(old_lines), 0, len(new_lines)))
    if change.old_start < change.old_end or change.new_start < change.new_end:
        start += sum(map(len, old_lines[: change.old_start]))
        end -= sum(map(len, old_lines[change.old_end :]))
        yield _Replaced(start, end, "".join(new_lines[change.new_start : change.new_end]))


def _hunks(text: str, replaced: Sequence[_Replaced]) -> Iterator[tuple[list[_Replaced], int]]:
    """Yield what belongs into one hunk, with how many lines earlier hunks have added."""
    hunk: list[_Replaced] = []
    shift = pending = 0
    for lines in replaced:
        if hunk and text.count("\n", hunk[-1].end, lines.start) > 2 * _CONTEXT:
            yield hunk, shift
            hunk, shift, pending = [], shift + pending, 0
        hunk.append(lines)
        pending += _count(lines.new) - _count(text[lines.start : lines.end])
    if hunk:
        yield hunk, shift


def _hunk(text: str, hunk: Sequence[_Replaced], first: int, line: int, new_line: int) -> str:
    """Return a hunk that begins at the offset `first`, which is in line `line` and will be in line `new_line`."""
    last = _lines_down(text, hunk[-1].end)
    shown = []
    position, added = first, 0
    for start, end, new in hunk:
        shown += [(" ", text[position:start]), ("-", text[start:end]), ("+", new)]
        added += _count(new) - _count(text[start:end])
        position = end
    shown.append((" ", text[position:last]))
    old = _count(text[first:last])
    ranges = f"-{_range(line, old)} +{_range(new_line, old + added)}"
    return f"@@ {ranges} @@\n{''.join([_marked(mark, part) for mark, part in shown if part])}"


def _range(start: int, count: int) -> str:
    return f"{start - (count == 0)},{count}" if count != 1 else f"{start}"


def _marked(mark: str, text: str) -> str:
    text = visible(text, keep="\t\n")
    lines = text.removesuffix("\n").replace("\n", f"\n{mark}")
    return f"{mark}{lines}\n" if text.endswith("\n") else f"{mark}{lines}\n\\ No newline at end of file\n"


def _count(text: str) -> int:
    """Return how many lines a text has, a last one without line feed included."""
    return text.count("\n") + (not text.endswith("\n")) if text else 0


def _split(text: str) -> list[str]:
    """Split at line feeds alone: other line breaks stay inside, where they are shown escaped."""
    lines = text.split("\n")
    last = lines.pop()
    return [line + "\n" for line in lines] + ([last] if last else [])


def _lines_up(text: str, offset: int) -> int:
    for _ in range(_CONTEXT):
        if offset:
            offset = line_start(text, offset - 1)
    return offset


def _lines_down(text: str, offset: int) -> int:
    for _ in range(_CONTEXT):
        offset = line_end(text, offset) if offset < len(text) else offset
    return offset
