"""Edits as splices into a text: what is not replaced stays byte for byte.

`rewrite` is told what each entry should map afterwards, finds the smallest replacements, and reads the result again:
it has to hold exactly what was asked for, or nothing is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from awsauth.core.document.index import differing
from awsauth.core.edit.entry_fields import field_splices
from awsauth.core.edit.entry_list import list_splices
from awsauth.core.edit.style import EntryWriter
from awsauth.core.findings import Location
from awsauth.core.text.lines import Splice, Unchanged, spliced
from awsauth.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from awsauth.core.document.model import Key, MappingEntry, ParsedList


class RewriteResult(NamedTuple):
    """The reading of the new text, and the splices that lead to it from the old one, in the order of the text."""

    reading: ParsedList
    splices: tuple[Splice, ...]


def rewrite(
    reading: ParsedList,
    changed: Mapping[int, MappingEntry | None],
    added: Sequence[MappingEntry],
    *,
    read: Callable[[Key, str, ParsedList, Unchanged], ParsedList],
    sibling: ParsedList | None = None,
) -> RewriteResult:
    """Change the entries at the indexes in `changed` (None takes one out) and add others at the end.

    Args:
        reading: The text to edit.
        changed: What entries are to map, by their index in `reading.entries`.
        added: What is to be mapped by new entries.
        read: Reads the new text, told what it has in common with that of `reading`.
        sibling: Another key's reading to take the layout from when `reading` has no entry of its own.

    Raises:
        EditError: the text, or an entry in it, is not written in a way that can be edited without touching more.
    """
    changed = {index: new for index, new in changed.items() if reading.entries[index].mapped != new or new is None}
    if not changed and not added:
        return RewriteResult(reading, ())
    check_editable(reading)
    splices = _splices(reading, changed, added, EntryWriter(reading, sibling))
    unchanged = Unchanged(splices[0].start, len(reading.text) - splices[-1].end)
    after = read(reading.key, spliced(reading.text, splices), reading, unchanged)
    if not after.trusted or not _has_effect(reading, after, changed, added, unchanged):
        new = [finding.message for finding in after.findings if len(after.findings) > len(reading.findings)]
        because = f": {new[0].rstrip('.')}" if new else ""
        raise EditError(
            f"The edit of {reading.key} would not have the effect that is wanted{because}; nothing was changed.",
            place=_first_place(reading, changed),
            hint="Write the entry in plain block style, or edit the text by hand.",
        )
    return RewriteResult(after, tuple(splices))


def _has_effect(
    reading: ParsedList,
    after: ParsedList,
    changed: Mapping[int, MappingEntry | None],
    added: Sequence[MappingEntry],
    unchanged: Unchanged,
) -> bool:
    """Whether all entries map what they did, but for those that are changed, and those that are added at the end."""
    old, _ = differing(reading, after, unchanged)
    start, behind = old.start, len(reading.entries) - old.stop
    if added:
        behind = 0
    if changed:
        start, behind = min(start, *changed), min(behind, len(reading.entries) - 1 - max(changed))
    wanted = [
        changed.get(index, reading.entries[index].mapped)
        for index in range(start, len(reading.entries) - behind)
        if index not in changed or changed[index] is not None
    ]
    found = [after.entries[index].mapped for index in range(start, len(after.entries) - behind)]
    return found == [*wanted, *added]


def _splices(
    reading: ParsedList, changed: Mapping[int, MappingEntry | None], added: Sequence[MappingEntry], writer: EntryWriter
) -> list[Splice]:
    splices = []
    for index, new in changed.items():
        if new is not None:
            splices += field_splices(reading, reading.entries[index], new, writer)
    removed = [index for index, new in changed.items() if new is None]
    if removed or added:
        splices += list_splices(reading, removed, writer.entries(added))
    return sorted(splices, key=lambda splice: (splice.start, splice.end))


def check_editable(reading: ParsedList) -> None:
    """Refuse to edit what cannot be read for certain, or is written in a way that cannot be edited.

    Raises:
        EditError: it is.
    """
    if reading.layout.style != "other" and reading.trusted:
        return
    # With entries the findings are about those, and not why the list cannot be edited.
    finding = reading.findings[0] if reading.findings and not reading.entries else None
    if finding is not None:
        raise EditError(
            f"{finding.message} {finding.impact} Nothing was changed.", place=finding.location, hint=finding.hint
        )
    raise EditError(
        f"{reading.key} is written in a way that cannot be edited; nothing was changed.",
        place=Location(reading.key, 1, 1),
        hint="Write it as a plain list, with ordinary line ends and without an anchor or tag before it.",
    )


def _first_place(reading: ParsedList, changed: Mapping[int, MappingEntry | None]) -> Location:
    start = reading.entries[min(changed)].shape.start if changed else len(reading.text)
    return Location.of(reading.key, reading.text, start)
