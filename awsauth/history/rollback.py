"""Drift since the last revision, and rolling back to an earlier one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from awsauth.core.access.matching import principal_of
from awsauth.core.access.node_mappings import FIND_NODE_ROLE, node_principals
from awsauth.core.diff import Diff
from awsauth.core.document.document import Document
from awsauth.core.document.model import KEYS
from awsauth.core.edit.merge import MergeResult
from awsauth.core.findings import Finding, Severity, note, warning
from awsauth.core.guards.access import administrators, node_mapping
from awsauth.core.guards.context import GuardContext, GuardInput
from awsauth.core.revisions.info import FIELD_MANAGER, UNKNOWN_WRITER, RevisionInfo, Writer, data_digest, owners_of
from awsauth.core.revisions.restore import EMPTY_DOCUMENT, OUTSIDE, Author, HistoryState, Restoration, restore
from awsauth.core.revisions.revision import Revision, digest_of_owners, is_sound
from awsauth.core.text.display import command_line, listed, quoted
from awsauth.errors import ForbiddenError, HistoryError, RevisionNotFoundError, UnprovenHistoryError
from awsauth.history.proposal import PendingChange
from awsauth.stores.store import RevisionList, Snapshot, Store, intact, sound_revision

UNVOUCHED: Final = "aws-auth was replaced or deleted, so it does not prove"
_SHOWN: Final = 5


@dataclass(slots=True)
class RollbackProposal:
    """Proposes the restoration of a revision.

    The proposal's `restoration` lists the mappings of other writers that are kept, those that are reverted, and who made
    them. An object that is gone also gets back the labels, annotations and ``binaryData`` of the revision.

    Args:
        store: Where the revisions are.
        to: The revision. Without one, the last change of state is undone, whichever client made it; after a rollback,
            the one before that. The first proposal settles the revision, even if others write in the meantime.
        exact: Keep nothing that others have added since.
        writer: Returns who rolls back: mappings that this writer has added are not kept.
        approved: The only diff that may be proposed; None for any.
    """

    store: Store
    to: int | None = None
    exact: bool = False
    writer: Callable[[], Writer] = Writer
    approved: Diff | None = None
    # The state that is undone; empty if a revision was named.
    _undone: Document = field(default=EMPTY_DOCUMENT, init=False)
    _findings: tuple[Finding, ...] = field(default=(), init=False)
    _read: dict[int, Revision] = field(default_factory=dict, init=False)

    def propose(self, snapshot: Snapshot) -> PendingChange:
        """Propose the restoration for the present object.

        Raises:
            RevisionNotFoundError: there is no such revision, or no earlier one.
            UnprovenHistoryError: no revision was named, and the object does not prove that it was at any earlier one.
            HistoryError: the revision was altered, or another one that is needed cannot be read.
            EditError: the additions of others cannot be kept.
            PlanOutdatedError: the diff is not the approved one.
        """
        listing = self.store.list_revisions()
        proven = list(listing.chain(snapshot.head))
        if self.to is None:
            self._choose(snapshot, listing, proven)
        to = self.to or 0
        otherwise = "Restore another revision, or look at this one and write its text back yourself."
        target = intact(self._revision(to), otherwise)
        past, present = list(self._past(proven, snapshot, target.info)), snapshot.document
        restoration = restore(
            to, Document(target.data), past, present, writer=self.writer(), undone=self._undone, exact=self.exact
        )
        after = restoration.document
        findings = self._findings if any(info.digest == target.digest for info in proven) else (_unproven(target.info),)
        merged = MergeResult(present, present if after == present else after, findings=findings)
        if self.approved is not None:
            from awsauth.core.plan import require_same_outcome

            require_same_outcome(self.approved, merged)
        if not snapshot.exists:
            snapshot = snapshot._replace(
                binary_data=target.binary_data, labels=target.labels, annotations=target.annotations
            )
        restored = replace(restoration, uid=target.info.uid)
        return PendingChange(snapshot, merged, restored, owners=_owners(target, snapshot, restoration))

    def _choose(self, snapshot: Snapshot, listing: RevisionList, proven: Sequence[RevisionInfo]) -> None:
        """Choose the state before the last change, among those that the object proves."""
        present = data_digest(snapshot.data, snapshot.binary_data)
        behind = list(proven)
        below = proven[-1].number if proven else 0
        self._undone = snapshot.document
        if snapshot.own_head and proven:
            last = _effective(proven)
            self._undone = self._document(last)
            behind = behind[behind.index(last) + 1 :]
            if last.kind == "rollback":  # It restored a revision that was named and is not proven.
                behind, below = [], last.restores
            if last is not proven[0]:
                self._findings = (_further_back(proven[0], last),)
        owners = digest_of_owners(snapshot.annotations)
        differing = (info for info in behind if (info.data_digest, info.owners_digest) != (present, owners))
        if not (chosen := next(differing if snapshot.exists else iter(behind), None)):
            found = rollback_candidates(listing, below=below, present=present)
            raise unproven_error(found, self._revision, snapshot.document) if found else _nothing_left(proven, listing)
        self.to = chosen.number

    def _past(self, proven: Sequence[RevisionInfo], snapshot: Snapshot, target: RevisionInfo) -> Iterator[HistoryState]:
        """Yield the states since the revision that is restored, oldest first."""
        is_target = [info.digest == target.digest for info in proven]
        since = proven[: is_target.index(True)] if any(is_target) else [i for i in proven if i.number > target.number]
        origin = proven[len(since)] if len(since) < len(proven) else None
        if origin and origin.digest != target.digest:
            # The present does not come from that revision.
            yield HistoryState(self._document(origin), Author("outside", UNKNOWN_WRITER, origin.number))
        for info in reversed(since):
            # Behind a break in the chain the authors are unknown. It is safer to keep too much.
            kind = "outside" if not origin and info is since[-1] else info.kind
            yield HistoryState(self._document(info), Author(kind, info.writer, info.number))
        if not (snapshot.own_head and proven):
            yield HistoryState(snapshot.document, OUTSIDE)

    def _document(self, info: RevisionInfo) -> Document:
        revision = self._revision(info.number)
        if not self.exact and not (revision.is_intact and revision.digest == info.digest):
            altered = f"Revision {info.number} was altered after it was recorded"
            hint = "Pass exact=True to roll back without keeping the additions of others."
            raise HistoryError(f"{altered}, so the additions of others since are unknown.", hint=hint)
        return Document(revision.data)

    def _revision(self, number: int) -> Revision:
        """Read a revision once; a revision never changes."""
        if number not in self._read:
            self._read[number] = self.store.read_revision(number)
        return self._read[number]


def _owners(target: Revision, snapshot: Snapshot, restoration: Restoration) -> dict[str, str] | None:
    """Return the records of owners after a rollback; None without records.

    They are those of the revision, and those of the mappings that are kept.
    """
    if not (owners_of(target.annotations) or owners_of(snapshot.annotations)):
        return None
    from awsauth.core.desired.records import principal_name, read_records, write_records

    (records, unreadable), (present, _) = read_records(target.annotations), read_records(snapshot.annotations)
    kept = {principal_name(key, one.principal) for one in restoration.kept for key in KEYS if key == one.key}
    for owner, record in present.items():
        mine = records.setdefault(owner, {})
        mine.update({name: last for name, last in record.items() if name in kept or owner in unreadable})
    return write_records(records, snapshot.annotations)


def rollback_candidates(listing: RevisionList, *, below: int, present: str = "") -> tuple[RevisionInfo, ...]:
    """Return the revisions that the object may have been at, newest first.

    Only those before the proven ones are returned.

    Args:
        listing: All revisions.
        below: Only those with a smaller number; 0 for all.
        present: The digest of the present data: a revision that holds the same data is left out.
    """
    older = (info for info in reversed(listing.revisions) if not 0 < below <= info.number)
    return tuple(info for info in older if is_sound(info) and info.data_digest != present)


def revision_line(info: RevisionInfo) -> str:
    """Return a revision on one line, with the client that created its object."""
    when = f"{info.created:%Y-%m-%d %H:%M:%S} UTC" if info.created else "unknown time"
    by = f", created by the client {', '.join(map(quoted, info.recorded_by))}" if info.recorded_by else ""
    claimed = f", for {quoted(str(info.writer), 200)}" if str(info.writer) else ""
    return f"revision {info.number}, {info.kind}, {when}{by}{claimed}"


def unproven_error(
    found: Sequence[RevisionInfo], read: Callable[[int], Revision], live: Document
) -> UnprovenHistoryError:
    """Return the error for unproven states; the caller has to name one.

    Args:
        found: The states, newest first.
        read: Returns the revision with a number.
        live: The present data.
    """
    lines = [f"{UNVOUCHED} these states. Check the diff before you choose. The newest are:"]
    regained = ""
    for info in found[:_SHOWN]:
        contents = "unreadable"
        with suppress(HistoryError):
            document = Document(read(info.number).data)
            contents = _contents(document)
            lost = [arn for arn in node_principals(document) if arn not in node_principals(live)]
            if lost and not regained:
                has = f"Revision {info.number} has a node mapping"
                regained = f"{has} that the live state lacks: {quoted(lost[0], 200)}."
        lines.append(f"- {revision_line(info)}: {contents}")
    lines += [f"- and {len(found) - _SHOWN} older ones"] if len(found) > _SHOWN else []
    lines += [regained] if regained else []
    hint = f"Look at the difference with diff({found[0].number}). Then name the revision: pass to={found[0].number}."
    return UnprovenHistoryError("\n".join(lines), revisions=tuple(info.number for info in found), hint=hint)


def _contents(document: Document) -> str:
    entries = sum(len(document.reading(key).entries) for key in KEYS)
    admins = administrators(document, GuardContext())
    return f"nodes {len(node_principals(document))}, administrators {len(admins)}, entries {entries}"


def _nothing_left(proven: Sequence[RevisionInfo], listing: RevisionList) -> RevisionNotFoundError:
    hint = "Name the revision to restore, as the history lists them."
    if len(listing.revisions) <= len(proven[:1]):
        again = f"Map the nodes again: `awsauth add node ROLE_ARN`, with the role of `{FIND_NODE_ROLE}`."
        hint = f"awsauth has recorded no earlier state. {again} Or restore the manifest that you keep in git."
    elif proven and proven[0].kind == "rollback" and proven[0].parent:
        hint = f"Revision {proven[0].number} is a rollback itself. To undo it, pass to={proven[0].parent}."
    return RevisionNotFoundError("There is no earlier revision.", hint=hint)


def _unproven(info: RevisionInfo) -> Finding:
    message = f"aws-auth does not prove that it was ever at revision {info.number}."
    hint = f"Look at the difference, and at the client that recorded it: {revision_line(info)}."
    return warning("unproven-revision", message, f"{UNVOUCHED} that state.", hint)


def _further_back(live: RevisionInfo, last: RevisionInfo) -> Finding:
    message = f"Revision {live.number} is a rollback to revision {last.number}, so this goes one state further back."
    impact = "It does not bring back the state before that rollback."
    return note("further-back", message, impact, f"To restore that state, name revision {live.parent}.")


def _effective(proven: Sequence[RevisionInfo]) -> RevisionInfo:
    """Return the revision whose state the newest one holds.

    If the newest one is a rollback, it is the one that it restored.
    """
    by_number, info = {one.number: one for one in proven}, proven[0]
    while info.kind == "rollback" and info.restores < info.number and (restored := by_number.get(info.restores)):
        info = restored
    return info


def baseline_findings(snapshot: Snapshot) -> tuple[Finding, ...]:
    """Return a note if the object names no revision."""
    if snapshot.head or not snapshot.exists:
        return ()
    message = "The history has no baseline: aws-auth names no revision."
    impact = "If another tool breaks aws-auth now, no revision holds the present state."
    return (note("no-baseline", message, impact, "Record the present state with snapshot()."),)


def drift(store: Store, snapshot: Snapshot) -> tuple[Finding, ...] | None:
    """Return an error if another tool removed nodes or administrators.

    It compares with the last revision of this library. A state that this library wrote costs no request. Without such a
    revision, or if the caller may not read it, return None: there is nothing to compare with.
    """
    if snapshot.own_head:
        return ()
    if not (revision := _last_own(store, snapshot)):
        return None
    old, new, unknown = Document(revision.data), snapshot.document, GuardContext()
    nodes = [finding.principal for finding in node_mapping(GuardInput.of(old, new, unknown))]
    left = {principal_of(arn) for arn in administrators(new, unknown)}
    admins = [arn for arn in administrators(old, unknown) if principal_of(arn) not in left]
    return (_drifted(revision, snapshot, nodes, admins),) if nodes or admins else ()


def _last_own(store: Store, snapshot: Snapshot) -> Revision | None:
    """Return the revision that the object names, or else the newest one.

    If another tool replaced the object, it names none.
    """
    try:
        sound = [] if snapshot.head else [info.head for info in store.list_revisions().revisions if is_sound(info)]
        head = snapshot.head or (sound[-1] if sound else None)
        return sound_revision(store, head.number, head.digest) if head else None
    except (ForbiddenError, HistoryError):
        return None


def _drifted(revision: Revision, snapshot: Snapshot, nodes: list[str], admins: list[str]) -> Finding:
    client, when = _writers(revision, snapshot)
    lost = [f"node mappings: {_quoted(nodes)}"] if nodes else []
    lost += [f"administrators: {_quoted(admins)}"] if admins else []
    message = f"{client} {'changed' if snapshot.exists else 'deleted'} aws-auth {when}. It lost {'; '.join(lost)}."
    of_nodes = "Nodes with these roles become NotReady, and no new one can join."
    impact = of_nodes if nodes else "They can no longer repair aws-auth by their mapping."
    back = command_line("awsauth", "rollback", "--to", str(revision.number))
    hint = f"To restore them, run `{back}`, which keeps the mappings that others added."
    return Finding("drift", Severity.ERROR, message, impact, hint)


def _writers(revision: Revision, snapshot: Snapshot) -> tuple[str, str]:
    """Return the clients that changed the data after a revision, and when.

    The time is that of ``managedFields``, or after the revision.
    """
    recorded = revision.info.created
    differing = [key for key, text in snapshot.data.items() if revision.data.get(key) != text]
    owners = {owner for key in differing or snapshot.managers for owner in snapshot.managers.get(key, ())}
    others = {owner for owner in owners if owner.client != FIELD_MANAGER}
    times = {owner: owner.time for owner in others if owner.time and (not recorded or owner.time >= recorded)}
    clients = sorted({owner.client for owner in times or others})
    who = f"The client {', '.join(map(quoted, clients))}" if clients else "Another tool"
    if times:
        return who, f"at {_shown(max(times.values()))}, after revision {revision.number}"
    return who, f"after revision {revision.number}{f', recorded {_shown(recorded)}' if recorded else ''}"


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _quoted(principals: list[str]) -> str:
    return listed([quoted(principal, 200) for principal in principals], 5)
