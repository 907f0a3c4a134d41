"""Convert a document to an editor buffer, and the edited buffer back to changes.

The buffer is a manifest. Lines that begin with ``#!`` are awsauth's own: each states a problem of the line below, and
is dropped when the buffer is read. No line of a document begins so, because all of them are indented.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from awsauth.core.document.document import Document
from awsauth.core.document.model import KEYS, Key
from awsauth.core.edit.changes import Change, ReplaceText
from awsauth.core.findings import Location
from awsauth.core.manifest.locate import WITHOUT_DATA, fields
from awsauth.core.manifest.manifest import Manifest
from awsauth.core.text.display import quoted, visible
from awsauth.core.text.lines import line_of, odd_character
from awsauth.errors import EditError, ManifestError

MARK: Final = "#!"
_MARKED: Final = re.compile(rf"^{MARK}[^\n]*\n?", re.MULTILINE)


class BufferProblem(NamedTuple):
    """A problem of a buffer.

    Attributes:
        line: The line, counted from 1; 0 for the buffer as a whole.
        text: The problem, and what to do about it.
    """

    line: int
    text: str


def to_buffer(document: Document) -> str:
    """Return the buffer of a document's keys that count; CRLF becomes LF.

    Raises:
        EditError: a text holds a character that an editor may not keep.
    """
    shown: dict[str, str] = {key: _shown(document, key) for key in KEYS if key in document.data}
    return Manifest.parse(f"{WITHOUT_DATA}data: {{}}\n").with_data(shown)


def from_buffer(sheet: str, document: Document) -> tuple[tuple[Change, ...], tuple[BufferProblem, ...]]:
    """Return the changes of an edited buffer, and their texts' problems.

    With a problem, the changes cannot be made. Its line is that of the buffer without marks.

    Args:
        sheet: The edited buffer.
        document: The document that was given to `to_buffer`.
    """
    try:
        manifest = Manifest.parse(without_marks(sheet))
    except ManifestError as error:
        named = re.search(r"line (\d+)", error.location)
        return (), (BufferProblem(int(named[1]) if named else 0, f"{error.message} {error.hint}"),)
    asked_for = {key: _as_before(manifest.data.get(key), document.data.get(key)) for key in KEYS}
    changes = tuple(ReplaceText(key=key, text=new) for key, new in asked_for.items() if new != document.data.get(key))
    return changes, tuple(_complaints(manifest, {change.key for change in changes}))


def without_marks(sheet: str) -> str:
    """Return a buffer without the lines that state problems."""
    return _MARKED.sub("", sheet)


def with_marks(sheet: str, complaints: Iterable[BufferProblem]) -> str:
    """Return a buffer with each problem above its line; earlier ones are dropped."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", without_marks(sheet))
    for line, text in sorted(complaints, reverse=True):
        at = min(max(line - 1, 0), len(lines))
        lines[at:at] = [f"{MARK} {visible(part)}\n" for part in text.splitlines()]
    return "".join(lines)


def _shown(document: Document, key: Key) -> str:
    text = document.data[key]
    shown = text.replace("\r\n", "\n") if _ends_in_crlf(text) else text
    if odd := odd_character(shown):
        message = f"{key} holds {quoted(odd[0])}, which an editor may show as something else, or not keep."
        hint = f"Replace the whole text of {key} by one without it, or roll back to a revision without it."
        raise EditError(message, place=document.place_of(Location.of(key, shown, odd.start())), hint=hint)
    return shown


def _as_before(text: str | None, before: str | None) -> str | None:
    """Return a text of a buffer with its former line ends."""
    return text.replace("\n", "\r\n") if text and before and _ends_in_crlf(before) else text


def _ends_in_crlf(text: str) -> bool:
    return 0 < text.count("\r\n") == text.count("\n") == text.count("\r")


def _complaints(manifest: Manifest, changed: set[str]) -> Iterator[BufferProblem]:
    text = manifest.found.text
    for name, (key, _) in fields(manifest.found.data).items():
        if name not in KEYS:
            problem = f"{quoted(name)} cannot be edited here, only {', '.join(KEYS)}."
            yield BufferProblem(line_of(text, key.start), problem)
    for finding in manifest.document.problems:
        if (location := finding.location) and location.key in changed:
            yield BufferProblem(location.line, finding.line)
