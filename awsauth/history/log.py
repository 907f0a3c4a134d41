"""The history as it can be shown: every revision, which one is live, and what is wrong with the chain."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from awsauth.boundary import public
from awsauth.core.diff import diff
from awsauth.core.document.document import Document
from awsauth.core.findings import Finding, Severity, counted
from awsauth.core.revisions.info import FIELD_MANAGER, OBSERVED, RevisionInfo, data_digest
from awsauth.core.revisions.revision import is_sound
from awsauth.core.serialization import FLAT, LEFT_OUT, JsonValue, renamed
from awsauth.core.text.display import NotebookValue, quoted, visible
from awsauth.errors import HistoryError
from awsauth.history.head import chain
from awsauth.history.prune import KEEP_LAST
from awsauth.history.rollback import rollback_candidates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from awsauth.core.diff import Diff
    from awsauth.core.revisions.revision import Revision
    from awsauth.stores.store import RevisionList, Snapshot, Store


def with_diffs(store: Store, log: Log, newest: int) -> Log:
    """Return a history whose newest entries say what they changed.

    Each costs one request for its data, and the oldest of them another one for what was before it. Where either is
    gone, is not as it was recorded, or is not the one that the other names, it stays unknown.

    Args:
        store: Where the revisions are.
        log: The history.
        newest: How many entries.

    Raises:
        AwsAuthError: what the store raises.
    """
    effects = _Diffs(store, log.present)
    described = [
        effects.of(entry, older) for entry, older in zip_longest(log.entries[:newest], log.entries[1 : newest + 1])
    ]
    return replace(log, entries=(*described, *log.entries[newest:]))


class _Diffs:
    def __init__(self, store: Store, present: Document) -> None:
        self._store = store
        self._present = present
        self._revisions: dict[int, Revision | None] = {}

    def of(self, entry: LogEntry, older: LogEntry | None) -> LogEntry:
        info = entry.info
        if info.parent:
            before = self._document(info.parent, info.parent_digest)
        elif info.kind not in OBSERVED:
            before = Document({})  # a change that is the first one
        else:  # The state that it came from is unknown: the closest is the one before it.
            before = self._document(older.info.number, older.info.digest) if older else None
        after = self._document(info.number, info.digest) if info.number else self._present
        if before is None or after is None:
            return entry
        return replace(entry, diff=diff(before, after))

    def _document(self, number: int, digest: str) -> Document | None:
        if number and number not in self._revisions:
            self._revisions[number] = self._read(number)
        found = self._revisions.get(number)
        return Document(found.data) if found and found.digest == digest else None

    def _read(self, number: int) -> Revision | None:
        try:
            revision = self._store.read_revision(number)
        except HistoryError:
            return None
        return revision if revision.is_intact else None


UNPROVEN_HISTORY: Final = "unproven-history"


@dataclass(frozen=True, slots=True)
@public
class LogEntry(JsonValue):
    """One state in the history.

    Attributes:
        info: What is known about it; its number is 0 for the present state that is in no revision yet.
        live: Whether it holds the object's present state.
        unconfirmed: Whether it is a change that is newer than others that the object proves, and not one of them: its
            writer was refused or stopped, or is at work, or it was added by another hand.
        proven: Whether the object was in this state for certain (see `chain`).
        foreign: Whether it is of another object, such as one that was deleted since.
        findings: What is wrong with it.
        diff: What changed from the revision that it came from; None where that is not known, or was not asked for.
    """

    info: RevisionInfo = field(metadata=FLAT)
    live: bool
    unconfirmed: bool
    proven: bool = False
    foreign: bool = False
    findings: tuple[Finding, ...] = ()
    diff: Diff | None = None

    @property
    def state(self) -> str:
        """The state in a word: ``live``, ``unconfirmed``, ``unproven``, or empty for a proven earlier one."""
        return "live" if self.live else "unconfirmed" if self.unconfirmed else "" if self.proven else "unproven"

    @property
    def time(self) -> str:
        """When it was recorded, in local time with the offset to UTC, such as ``2026-03-01 14:05:59+01:00``."""
        return self.info.created.astimezone().isoformat(" ", "seconds") if self.info.created else "-"

    @property
    def by(self) -> str:
        """Who made it: the writer, or for a state of another tool the clients in the object's ``managedFields``."""
        clients = {
            name: None for names in self.info.managers.values() for name in names if name not in ("", FIELD_MANAGER)
        }
        named = f"client {', '.join(clients)}" if clients and self.info.kind in OBSERVED else ""
        return visible(str(self.info.writer) or named) or "-"

    def __str__(self) -> str:
        """Return the revision on one line: number, time, kind, author, reason, what changed, and whether it is live."""
        info = self.info
        shown = [
            f"{info.number or '-':>4}",
            self.time,
            f"{info.kind:<8}",
            self.by,
            visible(info.reason),
            "" if self.diff is None else f"({self.diff.summary})",
            self.state,
        ]
        return "  ".join(filter(None, shown))


