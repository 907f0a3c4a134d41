"""The entries of a text in one of the plain forms: what each means is worked out when somebody asks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.plain_forms import BLOCK_ITEM, FLOW_ITEM
from awsauth.core.reading import ARN_FIELD, Field, Groups, Key, Mapped, Scalar, Shape
from awsauth.core.text import line_start

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from awsauth.core.scalars import Style

_START: Final = attrgetter("start")
_KEYS: Final = {
    key: tuple([(name, f"key_{name}") for name in (arn, "username", "groups")]) for key, arn in ARN_FIELD.items()
}
"""By data key, the fields, and the groups of the expressions that match their keys."""


class PlainEntries(Sequence[Any]):
    """The entries of a text, of which only the places are kept: the expression finds the rest of one again.

    Args:
        key: The data key that the text is of.
        text: The text.
        expression: Matches an entry.
        bounds: Where it matches: the start of each entry, and the end of the last one.
    """

    __slots__ = ("_bounds", "_count", "_expression", "_key", "_seen", "_text")

    def __init__(self, key: Key, text: str, expression: re.Pattern[str], bounds: Sequence[int]) -> None:
        self._key: Key = key
        self._text = text
        self._expression = expression
        self._bounds = bounds
        self._count = len(bounds) - 1
        self._seen: dict[int, PlainEntry] = {}

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return tuple([self[position] for position in range(self._count)[index]])
        entry = self._seen.get(index)
        if entry is None:
            entry = self._seen[index] = self._entry(range(self._count)[index])
        return entry

    def __iter__(self) -> Iterator[PlainEntry]:
        # Whoever looks at all of them keeps what is needed of each.
        return map(self._entry, range(self._count))

    def _entry(self, position: int) -> PlainEntry:
        match = self._expression.match(self._text, self._bounds[position])
        assert match is not None  # noqa: S101 - whatever found the bounds matches no more than it does
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
        groups = _texts(block, BLOCK_ITEM) if block else _texts(flow, FLOW_ITEM) if flow else ()
        return Mapped(_meaning(arn), _meaning(username) if username else "", groups)

    @property
    def shape(self) -> Shape:
        """How it is laid out."""
        if self._shape is None:
            self._shape = self._laid_out()
        return self._shape

    def _laid_out(self) -> Shape:
        match = self._match
        start, end = match.span("entry")
        if self._key == "mapAccounts":
            account = self._scalar("account")
            field = Field("account", account.start, account.start, account)
            return Shape(start, end, "flow" if account.start == start else "block", 0, (field,))
        found = []
        for name, key in _KEYS[self._key]:
            key_start, key_end = match.span(key)
            if key_start >= 0:
                value = self._groups() if name == "groups" else self._scalar(name)
                found.append(Field(name, key_start, key_end, value))
        found.sort(key=_START)
        if "gap" not in match.re.groupindex:
            return Shape(start, end, "flow", 0, tuple(found))
        first = found[0].start
        return Shape(start, end, "block", first - line_start(match.string, first), tuple(found))

    def _groups(self) -> Groups:
        start, end = self._match.span("flow_groups")
        if start >= 0:
            return Groups(start, end, "flow", 0, self._items(FLOW_ITEM, start, end))
        start, end = self._match.span("groups")
        column = len(self._match["dashes"])
        items = self._items(BLOCK_ITEM, start, end)
        return Groups(start + column, items[-1].end, "block", column, items)

    def _items(self, item: re.Pattern[str], start: int, end: int) -> tuple[Scalar, ...]:
        found = item.finditer(self._match.string, start, end)
        return tuple([_scalar(match[1], match.start(1)) for match in found])

    def _scalar(self, name: str) -> Scalar:
        return _scalar(self._match[name], self._match.start(name))


@lru_cache(maxsize=1024)
def _texts(chunk: str, item: re.Pattern[str]) -> tuple[str, ...]:
    """Return what the items of a list mean; most documents have the same few lists again and again."""
    return tuple([_meaning(source) for source in item.findall(chunk)])


def _meaning(source: str) -> str:
    return source[1:-1] if source[0] in "\"'" else source


def _scalar(source: str, start: int) -> Scalar:
    style: Style = "double" if source[0] == '"' else "single" if source[0] == "'" else "plain"
    return Scalar(start, start + len(source), _meaning(source), style)
