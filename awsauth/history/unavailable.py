"""A store that repeats a single call while the server is unavailable.

`commit` handles conflicts of writers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from awsauth.backoff import Backoff, retry_unavailable
from awsauth.stores.store import RevisionList, Snapshot, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from awsauth.core.revisions.revision import Revision

_T = TypeVar("_T")


class RetryingStore(Store):
    """Another store, whose calls are repeated while the server is unavailable.

    An `UnavailableError` says that the server did nothing, so a repeated call cannot act twice. Other errors pass.

    Args:
        store: The other store; a `RetryingStore` is replaced by the store in it.
        patience: How long to try, for all calls together; by default 60 seconds for each call.
    """

    def __init__(self, store: Store, patience: Backoff | None = None) -> None:
        self._store: Store = store._store if isinstance(store, RetryingStore) else store  # noqa: SLF001 - same class
        self._patience = patience

    def read(self) -> Snapshot:
        """Return the object as it is now (see `Store.read`)."""
        return self._again(self._store.read)

    def write(self, data: Mapping[str, str], base: Snapshot, revision: Revision | None) -> Snapshot:
        """Write other data into the object (see `Store.write`)."""
        return self._again(lambda: self._store.write(data, base, revision))

    def record(self, revision: Revision) -> Revision:
        """Add a revision (see `Store.record`)."""
        return self._again(lambda: self._store.record(revision))

    def list_revisions(self) -> RevisionList:
        """Return all revisions without their data (see `Store.list_revisions`)."""
        return self._again(self._store.list_revisions)

    def read_revision(self, number: int) -> Revision:
        """Return a revision with its data (see `Store.read_revision`)."""
        return self._again(lambda: self._store.read_revision(number))

    def discard_revision(self, number: int, digest: str) -> None:
        """Delete the revision, if it has this digest (see `Store.discard_revision`)."""
        self._again(lambda: self._store.discard_revision(number, digest))

    def dry_run_store(self) -> Store:
        """Return the store that changes nothing, with retries (see `Store.dry_run_store`)."""
        return RetryingStore(self._store.dry_run_store(), self._patience)

    def _again(self, call: Callable[[], _T]) -> _T:
        return retry_unavailable(call, self._patience)
