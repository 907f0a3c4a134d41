"""Merge changes into access entries, list the calls that make them, and undo them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final, Literal, NamedTuple

from awsauth.core.access.matching import canonical, principal_of
from awsauth.core.arn import is_user, partition_of
from awsauth.core.document.index import grouped
from awsauth.core.edit import changes as c
from awsauth.core.edit.validation import BRIDGE_GROUP, policy_parts
from awsauth.core.entries.model import AccessEntry, AccessPolicy, unbridged, with_policy
from awsauth.core.serialization import JsonValue, in_json
from awsauth.core.text.display import command_line, quoted
from awsauth.errors import ConflictError, HistoryError, MappingConflictError, RevisionNotFoundError

Action = Literal["create", "associate", "update", "disassociate", "tag", "delete"]

_HISTORY: Final = "`awsauth entry history` lists the revisions."
_POLICY_ARN: Final = "arn:{}:eks::aws:cluster-access-policy/{}"


@dataclass(frozen=True, slots=True)
class EntryDiff(JsonValue):
    """The change of one access entry.

    Attributes:
        principal_arn: The ARN of its principal, with the path.
        before: The present entry; None without one.
        after: The wanted entry; None if it is deleted.
    """

    principal_arn: str
    before: AccessEntry | None
    after: AccessEntry | None

    @property
    @in_json()
    def kind(self) -> str:
        """The kind: ``added``, ``removed`` or ``changed``."""
        return "added" if not self.before else "changed" if self.after else "removed"


def merge_entries(entries: Iterable[AccessEntry], changes: Iterable[c.EntryChange]) -> tuple[EntryDiff, ...]:
    """Return the access entries that the changes alter, in the order of the changes.

    Args:
        entries: The present entries of the cluster. Those that the changes name have to be read whole.
        changes: The changes.

    Raises:
        MappingConflictError: a principal has an entry that does not allow the change.
    """
    changes = tuple(changes)
    merge = _Merge(entries, {change.principal_arn for change in changes})
    for change in changes:
        merge.make(change)
    return entry_diffs(merge.present, merge.wanted)


def entry_diffs(present: Mapping[str, AccessEntry], wanted: Mapping[str, AccessEntry | None]) -> tuple[EntryDiff, ...]:
    """Return the changes from present to wanted entries; both are by ARN."""
    return tuple(EntryDiff(arn, present.get(arn), one) for arn, one in wanted.items() if one != present.get(arn))


class _Merge:
    def __init__(self, entries: Iterable[AccessEntry], named: Collection[str]) -> None:
        self.present = {entry.principal_arn: entry for entry in entries}
        self._named = named
        self.wanted: dict[str, AccessEntry | None] = {}
        self._paths = grouped((principal_of(arn), arn) for arn in self.present)

    def make(self, change: c.EntryChange) -> None:
        arn = change.principal_arn
        now = unbridged(self._now(arn))
        if now is None:
            self._check_paths(change)
        match change:
            case c.EnsureEntry():
                self.wanted[arn] = self._made(change) if now is None else _ensured(change, now)
            case c.SetEntryPolicy():
                self.wanted[arn] = _with_policy(now, arn, change.policy)
            case c.RemoveEntryPolicy():
                self.wanted[arn] = now and _without_policy(now, change.policy)
            case c.RemoveEntry():
                self.wanted[arn] = None

    def _now(self, arn: str) -> AccessEntry | None:
        return self.wanted[arn] if arn in self.wanted else self.present.get(arn)

    def _made(self, change: c.EnsureEntry) -> AccessEntry:
        arn = change.principal_arn
        if arn in self.present:
            hint = "Make two changes: first delete the entry, then make it."
            raise MappingConflictError(f"One change cannot delete the {_entry_of(arn)} and make it again.", hint=hint)
        self._paths[principal_of(arn)].append(arn)
        return new_entry(change)

    def _check_paths(self, change: c.EntryChange) -> None:
        """Refuse the ARN of a principal whose entry has the ARN with another path or case."""
        arn, makes = change.principal_arn, isinstance(change, c.EnsureEntry)
        same = (one for one in self._paths.get(principal_of(arn), ()) if self._now(one))
        if other := next((one for one in same if makes or one not in self._named), None):
            differs = f"differs from {quoted(arn, 200)} in the path or case alone"
            hint = "Look the principal up in IAM, and give its ARN. Delete an entry whose ARN IAM does not have."
            raise MappingConflictError(f"{quoted(other, 200)} has an access entry, and {differs}.", hint=hint)


def new_entry(change: c.EnsureEntry) -> AccessEntry:
    """Return the entry of a change as EKS makes it."""
    arn = change.principal_arn
    username = change.username or (default_username(arn) if change.type == "STANDARD" else "")
    policies = tuple(_policy(arn, text) for text in change.policies or ())
    return AccessEntry(arn, change.type, username, tuple(change.groups or ()), policies)


def default_username(arn: str) -> str:
    """Return the username that EKS gives an access entry without one."""
    if is_user(arn):
        return arn
    prefix, _, role = canonical(arn).partition(":role/")
    return f"{prefix.replace(':iam:', ':sts:')}:assumed-role/{role}/{{{{SessionName}}}}"


def _ensured(change: c.EnsureEntry, present: AccessEntry) -> AccessEntry:
    arn = change.principal_arn
    if present.type != change.type:
        remove, add = ("awsauth", "entry", "remove", arn), ("awsauth", "entry", "add", arn, *_options(change))
        message = f"The {_entry_of(arn)} has the type {present.type}, which cannot be changed to {change.type}."
        hint = f"Delete it with `{command_line(*remove)}`, and make it again with `{command_line(*add)}`."
        raise MappingConflictError(message, hint=hint)
    made = replace(new_entry(change), tags=present.tags)
    if change.if_exists == "replace":
        fields = [name for name in ("username", "groups", "policies") if getattr(change, name) is not None]
        return replace(present, **{name: getattr(made, name) for name in fields})
    # An interrupted call leaves an entry without some policies.
    complete = replace(present, policies=made.policies)
    if complete == made and set(present.policies) <= set(made.policies):
        return complete
    replacing = f"To replace these fields, run `{command_line('awsauth', 'entry', 'set', arn, *_options(change))}`"
    removing = f"To remove a policy, run `{command_line('awsauth', 'entry', 'policy', arn, 'NAME', '--remove')}`"
    message = f"The {_entry_of(arn)} is there, and gives other access: {present.gives}."
    raise MappingConflictError(message, hint=f"{replacing}. It keeps the others. {removing}.")


def _options(change: c.EnsureEntry) -> list[str]:
    """Return the fields of a change as options of the command line."""
    given: list[tuple[str, str]] = [("--type", change.type)] if change.type != "STANDARD" else []
    given += [("--username", change.username)] if change.username else []
    given += [("--group", group) for group in change.groups or ()]
    given += [("--access-policy", policy) for policy in change.policies or ()]
    return [word for option in given for word in option]


def _with_policy(present: AccessEntry | None, arn: str, text: str) -> AccessEntry:
    if present is None:
        hint = f"Make it with `{command_line('awsauth', 'entry', 'add', arn, '--access-policy', text)}`."
        raise MappingConflictError(f"{quoted(arn, 200)} has no access entry.", hint=hint)
    if not present.takes_policies:
        message = f"The {_entry_of(arn)} has the type {present.type}, which takes no policies."
        raise MappingConflictError(message, hint="Nodes get their rights from EKS.")
    policy = _policy(arn, text)
    return with_policy(present, policy.policy_arn, policy)


def _without_policy(present: AccessEntry, text: str) -> AccessEntry:
    gone = _policy(present.principal_arn, text)
    found = next((one for one in present.policies if one.policy_arn == gone.policy_arn), None)
    if found is None:
        return present
    left = tuple(one for one in found.namespaces if one not in gone.namespaces) if gone.namespaces else ()
    covered = [one for one in gone.namespaces if any(fnmatchcase(one, pattern) for pattern in left)]
    if covered or (gone.namespaces and not found.namespaces):
        where = f", which covers {', '.join(covered)}" if covered else " in the whole cluster, not in namespaces alone"
        hint = "Set the namespaces that the policy keeps, or remove the policy as a whole."
        raise MappingConflictError(f"The {_entry_of(present.principal_arn)} has {found}{where}.", hint=hint)
    return with_policy(present, found.policy_arn, replace(found, namespaces=left) if left else None)


def _policy(arn: str, text: str) -> AccessPolicy:
    """Return the policy of a text; a name is one of the principal's partition."""
    name, namespaces = policy_parts(text)
    return AccessPolicy(name if ":" in name else _POLICY_ARN.format(partition_of(arn), name), namespaces)


