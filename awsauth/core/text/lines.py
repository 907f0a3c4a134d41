"""Splices, lines and indentation: the few things that every edit of a text needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


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
    """Return how many characters two texts begin with both; halving, as a line of JSON may be a megabyte long."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def same_end(one: str, other: str) -> int:
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


def line_of(text: str, offset: int) -> int:
    """Return the line, counted from 1, that holds the character at `offset`."""
    return text.count("\n", 0, offset) + 1
