"""Writing a new entry the way its neighbours are written."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from awsauth.core.manner import ARN, BY_HAND, manner_of
from awsauth.core.reading import ARN_FIELD
from awsauth.core.scalars import write_scalar
from awsauth.core.text import newline_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsauth.core.manner import Manner
    from awsauth.core.reading import Key, Mapped, Reading


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
        return manner_of(self._reading) or (manner_of(sibling) if sibling and teaches else None) or BY_HAND

    @property
    def comma(self) -> str:
        """What stands between two groups in brackets."""
        return self._manner.brackets.comma

    def entries(self, added: Sequence[Mapped]) -> list[str]:
        """Return whole entries, without the line end behind them."""
        return [self._entry(mapped) for mapped in added]

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
            return [f"{key}{manner.blanks.get(name, ' ')}{self._value(name, mapped, flow=False)}"]
        if manner.groups == "flow" or not mapped.groups:
            return [f"{key} {self.flow_list(mapped.groups)}"]
        dash = f"{' ' * (column + manner.groups_offset)}-{' ' * manner.groups_gap}"
        return [key, *[dash + write_scalar(group, manner.group) for group in mapped.groups]]

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
