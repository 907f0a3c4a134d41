"""Findings: problems and notes about a document, with their place."""

from __future__ import annotations

import enum
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from awsauth.boundary import unguarded
from awsauth.core.serialization import LEFT_OUT, JsonValue, in_json
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsauth.core.edit.changes import Change


# Codes of findings about a manifest that are guards too.
UNREAD_OBJECT: Final = "unread-object"
REPEATED_DATA_KEY: Final = "repeated-data-key"

# Codes of findings about access entries that the guards use, too.
AUTHENTICATION_MODE: Final = "authentication-mode"
SHADOWS: Final = "entry-shadows"


Advice = Literal["apply", "by-hand", "none"]  # who can follow a finding's hint


class Severity(enum.Enum):
    """How bad a finding is."""

    ERROR = "error"
    """A principal loses access or has none, or the document cannot be read."""
    WARNING = "warning"
    """The document works, but not as it reads, or it grants more than it seems to."""
    NOTE = "note"


@lru_cache(maxsize=4)
def line_starts(text: str) -> list[int]:
    """Return the offsets at which lines start, cached for many findings."""
    return [0, *(match.end() for match in re.finditer("\n", text))]


@dataclass(frozen=True, slots=True)
class Location(JsonValue):
    """A place in a document: a data key, and line and column from 1.

    The data key is empty outside of the data. For a document of a manifest file, line and column are the file's,
    otherwise those of the key's text.
    """

    key: str
    line: int
    column: int
    text: str = ""
    """The text at fault."""
    in_file: bool = field(default=False, compare=False, metadata=LEFT_OUT)
    """Whether line and column are the file's."""

    @classmethod
    @unguarded
    def of(cls, key: str, text: str, start: int, end: int | None = None) -> Location:
        """Return the place of a span in the text of `key`, with its first line."""
        starts = line_starts(text)
        line = bisect_right(starts, start)
        at_fault = "" if end is None else text[start:end].partition("\n")[0]
        return cls(key, line, start - starts[line - 1] + 1, at_fault)

    def offset_in(self, text: str) -> int:
        """Return its offset in the text of its key."""
        return line_starts(text)[self.line - 1] + self.column - 1

    def __str__(self) -> str:
        return f"{self.key} line {self.line}, column {self.column}".lstrip()


@dataclass(frozen=True, slots=True)
class Finding(JsonValue):
    """A problem of a document, or a note about it.

    Attributes:
        code: The stable name of the kind of finding, in lower case with hyphens.
        severity: How bad it is.
        message: The problem, in one sentence.
        impact: Its effect on access.
        hint: What to do about it; empty if there is nothing to do.
        location: The place; None for a finding about the whole document.
        principal: The ARN or account that it concerns; for a finding about the text of a data key, the key; may be empty.
        fix: Changes that solve the problem safely: no principal gets more access than the text gives it.
    """

    code: str
    severity: Severity
    message: str
    impact: str
    hint: str
    location: Location | None = None
    principal: str = ""
    fix: tuple[Change, ...] = ()

    @property
    @in_json()
    def advice(self) -> Advice:
        """Who can follow the hint: ``apply``, ``by-hand`` or ``none``.

        ``apply``: a program, by merging `fix`. ``by-hand``: a person. ``none``: there is no hint.
        """
        return "apply" if self.fix else "by-hand" if self.hint else "none"

    @property
    def line(self) -> str:
        """The finding as one line, with severity and code."""
        return f"{self.severity.value} {self.code}: {self}"

    def __str__(self) -> str:
        location = f"{self.location}: " if self.location else ""
        at_fault = f" ({quoted(self.location.text)})" if self.location and self.location.text else ""
        return f"{location}{self.message}{at_fault} {self.impact} {self.hint}".rstrip()


def warning(
    code: str, message: str, impact: str, hint: str = "", *, location: Location | None = None, principal: str = ""
) -> Finding:
    """Return a finding of severity ``warning``."""
    return Finding(code, Severity.WARNING, message, impact, hint, location, principal)


def note(code: str, message: str, impact: str, hint: str = "", *, principal: str = "") -> Finding:
    """Return a finding of severity ``note``."""
    return Finding(code, Severity.NOTE, message, impact, hint, principal=principal)


def counted(findings: Sequence[Finding]) -> str:
    """Return the number of findings in words, such as ``2 findings``."""
    return f"{len(findings)} finding{'' if len(findings) == 1 else 's'}"
