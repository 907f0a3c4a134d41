"""The guards of the text itself: it can be read, fits, and belongs to the object."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from awsauth.core.access.matching import casefold_arn
from awsauth.core.document.document import MAX_BYTES, byte_size
from awsauth.core.document.model import KEYS, Key, ParsedList
from awsauth.core.edit.changes import ReplaceText
from awsauth.core.findings import REPEATED_DATA_KEY, UNREAD_OBJECT, Finding, Severity
from awsauth.core.guards.context import GuardInput, allow_hint, notice, violation
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.document.document import Document
    from awsauth.core.lint.policy import Policy
    from awsauth.core.lint.rules import Match


POLICY: Final = "policy"


def policy(case: GuardInput) -> Iterator[Finding]:
    """Refuse what a policy does not allow and the change brings; what was there before is lint's to tell."""
    wanted = case.context.policy
    if wanted is None or case.before.data == case.after.data:
        return
    before = _violations(case.before, wanted)
    for found, hit in _violations(case.after, wanted).items():
        known = before.get(found)
        if known is None or known.weight < hit.weight:
            yield violation(POLICY, hit.message, hit.impact, hit.hint, principal=hit.principal, location=hit.location)


def _violations(document: Document, wanted: Policy) -> dict[tuple[str, str, str], Match]:
    """Return what violates a policy, by the rule, the principal and what of it that is about."""
    # Only where there is a policy: whoever has none need not load lint for every change.
    from awsauth.core.lint.rules import LintContext, policy as policies

    subject = LintContext(document, wanted)
    # With its path: what never matched a caller comes alive when the path goes.
    return {
        (rule.code, casefold_arn(hit.principal), hit.about): hit
        for rule in policies.RULES
        for hit in rule.find(subject)
    }


UNREADABLE: Final = "unreadable"


UNTRUSTED: Final = "untrusted"
"""The code of a refusal that cannot be allowed: neither guards nor a policy know whom such a text gives access."""


TOO_LARGE: Final = "too-large"


FOREIGN_HISTORY: Final = "foreign-history"


MANAGED_BY_TOOL: Final = "managed-by-tool"


_TRUSTED: Final = 2


_LOST_CODES: Final = frozenset({"unreadable", "not-a-list"})


def unreadable(case: GuardInput) -> Iterator[Finding]:
    """Refuse a text that the authenticator cannot read where it could, or not as much of it.

    A text of which it cannot be said how the authenticator reads it may only come back, by a rollback.
    """
    for key in KEYS:
        before, after = case.before.reading(key), case.after.reading(key)
        if before.text == after.text or not (before.findings or after.findings):
            continue
        if not after.trusted and not case.context.is_rollback:
            yield from map(_never_written, after.findings)
        elif _trust(after) < _trust(before) or (not before.trusted and not after.trusted):
            yield from map(_refused, after.findings)
        elif _trust(before) == _TRUSTED:
            yield from map(_refused, _new_problems(before, after))
        elif not before.trusted and _trust(after) == _TRUSTED:
            yield _nobody_knows(key)


def _trust(reading: ParsedList) -> int:
    """Return how far a text can be read: 2 it parses, 1 nobody knows, 0 it does not."""
    if any(finding.code in _LOST_CODES for finding in reading.findings):
        return 0
    return _TRUSTED if reading.trusted else 1


def _new_problems(before: ParsedList, after: ParsedList) -> list[Finding]:
    """Return the problems that a change makes; one that is only written otherwise, or on another line, is none."""
    known = Counter(map(_identity, before.findings))
    new = []
    for finding in after.findings:
        if known[_identity(finding)]:
            known[_identity(finding)] -= 1
        else:
            new.append(finding)
    if not new:
        return []
    is_worse = len(after.findings) > len(before.findings) or Counter(before.mapped) - Counter(after.mapped)
    return new if is_worse else []


def _identity(finding: Finding) -> tuple[str, str, str]:
    return finding.code, finding.message, finding.location.text if finding.location else ""


def _refused(problem: Finding) -> Finding:
    key = problem.location.key if problem.location else ""
    hint = f"{problem.hint} {allow_hint(UNREADABLE, key)}"
    return replace(problem, code=UNREADABLE, severity=Severity.ERROR, hint=hint, principal=key)


def _never_written(problem: Finding) -> Finding:
    key = problem.location.key if problem.location else ""
    return replace(
        problem,
        code=UNTRUSTED,
        severity=Severity.ERROR,
        impact="It may give access that no guard and no policy has seen.",
        hint=f"{problem.hint} This cannot be allowed.",
        principal=key,
    )


def _nobody_knows(key: Key) -> Finding:
    return notice(
        UNREADABLE,
        Severity.WARNING,
        f"It could not be said what {key} gave before the change.",
        "So it cannot be said either whether the change takes something away.",
        "Compare the two texts.",
    )


def unread_object(case: GuardInput) -> Iterator[Finding]:
    """Refuse a change to an object that the authenticator does not read."""
    yield from (_as_refusal(one) for one in case.context.object_findings if one.code == UNREAD_OBJECT)


def managed_by_tool(case: GuardInput) -> Iterator[Finding]:
    """Refuse a sync of an object that Argo CD or Flux writes, too."""
    yield from (one for one in case.context.object_findings if one.code == MANAGED_BY_TOOL)


def repeated_data_key(case: GuardInput) -> Iterator[Finding]:
    """Refuse a change to a manifest with a key that stands twice, unless the change puts both together."""
    for finding in case.context.object_findings:
        if finding.code == REPEATED_DATA_KEY and not _puts_together(finding, case.after):
            yield _as_refusal(finding)


def _puts_together(finding: Finding, after: Document) -> bool:
    texts = [(change.key, change.text) for change in finding.fix if isinstance(change, ReplaceText)]
    return bool(texts) and all(after.data.get(key) == text for key, text in texts)


def _as_refusal(finding: Finding) -> Finding:
    return replace(finding, hint=f"{finding.hint} {allow_hint(finding.code, finding.principal)}", fix=())


def too_large(case: GuardInput) -> Iterator[Finding]:
    """Refuse what the API server would not take; making it smaller is never refused.

    It counts the bytes of the values of ``data`` and ``binaryData``, not the keys (Kubernetes
    ``pkg/apis/core/validation``, ``ValidateConfigMap``).
    """
    size = byte_size(case.after) + case.context.binary_bytes
    if size > MAX_BYTES and byte_size(case.after) > byte_size(case.before):
        yield violation(
            TOO_LARGE,
            f"All values together would have {size:,} bytes, and a ConfigMap may have {MAX_BYTES:,}.",
            "The API server would not take it.",
            "Take out mappings that nobody needs, or use access entries.",
        )


def foreign_history(case: GuardInput) -> Iterator[Finding]:
    """Refuse to restore the revision of another object, such as one that came with a restored backup."""
    uid, revision_uid = case.context.uid, case.context.revision_uid
    if uid and revision_uid and uid != revision_uid:
        yield violation(
            FOREIGN_HISTORY,
            f"The revision was made of the object with uid {quoted(revision_uid)}, and this one has {quoted(uid)}.",
            "It may hold another cluster's mappings, or those of a time before the object was made anew.",
            "Look at what the revision holds.",
            principal=revision_uid,
        )