@dataclass(frozen=True, slots=True, repr=False)
@public
class Log(NotebookValue, JsonValue):
    """The history of an object.

    Attributes:
        entries: The states, newest first; the live one is the first. Those that nothing proves are among them.
        findings: What is wrong with the history as a whole, and with things in it that are no revisions. Those about
            one revision are with its entry.
        is_recorded: Whether the present state is in a revision. If not, another tool has written, and the next change
            records it first.
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
    def _rows(self) -> list[dict[str, object]]:
        return [
            {
                "revision": entry.info.number or "-",
                "time": entry.time,
                "kind": entry.info.kind,
                "by": entry.by,
                "reason": entry.info.reason,
                "changes": entry.diff.summary if entry.diff else "",
                "state": entry.state,
            }
            for entry in self.entries
        ]

    def __str__(self) -> str:
        """Return a line for each revision, newest first, and one for each finding."""
        found = [*self.findings, *(finding for entry in self.entries for finding in entry.findings)]
        return "\n".join([*map(str, self.entries), *(one.line for one in found)])


def log(store: Store) -> Log:
    """Return the history. Data is not read, only listed: what a revision holds is checked when it is used.

    Raises:
        AwsAuthError: what the store raises.
    """
    snapshot = store.read()
    listing = store.list_revisions()
    proven = list(chain(listing, snapshot.head))
    numbers = {info.number for info in proven}
    oldest = proven[-1].number if proven else 0
    entries = [
        LogEntry(
            info,
            live=info.head == snapshot.own_head,
            unconfirmed=info.kind != "outside" and 0 < oldest < info.number and info.number not in numbers,
            proven=info.number in numbers,
            foreign=_is_foreign(info, snapshot),
            findings=() if is_sound(info) else (_broken(info, "was altered after it was recorded"),),
        )
        for info in reversed(listing.revisions)
    ]
    entries.sort(key=lambda entry: not entry.live)
    is_recorded = bool(entries) and entries[0].live
    if (snapshot.exists or snapshot.head) and not is_recorded and listing.revisions:
        entries.insert(0, LogEntry(_present(snapshot), live=True, unconfirmed=False))
    return Log(tuple(entries), tuple(_findings(snapshot, listing, proven)), is_recorded, snapshot.document)


def _present(snapshot: Snapshot) -> RevisionInfo:
    """Return what is known about the present state that no revision holds."""
    head = snapshot.head
    return RevisionInfo(
        number=0,
        digest="",
        data_digest=data_digest(snapshot.data, snapshot.binary_data),
        parent=head.number if head else 0,
        parent_digest=head.digest if head else "",
        kind="outside",
        uid=snapshot.uid,
        managers=snapshot.managers,
    )


def _findings(snapshot: Snapshot, listing: RevisionList, proven: Sequence[RevisionInfo]) -> Iterator[Finding]:
    for stranger in listing.invalid:
        yield _stranger(stranger.name, stranger.problem)
    if snapshot.head and not proven:
        yield _lost_head(snapshot.head.number)
    elif proven and (problem := _broken_behind(proven[-1], listing)):
        yield _broken(proven[-1], problem)
    elif earlier := rollback_candidates(listing, below=proven[-1].number if proven else 0):
        yield _not_proven(proven, earlier)
    foreign = [info for info in listing.revisions if _is_foreign(info, snapshot)]
    if foreign:
        yield _foreign(foreign)


def _is_foreign(info: RevisionInfo, snapshot: Snapshot) -> bool:
    # The one that an object was made with knows no uid yet.
    return bool(info.uid) and info.uid != snapshot.uid and snapshot.exists


def _broken_behind(oldest: RevisionInfo, listing: RevisionList) -> str:
    """Return what is wrong between the oldest revision that is proven and the one that it came from; empty if nothing."""
    if not oldest.parent:
        return ""
    if listing.find(oldest.parent):
        return f"came from another revision {oldest.parent} than the one that is there"
    # What is older than all that is kept may have been pruned, or than as many as always are; a later hole was not.
    later = sum(other.number > oldest.parent for other in listing.revisions)
    pruned = later >= min(KEEP_LAST, len(listing.revisions))
    return "" if pruned else f"came from revision {oldest.parent}, which is gone"


def _not_proven(proven: Sequence[RevisionInfo], earlier: Sequence[RevisionInfo]) -> Finding:
    named = f"Revision {earlier[0].number} is" if len(earlier) == 1 else f"Revisions up to {earlier[0].number} are"
    return Finding(
        UNPROVEN_HISTORY,
        Severity.NOTE,
        f"{named} not proven: aws-auth {'came from none of them for certain' if proven else 'does not name its revision'}.",
        "Another tool replaced the object, or it was deleted. Everybody who may create ControllerRevisions in kube-system "
        "can add revisions to the list, so none of these is restored unless it is named.",
        "Look at one with diff() before you restore it.",
    )


def _broken(info: RevisionInfo, problem: str) -> Finding:
    return Finding(
        "broken-chain",
        Severity.WARNING,
        f"Revision {info.number} {problem}.",
        "Something in the history was deleted or replaced; what happened in between cannot be told for certain.",
        "What is kept can still be restored; look at it before you do.",
    )


def _foreign(infos: Sequence[RevisionInfo]) -> Finding:
    numbers = (
        f"Revision {infos[0].number} is" if len(infos) == 1 else f"{len(infos)} revisions up to {infos[-1].number} are"
    )
    return Finding(
        "foreign-history",
        Severity.NOTE,
        f"{numbers} of another object ({quoted(infos[-1].uid, 60)}).",
        "The ConfigMap was deleted and made again since, or a backup was restored.",
        "",
    )


def _stranger(name: str, problem: str) -> Finding:
    return Finding(
        "foreign-revision",
        Severity.WARNING,
        f"{visible(name)} is no revision that can be used. {problem}",
        "It is left out of the history.",
        "Delete it if nobody needs it.",
    )


def _lost_head(number: int) -> Finding:
    return Finding(
        "broken-chain",
        Severity.WARNING,
        f"The object says that it is at revision {number}, and there is none.",
        "The revision was deleted, or the object was brought here from elsewhere.",
        "The next change goes on from it.",
    )
