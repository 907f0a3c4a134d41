"""The form of a lint rule, and the registry of all rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from awsauth.core.findings import Finding, Severity

if TYPE_CHECKING:
    from awsauth.core.lint.context import LintContext, LintEntry, Match


Find = Callable[["LintContext"], Iterator["Match"]]


class Rule(NamedTuple):
    """One rule.

    Attributes:
        code: The code of its findings.
        severity: Their severity; the worst one if it varies.
        title: What the rule finds, for a table.
        has_fix: Whether its findings can have a fix.
        find: Yields the matches. Its docstring ends in two examples, each the data of a ConfigMap, and a policy under
            ``policy`` if needed: the rule fires on the one below ``Fires::``, and not on the one below ``Silent::``.
    """

    code: str
    severity: Severity
    title: str
    has_fix: bool
    find: Find

    def findings(self, context: LintContext, most: int | None = None) -> Iterator[Finding]:
        """Yield the findings in a document.

        With `most`, yield no more than that, and then one that says that there are others.
        """
        matches = self.find(context)
        for match in islice(matches, most):
            message, impact, hint, location, principal, fix, *_ = match
            yield Finding(self.code, match.severity or self.severity, message, impact, hint, location, principal, fix)
        if next(matches, None):
            message, hint = f"There are more than {most:,} findings of this kind.", "Correct the listed ones first."
            yield Finding(self.code, self.severity, message, "The others are not listed.", hint)


# Every rule by its code.
RULES: Final[dict[str, Rule]] = {}


def rule(severity: Severity, title: str, *, has_fix: bool = False) -> Callable[[Find], Find]:
    """Register a function as a rule. Its name, with hyphens, is the code."""

    def register(find: Find) -> Find:
        code = _code_of(find)
        RULES[code] = Rule(code, severity, title, has_fix, find)
        return find

    return register


def arn_rule(title: str, *, has_fix: bool = False) -> Callable[[Callable[[LintEntry], Match]], Find]:
    """Register the rule for entries with the ARN problem of its name.

    The function returns the match for one entry.
    """

    def register(match_of: Callable[[LintEntry], Match]) -> Find:
        @wraps(match_of)
        def find(context: LintContext) -> Iterator[Match]:
            problem = _code_of(match_of)
            return (match_of(item) for item in context.items if item.fault == problem)

        return rule(Severity.ERROR, title, has_fix=has_fix)(find)

    return register


def policy_rule(field: str, title: str) -> Callable[[Callable[[LintContext, Any], Iterator[Match]]], Find]:
    """Register the rule of a policy's field, which applies where the field is set.

    The function takes the value of the field.
    """

    def register(violations: Callable[[LintContext, Any], Iterator[Match]]) -> Find:
        @wraps(violations)
        def find(context: LintContext) -> Iterator[Match]:
            value = getattr(context.policy, field, None)
            return iter(()) if value is None else violations(context, value)

        return rule(Severity.ERROR, f"policy: {title}")(find)

    return register


def _code_of(function: Callable[..., object]) -> str:
    return function.__name__.replace("_", "-")
