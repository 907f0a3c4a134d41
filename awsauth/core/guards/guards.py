"""The guards: reasons to refuse a change. Each can be allowed by its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from awsauth.core.access.matching import principal_of
from awsauth.core.document.document import Document
from awsauth.core.findings import AUTHENTICATION_MODE, REPEATED_DATA_KEY, UNREAD_OBJECT, Finding, Severity
from awsauth.core.guards import access, content
from awsauth.core.guards.context import GuardContext, GuardInput, allowance
from awsauth.core.text.display import quoted, quoted_value, visible
from awsauth.errors import GuardError, UsageError

# The guards by name. Each yields findings with its name as code. Those of severity ``error`` refuse the change.
GUARDS: Final[dict[str, Callable[[GuardInput], Iterator[Finding]]]] = {
    access.NODE_MAPPING: access.node_mapping,
    access.LAST_ADMIN: access.last_admin,
    access.OWN_ACCESS: access.own_access,
    content.UNREADABLE: content.unreadable,
    content.TOO_LARGE: content.too_large,
    access.REGRANT: access.regrant,
    access.GAINS: access.gains_access,
    content.FOREIGN_HISTORY: content.foreign_history,
    UNREAD_OBJECT: partial(content.of_object, UNREAD_OBJECT),
    REPEATED_DATA_KEY: partial(content.of_object, REPEATED_DATA_KEY),
    content.MANAGED_BY_TOOL: partial(content.of_object, content.MANAGED_BY_TOOL),
    AUTHENTICATION_MODE: access.authentication_mode,
    content.POLICY: content.policy,
}

# The codes of findings that refuse a change. ``untrusted`` cannot be allowed.
REFUSALS: Final = frozenset({*GUARDS, content.UNTRUSTED})

# The most principals of a guard that the hint allows one by one. Above that, the hint allows the whole guard.
_ONE_BY_ONE: Final = 5


def run_guards(before: Document, after: Document, context: GuardContext | None = None) -> tuple[Finding, ...]:
    """Return the findings of all guards; an ``error`` refuses the change."""
    case = GuardInput.of(before, after, context or GuardContext())
    return tuple([before.located(found) for one in (*GUARDS.values(), access.access_entry_wins) for found in one(case)])


def enforce(
    before: Document, after: Document, context: GuardContext | None = None, allow: Iterable[str] = ()
) -> tuple[Finding, ...]:
    """Run the guards, and raise unless `allow` names all that refuse the change.

    Args:
        before: The present document.
        after: The changed document.
        context: The facts around the change.
        allow: Names of guards, or name and principal: ``last-admin``, ``node-mapping=arn:aws:iam::…``.

    Raises:
        GuardError: the change is refused; the error has all reasons, and how to allow them.
        UsageError: `allow` names no guard.
    """
    findings = run_guards(before, after, context)
    raise_for_violations(findings, allow)
    return findings


def raise_for_violations(findings: Iterable[Finding], allow: Iterable[str] = ()) -> None:
    """Raise an error for the refusals that `allow` does not name.

    Raises:
        GuardError: there are such findings.
        UsageError: `allow` names no guard.
    """
    if error := refusal(findings, allow):
        raise error


def refusal(findings: Iterable[Finding], allow: Iterable[str] = ()) -> GuardError | None:
    """Return the error for the refusals that `allow` does not name, or None.

    Raises:
        UsageError: `allow` names no guard.
    """
    allowed = allowed_by(allow)
    against = [finding for finding in findings if finding.code in REFUSALS and finding.severity is Severity.ERROR]
    if not (refused := [finding for finding in against if not _is_allowed(finding, allowed)]):
        return None
    listed = "\n".join(f"- {finding.code}: {finding}" for finding in refused)
    reasons = "one reason" if len(refused) == 1 else f"{len(refused)} reasons"
    if all(finding.code in GUARDS for finding in refused):
        hint = f"To make the change anyway, pass allow={_allowances(refused)!r}."
    else:
        hint = "Correct the text, so that its meaning is certain, or roll back to an earlier one."
    return GuardError(f"The change is refused for {reasons}.\n{listed}", hint=hint, findings=tuple(refused))


def _allowances(refused: Sequence[Finding]) -> list[str]:
    """Return the names that allow all violations, by principal or guard.

    The whole guard is named if it has more than five.
    """
    often = {code for code, count in Counter(finding.code for finding in refused).items() if count > _ONE_BY_ONE}
    often.add(access.REGRANT)  # a rollback is allowed as a whole
    names = (one.code if one.code in often else allowance(one.code, one.principal) for one in refused)
    return list(dict.fromkeys(names))


def allowed_by(allow: Any) -> set[tuple[str, str]]:
    """Return the guards of `allow` with their principals; empty stands for all.

    Raises:
        UsageError: `allow` is not a list of names of guards.
    """
    if isinstance(allow, str) or not isinstance(allow, (tuple, list, Iterable)):
        hint = f"Pass a list, for one guard too: [{allow!r}]." if isinstance(allow, str) else "Pass a list."
        raise UsageError(f"allow is {quoted_value(allow)}.", hint=hint)
    allowed = set()
    for item in allow:
        if not isinstance(item, str):
            raise UsageError(f"allow holds {quoted_value(item)}.", hint="Pass names of guards.")
        name, equals, principal = item.partition("=")
        if name not in GUARDS:
            raise UsageError(f"There is no guard {quoted(name)}.", hint=f"The guards are {', '.join(GUARDS)}.")
        if equals and not principal:
            hint = f"Write `{name}=ARN`, or `{name}` alone to allow it for all principals."
            raise UsageError(f"{quoted(item)} does not name a principal.", hint=hint)
        allowed.add((name, principal and principal_of(visible(principal))))
    return allowed


def _is_allowed(finding: Finding, allowed: set[tuple[str, str]]) -> bool:
    return not allowed.isdisjoint({(finding.code, ""), (finding.code, principal_of(visible(finding.principal)))})
