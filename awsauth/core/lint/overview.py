"""What is mapped, a line for each entry, with what there is to say about it in a word."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from awsauth.boundary import public
from awsauth.core.access.matching import can_match, canonical
from awsauth.core.access.node_mappings import is_node_mapping
from awsauth.core.document.model import KEYS, KIND
from awsauth.core.findings import Location, Severity
from awsauth.core.lint.lint import check_arguments, in_texts
from awsauth.core.serialization import JsonValue
from awsauth.core.text.display import NotebookValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from awsauth.core.document.document import Document
    from awsauth.core.document.model import Key, MappingEntry, ParsedList
    from awsauth.core.findings import Finding
    from awsauth.core.lint.policy import Policy

_RANKS: Final = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True, repr=False)
@public
class MappingRow(NotebookValue, JsonValue):
    """One entry that maps something.

    Attributes:
        kind: ``role``, ``user`` or ``account``.
        principal: Its ARN or account as written; empty for an ``sso`` entry.
        username: As written; empty for an account, whose principals come under their ARN.
        groups: As written.
        notes: ``node`` for what lets nodes in, ``never matches`` for an ARN that nobody can have, and the codes of what
            `awsauth.lint` finds at the entry, the worst first. `awsauth get` puts ``owner NAME`` before them.
        location: Where it stands.
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
        """Whether principal, username or a group matches, whatever its case; ``*``, ``?`` and ``[…]`` as in a shell.

        The ARN of a role may have its path, and that of a role's session stands for the role.
        """
        wanted = {pattern.lower(), canonical(pattern).lower()}
        texts = [text.lower() for text in (self.principal, self.username, *self.groups)]
        return any(text == one or fnmatchcase(text, one) for text in texts for one in wanted)


@public
def list_mappings(document: Document, pattern: str = "*", policy: Policy | None = None) -> tuple[MappingRow, ...]:
    """Return what is mapped, in the order of the text, duplicates included.

    What cannot be read is in no line: ``document.problems`` has it.

    Args:
        document: The document.
        pattern: What an entry has to match (see `MappingRow.fits`).
        policy: What it is held to as well.

    Raises:
        UsageError: `document` or `policy` is none.
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
        if entry.mapped is not None:
            notes = tuple(_notes(reading.key, entry.mapped, at_entry[position]))
            location = document.place_of(Location.of(reading.key, reading.text, entry.shape.start))
            mapped = entry.mapped
            yield MappingRow(KIND[reading.key], mapped.principal, mapped.username, mapped.groups, notes, location)


def _notes(key: Key, mapped: MappingEntry, findings: Iterable[Finding]) -> Iterator[str]:
    if is_node_mapping(mapped):
        yield "node"
    if key != "mapAccounts" and not can_match(mapped.principal):
        yield "never matches"
    ranked = sorted(findings, key=lambda finding: _RANKS[finding.severity])
    yield from dict.fromkeys(finding.code for finding in ranked)
