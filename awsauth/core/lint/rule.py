"""What a rule is, and how one comes to be there: by being written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.core.findings import Finding, Location, Severity

if TYPE_CHECKING:
    from awsauth.core.edit.changes import Change
    from awsauth.core.lint.subject import LintContext


class Match(NamedTuple):
    """What a rule has found; code and severity are the rule's.

    `severity` is for a rule whose findings are not all as bad as the worst. `about` and `weight` are for the guard ``policy``, which refuses only what is new: two hits of one rule on one
    principal are the same if they are about the same, and worse if they weigh more.
    """

    message: str
    impact: str
    hint: str
    location: Location | None = None
    principal: str = ""
    fix: tuple[Change, ...] = ()
    about: str = ""
    weight: int = 1
    severity: Severity | None = None


Find = Callable[["LintContext"], Iterator[Match]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that lint looks for.

    Attributes:
        code: The code of its findings.
        severity: Their severity; where it varies, the worst.
        title: What it looks for, for a table.
        cures: Whether its findings come with changes, where those are safe.
        find: Looks for it. Its docstring ends in an example: a document that it has something to say about, behind
            ``Fires::``, and one that it has not, behind ``Silent::``, both as a ConfigMap's data, with a policy under
            ``policy`` where it needs one.
    """

    code: str
    severity: Severity
    title: str
    cures: bool
    find: Find

    def findings(self, subject: LintContext) -> Iterator[Finding]:
        """Yield what it finds."""
        for hit in self.find(subject):
            yield Finding(
                self.code,
                hit.severity or self.severity,
                hit.message,
                hit.impact,
                hit.hint,
                hit.location,
                hit.principal,
                hit.fix,
            )


RULES: Final[dict[str, Rule]] = {}
"""Every rule by its code, in the order of the table."""


def rule(severity: Severity, title: str, *, cures: bool = False) -> Callable[[Find], Find]:
    """Make a function a rule: its name, with hyphens, is the code."""

    def register(find: Find) -> Find:
        code = find.__name__.replace("_", "-")
        RULES[code] = Rule(code, severity, title, cures, find)
        return find

    return register
