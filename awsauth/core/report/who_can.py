"""Who gets a group or a username, and who has a right in the cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from awsauth.core.access.caller import conditions_for, filled_in
from awsauth.core.access.matching import Access, account_of, casefold_arn, counting, is_canonical, is_usable
from awsauth.core.document.document import Document, check_document
from awsauth.core.document.model import KEYS, SYSTEM_MASTERS, Key, MappingEntry
from awsauth.core.entries.model import NOT_LOOKED_AT, AccessEntry, EntriesState
from awsauth.core.explain.candidates import entry_location
from awsauth.core.findings import Finding, Location, note
from awsauth.core.report.rbac import ANY, UNDEFINED, Rbac, RbacRule, Right, published_policies, rights
from awsauth.core.serialization import JsonValue
from awsauth.core.text.display import quoted, visible
from awsauth.errors import UsageError


@dataclass(frozen=True, slots=True)
class Grant(JsonValue):
    """A principal that gets the group or username, or has the right.

    Attributes:
        principal: The ARN as written in the document. For ``mapAccounts``, the ARN in a username, or the account.
        key: The data key of the mapping, or ``access entry``.
        username: The username, with the templates filled in whose values the ARN gives.
        groups: All groups of the principal, filled in alike.
        conditions: The conditions, one sentence each; empty if there are none.
        location: The location of the mapping; None for an access entry.
        right: The way to the right, with the rule that allows it; None for a group or username.
    """

    principal: str
    key: Key | Literal["access entry"]
    username: str
    groups: tuple[str, ...]
    conditions: tuple[str, ...]
    location: Location | None
    right: Right | None = None

    def __str__(self) -> str:
        way = f": {self.right}" if self.right else ""
        when = f" {' '.join(self.conditions)}" if self.conditions else ""
        return f"{quoted(self.principal, 200)} ({self.location or self.key}){way}.{when}"


@dataclass(frozen=True, slots=True)
class Grants(JsonValue):
    """The principals that get a group or username, or have a right.

    `str` returns them as text.

    Attributes:
        kind: ``group``, ``username`` or ``right``.
        name: The group, the username, or the right such as ``get secrets in web``.
        grants: The principals in the order of the document, roles first. One is there for each way to a right.
        problems: The findings about texts that cannot be read, and about unknown rights.
    """

    kind: Literal["group", "username", "right"]
    name: str
    grants: tuple[Grant, ...]
    problems: tuple[Finding, ...] = ()

    def __iter__(self) -> Iterator[Grant]:
        return iter(self.grants)

    def __len__(self) -> int:
        return len(self.grants)

    def __str__(self) -> str:
        number = len({grant.principal for grant in self.grants})
        who = f"{number} principals" if number > 1 else "One principal" if number else "No principal"
        gets = "can" if self.kind == "right" else f"{'get' if number > 1 else 'gets'} the {self.kind}"
        first = f"{who} {gets} {quoted(self.name, 200)}."
        return "\n".join([first, *(f"  {grant}" for grant in self.grants), *(f"  ! {p}" for p in self.problems)])


_BY_NAME: Final = "Only for the objects with these names."

# A mapping that counts: its data key and position, and the conditions.
_Place = tuple[Key, int, MappingEntry, tuple[str, ...]]


class _Candidate(NamedTuple):
    """A principal with access: the key and place of its mapping, or its access entry."""

    key: Key | Literal["access entry"]
    mapped: MappingEntry
    conditions: tuple[str, ...] = ()
    location: Location | None = None
    entry: AccessEntry | None = None

    def granted(self, conditions: tuple[str, ...], right: Right | None = None) -> Grant:
        """Return the grant under more conditions, with the way to a right."""
        shown = filled_in(self.entry.as_mapping if self.entry else self.mapped)
        under = (*self.conditions, *conditions)
        return Grant(self.mapped.principal, self.key, shown.username, shown.groups, under, self.location, right)


def who_can(document: Document, *, group: str | None = None, username: str | None = None) -> Grants:
    """Return the principals that get a group or a username from a document.

    Entries that never count are left out. So are groups that the API server gives to every caller, such as
    ``system:authenticated``.

    Raises:
        UsageError: `document` is not a document, or not exactly one of `group` and `username` is given.
    """
    check_document(document)
    return who_gets(document, EntriesState(), group, username)


def who_gets(document: Document, entries: EntriesState, group: str | None, username: str | None) -> Grants:
    """Return the principals that get a group or a username, also by access entries.

    A policy counts as a group of its name, and the cluster-admin policy also as ``system:masters``.

    Raises:
        UsageError: not exactly one of `group` and `username` is given.
    """
    name = group if username is None else username
    if not name or (group is None) == (username is None):
        raise UsageError("who_can asks for either a group or a username.", hint='Pass one: group="system:masters".')
    kind: Literal["group", "username"] = "group" if username is None else "username"

    grants = []
    for one in _candidates(document, entries, [name] if kind == "username" else []):
        wanted = (one.mapped.username,) if kind == "username" else one.mapped.groups
        conditions = conditions_for(one.mapped, wanted, name)
        if conditions is None and one.entry and kind == "group":
            conditions = _by_policy(one.entry, name)
        if conditions is not None:
            grants.append(one.granted(conditions))
    return Grants(kind, name, tuple(grants), _unread(document, entries))


def _by_policy(entry: AccessEntry, name: str) -> tuple[str, ...] | None:
    """Return the conditions of an entry for a policy or ``system:masters``, or None."""
    if name == SYSTEM_MASTERS and entry.is_administrator:
        return ("By an access policy with the same rights.",)
    policy = next((one for one in entry.policies if one.name == name), None)
    if policy and policy.namespaces:
        return (f"In the namespaces {', '.join(map(visible, policy.namespaces))}.",)
    return () if policy else None


def who_has_right(
    document: Document, entries: EntriesState, rbac: Rbac, asked: RbacRule, notes: Iterable[Finding] = ()
) -> Grants:
    """Return the principals that can send a request.

    Args:
        document: The mappings.
        entries: The access entries of the cluster.
        rbac: The RBAC of the cluster.
        asked: The request.
        notes: Notes about the request.
    """
    grants, unknown = list[Grant](), list[Finding]()
    for one in _candidates(document, entries, rbac.bindings.usernames):
        for right in rights(one.mapped, rbac, one.entry.policies if one.entry else ()):
            if rule := right.allowing(asked):
                grants.append(one.granted(right.conditions, right._replace(rules=(rule,))))
            elif some := right.allowing_named(asked):
                grants.append(one.granted((*right.conditions, _BY_NAME), right._replace(rules=some)))
            elif right.policy and right.rules is None and right.covers(asked.namespace):
                unknown.append(_unknown(one.mapped.principal, str(right.policy)))
    named = f" named {asked.name}" if asked.name else ""
    where = " in any namespace" if asked.namespace == ANY else f" in {asked.namespace}" if asked.namespace else ""
    name = f"{asked._replace(namespace='')}{named}{where}"
    return Grants("right", name, tuple(grants), (*_unread(document, entries), *notes, *unknown))


def _unknown(principal: str, policy: str) -> Finding:
    published = published_policies()
    message = f"Not checked: whether {quoted(principal, 200)} can by its access policy {policy}."
    why = f"AWS published no rules of this policy by {published.read}."
    return note(NOT_LOOKED_AT, message, why, f"See {published.address}.", principal=principal)


def _unread(document: Document, entries: EntriesState) -> tuple[Finding, ...]:
    problems = (one for reading in map(document.reading, KEYS) if not reading.entries for one in reading.findings)
    return (*map(document.located, problems), *entries.notes)


def _candidates(document: Document, entries: EntriesState, usernames: Iterable[str]) -> Iterator[_Candidate]:
    """Yield the principals with access, those of the document first.

    Args:
        document: The mappings.
        entries: The access entries of a cluster.
        usernames: The usernames that count for principals with access by their account, which are their ARNs.
    """
    present = entries.by_principal
    if entries.mode != "API":
        for key, position, mapped, conditions in (*_by_mapping(document), *_by_account(document, usernames)):
            entry = present.get(casefold_arn(mapped.principal))
            if not (entry and entry.type):
                yield _Candidate(key, mapped, conditions, entry_location(document, document.reading(key), position))
    for entry in present.values():
        yield _Candidate("access entry", MappingEntry(entry.principal_arn, entry.username, entry.groups), entry=entry)


def _by_mapping(document: Document) -> Iterator[_Place]:
    for key, entries in counting(document).values():
        several = (UNDEFINED,) if len(entries) > 1 else ()
        yield from ((key, position, mapped, several) for position, mapped in entries.items() if is_usable(mapped))


def _by_account(document: Document, usernames: Iterable[str]) -> Iterator[_Place]:
    """Yield the accounts with access, and their principals with one of `usernames`."""
    access = Access.of(document)
    positions = {mapped.principal: position for position, mapped in document.reading("mapAccounts").positioned}
    for account, position in positions.items():
        yield "mapAccounts", position, MappingEntry(account), ("For its principals without a mapping.",)
    why = ("By its account, and only if its ARN has this exact case.",)
    for name in usernames:
        account = account_of(name)
        if account in positions and is_canonical(name) and casefold_arn(name) not in access.by_principal:
            yield "mapAccounts", positions[account], MappingEntry(name, name), why
