"""The history as it can be shown: every revision, which one is live, and what is wrong with the chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awsauth.boundary import public
from awsauth.core.escaping import quoted, visible
from awsauth.core.finding import Finding, Severity
from awsauth.core.finding_json import finding_to_json
from awsauth.history.position import built_on, locate
from awsauth.history.pruning import KEEP_LAST

if TYPE_CHECKING:
    from awsauth.core.diff import Diff
    from awsauth.core.revision_info import Head, RevisionInfo
    from awsauth.stores.store import Listing, Snapshot, Store


@dataclass(frozen=True, slots=True)
@public
class LogEntry:
    """One revision in the history.

    Attributes:
        info: What is known about it.
        live: Whether it holds the object's present state.
        unconfirmed: Whether nothing shows that it was ever applied: no revision came from it, it is not the live one
            nor named by the object, and it was not recorded from the object itself. Its writer was refused or stopped,
            or is at work, or somebody took the object back to an earlier state by other means.
        findings: What is wrong with it.
        diff: What changed from the revision that it came from; None where that is not known, or was not asked for.
    """

    info: RevisionInfo
    live: bool
    unconfirmed: bool
    findings: tuple[Finding, ...] = ()
    diff: Diff | None = None

    def __str__(self) -> str:
        """Return the revision on one line: number, time, kind, author, reason, what changed, and whether it is live."""
        info = self.info
        created = f"{info.created:%Y-%m-%d %H:%M:%S}" if info.created else "-"
        state = "live" if self.live else "unconfirmed" if self.unconfirmed else ""
        shown = [
            f"{info.number:>4}",
            created,
            f"{info.kind:<8}",
            visible(info.author) or "-",
            visible(info.reason),
            "" if self.diff is None else f"({self.diff.summary})",
            state,
        ]
        return "  ".join(filter(None, shown))


@dataclass(frozen=True, slots=True)
@public
class Log:
    """The history of an object.

    Attributes:
        entries: The revisions, newest first.
        findings: What is wrong with the history as a whole, and with things in it that are no revisions. Those about
            one revision are with its entry.
        is_recorded: Whether the present state is in a revision. If not, somebody else has written, and the next
            change records it first.
    """

    entries: tuple[LogEntry, ...]
    findings: tuple[Finding, ...]
    is_recorded: bool

    def __str__(self) -> str:
        """Return a line for each revision, newest first, and one for each finding."""
        found = [*self.findings, *(finding for entry in self.entries for finding in entry.findings)]
        return "\n".join([*map(str, self.entries), *(one.line for one in found)])

    def to_json(self) -> dict[str, Any]:
        """Return the history as values that JSON can hold."""
        return {
            "revisions": [_entry_json(entry) for entry in self.entries],
            "findings": [finding_to_json(finding) for finding in self.findings],
            "is_recorded": self.is_recorded,
        }


def _entry_json(entry: LogEntry) -> dict[str, Any]:
    info = entry.info
    return {
        "number": info.number,
        "created": info.created.isoformat() if info.created else None,
        "kind": info.kind,
        "author": info.author,
        "reason": info.reason,
        "restores": info.restores or None,
        "parent": info.parent or None,
        "live": entry.live,
        "unconfirmed": entry.unconfirmed,
        "findings": [finding_to_json(finding) for finding in entry.findings],
        "diff": entry.diff.to_json() if entry.diff else None,
    }


def log(store: Store) -> Log:
    """Return the history. Data is not read, only listed: what a revision holds is checked when it is used.

    Raises:
        AwsAuthError: what the store raises.
    """
    snapshot = store.read()
    listing = store.list_revisions()
    position = locate(store, snapshot, listing=listing)
    came_from = built_on(listing)
    entries = [
        _entry(info, listing, snapshot, position.head, is_built_on=info.number in came_from)
        for info in reversed(listing.revisions)
    ]
    findings = [_stranger(stranger.name, stranger.problem) for stranger in listing.strangers]
    if snapshot.head and not listing.find(snapshot.head.number):
        findings.append(_lost_head(snapshot.head.number))
    return Log(tuple(entries), tuple(findings), is_recorded=position.head is not None)


def _entry(
    info: RevisionInfo, listing: Listing, snapshot: Snapshot, head: Head | None, *, is_built_on: bool
) -> LogEntry:
    live = info.head == head
    named = info.head == snapshot.head
    findings = [*_chain(info, listing)]
    # The one that an object was made with knows no uid yet.
    if info.uid and info.uid != snapshot.uid and snapshot.exists:
        findings.append(_foreign(info))
    unconfirmed = not (live or named or is_built_on or info.kind == "outside")
    return LogEntry(info, live, unconfirmed, tuple(findings))


def _chain(info: RevisionInfo, listing: Listing) -> list[Finding]:
    """Return what is wrong between a revision and the one that it came from."""
    if not info.parent:
        return []
    if info.parent >= info.number:
        return [_broken(info, f"says that it came from revision {info.parent}, which is not older")]
    there = listing.find(info.parent)
    if there is None:
        # What is older than all that is kept may have been pruned, or than as many as always are; a later hole was not.
        later = sum(other.number > info.parent for other in listing.revisions)
        pruned = later >= min(KEEP_LAST, len(listing.revisions))
        return [] if pruned else [_broken(info, f"came from revision {info.parent}, which is gone")]
    if there.digest != info.parent_digest:
        return [_broken(info, f"came from another revision {info.parent} than the one that is there")]
    return []


def _broken(info: RevisionInfo, problem: str) -> Finding:
    return Finding(
        "broken-chain",
        Severity.WARNING,
        f"Revision {info.number} {problem}.",
        "Something in the history was deleted or replaced; what happened in between cannot be told for certain.",
        "What is kept can still be restored; look at it before you do.",
    )


def _foreign(info: RevisionInfo) -> Finding:
    return Finding(
        "foreign-history",
        Severity.NOTE,
        f"Revision {info.number} is of another object ({quoted(info.uid or 'one without uid', 60)}).",
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
