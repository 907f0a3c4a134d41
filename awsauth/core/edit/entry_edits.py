"""The splices of an edit: inside an entry, and of whole entries in a list.

Entries go with their comments and commas. A comment belongs to an entry if it is on the entry's line. So does one right
below it that is indented deeper than the dash. A comment right above an entry belongs to it too, unless the next entry
follows without a gap: such a comment heads several entries and stays. Comments above and below the only entry stay; they
may be older than the entry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, islice
from typing import NamedTuple

from awsauth.core.document.model import ARN_FIELD, Entry, Field, Groups, MappingEntry, ParsedList, Scalar
from awsauth.core.edit.entry_writer import EntryWriter, delimiters
from awsauth.core.findings import Location
from awsauth.core.goyaml.scalars import Style, write_scalar
from awsauth.core.text.lines import Splice, indent_of, line_end, line_start, newline_of
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

    def text_field(self, name: str, text: str) -> Splice:
        if not (field := self._shape.field(name)):
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
        if not (fields := self._shape.fields):
            raise self.refused(self._shape.start, "This entry has a form that cannot be edited")
        previous = fields[-1] if name == "groups" else self._shape.field(ARN_FIELD[self._reading.key]) or fields[0]
        end = previous.value.end
        if self._shape.style == "flow":
            comma = "," if self._text[end : end + 1] == "," and self._text[end : end + 2] != ", " else ", "
            return Splice(end, end, comma + self._writer.flow_field(name, self._new))
        lines = self._writer.field_lines(name, self._new, self._shape.column)
        return _lines_at(self._text, line_end(self._text, max(previous.end, end)), lines)

    def groups(self) -> list[Splice]:
        if not (field := self._shape.field("groups")):
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
            written = [dash + write_scalar(group, style) for group in added]
            splices.append(_lines_at(self._text, line_end(self._text, last.end), written))
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
        return [*splices[:first], Splice(splices[first].start - len(newline_of(self._text)), last.end, "")]

    def refused(
        self, start: int, problem: str, *, hint: str = "Write it on a line of its own, without anchor, alias or tag."
    ) -> EditError:
        return EditError(f"{problem}.", place=Location.of(self._reading.key, self._text, start), hint=hint)


def _lines_at(text: str, offset: int, lines: Sequence[str]) -> Splice:
    """Return the splice that adds lines where a line starts or the text ends."""
    newline, starts_line = newline_of(text), text[offset - 1 : offset] == "\n"
    return Splice(offset, offset, "".join([line + newline if starts_line else newline + line for line in lines]))


def list_splices(reading: ParsedList, removed: Iterable[int], new: Sequence[str]) -> list[Splice]:
    """Return the splices that remove entries, and add others at the end."""
    gone = sorted(removed)
    entries = reading.entries
    if reading.layout.style == "flow":
        layout = reading.layout
        items = FlowItems(layout.start + 1, layout.end - 1, len(entries), lambda index: _span(entries[index]))
        return flow_splices(reading, items, gone, new, _comma(reading))
    lines = _Lines(reading, set(gone))
    if not gone:
        return [lines.after_last(new)]
    runs = [[index for _, index in run] for _, run in groupby(enumerate(gone), lambda pair: pair[1] - pair[0])]
    replaced = runs[-1][-1] == len(entries) - 1 and (bool(new) or len(runs[0]) == len(entries))
    splices = [lines.without(run[0], run[-1]) for run in (runs[:-1] if replaced else runs)]
    if replaced:
        splices.append(lines.instead_of(runs[-1][0], runs[-1][-1], new))
    elif new:
        splices.append(lines.after_last(new))
    return splices


class FlowItems(NamedTuple):
    """The items of a list in brackets.

    Attributes:
        start: The offset after the opening bracket.
        end: The offset of the closing bracket.
        length: The number of items.
        span: Returns start and end of an item by its position.
    """

    start: int
    end: int
    length: int
    span: Callable[[int], tuple[int, int]]


def flow_splices(
    reading: ParsedList, items: FlowItems, removed: Sequence[int], new: Sequence[str], comma: str
) -> list[Splice]:
    """Return the splices that remove and add items of a list in brackets.

    New items go to the end.

    Args:
        reading: The text.
        items: The items of the list.
        removed: The positions of the items to remove, in order.
        new: The items to add.
        comma: The separator.

    Raises:
        EditError: a comment stands next to an item to remove.
    """
    text, count, span = reading.text, items.length, items.span
    if len(removed) == count:
        start, end = (span(0)[0], span(count - 1)[1]) if count else items[:2]
        if not new and not (text[items.start : start] + text[end : items.end]).strip(" \r\n"):
            start, end = items[:2]
        return [Splice(start, end, comma.join(new))]
    for first in {max(index + step, 0) for index in removed for step in (-1, 0)}:
        previous_end, start = span(first)[1], span(min(first + 1, count - 1))[0]
        if "#" in text[previous_end:start]:
            message = "A comment stands inside of the brackets, and may belong to either neighbor."
            hint = "Write the list in block style, or edit it by hand."
            raise EditError(message, place=Location.of(reading.key, text, previous_end), hint=hint)
    gone = set(removed)
    first_kept = next(index for index in range(count) if index not in gone)
    splices = [Splice(span(index)[0], span(index + 1)[0], "") for index in removed if index < first_kept]
    splices += [Splice(span(index - 1)[1], span(index)[1], "") for index in removed if index > first_kept]
    if new:
        end = span(count - 1)[1]
        splices.append(Splice(end, end, "".join(comma + item for item in new)))
    return splices


def _span(entry: Entry) -> tuple[int, int]:
    return entry.shape.start, entry.shape.end


def _comma(reading: ParsedList) -> str:
    """Return the separator of the last two entries, or one that fits the only entry."""
    if not (spans := [_span(entry) for entry in reading.entries[-2:]]):
        return ", "
    start = spans[0][0] if len(spans) > 1 else reading.layout.start + 1
    is_compact = len(spans) == 1 and not any(sign in reading.text for sign in (", ", ": ", "\n"))
    return delimiters(reading.text, (start, spans[-1][1]), spans, "," if is_compact else ", ").comma


class _Lines:
    """A block list, or a text without entries that can become one."""

    def __init__(self, reading: ParsedList, gone: set[int]) -> None:
        self._text = reading.text
        self._layout = reading.layout
        self._entries = reading.entries
        self._bounds = reading.bounds
        staying = (index for index in reversed(range(len(reading.entries))) if index not in gone)
        self._kept = [*islice(staying, 2)][::-1]
        self._newline = newline_of(reading.text)

    def without(self, first: int, last: int) -> Splice:
        start, end = self._head_start(first, last), self._tail_end(last)
        if last + 1 < len(self._entries):
            above, below = self._blank_above(start), self._blank_below(end)
            return Splice(start, below[min(len(above), len(below)) - 1 if first else -1], "")
        above = self._blank_above(start)
        # A single entry does not show how many blank lines follow an entry: none.
        start = above[min(self._separator(), len(above) - 1) if len(self._kept) > 1 else -1]
        if not self._ends_line(end):
            start -= len(self._newline)
        return Splice(start, end, "")

    def instead_of(self, first: int, last: int, new: Sequence[str]) -> Splice:
        start, end = self._head_start(first, last), self._tail_end(last)
        if not new:
            start, end = self._entries[first].shape.start, self._entry_end(last)
        lines = self._newline.join(new) if new else " " * self._layout.column + "[]"
        return Splice(start, end, lines + (self._newline if self._ends_line(end) else ""))

    def after_last(self, new: Sequence[str]) -> Splice:
        if not self._entries:
            return self._instead_of_nothing(self._newline.join(new))
        position = self._tail_end(len(self._entries) - 1)
        separator = self._newline * self._separator()
        return _lines_at(self._text, position, [separator + entry for entry in new])

    def _instead_of_nothing(self, lines: str) -> Splice:
        start, end = self._layout.start, self._layout.end
        if start < end and not self._text[start:end].strip().strip("\"'`"):
            return Splice(start, end, lines + self._newline)
        if start < end:
            return Splice(start - self._layout.column, end, lines)
        before = "" if start == 0 or self._ends_line(start) else self._newline
        return Splice(start, start, before + lines + self._newline)

    def _ends_line(self, offset: int) -> bool:
        return self._text[offset - 1 : offset] == "\n"

    def _separator(self) -> int:
        """Return the number of blank lines between the last two entries that stay."""
        if len(self._kept) < 2:
            return 0
        previous, last = self._kept
        gap = self._text[self._tail_end(previous) : self._head_start(last, last)]
        return sum(not line.strip() for line in gap.splitlines())

    def _entry_end(self, index: int) -> int:
        return self._bounds[index + 1] if self._bounds else self._entries[index].shape.end

    def _tail_end(self, index: int) -> int:
        """Return the end of an entry, with deeper comments below it."""
        end = self._entry_end(index)
        while (line := self._text[end : line_end(self._text, end)]).lstrip().startswith("#"):
            if indent_of(line) <= self._layout.column or not self._ends_line(end):
                break
            end += len(line)
        return end

    def _head_start(self, first: int, last: int) -> int:
        """Return the start of a run of entries, with the comments that are only its."""
        start = self._entries[first].shape.start
        follower = last + 1
        if follower < len(self._entries) and self._entries[follower].shape.start == self._tail_end(last):
            return start
        limit = self._tail_end(first - 1) if first else 0
        while start > limit:
            above = line_start(self._text, start - 1)
            if above < limit or not self._text[above:start].lstrip().startswith("#"):
                break
            start = above
        return start

    def _blank_above(self, offset: int) -> list[int]:
        """Return `offset` and the starts of the blank lines above it, upwards."""
        starts = [offset]
        while starts[-1] and not self._text[line_start(self._text, starts[-1] - 1) : starts[-1]].strip():
            starts.append(line_start(self._text, starts[-1] - 1))
        return starts

    def _blank_below(self, offset: int) -> list[int]:
        """Return `offset` and the ends of the blank lines below it, downwards."""
        ends = [offset]
        while ends[-1] < len(self._text) and not self._text[ends[-1] : line_end(self._text, ends[-1])].strip():
            ends.append(line_end(self._text, ends[-1]))
        return ends
