"""Merging changes into a document: pure, deterministic, and idempotent for what is ensured."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from awsauth.boundary import public
from awsauth.core.arn import canonical_role, canonical_user, is_user
from awsauth.core.document.document import Document, check_document, parse_list
from awsauth.core.document.model import KEYS, PRINCIPAL_KEYS, SYSTEM_MASTERS, Key, MappingEntry
from awsauth.core.edit import changes as c
from awsauth.core.edit.entry_table import EntryTable
from awsauth.core.edit.rewrite import check_editable, rewrite
from awsauth.core.findings import Finding, Severity
from awsauth.core.text.display import quoted
from awsauth.errors import EditError, InvalidValueError, MappingConflictError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from awsauth.core.document.model import ParsedList
    from awsauth.core.text.lines import Splice


class MergeResult(NamedTuple):
    """The outcome of a merge.

    Attributes:
        before: The document that was given.
        after: The document with the changes; `before` itself where nothing changes.
        splices: By key, how one text became the other; a key that was replaced as a whole has none.
        findings: What the caller should know, such as groups that stay though nobody asked for them.
        extra_groups: By ARN, the groups that stay though nobody asked for them.
    """

    before: Document
    after: Document
    splices: Mapping[Key, tuple[Splice, ...]] = MappingProxyType({})
    findings: tuple[Finding, ...] = ()
    extra_groups: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@public
def merge(document: Document, changes: Iterable[c.Change]) -> Document:
    """Return the document with all changes made, in their order. A second time changes no byte.

    Raises:
        MappingConflictError: a principal is mapped already, to something else than is asked for.
        EditError: the text cannot be edited without touching more.
        InvalidValueError: what is to be removed is no ARN, and nothing is mapped under it.
        UsageError: `changes` is no list of changes.
    """
    return merge_with_report(document, changes).after


def merge_with_report(document: Document, changes: Iterable[c.Change]) -> MergeResult:
    """Like `merge`, with everything there is to say about it."""
    check_document(document)
    work = _Work(document)
    try:
        for change in c.as_list(changes):
            work.make(change)
        return work.finish()
    except EditError as error:
        if error.place:
            error.place = document.place_of(error.place)
            error.location = str(error.place)
        raise


class _Work:
    def __init__(self, document: Document) -> None:
        self._before = document
        self._document = document
        self._open: dict[Key, EntryTable] = {}
        self._splices: dict[Key, tuple[Splice, ...]] = {}
        self._replaced: set[Key] = set()
        self._findings: list[Finding] = []
        self._extra: dict[str, tuple[str, ...]] = {}

    def make(self, change: c.Change) -> None:  # noqa: C901, PLR0912 - one arm for each kind of change
        match change:
            case c.EnsureRole():
                self._ensure("mapRoles", change.role_arn, change)
            case c.EnsureUser():
                self._ensure("mapUsers", change.user_arn, change)
            case c.EnsureAccount():
                if not self._entries("mapAccounts").find(change.account):
                    self._entries("mapAccounts").add(MappingEntry(change.account))
            case c.RemoveRole():
                self._remove_principal(change.role_arn, "mapRoles")
            case c.RemoveUser():
                self._remove_principal(change.user_arn, "mapUsers")
            case c.RemoveAccount():
                entries = self._known_entries("mapAccounts")
                self._remove(change.account, [(entries, position) for position in entries.find(change.account)])
            case c.RemoveUsername():
                self._remove(change.username, self._of_username(change.username))
            case c.RemoveGroups():
                self._remove_groups(change)
            case c.RenamePrincipal():
                self._rename(change)
            case c.Deduplicate():
                self._deduplicate(only_equal=change.only_equal)
            case c.Repair():
                self._repair(change.key)
            case c.ReplaceText():
                self._replace_text(change.key, change.text)

    def finish(self) -> MergeResult:
        self._close()
        after = self._before if self._document.data == self._before.data else self._document
        return MergeResult(self._before, after, self._splices, tuple(self._findings), self._extra)

    def _entries(self, key: Key) -> EntryTable:
        if key not in self._open:
            self._open[key] = EntryTable(self._document.reading(key))
        return self._open[key]

    def _close(self) -> None:
        """Write what was collected, key by key."""
        for key, entries in self._open.items():
            added = [mapped for mapped in entries.added if mapped is not None]
            result = rewrite(
                entries.reading, entries.changed, added, read=parse_list, sibling=self._document.sibling(key)
            )
            if result.splices:
                if key not in self._replaced:
                    self._splices[key] = result.splices
                self._document = self._document.with_reading(result.reading)
        self._open = {}

    def _ensure(self, key: Key, arn: str, change: c.EnsureRole | c.EnsureUser) -> None:
        entries = self._entries(key)
        found = entries.winners(entries.find(arn))
        if key == "mapUsers" and self._entries("mapRoles").find(arn):
            raise MappingConflictError(
                f"{quoted(arn, 200)} is mapped under mapRoles, which counts before mapUsers; nothing was changed.",
                hint="Remove it there first, with remove_user_mapping.",
            )
        if not found:
            entries.add(MappingEntry(arn, change.username, tuple(change.groups)))
        for position in found:
            now = entries.get(position)
            assert now is not None  # noqa: S101 - find yields what is mapped
            new = self._ensured(now, change)
            if new != now:
                entries.put(position, new)

    def _ensured(self, now: MappingEntry, change: c.EnsureRole | c.EnsureUser) -> MappingEntry:
        """Return what an entry is to map, by the policy of the change."""
        if change.if_mapped == "replace":
            same = set(now.groups) == set(change.groups)
            return now._replace(username=change.username, groups=now.groups if same else _ordered(now, change))
        given, wanted = set(now.groups), set(change.groups)
        extra = tuple(group for group in now.groups if group not in wanted)
        missing = tuple(group for group in change.groups if group not in given)
        if change.if_mapped == "fail" and (extra or missing or now.username != change.username):
            raise _conflict(
                now,
                change,
                'Pass if_mapped="extend" to add groups, or if_mapped="replace" to make it what you ask for.',
            )
        if now.username != change.username:
            raise _conflict(
                now, change, 'Pass if_mapped="replace" to give it the new username, or ask for the one it has.'
            )
        if SYSTEM_MASTERS in extra:
            raise _conflict(
                now,
                change,
                f'It would stay in {SYSTEM_MASTERS}, which may do everything. Pass if_mapped="replace" to take that away, '
                f"or ask for {SYSTEM_MASTERS} too to keep it.",
            )
        if extra:
            self._extra[now.principal] = extra
            self._findings.append(_extra_groups(now.principal, extra))
        return now._replace(groups=now.groups + missing)

    def _remove_principal(self, principal: str, key: Key) -> None:
        found = self._of_principal(principal, key)
        # A typo must not look like an offboarding: a name alone is nobody's ARN.
        if not found and ":" not in principal:
            raise _no_arn(principal, self._document.reading(key))
        self._remove(principal, found)

    def _remove(self, message: str, found: Sequence[tuple[EntryTable, int]]) -> None:
        self._note_absent(message, found)
        for entries, position in found:
            entries.put(position, None)

    def _note_absent(self, message: str, found: Sequence[tuple[EntryTable, int]]) -> None:
        """Say so where a change finds nothing to do: it may be done already, or the name be misspelt."""
        if not found:
            self._findings.append(_not_mapped(message))

    def _known_entries(self, key: Key) -> EntryTable:
        """Return the entries of a text in which absence can be told: of a broken one nobody knows who is in it."""
        entries = self._entries(key)
        reading = entries.reading
        if not reading.trusted or (reading.findings and not reading.entries):
            check_editable(reading)
        return entries

    def _of_principal(self, principal: str, home: Key | None = None) -> list[tuple[EntryTable, int]]:
        """Return the entries of a role or user, under both keys: the authenticator does not look at the ARN's kind."""
        home = home or ("mapUsers" if is_user(principal) else "mapRoles")
        self._known_entries(home)
        return [
            (self._entries(key), position)
            for key in PRINCIPAL_KEYS
            for position in self._entries(key).find(*_spellings(principal))
        ]

    def _of_username(self, username: str) -> list[tuple[EntryTable, int]]:
        return [
            (entries, position)
            for entries in map(self._known_entries, PRINCIPAL_KEYS)
            for position in entries.everything()
            if (now := entries.get(position)) and now.username == username
        ]

    def _remove_groups(self, change: c.RemoveGroups) -> None:
        found = self._of_principal(change.principal_arn)
        self._note_absent(change.principal_arn, found)
        groups = set(change.groups)
        for entries, position in found:
            now = entries.get(position)
            if now is not None and not groups.isdisjoint(now.groups):
                kept = tuple(group for group in now.groups if group not in groups)
                entries.put(position, now._replace(groups=kept))

    def _rename(self, change: c.RenamePrincipal) -> None:
        renamed = self._of_principal(change.principal_arn)
        self._note_absent(change.principal_arn, renamed)
        # Spelling the same principal otherwise is fine; a second mapping of another one would not count.
        allowed = set(renamed)
        for entries in {entries for entries, _ in renamed}:
            if any((entries, other) not in allowed for other in entries.find(change.new_arn)):
                raise MappingConflictError(
                    f"{quoted(change.new_arn, 200)} is mapped already; nothing was changed.",
                    hint=f"Remove that mapping first, or the one of {quoted(change.principal_arn, 200)}.",
                )
        for entries, position in renamed:
            now = entries.get(position)
            if now is not None and now.principal != change.new_arn:
                entries.put(position, now._replace(principal=change.new_arn))

    def _deduplicate(self, *, only_equal: bool) -> None:
        for key in KEYS:
            entries = self._known_entries(key)
            everything = entries.everything()
            counting = {entries.identity(position): position for position in entries.winners(everything)}
            for position in set(everything) - set(counting.values()):
                now = entries.get(position)
                if now is None or now.sso is not None:
                    continue
                counts = entries.get(counting[entries.identity(position)])
                if not only_equal or (counts is not None and gives_the_same(now, counts)):
                    entries.put(position, None)

    def _repair(self, key: Key) -> None:
        from awsauth.core.document.repairs import repaired

        self._close()
        text = self._document.data.get(key, "")
        if (better := repaired(key, text)) != text:
            self._replace_text(key, better)

    def _replace_text(self, key: Key, text: str | None) -> None:
        # What was collected for the text goes with it, readable or not; splices into the new one lead from nowhere.
        self._open.pop(key, None)
        self._replaced.add(key)
        self._splices.pop(key, None)
        self._document = self._document.with_text(key, text)


