"""The history: all states in order, the live one, broken chains.

And `prune`, which deletes old revisions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from itertools import islice
from typing import Final

from awsauth.core.access.matching import casefold_arn
from awsauth.core.diff import Diff, diff
from awsauth.core.document.document import Document
from awsauth.core.findings import Finding, counted, note, warning
from awsauth.core.report.rows import LastChange
from awsauth.core.revisions.info import RevisionInfo, data_digest, local_time
from awsauth.core.revisions.restore import EMPTY_DOCUMENT
from awsauth.core.revisions.revision import draft, is_sound
from awsauth.core.serialization import FLAT, LEFT_OUT, JsonValue, renamed
from awsauth.core.text.display import NotebookValue, command_line, quoted, visible
from awsauth.errors import AwsAuthError
from awsauth.history.rollback import UNVOUCHED, rollback_candidates
from awsauth.stores.store import RevisionList, Snapshot, Store, sound_revision

UNPROVEN_HISTORY: Final = "unproven-history"

KEEP_LAST: Final = 50
KEEP_FOR: Final = timedelta(days=30)
KEEP_AT_MOST: Final = 500
TOO_YOUNG: Final = timedelta(hours=1)  # another writer may be about to make a revision live that it has just recorded


@dataclass(frozen=True, slots=True)
class LogEntry(JsonValue):
    """One state in the history.

    Attributes:
        info: Its metadata. The number is 0 for a state that no revision holds: the present state after another tool
            wrote, and the time without an object (kind ``deleted``).
        live: Whether it is the object's present state.
        unconfirmed: Whether it is a change of ours that is newer than states that the object proves, and not proven
            itself. Its writer failed, is still at work, or was a forger.
        proven: Whether the object was demonstrably in this state (see `RevisionList.chain`).
        foreign: Whether it is a state of another object, such as one that was deleted since.
        findings: Its problems.
        diff: The difference from the state before it; None if that is unknown, or was not asked for.
        changes_records: Whether the records of owners differ from those of the state before it.
    """

    info: RevisionInfo = field(metadata=FLAT)
    live: bool
    unconfirmed: bool
    proven: bool = False
    foreign: bool = False
    findings: tuple[Finding, ...] = ()
    diff: Diff | None = None
    changes_records: bool = field(default=False, metadata=LEFT_OUT)

    @property
    def state(self) -> str:
        """The state: ``live``, ``unconfirmed``, ``unproven``, or empty.

        It is empty for a proven earlier one.
        """
        return "live" if self.live else "unconfirmed" if self.unconfirmed else "" if self.proven else "unproven"

    @property
    def time(self) -> str:
        """When it was recorded, such as ``2026-03-01 14:05:59+01:00``.

        It is in local time, with the offset to UTC.
        """
        return local_time(self.info.created) if self.info.created else "-"

    @property
    def by(self) -> str:
        """Who made it (see `RevisionInfo.by`)."""
        return self.info.by

    @property
    def cells(self) -> dict[str, str]:
        """The row of a table: revision, time, kind, author, reason, changes and state."""
        only_records = self.changes_records and not self.diff
        return {
            "revision": str(self.info.number or "-"),
            "time": self.time,
            "kind": self.info.title,
            "author": self.by,
            "reason": self.info.reason,
            "changes": "" if self.diff is None else "record of owners" if only_records else self.diff.summary,
            "state": self.state,
        }

    def __str__(self) -> str:
        """Return the cells on one line."""
        number, time, kind, by, reason, changes, state = self.cells.values()
        shown = [f"{number:>4}", time, f"{kind:<8}", by, visible(reason), f"({changes})" if changes else "", state]
        return "  ".join(filter(None, shown))


@dataclass(frozen=True, slots=True, repr=False)
class Log(NotebookValue, JsonValue):
    """The history of an object.

    Attributes:
        entries: The states, newest first; the live one is the first. States that are not proven are among them.
        findings: The problems of the history as a whole, and objects among the revisions that are not revisions.
            Findings about one revision are with its entry.
        is_recorded: Whether a revision holds the present state. If not, the next change records it first.
        present: The present data.
    """

    entries: tuple[LogEntry, ...] = field(metadata=renamed("revisions"))
    findings: tuple[Finding, ...]
    is_recorded: bool
    present: Document = field(metadata=LEFT_OUT)

    @property
    def _title(self) -> str:
        return f"{len(self.entries)} states, {counted(self.findings)}"

    @property
    def _rows(self) -> list[dict[str, str]]:
        return [entry.cells for entry in self.entries]

    def __str__(self) -> str:
        """Return a line for each state, newest first, and one for each finding."""
        found = [*self.findings, *(finding for entry in self.entries for finding in entry.findings)]
        return "\n".join([*map(str, self.entries), *(one.line for one in found)])


def log(store: Store) -> Log:
    """Return the history. The data of the revisions is not read, and not checked.

    Raises:
        AwsAuthError: the store failed.
    """
    snapshot = store.read()
    listing = store.list_revisions()
    proven = list(listing.chain(snapshot.head))
    numbers = {info.number for info in proven}
    oldest = proven[-1].number if proven else 0
    altered = "was altered after it was recorded"
    entries = [
        LogEntry(
            info,
            live=info.head == snapshot.own_head,
            unconfirmed=info.kind != "outside" and 0 < oldest < info.number and info.number not in numbers,
            proven=info.number in numbers,
            foreign=_is_foreign(info, snapshot),
            findings=() if is_sound(info) else (_broken(f"Revision {info.number} {altered}."),),
        )
        for info in reversed(listing.revisions)
    ]
    entries.sort(key=lambda entry: not entry.live)
    is_recorded = bool(entries) and entries[0].live
    if entries and not is_recorded:
        entries.insert(0, LogEntry(_present(snapshot), live=True, unconfirmed=False))
    findings = tuple(_findings(snapshot, listing, proven))
    return Log(tuple(_with_deletions(entries)), findings, is_recorded, snapshot.document)


def _present(snapshot: Snapshot) -> RevisionInfo:
    """Return the metadata of the present state that no revision holds."""
    kind = "outside" if snapshot.exists else "deleted"
    kept = {"binary_data": snapshot.binary_data, "annotations": snapshot.annotations}
    return draft(0, snapshot.head, snapshot.data, kind=kind, uid=snapshot.uid, managers=snapshot.managers, **kept).info


def _with_deletions(entries: Sequence[LogEntry]) -> Iterator[LogEntry]:
    """Yield the entries, newest first, and one for each time without an object."""
    for number, entry in enumerate(entries):
        yield entry
        older = _before(entries, number)
        if not older or entry.unconfirmed or entry.info.kind == "deleted":
            continue
        if entry.info.creates or len({entry.info.uid, older.info.uid} - {""}) > 1:
            gone = RevisionInfo(0, "", data_digest({}), kind="deleted")
            yield LogEntry(gone, live=False, unconfirmed=False, proven=entry.proven)


def _before(entries: Sequence[LogEntry], number: int) -> LogEntry | None:
    """Return the state before an entry, without changes that may never have been made."""
    return next((older for older in entries[number + 1 :] if not older.unconfirmed), None)


def _findings(snapshot: Snapshot, listing: RevisionList, proven: Sequence[RevisionInfo]) -> Iterator[Finding]:
    for name, problem, _number in listing.invalid:
        message = f"{visible(name)} is not a usable revision. {problem}"
        impact = "The history leaves it out."
        yield warning("foreign-revision", message, impact, "Look at it, and delete it if it is of no use.")
    if snapshot.head and not proven:
        message = f"The object names revision {snapshot.head.number}, which does not exist."
        impact = "The revision was deleted, or the object comes from elsewhere."
        yield warning("broken-chain", message, impact, "The next change goes on from it.")
    elif proven and (problem := _broken_behind(proven[-1], listing)):
        yield _broken(f"Revision {proven[-1].number} {problem}.")
    elif earlier := rollback_candidates(listing, below=proven[-1].number if proven else 0):
        newest, is_one = earlier[0].number, len(earlier) == 1
        which = f"Revision {newest} is" if is_one else f"Revisions up to {newest} are"
        why = "may have come from none of them" if proven else "does not name its revision"
        hint = f"Look at the diff before you restore one: `{command_line('awsauth', 'diff', str(newest))}`."
        impact = f"{UNVOUCHED} {'it' if is_one else 'them'}."
        yield note(UNPROVEN_HISTORY, f"{which} not proven: aws-auth {why}.", impact, hint)
    if foreign := [info for info in listing.revisions if _is_foreign(info, snapshot)]:
        last, count = foreign[-1], len(foreign)
        which = f"Revision {last.number} is" if count == 1 else f"{count} revisions up to {last.number} are"
        message = f"{which} of another object ({quoted(last.uid, 60)})."
        impact = "The ConfigMap was deleted and created again since, or a backup was restored."
        yield note("foreign-history", message, impact)


def _is_foreign(info: RevisionInfo, snapshot: Snapshot) -> bool:
    # The revision that an object was created with has no uid.
    return bool(info.uid) and info.uid != snapshot.uid and snapshot.exists


def _broken_behind(oldest: RevisionInfo, listing: RevisionList) -> str:
    """Return the problem between the oldest proven revision and its parent.

    It is empty without a problem.
    """
    if not oldest.parent:
        return ""
    if any(info.number == oldest.parent for info in listing.revisions):
        return f"came from another revision {oldest.parent} than the one that exists"
    # The parent may have been pruned if it is older than all that are kept, or than as many as are always kept.
    later = sum(other.number > oldest.parent for other in listing.revisions)
    pruned = later >= min(KEEP_LAST, len(listing.revisions))
    return "" if pruned else f"came from revision {oldest.parent}, which is gone"


def _broken(message: str) -> Finding:
    impact = "A revision was deleted or replaced, so the states in between are uncertain."
    hint = "The revisions that are kept can still be restored. Look at the diff first: `awsauth diff N`."
    return warning("broken-chain", message, impact, hint)


def with_diffs(store: Store, log: Log, newest: int) -> Log:
    """Return a history whose newest entries have a diff from the state before.

    Each costs one request for its data, and the oldest of them one more. The difference stays None if a revision is
    gone, was altered, or is not the one that its child names.

    Args:
        store: Where the revisions are.
        log: The history.
        newest: How many entries.

    Raises:
        AwsAuthError: the store failed.
    """

    @cache
    def recorded(number: int, digest: str) -> Document | None:
        revision = sound_revision(store, number, digest)
        return Document(revision.data) if revision else None

    def document(info: RevisionInfo) -> Document | None:
        if info.kind == "deleted":
            return EMPTY_DOCUMENT
        return recorded(info.number, info.digest) if info.number else log.present

    def described(number: int, entry: LogEntry) -> LogEntry:
        info, older = entry.info, _before(log.entries, number)
        if info.creates or (older and older.info.kind == "deleted"):
            before: Document | None = EMPTY_DOCUMENT
        elif info.parent:
            before = recorded(info.parent, info.parent_digest)
        else:
            before = document(older.info) if older else None
        after = document(info)
        if before is None or after is None:
            return entry
        changes_records = older is not None and older.info.owners_digest != info.owners_digest
        return replace(entry, diff=diff(before, after), changes_records=changes_records)

    shown = [described(number, entry) for number, entry in enumerate(log.entries[:newest])]
    return replace(log, entries=(*shown, *log.entries[newest:]))


def last_changes(log: Log) -> dict[str, LastChange]:
    """Return the last change of each mapped principal, as `casefold_arn`.

    It goes back as far as the entries have a diff.
    """
    found: dict[str, LastChange] = {}
    for entry in (one for one in log.entries if not one.unconfirmed):
        if entry.diff is None:
            break
        change = LastChange(entry.info.number, entry.info.created, entry.by, entry.info.reason)
        found = dict.fromkeys((casefold_arn(one.principal) for one in entry.diff.mappings), change) | found
    return found


def prune(store: Store, *, dry_run: bool = False) -> tuple[int, ...]:
    """Delete old revisions, the oldest first, and return their numbers.

    Kept are the last 50, and all of the last 30 days up to 500. The revision that the object names and its parent are
    always kept. So are revisions younger than an hour by the store's clock. With `dry_run` nothing is deleted.

    Raises:
        AwsAuthError: the store failed; it may have deleted revisions before.
    """
    head = store.read().head
    listing = store.list_revisions()
    old = expendable(listing, {info.number for info in islice(listing.chain(head), 2)})
    for count, info in enumerate([] if dry_run else old):
        try:
            store.discard_revision(info.number, info.digest)
        except AwsAuthError as error:
            error.changed = count > 0
            raise
    return tuple(info.number for info in old)


def expendable(listing: RevisionList, in_use: set[int]) -> list[RevisionInfo]:
    """Return the revisions to delete, the oldest first.

    Args:
        listing: All revisions.
        in_use: The numbers of those that stay in any case.
    """

    def is_kept(rank: int, info: RevisionInfo) -> bool:
        age = listing.now - info.created if info.created else timedelta(0)
        is_young = age < TOO_YOUNG or (age < KEEP_FOR and rank < KEEP_AT_MOST)
        return is_young or rank < KEEP_LAST or info.number in in_use

    return [info for rank, info in enumerate(reversed(listing.revisions)) if not is_kept(rank, info)][::-1]
