"""Findings about a document, their fixes, and the mappings as a table with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.access.matching import canonical, casefold_arn, is_usable
from awsauth.core.access.node_mappings import admits_nodes
from awsauth.core.document.document import Document, check_document
from awsauth.core.document.fast_reader import read_fast
from awsauth.core.document.index import findings_by_entry, grouped
from awsauth.core.document.model import KEYS, KIND, Key, MappingEntry, ParsedList, collecting_later
from awsauth.core.findings import Finding, Location, Severity
from awsauth.core.lint.rules import RULES, LintContext
from awsauth.core.serialization import JsonValue
from awsauth.core.text.display import NotebookValue
from awsauth.errors import EditError, MappingConflictError, UsageError

if TYPE_CHECKING:
    from awsauth.core.edit.changes import Change
    from awsauth.core.lint.policy import Policy

_MOST_MERGES: Final = 64
# No real document has so many entries, groups and data keys. Of one with more, fewer findings of a kind are listed.
_MANY: Final = 10_000
_MOST_ALIKE: Final = 1_000
# Codes of findings about a mapping that the whole map lacks.
_OF_THE_WHOLE: Final = ("no-administrator", "no-node-mapping")
_ORDER: Final[dict[str, int]] = {key: number for number, key in enumerate(KEYS)}
# The rank of each severity: 0 for the worst.
RANKS: Final = {severity: rank for rank, severity in enumerate(Severity)}


def lint(document: Document, policy: Policy | None = None, *, binary_bytes: int = 0) -> tuple[Finding, ...]:
    """Return the findings about a document: of the parser and of the rules.

    They are in the order of the text, and at one place the worst is first. Findings about the whole document come last.
    A document may have more than 10,000 entries, groups and data keys. Then at most 1,000 findings of each kind are listed.

    Args:
        document: The document.
        policy: A policy to check it against.
        binary_bytes: Bytes of all values of ``binaryData``, which count towards the limit of 1 MiB.

    Raises:
        UsageError: `document` is not a document, or `policy` not a policy.
    """
    check_arguments(document, policy)
    found = in_texts(document, policy, binary=binary_bytes, most=_MOST_ALIKE)
    return tuple(map(document.located, _with_possible_fixes(document, found)))


def check_arguments(document: Document, policy: Policy | None) -> None:
    """Check the arguments of `lint`.

    Raises:
        UsageError: `document` is not a document, or `policy` not a policy.
    """
    check_document(document)
    if policy is not None:
        from awsauth.core.lint.policy import check_policy  # it imports pydantic, which is slow

        check_policy(policy)


@collecting_later
def in_texts(document: Document, policy: Policy | None = None, *, binary: int = 0, most: int = 0) -> list[Finding]:
    """Return the findings of `lint`, located in the data keys, with all fixes.

    Args:
        document: The document.
        policy: As for `lint`.
        binary: The `binary_bytes` of `lint`.
        most: The most findings of each kind, for a document that is larger than any real one; 0 for all.
    """
    context = LintContext(document, policy, binary)
    size = len(document.data) + len(context.items) + len(context.accounts) + len(context.groups)
    bound = most if most and size > _MANY else None
    found = [*context.parsed, *(finding for rule in RULES.values() for finding in rule.findings(context, bound))]
    if any(finding.code == "template-source" for finding in found):
        found = [finding for finding in found if finding.severity is not Severity.NOTE]
    elif document.is_fragment:
        found = [finding for finding in found if finding.code not in _OF_THE_WHOLE]
    return sorted(found, key=_position)


def newly_found(before: Document, after: Document) -> tuple[Finding, ...]:
    """Return the errors and warnings that a change introduces for a principal."""
    known = {(finding.code, finding.principal) for finding in in_texts(before)}
    found = (one for one in _with_possible_fixes(after, in_texts(after)) if one.severity is not Severity.NOTE)
    return tuple(before.located(one) for one in found if (one.code, one.principal) not in known)


def _position(finding: Finding) -> tuple[int, ...]:
    at = finding.location
    place = (_ORDER[at.key], at.line, at.column) if at else (len(_ORDER), 0, 0)
    return *place, RANKS[finding.severity]


def fixes(document: Document, found: Iterable[Finding] | None = None) -> tuple[Change, ...]:
    """Return the changes that fix findings.

    Merge them: ``awsauth.merge(document, awsauth.fixes(document))``. Each is returned once, and only if the text allows
    it. After them no principal has more than the text says. A repair can make entries readable; the fixes of their
    findings are included. A second time there are none.

    Args:
        document: The document.
        found: The findings to fix, such as those of ``client.check()``; by default those of `lint`.

    Raises:
        UsageError: `document` is not a document, or `found` is not a list of findings.
    """
    check_document(document)
    findings = in_texts(document) if found is None else _checked(found)
    document, made = _possible(document, _once(findings, of_texts=True))
    if made:
        findings += in_texts(document)
    return (*made, *_possible(document, _once(findings, of_texts=False))[1])


def _checked(found: Any) -> list[Finding]:
    listed = list(found) if isinstance(found, Iterable) else [found]
    if not all(isinstance(finding, Finding) for finding in listed):
        raise UsageError("found is not a list of findings.", hint="Pass the findings of lint(document).")
    return listed


def _once(findings: Iterable[Finding], *, of_texts: bool) -> list[Change]:
    """Return the fixes of findings, each once: those of whole texts, or the others."""
    from awsauth.core.edit.changes import RenamePrincipal, Repair, ReplaceText  # most documents need no fix

    wanted: dict[object, Change] = {}
    for change in (change for finding in findings for change in finding.fix):
        # Renaming a principal renames all of its entries, in any case.
        key = casefold_arn(change.principal_arn) if isinstance(change, RenamePrincipal) else change
        if isinstance(change, (Repair, ReplaceText)) is of_texts:
            wanted.setdefault(key, change)
    return list(wanted.values())


def _with_possible_fixes(document: Document, found: list[Finding]) -> Iterator[Finding]:
    """Yield findings without the fixes that the text does not allow."""
    wanted = dict.fromkeys(change for finding in found for change in finding.fix)
    # A plain form allows every edit.
    is_plain = all(read_fast(key, document.data.get(key, "")) for key in KEYS)
    possible = set(wanted if is_plain else _possible(document, list(wanted))[1])
    for finding in found:
        yield finding if possible.issuperset(finding.fix) else replace(finding, fix=())


def _possible(document: Document, changes: Sequence[Change]) -> tuple[Document, list[Change]]:
    """Return the changes that can be made, and the document with them.

    It halves the changes until each part can be made, or is one change that cannot. After `_MOST_MERGES` the rest
    counts as impossible, because each merge takes as long as the text.
    """
    from awsauth.core.edit.merge import merge  # for the same reason

    made: list[Change] = []
    waiting = [changes] if changes else []
    for _ in range(_MOST_MERGES):
        if not waiting:
            break
        some = waiting.pop()
        try:
            document = merge(document, some)
            made += some
        except (EditError, MappingConflictError):
            half = len(some) // 2
            waiting += [some[half:], some[:half]] if half else []
    return document, made


@dataclass(frozen=True, slots=True, repr=False)
class MappingRow(NotebookValue, JsonValue):
    """One entry that maps a principal.

    Attributes:
        kind: ``role``, ``user`` or ``account``.
        principal: The ARN or account as written; empty for an ``sso`` entry.
        username: The username as written; empty for an account, whose principals have their ARN as username.
        groups: The groups as written.
        notes: ``node`` for a node mapping, and ``never matches`` if no caller can get it. The codes of the findings of
            `awsauth.lint` about the entry follow, the worst first. `awsauth get` puts ``owner NAME`` before them.
        location: The location of the entry.
    """

    kind: str
    principal: str
    username: str
    groups: tuple[str, ...]
    notes: tuple[str, ...]
    location: Location

    @property
    def _title(self) -> str:
        return f"{self.kind} {self.principal or 'sso'} as {self.username or 'itself'} in {', '.join(self.groups) or 'no groups'}"

    @property
    def _rows(self) -> list[dict[str, object]]:
        return [{one.name: getattr(self, one.name) for one in fields(self)}]

    def fits(self, pattern: str) -> bool:
        """Whether the principal, the username or a group matches a pattern.

        The pattern may have ``*``, ``?`` and ``[…]``, and ignores case. The ARN of a role may have its path, and the
        ARN of a session stands for its role.
        """
        return matches_pattern(pattern, self.principal, self.username, *self.groups)


def matches_pattern(pattern: str, *texts: str) -> bool:
    """Whether a text matches a pattern (see `MappingRow.fits`)."""
    wanted = {pattern.lower(), canonical(pattern).lower()}
    return any(text == one or fnmatchcase(text, one) for text in map(str.lower, texts) for one in wanted)


def list_mappings(document: Document, pattern: str = "*", policy: Policy | None = None) -> tuple[MappingRow, ...]:
    """Return the mappings in the order of the text, duplicates included.

    Entries that cannot be read are left out: ``document.problems`` reports them.

    Args:
        document: The document.
        pattern: The pattern that an entry has to match (see `MappingRow.fits`).
        policy: A policy to check the document against.

    Raises:
        UsageError: `document` is not a document, or `policy` not a policy.
    """
    check_arguments(document, policy)
    found_here = in_texts(document, policy)
    shown = policy.unacknowledged(found_here) if policy else found_here
    found = grouped((finding.location.key, finding) for finding in shown if finding.location)
    listed = (one for key in KEYS for one in _listed(document, document.reading(key), found[key]))
    return tuple(one for one in listed if pattern == "*" or one.fits(pattern))


def _listed(document: Document, reading: ParsedList, findings: Sequence[Finding]) -> Iterator[MappingRow]:
    at_entry = findings_by_entry(reading, findings)
    for position, entry in enumerate(reading.entries):
        if mapped := entry.mapped:
            notes = tuple(_notes(reading.key, mapped, at_entry[position]))
            location = document.place_of(Location.of(reading.key, reading.text, entry.shape.start))
            yield MappingRow(KIND[reading.key], mapped.principal, mapped.username, mapped.groups, notes, location)


def _notes(key: Key, mapped: MappingEntry, findings: Iterable[Finding]) -> Iterator[str]:
    if admits_nodes(mapped):
        yield "node"
    if key != "mapAccounts" and not is_usable(mapped):
        yield "never matches"
    yield from dict.fromkeys(finding.code for finding in sorted(findings, key=lambda finding: RANKS[finding.severity]))
