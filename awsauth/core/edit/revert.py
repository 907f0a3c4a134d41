"""Revert one change of a document that others may have changed since."""

from __future__ import annotations

from awsauth.core.document.document import Document, Mappings, mappings_of
from awsauth.core.document.index import grouped
from awsauth.core.document.model import KEYS, Key, MappingEntry
from awsauth.core.edit.rewrite import rewrite
from awsauth.errors import EditError


def reverted(before: Document, made: Document, present: Document) -> Document:
    """Return the present document without the change from `before` to `made`.

    Later changes by others stay; a principal that others have changed since keeps their mapping. A text that is still
    that of `made`, or that cannot be read, becomes that of `before`, byte for byte. A text that cannot be edited
    becomes that of `before` with the later changes.

    Raises:
        EditError: neither text can be edited.
    """
    data: dict[str, str | None] = dict(present.data)
    for name in {**before.data, **made.data}:
        if before.data.get(name) == made.data.get(name):
            continue
        if present.data.get(name) == made.data.get(name):
            data[name] = before.data.get(name)
        elif name in KEYS:
            data[name] = _undone(name, before, made, present)
    return Document({name: text for name, text in data.items() if text is not None})


def _undone(key: Key, before: Document, made: Document, present: Document) -> str | None:
    was, became, now = (mappings_of(document, key) for document in (before, made, present))
    if now is None:
        return before.data.get(key)
    was, became = was or {}, became or {}
    wanted = {
        identity: (was if now.get(identity) == became.get(identity) else now).get(identity, ())
        for identity in {**was, **became, **now}
    }
    try:
        return _with(wanted, present, key)
    except EditError:
        return _with(wanted, before, key)  # this text was edited before


def _with(wanted: Mappings, document: Document, key: Key) -> str:
    """Return the text of a key with the wanted mappings."""
    reading = document.reading(key)
    positions = grouped((mapped.identity, position) for position, mapped in reading.positioned)
    changed: dict[int, MappingEntry | None] = {}
    added: list[MappingEntry] = []
    for identity, mappings in wanted.items():
        here = positions[identity]
        changed.update(dict.fromkeys(here[len(mappings) :]))
        changed.update(zip(here, mappings, strict=False))
        added += mappings[len(here) :]
    return rewrite(reading, changed, added, sibling=document.sibling(key)).reading.text
