"""The debug messages of a commit: each step, and why it is made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.core.edit.changes import RemoveRole
from tests.history.test_commit import ADMIN, BEFORE, OTHER, ensure
from tests.support.memory_store import SharedMemoryStore
from tests.support.stopping import Interrupted, Unanswered

if TYPE_CHECKING:
    import pytest


def test_the_steps_of_a_change(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "awsauth")
    store = SharedMemoryStore(BEFORE)
    ensure(store, ADMIN)
    ensure(store, ADMIN)
    assert caplog.messages == [
        "The change changes the data",
        "Recorded revision 1 (outside)",
        "Recorded revision 2 (change)",
        "The change changes nothing",
    ]


def test_the_reasons_to_look_or_begin_again(caplog: pytest.LogCaptureFixture) -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, ADMIN)
    caplog.set_level("DEBUG", "awsauth")
    ensure(Unanswered(store, "write", [True]), OTHER)
    assert "The outcome of the write is unknown: looking whether it was made" in caplog.messages
    caplog.clear()
    change = RemoveRole(role_arn=OTHER.role_arn)
    ensure(Interrupted(store, "write", lambda: store.overwrite({**store.read().data, "note": "x"})), change)
    assert "Another writer was first: reading, merging and checking again" in caplog.messages
