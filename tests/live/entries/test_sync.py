"""Fragments with access entries, whose owners are tags, with the real API server."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.aws.access_entries import AccessEntries
from awsauth.cli.command import CONFLICT, DONE, FOUND, REFUSED, USAGE
from awsauth.core.desired.acts import SyncReport
from awsauth.core.desired.fragment import Fragment
from awsauth.errors import (
    ConflictError,
    GuardError,
    InvalidValueError,
    MappingConflictError,
    PlanOutdatedError,
    UsageError,
)
from tests.support.command_line import run
from tests.support.entry_changes import DEV, EDIT, VIEW
from tests.support.stopping import StoppedProcess
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from awsauth.apply import Result
    from tests.support.entry_changes import Entries

OTHER: Final = f"{DEV}-2"
PATHS: Final = {DEV: {"groups": ["devs"], "policies": [f"{VIEW}=b,a"]}}


def fragment(owner: str, wanted: dict[str, dict[str, Any]], **more: Any) -> Fragment:
    return Fragment(owner=owner, entries=[{"principal_arn": arn, **fields} for arn, fields in wanted.items()], **more)


def sync(entries: Entries, owner: str, wanted: dict[str, dict[str, Any]], **how: Any) -> Result:
    with entries.client() as client:
        return client.sync(fragment(owner, wanted), entries=True, **how)


def acts(result: Result) -> list[str]:
    assert result.sync
    return [act.act for act in result.sync.acts]


def tags(entries: Entries, arn: str = DEV) -> dict[str, str]:
    return entries.shown.entries.entries[arn].tags


def test_an_entry_has_its_owner_from_the_first_moment_and_a_second_sync_changes_nothing(entries: Entries) -> None:
    made = sync(entries, "team-a", PATHS, reason="a new team")
    assert (acts(made), made.changed, made.revision) == (["create"], True, 1)
    assert entries.state() == ("STANDARD", entries.default, {"devs"}, {VIEW: ("a", "b")})
    assert tags(entries)["awsauth/owner"] == "team-a"
    assert len(tags(entries)["awsauth/applied"]) == 16
    assert "TagResource" not in entries.eks.operations()
    again = sync(entries, "team-a", {DEV: {"groups": ["devs"], "policies": [f"{VIEW}=a,b"]}})
    assert (acts(again), again.changed, again.revision) == ([], False, None)
    assert len(entries.writes()) == 2


def test_an_update_keeps_the_tags_of_others(entries: Entries) -> None:
    sync(entries, "team-a", PATHS)
    before = dict(tags(entries))
    tags(entries)["cost-center"] = "7"
    changed = sync(entries, "team-a", {DEV: {"username": "dev", "policies": [EDIT]}})
    assert acts(changed) == ["update"]
    assert entries.state() == ("STANDARD", "dev", set(), {EDIT: ()})
    assert tags(entries)["cost-center"] == "7"
    assert tags(entries)["awsauth/applied"] != before["awsauth/applied"]
    assert acts(sync(entries, "team-a", {DEV: {"policies": [EDIT]}})) == ["update"]
    assert entries.state() == ("STANDARD", entries.default, set(), {EDIT: ()})


def test_entries_without_owner_stay_until_they_are_adopted(entries: Entries) -> None:
    entries.make(DEV, f"{VIEW}=a,b", groups=["devs"], tags={"team": "x"})
    assert acts(sync(entries, "team-a", PATHS)) == ["unowned"]
    assert acts(sync(entries, "team-a", {})) == []
    with pytest.raises(MappingConflictError, match="no owner applied") as caught:
        sync(entries, "team-a", {DEV: {"groups": ["ops"]}})
    assert "adopt=True" in caught.value.hint
    assert "extend" not in caught.value.hint
    assert tags(entries) == {"team": "x"}
    adopted = sync(entries, "team-a", PATHS, adopt=True)
    assert (acts(adopted), adopted.changed, entries.writes()) == (["adopt"], True, [])
    assert "owner team-a" in str(adopted.diff)
    assert tags(entries).keys() == {"team", "awsauth/owner", "awsauth/applied"}
    assert acts(sync(entries, "team-a", PATHS)) == []


def test_an_owner_prunes_its_own_entries_alone(entries: Entries) -> None:
    entries.make(f"{DEV}-3", groups=["colleagues"])
    sync(entries, "team-a", PATHS)
    sync(entries, "team-b", {OTHER: {"groups": ["b"]}})
    with pytest.raises(GuardError, match="allow-empty"):
        sync(entries, "team-a", {})
    pruned = sync(entries, "team-a", {}, allow_empty=True)
    assert (acts(pruned), entries.state()) == (["prune"], None)
    assert entries.state(OTHER)
    assert entries.state(f"{DEV}-3")
    with entries.client() as client:
        client.rollback_entries()
    assert acts(sync(entries, "team-a", PATHS)) == []


def test_an_owner_takes_over_only_what_it_names(entries: Entries) -> None:
    sync(entries, "team-a", PATHS)
    with pytest.raises(MappingConflictError, match="the owner `team-a` applied it") as caught:
        sync(entries, "team-b", PATHS, adopt=True)
    assert "take_from=['team-a']" in caught.value.hint
    assert acts(sync(entries, "team-b", PATHS, take_from=["team-a"])) == ["take"]
    assert tags(entries)["awsauth/owner"] == "team-b"
    assert acts(sync(entries, "team-a", {}, allow_empty=True)) == []
    assert entries.state()


def test_drift_is_put_back_kept_or_refused(entries: Entries) -> None:
    sync(entries, "team-a", PATHS)
    entries.shown.entries.update(DEV, {"kubernetesGroups": ["theirs"]})
    with pytest.raises(MappingConflictError, match="changed after the owner applied it"):
        sync(entries, "team-a", PATHS, on_drift="fail")
    assert acts(sync(entries, "team-a", PATHS, on_drift="keep")) == ["kept"]
    with pytest.raises(MappingConflictError, match="not wanted any more") as caught:
        sync(entries, "team-a", {}, allow_empty=True)
    assert f"release=['{DEV}']" in caught.value.hint
    assert acts(sync(entries, "team-a", PATHS)) == ["restore"]
    assert entries.state() == ("STANDARD", entries.default, {"devs"}, {VIEW: ("a", "b")})
    entries.give(DEV, EDIT)
    assert acts(sync(entries, "team-a", {}, allow_empty=True, prune="force")) == ["prune"]
    assert acts(sync(entries, "team-a", PATHS)) == ["create"]


@pytest.mark.parametrize("lost", ["awsauth/owner", "awsauth/applied"])
def test_a_lost_tag_deletes_nothing(entries: Entries, lost: str) -> None:
    sync(entries, "team-a", PATHS)
    del tags(entries)[lost]
    with suppress(MappingConflictError):
        assert acts(sync(entries, "team-a", {}, allow_empty=True)) == []
    assert entries.state()
    assert acts(sync(entries, "team-a", PATHS, adopt=True)) in (["adopt"], ["record"])
    assert acts(sync(entries, "team-a", PATHS)) == []


def test_a_released_entry_stays_without_owner(entries: Entries) -> None:
    sync(entries, "team-a", PATHS)
    tags(entries)["team"] = "x"
    with pytest.raises(UsageError, match="release"):
        sync(entries, "team-a", {}, allow_empty=True, release=[OTHER])
    assert acts(sync(entries, "team-a", {}, allow_empty=True, release=[DEV])) == ["release"]
    assert (tags(entries), bool(entries.state())) == ({"team": "x"}, True)


def test_many_removals_and_other_acts_than_the_approved_ones_are_refused(entries: Entries) -> None:
    wanted: dict[str, dict[str, Any]] = {f"{DEV}-{number}": {} for number in range(6)}
    planned = sync(entries, "team-a", wanted, dry_run=True)
    assert (acts(planned), entries.writes()) == (["create"] * 6, [])
    assert planned.sync
    read = SyncReport.from_text(json.dumps(planned.to_json()))
    entries.make(f"{DEV}-1")
    with pytest.raises(PlanOutdatedError):
        sync(entries, "team-a", wanted, approved=read)
    entries.shown.entries.delete(f"{DEV}-1")
    assert sync(entries, "team-a", wanted, approved=read).changed
    with pytest.raises(GuardError, match="the limit is 5"):
        sync(entries, "team-a", {}, allow_empty=True)
    assert acts(sync(entries, "team-a", {}, allow_empty=True, max_removals=6)) == ["prune"] * 6


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("call", ["tag", "update"])
def test_a_sync_that_was_killed_is_made_by_the_next_one(
    entries: Entries, monkeypatch: pytest.MonkeyPatch, call: str, *, after: bool
) -> None:
    sync(entries, "team-a", {DEV: {"groups": ["old"]}})
    real = getattr(AccessEntries, call)

    def stop(*given: Any, **named: Any) -> Any:
        if after:
            real(*given, **named)
        raise StoppedProcess

    with monkeypatch.context() as patch:
        patch.setattr(AccessEntries, call, stop)
        with pytest.raises(StoppedProcess):
            sync(entries, "team-a", {DEV: {"groups": ["new"]}})
    is_made, is_tagged = call == "tag" or after, call == "tag" and after
    expected = [] if is_tagged else ["record"] if is_made else ["update"]
    assert acts(sync(entries, "team-a", {DEV: {"groups": ["new"]}})) == expected
    assert acts(sync(entries, "team-a", {DEV: {"groups": ["new"]}})) == []
    assert entries.state() == ("STANDARD", entries.default, {"new"}, {})
    assert acts(sync(entries, "team-a", {}, allow_empty=True)) == ["prune"]


def test_an_owner_that_was_quicker_keeps_the_entry(entries: Entries, monkeypatch: pytest.MonkeyPatch) -> None:
    entries.make(DEV, f"{VIEW}=a,b", groups=["devs"])
    theirs = {"awsauth/owner": "team-b", "awsauth/applied": "x"}
    with entries.client() as client:
        now = client._entries().read([DEV])
        tags(entries).update(theirs)
        with monkeypatch.context() as patch:
            patch.setattr("awsauth.entries.engine.EntryChanger.read", lambda *_: now)
            with pytest.raises(ConflictError, match="Another writer"):
                client.sync(fragment("team-a", PATHS), entries=True, adopt=True)
    assert tags(entries) == theirs


def test_node_entries_are_removed_only_if_that_is_allowed(entries: Entries) -> None:
    wanted = {DEV: {"type": "EC2_LINUX"}}
    assert acts(sync(entries, "nodes", wanted)) == ["create"]
    assert acts(sync(entries, "nodes", wanted)) == []
    with pytest.raises(GuardError, match="node-mapping"):
        sync(entries, "nodes", {}, allow_empty=True)
    allow = [f"node-mapping={DEV}"]
    assert acts(sync(entries, "nodes", {}, allow_empty=True, allow=allow)) == ["prune"]


def test_a_type_cannot_change_and_mappings_are_another_sync(entries: Entries) -> None:
    entries.make(DEV, type="EC2_LINUX")
    with pytest.raises(MappingConflictError, match="cannot be changed"):
        sync(entries, "team-a", PATHS, adopt=True)
    with pytest.raises(UsageError, match="for mappings"):
        sync(entries, "team-a", PATHS, if_mapped="extend")
    with pytest.raises(InvalidValueError, match="no access policy"):
        sync(entries, "team-a", {OTHER: {"policies": ["AmazonEKSViewPolic"]}})
    assert entries.writes() == []


def test_a_sync_gives_access_by_a_new_token_and_pruning_takes_it(entries: Entries) -> None:
    stage = entries.stage
    credentials = stage.cluster.aws.assume_role("sync-dev")
    arn = DEV.replace("/dev", "/sync-dev")

    def username() -> str | None:
        identity = stage.cluster.identity(stage.cluster.eks_token(credentials), api=stage.api)
        return identity.username if identity else None

    assert username() is None
    sync(entries, "team-a", {arn: {"username": "sync-dev", "groups": ["devs"]}})
    assert wait_for(username, lambda found: found == "sync-dev")
    sync(entries, "team-a", {}, allow_empty=True)
    wait_for(username, lambda found: found is None)


def test_the_command_syncs_the_entries_of_a_folder(entries: Entries, tmp_path: Path) -> None:
    where = ["--cluster", entries.stage.cluster.name, "--region", entries.stage.cluster.aws.region]

    def awsauth(*words: str, code: int = DONE) -> str:
        ran = run("sync", str(tmp_path), "--entries", *words, *where)
        assert ran.code == code, ran
        return ran.out + ran.err

    text = f"owner: team-a\naccessEntries:\n- principal_arn: {DEV}\n  policies: [{VIEW}=a]\n"
    (tmp_path / "team-a.yaml").write_text(text, encoding="utf-8")
    assert f"+ create entry {DEV} for owner team-a" in awsauth("--plan", code=FOUND)
    assert f"+ entry {DEV}" in awsauth("--yes")
    assert "No change" in awsauth("--check")
    (tmp_path / "team-a.yaml").write_text("owner: team-a\n", encoding="utf-8")
    assert "--allow-empty" in awsauth("--check", code=REFUSED)
    entries.give(DEV, EDIT)
    assert "--prune force" in awsauth("--yes", "--allow-empty", code=CONFLICT)
    awsauth("--yes", "--restore-ownership", code=USAGE)
    awsauth("--yes", "--allow-empty", "--prune", "force")
    assert entries.state() is None
