"""Every kind of edit of an entry, and what an edit has to leave alone, told without the editor's own splices."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from awsauth.core.document.document import parse_list
from awsauth.core.document.model import MappingEntry
from awsauth.core.edit.rewrite import rewrite
from awsauth.core.text.lines import spliced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from awsauth.core.document.model import Key, ParsedList
    from awsauth.core.edit.rewrite import RewriteResult

NEW: Final[dict[Key, MappingEntry]] = {
    "mapRoles": MappingEntry("arn:aws:iam::111122223333:role/new", "new:{{SessionName}}", ("system:masters", "12")),
    "mapUsers": MappingEntry("arn:aws:iam::111122223333:user/new", "new", ("system:masters",)),
    "mapAccounts": MappingEntry("001234567890"),
}
"""What is added."""
_OVER_TWO_LINES: Final = "the second dash is one column too far right, so that one group stands on two lines"
REFUSED: Final = {
    ("053.yaml", "mapRoles", "group added"): _OVER_TWO_LINES,
    ("053.yaml", "mapRoles", "group taken"): _OVER_TWO_LINES,
    ("053.yaml", "mapRoles", "all groups taken"): _OVER_TWO_LINES,
}
"""The edits of real documents that are refused, and why."""

_KINDS: Final[dict[str, Callable[[MappingEntry], MappingEntry | None]]] = {
    "entry removed": lambda _: None,
    "principal renamed": lambda mapped: mapped._replace(principal=mapped.principal + "-b"),
    "username": lambda mapped: mapped._replace(username="{{SessionName}}"),
    "group added": lambda mapped: mapped._replace(groups=(*mapped.groups, "a: b")),
    "group taken": lambda mapped: mapped._replace(groups=mapped.groups[1:]),
    "all groups taken": lambda mapped: mapped._replace(groups=()),
}
KINDS: Final = ("entry added", *_KINDS)


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of a text: an entry added, or the one at `index` changed to `new` (None: taken out)."""

    kind: str
    reading: ParsedList
    index: int | None
    new: MappingEntry | None

    def made(self, sibling: ParsedList | None = None) -> RewriteResult:
        """Make the edit."""
        if self.index is None:
            assert self.new is not None
            return rewrite(self.reading, {}, [self.new], sibling=sibling)
        return rewrite(self.reading, {self.index: self.new}, [])

    def wanted(self) -> list[MappingEntry]:
        """Return what has to be mapped afterwards."""
        mapped = [entry.mapped for entry in self.reading.entries]
        if self.index is None:
            mapped.append(self.new)
        else:
            mapped[self.index] = self.new
        return [one for one in mapped if one is not None]

    def location(self) -> tuple[int, int]:
        """Return the only part of the text that the edit may touch, with the comments that may belong to the entry."""
        text, layout = self.reading.text, self.reading.layout
        if self.index is None:
            if not self.reading.entries:
                column = layout.column if layout.style == "empty" else 0
                return layout.start - column, layout.end
            return self.reading.entries[-1].shape.end, _past_comments(text, self.reading.entries[-1].shape.end)
        shape = self.reading.entries[self.index].shape
        if self.new is not None:
            return shape.start, shape.end
        return _surrounded(text, shape.start, shape.end, flow=layout.style == "flow")


def edits(reading: ParsedList, new: MappingEntry | None = None) -> Iterator[Edit]:
    """Yield every edit that makes sense for a text."""
    yield Edit("entry added", reading, None, new or NEW[reading.key])
    for index, entry in enumerate(reading.entries):
        mapped = entry.mapped
        if mapped is None:
            continue
        for kind, change in _KINDS.items():
            changed = change(mapped)
            if changed == mapped or (changed is not None and not _makes_sense(reading.key, kind, mapped)):
                continue
            yield Edit(kind, reading, index, changed)


def edits_of(readings: dict[Key, ParsedList]) -> Iterator[Edit]:
    """Yield every edit that makes sense for the texts of a document."""
    for reading in readings.values():
        yield from edits(reading)


def sibling(readings: dict[Key, ParsedList], key: Key) -> ParsedList | None:
    """Return the other list of a document, whose style an empty one takes."""
    other = readings["mapUsers" if key == "mapRoles" else "mapRoles"]
    return other if other.entries and key != "mapAccounts" else None


def checked(edit: Edit, sibling: ParsedList | None = None) -> str:
    """Make an edit, check what can be checked without the authenticator, and return the new text."""
    done = edit.made(sibling)
    before, after = edit.reading.text, done.reading.text
    assert spliced(before, done.splices) == after
    assert all(one.end <= other.start for one, other in zip(done.splices, done.splices[1:], strict=False))
    assert touched_elsewhere(edit, after) == "", f"{edit.kind}: {before!r} became {after!r}"
    assert parse_list(edit.reading.key, after).mapped == edit.wanted()
    assert ("\r\n" in before) >= ("\r\n" in after)
    return after


def touched_elsewhere(edit: Edit, after: str) -> str:
    """Return what is wrong when a byte changed outside of the edit's place, and nothing when none did."""
    start, end = edit.location()
    before = edit.reading.text
    if not after.startswith(before[:start]):
        return f"touched before {start}"
    if not after.endswith(before[end:]) or len(after) < start + len(before) - end:
        return f"touched behind {end}"
    return ""


def _makes_sense(key: Key, kind: str, mapped: MappingEntry) -> bool:
    if kind == "principal renamed":
        return mapped.sso is None
    return key != "mapAccounts"


def _past_comments(text: str, end: int) -> int:
    found = re.compile(r"(?:[ \t]*(?:#.*)?\r?\n)*(?:[ \t]*(?:#.*)?\Z)?").match(text, end)
    assert found is not None
    return found.end()


def _surrounded(text: str, start: int, end: int, *, flow: bool) -> tuple[int, int]:
    if flow:
        before, behind = re.search(r"[\s,]*\Z", text[:start]), re.compile(r"[\s,]*").match(text, end)
        assert before is not None
        assert behind is not None
        return before.start(), behind.end()
    before = re.search(r"(?:(?<![^\n])[ \t\r]*(?:#[^\n]*)?\n)*\Z", text[:start])
    assert before is not None
    first, last = before.start(), _past_comments(text, end)
    if last == len(text) and not text.endswith("\n"):  # with the last line its line break goes
        first -= len("\r\n") if text[:first].endswith("\r\n") else min(first, 1)
    return first, last
