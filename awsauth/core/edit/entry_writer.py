"""Write an entry in the style of the entries around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from awsauth.core.document.model import ARN_FIELD, EntryLayout, Groups, Key, MappingEntry, ParsedList, Scalar
from awsauth.core.goyaml.scalars import Style, write_scalar
from awsauth.core.text.lines import line_start, newline_of

_NEIGHBORS: Final = 20  # how many entries, from the last one up, may serve as the example
_ARN: Final = "arn"  # the field of the principal under any key


class Delimiters(NamedTuple):
    """The text in braces or brackets: before, between and after the items."""

    opening: str = ""
    comma: str = ", "
    closing: str = ""


class EntryStyle(NamedTuple):
    """The style of an entry; the defaults are the style of most ``kubectl`` users.

    Attributes:
        style: ``flow`` for an entry in braces.
        gap: The number of spaces after the dash.
        order: The order of the fields.
        key_quote: The quotes of keys.
        arn: The quotes of the principal.
        username: The quotes of the username.
        group: The quotes of a group.
        groups: ``flow`` for groups in brackets.
        groups_offset: The number of columns from the keys to the dashes of the groups.
        groups_gap: The number of spaces after each of these dashes.
        blanks: By field, the spaces between key and value; one space for other fields.
        colon: The colon of a field in braces, with its spaces.
        braces: The delimiters of an entry in braces.
        brackets: The delimiters of groups in brackets.
    """

    style: Literal["block", "flow"] = "block"
    gap: int = 1
    order: tuple[str, ...] = (_ARN, "username", "groups")
    key_quote: str = ""
    arn: Style = "plain"
    username: Style = "plain"
    group: Style = "plain"
    groups: Literal["block", "flow"] = "block"
    groups_offset: int = 2
    groups_gap: int = 1
    blanks: Mapping[str, str] = MappingProxyType({})
    colon: str = ": "
    braces: Delimiters = Delimiters()
    brackets: Delimiters = Delimiters()


_USUAL: Final = EntryStyle()


def _example_of(reading: ParsedList) -> EntryLayout | None:
    """Return the last entry with all fields and a group, or an editable one."""
    count = len(reading.entries)
    shapes = (reading.entries[position].shape for position in range(count - 1, max(count - _NEIGHBORS, 0) - 1, -1))
    plain = None
    for shape in shapes:
        if shape.style != "other" and shape.fields:
            groups = shape.field("groups")
            if len(shape.fields) == 3 and groups and isinstance(groups.value, Groups) and groups.value.items:
                return shape
            plain = plain or shape
    return plain


def style_from(reading: ParsedList) -> EntryStyle | None:
    """Return the style of the entry that shows the most; None without one."""
    if not (shape := _example_of(reading)):
        return None
    text, first = reading.text, shape.fields[0]
    quote = text[first.start] if text[first.start] in "\"'" and first.name != "account" else ""
    unknown: Style = "double" if shape.style == "flow" and quote == '"' else "plain"  # JSON
    styles = {field.name: _quotes(field.value) for field in shape.fields}
    groups = next((field.value for field in shape.fields if isinstance(field.value, Groups)), None)
    items = groups.items if groups else ()
    found = {
        "order": _order(reading.key, shape),
        "key_quote": quote,
        "arn": styles.get(ARN_FIELD.get(reading.key, "account"), "plain"),
        "username": styles.get("username", unknown),
        "group": _quotes(items[0]) if items else unknown,
        "groups": "flow" if groups and groups.style == "flow" else "block",
        **(_in_braces(text, shape) if shape.style == "flow" else _in_lines(text, shape, groups)),
    }
    braces = found.get("braces")
    brackets = Delimiters(comma="," if braces and braces.comma == "," else ", ")
    if groups and groups.style == "flow" and items:
        spans = [(item.start, item.end) for item in items]
        brackets = delimiters(text, (groups.start + 1, groups.end - 1), spans, brackets.comma)
    return EntryStyle(**found, brackets=brackets)


def _in_braces(text: str, shape: EntryLayout) -> dict[str, Any]:
    """Return the fields of the style that only an entry in braces shows."""
    first = shape.fields[0]
    found: dict[str, Any] = {"style": "flow", "groups": "flow"}
    colon = text[first.end : first.value.start]
    if colon.strip() == ":" and "\n" not in colon:
        found["colon"] = colon
    if first.name != "account":
        fields = [(field.start, field.value.end) for field in shape.fields]
        comma = "," if colon == ":" else ", "
        found["braces"] = delimiters(text, (shape.start + 1, shape.end - 1), fields, comma)
    return found


def _in_lines(text: str, shape: EntryLayout, groups: Groups | None) -> dict[str, Any]:
    """Return the fields of the style that only an entry in lines shows."""
    start = shape.fields[0].start
    dash = text.find("-", line_start(text, start), start)
    blanks = {
        name: text[end + 1 : value.start]
        for name, _, end, value in shape.fields
        if isinstance(value, Scalar) and text[end] == ":" and _is_spaces(text[end + 1 : value.start])
    }
    found: dict[str, Any] = {"gap": max(start - dash - 1, 1) if dash >= 0 else 1, "blanks": blanks}
    if groups and groups.style == "block":
        found["groups_offset"] = groups.column - shape.column
        gap = text[groups.start + 1 : groups.items[0].start]
        found |= {"groups_gap": len(gap)} if _is_spaces(gap) else {}
    return found


def _quotes(value: Scalar | Groups) -> Style:
    return value.style if isinstance(value, Scalar) and value.style != "other" else "plain"


def _order(key: Key, shape: EntryLayout) -> tuple[str, ...]:
    """Return all fields in the order of the example; missing ones come last."""
    arn = ARN_FIELD.get(key)
    seen = [_ARN if name == arn else name for name, *_ in shape.fields if name != "account"]
    order = _USUAL.order
    return tuple(seen if len(seen) == len(order) else dict.fromkeys([*seen, *order]))


def _is_spaces(text: str) -> bool:
    return bool(text) and not text.strip(" ")


def delimiters(text: str, inside: tuple[int, int], items: Sequence[tuple[int, int]], comma: str) -> Delimiters:
    """Return the delimiters of items in brackets or braces.

    They are the usual ones if a comment stands among the items.

    Args:
        text: The text.
        inside: The offsets after the opening bracket and before the closing one.
        items: Start and end of each item.
        comma: The separator to use if there is only one item, on the line of the bracket.
    """
    opening, closing = text[inside[0] : items[0][0]], text[items[-1][1] : inside[1]]
    if len(items) > 1:
        comma = text[items[0][1] : items[1][0]]
    elif "\n" in opening:
        comma = f",{opening}"
    is_usual = (opening + closing).strip() or comma.strip() != ","
    return Delimiters() if is_usual else Delimiters(opening, comma, closing)


class EntryWriter:
    """Writes entries and fields in the style of a text.

    Args:
        reading: The text.
        sibling: The reading of another key, whose style is used if `reading` has no entry.
    """

    def __init__(self, reading: ParsedList, sibling: ParsedList | None = None) -> None:
        self._reading = reading
        self._sibling = sibling
        self._newline = newline_of(reading.text)
        self._in_brackets = reading.layout.style == "flow"

    @cached_property
    def _style(self) -> EntryStyle:  # most edits inside an entry do not need it
        style, sibling = style_from(self._reading), self._sibling
        if not style and sibling and (sibling.layout.style == "flow") == self._in_brackets:
            style = style_from(sibling)
        return style or _USUAL

    @property
    def comma(self) -> str:
        """The separator of groups in brackets."""
        return self._style.brackets.comma

    def entry(self, mapped: MappingEntry) -> str:
        """Return a whole entry, without the last line end."""
        style = self._style
        dash = "" if self._in_brackets else f"{' ' * self._reading.layout.column}-{' ' * style.gap}"
        if self._reading.key == "mapAccounts":
            return dash + write_scalar(mapped.principal, style.arn, flow=self._in_brackets)
        if self._in_brackets or style.style == "flow":
            return dash + self._flow_entry(mapped)
        lines = [line for name in self._order() for line in self.field_lines(name, mapped, len(dash))]
        return dash + self._newline.join(lines).lstrip(" ")

    def field_lines(self, name: str, mapped: MappingEntry, column: int) -> list[str]:
        """Return the lines of a field in a block entry with keys at `column`."""
        style = self._style
        key = f"{' ' * column}{style.key_quote}{name}{style.key_quote}:"
        if name != "groups":
            return [f"{key}{style.blanks.get(name, ' ')}{self._value(name, mapped, flow=False)}"]
        if style.groups == "flow" or not mapped.groups:
            return [f"{key} {self.flow_list(mapped.groups)}"]
        dash = f"{' ' * (column + style.groups_offset)}-{' ' * style.groups_gap}"
        return [key, *[dash + write_scalar(group, style.group) for group in mapped.groups]]

    def flow_field(self, name: str, mapped: MappingEntry) -> str:
        """Return a field of a flow entry."""
        style = self._style
        value = self.flow_list(mapped.groups) if name == "groups" else self._value(name, mapped, flow=True)
        return f"{style.key_quote}{name}{style.key_quote}{style.colon}{value}"

    def flow_list(self, groups: tuple[str, ...]) -> str:
        """Return groups as a list in brackets."""
        opening, comma, closing = self._style.brackets
        written = comma.join(write_scalar(group, self._style.group, flow=True) for group in groups)
        return f"[{opening}{written}{closing}]" if written else "[]"

    def _flow_entry(self, mapped: MappingEntry) -> str:
        opening, comma, closing = self._style.braces
        return f"{{{opening}{comma.join(self.flow_field(name, mapped) for name in self._order())}{closing}}}"

    def _order(self) -> tuple[str, ...]:
        return tuple([ARN_FIELD[self._reading.key] if name == _ARN else name for name in self._style.order])

    def _value(self, name: str, mapped: MappingEntry, *, flow: bool) -> str:
        style = self._style
        text, quotes = (mapped.username, style.username) if name == "username" else (mapped.principal, style.arn)
        return write_scalar(text, quotes, flow=flow)
