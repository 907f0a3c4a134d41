"""A store that waits where the server asks to be asked again later."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from awsauth.retry import Backoff, retry_unavailable
from awsauth.stores.store import SupportsDryRun

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from awsauth.core.revisions.revision import Revision
    from awsauth.stores.store import RevisionList, Snapshot, Store

_T = TypeVar("_T")


class RetryingStore:
    """Another store, whose calls are made again while the server cannot answer: after the time that it asks for.

    An `UnavailableError` says that nothing was done, so nothing can be done twice. Nothing else is tried again here.

    Args:
        store: The other store; of another patient one, what is behind it.
        patience: How long to go on with all calls together; by default, 60 seconds with each.
    """

    def __init__(self, store: Store, patience: Backoff | None = None) -> None:
        self._store: Store = store._store if isinstance(store, RetryingStore) else store  # noqa: SLF001 - of its own kind
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
        """Return what is known about all revisions (see `Store.list_revisions`)."""
        return self._again(self._store.list_revisions)

    def read_revision(self, number: int) -> Revision:
        """Return a revision with its data (see `Store.read_revision`)."""
        return self._again(lambda: self._store.read_revision(number))

    def discard_revision(self, number: int, digest: str) -> None:
        """Delete the revision, if it has this digest (see `Store.discard_revision`)."""
        self._again(lambda: self._store.discard_revision(number, digest))

    def _again(self, call: Callable[[], _T]) -> _T:
        return retry_unavailable(call, self._patience)


class _RetryingDryRun(RetryingStore):
    """A patient store around one whose server can say what it would do."""

    def dry_run_store(self) -> Store:
        """Return the store that changes nothing (see `SupportsDryRun.rehearsal`), as patient as this one."""
        return RetryingStore(cast("SupportsDryRun", self._store).dry_run_store(), self._patience)


def with_retries(store: Store) -> RetryingStore:
    """Return a patient store around another one, that can do all that the other one can; 60 seconds for each call."""
    return _RetryingDryRun(store) if isinstance(store, SupportsDryRun) else RetryingStore(store)