def _entry_of(arn: str) -> str:
    return f"access entry of {quoted(arn, 200)}"


class Step(NamedTuple):
    """One call of EKS.

    Attributes:
        action: The call.
        entry: The entry as it has to be after the call; None after ``delete``.
        policy: The policy of ``associate`` and ``disassociate``.
    """

    action: Action
    entry: AccessEntry | None
    policy: AccessPolicy | None = None


def steps(diff: EntryDiff, *, bridged: bool = False) -> list[Step]:
    """Return the calls in an order in which no right is missing for a moment.

    Args:
        diff: The change of one entry.
        bridged: Whether a new entry has the group `BRIDGE_GROUP` until it has its policies. An entry that has the group
            already, after an interrupted call, loses it at the same place.
    """
    before, after = diff.before, diff.after
    if after is None:
        return [Step("delete", None)]
    found: list[Step] = []
    if before is None:
        groups = (*after.groups, BRIDGE_GROUP) if bridged else after.groups
        before = replace(after, groups=groups, policies=())
        found.append(Step("create", before))
    old = {policy.policy_arn: policy for policy in before.policies}
    new = {policy.policy_arn: _with(policy, old.get(policy.policy_arn)) for policy in after.policies}
    both = tuple({**old, **new}.values())
    now = before
    for wanted in (replace(before, policies=both), replace(after, policies=both), after):
        for policy in wanted.policies:
            if policy not in now.policies:
                now = with_policy(now, policy.policy_arn, policy)
                found.append(Step("associate", now, policy))
        if not after.lets_nodes_in and (now.username, set(now.groups)) != (wanted.username, set(wanted.groups)):
            now = replace(now, username=wanted.username, groups=wanted.groups)
            found.append(Step("update", now))
        for policy in now.policies:
            if policy not in wanted.policies:
                now = with_policy(now, policy.policy_arn, None)
                found.append(Step("disassociate", now, policy))
    if now.owned != after.owned:
        found.append(Step("tag", replace(now, tags=after.tags)))
    return found


