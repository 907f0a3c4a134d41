"""Nodes and administrators that another tool took are told, with the command that brings them back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

import awsauth
from awsauth.core.document.document import Document
from awsauth.core.findings import Severity
from awsauth.core.revisions.info import FieldManager
from awsauth.core.revisions.revision import draft
from awsauth.errors import UnprovenHistoryError
from awsauth.history.commit import commit
from awsauth.history.proposal import changing
from awsauth.history.rollback import baseline_findings, drift as found_drift
from awsauth.mapping_methods import node_role
from tests.support.changed import node, role, roles
from tests.support.command_line import run
from tests.support.memory_store import SharedMemoryStore

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "arn:aws:iam::111122223333:role"
USER = "arn:aws:iam::111122223333:user/x"
HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\n  namespace: kube-system\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a manifest with nodes and an administrator that this library has written."""
    file = tmp_path / "aws-auth.yaml"
    file.write_text(HEAD, encoding="utf-8")
    with awsauth.AwsAuthClient.from_file(file) as client:
        client.apply([node_role(f"{PREFIX}/nodes"), awsauth.EnsureRole(role_arn=f"{PREFIX}/x", username="x")])
        client.add_role_mapping(f"{PREFIX}/admin", username="admin", groups=["system:masters"])
    return file


def drift(path: Path) -> list[awsauth.Finding]:
    return [finding for finding in awsauth.AwsAuthClient.from_file(path).check() if finding.code == "drift"]


def written_by_another_tool(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("role/nodes", "role/others", ["node mappings: `arn:aws:iam::111122223333:role/nodes`"]),
        ("- system:nodes", "- system:node", ["node mappings: `arn:aws:iam::111122223333:role/nodes`"]),
        ("username: system:node:{{EC2", "username: node:{{EC2", ["node mappings"]),
        ("- system:masters", "- view", ["administrators: `arn:aws:iam::111122223333:role/admin`"]),
        ("mapRoles: |", "mapOthers: |", ["node mappings", "administrators"]),
    ],
)
def test_a_loss_is_an_error_that_names_who_and_the_command(path: Path, old: str, new: str, told: list[str]) -> None:
    written_by_another_tool(path, old, new)
    [finding] = drift(path)
    assert finding.severity is Severity.ERROR
    assert "after revision 3, recorded 20" in finding.message
    assert all(words in finding.message for words in told), finding.message
    assert finding.impact.startswith("Nodes" if "node mappings" in finding.message else "They can no longer repair")
    assert run("check", "--file", str(path), "--fail-on", "error").code == 1
    command = finding.hint.split("`")[1].split()
    assert run(*command[1:], "--file", str(path), "--yes").code == 0
    assert drift(path) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("username: x", "username: y"),
        ("role/x", "role/z"),
        ("mapRoles: |", "# by hand\n  mapRoles: |"),
        ("username: x", "username: x  # ours"),
        ("username: admin", "username: boss"),
    ],
)
def test_other_changes_are_not_a_loss(path: Path, old: str, new: str) -> None:
    written_by_another_tool(path, old, new)
    assert drift(path) == []


def test_a_loss_that_the_user_made_is_not_drift(path: Path) -> None:
    with awsauth.AwsAuthClient.from_file(path) as client:
        client.remove_role_mapping(f"{PREFIX}/nodes", allow=["node-mapping"])
    assert drift(path) == []


def test_only_clients_that_own_what_changed_are_named() -> None:
    store = SharedMemoryStore()
    commit(store, changing([node_role(f"{PREFIX}/nodes"), awsauth.EnsureUser(user_arn=USER, username="x")]))
    snapshot = store.read()
    changed = snapshot._replace(
        document=Document({**snapshot.data, "mapRoles": "[]"}),
        managers={"mapRoles": (FieldManager("kubectl-edit"),), "mapUsers": (FieldManager("helm"),)},
    )
    [finding] = found_drift(store, changed) or ()
    assert finding.message.startswith("The client `kubectl-edit` changed aws-auth after revision 1")
    [finding] = found_drift(store, changed._replace(managers={"mapUsers": (FieldManager("helm"),)})) or ()
    assert finding.message.startswith("Another tool changed aws-auth after revision 1")


def test_a_file_without_a_history_has_no_drift(tmp_path: Path) -> None:
    file = tmp_path / "aws-auth.yaml"
    file.write_text(HEAD, encoding="utf-8")
    assert drift(file) == []


