"""The mappings as a table, one row for each entry."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from awsauth.boundary import public
from awsauth.core.access.matching import canonical, is_usable
from awsauth.core.access.node_mappings import admits_nodes
from awsauth.core.document.model import KEYS, KIND
from awsauth.core.findings import Location
from awsauth.core.lint.lint import RANKS, check_arguments, in_texts
from awsauth.core.serialization import JsonValue
from awsauth.core.text.display import NotebookValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from awsauth.core.document.document import Document
    from awsauth.core.document.model import Key, MappingEntry, ParsedList
    from awsauth.core.findings import Finding
    from awsauth.core.lint.policy import Policy


@dataclass(frozen=True, slots=True, repr=False)
@public
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
        return fits(pattern, self.principal, self.username, *self.groups)


def fits(pattern: str, *texts: str) -> bool:
    """Whether a text matches a pattern (see `MappingRow.fits`)."""
    wanted = {pattern.lower(), canonical(pattern).lower()}
    return any(text == one or fnmatchcase(text, one) for text in map(str.lower, texts) for one in wanted)


@public
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
    found: defaultdict[str, list[Finding]] = defaultdict(list)
    check_arguments(document, policy)
    found_here = in_texts(document, policy)
    for finding in policy.unacknowledged(found_here) if policy else found_here:
        if finding.location:
            found[finding.location.key].append(finding)
    listed = (one for key in KEYS for one in _listed(document, document.reading(key), found[key]))
    return tuple(one for one in listed if pattern == "*" or one.fits(pattern))


def _listed(document: Document, reading: ParsedList, findings: Sequence[Finding]) -> Iterator[MappingRow]:
    starts = [entry.shape.start for entry in reading.entries]
    at_entry: defaultdict[int, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.location:
            at_entry[bisect_right(starts, finding.location.offset_in(reading.text)) - 1].append(finding)
    for position, entry in enumerate(reading.entries):
        mapped = entry.mapped
        if mapped is not None:
            notes = tuple(_notes(reading.key, mapped, at_entry[position]))
            location = document.place_of(Location.of(reading.key, reading.text, entry.shape.start))
            yield MappingRow(KIND[reading.key], mapped.principal, mapped.username, mapped.groups, notes, location)


def _notes(key: Key, mapped: MappingEntry, findings: Iterable[Finding]) -> Iterator[str]:
    if admits_nodes(mapped):
        yield "node"
    if key != "mapAccounts" and not is_usable(mapped):
        yield "never matches"
    ranked = sorted(findings, key=lambda finding: RANKS[finding.severity])
    yield from dict.fromkeys(finding.code for finding in ranked)
