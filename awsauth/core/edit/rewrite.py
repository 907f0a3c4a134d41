"""Edits as splices into a text: the rest of the text stays byte for byte.

`rewrite` gets the mappings that entries should have, finds the smallest edits for them, and reads the new text again. If
that does not hold exactly these mappings, it raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from awsauth.core.document.document import parse_list
from awsauth.core.document.index import differing
from awsauth.core.document.model import MappingEntry, ParsedList
from awsauth.core.edit.entry_edits import field_splices, list_splices
from awsauth.core.edit.entry_writer import EntryWriter
from awsauth.core.findings import Location
from awsauth.core.text.lines import Splice, Unchanged, spliced
from awsauth.errors import EditError

Changed = Mapping[int, MappingEntry | None]  # by position, the new mapping of an entry; None removes it


class RewriteResult(NamedTuple):
    """The reading of the new text, and the sorted splices that lead to it."""

    reading: ParsedList
    splices: tuple[Splice, ...]


def rewrite(
    reading: ParsedList, changed: Changed, added: Sequence[MappingEntry], *, sibling: ParsedList | None = None
) -> RewriteResult:
    """Change the entries in `changed` (None removes one), and add others.

    The keys are positions, and the others go to the end.

    Args:
        reading: The text to edit.
        changed: New mappings, by the position of their entry in `reading.entries`.
        added: The mappings of new entries.
        sibling: The reading of another key, whose style is used if `reading` has no entry.

    Raises:
        EditError: the text, or an entry in it, has a form that cannot be edited.
    """
    changed = {index: new for index, new in changed.items() if reading.entries[index].mapped != new or new is None}
    if not changed and not added:
        return RewriteResult(reading, ())
    check_editable(reading)
    writer = EntryWriter(reading, sibling)
    splices = []
    for index, new in changed.items():
        if new is not None:
            splices += field_splices(reading, reading.entries[index], new, writer)
    removed = [index for index, new in changed.items() if new is None]
    if removed or added:
        splices += list_splices(reading, removed, [writer.entry(mapped) for mapped in added])
    splices.sort(key=lambda splice: splice[:2])
    unchanged = Unchanged(splices[0].start, len(reading.text) - splices[-1].end)
    after = parse_list(reading.key, spliced(reading.text, splices), reading, unchanged)
    if not after.trusted or not _has_effect(reading, after, changed, added, unchanged):
        is_worse = len(after.findings) > len(reading.findings)
        because = f": {after.findings[0].message.rstrip('.')}" if is_worse else ""
        start = reading.entries[min(changed)].shape.start if changed else len(reading.text)
        message = f"awsauth cannot make this edit of {reading.key} without changing something else{because}."
        hint = "Write the entry in plain block style, or edit the text by hand."
        raise EditError(message, place=Location.of(reading.key, reading.text, start), hint=hint)
    return RewriteResult(after, tuple(splices))


def _has_effect(
    reading: ParsedList, after: ParsedList, changed: Changed, added: Sequence[MappingEntry], unchanged: Unchanged
) -> bool:
    """Whether the new text has exactly the changed, added and old entries."""
    old = differing(reading, after, unchanged).old
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
    return [after.entries[index].mapped for index in range(start, len(after.entries) - behind)] == [*wanted, *added]


def check_editable(reading: ParsedList) -> None:
    """Raise an EditError if a text is uncertain, or its form cannot be edited."""
    if reading.layout.style != "other" and reading.trusted:
        return
    # If there are entries, the findings are about them, not about the list.
    finding = reading.findings[0] if reading.is_unreadable else None
    if finding is not None:
        raise EditError(f"{finding.message} {finding.impact}", place=finding.location, hint=finding.hint)
    hint = "Write it as a plain list, with ordinary line ends and without an anchor or tag before it."
    raise EditError(f"{reading.key} has a form that cannot be edited.", place=Location(reading.key, 1, 1), hint=hint)
