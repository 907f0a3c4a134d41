"""What revisions changed: each compared with the one that it came from, since none of them says so itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from awsauth.core.diff import diff
from awsauth.core.document import Document
from awsauth.errors import HistoryError

if TYPE_CHECKING:
    from awsauth.core.revision import Revision
    from awsauth.history.log import Log, LogEntry
    from awsauth.stores.store import Store


def with_effects(store: Store, log: Log, newest: int) -> Log:
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
    effects = _Effects(store, log.present)
    described = [
        effects.of(entry, older) for entry, older in zip_longest(log.entries[:newest], log.entries[1 : newest + 1])
    ]
    return replace(log, entries=(*described, *log.entries[newest:]))


class _Effects:
    def __init__(self, store: Store, present: Document) -> None:
        self._store = store
        self._present = present
        self._revisions: dict[int, Revision | None] = {}

    def of(self, entry: LogEntry, older: LogEntry | None) -> LogEntry:
        info = entry.info
        if info.parent:
            before = self._document(info.parent, info.parent_digest)
        elif info.kind != "outside":
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
