"""Edits inside an entry: the principal, the username, the groups."""

from __future__ import annotations

import re
from collections.abc import Sequence

from awsauth.core.document.model import ARN_FIELD, Entry, Field, Groups, MappingEntry, ParsedList, Scalar
from awsauth.core.edit.entry_list import FlowItems, flow_splices
from awsauth.core.edit.entry_writer import EntryWriter, delimiters
from awsauth.core.findings import Location
from awsauth.core.goyaml.scalars import Style, write_scalar
from awsauth.core.text.lines import Splice, line_end, line_start, newline_of
from awsauth.errors import EditError


def field_splices(reading: ParsedList, entry: Entry, new: MappingEntry, writer: EntryWriter) -> list[Splice]:
    """Return the splices after which `entry` maps `new`.

    Raises:
        EditError: the entry, or a field that would change, has a form that cannot be edited.
    """
    edits = _FieldEdits(reading, entry, new, writer)
    old = entry.mapped or MappingEntry("")
    if entry.shape.style == "other" or old.sso != new.sso:
        raise edits.refused(entry.shape.start, "This entry has a form that cannot be edited")
    splices = []
    if old.principal != new.principal:
        splices.append(edits.text_field(ARN_FIELD.get(reading.key, "account"), new.principal))
    if old.username != new.username:
        splices.append(edits.text_field("username", new.username))
    return splices + edits.groups() if old.groups != new.groups else splices


class _FieldEdits:
    def __init__(self, reading: ParsedList, entry: Entry, new: MappingEntry, writer: EntryWriter) -> None:
        self._reading = reading
        self._text = reading.text
        self._shape = entry.shape
        self._new = new
        self._writer = writer
        self._newline = newline_of(reading.text)

    def text_field(self, name: str, text: str) -> Splice:
        field = self._shape.field(name)
        if not field:
            return self._new_field(name)
        style = self._style(field.value, f"The value of `{name}`")
        in_flow = "flow" in (self._shape.style, self._reading.layout.style)
        return self._value(field.value.start, field.value.end, write_scalar(text, style, flow=in_flow))

    def _style(self, value: Scalar | Groups, name: str) -> Style:
        if not isinstance(value, Scalar) or value.style == "other":
            raise self.refused(value.start, f"{name} has a form that cannot be edited")
        return value.style

    def _value(self, start: int, end: int, written: str) -> Splice:
        # An empty value may have no blank before it.
        return Splice(start, end, f" {written}" if start == end and self._text[start - 1] == ":" else written)

    def _new_field(self, name: str) -> Splice:
        """Return the splice that adds a field.

        A username goes after the principal, groups go to the end.
        """
        fields = self._shape.fields
        if not fields:
            raise self.refused(self._shape.start, "This entry has a form that cannot be edited")
        previous = fields[-1] if name == "groups" else self._shape.field(ARN_FIELD[self._reading.key]) or fields[0]
        end = previous.value.end
        if self._shape.style == "flow":
            comma = "," if self._text[end : end + 1] == "," and self._text[end : end + 2] != ", " else ", "
            return Splice(end, end, comma + self._writer.flow_field(name, self._new))
        return self._lines_after(max(previous.end, end), self._writer.field_lines(name, self._new, self._shape.column))

    def _lines_after(self, offset: int, lines: Sequence[str]) -> Splice:
        end = line_end(self._text, offset)
        if self._text[end - 1 : end] == "\n":
            return Splice(end, end, "".join(line + self._newline for line in lines))
        return Splice(end, end, "".join(self._newline + line for line in lines))

    def groups(self) -> list[Splice]:
        field = self._shape.field("groups")
        if not field:
            return [self._new_field("groups")]
        groups = field.value
        if not isinstance(groups, Groups) or groups.style == "other":
            self._check_is_wanted(field)
        elif groups.style != "none":
            removed, added = self._difference(groups)
            if groups.style == "block":
                return self._in_lines(field, groups, removed, added)
            if groups.items:
                return self._in_brackets(groups, removed, added)
        return [self._value(groups.start, groups.end, self._writer.flow_list(self._new.groups))]

    def _check_is_wanted(self, field: Field) -> None:
        """Refuse to replace groups that are not a list, unless one group stays."""
        written = self._text[field.value.start : field.value.end]
        group = written.strip("'\"")
        if not re.fullmatch(r"(['\"]?)[\w.:/@-]+\1", written):  # a group of one word, with or without quotes
            hint = "Write it as a list, without anchor, alias or tag."
            raise self.refused(field.start, "`groups` has a form that cannot be edited", hint=hint)
        if group not in self._new.groups:
            hint = f'Write `groups: ["{group}"]` first.'
            raise self.refused(field.start, "`groups` is a text and not a list", hint=hint)

    def _difference(self, groups: Groups) -> tuple[list[int], list[str]]:
        """Return the positions of the groups to remove, and the groups to append."""
        wanted = list(self._new.groups)
        removed = []
        for index, item in enumerate(groups.items):
            if wanted and item.text == wanted[0]:
                wanted.pop(0)
            else:
                removed.append(index)
        return removed, wanted

    def _in_brackets(self, groups: Groups, removed: list[int], added: list[str]) -> list[Splice]:
        spans = [(item.start, item.end) for item in groups.items]
        items = FlowItems(groups.start + 1, groups.end - 1, len(spans), spans.__getitem__)
        comma = delimiters(self._text, items[:2], spans, self._writer.comma).comma
        style = self._style(groups.items[0 if len(removed) == len(spans) else -1], "A group") if added else "plain"
        written = [write_scalar(group, style, flow=True) for group in added]
        return flow_splices(self._reading, items, removed, written, comma)

    def _in_lines(self, field: Field, groups: Groups, removed: list[int], added: list[str]) -> list[Splice]:
        items = groups.items
        splices = []
        for index in removed:
            self._style(items[index], "A group")
            start = line_start(self._text, items[index].start)
            splices.append(Splice(start, line_end(self._text, items[index].end), ""))
        if len(removed) == len(items) and not added:
            after_colon = self._text.index(":", field.end) + 1
            return [self._value(after_colon, after_colon, "[]"), *self._without_last_line_end(splices)]
        if added:
            last = items[-1]
            dash = self._text[line_start(self._text, last.start) : last.start]
            style = self._style(last, "A group")
            splices.append(self._lines_after(last.end, [dash + write_scalar(group, style) for group in added]))
        return self._without_last_line_end(splices)

    def _without_last_line_end(self, splices: list[Splice]) -> list[Splice]:
        """Remove the line end before splices that remove the last lines.

        That is needed if the text does not end with one.
        """
        last = splices[-1]
        if last.text or last.end < len(self._text) or self._text.endswith("\n"):
            return splices
        first = len(splices) - 1
        while first and splices[first - 1].end == splices[first].start:
            first -= 1
        return [*splices[:first], Splice(splices[first].start - len(self._newline), last.end, "")]

    def refused(
        self, start: int, problem: str, *, hint: str = "Write it on a line of its own, without anchor, alias or tag."
    ) -> EditError:
        return EditError(f"{problem}.", place=Location.of(self._reading.key, self._text, start), hint=hint)
