"""Splices, lines, indentation, similar words and unified diffs.

The time of a diff grows with the text alone.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from io import StringIO
from typing import Final, NamedTuple

from awsauth.core.text.display import visible

# YAML 1.1's line breaks other than LF and CRLF. A text that holds one is never edited.
ODD_BREAK: Final = re.compile("\r(?!\n)|[\x85\u2028\u2029]")


# Characters that no line of YAML should hold, for brackets in a regex. A set of these compiles fifty times as fast
# as the set of all others.
ODD_CHARACTERS: Final = "\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff"


# The number of words that `close_matches` compares at once.
_AT_ONCE: Final = 16


class Splice(NamedTuple):
    """Replace the characters from `start` to `end` (exclusive) with `text`."""

    start: int
    end: int
    text: str


class Unchanged(NamedTuple):
    """How many characters an edited text shares with the original at each end."""

    start: int = 0
    end: int = 0


def spliced(text: str, splices: Iterable[Splice]) -> str:
    """Apply splices that are sorted and do not overlap."""
    pieces = []
    position = 0
    for splice in splices:
        pieces += [text[position : splice.start], splice.text]
        position = splice.end
    return "".join([*pieces, text[position:]])


def line_start(text: str, offset: int) -> int:
    """Return the offset of the first character in the line of `offset`."""
    return text.rfind("\n", 0, offset) + 1


def noticed_at(text: str, offset: int) -> int:
    """Return the offset at which to show a fault.

    It is the end of the last line if only blank lines follow `offset`.
    """
    return offset if text[offset:].strip(" \r\n") else len(text.rstrip(" \r\n"))


def line_end(text: str, offset: int) -> int:
    """Return the offset after the line feed of this line, or the end of the text."""
    end = text.find("\n", offset)
    return len(text) if end < 0 else end + 1


def newline_of(text: str) -> str:
    """Return the line end of the first line; a line feed if there is only one line."""
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def indent_of(line: str) -> int:
    """Return the number of spaces at the start of a line."""
    return len(line) - len(line.lstrip(" "))


def same_start(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the common start of two texts, or of two lists of lines.

    It first compares as much as both have. Then it searches by bisection, because a line of JSON may hold a megabyte.
    """
    low, middle = 0, min(len(one), len(other))
    high = middle
    while low < high:
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
        middle = (low + high + 1) // 2
    return low


def same_end(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the common end of two texts or lists of lines.

    See `same_start`.
    """
    length, more, low, middle = len(one), len(other) - len(one), 0, min(len(one), len(other))
    high = middle
    while low < high:
        start, end = length - middle, length - low
        low, high = (middle, high) if one[start:end] == other[start + more : end + more] else (low, middle - 1)
        middle = (low + high + 1) // 2
    return low


def line_of(text: str, offset: int) -> int:
    """Return the number of the line of the character at `offset`, from 1."""
    return text.count("\n", 0, offset) + 1


def close_matches(word: str, choices: Iterable[str], most: int, least: float) -> list[str]:
    """Return the choices that are most similar to a word, the best first.

    Two words are similar if both contain the same letters in the same order. This takes a few microseconds for each
    choice, `difflib.get_close_matches` takes far longer.

    Args:
        word: The word.
        choices: The words to compare it with.
        most: The largest number of choices to return.
        least: The least similarity: twice the number of common letters, divided by the letters of both words. Equal
            words have 1.0.
    """
    # Words of very different lengths share too few letters; skipping them saves time for long words.
    shortest, longest = len(word) * least / (2 - least) - 1, len(word) * (2 - least) / least + 1
    alike = [one for one in choices if shortest <= len(one) <= longest] if word else []
    found: list[tuple[float, str]] = []
    for first in range(0, len(alike), _AT_ONCE):
        others = tuple(alike[first : first + _AT_ONCE])
        common = zip(_in_common(word, others), others, strict=True)
        scores = [(2 * shared / (len(word) + len(one)), one) for shared, one in common]
        found += [score for score in scores if score[0] >= least]
    return [one for _, one in sorted(found, reverse=True)[:most]]


def _in_common(word: str, others: tuple[str, ...]) -> list[int]:
    """Return the length of a word's longest common subsequence with each of others.

    Each row of the usual tables is kept as the bits of one number for all others.
    """
    places, masks = _places_of(others)
    every = row = sum(masks)
    for letter in word:
        shared = row & places.get(letter, 0)
        row = (row + shared | row - shared) & every
    return [(mask & ~row).bit_count() for mask in masks]


@lru_cache(maxsize=64)
def _places_of(words: tuple[str, ...]) -> tuple[dict[str, int], list[int]]:
    """Return the positions of each letter and of each word as bits of one number."""
    places: dict[str, int] = {}
    masks = []
    position = 0
    for word in words:
        masks.append((1 << len(word)) - 1 << position)
        for letter in word:
            places[letter] = places.get(letter, 0) | 1 << position
            position += 1
        position += 1  # nothing is carried over from one word to the next
    return places, masks


_CONTEXT: Final = 3


class LineChange(NamedTuple):
    """Lines that become others: from 0, with exclusive ends."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int


def changed_lines(old: list[str], new: list[str]) -> list[LineChange]:
    """Return the changes from `old` to `new`, in order; other lines are in both.

    Lines that occur exactly once on each side align the rest ("patience diff"). Mapping entries repeat many lines, and
    difflib needs quadratic time for those.
    """
    whole = _trimmed(old, new, LineChange(0, len(old), 0, len(new)))
    if whole.old_start == whole.old_end or whole.new_start == whole.new_end:
        return [whole] if old != new else []
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
    start = same_start(old_lines, new_lines)
    end = same_end(old_lines[start:], new_lines[start:])
    return LineChange(change.old_start + start, change.old_end - end, change.new_start + start, change.new_end - end)


def _anchors(old: list[str], new: list[str], within: LineChange) -> list[tuple[int, int]]:
    """Return the longest run of unique lines in the same order on both sides.

    It is a list of pairs of line numbers.
    """
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


def unified(name: str, before: str, after: str, unchanged: Unchanged | None = None) -> str:
    """Return the difference of two texts in unified form; empty if they are equal.

    Invisible characters are escaped (see `visible`).

    Args:
        name: The name of the texts in the heading.
        before: The old text.
        after: The new text.
        unchanged: The parts that both texts share, if they are known.
    """
    if before == after:
        return ""
    # Only the lines between the first and the last difference are compared, with the context around them.
    start = unchanged.start if unchanged else same_start(before, after)
    rest = unchanged.end if unchanged else same_end(before[start:], after[start:])
    start, end = line_start(before, start), line_end(before, len(before) - rest)
    for _ in range(_CONTEXT):
        start, end = line_start(before, max(start - 1, 0)), line_end(before, end)
    old = StringIO(before[start:end]).readlines()
    new = StringIO(after[start : len(after) - len(before) + end]).readlines()
    first = line_of(before, start)
    hunks = [_hunk(old, new, hunk, first) for hunk in _hunks(changed_lines(old, new))]
    return f"--- {name}\n+++ {name}\n{''.join(hunks)}"


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
    text = visible("".join(lines), keep="\t\n")
    marked = mark + text.removesuffix("\n").replace("\n", f"\n{mark}") + "\n"
    return marked if text.endswith("\n") else f"{marked}\\ No newline at end of file\n"
