"""Merge changes into a document: pure, deterministic and idempotent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from awsauth.core.arn import is_user, role_or_nothing
from awsauth.core.document.document import Document, check_document
from awsauth.core.document.index import SEARCHES, kept_under, mapped_of
from awsauth.core.document.model import KEYS, PRINCIPAL_KEYS, SYSTEM_MASTERS, Key, MappingEntry, ParsedList, same_access
from awsauth.core.edit import changes as c
from awsauth.core.edit.rewrite import check_editable, rewrite
from awsauth.core.findings import Finding, note
from awsauth.core.text.display import quoted
from awsauth.errors import EditError, InvalidValueError, MappingConflictError, UsageError


class MergeResult(NamedTuple):
    """The outcome of a merge.

    Attributes:
        before: The document given.
        after: The document with the changes; `before` itself if nothing changes.
        only_adds: Whether no text is removed or replaced.
        findings: Notes for the caller, such as groups that stay although the change did not name them.
        extra_groups: By ARN, the groups that stay although the change did not name them.
    """

    before: Document
    after: Document
    only_adds: bool = False
    findings: tuple[Finding, ...] = ()
    extra_groups: Mapping[str, tuple[str, ...]] = MappingProxyType({})


def merge(document: Document, changes: Iterable[c.Change]) -> Document:
    """Return the document with all changes made, in their order.

    A second merge changes no byte.

    Raises:
        MappingConflictError: a principal is already mapped to something else.
        EditError: the text cannot be edited without touching more than the changes need.
        InvalidValueError: the name to remove is not an ARN, and nothing is mapped under it.
        UsageError: `changes` is not a list of changes.
    """
    check_document(document)
    return merge_with_report(document, c.as_list(changes)).after


def merge_with_report(document: Document, changes: Iterable[c.Change]) -> MergeResult:
    """Merge like `merge`, and report how."""
    work = _Work(document)
    try:
        for change in changes:
            work.make(change)
        return work.finish()
    except EditError as error:
        if error.place:
            error.place = document.place_of(error.place)
            error.location = str(error.place)
        raise


class _Entries:
    """The entries of one key during a merge, each with its final mapping.

    The position names an entry: the entries of the reading come first, then the added ones.

    Attributes:
        reading: The reading of the old text.
        changed: By position, the new mapping of a changed or added entry; None for a removed one.
    """

    def __init__(self, reading: ParsedList) -> None:
        self.reading = reading
        self.changed: dict[int, MappingEntry | None] = {}
        self._end = len(reading.entries)
        self._noted: defaultdict[object, list[int]] = defaultdict(list)
        self._searches = 0

    def get(self, position: int) -> MappingEntry | None:
        """Return the present mapping of an entry; None if it is removed or maps nothing."""
        return self.changed[position] if position in self.changed else self.reading.entries[position].mapped

    def put(self, position: int, mapped: MappingEntry | None) -> None:
        """Set the mapping of an entry; None removes it."""
        self.changed[position] = mapped
        if mapped is not None:
            self._noted[mapped.identity].append(position)

    def add(self, mapped: MappingEntry) -> None:
        """Add an entry at the end."""
        self.put(self._end, mapped)
        self._end += 1

    def find(self, *principals: str) -> list[int]:
        """Return the positions of the entries that map one of `principals`, in any case."""
        wanted = {(principal.lower(), None) for principal in principals}
        found = {position for identity in wanted for position in self._noted.get(identity, ())}
        if self._searches < SEARCHES:
            self._searches += len(wanted)
            found.update([at for at, _ in mapped_of(self.reading, [principal for principal, _ in wanted])])
            for position, mapped in self.reading.positioned if self._searches >= SEARCHES else ():
                self._noted[mapped.identity].append(position)  # from now on, an index is faster
        return [position for position in sorted(found) if (now := self.get(position)) and now.identity in wanted]

    def effective_positions(self, positions: Sequence[int]) -> list[int]:
        """Return the positions that count: the last of entries of equal `identity`."""
        return sorted({self.identity(position): position for position in positions}.values())

    def identity(self, position: int) -> object:
        """Return a value that is equal for entries that replace each other.

        Users compare by exact spelling.
        """
        now = self.get(position)
        return now and (kept_under(self.reading.key, now.principal), now.sso)

    def everything(self) -> list[int]:
        """Return the positions of all entries that map something, or did."""
        return sorted({position for position, _ in self.reading.positioned}.union(self.changed))


class _Work:
    def __init__(self, document: Document) -> None:
        self._before = document
        self._document = document
        self._open: dict[Key, _Entries] = {}
        self._only_adds = True
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
                entries = self._readable_entries("mapAccounts")
                self._update(change.account, [(entries, at) for at in entries.find(change.account)], lambda _: None)
            case c.RemoveUsername():
                self._update(change.username, self._of_username(change.username), lambda _: None)
            case c.RemoveGroups():
                arn, gone = change.principal_arn, set(change.groups)
                self._update(arn, self._of_principal(arn), lambda now: _without(now, gone))
            case c.RenamePrincipal():
                self._rename(change)
            case c.Deduplicate():
                self._deduplicate(only_equal=change.only_equal)
            case c.Repair():
                self._repair(change.key)
            case c.ReplaceText():
                self._replace_text(change.key, change.text)
            case _:
                message = f"{change.kind} is a change of access entries, and a document holds mappings alone."
                raise UsageError(message, hint="Apply it with the client of an EKS cluster.")

    def finish(self) -> MergeResult:
        self._close()
        after = self._before if self._document.data == self._before.data else self._document
        return MergeResult(self._before, after, self._only_adds, tuple(self._findings), self._extra)

    def _entries(self, key: Key) -> _Entries:
        if key not in self._open:
            self._open[key] = _Entries(self._document.reading(key))
        return self._open[key]

    def _close(self) -> None:
        """Write the collected changes, key by key."""
        for key, entries in self._open.items():
            count = len(entries.reading.entries)
            changed = {position: mapped for position, mapped in entries.changed.items() if position < count}
            added = [mapped for position, mapped in entries.changed.items() if position >= count and mapped]
            result = rewrite(entries.reading, changed, added, sibling=self._document.sibling(key))
            if result.splices:
                self._only_adds &= all(one.start == one.end for one in result.splices)
                self._document = self._document.with_reading(result.reading)
        self._open = {}

    def _ensure(self, key: Key, arn: str, change: c.EnsureRole | c.EnsureUser) -> None:
        entries = self._entries(key)
        found = entries.effective_positions(entries.find(arn))
        if key == "mapUsers" and self._entries("mapRoles").find(arn):
            message = f"{quoted(arn, 200)} is mapped under mapRoles, which takes precedence over mapUsers."
            raise MappingConflictError(message, hint="Remove it there first, with remove_user_mapping.")
        if found:
            self._update(arn, [(entries, at) for at in found], lambda now: self._ensured(now, change))
        else:
            entries.add(MappingEntry(arn, change.username, tuple(change.groups)))

    def _ensured(self, now: MappingEntry, change: c.EnsureRole | c.EnsureUser) -> MappingEntry:
        """Return the entry that a change makes of one for the same principal."""
        given, wanted = set(now.groups), set(change.groups)
        if change.if_mapped == "replace":
            groups = now.groups if given == wanted else _ordered(now, change)
            return now._replace(username=change.username, groups=groups)
        extra = tuple(group for group in now.groups if group not in wanted)
        missing = tuple(group for group in change.groups if group not in given)
        hint = ""
        if change.if_mapped == "fail" and (extra or missing or now.username != change.username):
            hint = 'Pass if_mapped="extend" to add groups, or if_mapped="replace" to replace the mapping.'
        elif now.username != change.username:
            hint = 'Pass if_mapped="replace" to set the new username, or ask for the present one.'
        elif SYSTEM_MASTERS in extra:
            stays = f"It would stay in {SYSTEM_MASTERS}, which may do everything."
            hint = f'{stays} Pass if_mapped="replace" to remove that group, or ask for {SYSTEM_MASTERS} too to keep it.'
        if hint:
            present, asked = (described(one.username, one.groups) for one in (now, change))
            message = f"{quoted(now.principal, 200)} is already mapped to {present}. You asked for {asked}."
            raise MappingConflictError(message, hint=hint)
        if extra:
            self._extra[now.principal] = extra
            self._findings.append(_extra_groups(now.principal, extra))
        return now._replace(groups=now.groups + missing)

    def _update(
        self, name: str, found: Sequence[tuple[_Entries, int]], updated: Callable[[MappingEntry], MappingEntry | None]
    ) -> None:
        """Change the entries found, or note that there are none.

        They may be removed already, or `name` is misspelt.
        """
        if not found:
            self._findings.append(_not_mapped(name))
        for entries, position in found:
            now = entries.get(position)
            if now is not None and (new := updated(now)) != now:
                entries.put(position, new)

    def _remove_principal(self, principal: str, key: Key) -> None:
        found = self._of_principal(principal, key)
        # A typo must not look like a removal: a bare name is not an ARN.
        if not found and ":" not in principal:
            raise _not_an_arn(principal, self._document.reading(key))
        self._update(principal, found, lambda _: None)

    def _readable_entries(self, key: Key) -> _Entries:
        """Return the entries; raise if the text cannot be read.

        Then a missing entry proves nothing.
        """
        entries = self._entries(key)
        if entries.reading.is_unreadable:
            check_editable(entries.reading)
        return entries

    def _of_principal(self, principal: str, home: Key | None = None) -> list[tuple[_Entries, int]]:
        """Return the entries of a role or user under both keys.

        The authenticator ignores the kind of an ARN.
        """
        self._readable_entries(home or ("mapUsers" if is_user(principal) else "mapRoles"))
        tables = map(self._entries, PRINCIPAL_KEYS)
        role = role_or_nothing(principal) or principal
        return [(entries, position) for entries in tables for position in entries.find(principal, role)]

    def _of_username(self, username: str) -> list[tuple[_Entries, int]]:
        tables = map(self._readable_entries, PRINCIPAL_KEYS)
        found = ((entries, position) for entries in tables for position in entries.everything())
        return [one for one in found if (now := one[0].get(one[1])) and now.username == username]

    def _rename(self, change: c.RenamePrincipal) -> None:
        renamed = self._of_principal(change.principal_arn)
        # Another spelling of the same principal is fine; a second mapping of another principal would be ignored.
        allowed = set(renamed)
        for entries in {entries for entries, _ in renamed}:
            if any((entries, other) not in allowed for other in entries.find(change.new_arn)):
                hint = f"Remove that mapping first, or the one of {quoted(change.principal_arn, 200)}."
                raise MappingConflictError(f"{quoted(change.new_arn, 200)} is already mapped.", hint=hint)
        self._update(change.principal_arn, renamed, lambda now: now._replace(principal=change.new_arn))

    def _deduplicate(self, *, only_equal: bool) -> None:
        for key in KEYS:
            entries = self._readable_entries(key)
            everything = entries.everything()
            winners = {entries.identity(position): position for position in everything}
            for position in set(everything) - set(winners.values()):
                now = entries.get(position)
                winner = entries.get(winners[entries.identity(position)]) if now and not now.sso else None
                if now and winner and (not only_equal or same_access(now, winner)):
                    entries.put(position, None)

    def _repair(self, key: Key) -> None:
        from awsauth.core.document.repairs import repaired

        self._close()
        text = self._document.data.get(key, "")
        if (better := repaired(key, text)) != text:
            self._replace_text(key, better)

    def _replace_text(self, key: Key, text: str | None) -> None:
        # Earlier changes to the old text go with it.
        self._open.pop(key, None)
        self._only_adds &= self._document.data.get(key, text) == text
        self._document = self._document.with_text(key, text)


def _without(now: MappingEntry, groups: set[str]) -> MappingEntry:
    return now._replace(groups=tuple(group for group in now.groups if group not in groups))


def _ordered(now: MappingEntry, change: c.EnsureRole | c.EnsureUser) -> tuple[str, ...]:
    """Return the groups of a change; those of the entry come first, in its order."""
    kept = tuple(dict.fromkeys(group for group in now.groups if group in change.groups))
    return kept + tuple(group for group in change.groups if group not in kept)


def described(username: str, groups: Sequence[str]) -> str:
    """Return a username and groups in words."""
    listed = ", ".join(quoted(group) for group in groups)
    return f"username {quoted(username)} with {f'the groups {listed}' if groups else 'no groups'}"


def _not_an_arn(name: str, reading: ParsedList) -> InvalidValueError:
    meant = [mapped.principal for mapped in reading.mapped if mapped.principal.endswith(f"/{name}")][:3]
    hint = f"Give the ARN: {' or '.join(quoted(arn, 200) for arn in meant)}." if meant else "Give the ARN."
    return InvalidValueError(f"{quoted(name, 200)} is not an ARN, and nothing is mapped under it.", hint=hint)


def _not_mapped(name: str) -> Finding:
    message = f"There is no mapping of {quoted(name, 200)}."
    return note("not-mapped", message, "The change has no effect.", "If you expected a mapping, check the spelling.")


def _extra_groups(principal: str, extra: tuple[str, ...]) -> Finding:
    listed = ", ".join(quoted(group) for group in extra)
    message = f"{quoted(principal, 200)} stays in groups that the change does not name: {listed}."
    return note("extra-groups", message, "It keeps their rights.", 'Pass if_mapped="replace" to remove it from them.')
