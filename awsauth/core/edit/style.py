"""How the entries of a list are written, told by one of them, so that a new one can be written the same way."""

from __future__ import annotations

from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from awsauth.core.document.model import ARN_FIELD, Groups, Scalar
from awsauth.core.goyaml.scalars import write_scalar
from awsauth.core.text.lines import line_start, newline_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from awsauth.core.document.model import EntryLayout, Field, Key, MappingEntry, ParsedList
    from awsauth.core.goyaml.scalars import Style


_NEIGHBOURS: Final = 20
"""How many entries, from the last one up, are looked at for one that shows how every field is written."""


ARN: Final = "arn"
"""The principal's field, whatever it is called under the key."""


class Delimiters(NamedTuple):
    """What stands inside braces or brackets around and between what they hold; line ends with it."""

    opening: str = ""
    comma: str = ", "
    closing: str = ""


_TIGHT: Final = Delimiters()


class EntryStyle(NamedTuple):
    """How an entry is written."""

    style: Literal["block", "flow"] = "block"
    gap: int = 1
    """Spaces behind the dash."""
    order: tuple[str, ...] = (ARN, "username", "groups")
    key_quote: str = ""
    arn: Style = "plain"
    username: Style = "plain"
    group: Style = "plain"
    groups: Literal["block", "flow"] = "block"
    groups_offset: int = 2
    """Columns from the keys to the dashes of the groups."""
    groups_gap: int = 1
    """Spaces behind each of those."""
    blanks: Mapping[str, str] = MappingProxyType({})
    """By field, the spaces before its value on the line of its key; one where it says nothing."""
    colon: str = ": "
    braces: Delimiters = _TIGHT
    brackets: Delimiters = _TIGHT


DEFAULT_STYLE: Final = EntryStyle()
"""How ``kubectl`` users write where nothing shows another way."""


def example_of(reading: ParsedList) -> EntryLayout | None:
    """Return the last entry with all fields and a group, or else the last one that is written plainly."""
    plain = None
    count = len(reading.entries)
    for position in range(count - 1, max(count - _NEIGHBOURS, 0) - 1, -1):
        shape = reading.entries[position].shape
        if shape.style == "other" or not shape.fields:
            continue
        if _is_complete(shape):
            return shape
        plain = plain or shape
    return plain


def _is_complete(shape: EntryLayout) -> bool:
    """Whether an entry has all fields, and a group."""
    values = [field.value for field in shape.fields]
    return len(values) == 3 and any(isinstance(value, Groups) and value.items for value in values)


def style_from(reading: ParsedList) -> EntryStyle | None:
    """Return how the entry of `example_of` is written; None where there is none."""
    example = example_of(reading)
    if example is None:
        return None
    return _in_braces(reading, example) if example.style == "flow" else _in_lines(reading, example)


def _in_lines(reading: ParsedList, shape: EntryLayout) -> EntryStyle:
    text = reading.text
    first = shape.fields[0]
    styles: dict[str, Style] = {}
    blanks: dict[str, str] = {}
    groups: Groups | None = None
    for name, _, end, value in shape.fields:
        if isinstance(value, Groups):
            groups = value
            continue
        styles[name] = style_of(value)
        blank = text[end + 1 : value.start]
        if text[end : end + 1] == ":" and _is_spaces(blank):
            blanks[name] = blank
    dash = text.find("-", line_start(text, first.start), first.start)
    gap = text[groups.start + 1 : groups.items[0].start] if groups and groups.items else ""
    return EntryStyle(
        gap=max(first.start - dash - 1, 1) if dash >= 0 else 1,
        order=_order(reading.key, shape),
        key_quote=_quote(text, first),
        arn=styles.get(ARN_FIELD.get(reading.key, "account"), "plain"),
        username=styles.get("username", "plain"),
        group=style_of(groups.items[0]) if groups and groups.items else "plain",
        groups="flow" if groups and groups.style == "flow" else "block",
        groups_offset=groups.column - shape.column
        if groups and groups.style == "block"
        else DEFAULT_STYLE.groups_offset,
        groups_gap=len(gap) if _is_spaces(gap) else DEFAULT_STYLE.groups_gap,
        blanks=blanks,
        brackets=_brackets(text, groups, ", "),
    )


def _in_braces(reading: ParsedList, shape: EntryLayout) -> EntryStyle:
    text = reading.text
    first = shape.fields[0]
    styles = {field.name: style_of(field.value) for field in shape.fields}
    groups = shape.field("groups")
    value = groups.value if groups else None
    quote = _quote(text, first)
    unknown: Style = "double" if quote == '"' else "plain"  # JSON
    braces = _braces(text, shape)
    return EntryStyle(
        style="flow",
        order=_order(reading.key, shape),
        key_quote=quote,
        arn=styles.get(ARN_FIELD.get(reading.key, "account"), "plain"),
        username=styles.get("username", unknown),
        group=style_of(value.items[0]) if isinstance(value, Groups) and value.items else unknown,
        groups="flow",
        colon=_between(text, first.end, first.value.start, ":"),
        braces=braces,
        brackets=_brackets(text, value, "," if braces.comma == "," else ", "),
    )


def style_of(value: Scalar | Groups) -> Style:
    """Return how a value is quoted; plain where it is no scalar on one line."""
    return value.style if isinstance(value, Scalar) and value.style != "other" else "plain"


