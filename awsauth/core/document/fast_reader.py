"""Read a text in a plain form; an entry's meaning is computed when needed."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from awsauth.core.document import fast_patterns as forms
from awsauth.core.document.authenticator import is_skipped
from awsauth.core.document.fast_patterns import BLOCK_ITEM, FIELDS, FLOW_ITEM
from awsauth.core.document.model import EntryLayout, Field, Groups, Key, ListLayout, MappingEntry, ParsedList, Scalar
from awsauth.core.goyaml.scalars import Style
from awsauth.core.text.lines import Unchanged, line_start

_WORTH_A_LOOK: Final = 1_000  # the rest of a text needs this many characters for `alike` to save time
_WORTH_IT: Final = 8  # this many similar entries save the time that `alike` takes
_MOST_IN_VAIN: Final = 8  # after this many failures in a row, `alike` is not tried again


_Match = tuple[int, re.Match[str]]


class PlainEntries(Sequence[Any]):
    """The entries of a text, by their bounds only.

    The expression matches an entry again when it is needed.

    Args:
        key: The data key of the text.
        text: The text.
        expression: Matches an entry.
        bounds: The start of each entry, and the end of the last one.
        known: A match of one entry, with its position, that need not be looked for again.
    """

    __slots__ = ("_bounds", "_count", "_expression", "_key", "_seen", "_text")

    def __init__(
        self, key: Key, text: str, expression: re.Pattern[str], bounds: Sequence[int], known: _Match | None = None
    ) -> None:
        self._key: Key = key
        self._text = text
        self._expression = expression
        self._bounds = bounds
        self._count = len(bounds) - 1
        self._seen: dict[int, PlainEntry] = {known[0]: PlainEntry(key, known[1])} if known else {}

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return tuple([self[position] for position in range(self._count)[index]])
        if not (entry := self._seen.get(index)):
            entry = self._seen[index] = self._entry(range(self._count)[index])
        return entry

    def __iter__(self) -> Iterator[PlainEntry]:  # keeps none of them
        return map(self._entry, range(self._count))

    def _entry(self, position: int) -> PlainEntry:
        match = self._expression.match(self._text, self._bounds[position])
        assert match  # noqa: S101 - the bounds come from this expression, or from a stricter one
        return PlainEntry(self._key, match)


class PlainEntry:
    """An `Entry` made from a match.

    Attributes:
        mapped: Its mapping; the authenticator drops no entry in a plain form.
        shape: Its layout.
    """

    __slots__ = ("_key", "_match", "mapped", "shape")

    mapped: MappingEntry
    shape: EntryLayout

    def __init__(self, key: Key, match: re.Match[str]) -> None:
        self._key: Key = key
        self._match = match

    def __getattr__(self, name: str) -> Any:
        """Compute `mapped` or `shape` when first used, as an unlocked `cached_property`."""
        if name == "mapped":
            self.mapped = found = self._mapping()
            return found
        if name == "shape":
            self.shape = layout = self._layout()
            return layout
        raise AttributeError(name)

    def _mapping(self) -> MappingEntry:
        if self._key == "mapAccounts":
            return MappingEntry(_meaning(self._match["account"]))
        arn, username, block, flow = self._match.group(*FIELDS[self._key], "flow_groups")
        groups = _texts(block, BLOCK_ITEM) if block else _texts(flow, FLOW_ITEM) if flow else ()
        return MappingEntry(_meaning(arn), _meaning(username) if username else "", groups)

    def _layout(self) -> EntryLayout:
        match = self._match
        start, end = match.span("entry")
        if self._key == "mapAccounts":
            account = self._scalar("account")
            field = Field("account", account.start, account.start, account)
            return EntryLayout(start, end, "flow" if account.start == start else "block", 0, (field,))
        found = []
        for name in FIELDS[self._key]:
            key_start, key_end = match.span(f"key_{name}")
            if key_start >= 0:
                value = self._groups() if name == "groups" else self._scalar(name)
                found.append(Field(name, key_start, key_end, value))
        found.sort(key=attrgetter("start"))
        if "gap" not in match.re.groupindex:
            return EntryLayout(start, end, "flow", 0, tuple(found))
        first = found[0].start
        return EntryLayout(start, end, "block", first - line_start(match.string, first), tuple(found))

    def _groups(self) -> Groups:
        start, end = self._match.span("flow_groups")
        if start >= 0:
            return Groups(start, end, "flow", 0, self._items(FLOW_ITEM, start, end))
        start, end = self._match.span("groups")
        column = len(self._match["dashes"])
        items = self._items(BLOCK_ITEM, start, end)
        return Groups(start + column, items[-1].end, "block", column, items)

    def _items(self, item: str, start: int, end: int) -> tuple[Scalar, ...]:
        found = re.compile(item).finditer(self._match.string, start, end)
        return tuple([_scalar(match[1], match.start(1)) for match in found])

    def _scalar(self, name: str) -> Scalar:
        return _scalar(self._match[name], self._match.start(name))


@lru_cache(maxsize=1024)
def _texts(chunk: str, item: str) -> tuple[str, ...]:
    """Return the meanings of the items in a list; most documents repeat a few lists."""
    return tuple([_meaning(source) for source in re.findall(item, chunk)])


def _meaning(source: str) -> str:
    return source[1:-1] if source[0] in "\"'" else source


def _scalar(source: str, start: int) -> Scalar:
    style: Style = "double" if source[0] == '"' else "single" if source[0] == "'" else "plain"
    return Scalar(start, start + len(source), _meaning(source), style)


def read_fast(key: Key, text: str) -> ParsedList | None:
    """Read the text of one data key; return None unless it has one of the plain forms."""
    if is_skipped(text):
        return ParsedList(key, text, (), ListLayout("empty", end=len(text)))
    if not forms.is_plain(text):
        return None
    first = forms.FIRST_DASH.match(text)
    if first is not None:
        return _read_block(key, text, first[1], [0])
    empty = re.match(forms.EMPTY, text)
    if empty is not None:
        flow = empty["comment"] is not None
        layout = ListLayout("flow" if flow else "empty", 0 if flow else len(empty[1]), *empty.span(2))
        return ParsedList(key, text, (), layout)
    opening = re.match(forms.OPENING, text)
    return _read_json(key, text, text.index("["), [opening.end()]) if opening else None


def read_edited(before: ParsedList, text: str, unchanged: Unchanged) -> ParsedList | None:
    """Read an edited text, given the original's reading and the shared parts.

    The end of an entry depends on no text after the dash, or the comma, of the next entry. The rest of a text depends on
    no text before the entry where it starts.
    """
    # The last entry that starts in the shared part may have a new end. So may the one before it, unless its dash is shared.
    last = bisect_left(before.bounds, unchanged.start) - 1
    dash = forms.FIRST_DASH.match(text, before.bounds[last]) if last >= 0 else None
    known = last + 1 if dash and dash.end() <= unchanged.start else last
    if known < 1:
        return read_fast(before.key, text)
    if not forms.is_plain(text[before.bounds[last] : len(text) - unchanged.end]):
        return None
    bounds = list(before.bounds[:known])
    shift = len(text) - len(before.text)
    same = bisect_left(before.bounds, len(before.text) - unchanged.end)
    tail = [bound + shift for bound in before.bounds[same:]]
    if before.layout.style == "block":
        return _read_block(before.key, text, " " * before.layout.column, bounds, tail)
    return _read_json(before.key, text, before.layout.start, bounds)


def _read_block(key: Key, text: str, indent: str, bounds: list[int], tail: Sequence[int] = ()) -> ParsedList | None:
    """Read the entries after `bounds`.

    Args:
        key: The data key.
        text: The text.
        indent: The spaces before the dashes.
        bounds: The starts of the known entries, and the end of the last one.
        tail: More bounds, which are right if an entry starts at the first of them.
    """
    entry = forms.block_entry(key, indent)
    stop = tail[0] if len(tail) > 1 else -1
    end = stop if stop >= 0 else len(text)
    last = None
    in_vain = 0
    while bounds[-1] != stop and (one := entry.match(text, bounds[-1])):
        last = len(bounds) - 1, one
        bounds.append(one.end())
        if key != "mapAccounts" and in_vain < _MOST_IN_VAIN and end - bounds[-1] >= _WORTH_A_LOOK:
            alike = forms.alike(key, indent, one)
            in_vain = 0 if _read_alike(alike, text, bounds, stop) >= _WORTH_IT else in_vain + 1
    if bounds[-1] == stop:
        bounds += tail[1:]
    elif not forms.REST.match(text, bounds[-1]):
        return None
    entries = PlainEntries(key, text, entry, bounds, last)
    return ParsedList(key, text, entries, ListLayout("block", len(indent)), bounds=bounds)


def _read_alike(alike: re.Pattern[str], text: str, bounds: list[int], stop: int) -> int:
    """Read similar entries after `bounds`, up to `stop`, and return their number."""
    before = len(bounds)
    position = start = bounds[-1]
    for one in alike.finditer(text, position):
        if position == stop or (end := one.end()) == position:
            break
        position = end
        bounds.append(position)
    if position not in (start, stop) and not forms.REST.match(text, position):
        bounds.pop()  # this entry may have further fields
    return len(bounds) - before


def _read_json(key: Key, text: str, bracket: int, bounds: list[int]) -> ParsedList | None:
    entry = forms.json_entry(key)
    while one := entry.match(text, bounds[-1]):
        if not (separator := forms.NEXT_OR_CLOSING.match(text, one.end())):
            return None
        if separator["closing"]:
            bounds.append(one.end())
            layout = ListLayout("flow", start=bracket, end=separator.end("closing"))
            return ParsedList(key, text, PlainEntries(key, text, entry, bounds), layout, bounds=bounds)
        bounds.append(separator.end())
    return None
