"""An ``aws-auth`` in memory that other tools write, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awsauth.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime


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

    def overwrite(self, data: Mapping[str, str], *, keep_head: bool = True) -> None:
        """Write as another tool does: without a version, and without a revision.

        Args:
            data: The data afterwards.
            keep_head: Whether that tool leaves our annotations alone; ``kubectl replace`` does not.
        """
        with self._lock:
            self._put(data, self._state.head if keep_head else None)

    def record_object(self, number: int, value: Any) -> None:
        """Put any object where a revision is expected."""
        with self._lock:
            self._objects[number] = value

    def _now(self) -> datetime:
        return self._clock() if self._clock else super()._now()
