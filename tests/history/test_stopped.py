"""Committing: the process stops before each call in turn."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

import pytest

from awsauth.core.edit.changes import EnsureAccount
from awsauth.history.log import log, prune
from tests.history.test_commit import ADMIN, BEFORE, OTHER, assert_true_history, ensure, outside, quick, with_changes
from tests.support.going_back import rollback
from tests.support.memory_store import SharedMemoryStore
from tests.support.stopping import Interrupted, StoppedProcess, Stopping, Wrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsauth.stores.store import Store


def _pruned(store: Store) -> None:
    prune(store)


ACTIONS: Final[dict[str, Callable[[Store], object]]] = {
    "change": lambda store: ensure(store, OTHER),
    "change over a rival": lambda store: ensure(store, OTHER),
    "first change": lambda store: ensure(store, OTHER),
    "change after outside": lambda store: ensure(store, OTHER),
    "rollback": lambda store: rollback(store, 1, author="alice", patience=quick()),
    "prune": _pruned,
}


def prepare(action: str, store: Store) -> None:
    """Bring a store to where an action begins."""
    if action == "first change":
        return
    ensure(store, ADMIN)
    if action == "change after outside":
        outside(store, with_changes(BEFORE, EnsureAccount(account="111122223333")))
    if action == "prune":
        for number in range(60):
            ensure(store, EnsureAccount(account=f"{number:012}"))


def stopping(action: str, store: Store, before: int) -> Store:
    inner: Store = store
    if action == "change over a rival":
        rival = EnsureAccount(account="999999999999")
        inner = Interrupted(store, "write", lambda: ensure(store, rival, author="bob"))
    return Stopping(inner, before)


@pytest.mark.parametrize("action", list(ACTIONS))
@pytest.mark.parametrize("before", range(14))
def test_stopped_before_any_call_the_state_is_old_or_new_the_history_true_and_the_next_run_works(
    action: str, before: int, old: Callable[[str], SharedMemoryStore]
) -> None:
    store = old(action)
    undisturbed = old(action)
    ACTIONS[action](stopping(action, undisturbed, 10_000))
    start, finished = store.read().data, [undisturbed.read().data]
    states = [start, *finished]
    if action == "change over a rival":
        states.append(with_changes(start, EnsureAccount(account="999999999999")))
        finished.append(with_changes(start, OTHER))  # Stopped before the rival came.
    try:
        ACTIONS[action](stopping(action, store, before))
    except StoppedProcess:
        assert store.read().data in states
    else:
        assert store.read().data == undisturbed.read().data
    assert_true_history(store)
    ACTIONS[action](store)
    assert store.read().data in finished
    assert_true_history(store)
    assert log(store).is_recorded
    ensure(store, EnsureAccount(account="888888888888"))
    assert_true_history(store)


@pytest.fixture
def old() -> Callable[[str], SharedMemoryStore]:
    """Return what makes a store for an action; its clock is two months on after the preparation of a prune."""

    def make(action: str) -> SharedMemoryStore:
        now = [datetime(2026, 1, 1, tzinfo=timezone.utc)]
        store = SharedMemoryStore(BEFORE, clock=lambda: now[0])
        prepare(action, store)
        now[0] += timedelta(days=60)
        return store

    return make


def test_the_stops_reach_every_call_of_every_action(old: Callable[[str], SharedMemoryStore]) -> None:
    """The parametrised test above goes up to 14 calls; pruning ends with a row of equal ones."""
    for action, act in ACTIONS.items():
        store = Wrapped(stopping(action, old(action), 10_000))
        act(store)
        assert len(store.calls) <= 14 or set(store.calls[3:]) == {"discard"}