def test_the_candidates_of_a_rollback_say_what_they_hold_and_which_has_the_lost_nodes(path: Path) -> None:
    written = awsauth.AwsAuthClient.from_file(path).read().data
    store = SharedMemoryStore(roles(role("x")).data)
    nodes = store.record(draft(1, None, written))
    store.record(draft(2, nodes.info.head, {}))
    with pytest.raises(UnprovenHistoryError) as refused:
        awsauth.AwsAuthClient(store).rollback()
    first, newest, older, last = refused.value.message.splitlines()
    assert first.startswith("aws-auth was replaced or deleted, so it does not prove these states.")
    assert newest.endswith(": nodes 0, administrators 0, entries 0")
    assert older.endswith(": nodes 1, administrators 1, entries 3")
    assert last == f"Revision 1 has a node mapping that the live state lacks: `{PREFIX}/nodes`."


AT = datetime(2026, 3, 1, 14, 5, 59, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("recorded", "managers", "message"),
    [
        (AT, ("kubectl", 0), "The client `kubectl` changed aws-auth at 2026-03-01 14:05:59 UTC, after revision 1. It"),
        (
            AT,
            ("kubectl", -1),
            "The client `kubectl` changed aws-auth after revision 1, recorded 2026-03-01 14:05:59 UTC",
        ),
        (
            None,
            ("kubectl", -1),
            "The client `kubectl` changed aws-auth at 2026-03-01 14:04:59 UTC, after revision 1. It",
        ),
        (None, ("kubectl", None), "The client `kubectl` changed aws-auth after revision 1. It"),
        (AT, ("awsauth", 1), "Another tool changed aws-auth after revision 1, recorded 2026-03-01 14:05:59 UTC. It"),
        (
            AT,
            ("kubectl", 1, "helm", 2, "argocd", -2, "flux", 1, "cdk", 0, "rancher", 1),
            "The client `cdk`, `flux`, `helm`, `kubectl`, `rancher` changed aws-auth at 2026-03-01 14:07:59 UTC, after revision 1. It",
        ),
    ],
)
def test_the_time_of_a_loss_is_that_of_the_last_client_after_the_revision(
    recorded: datetime | None, managers: tuple[Any, ...], message: str
) -> None:
    nodes = roles(node())
    revision = draft(1, None, nodes.data)
    revision = replace(revision, info=replace(revision.info, created=recorded))
    store = SharedMemoryStore({})
    store._revisions[1] = revision
    clients = (
        FieldManager(client, None if minutes is None else AT + timedelta(minutes=minutes))
        for client, minutes in zip(managers[::2], managers[1::2], strict=True)
    )
    changed = store.read()._replace(
        head=revision.info.head, managers={"mapRoles": tuple(clients)}, document=roles(role("x"))
    )
    [finding] = found_drift(store, changed) or ()
    assert finding.message.startswith(message)


def test_a_state_of_ones_own_or_without_a_loss_has_nothing_to_tell(path: Path) -> None:
    store = awsauth.AwsAuthClient.from_file(path)._store
    assert found_drift(store, store.read()) == ()
    assert baseline_findings(store.read()) == ()
    memory = SharedMemoryStore({})
    assert found_drift(memory, memory.read()) is None
    assert [one.code for one in baseline_findings(memory.read())] == ["no-baseline"]
    assert baseline_findings(SharedMemoryStore().read()) == ()


def test_an_object_that_names_no_revision_is_compared_with_the_newest_one() -> None:
    store = SharedMemoryStore({})
    commit(store, changing([node_role(f"{PREFIX}/nodes")]))
    commit(store, changing([awsauth.RemoveRole(role_arn=f"{PREFIX}/nodes")]))
    store.overwrite({}, keep_head=False)
    assert found_drift(store, store.read()) == ()


def test_the_candidates_of_a_rollback_name_no_node_mapping_that_is_there() -> None:
    store = SharedMemoryStore(roles(node("nodes"), role("x")).data)
    store.record(draft(1, None, roles(node("nodes")).data))
    with pytest.raises(UnprovenHistoryError) as refused:
        awsauth.AwsAuthClient(store).rollback()
    assert refused.value.message.splitlines()[-1].endswith(": nodes 1, administrators 0, entries 1")
