"""The guard of the policy: what a change newly violates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from awsauth.core.guard_case import Case, refusal
from awsauth.core.matching import folded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.document import Document
    from awsauth.core.finding import Finding
    from awsauth.core.policy import Policy
    from awsauth.core.rules import Hit

POLICY: Final = "policy"


def policy(case: Case) -> Iterator[Finding]:
    """Refuse what a policy does not allow and the change brings; what was there before is lint's to tell."""
    wanted = case.context.policy
    if wanted is None or case.before.data == case.after.data:
        return
    before = _violations(case.before, wanted)
    for violation, hit in _violations(case.after, wanted).items():
        known = before.get(violation)
        if known is None or known.weight < hit.weight:
            yield refusal(POLICY, hit.message, hit.consequence, hit.cure, principal=hit.principal, place=hit.place)


def _violations(document: Document, wanted: Policy) -> dict[tuple[str, str, str], Hit]:
    """Return what violates a policy, by the rule, the principal and what of it that is about."""
    # Only where there is a policy: whoever has none need not load lint for every change.
    from awsauth.core.rules import Subject, policies

    subject = Subject(document, wanted)
    # With its path: what never matched a caller comes alive when the path goes.
    return {(rule.code, folded(hit.principal), hit.about): hit for rule in policies.RULES for hit in rule.find(subject)}
