"""Writing a new entry the way its neighbours are written."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from awsauth.core.manner import ARN, Manner, example_of, manner_of, style_of
from awsauth.core.reading import ARN_FIELD, Scalar
from awsauth.core.scalars import write_scalar
from awsauth.core.text import line_start, newline_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsauth.core.reading import Key, Mapped, Reading
    from awsauth.core.scalars import Style


class _Before(NamedTuple):
    """What stands before a value, or before each group.

    Attributes:
        name: The name of the field.
        key: Of groups, the line of their key.
        prefix: What stands before it on its line.
        style: How the value is written.
    """

    name: str
    key: str
    prefix: str
    style: Style


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
    def _manner(self) -> Manner:
        # Not before it is needed: most edits inside an entry take after what stands there.
        sibling = self._sibling
        # A list in brackets teaches nothing to one in lines, nor the other way round.
        teaches = sibling is not None and (sibling.layout.style == "flow") == self._in_brackets
        return manner_of(self._reading) or (manner_of(sibling) if sibling and teaches else None) or Manner()

    @property
    def comma(self) -> str:
        """What stands between two groups in brackets."""
        return self._manner.brackets.comma

    def entries(self, added: Sequence[Mapped]) -> list[str]:
        """Return whole entries, without the line end behind them."""
        pattern = self._pattern() if added and not self._in_brackets else None
        return [
            self._by_pattern(pattern, mapped) if pattern and mapped.groups else self._entry(mapped) for mapped in added
        ]

    def _pattern(self) -> list[_Before] | None:
        """Return the values of the entry that shows how others are written, where each stands on a line of its own."""
        text, shape = self._reading.text, example_of(self._reading)
        if shape is None or shape.style != "block":
            return None
        if line_start(text, shape.fields[0].start) != shape.start:
            return None  # the first key that counts is not on the line of the dash
        found = []
        for name, start, end, value in shape.fields:
            if text[start:end].strip("\"'") != name or text[end : end + 1] != ":":
                return None  # other tools know but one spelling
            key = line_start(text, start)
            if isinstance(value, Scalar):
                found.append(_Before(name, "", text[key : value.start], style_of(value)))
            elif value.style == "block" and value.items:
                first = value.items[0]
                item = text[line_start(text, first.start) : first.start]
                found.append(_Before(name, f"{text[key:end]}:", item, style_of(first)))
        can_be_repeated = all(one.prefix.endswith(" ") and "\n" not in one.prefix for one in found)
        return found if can_be_repeated and len(found) == 3 else None

    def _by_pattern(self, pattern: list[_Before], mapped: Mapped) -> str:
        """Return an entry with what stands before each value in that one, its blanks too, without working out a manner."""
        lines = []
        for name, key, prefix, style in pattern:
            if name == "groups":
                lines += [key, *[prefix + write_scalar(group, style) for group in mapped.groups]]
            else:
                lines.append(prefix + write_scalar(mapped.username if name == "username" else mapped.principal, style))
        return self._newline.join(lines)

    def _entry(self, mapped: Mapped) -> str:
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
        return tuple([ARN_FIELD[self._key] if name == ARN else name for name in self._manner.order])

    def _value(self, name: str, mapped: Mapped, *, flow: bool) -> str:
        if name == "username":
            return write_scalar(mapped.username, self._manner.username, flow=flow)
        return write_scalar(mapped.principal, self._manner.arn, flow=flow)
