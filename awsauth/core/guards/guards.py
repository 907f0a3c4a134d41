"""The guards: what a change is refused for unless that is allowed by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.access.access_entries import AUTHENTICATION_MODE
from awsauth.core.access.matching import principal_of
from awsauth.core.findings import REPEATED_DATA_KEY, UNREAD_OBJECT, Finding, Severity
from awsauth.core.guards import (
    access as access_guards,
    access as entry_guards,
    content as policy_guard,
    content as text_guards,
    gains as gains_guard,
)
from awsauth.core.guards.context import GuardContext, GuardInput, allowance
from awsauth.core.text.display import quoted, quoted_value, visible
from awsauth.errors import GuardError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from awsauth.core.document.document import Document

GUARDS: Final[dict[str, Callable[[GuardInput], Iterator[Finding]]]] = {
    access_guards.NODE_MAPPING: access_guards.node_mapping,
    access_guards.LAST_ADMIN: access_guards.last_admin,
    access_guards.OWN_ACCESS: access_guards.own_access,
    text_guards.UNREADABLE: text_guards.unreadable,
    text_guards.TOO_LARGE: text_guards.too_large,
    access_guards.REGRANT: access_guards.regrant,
    gains_guard.GAINS: gains_guard.gains_access,
    text_guards.FOREIGN_HISTORY: text_guards.foreign_history,
    UNREAD_OBJECT: text_guards.unread_object,
    REPEATED_DATA_KEY: text_guards.repeated_data_key,
    text_guards.MANAGED_BY_TOOL: text_guards.managed_by_tool,
    AUTHENTICATION_MODE: entry_guards.authentication_mode,
    policy_guard.POLICY: policy_guard.policy,
}
"""By name. Each yields findings with its name as code: of severity ``error`` for what is refused, others are said."""

REFUSALS: Final = frozenset({*GUARDS, text_guards.UNTRUSTED})
"""The codes of findings that refuse a change. All can be allowed but ``untrusted``."""

_SPEAKERS: Final = (*GUARDS.values(), entry_guards.access_entry_wins)
"""All guards, and what is only said beside them."""


_ONE_BY_ONE: Final = 5
"""How many principals of one guard are named to be allowed; beyond that, the guard is."""


def run_guards(before: Document, after: Document, context: GuardContext | None = None) -> tuple[Finding, ...]:
    """Return what all guards have to say about a change; those of severity ``error`` refuse it."""
    case = GuardInput.of(before, after, context or GuardContext())
    return tuple([before.located(finding) for one in _SPEAKERS for finding in one(case)])


def enforce(
    before: Document, after: Document, context: GuardContext | None = None, allow: Iterable[str] = ()
) -> tuple[Finding, ...]:
    """Like `run_guards`, and raise where something is refused that is not allowed.

    Args:
        before: The document that there is.
        after: The one that there would be.
        context: What is known around the change.
        allow: Names of guards, or name and principal: ``last-admin``, ``node-mapping=arn:aws:iam::…``.

    Raises:
        GuardError: the change is refused; it names every reason and how to allow it.
        UsageError: `allow` names no guard.
    """
    findings = run_guards(before, after, context)
    raise_for_violations(findings, allow)
    return findings


def raise_for_violations(findings: Iterable[Finding], allow: Iterable[str] = ()) -> None:
    """Raise one error for all findings of guards by which a change is refused, if there are any.

    Raises:
        GuardError: there are, and not all of them are allowed.
        UsageError: `allow` names no guard.
    """
    allowed = allowed_by(allow)
    against = [finding for finding in findings if finding.code in REFUSALS and finding.severity is Severity.ERROR]
    refused = [finding for finding in against if not _is_allowed(finding, allowed)]
    if not refused:
        return
    listed = "\n".join(f"- {finding.code}: {finding}" for finding in refused)
    reasons = "one reason" if len(refused) == 1 else f"{len(refused)} reasons"
    if all(finding.code in GUARDS for finding in refused):
        hint = f"To have all of it, pass allow={_allowances(refused)!r}."
    else:
        hint = "Write the text so that it is certain how it is read; a rollback may bring an earlier one back."
    raise GuardError(
        f"The change is refused for {reasons}; nothing was changed.\n{listed}", hint=hint, findings=tuple(refused)
    )


def _allowances(refused: Sequence[Finding]) -> list[str]:
    """Return what allows all of it: each by its principal, as long as those are few enough to be looked at one by one."""
    often = {code for code, count in Counter(finding.code for finding in refused).items() if count > _ONE_BY_ONE}
    often.add(access_guards.REGRANT)  # a rollback is wanted as a whole
    names = (
        finding.code if finding.code in often else allowance(finding.code, finding.principal) for finding in refused
    )
    return list(dict.fromkeys(names))


def allowed_by(allow: Any) -> set[tuple[str, str]]:
    """Return names of guards with principals, the empty one for all.

    Raises:
        UsageError: `allow` is no list of names of guards.
    """
    if isinstance(allow, str) or not isinstance(allow, Iterable):
        raise UsageError(
            f"allow is {quoted_value(allow)}; nothing was changed.",
            hint=f"Pass a list, for one guard too: [{allow!r}]." if isinstance(allow, str) else "Pass a list.",
        )
    allowed = set()
    for item in allow:
        if not isinstance(item, str):
            raise UsageError(f"allow holds {quoted_value(item)}; nothing was changed.", hint="Pass names of guards.")
        name, equals, principal = item.partition("=")
        if name not in GUARDS:
            known = ", ".join(GUARDS)
            raise UsageError(f"There is no guard {quoted(name)}; nothing was changed.", hint=f"The guards are {known}.")
        if equals and not principal:
            raise UsageError(
                f"{quoted(item)} names nobody; nothing was changed.",
                hint=f"Write whom it is allowed for, or `{name}` alone to allow it for all.",
            )
        allowed.add((name, principal and principal_of(visible(principal))))
    return allowed


def _is_allowed(finding: Finding, allowed: set[tuple[str, str]]) -> bool:
    return not allowed.isdisjoint({(finding.code, ""), (finding.code, principal_of(visible(finding.principal)))})
