"""What making a change comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from awsauth.core.diff import Diff
    from awsauth.core.document import Document
    from awsauth.core.finding import Finding
    from awsauth.core.restoration import Restoration


@dataclass(frozen=True, slots=True)
class Result:
    """What a call did, or would do after ``dry_run=True``.

    Attributes:
        changed: Whether anything is different now.
        diff: The difference; `str` gives it as text, `.markdown()` and `.to_json()` otherwise.
        document: The data as it is now.
        findings: What the caller should know.
        extra_groups: By ARN, the groups that a principal stays in though they were not asked for.
        revision: The number of the revision that was made; None without a change or without history.
        restoration: Of a rollback, what it keeps, what goes, and whose it was.
    """

    changed: bool
    diff: Diff
    document: Document
    findings: tuple[Finding, ...] = ()
    extra_groups: dict[str, tuple[str, ...]] | None = None
    revision: int | None = None
    restoration: Restoration | None = None