def _with(policy: AccessPolicy, old: AccessPolicy | None) -> AccessPolicy:
    """Return a policy with the namespaces that it had; they go later."""
    if old is None or not policy.namespaces:
        return policy
    return replace(policy, namespaces=old.namespaces and tuple(sorted({*old.namespaces, *policy.namespaces})))


def is_on_the_way(diff: EntryDiff, present: AccessEntry | None) -> bool:
    """Whether an entry is as before or after a change, or between its calls."""
    return unbridged(present) in map(unbridged, [diff.before, *(step.entry for step in steps(diff))])


@dataclass(frozen=True, slots=True)
class EntryRevision(JsonValue):
    """A recorded change of access entries.

    Attributes:
        number: Counts up from 1; the revisions of ``aws-auth`` have numbers of their own. 0 if it has none.
        created: When it was recorded, in UTC; None if it cannot be read.
        reason: Why, in the writer's words.
        author: Who made the change: a claim.
        identity: Who made the change, as the API server authenticated it.
        undoes: For a rollback, the numbers of the revisions that it undid.
        diff: The entries before and after.
        problem: Why it cannot be read, and is not used; empty if it can.
    """

    number: int
    created: datetime | None = None
    reason: str = ""
    author: str = ""
    identity: str = ""
    undoes: tuple[int, ...] = ()
    diff: tuple[EntryDiff, ...] = ()
    problem: str = ""

    @property
    @in_json()
    def kind(self) -> Literal["change", "rollback"]:
        """The kind: ``change`` or ``rollback``."""
        return "rollback" if self.undoes else "change"


