"""Writing a new entry the way its neighbours are written."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from awsauth.core.reading import ARN_FIELD, Groups, Scalar
from awsauth.core.scalars import Style, write_scalar
from awsauth.core.text import line_start, newline_of

if TYPE_CHECKING:
    from awsauth.core.reading import Key, Mapped, Reading, Shape

_NEIGHBOURS: Final = 20
"""How many entries, from the last one up, are looked at for one that shows how every field is written."""

_ARN: Final = "arn"
"""The principal's field, whatever it is called under the key."""


class _Enclosed(NamedTuple):
    """What stands inside braces or brackets around and between what they hold; line ends with it."""

    opening: str = ""
    comma: str = ", "
    closing: str = ""


_TIGHT: Final = _Enclosed()


class _Manner(NamedTuple):
    """How an entry is written; as it stands here, the way ``kubectl`` users write by hand."""

    style: Literal["block", "flow"] = "block"
    gap: int = 1
    """Spaces behind the dash."""
    order: tuple[str, ...] = (_ARN, "username", "groups")
    key_quote: str = ""
    arn: Style = "plain"
    username: Style = "plain"
    group: Style = "plain"
    groups: Literal["block", "flow"] = "block"
    groups_offset: int = 2
    """Columns from the keys to the dashes of the groups."""
    colon: str = ": "
    braces: _Enclosed = _TIGHT
    brackets: _Enclosed = _TIGHT


class EntryWriter:
    """Writes entries, and fields of entries, for one reading.

    Args:
        reading: Where they are to stand; its last entries show how.
        sibling: Another key's reading to learn from when `reading` has no entry of its own.
    """

    def __init__(self, reading: Reading, sibling: Reading | None = None) -> None:
        self._reading = reading
        self._sibling = sibling
        self._key: Key = reading.key
        self._indent = " " * reading.layout.column
        self._newline = newline_of(reading.text)
        self._in_brackets = reading.layout.style == "flow"

    @cached_property
    def _manner(self) -> _Manner:
        # Not before it is needed: most edits inside an entry take after what stands there.
        sibling = self._sibling
        # A list in brackets teaches nothing to one in lines, nor the other way round.
        teaches = sibling is not None and (sibling.layout.style == "flow") == self._in_brackets
        return _manner_of(self._reading) or (_manner_of(sibling) if sibling and teaches else None) or _Manner()

    @property
    def comma(self) -> str:
        """What stands between two groups in brackets."""
        return self._manner.brackets.comma

    def entry(self, mapped: Mapped) -> str:
        """Return a whole entry, without the line end behind it."""
        manner = self._manner
        if self._key == "mapAccounts":
            account = write_scalar(mapped.principal, manner.arn, flow=self._in_brackets)
            return account if self._in_brackets else f"{self._indent}-{' ' * manner.gap}{account}"
        if self._in_brackets:
            return self._flow_entry(mapped)
        if manner.style == "flow":
            return f"{self._indent}-{' ' * manner.gap}{self._flow_entry(mapped)}"
        column = len(self._indent) + 1 + manner.gap
        lines = [line for name in self._order() for line in self.field_lines(name, mapped, column)]
        return f"{self._indent}-{' ' * manner.gap}" + self._newline.join(lines).lstrip(" ")

    def field_lines(self, name: str, mapped: Mapped, column: int) -> list[str]:
        """Return the lines of one field of a block entry whose keys stand at `column`."""
        manner = self._manner
        key = f"{' ' * column}{manner.key_quote}{name}{manner.key_quote}:"
        if name != "groups":
            return [f"{key} {self._value(name, mapped, flow=False)}"]
        if manner.groups == "flow" or not mapped.groups:
            return [f"{key} {self.flow_list(mapped.groups)}"]
        dashes = " " * (column + manner.groups_offset)
        return [key, *(f"{dashes}- {write_scalar(group, manner.group)}" for group in mapped.groups)]

    def flow_field(self, name: str, mapped: Mapped) -> str:
        """Return one field of a flow entry."""
        manner = self._manner
        value = self.flow_list(mapped.groups) if name == "groups" else self._value(name, mapped, flow=True)
        return f"{manner.key_quote}{name}{manner.key_quote}{manner.colon}{value}"

    def flow_list(self, groups: tuple[str, ...]) -> str:
        """Return groups as a list in brackets."""
        opening, comma, closing = self._manner.brackets
        written = comma.join(write_scalar(group, self._manner.group, flow=True) for group in groups)
        return f"[{opening}{written}{closing}]" if written else "[]"

    def _flow_entry(self, mapped: Mapped) -> str:
        opening, comma, closing = self._manner.braces
        return f"{{{opening}{comma.join(self.flow_field(name, mapped) for name in self._order())}{closing}}}"

    def _order(self) -> tuple[str, ...]:
        return tuple([ARN_FIELD[self._key] if name == _ARN else name for name in self._manner.order])

    def _value(self, name: str, mapped: Mapped, *, flow: bool) -> str:
        if name == "username":
            return write_scalar(mapped.username, self._manner.username, flow=flow)
        return write_scalar(mapped.principal, self._manner.arn, flow=flow)


