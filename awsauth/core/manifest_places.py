"""Where in a manifest file something stands whose place in a data key's text is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from awsauth.core.manifest_search import fields, target
from awsauth.core.refusal import line_of
from awsauth.core.text import line_start

if TYPE_CHECKING:
    from awsauth.core.finding import Place
    from awsauth.core.manifest import Manifest
    from awsauth.core.nodes import Node


class FilePosition(NamedTuple):
    """A line and a column of a file, counted from 1."""

    line: int
    column: int


def position_in_file(manifest: Manifest, place: Place | None) -> FilePosition | None:
    """Return where a place in the data is in the file; None where there is none, as for a key that is not there.

    In a literal block (``|``) that is exact. Text in quotes may run over lines in another way: then it is its key.
    """
    pair = fields(manifest.found.data).get(place.key) if place else None
    if place is None or pair is None:
        return None
    key, value = pair
    text = manifest.found.text
    exact = _in_block(text, target(value) or value, place)
    return exact or FilePosition(line_of(text, key.start), key.start - line_start(text, key.start) + 1)


def _in_block(text: str, node: Node, place: Place) -> FilePosition | None:
    """Return a position in a literal block: the file has each of its lines with some spaces before it."""
    if node.style != "|":
        return None
    line = line_of(text, node.start) + place.line
    written, inner = (
        "".join(lines.split("\n")[number - 1 : number]).rstrip("\r")
        for lines, number in ((text, line), (node.value, place.line))
    )
    return FilePosition(line, len(written) - len(inner) + place.column) if written.endswith(inner) else None