def _order(key: Key, shape: EntryLayout) -> tuple[str, ...]:
    """Return all fields in the neighbour's order; what it has not comes last."""
    arn = ARN_FIELD.get(key)
    seen = [ARN if name == arn else name for name, *_ in shape.fields if name != "account"]
    return tuple(seen if len(seen) == len(DEFAULT_STYLE.order) else dict.fromkeys([*seen, *DEFAULT_STYLE.order]))


def _quote(text: str, first: Field) -> str:
    sign = text[first.start]
    return sign if sign in "\"'" and first.name != "account" else ""


def _is_spaces(text: str) -> bool:
    return bool(text) and not text.strip(" ")


def _between(text: str, start: int, end: int, sign: str) -> str:
    found = text[start:end]
    return found if found.strip() == sign and "\n" not in found else f"{sign} "


def _braces(text: str, shape: EntryLayout) -> Delimiters:
    """Return what stands around the fields of a flow entry; nothing of fields that we do not know."""
    if shape.style != "flow" or shape.fields[0].name == "account":
        return _TIGHT
    opening = text[shape.start + 1 : shape.fields[0].start]
    alone = "," if text[shape.fields[0].end : shape.fields[0].value.start] == ":" else ", "
    closing = text[shape.fields[-1].value.end : shape.end - 1]
    comma = text[shape.fields[0].value.end : shape.fields[1].start] if len(shape.fields) > 1 else alone
    if (opening + closing).strip() or comma.strip() != ",":
        return _TIGHT
    return Delimiters(opening, comma, closing)


def _brackets(text: str, groups: Scalar | Groups | None, comma: str) -> Delimiters:
    """Return what stands around groups in brackets, with `comma` where there are not two of them."""
    if not isinstance(groups, Groups) or groups.style != "flow" or not groups.items:
        return Delimiters(comma=comma)
    items = groups.items
    opening = text[groups.start + 1 : items[0].start]
    closing = text[items[-1].end : groups.end - 1]
    if len(items) > 1:
        comma = text[items[0].end : items[1].start]
    elif "\n" in opening:
        comma = f",{opening}"
    if (opening + closing).strip() or comma.strip() != ",":
        return _TIGHT
    return Delimiters(opening, comma, closing)


class EntryWriter:
    """Writes entries, and fields of entries, for one reading.

    Args:
        reading: Where they are to stand; its last entries show how.
        sibling: Another key's reading to learn from when `reading` has no entry of its own.
    """

    def __init__(self, reading: ParsedList, sibling: ParsedList | None = None) -> None:
        self._reading = reading
        self._sibling = sibling
        self._key: Key = reading.key
        self._indent = " " * reading.layout.column
        self._newline = newline_of(reading.text)
        self._in_brackets = reading.layout.style == "flow"

    @cached_property
    def _manner(self) -> EntryStyle:
        # Not before it is needed: most edits inside an entry take after what stands there.
        sibling = self._sibling
        # A list in brackets teaches nothing to one in lines, nor the other way round.
        teaches = sibling is not None and (sibling.layout.style == "flow") == self._in_brackets
        return style_from(self._reading) or (style_from(sibling) if sibling and teaches else None) or DEFAULT_STYLE

    @property
    def comma(self) -> str:
        """What stands between two groups in brackets."""
        return self._manner.brackets.comma

    def entries(self, added: Sequence[MappingEntry]) -> list[str]:
        """Return whole entries, without the line end behind them."""
        return [self._entry(mapped) for mapped in added]

    def _entry(self, mapped: MappingEntry) -> str:
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

    def field_lines(self, name: str, mapped: MappingEntry, column: int) -> list[str]:
        """Return the lines of one field of a block entry whose keys stand at `column`."""
        manner = self._manner
        key = f"{' ' * column}{manner.key_quote}{name}{manner.key_quote}:"
        if name != "groups":
            return [f"{key}{manner.blanks.get(name, ' ')}{self._value(name, mapped, flow=False)}"]
        if manner.groups == "flow" or not mapped.groups:
            return [f"{key} {self.flow_list(mapped.groups)}"]
        dash = f"{' ' * (column + manner.groups_offset)}-{' ' * manner.groups_gap}"
        return [key, *[dash + write_scalar(group, manner.group) for group in mapped.groups]]

    def flow_field(self, name: str, mapped: MappingEntry) -> str:
        """Return one field of a flow entry."""
        manner = self._manner
        value = self.flow_list(mapped.groups) if name == "groups" else self._value(name, mapped, flow=True)
        return f"{manner.key_quote}{name}{manner.key_quote}{manner.colon}{value}"

    def flow_list(self, groups: tuple[str, ...]) -> str:
        """Return groups as a list in brackets."""
        opening, comma, closing = self._manner.brackets
        written = comma.join(write_scalar(group, self._manner.group, flow=True) for group in groups)
        return f"[{opening}{written}{closing}]" if written else "[]"

    def _flow_entry(self, mapped: MappingEntry) -> str:
        opening, comma, closing = self._manner.braces
        return f"{{{opening}{comma.join(self.flow_field(name, mapped) for name in self._order())}{closing}}}"

    def _order(self) -> tuple[str, ...]:
        return tuple([ARN_FIELD[self._key] if name == ARN else name for name in self._manner.order])

    def _value(self, name: str, mapped: MappingEntry, *, flow: bool) -> str:
        if name == "username":
            return write_scalar(mapped.username, self._manner.username, flow=flow)
        return write_scalar(mapped.principal, self._manner.arn, flow=flow)
