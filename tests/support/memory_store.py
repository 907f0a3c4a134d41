"""An ``aws-auth`` in memory that other tools write, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awsauth.core.document.document import Document
from awsauth.core.revisions.revision import Revision, info_from_object
from awsauth.errors import HistoryError
from awsauth.stores.memory import MemoryStore
from awsauth.stores.store import InvalidRevision, RevisionList, Snapshot, revision_taken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from awsauth.core.revisions.info import FieldManager, Head


class SharedMemoryStore(MemoryStore):
    """A store whose object and revisions another tool can change, and whose clock a test can set.

    Args:
        data: The data; None for an object that does not exist yet.
        clock: Returns the time of the recording of revisions, in UTC.
        uid: Which object it is.
    """

    def __init__(
        self,
        data: Mapping[str, str] | None = None,
        *,
        clock: Callable[[], datetime] | None = None,
        uid: str = "in-memory",
    ) -> None:
        super().__init__(data, uid=uid)
        self._clock = clock
        self._uids = 0
        self._objects: dict[int, Any] = {}

    def overwrite(self, data: Mapping[str, str], *, keep_head: bool = True) -> None:
        """Write as another tool does: without a version, and without a revision.

        Args:
            data: The data afterwards.
            keep_head: Whether that tool leaves our annotations alone; ``kubectl replace`` does not.
        """
        with self._lock:
            kept = (self._state.head, self._state.annotations) if keep_head else (None, {})
            self._put(data, *kept)

    def delete(self) -> None:
        """Delete the object as another tool does; the next one has another uid."""
        with self._lock:
            version = str(int(self._state.version) + 1)
            self._uids += 1
            self._state = Snapshot(Document({}), version, exists=False)

    def _put(self, data: Mapping[str, str], head: Head | None, annotations: Mapping[str, str]) -> None:
        super()._put(data, head, annotations)
        if self._uids and not self._state.uid:
            self._state = self._state._replace(uid=f"in-memory-{self._uids}")

    def own(self, managers: Mapping[str, tuple[FieldManager, ...]]) -> None:
        """Set the clients that own the data keys."""
        with self._lock:
            self._state = self._state._replace(managers=managers)

    def record_object(self, number: int, value: Any) -> None:
        """Put any object where a revision is expected."""
        with self._lock:
            self._revisions.pop(number, None)
            self._objects[number] = value

    def record(self, revision: Revision) -> Revision:
        if revision.number in self._objects:
            raise revision_taken(revision.number, "aws-auth in memory")
        return super().record(revision)

    def list_revisions(self) -> RevisionList:
        listing = super().list_revisions()
        revisions, invalid = [*listing.revisions], []
        for number, value in sorted(self._objects.items()):
            try:
                revisions.append(info_from_object(value))
            except HistoryError as error:
                invalid.append(InvalidRevision(f"revision {number}", error.message, number))
        revisions.sort(key=lambda info: info.number)
        return RevisionList(tuple(revisions), listing.now, tuple(invalid))

    def read_revision(self, number: int) -> Revision:
        return Revision.from_object(self._objects[number]) if number in self._objects else super().read_revision(number)

    def _now(self) -> datetime:
        return self._clock() if self._clock else super()._now()
