"""Merging changes into a document: pure, deterministic, and idempotent for what is ensured."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from awsauth.core import changes as c
from awsauth.core.arn import canonical_role, canonical_user
from awsauth.core.document import Document, read
from awsauth.core.escaping import quoted
from awsauth.core.finding import Finding, Severity
from awsauth.core.reading import KEYS, Key, Mapped, Reading
from awsauth.core.splice import rewrite
from awsauth.errors import InvalidValueError, MappingConflictError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from awsauth.core.text import Splice

MASTERS: Final = "system:masters"
"""The group that may do everything, whatever RBAC says."""


@dataclass(frozen=True, slots=True)
class Merged:
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
    splices: dict[Key, tuple[Splice, ...]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    extra_groups: dict[str, tuple[str, ...]] = field(default_factory=dict)


def merge(document: Document, changes: Iterable[c.Change]) -> Document:
    """Return the document with all changes made, in their order. A second time changes no byte.

    Raises:
        MappingConflictError: a principal is mapped already, to something else than is asked for.
        EditError: the text cannot be edited without touching more.
        UsageError: `changes` is no list of changes.
    """
    return merged(document, changes).after


def merged(document: Document, changes: Iterable[c.Change]) -> Merged:
    """Like `merge`, with everything there is to say about it."""
    work = _Work(document)
    for change in _checked(changes):
        work.make(change)
    return work.finish()


def _checked(changes: Any) -> Sequence[c.Change]:
    made: list[Any] = [changes] if isinstance(changes, c.BaseChange) else list(changes)
    for change in made:
        if not isinstance(change, c.BaseChange):
            raise UsageError(
                f"{type(change).__name__} is no change; nothing was changed.", cure="Give a list of changes."
            )
    return made


class _Entries:
    """The entries of one key while changes are made: what each is to map in the end."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.changed: dict[int, Mapped | None] = {}
        self.added: list[Mapped | None] = []
        self._index: dict[str, list[int]] | None = None

    def get(self, position: int) -> Mapped | None:
        count = len(self.reading.entries)
        if position >= count:
            return self.added[position - count]
        return self.changed[position] if position in self.changed else self.reading.entries[position].mapped

    def put(self, position: int, mapped: Mapped | None) -> None:
        count = len(self.reading.entries)
        if position >= count:
            self.added[position - count] = mapped
        else:
            self.changed[position] = mapped
        if mapped is not None:
            self._note(position, mapped)

    def add(self, mapped: Mapped) -> None:
        self.added.append(mapped)
        self._note(len(self.reading.entries) + len(self.added) - 1, mapped)

    def find(self, *principals: str) -> list[int]:
        """Return the positions of the entries that map one of `principals`, whatever its case."""
        wanted = {principal.lower() for principal in principals}
        found = sorted({position for principal in wanted for position in self._positions().get(principal, ())})
        return [position for position in found if (now := self.get(position)) and now.principal.lower() in wanted]

    def winners(self, positions: Sequence[int]) -> list[int]:
        """Return those the authenticator honours: the last of equals; users are equal by their exact spelling."""
        last: dict[str, int] = {}
        for position in positions:
            now = self.get(position)
            if now is not None:
                last[now.principal if self.reading.key == "mapUsers" else now.principal.lower()] = position
        return sorted(last.values())

    def everything(self) -> list[int]:
        return sorted({position for positions in self._positions().values() for position in positions})

    def _note(self, position: int, mapped: Mapped) -> None:
        self._positions()[mapped.principal.lower()].append(position)

    def _positions(self) -> dict[str, list[int]]:
        if self._index is None:
            self._index = defaultdict(list)
            for position, entry in enumerate(self.reading.entries):
                if entry.mapped is not None:
                    self._index[entry.mapped.principal.lower()].append(position)
        return self._index


