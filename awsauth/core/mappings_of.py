"""What each principal has in a document, where it is going to be compared with what it has in another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.core.reading import Identity, Mapped

if TYPE_CHECKING:
    from awsauth.core.document import Document
    from awsauth.core.reading import Key

Mappings = dict[Identity, tuple[Mapped, ...]]
"""The entries of each principal, in order."""


def mappings_of(document: Document, key: Key) -> Mappings | None:
    """Return the entries of each principal, in order; None where the authenticator drops the whole text."""
    reading = document.reading(key)
    if reading.layout.style == "other" and not reading.entries and reading.findings:
        return None
    found: Mappings = {}
    for mapped in reading.mapped:
        found[mapped.identity] = (*found.get(mapped.identity, ()), mapped)
    return found
