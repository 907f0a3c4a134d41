"""What making a change comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from awsauth.boundary import public
from awsauth.core.finding_json import finding_to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.diff import Diff
    from awsauth.core.document import Document
    from awsauth.core.finding import Finding
    from awsauth.core.restoration import Restoration


@dataclass(frozen=True, slots=True)
@public
class Result:
    """What a call did, or would do after ``dry_run=True``.

    Attributes:
        changed: Whether anything was changed, or would be.
        diff: The difference; `str` gives it as text, `.markdown()` and `.to_json()` otherwise.
        document: The data as it is now, or would be.
        findings: What the caller should know.
        extra_groups: By ARN, the groups that a principal stays in though they were not asked for.
        revision: The number of the revision that was made; None without a change or without history.
        restoration: Of a rollback, what it keeps, what goes, and whose it was.
    """

    changed: bool
    diff: Diff
    document: Document
    findings: tuple[Finding, ...] = ()
    extra_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    revision: int | None = None
    restoration: Restoration | None = None

    def __str__(self) -> str:
        """Return the difference with the findings, fit for a log."""
        shown = str(self.diff) if self.diff else "No change."
        return "\n".join([shown, *(found.line for found in self.findings)])

    def to_json(self) -> dict[str, Any]:
        """Return what was done as values that JSON can hold; not the whole document."""
        return {
            "changed": self.changed,
            "diff": self.diff.to_json(),
            "findings": [finding_to_json(finding) for finding in self.findings],
            "extra_groups": {arn: list(groups) for arn, groups in self.extra_groups.items()},
            "revision": self.revision,
            "restoration": self.restoration.to_json() if self.restoration else None,
        }
