"""Places of the manifest file: where something in a data key's text stands in the file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from awsauth.core.finding import Place, line_starts
from awsauth.core.manifest_search import fields, target
from awsauth.core.text import line_start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.document import Origin
    from awsauth.core.manifest import Manifest
    from awsauth.core.nodes import Node


class FilePosition(NamedTuple):
    """A line and a column of a file, counted from 1."""

    line: int
    column: int


def origins(manifest: Manifest) -> Mapping[str, Origin]:
    """Return for each data key the function that turns a place in its text into its place in the file."""
    pairs = fields(manifest.found.data)
    return {name: partial(_in_file, manifest.found.text, *pair) for name, pair in pairs.items()}


def position_in_file(manifest: Manifest, place: Place | None) -> FilePosition | None:
    """Return the position of a place in the file; None without a place, or for a key that is not in the file.

    In a literal block (``|``) that is exact. Text in quotes may run over lines in another way: then it is its key.
    """
    origin = origins(manifest).get(place.key) if place else None
    if place is None or origin is None:
        return None
    found = origin(place)
    return FilePosition(found.line, found.column)


def _in_file(text: str, key: Node, value: Node, place: Place) -> Place:
    exact = _in_block(text, target(value) or value, place)
    line, column = exact or (Place.of("", text, key.start).line, key.start - line_start(text, key.start) + 1)
    return Place(place.key, line, column, place.text, in_file=True)


def _in_block(text: str, node: Node, place: Place) -> FilePosition | None:
    """Return a position in a literal block: the file has each of its lines with some spaces before it."""
    if node.style != "|":
        return None
    line = Place.of("", text, node.start).line + place.line
    written, inner = _line(text, line).rstrip("\r"), _line(node.value, place.line).rstrip("\r")
    return FilePosition(line, len(written) - len(inner) + place.column) if written.endswith(inner) else None


def _line(text: str, number: int) -> str:
    """Return a line of a text without its end; empty for a line that it does not have."""
    starts = line_starts(text)
    if number > len(starts):
        return ""
    return text[starts[number - 1] : starts[number] if number < len(starts) else len(text)].rstrip("\n")
