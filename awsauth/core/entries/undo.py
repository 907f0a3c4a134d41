"""What a rollback of access entries wants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple

from awsauth.core.entries.merge import EntryDiff, entry_diffs, is_on_the_way
from awsauth.core.entries.model import AccessEntry, unbridged
from awsauth.core.serialization import JsonValue, in_json
from awsauth.core.text.display import command_line, quoted
from awsauth.errors import ConflictError, HistoryError, RevisionNotFoundError

_HISTORY: Final = "`awsauth entry history` lists the revisions."


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
        raise ConflictError(
            f"The access entry of {quoted(one.principal_arn, 200)} has changed since revision {number}, and {shown}.",
            hint=f"Change it by hand: `{by_hand}` with the fields that you want.",
        )
    return unbridged(one.before)


def _unreadable(number: int) -> HistoryError:
    return HistoryError(
        f"Revision {number} of access entries cannot be read, or was altered, and has to be undone first.",
        hint="Change the entries by hand with `awsauth entry set ARN` or `awsauth entry remove ARN`.",
    )
