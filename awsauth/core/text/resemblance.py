"""Words that resemble each other: by the letters that both have, in the same order."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


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
