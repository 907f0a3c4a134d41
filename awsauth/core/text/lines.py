"""Splices, lines and indentation: the few things that every edit of a text needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


ODD_BREAK: Final = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
"""Line breaks of YAML 1.1 beside LF and CRLF; what holds one is never edited."""


ODD_CHARACTERS: Final = "\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff"
"""For a set in an expression: what neither YAML nor anybody who reads a line expects in it; LF and tab are not among it.

Naming these compiles fifty times as fast as naming all others.
"""


class Splice(NamedTuple):
    """Replace what stands from `start` to `end` (exclusive) by `text`."""

    start: int
    end: int
    text: str


class Unchanged(NamedTuple):
    """How many characters a text has in common with one that it was made of: at the start, and at the end."""

    start: int = 0
    end: int = 0


def spliced(text: str, splices: Iterable[Splice]) -> str:
    """Apply splices, which are in the order of the text and do not overlap."""
    pieces = []
    position = 0
    for splice in splices:
        pieces += [text[position : splice.start], splice.text]
        position = splice.end
    return "".join([*pieces, text[position:]])


def line_start(text: str, offset: int) -> int:
    """Return the offset at which the line begins that `offset` stands in."""
    return text.rfind("\n", 0, offset) + 1


def noticed_at(text: str, offset: int) -> int:
    """Return where to show what was noticed at `offset`: where nothing follows, that is the end of the last line."""
    return offset if text[offset:].strip(" \r\n") else len(text.rstrip(" \r\n"))


def line_end(text: str, offset: int) -> int:
    """Return the offset behind the line feed that ends the line, or the end of the text."""
    end = text.find("\n", offset)
    return len(text) if end < 0 else end + 1


def newline_of(text: str) -> str:
    """Return the line end that the first line has; a text on one line gets a line feed."""
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def indent_of(line: str) -> int:
    """Return how many spaces a line begins with."""
    return len(line) - len(line.lstrip(" "))


def same_start(one: str, other: str) -> int:
    """Return how many characters two texts begin with both."""
    return _longest(min(len(one), len(other)), lambda start, end: one[start:end] == other[start:end])


def same_end(one: str, other: str) -> int:
    """Return how many characters two texts end with both."""
    length, more = len(one), len(other) - len(one)
    return _longest(
        min(length, len(other)),
        lambda start, end: one[length - end : length - start] == other[more + length - end : more + length - start],
    )


def _longest(most: int, is_same: Callable[[int, int], bool]) -> int:
    """Return how many characters are the same, by halving: a line of JSON may be a megabyte long."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if is_same(low, middle) else (low, middle - 1)
    return low


def line_of(text: str, offset: int) -> int:
    """Return the line, counted from 1, that holds the character at `offset`."""
    return text.count("\n", 0, offset) + 1


def close_matches(word: str, choices: Iterable[str], most: int, least: float) -> list[str]:
    """Return the choices that are most like a word, the best first.

    Unlike `difflib.get_close_matches`, it takes a few microseconds for each, so that a text may hold many words.

    Args:
        word: The word.
        choices: What it is compared with.
        most: How many are returned at most.
        least: Twice the number of letters in common, divided by the letters of both: 1.0 for the same word.
    """
    # What is much longer or shorter has too few letters in common, which spares the work for long words, too.
    alike = [one for one in choices if 2 * min(len(word), len(one)) >= least * (len(word) + len(one)) > 0]
    places: dict[str, int] = {}
    for number, letter in enumerate(word if alike else ""):
        places[letter] = places.get(letter, 0) | 1 << number
    scores = ((2 * _in_common(places, len(word), one) / (len(word) + len(one)), one) for one in alike)
    return [one for _, one in sorted((found for found in scores if found[0] >= least), reverse=True)[:most]]


def _in_common(places: dict[str, int], length: int, other: str) -> int:
    """Return how long the longest common subsequence of two words is, a row of its table as the bits of a number.

    Args:
        places: By letter, where it stands in one word.
        length: How long that one is.
        other: The other word.
    """
    every = row = (1 << length) - 1
    for letter in other:
        shared = row & places.get(letter, 0)
        row = (row + shared | row - shared) & every
    return length - row.bit_count()