def _manner_of(reading: Reading) -> _Manner | None:
    """Return how the last entry with all fields is written, or else the last one that is written plainly."""
    plain = None
    count = len(reading.entries)
    for position in range(count - 1, max(count - _NEIGHBOURS, 0) - 1, -1):
        shape = reading.entries[position].shape
        if shape.style == "other" or not shape.fields:
            continue
        if len(shape.fields) == 3 and _has_groups(shape):
            return _manner(reading, shape)
        plain = plain or shape
    return _manner(reading, plain) if plain else None


def _has_groups(shape: Shape) -> bool:
    groups = shape.field("groups")
    return groups is not None and isinstance(groups.value, Groups) and bool(groups.value.items)


def _manner(reading: Reading, shape: Shape) -> _Manner:
    text = reading.text
    first = shape.fields[0]
    styles = {field.name: _style(field.value) for field in shape.fields}
    groups = shape.field("groups")
    value = groups.value if groups else None
    in_block = isinstance(value, Groups) and value.style == "block"
    start = line_start(text, first.start)
    dash = text.find("-", start, first.start)
    quote = text[first.start] if first.name != "account" and text[first.start] in "\"'" else ""
    is_json = shape.style == "flow" and quote == '"'
    braces = _braces(text, shape)
    return _Manner(
        style="flow" if shape.style == "flow" else "block",
        gap=max(first.start - dash - 1, 1) if dash >= 0 and shape.style == "block" else 1,
        order=_order(reading.key, [field.name for field in shape.fields]),
        key_quote=quote,
        arn=styles.get(ARN_FIELD.get(reading.key, "account"), "plain"),
        username=styles.get("username", "double" if is_json else "plain"),
        group=_style(value.items[0]) if isinstance(value, Groups) and value.items else "double" if is_json else "plain",
        groups="flow" if shape.style == "flow" or (isinstance(value, Groups) and value.style == "flow") else "block",
        groups_offset=value.column - shape.column if in_block and isinstance(value, Groups) else 2,
        colon=_between(text, first.end, first.value.start, ":"),
        braces=braces,
        brackets=_brackets(text, value, "," if braces.comma == "," else ", "),
    )


def _style(value: Scalar | Groups) -> Style:
    return value.style if isinstance(value, Scalar) and value.style != "other" else "plain"


def _order(key: Key, names: list[str]) -> tuple[str, ...]:
    """Return all fields in the neighbour's order; what it has not comes last."""
    seen = [_ARN if name == ARN_FIELD.get(key) else name for name in names if name != "account"]
    return (*seen, *(name for name in (_ARN, "username", "groups") if name not in seen))


def _between(text: str, start: int, end: int, sign: str) -> str:
    found = text[start:end]
    return found if found.strip() == sign and "\n" not in found else f"{sign} "


def _braces(text: str, shape: Shape) -> _Enclosed:
    """Return what stands around the fields of a flow entry; nothing of fields that we do not know."""
    if shape.style != "flow" or shape.fields[0].name == "account":
        return _TIGHT
    opening = text[shape.start + 1 : shape.fields[0].start]
    alone = "," if text[shape.fields[0].end : shape.fields[0].value.start] == ":" else ", "
    closing = text[shape.fields[-1].value.end : shape.end - 1]
    comma = text[shape.fields[0].value.end : shape.fields[1].start] if len(shape.fields) > 1 else alone
    if (opening + closing).strip() or comma.strip() != ",":
        return _TIGHT
    return _Enclosed(opening, comma, closing)


def _brackets(text: str, groups: Scalar | Groups | None, comma: str) -> _Enclosed:
    """Return what stands around groups in brackets, with `comma` where there are not two of them."""
    if not isinstance(groups, Groups) or groups.style != "flow" or not groups.items:
        return _Enclosed(comma=comma)
    items = groups.items
    opening = text[groups.start + 1 : items[0].start]
    closing = text[items[-1].end : groups.end - 1]
    if len(items) > 1:
        comma = text[items[0].end : items[1].start]
    elif "\n" in opening:
        comma = f",{opening}"
    if (opening + closing).strip() or comma.strip() != ",":
        return _TIGHT
    return _Enclosed(opening, comma, closing)
