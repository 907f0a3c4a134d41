"""What a sync tells about the object, its other writers, and records that it lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

import awsauth
from awsauth.core.revisions.info import OWNER_PREFIX, FieldManager, owners_of
from tests.support.going_back import rollback
from tests.support.memory_store import SharedMemoryStore
from tests.support.stopping import Wrapped
from tests.support.sync_model import arn, fragment, mapped


def started(**mappings: str) -> tuple[awsauth.AwsAuthClient, SharedMemoryStore]:
    """Return a client whose owner ``a`` has synced these mappings, beside one that a person made."""
    store = SharedMemoryStore({"mapRoles": f"- rolearn: {arn('hand')}\n  username: hand\n"})
    client = awsauth.AwsAuthClient(store)
    client.sync(fragment("a", **mappings))
    return client, store


def with_record(store: SharedMemoryStore, record: str | None) -> None:
    """Replace or delete the record of the owner as another tool does."""
    kept = {key: value for key, value in store.read().annotations.items() if key != f"{OWNER_PREFIX}a"}
    store._state = store._state._replace(annotations=kept | ({f"{OWNER_PREFIX}a": record} if record else {}))


def texts(result: Any) -> list[str]:
    return [str(one) for one in result.findings]


def test_a_forged_record_deletes_nothing_though_only_some_of_its_entries_are_there() -> None:
    client, store = started(x="x")
    entries: dict[str, object] = {f"role/{arn(name)}": {"u": name, "g": []} for name in ("hand", "gone", "x")}
    with_record(store, json.dumps({"v": 1, "entries": entries}))
    with pytest.raises(awsauth.MappingConflictError, match="not the one that awsauth wrote last"):
        client.sync(fragment("a", x="x"))


def test_a_rollback_keeps_the_record_of_a_mapping_that_it_keeps() -> None:
    _, store = started(x="x")
    kept = owners_of(store.read().annotations)
    rollback(store, 1, author="somebody-else")
    assert owners_of(store.read().annotations) == kept


def test_the_record_of_a_state_that_a_rollback_restored_is_offered_later_too() -> None:
    client, store = started(x="x")
    client.sync(fragment("a", x="x", y="y"))
    client.rollback(to=2)
    with_record(store, None)
    client.add_role_mapping(arn("other"), username="other")
    found = client.sync(fragment("a"), dry_run=True, allow_empty=True)
    assert texts(found) == [
        (
            "The object lost the record of a, and a revision holds it. "
            "Without it, entries that the owner no longer wants stay, and no sync adopts its entries. "
            "To restore it, pass restore_ownership=True. "
            "To begin a new record, sync the owner's fragment with adopt=True."
        )
    ]


def test_a_record_that_cannot_be_read_is_told_otherwise() -> None:
    client, store = started(x="x")
    with_record(store, "{}")
    [found] = client.sync(fragment("a"), dry_run=True, allow_empty=True).findings
    assert found.message == "The record of the owner a cannot be read, and a revision holds it."


@pytest.mark.parametrize(
    ("clients", "told"),
    [(("kubectl-edit", "helm", "awsauth", ""), "the client helm, kubectl-edit"), (("awsauth",), "")],
)
def test_a_conflict_names_the_other_clients_alone(clients: tuple[str, ...], told: str) -> None:
    client, store = started(x="x")
    store.overwrite({"mapRoles": store.read().data["mapRoles"].replace("username: x", "username: y")})
    store.own({"mapRoles": tuple(map(FieldManager, clients))})
    with pytest.raises(awsauth.MappingConflictError) as raised:
        client.sync(fragment("a", x="x"), on_drift="fail")
    assert ("the client" in str(raised.value)) is bool(told)
    assert told in str(raised.value)


def test_a_share_of_the_entries_is_counted_exactly() -> None:
    client, _ = started(**{f"r{number}": "x" for number in range(5)})
    few = fragment("a", **{f"r{number}": "x" for number in range(4)})
    with pytest.raises(awsauth.GuardError, match="and the limit is 0"):
        client.sync(few, max_removals="19%")
    client.sync(few, max_removals="20%")
    assert "r4" not in mapped(client)


def test_an_entry_without_an_owner_in_full() -> None:
    client, _ = started(x="x")
    assert texts(client.sync(fragment("a", x="x"), exclusive=True)) == [
        (
            f"`{arn('hand')}` is mapped to username `hand` with no groups, without an owner. "
            "No fragment shows this access. Add the entry to a fragment and sync with adopt=True, or remove it."
        )
    ]


def test_two_entries_of_a_principal_in_full() -> None:
    client, store = started(x="x")
    store.overwrite({"mapRoles": store.read().data["mapRoles"] + f"- rolearn: {arn('x')}\n  username: y\n"})
    assert texts(client.sync(fragment("a", x="x")))[0] == (
        f"`{arn('x')}` has 2 entries. The authenticator honors the last one, and the sync compares and changes that one. "
        "Remove the others with `awsauth check --fix`."
    )


def test_of_the_owners_whose_records_are_restored_one_may_have_none() -> None:
    client, _ = started(x="x")
    assert client.sync(fragment("b", z="z"), restore_ownership=True).changed
    assert mapped(client)["z"] == "z"


def test_a_record_counts_that_the_newest_revision_has_though_the_object_names_none() -> None:
    client, store = started(x="x", y="y")
    store._state = store._state._replace(head=None)
    found = client.sync(fragment("a", x="x"), dry_run=True).sync
    assert found
    assert [(one.act, one.principal) for one in found.acts] == [("prune", arn("y"))]


def test_a_sync_that_only_adds_reads_no_revision_and_one_that_removes_lists_none() -> None:
    _, store = started(x="x")
    counted = Wrapped(store)
    assert awsauth.AwsAuthClient(counted).sync(fragment("a", x="x", y="y")).changed
    assert counted.calls == ["read", "record", "write"]
    assert awsauth.AwsAuthClient(counted).sync(fragment("a", x="x")).changed
    assert "list" not in counted.calls


def test_releases_that_no_record_holds_are_told_in_order() -> None:
    client, _ = started(x="x")
    named = [arn(name) for name in "gfedcb"]
    with pytest.raises(awsauth.UsageError) as raised:
        client.sync(fragment("a", x="x"), release=named)
    shown = ", ".join(f"`{one}`" for one in sorted(named)[:4])
    assert f"that no record of these owners holds: {shown}" in raised.value.message


def test_a_record_that_a_rollback_undid_is_not_lost() -> None:
    client, _ = started(x="x")
    client.rollback(to=1)
    client.add_role_mapping(arn("x"), username="x")
    assert texts(client.sync(fragment("a", x="x"), adopt=True, dry_run=True)) == []