class Undo(NamedTuple):
    """The outcome of a rollback.

    Attributes:
        diff: The entries that it changes, from their present state.
        undoes: The numbers of the revisions that it undoes, the newest first.
    """

    diff: tuple[EntryDiff, ...]
    undoes: tuple[int, ...]


def undo(revisions: Sequence[EntryRevision], entries: Iterable[AccessEntry], to: int | None = None) -> Undo:
    """Return what a rollback changes.

    Without `to` it undoes the newest change that is not undone yet. A principal that is as before that change stays.

    Args:
        revisions: All recorded changes, the newest first.
        entries: The present entries.
        to: The number of the revision to return to: all later ones are undone.

    Raises:
        RevisionNotFoundError: there is nothing to undo, or no revision `to`.
        ConflictError: an entry is neither as before nor as after a change to undo.
        HistoryError: a revision in the way cannot be read.
    """
    present = {entry.principal_arn: entry for entry in entries}
    found = [_newest(revisions, present)] if to is None else _later(revisions, to)
    virtual: dict[str, AccessEntry | None] = {**present}
    for revision in found:
        for one in revision.diff:
            virtual[one.principal_arn] = _before(one, virtual.get(one.principal_arn), revision.number)
    changed = entry_diffs(present, virtual)
    for one in changed:
        if one.before and one.after and one.before.type != one.after.type:
            message = f"The type of the access entry of {quoted(one.principal_arn, 200)} cannot be changed"
            hint = "Roll back one revision after the other."
            raise ConflictError(f"{message} from {one.before.type} to {one.after.type}.", hint=hint)
    return Undo(changed, tuple(revision.number for revision in found))


def _newest(revisions: Sequence[EntryRevision], entries: Mapping[str, AccessEntry]) -> EntryRevision:
    """Return the newest change that is not undone."""
    now: dict[str, AccessEntry | None] = {**entries}  # after the revision that is looked at
    named: set[int] = set()
    undone: set[tuple[int, str]] = set()
    for revision in revisions:
        named.update(revision.undoes)
        if revision.problem and revision.number not in named:
            raise _unreadable(revision.number)
        for one in revision.diff:
            arn = one.principal_arn
            present, before, after = map(unbridged, (now.get(arn), one.before, one.after))
            if present == before:
                continue  # it was not made
            if revision.kind == "change" and (revision.number, arn) not in undone:
                return revision
            if present == after or not _is_between(one, present):
                undone.update((number, arn) for number in revision.undoes)
            now[arn] = before
    message = "There is nothing to undo: no recorded change of access entries is in effect."
    raise RevisionNotFoundError(message, hint=_HISTORY)


def _later(revisions: Sequence[EntryRevision], to: int) -> list[EntryRevision]:
    """Return the revisions after one, the newest first."""
    if to not in {revision.number for revision in revisions}:
        raise RevisionNotFoundError(f"There is no revision {to} of access entries.", hint=_HISTORY)
    later = [revision for revision in revisions if revision.number > to]
    for revision in later:
        if revision.problem:
            raise _unreadable(revision.number)
    return later


def _is_between(one: EntryDiff, now: AccessEntry | None) -> bool:
    """Whether an entry is as a change or its rollback leaves it, interrupted or not."""
    return is_on_the_way(one, now) or is_on_the_way(EntryDiff(one.principal_arn, one.after, one.before), now)


def _before(one: EntryDiff, now: AccessEntry | None, number: int) -> AccessEntry | None:
    """Return an entry as it was before a change."""
    if not _is_between(one, now):
        shown = f"gives now: {now.gives}" if now else "is deleted now"
        by_hand = command_line("awsauth", "entry", "set" if now else "add", one.principal_arn)
        hint = f"Change it by hand: `{by_hand}` with the fields that you want."
        message = f"The {_entry_of(one.principal_arn)} has changed since revision {number}, and {shown}."
        raise ConflictError(message, hint=hint)
    return unbridged(one.before)


def _unreadable(number: int) -> HistoryError:
    message = f"Revision {number} of access entries cannot be read, or was altered, and has to be undone first."
    hint = "Change the entries by hand with `awsauth entry set ARN` or `awsauth entry remove ARN`."
    return HistoryError(message, hint=hint)
