"""Taking one change back out of a document that others may have changed since."""

from __future__ import annotations

from collections import defaultdict

from awsauth.core.document.document import Document, Mappings, mappings_of, parse_list
from awsauth.core.document.model import KEYS, Key, MappingEntry, PrincipalKey
from awsauth.core.edit.rewrite import rewrite
from awsauth.errors import EditError


def reverted(before: Document, made: Document, present: Document) -> Document:
    """Return the present document without what led from `before` to `made`.

    What others have made of it since stays: of a principal that they have changed as well, what they made of it. Where
    nobody has touched the text, it is that of `before`, byte for byte; so it is where the present one gives nobody
    anything, because it cannot be read. Where the present one cannot be edited, it is that of `before` with what others
    have made of it since.

    Raises:
        EditError: neither can be edited so.
    """
    data = dict(present.data)
    for name in {**before.data, **made.data}:
        if before.data.get(name) == made.data.get(name):
            continue
        if present.data.get(name) == made.data.get(name):
            _put(data, name, before.data.get(name))
        elif name in KEYS:
            _put(data, name, _undone(name, before, made, present))
    return Document(data)


def _put(data: dict[str, str], name: str, text: str | None) -> None:
    if text is None:
        data.pop(name, None)
    else:
        data[name] = text


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
        return _with(wanted, before, key)  # that one could be edited, or there would be no change


def _with(wanted: Mappings, document: Document, key: Key) -> str:
    """Return the text of a key with what everybody is to have."""
    reading = document.reading(key)
    positions: defaultdict[PrincipalKey, list[int]] = defaultdict(list)
    for position, entry in enumerate(reading.entries):
        if entry.mapped is not None:
            positions[entry.mapped.identity].append(position)
    changed: dict[int, MappingEntry | None] = {}
    added: list[MappingEntry] = []
    for identity, mappings in wanted.items():
        here = positions[identity]
        changed.update(dict.fromkeys(here[len(mappings) :]))
        changed.update(zip(here, mappings, strict=False))
        added += mappings[len(here) :]
    return rewrite(reading, changed, added, read=parse_list, sibling=document.sibling(key)).reading.text
