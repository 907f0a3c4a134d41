"""The one value for everything that this library has to say about a document."""

from __future__ import annotations

import enum
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from awsauth.boundary import public, unguarded
from awsauth.core.serialization import LEFT_OUT, JsonValue, in_json
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsauth.core.edit.changes import Change


UNREAD_OBJECT: Final = "unread-object"
REPEATED_DATA_KEY: Final = "repeated-data-key"
"""Codes of findings about a manifest that are guards too."""


Advice = Literal["apply", "by-hand", "none"]
"""Who can follow a finding's hint."""


class Severity(enum.Enum):
    """How bad a finding is."""

    ERROR = "error"
    """Somebody loses access, or gets none, or the document cannot be read."""
    WARNING = "warning"
    """It works, but not as it reads, or more is granted than it seems."""
    NOTE = "note"


@lru_cache(maxsize=4)
def line_starts(text: str) -> list[int]:
    """Return the offsets at which lines start: worked out once for a text, however many findings it has."""
    return [0, *(match.end() for match in _LINE_FEED.finditer(text))]


_LINE_FEED: Final = re.compile("\n")


@dataclass(frozen=True, slots=True)
@public
class Location(JsonValue):
    """Where in a document: a data key (empty outside of the data) and, counted from 1, line and column.

    Those of the manifest file for a document that was read from one, otherwise those of the key's text.
    """

    key: str
    line: int
    column: int
    text: str = ""
    """The text at fault, as it stands there."""
    in_file: bool = field(default=False, compare=False, metadata=LEFT_OUT)
    """Whether line and column are those of a manifest file."""

    @classmethod
    @unguarded
    def of(cls, key: str, text: str, start: int, end: int | None = None) -> Location:
        """Return the place of the span `start` to `end` (offsets) in the text of `key`."""
        starts = line_starts(text)
        line = bisect_right(starts, start)
        at_fault = "" if end is None else text[start:end]
        return cls(key, line, start - starts[line - 1] + 1, at_fault)

    def offset_in(self, text: str) -> int:
        """Return where it is in the text of its key."""
        return line_starts(text)[self.line - 1] + self.column - 1

    def __str__(self) -> str:
        return f"{self.key} line {self.line}, column {self.column}".lstrip()


@dataclass(frozen=True, slots=True)
@public
class Finding(JsonValue):
    """Something about a document that somebody should know.

    Attributes:
        code: Stable name of the kind of finding, in lower case with hyphens.
        severity: How bad it is.
        message: What is the matter, one sentence.
        impact: What the authenticator does because of it.
        hint: What to do about it, in words; empty if there is nothing to do.
        location: Where; None for what concerns the whole document.
        principal: Whom it concerns: an ARN, an account, or for what concerns the text of one data key that key;
            empty for everybody.
        fix: The cure as changes, where it is safe: nobody gets more than the text says.
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
        """Who can follow the hint: ``apply`` a program, by merging `fix`; ``by-hand`` a person; ``none`` without a hint."""
        return "apply" if self.fix else "by-hand" if self.hint else "none"

    @property
    def line(self) -> str:
        """It with how bad it is, and what kind of finding it is."""
        return f"{self.severity.value} {self.code}: {self}"

    def __str__(self) -> str:
        location = f"{self.location}: " if self.location else ""
        at_fault = f" ({quoted(self.location.text)})" if self.location and self.location.text else ""
        return f"{location}{self.message}{at_fault} {self.impact} {self.hint}".rstrip()


def counted(findings: Sequence[Finding]) -> str:
    """Return the number of findings in words, such as ``2 findings``."""
    return f"{len(findings)} finding{'' if len(findings) == 1 else 's'}"
