"""Who has access to a cluster, by mappings and access entries.

For each principal, one of the two sources decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from awsauth.core.access.matching import can_match, casefold_arn, counting
from awsauth.core.document.document import Document
from awsauth.core.document.model import KIND, MappingEntry
from awsauth.core.entries.model import AccessEntry, AuthenticationMode
from awsauth.core.findings import Finding
from awsauth.core.serialization import JsonValue

# The code of the note that a request for facts was not allowed or failed.
NOT_LOOKED_AT: Final = "not-looked-at"


class EntriesState(NamedTuple):
    """The access entries of a cluster, as far as they are known.

    Attributes:
        mode: The authentication mode; None if unknown, or without an EKS cluster.
        entries: The entries; None if they could not be listed.
        notes: What could not be read, and why.
    """

    mode: AuthenticationMode | None = None
    entries: tuple[AccessEntry, ...] | None = ()
    notes: tuple[Finding, ...] = ()

    @property
    def by_principal(self) -> dict[str, AccessEntry]:
        """The entries that the cluster uses, by principal in lower case."""
        return {} if self.mode == "CONFIG_MAP" else {entry.principal: entry for entry in self.entries or ()}


DecidedBy = Literal["entry", "mapping", "nothing", "unknown"]
"""The source that decides for a principal; ``nothing`` if it has no access."""


@dataclass(frozen=True, slots=True)
class PrincipalAccess(JsonValue):
    """The access of one principal, and the source that decides.

    Attributes:
        principal: The ARN, with the real path for an access entry; or an account of ``mapAccounts``.
        decided_by: ``entry``, ``mapping``, ``nothing`` if it has no access, or ``unknown``.
        reason: Why, in one sentence.
        username: The username of the source that decides, with its templates.
        groups: The groups of that source.
        entry: The access entry with type, policies, times and tags; None without one.
        mapped: Whether ``aws-auth`` maps it.
        owner: The owner whose sync manages it; may be empty.
    """

    principal: str
    decided_by: DecidedBy
    reason: str
    username: str
    groups: tuple[str, ...]
    entry: AccessEntry | None = None
    mapped: bool = True
    owner: str = ""


@dataclass(frozen=True, slots=True)
class AccessView(JsonValue):
    """Who has access to a cluster.

    Attributes:
        mode: The authentication mode: ``CONFIG_MAP``, ``API_AND_CONFIG_MAP`` or ``API``; None if unknown, or for a file.
        principals: The principals, those of the document first.
        notes: What could not be read, and why.
    """

    mode: AuthenticationMode | None
    principals: tuple[PrincipalAccess, ...]
    notes: tuple[Finding, ...] = ()


def access_view(document: Document, state: EntriesState, owners: Mapping[str, str]) -> AccessView:
    """Return the access of all principals in a document and in access entries.

    Args:
        document: The document.
        state: The access entries.
        owners: By name of a mapping, such as ``role/arn:…`` with the ARN in lower case, its owner.
    """
    return AccessView(state.mode, tuple(_principals(document, state, owners)), state.notes)


def _principals(document: Document, state: EntriesState, owners: Mapping[str, str]) -> Iterator[PrincipalAccess]:
    left = state.by_principal
    for key, arn, found in counting(document):
        mapped = found[max(found)]
        # A mapping with the path of a role never matches, so an entry takes nothing from it.
        entry = left.pop(arn, None)
        owner = owners.get(f"{KIND[key]}/{casefold_arn(mapped.principal)}", "")
        yield _by_entry(entry, mapped=True) if entry else _by_mapping(mapped, state, owner)
    for account in document.accounts:
        yield _by_mapping(MappingEntry(account), state, owners.get(f"account/{account}", ""))
    for entry in left.values():
        yield _by_entry(entry, mapped=False)


def _by_entry(entry: AccessEntry, *, mapped: bool) -> PrincipalAccess:
    reason = "Its access entry overrides its mapping." if mapped else "It has an access entry."
    shown = entry.username, entry.groups, entry, mapped, entry.owner
    return PrincipalAccess(entry.principal_arn, "entry", reason, *shown)


def _by_mapping(mapped: MappingEntry, state: EntriesState, owner: str) -> PrincipalAccess:
    decided: DecidedBy = "mapping"
    reason = "It has no access entry." if state.mode == "API_AND_CONFIG_MAP" else "aws-auth maps it."
    if ":" in mapped.principal and not can_match(mapped.principal):
        decided, reason = "nothing", "No caller can have this ARN."
    elif state.mode == "API":
        decided, reason = "nothing", "The authentication mode is API: the cluster does not use aws-auth."
    elif state.entries is None:
        decided, reason = "unknown", "The access entries could not be read, and one would decide."
    given = ("", ()) if decided == "nothing" else (mapped.username, mapped.groups)
    return PrincipalAccess(mapped.principal, decided, reason, *given, owner=owner)
