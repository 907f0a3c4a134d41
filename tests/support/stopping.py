"""Stores that fail on purpose: the process stops before a call, or the answer to one is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from awsauth.errors import OutcomeUnknownError
from awsauth.stores.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from awsauth.core.revisions.revision import Revision
    from awsauth.stores.store import RevisionList, Snapshot

_T = TypeVar("_T")


class StoppedProcess(BaseException):
    """Stands for SIGKILL: nothing in the library may catch it."""


class Wrapped(Store):
    """A store that passes every call on, and counts the calls by name."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.calls: list[str] = []

    def for_change(self, name: str, call: Callable[[], _T]) -> _T:
        """Make a call; what happens before and after it is up to a subclass."""
        self.calls.append(name)
        return call()

    def read(self) -> Snapshot:
        return self.for_change("read", self.store.read)

    def write(self, data: Mapping[str, str], base: Snapshot, revision: Revision | None) -> Snapshot:
        return self.for_change("write", lambda: self.store.write(data, base, revision))

    def record(self, revision: Revision) -> Revision:
        return self.for_change("record", lambda: self.store.record(revision))

    def list_revisions(self) -> RevisionList:
        return self.for_change("list", self.store.list_revisions)

    def read_revision(self, number: int) -> Revision:
        return self.for_change("read_revision", lambda: self.store.read_revision(number))

    def discard_revision(self, number: int, digest: str) -> None:
        self.for_change("discard", lambda: self.store.discard_revision(number, digest))


class Stopping(Wrapped):
    """Stops the process before the call with this index, counted from 0."""

    def __init__(self, store: Store, before: int) -> None:
        super().__init__(store)
        self._before = before

    def for_change(self, name: str, call: Callable[[], _T]) -> _T:
        if len(self.calls) == self._before:
            raise StoppedProcess
        return super().for_change(name, call)


class Interrupted(Wrapped):
    """Does something else, once, before the first call of a name: another writer, for one."""

    def __init__(self, store: Store, name: str, act: Callable[[], object]) -> None:
        super().__init__(store)
        self._name = name
        self._act = act

    def for_change(self, name: str, call: Callable[[], _T]) -> _T:
        if name == self._name and name not in self.calls:
            self.calls.append("interruption")
            self._act()
        return super().for_change(name, call)


class Unanswered(Wrapped):
    """Loses answers.

    Args:
        store: The store.
        name: The calls whose answers are lost.
        lost: For each such call in turn, whether it is carried out before its answer is lost; None for one that is
            answered. Calls after the last are answered.
        then: Called after each call that is not answered.
    """

    def __init__(
        self, store: Store, name: str, lost: list[bool | None], then: Callable[[], object] | None = None
    ) -> None:
        super().__init__(store)
        self._name = name
        self._lost = lost
        self._then = then

    def for_change(self, name: str, call: Callable[[], _T]) -> _T:
        is_carried_out = self._lost.pop(0) if name == self._name and self._lost else None
        if is_carried_out is None:
            return super().for_change(name, call)
        if is_carried_out:
            super().for_change(name, call)
        if self._then:
            self._then()
        raise OutcomeUnknownError("The connection was cut.", location="the test")
