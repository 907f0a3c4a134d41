"""What stands around the entries of a list (comments, blank lines, commas), and who it belongs to.

A comment on the line of an entry, or indented deeper than its dash right below it, belongs to it. A comment right above
an entry belongs to it too, unless the next entry follows without a gap: then it heads several, and stays. What stands
above or below the only entry may have stood there when there was none, and stays.
"""

from __future__ import annotations

from itertools import groupby, islice, pairwise
from typing import TYPE_CHECKING

from awsauth.core.findings import Location
from awsauth.core.text.lines import Splice, indent_of, line_end, line_start, newline_of
from awsauth.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from awsauth.core.document.model import ParsedList


def list_splices(reading: ParsedList, removed: Iterable[int], new: Sequence[str]) -> list[Splice]:
    """Return the splices that take out the entries at `removed` and put in others, written out in `new`, at the end."""
    gone = sorted(removed)
    lines: _Lines | _Flow = _Flow(reading) if reading.layout.style == "flow" else _Lines(reading, set(gone))
    if not gone:
        return [lines.behind_last(new)]
    runs = [[index for _, index in run] for _, run in groupby(enumerate(gone), lambda pair: pair[1] - pair[0])]
    replaced = runs[-1][-1] == len(reading.entries) - 1 and (bool(new) or len(runs[0]) == len(reading.entries))
    splices = [lines.without(run[0], run[-1]) for run in (runs[:-1] if replaced else runs)]
    if replaced:
        splices.append(lines.instead_of(runs[-1][0], runs[-1][-1], new))
    elif new:
        splices.append(lines.behind_last(new))
    return splices


class _Flow:
    """A list in brackets."""

    def __init__(self, reading: ParsedList) -> None:
        self._key = reading.key
        self._text = reading.text
        self._layout = reading.layout
        self._entries = reading.entries

    def without(self, first: int, last: int) -> Splice:
        shapes = [entry.shape for entry in self._entries[max(first - 1, 0) : last + 2]]
        for previous, following in pairwise(shapes):
            if "#" in self._text[previous.end : following.start]:
                raise self._refused(previous.end)
        if last + 1 < len(self._entries):
            return Splice(self._entries[first].shape.start, self._entries[last + 1].shape.start, "")
        return Splice(self._entries[first - 1].shape.end, self._entries[last].shape.end, "")

    def _refused(self, offset: int) -> EditError:
        return EditError(
            "A comment stands between the entries, and whose it is cannot be told; nothing was changed.",
            place=Location.of(self._key, self._text, offset),
            hint="Write the list in block style, or edit it by hand.",
        )

    def instead_of(self, first: int, last: int, new: Sequence[str]) -> Splice:
        start, end = self._entries[first].shape.start, self._entries[last].shape.end
        opening, closing = self._layout.start + 1, self._layout.end - 1
        if not new and not (self._text[opening:start] + self._text[end:closing]).strip(" \r\n"):
            start, end = opening, closing
        return Splice(start, end, self._comma().join(new))

    def behind_last(self, new: Sequence[str]) -> Splice:
        if not self._entries:
            return Splice(self._layout.start + 1, self._layout.end - 1, self._comma().join(new))
        end = self._entries[-1].shape.end
        return Splice(end, end, "".join(self._comma() + entry for entry in new))

    def _comma(self) -> str:
        """Return what stands between the last two entries, or what fits the only one."""
        if len(self._entries) > 1:
            between = self._text[self._entries[-2].shape.end : self._entries[-1].shape.start]
            return between if between.strip() == "," else ", "
        if not self._entries:
            return ", "
        opening = self._text[self._layout.start + 1 : self._entries[0].shape.start]
        if "\n" in opening and not opening.strip():
            return f",{opening}"
        is_compact = not any(sign in self._text for sign in (", ", ": ", "\n"))
        return "," if is_compact else ", "


class _Lines:
    """A block list, or a text without entries that may become one."""

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
        # Of one entry alone nobody can say how many blank lines would stand behind it: none.
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

    def behind_last(self, new: Sequence[str]) -> Splice:
        if not self._entries:
            return self._instead_of_nothing(self._newline.join(new))
        position = self._tail_end(len(self._entries) - 1)
        separator = self._newline * self._separator()
        if self._ends_line(position):
            return Splice(position, position, "".join(separator + entry + self._newline for entry in new))
        return Splice(position, position, "".join(self._newline + separator + entry for entry in new))

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
        """Return how many blank lines stand between the last two entries that stay."""
        if len(self._kept) < 2:
            return 0
        previous, last = self._kept
        gap = self._text[self._tail_end(previous) : self._head_start(last, last)]
        return sum(not line.strip() for line in gap.splitlines())

    def _entry_end(self, index: int) -> int:
        return self._bounds[index + 1] if self._bounds else self._entries[index].shape.end

    def _tail_end(self, index: int) -> int:
        """Return where an entry ends with the comments below it that are indented deeper than its dash."""
        end = self._entry_end(index)
        while (line := self._text[end : line_end(self._text, end)]).lstrip().startswith("#"):
            if indent_of(line) <= self._layout.column or not self._ends_line(end):
                break
            end += len(line)
        return end

    def _head_start(self, first: int, last: int) -> int:
        """Return where a run of entries starts with the comments right above it that speak of it alone."""
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
        """Return `offset` and the starts of the blank lines above it, going up."""
        starts = [offset]
        while starts[-1] and not self._text[line_start(self._text, starts[-1] - 1) : starts[-1]].strip():
            starts.append(line_start(self._text, starts[-1] - 1))
        return starts

    def _blank_below(self, offset: int) -> list[int]:
        """Return `offset` and the ends of the blank lines below it, going down."""
        ends = [offset]
        while ends[-1] < len(self._text) and not self._text[ends[-1] : line_end(self._text, ends[-1])].strip():
            ends.append(line_end(self._text, ends[-1]))
        return ends
