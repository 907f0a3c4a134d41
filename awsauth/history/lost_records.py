"""Records of owners that the object lost: each revision has a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from awsauth.core.desired.records import Record, read_records
from awsauth.core.revisions.info import RevisionInfo, owners_of
from awsauth.errors import HistoryError
from awsauth.history.rollback import rollback_candidates

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from awsauth.stores.store import Snapshot, Store


class KeptRecords(NamedTuple):
    """What the revisions tell about the records of owners.

    Attributes:
        lost: The last records of owners without a readable record in the object.
        newest: The records in the revision of the object; those of a file are the present ones.
        unproven: The owners whose record comes from a revision that the object does not prove.
        is_held: Whether the object names a revision that exists, and that was not altered.
    """

    lost: Mapping[str, Record]
    newest: Mapping[str, Record]
    unproven: Collection[str] = ()
    is_held: bool = False


def kept_records(
    store: Store,
    snapshot: Snapshot,
    recorded: Mapping[str, Record],
    live: Collection[str],
    owners: Collection[str],
    *,
    of_all: bool = False,
) -> KeptRecords:
    """Return the records of owners in revisions.

    The records of a file need no proof: they are in git, next to it.

    Args:
        store: Where the revisions are.
        snapshot: The object.
        recorded: The records that the object has.
        live: The present entries, by their name in records. A record without any of them does not count as lost.
        owners: The owners of the sync.
        of_all: Whether to look for the lost records of all other owners, too.
    """
    past, head, is_file = _Past(store), snapshot.head, bool(owners_of(snapshot.annotations) and not snapshot.uid)
    newest = past.read(head.number, head.digest) if head else None
    is_held, copy = newest is not None, newest or {}
    chain, line = [], []
    if of_all or not (head or is_file) or {*owners} - recorded.keys() - copy.keys():
        listing = store.list_revisions()
        chain = list(listing.chain(head))
        line = [*_in_effect([*chain, *rollback_candidates(listing, below=chain[-1].number if chain else 0)])]
        copy = copy if head else past.of(line[0]) if line else {}
    lost = {owner: record for owner, record in copy.items() if owner not in recorded}
    unproven = set() if head else {*copy}
    named = {owner for info in line for owner in info.owner.split(", ")}
    for owner in (named if of_all else named & {*owners}) - recorded.keys() - lost.keys():
        if info := past.last_of(owner, line):
            lost[owner] = past.of(info)[owner]
            unproven |= {owner} if info not in chain else set()
    taken = {name for record in recorded.values() for name in record}
    lost = {owner: {name: last for name, last in lost[owner].items() if name not in taken} for owner in sorted(lost)}
    lost = {owner: record for owner, record in lost.items() if any(name in live for name in record)}
    return KeptRecords(lost, {**copy, **(recorded if is_file else {})}, unproven, is_held)


def _in_effect(infos: Iterable[RevisionInfo]) -> Iterator[RevisionInfo]:
    """Yield revisions, newest first, without those that a later rollback undid."""
    restored = 0
    for info in infos:
        if not restored or info.number <= restored:
            yield info
            restored = info.restores or restored


class _Past:
    """Reads the records in revisions; each content once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[str, dict[str, Record]] = {"": {}}

    def read(self, number: int, digest: str) -> dict[str, Record] | None:
        """Return the records in a revision; None if the revision is gone or was altered."""
        try:
            revision = self._store.read_revision(number)
        except HistoryError:
            return None
        if not (revision.is_intact and revision.digest == digest):
            return None
        return self._read.setdefault(revision.info.owners_digest, read_records(revision.annotations)[0])

    def of(self, info: RevisionInfo) -> dict[str, Record]:
        """Return the records in a revision; none if it is gone or was altered."""
        known = self._read.get(info.owners_digest)
        return (self.read(info.number, info.digest) or {}) if known is None else known

    def last_of(self, owner: str, line: list[RevisionInfo]) -> RevisionInfo | None:
        """Return the newest revision with a record of the owner.

        Returns None if the owner's last sync left none.
        """
        own = next((at for at, info in enumerate(line) if owner in info.owner.split(", ")), -1)
        if own < 0 or owner not in self.of(line[own]):
            return None
        return next(info for info in line[: own + 1] if owner in self.of(info))
