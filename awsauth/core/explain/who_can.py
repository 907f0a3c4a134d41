"""Who gets a group or a username."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from awsauth.core.access.caller import conditions_for, filled_in
from awsauth.core.access.matching import Access, account_of, casefold_arn, counting, is_canonical, is_usable
from awsauth.core.document.document import Document, check_document
from awsauth.core.document.model import KEYS, PRINCIPAL_KEYS, SYSTEM_MASTERS, Key
from awsauth.core.explain.candidates import entry_location
from awsauth.core.serialization import JsonValue
from awsauth.core.text.display import quoted, visible
from awsauth.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.entries.model import AccessEntry
    from awsauth.core.entries.view import EntriesState
    from awsauth.core.findings import Finding, Location


@dataclass(frozen=True, slots=True)
class Grant(JsonValue):
    """A principal that gets the group or username.

    Attributes:
        principal: The ARN as written in the document; for ``mapAccounts`` as in the username.
        key: The data key of the mapping, or ``access entry``.
        username: The username, with the templates filled in whose values the ARN gives.
        groups: All groups of the principal, filled in alike.
        conditions: The conditions, one sentence each; empty if there are none.
        location: The location of the mapping; None for an access entry.
    """

    principal: str
    key: Key | Literal["access entry"]
    username: str
    groups: tuple[str, ...]
    conditions: tuple[str, ...]
    location: Location | None

    def __str__(self) -> str:
        when = f" {' '.join(self.conditions)}" if self.conditions else ""
        return f"{quoted(self.principal, 200)} ({self.location or self.key}).{when}"


@dataclass(frozen=True, slots=True)
class Grants(JsonValue):
    """The principals that get a group or a username. `str` returns them as text.

    Attributes:
        kind: ``group`` or ``username``.
        name: The group or username.
        grants: The principals in the order of the document, roles first.
        problems: The findings about texts that cannot be read.
    """

    kind: Literal["group", "username"]
    name: str
    grants: tuple[Grant, ...]
    problems: tuple[Finding, ...] = ()

    def __iter__(self) -> Iterator[Grant]:
        return iter(self.grants)

    def __len__(self) -> int:
        return len(self.grants)

    def __str__(self) -> str:
        who = f"{len(self.grants)} principals get" if len(self.grants) > 1 else "One principal gets"
        first = f"{who if self.grants else 'No principal gets'} the {self.kind} {quoted(self.name)}."
        return "\n".join([first, *(f"  {grant}" for grant in self.grants), *(f"  ! {p}" for p in self.problems)])


def who_can(document: Document, *, group: str | None = None, username: str | None = None) -> Grants:
    """Return the principals that get a group or a username from a document.

    Entries that never count are left out. So are groups that the API server gives to every caller, such as
    ``system:authenticated``.

    Raises:
        UsageError: `document` is not a document, or not exactly one of `group` and `username` is given.
    """
    check_document(document)
    name = group if username is None else username
    if not name or (group is None) == (username is None):
        raise UsageError("who_can asks for either a group or a username.", hint='Pass one: group="system:masters".')
    kind: Literal["group", "username"] = "group" if username is None else "username"
    unread = (reading for reading in map(document.reading, KEYS) if not reading.entries)
    problems = (document.located(problem) for reading in unread for problem in reading.findings)
    return Grants(kind, name, tuple(_grants(document, kind, name)), tuple(problems))


def _grants(document: Document, kind: str, name: str) -> Iterator[Grant]:
    found = [
        (PRINCIPAL_KEYS.index(key), position, mapped, len(entries) > 1)
        for key, _, entries in counting(document)
        for position, mapped in entries.items()
        if is_usable(mapped)
    ]
    for number, position, mapped, is_one_of_several in sorted(found):
        key = PRINCIPAL_KEYS[number]
        wanted = [mapped.username] if kind == "username" else mapped.groups
        conditions = conditions_for(mapped, wanted, name)
        if conditions is not None:
            several = ("It is undefined whether this spelling of the ARN counts.",) if is_one_of_several else ()
            shown = filled_in(mapped)
            location = entry_location(document, document.reading(key), position)
            yield Grant(mapped.principal, key, shown.username, shown.groups, several + conditions, location)
    if kind == "username":
        yield from _by_account(document, name)


def _by_account(document: Document, username: str) -> Iterator[Grant]:
    """Yield the principal whose ARN is the username, if its account has access."""
    access = Access.of(document)
    if (
        account_of(username) not in access.accounts
        or not is_canonical(username)
        or casefold_arn(username) in access.by_principal
    ):
        return
    reading = document.reading("mapAccounts")
    positions = [p for p, mapped in reading.positioned if mapped.principal == account_of(username)]
    why = "By its account, and only if its ARN has this exact case."
    yield Grant(username, "mapAccounts", username, (), (why,), entry_location(document, reading, positions[0]))


def grants_with_entries(found: Grants, state: EntriesState) -> Grants:
    """Return the principals of grants, with access entries taken into account.

    A policy counts as a group of its name, and the cluster-admin policy also as ``system:masters``.
    """
    entries = state.by_principal
    overridden = {principal for principal, entry in entries.items() if entry.type}
    kept = [] if state.mode == "API" else [one for one in found if casefold_arn(one.principal) not in overridden]
    by_entry = (grant for entry in entries.values() for grant in _entry_grants(entry, found))
    return replace(found, grants=(*kept, *by_entry), problems=(*found.problems, *state.notes))


def _entry_grants(entry: AccessEntry, asked: Grants) -> Iterator[Grant]:
    mapped = entry.as_mapping
    shown = filled_in(mapped)
    wanted = (entry.username,) if asked.kind == "username" else entry.groups
    conditions = conditions_for(mapped, wanted, asked.name)
    if conditions is None and asked.kind == "group":
        for policy in entry.policies:
            if policy.name == asked.name and policy.namespaces:
                conditions = (f"In the namespaces {', '.join(map(visible, policy.namespaces))}.",)
            elif policy.name == asked.name:
                conditions = ()
        if asked.name == SYSTEM_MASTERS and entry.is_administrator:
            conditions = ("By an access policy with the same rights.",)
    if conditions is not None:
        yield Grant(entry.principal_arn, "access entry", shown.username, shown.groups, conditions, None)
