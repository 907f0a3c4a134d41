"""Taking one change back out of a document that others may have changed since."""

from __future__ import annotations

from awsauth.core.document import Document, read
from awsauth.core.mappings_of import mappings_of
from awsauth.core.reading import KEYS, Key, Mapped
from awsauth.core.splice import rewrite


def undone(before: Document, made: Document, present: Document) -> Document:
    """Return the present document without what led from `before` to `made`.

    What others have made of it since stays: of a principal that they have changed as well, what they made of it. Where
    nobody has touched the text, it is that of `before`, byte for byte; so it is where the present one gives nobody
    anything, because it cannot be read.

    Raises:
        EditError: the present text cannot be edited.
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
    reading = present.reading(key)
    changed: dict[int, Mapped | None] = {}
    added: list[Mapped] = []
    for identity in {**was, **became}:
        wanted = was.get(identity, ())
        if wanted == became.get(identity, ()) or now.get(identity, ()) != became.get(identity, ()):
            continue
        entries = enumerate(entry.mapped for entry in reading.entries)
        positions = [position for position, mapped in entries if mapped is not None and mapped.identity == identity]
        changed.update(dict.fromkeys(positions[len(wanted) :]))
        changed.update(zip(positions, wanted, strict=False))
        added += wanted[len(positions) :]
    return rewrite(reading, changed, added, read=read, sibling=present.sibling(key)).reading.text
