"""Guards of the text: readable, within the policy, not too large, same object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from awsauth.core.access.matching import casefold_arn
from awsauth.core.document.document import MAX_BYTES, Document, byte_size
from awsauth.core.document.model import KEYS, ParsedList
from awsauth.core.edit.changes import ReplaceText
from awsauth.core.findings import Finding, Severity, warning
from awsauth.core.guards.context import GuardInput, allow_hint, violation
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from awsauth.core.lint.policy import Policy
    from awsauth.core.lint.rules import Match


POLICY: Final = "policy"


def policy(case: GuardInput) -> Iterator[Finding]:
    """Refuse new violations of the policy; `lint` reports older ones."""
    wanted = case.context.policy
    if wanted is None or case.before.data == case.after.data:
        return
    before = _violations(case.before, wanted)
    for found, hit in _violations(case.after, wanted).items():
        known = before.get(found)
        if known is None or known.weight < hit.weight:
            yield violation(POLICY, hit.message, hit.impact, hit.hint, principal=hit.principal, location=hit.location)


def _violations(document: Document, wanted: Policy) -> dict[tuple[str, str, str], Match]:
    """Return policy violations, keyed by rule, principal and value."""
    from awsauth.core.lint.rules import LintContext, policy as policies  # only if there is a policy

    subject = LintContext(document, wanted)
    hits = ((rule.code, hit) for rule in policies.POLICY_RULES for hit in rule.find(subject))
    # With the path: an entry that never matched a caller starts to match when its path is removed.
    return {(code, casefold_arn(hit.principal), hit.about): hit for code, hit in hits}


UNREADABLE: Final = "unreadable"
# The code of a refusal that cannot be allowed. Guards and policy cannot judge the access that such a text gives.
UNTRUSTED: Final = "untrusted"
TOO_LARGE: Final = "too-large"
FOREIGN_HISTORY: Final = "foreign-history"
MANAGED_BY_TOOL: Final = "managed-by-tool"
_TRUSTED: Final = 2
_LOST_CODES: Final = frozenset({"unreadable", "not-a-list"})


def unreadable(case: GuardInput) -> Iterator[Finding]:
    """Refuse a text that the authenticator can read less completely than before.

    A text with an uncertain meaning can only come back by a rollback.
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
            message = f"The meaning of {key} before the change is uncertain."
            impact = "So it is uncertain whether the change takes access away."
            yield warning(UNREADABLE, message, impact, "Compare the two texts.")


def _trust(reading: ParsedList) -> int:
    """Return how far a text can be read: 2 fully, 1 uncertainly, 0 not at all."""
    if any(finding.code in _LOST_CODES for finding in reading.findings):
        return 0
    return _TRUSTED if reading.trusted else 1


def _new_problems(before: ParsedList, after: ParsedList) -> list[Finding]:
    """Return the problems that a change adds.

    A problem that moves to another line is not new.
    """
    known = Counter(map(_identity, before.findings))
    new = []
    for finding in after.findings:
        if known[_identity(finding)]:
            known[_identity(finding)] -= 1
        else:
            new.append(finding)
    is_worse = len(after.findings) > len(before.findings) or Counter(before.mapped) - Counter(after.mapped)
    return new if is_worse else []


def _identity(finding: Finding) -> tuple[str, str, str]:
    return finding.code, finding.message, finding.location.text if finding.location else ""


def _refused(problem: Finding) -> Finding:
    key = problem.location.key if problem.location else ""
    return _as_refusal(replace(problem, code=UNREADABLE, severity=Severity.ERROR, principal=key))


def _never_written(problem: Finding) -> Finding:
    impact = "The text may give access that guards and policy do not see."
    hint = f"{problem.hint} This guard cannot be allowed."
    return replace(_refused(problem), code=UNTRUSTED, impact=impact, hint=hint)


def of_object(code: str, case: GuardInput) -> Iterator[Finding]:
    """Refuse a change to an object about which there is a finding with this code.

    A change that corrects it passes, as one that merges a key that a manifest has twice.
    """
    for finding in case.context.object_findings:
        if finding.code == code and not _merges(finding, case.after):
            yield _as_refusal(finding)


def _merges(finding: Finding, after: Document) -> bool:
    texts = [(change.key, change.text) for change in finding.fix if isinstance(change, ReplaceText)]
    return bool(texts) and all(after.data.get(key) == text for key, text in texts)


def _as_refusal(finding: Finding) -> Finding:
    return replace(finding, hint=f"{finding.hint} {allow_hint(finding.code, finding.principal)}", fix=())


def too_large(case: GuardInput) -> Iterator[Finding]:
    """Refuse a text that is too large for the API server.

    A change that makes it smaller passes. The server counts the bytes of the values of ``data`` and ``binaryData``, not
    the keys (Kubernetes ``pkg/apis/core/validation``, ``ValidateConfigMap``).
    """
    size = byte_size(case.after) + case.context.binary_bytes
    if size > MAX_BYTES and byte_size(case.after) > byte_size(case.before):
        message = f"The values of the ConfigMap have {size:,} bytes after the change; {MAX_BYTES:,} are allowed."
        impact = "The API server refuses it."
        yield violation(TOO_LARGE, message, impact, "Remove mappings that are not needed, or use access entries.")


def foreign_history(case: GuardInput) -> Iterator[Finding]:
    """Refuse to restore a revision of another object, as after a backup."""
    uid, revision_uid = case.context.uid, case.context.revision_uid
    if uid and revision_uid and uid != revision_uid:
        message = f"The revision is of the object with uid {quoted(revision_uid)}, and this one has {quoted(uid)}."
        impact = "It may hold the mappings of another cluster, or of an object that was deleted since."
        hint = "Look at the revision with `awsauth show`."
        yield violation(FOREIGN_HISTORY, message, impact, hint, principal=revision_uid)
