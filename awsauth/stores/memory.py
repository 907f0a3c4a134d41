"""An ``aws-auth`` in memory, that behaves as one in a cluster does: for tests, and to try things out."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from awsauth.core.document.document import Document
from awsauth.core.revisions.revision import Revision, head_replaced, info_from_object
from awsauth.errors import ConflictError, HistoryError, RevisionNotFoundError, RevisionTakenError
from awsauth.stores.store import InvalidRevision, RevisionList, Snapshot, no_such_revision

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from awsauth.core.revisions.info import Head


class MemoryStore:
    """An ``aws-auth`` in memory.

    Args:
        data: Its data; None for an object that does not exist yet.
        uid: Which object it is.
    """

    def __init__(self, data: Mapping[str, str] | None = None, *, uid: str = "in-memory") -> None:
        self._lock = threading.Lock()
        self._objects: dict[int, Any] = {}
        self._state = Snapshot(Document(data or {}), "1", uid, exists=data is not None)

    def read(self) -> Snapshot:
        """Return the object as it is now."""
        with self._lock:
            return self._state

    def write(self, data: Mapping[str, str], base: Snapshot, revision: Revision | None) -> Snapshot:
        """Write other data into the object (see `Store.write`)."""
        with self._lock:
            if self._state.version != base.version:
                raise ConflictError(
                    "The object has been written since it was read; nothing was changed.",
                    location="aws-auth in memory",
                    hint="Try again: it starts from the object as it is now.",
                )
            annotations = head_replaced(self._state.annotations, revision) if revision else self._state.annotations
            self._put(data, revision.info.head if revision else self._state.head, annotations)
            return self._state

    def record(self, revision: Revision) -> Revision:
        """Add a revision (see `Store.record`)."""
        with self._lock:
            if revision.number in self._objects:
                raise RevisionTakenError(
                    f"There is a revision {revision.number} already; nothing was changed.",
                    location="aws-auth in memory",
                )
            recorded = revision.recorded(self._now())
            self._objects[revision.number] = recorded.to_object()
            return recorded

    def list_revisions(self) -> RevisionList:
        """Return what is known about all revisions."""
        with self._lock:
            objects = sorted(self._objects.items())
        revisions, strangers = [], []
        for number, value in objects:
            try:
                revisions.append(info_from_object(value))
            except HistoryError as error:
                strangers.append(InvalidRevision(f"revision {number}", error.message, number))
        return RevisionList(tuple(revisions), self._now(), tuple(strangers))

    def read_revision(self, number: int) -> Revision:
        """Return a revision with its data (see `Store.read_revision`)."""
        with self._lock:
            value = self._objects.get(number)
        if value is None:
            raise RevisionNotFoundError(
                no_such_revision(number), location="aws-auth in memory", hint="List the history."
            )
        return Revision.from_object(value)

    def discard_revision(self, number: int, digest: str) -> None:
        """Delete the revision, if it has this digest."""
        with self._lock:
            value = self._objects.get(number)
            if value is not None and info_from_object(value).digest == digest:
                del self._objects[number]

    def _put(self, data: Mapping[str, str], head: Head | None, annotations: Mapping[str, str]) -> None:
        version = str(int(self._state.version) + 1)
        self._state = self._state._replace(
            document=Document(data), version=version, exists=True, head=head, annotations=annotations
        )

    def _now(self) -> datetime:
        return datetime.now(timezone.utc)
