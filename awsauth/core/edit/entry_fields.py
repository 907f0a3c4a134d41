"""Edits inside an entry: another principal, another username, groups added and taken."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from awsauth.core.document.model import ARN_FIELD, Groups, MappingEntry, Scalar
from awsauth.core.findings import Location
from awsauth.core.goyaml.scalars import Style, write_scalar
from awsauth.core.text.lines import Splice, line_end, line_start, newline_of
from awsauth.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsauth.core.document.model import Entry, Field, ParsedList
    from awsauth.core.edit.style import EntryWriter


_GROUP: Final = re.compile(r"(['\"]?)[\w.:/@-]+\1")
"""A group that is a text of one word, maybe in quotes."""


def field_splices(reading: ParsedList, entry: Entry, new: MappingEntry, writer: EntryWriter) -> list[Splice]:
    """Return the splices after which `entry` maps what `new` says.

    Raises:
        EditError: the entry, or a field that would change, is not written in a way that can be edited.
    """
    return _FieldEdits(reading, entry, new, writer).splices()


class _FieldEdits:
    def __init__(self, reading: ParsedList, entry: Entry, new: MappingEntry, writer: EntryWriter) -> None:
        self._reading = reading
        self._text = reading.text
        self._shape = entry.shape
        self._old = entry.mapped or MappingEntry("")
        self._new = new
        self._writer = writer
        self._newline = newline_of(reading.text)

    def splices(self) -> list[Splice]:
        if self._shape.style == "other" or self._old.sso != self._new.sso:
            raise self._refused(self._shape.start, "This entry is written in a way that cannot be edited")
        arn_field = ARN_FIELD.get(self._reading.key, "account")
        splices = []
        if self._old.principal != self._new.principal:
            splices += self._text_field(arn_field, self._new.principal)
        if self._old.username != self._new.username:
            splices += self._text_field("username", self._new.username)
        if self._old.groups != self._new.groups:
            splices += self._groups()
        return splices

    def _text_field(self, name: str, text: str) -> list[Splice]:
        field = self._shape.field(name)
        if field is None:
            return [self._new_field(name)]
        value = field.value
        if not isinstance(value, Scalar) or value.style == "other":
            raise self._refused(value.start, f"The value of `{name}` is written in a way that cannot be edited")
        written = write_scalar(
            text, value.style, flow=self._shape.style == "flow" or self._reading.layout.style == "flow"
        )
        return [self._value(value.start, value.end, written)]

    def _value(self, start: int, end: int, written: str) -> Splice:
        # Where no value stood, there may be no blank behind the colon either.
        return Splice(start, end, f" {written}" if start == end and self._text[start - 1] == ":" else written)

    def _new_field(self, name: str) -> Splice:
        """Return the splice that adds a field: a username behind the principal, groups at the end."""
        fields = self._shape.fields
        if not fields:
            raise self._refused(self._shape.start, "This entry is written in a way that cannot be edited")
        behind = fields[-1] if name == "groups" else self._shape.field(ARN_FIELD[self._reading.key]) or fields[0]
        if self._shape.style == "flow":
            end = behind.value.end
            comma = "," if self._text[end : end + 1] == "," and self._text[end : end + 2] != ", " else ", "
            return Splice(end, end, comma + self._writer.flow_field(name, self._new))
        lines = self._writer.field_lines(name, self._new, self._shape.column)
        return self._lines_behind(self._end_of(behind), lines)

    def _end_of(self, field: Field) -> int:
        """Return where the last value of a field ends; an empty one ends behind the colon."""
        return max(field.end, field.value.end)

    def _lines_behind(self, offset: int, lines: Sequence[str]) -> Splice:
        end = line_end(self._text, offset)
        if self._text[end - 1 : end] == "\n":
            return Splice(end, end, "".join(line + self._newline for line in lines))
        return Splice(end, end, "".join(self._newline + line for line in lines))

    def _groups(self) -> list[Splice]:
        field = self._shape.field("groups")
        if field is None:
            return [self._new_field("groups")]
        groups = field.value
        if not isinstance(groups, Groups) or groups.style == "other":
            return [self._instead_of_text(field)]
        if groups.style == "none":
            return [self._value(groups.start, groups.end, self._writer.flow_list(self._new.groups))]
        taken, added = self._difference(groups)
        if groups.style == "flow":
            return self._in_brackets(groups, taken, added)
        return self._in_lines(field, groups, taken, added)

    def _instead_of_text(self, field: Field) -> Splice:
        """Return the splice that makes a list of groups that are a text, where that group is one of the new ones."""
        written = self._text[field.value.start : field.value.end]
        group = written.strip("'\"")
        if _GROUP.fullmatch(written) and group in self._new.groups:
            return self._value(field.value.start, field.value.end, self._writer.flow_list(self._new.groups))
        problem, hint = (
            "`groups` is written in a way that cannot be edited",
            "Write it as a list, without anchor, alias or tag.",
        )
        if _GROUP.fullmatch(written):
            problem, hint = "`groups` is a text and not a list", f'Write `groups: ["{group}"]` first.'
        raise self._refused(field.start, problem, hint=hint)

    def _difference(self, groups: Groups) -> tuple[list[int], list[str]]:
        """Return the indexes of the items to take out, and the groups to append."""
        wanted = list(self._new.groups)
        taken = []
        for index, item in enumerate(groups.items):
            if wanted and item.text == wanted[0]:
                wanted.pop(0)
            else:
                taken.append(index)
        return taken, wanted

    def _in_brackets(self, groups: Groups, taken: list[int], added: list[str]) -> list[Splice]:
        items = groups.items
        comma = self._comma(groups)
        if not items:
            return [Splice(groups.start, groups.end, self._writer.flow_list(tuple(added)))]
        if len(taken) == len(items):
            style = self._item_style(items[0])
            written = comma.join(write_scalar(group, style, flow=True) for group in added)
            around = self._text[groups.start + 1 : items[0].start] + self._text[items[-1].end : groups.end - 1]
            if not written and not around.strip(" \r\n"):
                return [Splice(groups.start, groups.end, "[]")]
            return [Splice(items[0].start, items[-1].end, written)]
        splices = []
        kept = [index for index in range(len(items)) if index not in taken]
        for one, next_one in pairwise(items):
            if taken and "#" in self._text[one.end : next_one.start]:
                raise self._refused(one.end, "A comment stands between the groups")
        for index in taken:
            if index < kept[0]:
                splices.append(Splice(items[index].start, items[index + 1].start, ""))
            else:
                splices.append(Splice(items[index - 1].end, items[index].end, ""))
        if added:
            style = self._item_style(items[-1])
            end = items[-1].end
            splices.append(Splice(end, end, "".join(comma + write_scalar(group, style, flow=True) for group in added)))
        return splices

    def _comma(self, groups: Groups) -> str:
        """Return what stands between two groups, or would by the way that the first one stands."""
        items = groups.items
        if len(items) > 1:
            return self._text[items[0].end : items[1].start]
        opening = self._text[groups.start + 1 : items[0].start] if items else ""
        return f",{opening}" if "\n" in opening and not opening.strip() else self._writer.comma

    def _in_lines(self, field: Field, groups: Groups, taken: list[int], added: list[str]) -> list[Splice]:
        items = groups.items
        splices = []
        for index in taken:
            self._item_style(items[index])
            start = line_start(self._text, items[index].start)
            splices.append(Splice(start, line_end(self._text, items[index].end), ""))
        if len(taken) == len(items) and not added:
            behind_colon = self._text.index(":", field.end) + 1
            return [self._value(behind_colon, behind_colon, "[]"), *self._without_last_line_end(splices)]
        if added:
            last = items[-1]
            dash = self._text[line_start(self._text, last.start) : last.start]
            style = self._item_style(last)
            splices.append(self._lines_behind(last.end, [dash + write_scalar(group, style) for group in added]))
        return self._without_last_line_end(splices)

    def _without_last_line_end(self, splices: list[Splice]) -> list[Splice]:
        """Leave a text without a final line feed without one when its last line goes."""
        last = splices[-1]
        if last.text or last.end < len(self._text) or self._text.endswith("\n"):
            return splices
        first = len(splices) - 1
        while first and splices[first - 1].end == splices[first].start:
            first -= 1
        start = splices[first].start
        return [*splices[:first], Splice(start - len(self._newline), last.end, "")]

    def _item_style(self, item: Scalar) -> Style:
        if item.style == "other":
            raise self._refused(item.start, "A group is written in a way that cannot be edited")
        return item.style

    def _refused(
        self, start: int, problem: str, *, hint: str = "Write it on a line of its own, without anchor, alias or tag."
    ) -> EditError:
        return EditError(
            f"{problem}; nothing was changed.", place=Location.of(self._reading.key, self._text, start), hint=hint
        )
