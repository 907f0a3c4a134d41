"""A snapshot records the present state and changes no data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import EnsureRole, ReplaceText
from awsauth.errors import NotFoundError, RevisionNotFoundError, UsageError
from tests.support.command_line import manifest_in, run
from tests.support.memory_store import SharedMemoryStore

if TYPE_CHECKING:
    from pathlib import Path

ROLE: Final = "arn:aws:iam::111122223333:role/"
BEFORE: Final = {"mapRoles": f"- rolearn: {ROLE}boss\n  username: boss\n  groups: [system:masters]\n"}
THEIRS: Final = {"mapRoles": f"{BEFORE['mapRoles']}- rolearn: {ROLE}theirs\n  username: theirs\n"}


def test_a_snapshot_is_what_a_rollback_of_the_first_change_ever_goes_back_to() -> None:
    store = SharedMemoryStore(BEFORE)
    client = AwsAuthClient(store, author="us")
    result = client.snapshot(reason="before the upgrade")
    assert (result.changed, result.revision, bool(result.diff)) == (True, 1, False)
    (entry,) = client.history().entries
    assert (entry.info.kind, entry.info.reason, entry.info.writer.author) == ("snapshot", "before the upgrade", "us")
    assert (entry.live, entry.proven) == (True, True)
    store.overwrite(THEIRS)
    assert client.rollback().changed
    assert client.read().data == BEFORE


def test_without_a_snapshot_there_is_nothing_to_go_back_to() -> None:
    store = SharedMemoryStore(BEFORE)
    client = AwsAuthClient(store)
    store.overwrite(THEIRS)
    client.snapshot()
    with pytest.raises(RevisionNotFoundError, match="no earlier revision") as refused:
        client.rollback()
    assert (
        "awsauth has recorded no earlier state. Map the nodes again: `awsauth add node ROLE_ARN`" in refused.value.hint
    )


def test_what_is_recorded_is_not_recorded_again() -> None:
    store = SharedMemoryStore(BEFORE)
    client = AwsAuthClient(store)
    client.apply(EnsureRole(role_arn=f"{ROLE}ci", username="ci"))
    result = client.snapshot(reason="again")
    assert (result.changed, result.revision) == (False, 2)
    assert len(client.history().entries) == 2
    store.discard_revision(2, client.show(2).digest)
    result = client.snapshot()
    assert (result.changed, result.revision) == (True, 3)


def test_what_another_tool_added_before_a_snapshot_is_not_the_writer_s() -> None:
    """A rollback of the same writer keeps it."""
    store = SharedMemoryStore(BEFORE)
    client = AwsAuthClient(store, author="us")
    client.snapshot()
    store.overwrite(THEIRS)
    assert client.snapshot().revision == 2
    client.apply(ReplaceText(key="mapRoles", text=THEIRS["mapRoles"].replace("username: boss", "username: other")))
    assert client.rollback(to=1).changed
    assert [role.role_arn for role in client.read().roles] == [f"{ROLE}boss", f"{ROLE}theirs"]


def test_an_object_that_is_not_there_is_not_recorded() -> None:
    client = AwsAuthClient(SharedMemoryStore())
    with pytest.raises(NotFoundError, match="no aws-auth to record"):
        client.snapshot()
    with pytest.raises(UsageError, match="reason is"):
        client.snapshot(reason=7)  # type: ignore[arg-type]


def test_a_file_keeps_its_bytes(tmp_path: Path) -> None:
    path = manifest_in(tmp_path, **BEFORE)
    raw = path.read_bytes()
    assert run("snapshot", "--reason", "a b", "--file", str(path)).out == "Recorded as revision 1.\n"
    assert path.read_bytes() == raw
    assert run("snapshot", "--file", str(path)).out == "Revision 1 already holds the live state.\n"
    done = run("snapshot", "--file", str(path), "-o", "json")
    expected = {"command": "snapshot", "version": 1, "recorded": False, "revision": 1}
    assert json.loads(done.out) == {**expected, "target": {"as": None, "name": str(path)}}
