"""`AwsAuthError.changed` never contradicts the object: each call of the store fails in turn, in each way."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import count
from typing import TYPE_CHECKING, Final, TypeVar

import pytest

from awsauth.core.edit.changes import EnsureAccount
from awsauth.errors import AwsAuthError, ForbiddenError, HistoryError, OutcomeUnknownError, UnreachableError
from awsauth.history.commit import commit
from awsauth.history.log import prune
from awsauth.history.proposal import changing
from awsauth.history.rollback import RollbackProposal
from tests.history.test_commit import ADMIN, BEFORE, OTHER, ensure, file_store, quick
from tests.support.memory_store import SharedMemoryStore
from tests.support.stopping import Wrapped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from awsauth.stores.store import Store

_T = TypeVar("_T")
CALLS: Final[dict[str, Callable[[Store], object]]] = {
    "apply": lambda store: ensure(store, OTHER),
    "apply without history": lambda store: ensure(store, OTHER, history=False),
    "rollback": lambda store: commit(store, RollbackProposal(store, 1).propose, patience=quick()),
}


class Failing(Wrapped):
    """Fails from one call on, counted from 0; `is_carried_out` tells whether that call is made before it fails."""

    def __init__(self, store: Store, at: int, error: type[AwsAuthError], *, is_carried_out: bool) -> None:
        super().__init__(store)
        self._at = at
        self._error = error
        self._is_carried_out = is_carried_out

    def for_change(self, name: str, call: Callable[[], _T]) -> _T:
        if len(self.calls) == self._at and self._is_carried_out:
            super().for_change(name, call)
        if len(self.calls) >= self._at:
            raise self._error("It fails.")
        return super().for_change(name, call)


@pytest.mark.parametrize("kind", ["cluster-like", "file"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("error", "is_carried_out"),
    [(ForbiddenError, False), (UnreachableError, False), (OutcomeUnknownError, False), (OutcomeUnknownError, True)],
)
def test_what_an_error_says_of_changes_is_true(
    error: type[AwsAuthError], call: str, kind: str, tmp_path: Path, *, is_carried_out: bool
) -> None:
    said = set()
    for at in count():
        folder = tmp_path / str(at)
        folder.mkdir()
        store: Store = file_store(folder, BEFORE) if kind == "file" else SharedMemoryStore(BEFORE)
        ensure(store, ADMIN)
        before = dict(store.read().data)
        try:
            CALLS[call](Failing(store, at, error, is_carried_out=is_carried_out))
        except AwsAuthError as caught:
            said.add(caught.changed)
            assert caught.changed in (None, store.read().data != before)
        else:
            break
    assert at >= 2
    assert None in said if error is OutcomeUnknownError else said == {False}


def test_a_definite_failure_after_a_write_without_an_answer_leaves_the_outcome_open() -> None:
    class Cut(Wrapped):
        def for_change(self, name: str, call: Callable[[], _T]) -> _T:
            if "write" in self.calls and name == "read":
                raise ForbiddenError("You may not read it any more.")
            if name != "write":
                return super().for_change(name, call)
            self.calls.append(name)
            raise OutcomeUnknownError("The connection was cut.")

    with pytest.raises(AwsAuthError) as caught:
        ensure(Cut(SharedMemoryStore(BEFORE)), OTHER)
    assert caught.value.changed is None


def test_a_recorded_revision_alone_is_not_a_change() -> None:
    store = SharedMemoryStore(BEFORE)
    with pytest.raises(ForbiddenError) as caught:
        commit(Refusing(store, "write"), changing([ADMIN]), patience=quick())
    assert (caught.value.changed, store.read().data) == (False, BEFORE)
    with pytest.raises(HistoryError) as unrecorded:
        commit(Refusing(store, "record", HistoryError), changing([ADMIN]), patience=quick())
    assert (unrecorded.value.changed, store.read().data) == (False, BEFORE)


def test_pruning_that_fails_on_the_way_tells_that_revisions_are_gone() -> None:
    now = [datetime(2026, 1, 1, tzinfo=timezone.utc)]
    store = SharedMemoryStore(BEFORE, clock=lambda: now[0])
    for number in range(60):
        ensure(store, EnsureAccount(account=f"{number:012}"))
    now[0] += timedelta(days=60)
    expected = prune(store, dry_run=True)
    assert len(expected) > 1
    for done, changed in ((0, False), (1, True)):
        with pytest.raises(ForbiddenError) as caught:
            prune(Refusing(store, "discard", after=done))
        assert caught.value.changed is changed


class Refusing(Wrapped):
    """Refuses a call by its name, after it has let some pass."""

    def __init__(self, store: Store, name: str, error: type[AwsAuthError] = ForbiddenError, *, after: int = 0) -> None:
        super().__init__(store)
        self._refused = name
        self._error = error
        self._after = after

    def for_change(self, name: str, call: Callable[[], _T]) -> _T:
        if name == self._refused and self.calls.count(name) >= self._after:
            raise self._error("It is refused.")
        return super().for_change(name, call)