def gives_the_same(one: MappingEntry, other: MappingEntry) -> bool:
    """Whether two mappings give the same username and groups."""
    return one.username == other.username and set(one.groups) == set(other.groups)


def _ordered(now: MappingEntry, change: c.EnsureRole | c.EnsureUser) -> tuple[str, ...]:
    """Return the groups asked for, those that are there already first and in their order."""
    kept = tuple(dict.fromkeys(group for group in now.groups if group in change.groups))
    return kept + tuple(group for group in change.groups if group not in kept)


def _spellings(principal: str) -> tuple[str, ...]:
    """Return a principal as given and as the authenticator sees it, where that is something else."""
    spellings = {principal}
    for canonical in (canonical_role, canonical_user):
        try:
            spellings.add(canonical(principal))
        except InvalidValueError:
            continue
    return tuple(spellings)


def _conflict(now: MappingEntry, change: c.EnsureRole | c.EnsureUser, hint: str) -> MappingConflictError:
    return MappingConflictError(
        f"{quoted(now.principal, 200)} is mapped already, to {_described(now.username, now.groups)}, "
        f"and what is asked for is {_described(change.username, change.groups)}; nothing was changed.",
        hint=hint,
    )


def _described(username: str, groups: Sequence[str]) -> str:
    listed = ", ".join(quoted(group) for group in groups)
    return f"username {quoted(username)} with {f'the groups {listed}' if groups else 'no groups'}"


def _no_arn(name: str, reading: ParsedList) -> InvalidValueError:
    meant = [mapped.principal for mapped in reading.mapped if mapped.principal.endswith(f"/{name}")][:3]
    return InvalidValueError(
        f"{quoted(name, 200)} is no ARN, and nothing is mapped under it; nothing was changed.",
        hint=f"Give the ARN: {' or '.join(quoted(arn, 200) for arn in meant)}." if meant else "Give the ARN.",
    )


def _not_mapped(message: str) -> Finding:
    return Finding(
        "not-mapped",
        Severity.NOTE,
        f"There is no mapping of {quoted(message, 200)}.",
        "Nothing was done about it.",
        "If it should have been there, check how it is spelt.",
    )


def _extra_groups(principal: str, extra: tuple[str, ...]) -> Finding:
    listed = ", ".join(quoted(group) for group in extra)
    return Finding(
        "extra-groups",
        Severity.NOTE,
        f"{quoted(principal, 200)} stays in groups that were not asked for: {listed}.",
        "It has their rights as before.",
        'Pass if_mapped="replace" to take them away.',
    )
