"""Records of owners that the object lost, or that cannot be read: nothing is removed, and no record is replaced unasked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import awsauth
from awsauth.core.desired.records import ANNOTATIONS_LIMIT
from awsauth.core.revisions.info import OWNER_PREFIX, owners_of
from tests.support.command_line import manifest_in
from tests.support.memory_store import SharedMemoryStore
from tests.support.sync_model import ACCOUNT, arn, fragment, mapped

if TYPE_CHECKING:
    from pathlib import Path

TEXT = f"- rolearn: {ACCOUNT}:role/hand\n  username: hand\n"


def owners(client: awsauth.AwsAuthClient) -> dict[str, list[str]]:
    return {owner: [name.rpartition("/")[2] for name in names] for owner, names in client.owners().items()}


def acts(result: awsauth.Result) -> list[tuple[str, str]]:
    assert result.sync is not None
    return [(one.act, one.principal.rpartition("/")[2]) for one in result.sync.acts]


def codes(result: awsauth.Result) -> list[str]:
    return [one.code for one in result.findings]


def store_of(client: awsauth.AwsAuthClient) -> Any:
    return client._store


def annotate(client: awsauth.AwsAuthClient, owner: str, text: str | None) -> None:
    """Write or remove the record of an owner as another tool does."""
    state = store_of(client)._state
    kept = {key: value for key, value in state.annotations.items() if key != OWNER_PREFIX + owner}
    store_of(client)._state = state._replace(
        annotations=kept | ({OWNER_PREFIX + owner: text} if text is not None else {})
    )


def replace_object(client: awsauth.AwsAuthClient) -> None:
    """Replace the object as `kubectl replace` does: without our annotations."""
    store_of(client).overwrite(client.read().data, keep_head=False)


@pytest.fixture
def client() -> awsauth.AwsAuthClient:
    return awsauth.AwsAuthClient(SharedMemoryStore({"mapRoles": TEXT}))


def two_teams(client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x", y="y"))
    client.sync(fragment("b", v="v", w="w"))


def test_two_teams_restore_their_records_one_after_the_other(client: awsauth.AwsAuthClient) -> None:
    two_teams(client)
    replace_object(client)
    client.sync(fragment("a", x="x", y="y"), restore_ownership=True)
    found = client.sync(fragment("b", v="v"), dry_run=True)
    assert "lost-ownership" in codes(found)
    assert found.sync is not None
    assert found.sync.lost == ("b",)
    # The object does not name the revision that the record comes from, so the first sync removes nothing.
    assert acts(client.sync(fragment("b", v="v"), restore_ownership=True)) == [("kept", "w")]
    assert owners(client) == {"a": ["x", "y"], "b": ["v", "w"]}
    assert acts(client.sync(fragment("b", v="v"))) == [("prune", "w")]


def test_two_teams_of_a_manifest_restore_their_records_one_after_the_other(tmp_path: Path) -> None:
    client = awsauth.connect(file=manifest_in(tmp_path))
    two_teams(client)
    (tmp_path / ".aws-auth.yaml.owners.json").write_text("{}", encoding="utf-8")
    for owner, wanted in (("a", {"x": "x", "y": "y"}), ("b", {"v": "v", "w": "w"})):
        assert "lost-ownership" in codes(client.sync(fragment(owner, **wanted), dry_run=True))
        client.sync(fragment(owner, **wanted), restore_ownership=True)
    assert owners(client) == {"a": ["x", "y"], "b": ["v", "w"]}


def test_a_lost_record_is_offered_after_changes_that_do_not_hold_it(client: awsauth.AwsAuthClient) -> None:
    two_teams(client)
    annotate(client, "b", None)
    client.add_account_mapping("222233334444")
    client.sync(fragment("a", x="x", y="y", z="z"))
    client.snapshot()
    assert client.sync(fragment("b", v="v"), dry_run=True).sync.lost == ("b",)  # type: ignore[union-attr]
    # The object proves the revision of the record, so the record is as good as one that was never lost.
    assert acts(client.sync(fragment("b", v="v"), restore_ownership=True)) == [("prune", "w")]


def test_a_rollback_to_a_state_without_the_record_does_not_hide_it(client: awsauth.AwsAuthClient) -> None:
    two_teams(client)
    annotate(client, "b", None)
    without = client.add_account_mapping("222233334444").revision
    client.sync(fragment("b", v="v", w="w"), restore_ownership=True)
    client.rollback(to=without)
    assert owners(client) == {"a": ["x", "y"]}
    assert client.sync(fragment("b", v="v", w="w"), dry_run=True).sync.lost == ("b",)  # type: ignore[union-attr]


def test_a_rollback_to_a_state_with_an_unreadable_record_keeps_the_readable_one(client: awsauth.AwsAuthClient) -> None:
    two_teams(client)
    annotate(client, "b", '{"a":null}')
    unreadable = client.add_account_mapping("222233334444").revision
    client.sync(fragment("b", v="v", w="w"), restore_ownership=True)
    client.rollback(to=unreadable)
    assert owners(client) == {"a": ["x", "y"], "b": ["v", "w"]}


def test_a_lost_record_none_of_whose_entries_is_left_is_not_offered(client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x"))
    client.sync(fragment("b", v="v"))
    annotate(client, "b", None)
    client.remove_role_mapping(arn("v"))
    found = client.sync(fragment("b", w="w"), dry_run=True)
    assert "lost-ownership" not in codes(found)
    assert acts(found) == [("create", "w")]


def test_a_record_that_went_on_purpose_is_not_lost(client: awsauth.AwsAuthClient) -> None:
    two_teams(client)
    client.sync(fragment("b"), release=[arn("v"), arn("w")], allow_empty=True)
    client.sync(fragment("a", x="x", y="y", z="z"))
    assert not client.sync(fragment("b", v="v"), dry_run=True).sync.lost  # type: ignore[union-attr]
    client.sync(fragment("c", x="x", y="y", z="z"), take_from=["a"])
    assert not client.sync(fragment("a"), allow_empty=True, dry_run=True).sync.lost  # type: ignore[union-attr]
    client.rollback(to=1)
    assert not client.sync(fragment("c", hand="hand"), dry_run=True).sync.lost  # type: ignore[union-attr]


@pytest.mark.parametrize("text", [None, '{"a":null}', "x" * ANNOTATIONS_LIMIT, '{"v":1,"entries":{"role/x":1}}'])
def test_a_lost_or_unreadable_record_is_not_replaced_unasked(client: awsauth.AwsAuthClient, text: str | None) -> None:
    two_teams(client)
    annotate(client, "b", text)
    with pytest.raises(
        awsauth.GuardError, match=r"record of (the owner )?b.*a revision holds it. The sync would begin a new one"
    ) as raised:
        client.sync(fragment("b", v="v", new="new"))
    assert "restore_ownership=True" in raised.value.hint
    assert "adopt=True" in raised.value.hint
    assert store_of(client).read().annotations.get(f"{OWNER_PREFIX}b") == text
    restored = client.sync(fragment("b", v="v", new="new"), restore_ownership=True)
    assert acts(restored) == [("create", "new"), ("prune", "w")]


@pytest.mark.parametrize("text", ['{"a":null}', "x" * 1000, "{"])
def test_entries_of_an_owner_whose_record_cannot_be_read_are_not_adopted(
    client: awsauth.AwsAuthClient, text: str
) -> None:
    two_teams(client)
    annotate(client, "b", text)
    with pytest.raises(awsauth.MappingConflictError, match="the owner `b` applied it") as raised:
        client.sync(fragment("a", x="x", y="y", w="mine"), adopt=True)
    assert "take_from=['b']" in raised.value.hint
    assert acts(client.sync(fragment("a", x="x", y="y", hand="hand"), adopt=True)) == [("adopt", "hand")]
    assert mapped(client)["w"] == "w"


def test_entries_of_an_owner_whose_record_was_lost_are_not_adopted(client: awsauth.AwsAuthClient) -> None:
    two_teams(client)
    replace_object(client)
    with pytest.raises(awsauth.MappingConflictError, match="the owner `b` applied it"):
        client.sync(fragment("a", x="x", y="y", w="w"), restore_ownership=True, adopt=True)
    with pytest.raises(awsauth.MappingConflictError, match="the owner `b` applied it"):
        client.sync(fragment("a", w="w"), restore_ownership=True, adopt=True)
    taken = client.sync(fragment("a", x="x", y="y", w="w"), restore_ownership=True, take_from=["b"], adopt=True)
    assert acts(taken) == [("take", "w")]
    client.sync(fragment("b", v="v"), restore_ownership=True)
    assert owners(client) == {"a": ["w", "x", "y"], "b": ["v"]}


def test_an_unreadable_record_that_no_revision_holds_protects_all_entries(client: awsauth.AwsAuthClient) -> None:
    annotate(client, "b", '{"a":null}')
    made = client.sync(fragment("a", x="x"))
    assert (acts(made), "lost-ownership" in codes(made)) == ([("create", "x")], True)
    with pytest.raises(
        awsauth.MappingConflictError, match="record of the owner `b` cannot be read, so it may be"
    ) as raised:
        client.sync(fragment("a", x="x", hand="hand"), adopt=True)
    assert "take_from=['b']" in raised.value.hint
    assert acts(client.sync(fragment("a", x="x", hand="hand"), adopt=True, take_from=["b"])) == [("take", "hand")]
    assert store_of(client).read().annotations[f"{OWNER_PREFIX}b"] == '{"a":null}'
    with pytest.raises(awsauth.GuardError, match="would begin a new one"):
        client.sync(fragment("b", w="w"))
    client.sync(fragment("b", w="w"), adopt=True)
    assert owners(client) == {"a": ["hand", "x"], "b": ["w"]}


def test_names_that_a_person_wrote_into_a_record_are_read_as_awsauth_writes_them(tmp_path: Path) -> None:
    client = awsauth.connect(file=manifest_in(tmp_path))
    client.sync(fragment("a", x="x", y="y"))
    sidecar = tmp_path / ".aws-auth.yaml.owners.json"
    text = (
        sidecar.read_text(encoding="utf-8").replace(":role/x", ":role/team/X").replace("role/arn:aws", "role/arn:AWS")
    )
    sidecar.write_text(text, encoding="utf-8")
    assert acts(client.sync(fragment("a", y="y"))) == [("prune", "x")]
    assert json.loads(sidecar.read_text(encoding="utf-8"))["a"]["entries"].keys() == {f"role/{arn('y')}"}


def test_a_path_in_a_record_removes_no_entry_of_another_owner(tmp_path: Path) -> None:
    path = manifest_in(tmp_path, mapRoles=f"- rolearn: {ACCOUNT}:role/team/x\n  username: x\n")
    client = awsauth.connect(file=path)
    client.sync(fragment("b", x="x"))
    client.sync(fragment("a", y="y"))
    sidecar = tmp_path / ".aws-auth.yaml.owners.json"
    records = json.loads(sidecar.read_text(encoding="utf-8"))
    records["a"]["entries"][f"role/{ACCOUNT}:role/team/x"] = {"u": "x", "g": []}
    sidecar.write_text(json.dumps(records), encoding="utf-8")
    assert acts(client.sync(fragment("a", y="y"))) == [("forget", "x")]
    assert [role.role_arn for role in client.read().roles] == [f"{ACCOUNT}:role/team/x", arn("x"), arn("y")]


def test_of_two_owners_that_recorded_an_entry_the_last_one_removes_it() -> None:
    for order in ("ab", "ba"):
        client = awsauth.AwsAuthClient(SharedMemoryStore({"mapRoles": TEXT}))
        client.sync([fragment("a", x="x", y="y"), fragment("b", v="v")])
        records = owners_of(store_of(client).read().annotations)
        both = json.loads(records[f"{OWNER_PREFIX}b"])
        both["entries"] |= {f"role/{arn('x')}": {"u": "x", "g": []}}
        annotate(client, "b", json.dumps(both))
        client.snapshot()
        client.add_account_mapping("222233334444")
        wanted = {"a": fragment("a", y="y"), "b": fragment("b", v="v")}
        assert acts(client.sync([wanted[owner] for owner in order])) == [("forget", "x"), ("prune", "x")]
        assert mapped(client) == {"hand": "hand", "y": "y", "v": "v"}