class _Work:
    def __init__(self, document: Document) -> None:
        self._before = document
        self._document = document
        self._open: dict[Key, _Entries] = {}
        self._splices: dict[Key, tuple[Splice, ...]] = {}
        self._replaced: set[Key] = set()
        self._findings: list[Finding] = []
        self._extra: dict[str, tuple[str, ...]] = {}

    def make(self, change: c.Change) -> None:
        match change:
            case c.EnsureRole():
                self._ensure("mapRoles", change.role_arn, change)
            case c.EnsureUser():
                self._ensure("mapUsers", change.user_arn, change)
            case c.EnsureAccount():
                if not self._entries("mapAccounts").find(change.account):
                    self._entries("mapAccounts").add(Mapped(change.account))
            case c.RemoveRole():
                self._remove("mapRoles", change.role_arn)
            case c.RemoveUser():
                self._remove("mapUsers", change.user_arn)
            case c.RemoveAccount():
                self._remove("mapAccounts", change.account)
            case c.RemoveGroups():
                self._remove_groups(change)
            case c.RenamePrincipal():
                self._rename(change)
            case c.Deduplicate():
                self._deduplicate()
            case c.ReplaceText():
                self._replace_text(change)

    def finish(self) -> Merged:
        self._close()
        after = self._before if self._document.data == self._before.data else self._document
        return Merged(self._before, after, self._splices, tuple(self._findings), self._extra)

    def _entries(self, key: Key) -> _Entries:
        if key not in self._open:
            self._open[key] = _Entries(self._document.reading(key))
        return self._open[key]

    def _close(self) -> None:
        """Write what was collected, key by key."""
        for key, entries in self._open.items():
            added = [mapped for mapped in entries.added if mapped is not None]
            result = rewrite(entries.reading, entries.changed, added, read=read, sibling=self._sibling(key))
            if result.splices:
                if key not in self._replaced:
                    self._splices[key] = result.splices
                self._document = self._document.with_reading(result.reading)
        self._open = {}

    def _sibling(self, key: Key) -> Reading | None:
        """Return another key's reading that has entries to learn the layout from."""
        if key == "mapAccounts":
            return None
        other = self._document.reading("mapUsers" if key == "mapRoles" else "mapRoles")
        return other if other.entries else None

    def _ensure(self, key: Key, arn: str, change: c.EnsureRole | c.EnsureUser) -> None:
        entries = self._entries(key)
        found = entries.winners(entries.find(arn))
        if not found:
            entries.add(Mapped(arn, change.username, tuple(change.groups)))
        for position in found:
            now = entries.get(position)
            assert now is not None  # noqa: S101 - find yields what is mapped
            new = self._ensured(now, change)
            if new != now:
                entries.put(position, new)

    def _ensured(self, now: Mapped, change: c.EnsureRole | c.EnsureUser) -> Mapped:
        """Return what an entry is to map, by the policy of the change."""
        if change.if_mapped == "replace":
            same = set(now.groups) == set(change.groups)
            return now._replace(username=change.username, groups=now.groups if same else _ordered(now, change))
        extra = tuple(group for group in now.groups if group not in change.groups)
        missing = tuple(group for group in change.groups if group not in now.groups)
        if change.if_mapped == "fail" and (extra or missing or now.username != change.username):
            raise _conflict(
                now, change, 'Pass if_mapped="extend" to add groups, or "replace" to make it what you ask for.'
            )
        if now.username != change.username:
            raise _conflict(
                now, change, 'Pass if_mapped="replace" to give it the new username, or ask for the one it has.'
            )
        if MASTERS in extra:
            raise _conflict(
                now,
                change,
                f'It would stay in {MASTERS}, which may do everything. Pass if_mapped="replace" to take that away, '
                f"or ask for {MASTERS} too to keep it.",
            )
        if extra:
            self._extra[now.principal] = extra
            self._findings.append(_extra_groups(now.principal, extra))
        return now._replace(groups=now.groups + missing)

    def _remove(self, key: Key, principal: str) -> None:
        entries = self._entries(key)
        for position in entries.find(*_spellings(principal)):
            entries.put(position, None)

    def _of_principal(self, principal: str) -> list[tuple[_Entries, int]]:
        keys: tuple[Key, ...] = ("mapRoles", "mapUsers")
        return [
            (self._entries(key), position)
            for key in keys
            for position in self._entries(key).find(*_spellings(principal))
        ]

    def _remove_groups(self, change: c.RemoveGroups) -> None:
        for entries, position in self._of_principal(change.principal_arn):
            now = entries.get(position)
            if now is not None and set(now.groups) & set(change.groups):
                kept = tuple(group for group in now.groups if group not in change.groups)
                entries.put(position, now._replace(groups=kept))

    def _rename(self, change: c.RenamePrincipal) -> None:
        for entries, position in self._of_principal(change.principal_arn):
            now = entries.get(position)
            if now is not None and now.principal != change.new_arn:
                entries.put(position, now._replace(principal=change.new_arn))

    def _deduplicate(self) -> None:
        for key in KEYS:
            entries = self._entries(key)
            everything = entries.everything()
            for position in set(everything) - set(entries.winners(everything)):
                now = entries.get(position)
                if now is not None and now.sso is None:
                    entries.put(position, None)

    def _replace_text(self, change: c.ReplaceText) -> None:
        # What was collected for the text goes with it, readable or not; splices into the new one lead from nowhere.
        self._open.pop(change.key, None)
        self._replaced.add(change.key)
        self._document = self._document.with_text(change.key, change.text)


def _ordered(now: Mapped, change: c.EnsureRole | c.EnsureUser) -> tuple[str, ...]:
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


def _conflict(now: Mapped, change: c.EnsureRole | c.EnsureUser, cure: str) -> MappingConflictError:
    return MappingConflictError(
        f"{quoted(now.principal, 200)} is mapped already, to {_described(now.username, now.groups)}, "
        f"and what is asked for is {_described(change.username, change.groups)}; nothing was changed.",
        cure=cure,
    )


def _described(username: str, groups: Sequence[str]) -> str:
    listed = ", ".join(quoted(group) for group in groups)
    return f"username {quoted(username)} with {f'groups {listed}' if groups else 'no groups'}"


def _extra_groups(principal: str, extra: tuple[str, ...]) -> Finding:
    listed = ", ".join(quoted(group) for group in extra)
    return Finding(
        "extra-groups",
        Severity.NOTE,
        f"{quoted(principal, 200)} stays in groups that were not asked for: {listed}.",
        "It has their rights as before.",
        'Pass if_mapped="replace" to take them away.',
    )
