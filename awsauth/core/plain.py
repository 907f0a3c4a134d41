"""The plain reader: the few forms that almost all documents have, and nothing else.

It may refuse any text. What it accepts means the same to the full reader, which the tests show.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from awsauth.core import plain_forms as forms
from awsauth.core.authenticator import is_skipped
from awsauth.core.plain_entries import PlainEntries
from awsauth.core.reading import Key, Layout, Reading

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from awsauth.core.text import Unchanged

_WORTH_A_LOOK: Final = 1_000
"""How many characters have to be left to read for it to pay to look how the entries are written."""
_WORTH_IT: Final = 8
"""How many entries have to be written alike for that look to have paid."""
_MOST_IN_VAIN: Final = 8
"""How often in a row it may not have, until nobody looks any more."""


def read(key: Key, text: str) -> Reading | None:
    """Read the text of one data key, or return None for everything but the plain forms."""
    if is_skipped(text):
        return Reading(key, text, (), Layout("empty", end=len(text)))
    if not forms.may_be_comments(text):
        return None
    first = forms.FIRST_DASH.match(text)
    if first is not None:
        return _read_block(key, text, first[1], [0])
    empty = forms.EMPTY.match(text)
    if empty is not None:
        flow = empty["comment"] is not None
        layout = Layout("flow" if flow else "empty", 0 if flow else len(empty[1]), *empty.span(2))
        return Reading(key, text, (), layout)
    opening = forms.OPENING.match(text)
    return _read_json(key, text, text.index("["), [opening.end()]) if opening else None


def read_edited(before: Reading, text: str, unchanged: Unchanged) -> Reading | None:
    """Read a text that has as much in common with one that was read already.

    Where an entry ends depends on nothing behind the dash, or the comma, of the next one; and how the text goes on from
    the beginning of an entry on nothing before that.
    """
    # The last two entries that begin in there may go on differently now; the others are taken over.
    known = bisect_left(before.bounds, unchanged.start) - 1
    if known < 1:
        return read(before.key, text)
    if not forms.may_be_comments(text[before.bounds[known] : len(text) - unchanged.end]):
        return None
    bounds = list(before.bounds[:known])
    shift = len(text) - len(before.text)
    same = bisect_left(before.bounds, len(before.text) - unchanged.end)
    tail = [bound + shift for bound in before.bounds[same:]]
    if before.layout.style == "block":
        return _read_block(before.key, text, " " * before.layout.column, bounds, tail)
    return _read_json(before.key, text, before.layout.start, bounds)


def _read_block(key: Key, text: str, indent: str, bounds: list[int], tail: Sequence[int] = ()) -> Reading | None:
    """Read on behind `bounds`.

    Args:
        key: The data key.
        text: The text.
        indent: What stands before the dashes.
        bounds: Where each entry begins that is known, and where the last of them ends.
        tail: Bounds again: when an entry begins where they do, they are right.
    """
    entry = forms.block_entry(key, indent)
    stop = tail[0] if len(tail) > 1 else -1
    end = stop if stop >= 0 else len(text)
    in_vain = 0
    while bounds[-1] != stop and (one := entry.match(text, bounds[-1])):
        bounds.append(one.end())
        if key != "mapAccounts" and in_vain < _MOST_IN_VAIN and end - bounds[-1] >= _WORTH_A_LOOK:
            alike = forms.alike(key, indent, one)
            in_vain = 0 if _read_alike(alike, text, bounds, stop) >= _WORTH_IT else in_vain + 1
    if bounds[-1] == stop:
        bounds += tail[1:]
    elif not forms.REST.match(text, bounds[-1]):
        return None
    entries = PlainEntries(key, text, entry, bounds)
    return Reading(key, text, entries, Layout("block", len(indent)), bounds=bounds)


def _read_alike(alike: re.Pattern[str], text: str, bounds: list[int], stop: int) -> int:
    """Read on behind `bounds`, up to `stop`, while entries are written alike; return how many there are."""
    before = len(bounds)
    position = start = bounds[-1]
    for one in alike.finditer(text, position):
        if position == stop or one.end() == position:
            break
        position = one.end()
        bounds.append(position)
    if position not in (start, stop) and not forms.REST.match(text, position):
        bounds.pop()  # the last one may go on with more than they have in common
    return len(bounds) - before


def _read_json(key: Key, text: str, bracket: int, bounds: list[int]) -> Reading | None:
    entry = forms.json_entry(key)
    while one := entry.match(text, bounds[-1]):
        separator = forms.NEXT_OR_CLOSING.match(text, one.end())
        if separator is None:
            return None
        if separator["closing"]:
            bounds.append(one.end())
            layout = Layout("flow", start=bracket, end=separator.end("closing"))
            return Reading(key, text, PlainEntries(key, text, entry, bounds), layout, bounds=bounds)
        bounds.append(separator.end())
    return None
