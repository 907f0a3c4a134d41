"""Syncing fragments: what each owner gets, what stays, and what never goes."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings

import awsauth
from awsauth.core.desired.acts import SyncReport
from awsauth.core.desired.records import ANNOTATIONS_LIMIT
from awsauth.core.revisions.info import OWNER_PREFIX, owners_of
from awsauth.core.serialization import json_text
from tests.support.command_line import NODE, manifest_in
from tests.support.memory_store import SharedMemoryStore
from tests.support.steps import steps
from tests.support.sync_model import ACCOUNT, STEPS, WANTED, World, arn, fragment, mapped, synced

TEXT = f"""# nodes
- rolearn: {NODE}   # do not touch
  username: system:node:{{{{EC2PrivateDNSName}}}}
  groups: [system:bootstrappers, system:nodes]
"""
OTHER = f"- rolearn: '{ACCOUNT}:role/hand'\n  username:   hand  # by hand\n"


def store_of(client: awsauth.AwsAuthClient) -> Any:
    return client._store


def owners(client: awsauth.AwsAuthClient) -> dict[str, str]:
    return owners_of(store_of(client).read().annotations)


def acts(report: SyncReport | None) -> list[tuple[str, str]]:
    assert report is not None
    return [(one.act, one.principal.rpartition("/")[2]) for one in report.acts]


def edit(client: awsauth.AwsAuthClient, *changes: Any) -> None:
    """Change the data as another tool does: without a revision, with our annotations left as they are."""
    store_of(client).overwrite(awsauth.merge(client.read(), changes).data)


@pytest.fixture
def client() -> awsauth.AwsAuthClient:
    return awsauth.AwsAuthClient(SharedMemoryStore({"mapRoles": TEXT + OTHER, "mapUsers": "[]\n"}))


def test_entries_are_created_updated_and_pruned(client: awsauth.AwsAuthClient) -> None:
    made = client.sync(fragment("a", x="x", y="y"), reason="first")
    assert (acts(made.sync), made.revision) == ([("create", "x"), ("create", "y")], 2)
    done = client.sync(fragment("a", x="new"))
    assert acts(done.sync) == [("update", "x"), ("prune", "y")]
    assert mapped(client) == {"hand": "hand", "x": "new"}
    assert client.read().data["mapRoles"].startswith(TEXT + OTHER)
    again = client.sync(fragment("a", x="new"))
    assert (again.changed, again.revision, acts(again.sync)) == (False, None, [])
    info = client.show(3).info
    assert (info.kind, info.owner, client.show(2).info.reason) == ("sync", "a", "first")


def test_all_kinds_of_principals_and_several_owners_go_in_one_write(client: awsauth.AwsAuthClient) -> None:
    one = awsauth.Fragment(
        owner="a", users=[{"userarn": f"{ACCOUNT}:user/u", "username": "u"}], accounts=["222233334444"]
    )
    made = client.sync([one, fragment("b", x="x")])
    assert made.revision == 2
    assert sorted(owners(client)) == ["awsauth/owner.a", "awsauth/owner.b"]
    assert client.show(2).info.owner == "a, b"
    gone = client.sync([awsauth.Fragment(owner="a")], allow_empty=True)
    assert acts(gone.sync) == [("prune", "222233334444"), ("prune", "u")]
    assert sorted(owners(client)) == ["awsauth/owner.b"]


def test_an_entry_that_is_there_is_taken_over_only_if_told(client: awsauth.AwsAuthClient) -> None:
    found = client.sync(fragment("a", hand="hand"))
    assert (found.changed, acts(found.sync)) == (False, [("unowned", "hand")])
    with pytest.raises(
        awsauth.MappingConflictError, match=r"conflict role .*role/hand for owner a: it is mapped to username"
    ) as raised:
        client.sync(fragment("a", hand="other"))
    assert "adopt=True" in raised.value.hint
    text = client.read().data
    adopted = client.sync(fragment("a", hand="hand"), adopt=True)
    assert (adopted.changed, acts(adopted.sync), client.read().data) == (True, [("adopt", "hand")], text)
    assert acts(client.sync(fragment("a", x="x")).sync) == [("create", "x"), ("prune", "hand")]


def test_groups_can_be_added_without_taking_over(client: awsauth.AwsAuthClient) -> None:
    wanted = awsauth.Fragment(owner="a", roles=[{"rolearn": arn("hand"), "username": "hand", "groups": ["g"]}])
    assert acts(client.sync(wanted, if_mapped="extend").sync) == [("extend", "hand")]
    assert client.read().roles[-1].groups == ("g",)
    assert acts(client.sync(wanted, if_mapped="extend").sync) == [("unowned", "hand")]
    assert owners(client) == {}


def test_drift_is_put_back_kept_or_refused(client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x"))
    edit(client, awsauth.EnsureRole(role_arn=arn("x"), username="evil", groups=["system:masters"], if_mapped="replace"))
    with pytest.raises(awsauth.MappingConflictError, match="changed after the owner applied it, to username `evil`"):
        client.sync(fragment("a", x="x"), on_drift="fail")
    kept = client.sync(fragment("a", x="x"), on_drift="keep")
    assert (kept.changed, acts(kept.sync)) == (False, [("kept", "x")])
    assert acts(client.sync(fragment("a", x="x"), allow=["last-admin"]).sync) == [("restore", "x")]
    assert mapped(client)["x"] == "x"


def test_an_entry_that_another_writer_removed_is_drift(client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x"))
    edit(client, awsauth.RemoveRole(role_arn=arn("x")))
    with pytest.raises(awsauth.MappingConflictError, match="it was removed after the owner applied it") as raised:
        client.sync(fragment("a", x="x"), on_drift="fail")
    assert 'on_drift="keep"' in raised.value.hint
    for _ in range(2):
        kept = client.sync(fragment("a", x="x"), on_drift="keep")
        assert (kept.changed, acts(kept.sync)) == (False, [("kept", "x")])
    restored = client.sync(fragment("a", x="x2"))
    assert (acts(restored.sync), mapped(client)["x"]) == ([("restore", "x")], "x2")
    assert not client.sync(fragment("a", x="x2")).changed


def test_groups_are_offered_to_be_added_only_to_the_wanted_username(client: awsauth.AwsAuthClient) -> None:
    wanted = {"rolearn": arn("hand"), "groups": ["g"]}
    for user, is_offered in (("hand", True), ("other", False)):
        one = awsauth.Fragment(owner="a", roles=[{**wanted, "username": user}])
        with pytest.raises(awsauth.MappingConflictError) as raised:
            client.sync(one)
        assert ('if_mapped="extend"' in raised.value.hint, "adopt=True" in raised.value.hint) == (is_offered, True)
        if is_offered:
            assert client.sync(one, if_mapped="extend", dry_run=True).changed
        else:
            with pytest.raises(awsauth.MappingConflictError):
                client.sync(one, if_mapped="extend")


def test_what_another_writer_changed_is_not_pruned(client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x", y="y"))
    edit(client, awsauth.EnsureRole(role_arn=arn("x"), username="x", groups=["more"]))
    with pytest.raises(awsauth.MappingConflictError) as raised:
        client.sync(fragment("a", y="y"))
    assert 'prune="force"' in raised.value.hint
    assert f"release=['{arn('x')}']" in raised.value.hint
    assert acts(client.sync(fragment("a", y="y"), dry_run=True).sync) == [("conflict", "x")]
    assert acts(client.sync(fragment("a", y="y"), release=[arn("x")]).sync) == [("release", "x")]
    assert mapped(client)["x"] == "x"
    assert acts(client.sync(fragment("a", y="y"), prune="force").sync) == []


def test_force_prunes_what_another_writer_changed(client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x", y="y"))
    edit(client, awsauth.EnsureRole(role_arn=arn("x"), username="x", groups=["more"]))
    client.sync(fragment("a", y="y"), prune="force")
    assert "x" not in mapped(client)


def test_an_entry_moves_from_one_owner_to_another_in_one_write(client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x", y="y"))
    with pytest.raises(awsauth.MappingConflictError, match="the owner `a` applied it"):
        client.sync(fragment("b", x="x"), adopt=True)
    taken = client.sync(fragment("b", x="x2"), take_from=["a"])
    assert (acts(taken.sync), taken.revision) == ([("take", "x")], 3)
    assert mapped(client)["x"] == "x2"
    assert acts(client.sync(fragment("a", y="y")).sync) == []


def test_an_entry_moves_between_two_owners_of_the_same_sync() -> None:
    for order in ("ab", "ba"):
        client = fresh()
        client.sync([fragment("a", x="x", y="y"), fragment("b", z="z")])
        wanted = {"a": fragment("a", y="y"), "b": fragment("b", z="z", x="x")}
        moved = client.sync([wanted[owner] for owner in order], take_from=["a"])
        assert sorted(acts(moved.sync)) == [("forget", "x"), ("take", "x")]
        assert "from the owner `a`" in str(moved.sync)
        assert mapped(client) == {"hand": "hand", "x": "x", "y": "y", "z": "z"}
        assert not client.sync(list(wanted.values())).changed
        assert acts(client.sync(fragment("b", z="z")).sync) == [("prune", "x")]


def test_a_role_is_released_by_its_arn_with_a_path(client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x", y="y"))
    released = client.sync(fragment("a", y="y"), release=[f"{ACCOUNT}:role/team/X"])
    assert (acts(released.sync), "x" in mapped(client)) == ([("release", "x")], True)


def test_a_release_that_no_record_holds_is_refused(client: awsauth.AwsAuthClient) -> None:
    """A slip in the ARN would remove the entry that was meant to stay."""
    client.sync(fragment("a", x="x", y="y"))
    with pytest.raises(
        awsauth.UsageError, match=r"release names principals that no record of these owners holds: `.*role/z`"
    ):
        client.sync(fragment("a", y="y"), release=[f"{ACCOUNT}:role/z"])
    assert "x" in mapped(client)


def test_a_principal_that_another_data_key_maps_too_is_a_conflict(client: awsauth.AwsAuthClient) -> None:
    """One removal would remove both entries, and only one of them counts."""
    users = f"- userarn: {ACCOUNT}:role/x\n  username: boss\n"
    store_of(client).overwrite({"mapRoles": TEXT + OTHER, "mapUsers": users})
    for adopt in (False, True):
        with pytest.raises(awsauth.MappingConflictError, match="mapUsers maps it too") as wanted:
            client.sync(fragment("a", x="x", y="y"), adopt=adopt)
        assert wanted.value.hint == "Edit aws-auth so that one data key maps such a principal, and not two."
    store_of(client).overwrite({"mapRoles": TEXT + OTHER, "mapUsers": "[]\n"})
    client.sync(fragment("a", x="x", y="y"))
    store_of(client).overwrite({"mapRoles": client.read().data["mapRoles"], "mapUsers": users})
    for want in (fragment("a", x="x", y="y"), fragment("a", y="y")):
        assert acts(client.sync(want, dry_run=True).sync) == [("conflict", "x")]
    assert acts(client.sync(fragment("a", y="y"), release=[f"{ACCOUNT}:role/x"]).sync) == [("release", "x")]
    assert client.read().data["mapUsers"] == users


def test_a_sync_never_prunes_nodes_unless_it_is_allowed_by_name(client: awsauth.AwsAuthClient) -> None:
    node = awsauth.Fragment(
        owner="a",
        roles=[
            {
                "rolearn": NODE,
                "username": "system:node:{{EC2PrivateDNSName}}",
                "groups": ["system:bootstrappers", "system:nodes"],
            }
        ],
    )
    client.sync([node, fragment("a", x="x")], adopt=True)
    for allow in ([], ["node-mapping"], [f"node-mapping={arn('other')}"]):
        with pytest.raises(awsauth.GuardError, match="has a node mapping") as raised:
            client.sync(fragment("a", x="x"), allow=allow)
        assert f"allow=['node-mapping={NODE}']" in raised.value.hint
    client.sync(fragment("a", x="x"), allow=[f"node-mapping={NODE}"])
    assert NODE not in [role.role_arn for role in client.read().roles]


def test_of_several_entries_of_a_principal_each_may_let_nodes_in(client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x", y="y"))
    text = client.read().data["mapRoles"]
    node = f"- rolearn: {arn('x')}\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n  groups: [system:bootstrappers, system:nodes]\n"
    store_of(client).overwrite({"mapRoles": node + text})
    with pytest.raises(awsauth.GuardError, match="has a node mapping") as raised:
        client.sync(fragment("a", y="y"), prune="force")
    allow = [f"node-mapping={arn('x')}"]
    assert f"allow={allow!r}" in raised.value.hint
    assert acts(client.sync(fragment("a", y="y"), prune="force", allow=allow).sync) == [("prune", "x")]


def test_the_limit_of_removals_counts_for_each_owner(client: awsauth.AwsAuthClient) -> None:
    client.sync([fragment("a", **{f"a{n}": "x" for n in range(7)}), fragment("b", **{f"b{n}": "x" for n in range(40)})])
    few = fragment("b", **{f"b{n}": "x" for n in range(34)})
    with pytest.raises(awsauth.GuardError, match="would remove 6 entries of the owner a, and the limit is 5"):
        client.sync([fragment("a", a0="x"), few])
    client.sync([fragment("a", a0="x", a1="x"), few])


def test_too_many_removals_and_an_empty_state_are_refused(client: awsauth.AwsAuthClient) -> None:
    many = {f"r{n}": "x" for n in range(8)}
    client.sync(fragment("a", **many))
    with pytest.raises(awsauth.GuardError, match="would remove 7 entries of the owner a, and the limit is 5") as raised:
        client.sync(fragment("a", r0="x"))
    assert "max_removals=7" in raised.value.hint
    with pytest.raises(awsauth.GuardError, match="The fragment of the owner a is empty") as raised:
        client.sync(fragment("a"), max_removals=8)
    assert "allow_empty=True" in raised.value.hint
    assert client.sync(fragment("a"), max_removals=8, allow_empty=True).changed


@pytest.mark.parametrize("text", [None, "", "{}", "x" * ANNOTATIONS_LIMIT, '{"v":1,"entries":{}}'])
def test_a_lost_or_broken_record_deletes_nothing_and_is_offered_back(
    client: awsauth.AwsAuthClient, text: str | None
) -> None:
    client.sync(fragment("a", x="x", y="y"))
    state = store_of(client)._state
    kept = {key: value for key, value in state.annotations.items() if key != f"{OWNER_PREFIX}a"}
    store_of(client)._state = state._replace(
        annotations=kept | ({f"{OWNER_PREFIX}a": text} if text is not None else {})
    )
    before = client.read()
    if text != '{"v":1,"entries":{}}':
        found = client.sync(fragment("a", x="x"), dry_run=True)
        assert "lost-ownership" in [one.code for one in found.findings]
    assert not client.sync(fragment("a", x="x")).changed
    assert client.read() == before
    restored = client.sync(fragment("a", x="x"), restore_ownership=True)
    if text != '{"v":1,"entries":{}}':
        assert acts(restored.sync) == [("prune", "y")]


def test_a_forged_record_deletes_nothing(client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x"))
    state = store_of(client)._state
    forged = {
        "v": 1,
        "entries": {f"role/{arn('hand')}": {"u": "hand", "g": []}, f"role/{arn('x')}": {"u": "x", "g": []}},
    }
    store_of(client)._state = state._replace(annotations={**state.annotations, f"{OWNER_PREFIX}a": json.dumps(forged)})
    with pytest.raises(awsauth.MappingConflictError, match="not the one that awsauth wrote last"):
        client.sync(fragment("a", x="x"))
    assert "hand" in mapped(client)
    assert acts(client.sync(fragment("a", x="x"), restore_ownership=True).sync) == []
    assert json.loads(owners(client)["awsauth/owner.a"])["entries"].keys() == {f"role/{arn('x')}"}


def test_an_object_that_another_tool_replaced_lost_its_records(client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x", y="y"))
    store_of(client).overwrite(client.read().data, keep_head=False)
    found = client.sync(fragment("a", x="x"))
    assert [one.code for one in found.findings] == ["lost-ownership"]
    # Anyone may have written that revision, so its record is shown before anything is removed because of it.
    assert acts(client.sync(fragment("a", x="x"), restore_ownership=True).sync)[-1] == ("kept", "y")
    assert "y" in mapped(client)
    assert acts(client.sync(fragment("a", x="x")).sync) == [("prune", "y")]


def test_a_rollback_gives_the_records_back(client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x", y="y"))
    records = owners(client)
    client.sync(fragment("a", y="y"))
    client.rollback()
    assert owners(client) == records
    assert acts(client.sync(fragment("a", y="y")).sync) == [("prune", "x")]
    client.rollback(to=1)
    assert (owners(client), mapped(client)) == ({}, {"hand": "hand"})


def test_other_changes_keep_the_records_and_say_whose_an_entry_is(client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x"))
    records = owners(client)
    plan = client.plan(awsauth.RemoveRole(role_arn=arn("x")))
    assert "owned-entry" in [one.code for one in plan.findings]
    with client.transaction() as transaction:
        transaction.add_account_mapping("111122223333")
        transaction.remove_role_mapping(arn("x"))
    assert "entry of the owner a" in str(transaction.result)
    assert owners(client) == records
    assert acts(client.sync(fragment("a", x="x")).sync) == [("restore", "x")]


def test_a_sync_of_a_cluster_that_argo_cd_or_flux_owns_is_refused(client: awsauth.AwsAuthClient) -> None:
    for label in ("argocd.argoproj.io/instance", "kustomize.toolkit.fluxcd.io/name"):
        store_of(client)._state = store_of(client)._state._replace(labels={label: "apps"})
        with pytest.raises(awsauth.GuardError, match=r"managed-by-tool.*in a Job") as raised:
            client.sync(fragment("a", x="x"))
        assert [one.code for one in raised.value.findings] == ["managed-by-tool"]
        assert client.sync(fragment("a", x="x"), allow=["managed-by-tool"], dry_run=True).changed


def test_an_approved_sync_does_nothing_else(client: awsauth.AwsAuthClient) -> None:
    seen = client.sync(fragment("a", x="x"), dry_run=True)
    client.add_role_mapping(arn("x"), username="x")
    with pytest.raises(awsauth.PlanOutdatedError, match="would do something else now"):
        client.sync(fragment("a", x="x"), adopt=True, approved=seen.sync)


def test_a_planned_sync_is_saved_and_approved_later(client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x", y="y"))
    planned = client.sync(fragment("a", x="x2", z="z"), dry_run=True)
    saved = SyncReport.from_text(json_text({"sync": planned.sync}))
    assert saved == planned.sync
    with pytest.raises(awsauth.PlanOutdatedError, match="would do something else now"):
        client.sync(fragment("a", x="x", z="z"), approved=saved)
    other = awsauth.AwsAuthClient(SharedMemoryStore({"mapRoles": TEXT + OTHER}, uid="another"))
    other.sync(fragment("a", x="x", y="y"))
    with pytest.raises(awsauth.PlanOutdatedError, match="planned for another object"):
        other.sync(fragment("a", x="x2", z="z"), approved=saved)
    assert acts(client.sync(fragment("a", x="x2", z="z"), approved=saved).sync) == acts(planned.sync)
    for text in ("{", "[]", '{"sync": null}', '{"sync": {"acts": [{}]}}', b"\xff"):
        with pytest.raises(awsauth.PlanError, match="not a planned sync"):
            SyncReport.from_text(text)


def test_entries_without_an_owner_are_reported_if_asked(client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x"))
    found = client.sync(fragment("b", y="y"), exclusive=True)
    assert [one.principal for one in found.findings if one.code == "unmanaged-entry"] == [arn("hand")]
    client.sync(fragment("b", y="y", hand="hand"), adopt=True)
    assert not client.sync(fragment("b", y="y", hand="hand"), exclusive=True).findings


def test_duplicates_are_named(client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x"))
    store_of(client).overwrite(
        {"mapRoles": client.read().data["mapRoles"] + f"- rolearn: {arn('x')}\n  username: x2\n"}
    )
    found = client.sync(fragment("a", x="x"))
    assert "synced-duplicates" in [one.code for one in found.findings]
    assert [role.username for role in client.read().roles][-2:] == ["x", "x"]
    with pytest.raises(awsauth.UsageError, match="not a fragment"):
        client.sync([])


def test_what_is_not_a_fragment_is_refused(client: awsauth.AwsAuthClient) -> None:
    document = awsauth.Document({"mapRoles": f"- rolearn: {arn('x')}\n  username: x\n"})
    assert acts(client.sync(document, owner="a").sync) == [("create", "x")]
    wrong: Any
    options: Any
    for wrong, options in (([], {}), (document, {}), ("text", {}), (fragment("a", x="x"), {"owner": "a"}), (5, {})):
        with pytest.raises(awsauth.UsageError):
            client.sync(wrong, **options)
    for options in (
        {"take_from": "a"},
        {"on_drift": "x"},
        {"prune": True},
        {"if_mapped": "replace"},
        {"max_removals": -1},
        {"approved": 3},
        {"adopt": "no"},
        {"allow_empty": None},
        {"restore_ownership": 1},
    ):
        with pytest.raises(awsauth.UsageError, match=next(iter(options))):
            client.sync(fragment("a", x="x"), **options)


def test_an_unreadable_text_is_no_reason_to_think_that_entries_are_gone(client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x"))
    store_of(client).overwrite({"mapRoles": "- [\n"})
    with pytest.raises(awsauth.EditError):
        client.sync(fragment("a", x="x"))


def test_two_owners_in_parallel_both_succeed(client: awsauth.AwsAuthClient) -> None:
    start = threading.Barrier(2)

    def work(owner: str) -> None:
        for round_ in range(10):
            start.wait()
            client.sync(fragment(owner, **{f"{owner}{round_}": owner, f"{owner}x": str(round_)}))

    threads = [threading.Thread(target=work, args=[owner]) for owner in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mapped(client) == {"hand": "hand", "a9": "a", "ax": "9", "b9": "b", "bx": "9"}
    assert client.read().data["mapRoles"].startswith(TEXT + OTHER)


def test_a_manifest_keeps_its_records_beside_it(tmp_path: Path) -> None:
    path = manifest_in(tmp_path)
    client = awsauth.connect(file=path)
    client.sync(fragment("a", x="x", y="y"))
    sidecar = tmp_path / ".aws-auth.yaml.owners.json"
    assert list(json.loads(sidecar.read_text(encoding="utf-8"))) == ["a"]
    (tmp_path / ".aws-auth.yaml.history").rename(tmp_path / "elsewhere")  # as in a new clone
    assert acts(awsauth.connect(file=path).sync(fragment("a", y="y")).sync) == [("prune", "x")]
    before = path.read_bytes()
    assert acts(client.sync(fragment("a", y="y", z="z")).sync) == [("create", "z")]
    client.rollback()
    assert (path.read_bytes(), client.sync(fragment("a", y="y")).changed) == (before, False)
    sidecar.write_text("<<<<<<< ours\n", encoding="utf-8")
    with pytest.raises(awsauth.FileError, match="records of owners") as raised:
        client.sync(fragment("a", y="y"))
    assert raised.value.location == str(sidecar)
    sidecar.write_text('{"\\ud800":{"v":1,"entries":{}}}', encoding="utf-8")
    with pytest.raises(awsauth.FileError, match="records of owners"):
        client.sync(fragment("a", y="y", z="z"))
    sidecar.unlink()
    with pytest.raises(awsauth.GuardError, match="lost-ownership"):
        client.sync(fragment("a", y="y", z="z"))
    assert client.sync(fragment("a", y="y")).changed is False


def test_a_rollback_undoes_a_change_of_records_alone() -> None:
    client = fresh()
    client.add_role_mapping(arn("x"), username="x")
    client.sync(fragment("b", y="y"))
    client.sync(fragment("a", x="x", z="z"), adopt=True)
    records, data = owners(client), client.read().data
    client.sync(fragment("a", z="z"), release=[arn("x")])
    assert client.read().data == data
    rolled_back = client.rollback()
    assert str(rolled_back).splitlines()[0] == "No mapping changes; the record of owners does."
    assert (owners(client), client.read().data) == (records, data)
    assert [one.cells["changes"] for one in client.history().entries[:2]] == ["record of owners"] * 2


def test_a_deleted_manifest_comes_back_with_its_records(tmp_path: Path) -> None:
    path = manifest_in(tmp_path)
    client = awsauth.connect(file=path)
    client.sync(fragment("a", x="x", y="y"))
    records = owners(client)
    client.sync(fragment("a", y="y"))
    path.unlink()
    client.rollback(to=2)
    assert "awsauth/" not in path.read_text(encoding="utf-8")
    assert owners(client) == records
    assert acts(client.sync(fragment("a", y="y")).sync) == [("prune", "x")]


def test_large_records_become_hashes_and_are_said_once() -> None:
    client = fresh()
    many = {f"r{number}": f"u{number}-{'x' * 120}" for number in range(900)}
    assert [one.code for one in client.sync(fragment("a", **many)).findings][:1] == ["hashed-records"]
    many["r0"] = "new"
    again = client.sync(fragment("a", **many))
    assert (acts(again.sync), "hashed-records" in [one.code for one in again.findings]) == ([("update", "r0")], False)


def test_adoption_changes_the_records_of_a_manifest_alone(tmp_path: Path) -> None:
    path = manifest_in(tmp_path)
    client = awsauth.connect(file=path)
    client.add_role_mapping(arn("x"), username="x")
    before = path.read_bytes()
    assert client.sync(fragment("a", x="x"), adopt=True).changed
    assert (path.read_bytes(), (tmp_path / ".aws-auth.yaml.owners.json").exists()) == (before, True)


def test_twice_the_entries_take_twice_the_steps() -> None:
    def work(count: int) -> int:
        client, wanted = fresh(), fragment("a", **{f"r{number}": "u" for number in range(count)})
        client.sync(wanted)
        return steps(lambda: client.sync(wanted))

    few, more = work(200), work(400)
    assert more < 2.2 * few


# Laws.


def fresh() -> awsauth.AwsAuthClient:
    return awsauth.AwsAuthClient(SharedMemoryStore({"mapRoles": TEXT + OTHER}))


@settings(max_examples=40)
@given(WANTED, WANTED)
def test_the_last_state_of_an_owner_counts(first: dict[str, str], second: dict[str, str]) -> None:
    one, other = fresh(), fresh()
    assert synced(one, "a", first)
    assert synced(one, "a", second)
    assert synced(other, "a", second)
    assert mapped(one) == mapped(other) == {"hand": "hand", **second}
    assert owners(one) == owners(other)
    assert one.read().data["mapRoles"].startswith(TEXT + OTHER)
    assert not one.sync(fragment("a", **second), allow_empty=True).changed


@settings(max_examples=40)
@given(WANTED, WANTED)
def test_the_order_of_owners_does_not_matter(first: dict[str, str], second: dict[str, str]) -> None:
    second = {name: user for name, user in second.items() if name not in first}
    one, other = fresh(), fresh()
    for client, order in ((one, "ab"), (other, "ba")):
        for owner in order:
            assert synced(client, owner, first if owner == "a" else second)
    assert mapped(one) == mapped(other)
    assert owners(one) == owners(other)


class MemoryWorld(World):
    """An ``aws-auth`` in memory."""

    def __init__(self) -> None:
        super().__init__(fresh())

    def edit(self, change: Any) -> None:
        edit(self.client, change)

    def lose(self, owner: str) -> None:
        state = store_of(self.client)._state
        kept = {key: text for key, text in state.annotations.items() if key != OWNER_PREFIX + owner}
        store_of(self.client)._state = state._replace(annotations=kept)


class FileWorld(World):
    """An ``aws-auth`` in a manifest file, with the records of owners beside it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(awsauth.connect(file=manifest_in(folder, mapRoles=TEXT + OTHER)))
        self._sidecar = folder / ".aws-auth.yaml.owners.json"

    def edit(self, change: Any) -> None:
        self.client.apply(change, history=False, allow=["gains"])

    def lose(self, owner: str) -> None:
        if self._sidecar.exists():
            records = json.loads(self._sidecar.read_text(encoding="utf-8"))
            records.pop(owner, None)
            self._sidecar.write_text(json.dumps(records), encoding="utf-8")


@settings(max_examples=60)
@given(STEPS)
def test_a_sync_does_what_the_model_does(steps: list[Any]) -> None:
    MemoryWorld().follow(steps)


@settings(max_examples=15)
@given(STEPS)
def test_a_sync_of_a_file_does_what_the_model_does(steps: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        FileWorld(Path(folder)).follow(steps)
