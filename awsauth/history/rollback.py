"""Going back: a new revision with the state of an earlier one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from awsauth.core.document import Document
from awsauth.core.finding import Finding, Severity
from awsauth.core.merge import Merged
from awsauth.core.restoration import OUTSIDE, Actor, Restoration, Step, restore
from awsauth.errors import HistoryError, RevisionNotFoundError
from awsauth.history.position import Position, lineage, locate, may_be_unapplied, parent
from awsauth.history.proposal import Proposal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from awsauth.core.revision import Revision
    from awsauth.core.revision_info import RevisionInfo
    from awsauth.stores.store import Listing, Snapshot, Store


def restoring(
    store: Store, to: int | None = None, *, exact: bool = False, author: str = ""
) -> Callable[[Snapshot], Proposal]:
    """Return what proposes the restoration of a revision, for any object.

    The proposal's `restoration` lists what others have added since and keep, what goes, and whose it was.

    Args:
        store: Where the revisions are.
        to: The revision. None goes one further back each time: to the state before the last change, or, after a
            rollback, to the one before that which it restored. Which one that is, is settled with the first proposal,
            whatever others do until it is written. Where the last change did nothing but add mappings, and
            was another's, there is nothing to go back on, and nothing changes: name a revision then, or be `exact`.
        exact: Keep nothing of what others have added since.
        author: Who goes back: mappings that this author has added go.

    Proposing raises:
        RevisionNotFoundError: there is no such revision, or none further back.
        HistoryError: the revision was altered, or another one that is needed cannot be read.
        EditError: what others have added cannot be kept.
    """
    return _Restoring(store, to, exact=exact, author=author).propose


@dataclass(slots=True)
class _Restoring:
    store: Store
    to: int | None
    exact: bool = field(kw_only=True)
    author: str = field(kw_only=True)
    _findings: tuple[Finding, ...] = field(default=(), init=False)
    _read: dict[tuple[int, str], Revision] = field(default_factory=dict, init=False)

    def propose(self, snapshot: Snapshot) -> Proposal:
        listing = self.store.list_revisions()
        position = locate(self.store, snapshot, listing=listing)
        if self.to is None:
            self.to = _one_further_back(listing, position)
            unsure = snapshot.head is None and bool(snapshot.uid) and may_be_unapplied(listing, position, self.to)
            self._findings = (_unapplied(self.to),) if unsure else ()
        target = self._intact(self.to)
        steps = list(self._steps(listing, position, snapshot, target.info))
        restoration = restore(
            self.to, Document(target.data), steps, snapshot.document, author=self.author, exact=self.exact
        )
        restoration = replace(restoration, uid=target.info.uid)
        return Proposal(snapshot, _merged(snapshot.document, restoration, self._findings), restoration)

    def _steps(self, listing: Listing, position: Position, snapshot: Snapshot, target: RevisionInfo) -> Iterator[Step]:
        """Yield the states since the revision that is restored, oldest first."""
        since = []
        origin = None
        for info in lineage(listing, position.before):
            if info.number <= target.number:
                origin = info
                break
            since.append(info)
        if origin is not None and origin.digest != target.digest:
            # The present does not come from that revision: somebody had gone back to an older one by other means.
            yield Step(self._document(origin), Actor("outside", "", origin.number))
        for info in reversed(since):
            # Behind a break in the chain nobody knows what was whose: better to keep too much.
            kind = "outside" if origin is None and info is since[-1] else info.kind
            yield Step(self._document(info), Actor(kind, info.author, info.number))
        if position.head is None:
            yield Step(snapshot.document, OUTSIDE)

    def _document(self, info: RevisionInfo) -> Document:
        revision = self._revision(info.number, info.digest)
        if not self.exact and not (revision.is_intact and revision.digest == info.digest):
            raise HistoryError(
                f"Revision {info.number} was altered after it was recorded, so nobody can tell any more what others have "
                "added since. Nothing was changed.",
                cure="Pass exact=True to go back without keeping what others have added.",
            )
        return Document(revision.data)

    def _intact(self, number: int) -> Revision:
        """Return the revision to restore, which nobody may have altered since it was recorded."""
        revision = self._revision(number, "")
        if not revision.is_intact:
            raise HistoryError(
                f"Revision {number} was altered after it was recorded: its data is not what its digest says. "
                "Nothing was changed.",
                cure="Restore another revision, or look at this one and put its text back yourself.",
            )
        return revision

    def _revision(self, number: int, digest: str) -> Revision:
        """Read a revision once; what was recorded stays as it is."""
        found = self._read.get((number, digest))
        if found is None:
            found = self._read[number, digest] = self.store.read_revision(number)
        return found


def _merged(present: Document, restoration: Restoration, findings: tuple[Finding, ...]) -> Merged:
    after = restoration.document
    return Merged(present, present if after == present else after, findings=findings)


def _unapplied(number: int) -> Finding:
    return Finding(
        "unconfirmed-revision",
        Severity.WARNING,
        f"Nothing shows that revision {number} ever was applied.",
        "Its writer may have been stopped before the write; or somebody has replaced the whole object since.",
        "Look at the difference: is it what there was? If not, name the revision to go back to.",
    )


def _one_further_back(listing: Listing, position: Position) -> int:
    """Return the number of the revision before the last change that has not been gone back on."""
    before = listing.find(position.before.number) if position.before else None
    if before and position.head:
        before = parent(listing, _effective(listing, before))
    if before is None:
        raise RevisionNotFoundError(
            "There is no revision further back; nothing was changed.",
            cure="Name the revision to go back to, as the history lists them.",
        )
    return before.number


def _effective(listing: Listing, info: RevisionInfo) -> RevisionInfo:
    """Return the revision whose state another one is: of a rollback, the one that it went back to."""
    while info.kind == "rollback" and 0 < info.restores < info.number:
        restored = listing.find(info.restores)
        if restored is None:
            break
        info = restored
    return info
