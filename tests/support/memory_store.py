"""An ``aws-auth`` in memory that other tools write, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awsauth.core.document.document import Document
from awsauth.stores.memory import MemoryStore
from awsauth.stores.store import Snapshot

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
            self._objects[number] = value

    def _now(self) -> datetime:
        return self._clock() if self._clock else super()._now()
