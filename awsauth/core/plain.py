"""The plain reader: the few forms that almost all documents have, by one expression a form, and nothing else.

It may refuse any text. What it accepts means the same to the full reader, which the tests show.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache, lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.authenticator import is_skipped
from awsauth.core.reading import ARN_FIELD, Field, Groups, Key, Layout, Mapped, Reading, Scalar, Shape
from awsauth.core.scalars import WORDS, Style
from awsauth.core.text import ODD_CHARACTERS, line_start

if TYPE_CHECKING:
    from collections.abc import Iterator

# Pieces of the expressions. Visible ASCII only, but for comments: what those may hold is looked at once for a text.
_COMMENT: Final = "#.*"
_NOT_IN_COMMENTS: Final = f"[{ODD_CHARACTERS}]"
_ASCII_IN_COMMENTS: Final = bytes([*b"\t\n", *range(32, 127)])
"""The ASCII characters that are not among those: almost all texts have no others, and are looked through ten times as fast."""
_LINES: Final = rf"(?: *(?:{_COMMENT})?\n)*"
_TRAIL: Final = rf"(?:\n| *(?: {_COMMENT})?(?:\n|\Z))"
# The same where something follows; a look ahead spares the loop where there are none, which is the rule.
_LINES_BETWEEN: Final = rf"(?:(?! *[#\n])|(?: *(?:{_COMMENT})?\n)+)"
_REST: Final = re.compile(rf"{_LINES} *(?:{_COMMENT})?\Z")
_WORDS: Final = [word for word in WORDS if word.isalpha()]
# A look at the first letter spares most values the list of words.
_NO_WORD: Final = rf"(?!(?=[{''.join(sorted({word[0] for word in _WORDS}))}])(?:{'|'.join(_WORDS)})(?:[ ,\]\n]|\Z))"
_DOUBLE: Final = r'"[ !#-\[\]-~]*"'
_SINGLE: Final = r"'[ -&(-~]*'"
_WORD: Final = rf"{_NO_WORD}[A-Za-z/$<][!-~]*(?<!:)"
_FLOW_WORD: Final = rf"{_NO_WORD}[A-Za-z/$<][!-+\--\>@-Z\\^-z|~]*(?<!:)"
_VALUE: Final = rf"(?:{_WORD}|{_DOUBLE}|{_SINGLE})"
_FLOW_VALUE: Final = rf"(?:{_FLOW_WORD}|{_DOUBLE}|{_SINGLE})"
# No two runs of blanks side by side: how a long one is shared out would be tried in every way.
_FLOW_LIST: Final = rf"\[ *(?:{_FLOW_VALUE}(?: *, *{_FLOW_VALUE})* *)?\]"
_GAP: Final = r"[ \n]*"

_NOT_EMPTY: Final = """(?!""|'')"""
_MUST_HAVE: Final = "(?(key_{})|(?!))"

_FIRST_DASH: Final = re.compile(rf"{_LINES}( *)- ")
_EMPTY: Final = re.compile(rf"{_LINES}( *)(\[\]) *(?P<comment> {_COMMENT})?(?:\n{_LINES} *(?:{_COMMENT})?)?\Z")
_OPENING: Final = re.compile(rf"[ \n]*\[{_GAP}")
_NEXT_OR_CLOSING: Final = re.compile(rf"{_GAP}(?:,{_GAP}(?=\S)|(?P<closing>\])[ \n]*\Z)")
_START: Final = attrgetter("start")

_BLOCK_ITEM: Final = re.compile(rf"^ *- +({_VALUE})", re.MULTILINE)
_FLOW_ITEM: Final = re.compile(rf"[\[,]{_GAP}({_FLOW_VALUE})")


def read(key: Key, text: str) -> Reading | None:
    """Read the text of one data key, or return None for everything but the plain forms."""
    if is_skipped(text):
        return Reading(key, text, (), Layout("empty", end=len(text)))
    if not _may_be_comments(text):
        return None
    first = _FIRST_DASH.match(text)
    if first is not None:
        return _read_block(key, text, first[1], [0])
    empty = _EMPTY.match(text)
    if empty is not None:
        flow = empty["comment"] is not None
        layout = Layout("flow" if flow else "empty", 0 if flow else len(empty[1]), *empty.span(2))
        return Reading(key, text, (), layout)
    opening = _OPENING.match(text)
    return _read_json(key, text, text.index("["), [opening.end()]) if opening else None


def read_edited(before: Reading, text: str, unchanged: int, unchanged_end: int = 0) -> Reading | None:
    """Read a text that begins, and ends, with as many characters of a text that was read already.

    Where an entry ends depends on nothing behind the dash, or the comma, of the next one; and how the text goes on from
    the beginning of an entry on nothing before that.
    """
    # The last two entries that begin in there may go on differently now; the others are taken over.
    known = bisect_left(before.bounds, unchanged) - 1
    if known < 1:
        return read(before.key, text)
    if not _may_be_comments(text[before.bounds[known] : len(text) - unchanged_end]):
        return None
    bounds = list(before.bounds[:known])
    shift = len(text) - len(before.text)
    same = bisect_left(before.bounds, len(before.text) - unchanged_end)
    tail = [bound + shift for bound in before.bounds[same:]]
    if before.layout.style == "block":
        return _read_block(before.key, text, " " * before.layout.column, bounds, tail)
    return _read_json(before.key, text, before.layout.start, bounds)


def _may_be_comments(text: str) -> bool:
    """Whether all comments in a text hold only what they may; other parts of it are matched character by character."""
    if "#" not in text:
        return True
    if text.isascii():
        return not text.encode("ascii").translate(None, _ASCII_IN_COMMENTS)
    return re.search(_NOT_IN_COMMENTS, text) is None


def _read_block(key: Key, text: str, indent: str, bounds: list[int], tail: Sequence[int] = ()) -> Reading | None:
    """Read on behind `bounds`; when an entry begins where `tail` does, the rest of the bounds is known to be that."""
    entry = _block_entry(key, indent)
    match, found = entry.match, bounds.append
    position = bounds[-1]
    known = tail[0] if len(tail) > 1 else -1
    while position != known and (one := match(text, position)):
        position = one.end()
        found(position)
    if position == known:
        bounds += tail[1:]
    elif not _REST.match(text, position):
        return None
    return Reading(key, text, PlainEntries(key, text, entry, bounds), Layout("block", len(indent)), bounds=bounds)


def _read_json(key: Key, text: str, bracket: int, bounds: list[int]) -> Reading | None:
    entry = _json_entry(key)
    while one := entry.match(text, bounds[-1]):
        separator = _NEXT_OR_CLOSING.match(text, one.end())
        if separator is None:
            return None
        if separator["closing"]:
            bounds.append(one.end())
            layout = Layout("flow", start=bracket, end=separator.end("closing"))
            return Reading(key, text, PlainEntries(key, text, entry, bounds), layout, bounds=bounds)
        bounds.append(separator.end())
    return None


@cache
def _block_entry(key: Key, indent: str) -> re.Pattern[str]:
    """Return the expression for one entry of a block list, with the blank and comment lines before it.

    Its groups are the spans that `PlainEntry` looks up: `entry`, and for each field its key and its value.
    """
    if key == "mapAccounts":
        return re.compile(rf"{_LINES_BETWEEN}(?P<entry>{indent}- +(?P<account>{_VALUE}|[0-9]+){_TRAIL})")
    column = rf"{indent} (?P=gap)"
    item = rf"- +{_VALUE}{_TRAIL}"
    groups = (
        rf"(?:{_TRAIL}{_LINES_BETWEEN}(?P<groups>(?P<dashes>{column} *){item}(?:{_LINES_BETWEEN}(?P=dashes){item})*)"
        rf"| +(?P<flow_groups>{_FLOW_LIST}){_TRAIL})"
    )
    fields = "|".join(
        _once(name, rf"(?P<key_{name}>{name}|{name.replace('arn', 'ARN')}|\"{name}\"|'{name}'):{value}")
        for name, value in (
            (ARN_FIELD[key], rf" +(?P<{ARN_FIELD[key]}>{_NOT_EMPTY}{_VALUE}){_TRAIL}"),
            ("username", rf" +(?P<username>{_VALUE}){_TRAIL}"),
            ("groups", groups),
        )
    )
    entry = rf"{indent}-(?P<gap> +)(?:(?(last)(?!))(?:{fields})(?:{_LINES_BETWEEN}{column}(?=\S)|(?P<last>)))+(?(last)|(?!))"
    return _compiled(rf"{_LINES_BETWEEN}(?P<entry>{entry}){_MUST_HAVE.format(ARN_FIELD[key])}")


@cache
def _json_entry(key: Key) -> re.Pattern[str]:
    """Return the expression for one entry of a list in JSON, as the CDK writes it."""
    if key == "mapAccounts":
        return re.compile(rf"(?P<entry>(?P<account>{_DOUBLE}))")
    texts = rf"\[{_GAP}(?:{_DOUBLE}(?:{_GAP},{_GAP}{_DOUBLE})*{_GAP})?\]"
    fields = "|".join(
        _once(name, rf'(?P<key_{name}>"{name}"):{_GAP}(?P<{group}>{value})')
        for name, group, value in (
            (ARN_FIELD[key], ARN_FIELD[key], _NOT_EMPTY + _DOUBLE),
            ("username", "username", _DOUBLE),
            ("groups", "flow_groups", texts),
        )
    )
    entry = rf"\{{{_GAP}(?:(?(last)(?!))(?:{fields}){_GAP}(?:,{_GAP}|(?P<last>)))+(?(last)|(?!))\}}"
    never = "(?P<groups>(?!))?"  # so that both expressions have the same groups
    return _compiled(rf"(?P<entry>{entry}){_MUST_HAVE.format(ARN_FIELD[key])}{never}")


def _once(name: str, field: str) -> str:
    """Refuse a field that was there before: which of two counts is for the full reader to say."""
    return rf"(?(key_{name})(?!)){field}"


def _compiled(expression: str) -> re.Pattern[str]:
    """Compile, with conditions on groups that come later: `re` knows those by number alone."""
    for number, name in enumerate(re.findall(r"\(\?P<(\w+)>", expression), 1):
        expression = expression.replace(f"(?({name})", f"(?({number})")
    return re.compile(expression)


@lru_cache(maxsize=1024)
def _texts(chunk: str, item: re.Pattern[str]) -> tuple[str, ...]:
    """Return what the items of a list mean; most documents have the same few lists again and again."""
    return tuple([_meaning(source) for source in item.findall(chunk)])


def _meaning(source: str) -> str:
    return source[1:-1] if source[0] in "\"'" else source


class PlainEntries(Sequence[Any]):
    """The entries of a text, of which only the places are kept: the expression finds the rest of one again.

    Args:
        key: The data key that the text is of.
        text: The text.
        expression: Matches an entry.
        bounds: Where it has matched: the start of each entry, and the end of the last one.
    """

    __slots__ = ("_bounds", "_expression", "_key", "_seen", "_text")

    def __init__(self, key: Key, text: str, expression: re.Pattern[str], bounds: Sequence[int]) -> None:
        self._key: Key = key
        self._text = text
        self._expression = expression
        self._bounds = bounds
        self._seen: dict[int, PlainEntry] = {}

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return tuple([self[position] for position in range(len(self))[index]])
        entry = self._seen.get(index)
        if entry is None:
            entry = self._seen[index] = self._entry(range(len(self))[index])
        return entry

    def __iter__(self) -> Iterator[PlainEntry]:
        # Whoever looks at all of them keeps what is needed of each.
        return map(self._entry, range(len(self)))

    def _entry(self, position: int) -> PlainEntry:
        match = self._expression.match(self._text, self._bounds[position])
        assert match is not None  # noqa: S101 - it has matched there before
        return PlainEntry(self._key, match)


class PlainEntry:
    """An `Entry` that is a match: what it means is worked out when somebody asks."""

    __slots__ = ("_key", "_mapped", "_match", "_shape")

    def __init__(self, key: Key, match: re.Match[str]) -> None:
        self._key: Key = key
        self._match = match
        self._mapped: Mapped | None = None
        self._shape: Shape | None = None

    @property
    def mapped(self) -> Mapped:
        """What it maps; the plain forms have nothing that is dropped."""
        if self._mapped is None:
            self._mapped = self._read()
        return self._mapped

    def _read(self) -> Mapped:
        if self._key == "mapAccounts":
            return Mapped(_meaning(self._match["account"]))
        arn, username, block, flow = self._match.group(ARN_FIELD[self._key], "username", "groups", "flow_groups")
        groups = _texts(block, _BLOCK_ITEM) if block else _texts(flow, _FLOW_ITEM) if flow else ()
        return Mapped(_meaning(arn), _meaning(username) if username else "", groups)

    @property
    def shape(self) -> Shape:
        """How it is laid out."""
        if self._shape is None:
            self._shape = self._laid_out()
        return self._shape

    def _laid_out(self) -> Shape:
        start, end = self._match.span("entry")
        if self._key == "mapAccounts":
            account = self._scalar("account")
            field = Field("account", account.start, account.start, account)
            return Shape(start, end, "flow" if account.start == start else "block", 0, (field,))
        spans = self._match.re.groupindex
        found = []
        for name in (ARN_FIELD[self._key], "username", "groups"):
            key_start, key_end = self._match.span(f"key_{name}")
            if key_start >= 0:
                found.append(Field(name, key_start, key_end, self._value(name)))
        fields = tuple(sorted(found, key=_START))
        if "gap" not in spans:
            return Shape(start, end, "flow", 0, fields)
        line = line_start(self._match.string, fields[0].start)
        return Shape(start, end, "block", fields[0].start - line, fields)

    def _value(self, name: str) -> Scalar | Groups:
        if name != "groups":
            return self._scalar(name)
        start, end = self._match.span("flow_groups")
        if start >= 0:
            return Groups(start, end, "flow", 0, self._items(_FLOW_ITEM, start, end))
        start, end = self._match.span("groups")
        column = len(self._match["dashes"])
        items = self._items(_BLOCK_ITEM, start, end)
        return Groups(start + column, items[-1].end, "block", column, items)

    def _items(self, item: re.Pattern[str], start: int, end: int) -> tuple[Scalar, ...]:
        found = item.finditer(self._match.string, start, end)
        return tuple([_scalar(match[1], match.start(1)) for match in found])

    def _scalar(self, name: str) -> Scalar:
        return _scalar(self._match[name], self._match.start(name))


def _scalar(source: str, start: int) -> Scalar:
    style: Style = "double" if source[0] == '"' else "single" if source[0] == "'" else "plain"
    return Scalar(start, start + len(source), _meaning(source), style)
