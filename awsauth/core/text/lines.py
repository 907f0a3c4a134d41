"""Splices, lines, indentation and similar words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

# YAML 1.1's line breaks other than LF and CRLF. A text that holds one is never edited.
ODD_BREAK: Final = re.compile("\r(?!\n)|[\x85\u2028\u2029]")


# Characters that no line of YAML should hold, for brackets in a regex. A set of these compiles fifty times as fast
# as the set of all others.
ODD_CHARACTERS: Final = "\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff"

# The ASCII characters that are not odd. A look at the bytes of an ASCII text is ten times as fast.
_USUAL_ASCII: Final = bytes([*b"\t\n", *range(32, 127)])

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


def odd_character(text: str) -> re.Match[str] | None:
    """Return the first of `ODD_CHARACTERS` in a text."""
    if text.isascii() and not text.encode("ascii").translate(None, _USUAL_ASCII):
        return None
    return re.search(f"[{ODD_CHARACTERS}]", text)


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


def same_start(one: str, other: str) -> int:
    """Return the length of the common start of two texts.

    It first compares as much as both have. Then it searches by bisection, because a line of JSON may hold a megabyte.
    """
    low, middle, high = 0, min(len(one), len(other)), min(len(one), len(other))
    while low < high:
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
        middle = (low + high + 1) // 2
    return low


def same_end(one: str, other: str) -> int:
    """Return the length of the common end of two texts (see `same_start`)."""
    return same_start(one[::-1], other[::-1])


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
