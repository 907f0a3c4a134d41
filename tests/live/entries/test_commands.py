"""The commands on access entries, in each authentication mode, with the real API server and authenticator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from awsauth.cli.command import CONFLICT, DONE, FOUND, NOT_FOUND, REFUSED, USAGE
from tests.support.command_line import run
from tests.support.entry_changes import ADMIN, DEV, EDIT, VIEW
from tests.support.recovery_stage import CLUSTER_ADMIN, OPS, ROLE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Done
    from tests.support.entry_changes import Entries


class Commands:
    """Runs `awsauth` for the cluster."""

    def __init__(self, entries: Entries) -> None:
        self.where = ["--cluster", entries.stage.cluster.name, "--region", entries.stage.cluster.aws.region]

    def __call__(self, *words: str, code: int = DONE) -> Done:
        ran = run(*words, *self.where)
        assert ran.code == code, ran
        return ran

    def entry(self, *words: str, code: int = DONE) -> Done:
        return self("entry", *words, "--yes", code=code)


@pytest.fixture
def awsauth(entries: Entries) -> Commands:
    return Commands(entries)


@pytest.mark.parametrize("mode", ["API_AND_CONFIG_MAP", "API"])
def test_the_life_of_an_entry(entries: Entries, awsauth: Commands, mode: str) -> None:
    entries.mode(mode)
    if mode == "API_AND_CONFIG_MAP":
        entries.stage.map_caller()
    added = awsauth.entry("add", DEV, "--group", "devs", "--access-policy", f"{VIEW}=a,b", "--reason", "a new team")
    assert f"+ entry {DEV}: username {entries.default}, group devs, {VIEW} in a, b" in added.out
    assert "Changed the access entries of EKS cluster " in added.out
    assert "it is revision 1." in added.out
    assert (
        "No change to the access entries of"
        in awsauth.entry("add", DEV, "--group", "devs", "--access-policy", f"{VIEW}=a,b").out
    )
    assert f"awsauth entry set {DEV} --group ops" in awsauth.entry("add", DEV, "--group", "ops", code=CONFLICT).err
    shown = awsauth("explain", DEV).out
    assert "devs" in shown
    assert f"entry  {DEV}" in awsauth("get").out
    awsauth.entry("set", DEV, "--username", "dev")
    awsauth.entry("policy", DEV, VIEW, "--namespace", "a", "--remove")
    shown_as_json: Any = json.loads(awsauth.entry("policy", DEV, EDIT, "-o", "json").out)
    [changed] = shown_as_json["diff"]["entries"]
    assert (changed["kind"], changed["principal_arn"], shown_as_json["revision"]) == ("changed", DEV, 4)
    assert entries.state() == ("STANDARD", "dev", {"devs"}, {VIEW: ("b",), EDIT: ()})
    history = awsauth("entry", "history").out
    assert "Revision 1, change, " in history
    assert ": a new team" in history
    assert f"~ entry {DEV}: gets {EDIT}" in history
    rolled = awsauth.entry("rollback").out
    assert f"~ entry {DEV}: loses {EDIT}" in rolled
    awsauth.entry("rollback", "1")
    assert entries.state() == ("STANDARD", entries.default, {"devs"}, {VIEW: ("a", "b")})
    assert "no revision 99" in awsauth.entry("rollback", "99", code=NOT_FOUND).err
    awsauth.entry("remove", DEV)
    assert "No change to" in awsauth.entry("remove", DEV).out
    assert entries.state() is None
    told: Any = json.loads(awsauth("entry", "history", "-o", "json").out)
    assert [one["kind"] for one in told["revisions"]] == ["change", "rollback", "rollback", *["change"] * 4]


def test_the_mode_without_entries_refuses_them(entries: Entries, awsauth: Commands) -> None:
    entries.mode("CONFIG_MAP")
    entries.stage.map_caller()
    refused = awsauth.entry("add", DEV, code=USAGE).err
    assert "CONFIG_MAP" in refused
    assert "`awsauth migrate apply --cluster" in refused
    assert "There is no history" in awsauth("entry", "history").out
    awsauth.entry("rollback", code=USAGE)


def test_a_plan_is_saved_and_applied_until_it_is_outdated(entries: Entries, awsauth: Commands, tmp_path: Path) -> None:
    plan, changes = tmp_path / "plan.json", tmp_path / "changes.yaml"
    awsauth("entry", "add", DEV, "--group", "devs", "--out", str(plan))
    assert entries.state() is None
    assert "Changed the access entries of EKS" in awsauth("apply", str(plan), "--yes").out
    assert entries.state()
    assert "No change" in awsauth("apply", str(plan), "--yes").out
    changes.write_text(f"- change: SetEntryPolicy\n  principal_arn: {DEV}\n  policy: {EDIT}=a\n", encoding="utf-8")
    assert f"gets {EDIT} in a" in awsauth("plan", str(changes), "--out", str(plan)).out
    awsauth("plan", str(changes), code=FOUND)
    entries.give(DEV, EDIT)
    awsauth("apply", str(plan), "--yes", code=CONFLICT)
    mixed = f"- {{change: RemoveEntry, principal_arn: '{DEV}'}}\n- {{change: RemoveRole, role_arn: '{DEV}'}}\n"
    changes.write_text(mixed, encoding="utf-8")
    assert "in two systems" in awsauth("apply", str(changes), "--yes", code=USAGE).err
    changes.write_text(f"change: RemoveEntry\nprincipal_arn: {DEV}\n", encoding="utf-8")
    awsauth("apply", str(changes), "--yes", "--wait", "5", code=USAGE)
    awsauth("apply", str(changes), "--yes", "--dry-run=server", code=USAGE)
    assert "nothing was changed" in awsauth("apply", str(changes), "--dry-run").out
    awsauth("apply", str(changes), "--yes")
    assert entries.state() is None


def test_the_last_administrator_and_the_caller_are_guarded(entries: Entries, awsauth: Commands) -> None:
    refused = awsauth.entry("remove", OPS, code=REFUSED).err
    assert "last-admin" in refused
    assert "own-access" in refused
    refused = awsauth.entry("policy", OPS, ADMIN, "--remove", code=REFUSED).err
    assert "last-admin" in refused
    entries.stage.cluster.aws.create_role("second-admin")
    entries.make(f"{ROLE}second-admin", ADMIN)
    assert "last-admin" not in awsauth.entry("remove", OPS, code=REFUSED).err
    assert entries.writes() == []
    awsauth.entry("remove", OPS, "--allow", "own-access")
    assert entries.state(OPS) is None


@pytest.mark.parametrize("mode", ["API_AND_CONFIG_MAP", "API"])
def test_nodes_keep_their_entry(entries: Entries, awsauth: Commands, mode: str) -> None:
    entries.mode(mode)
    entries.make(DEV, type="EC2_LINUX")
    entries.shown.nodegroups["ng-1"] = DEV
    refused = awsauth.entry("remove", DEV, code=REFUSED).err
    assert "node-mapping" in refused
    assert "node group ng-1" in refused
    assert "cannot be changed to STANDARD" in awsauth.entry("set", DEV, "--group", "x", code=CONFLICT).err
    awsauth.entry("remove", DEV, "--allow", "node-mapping")
    awsauth.entry("add", DEV, "--type", "EC2_LINUX")
    assert (entries.state() or ("",))[0] == "EC2_LINUX"
    other = DEV.replace("123456789012", "999999999999")
    assert "account" in awsauth.entry("add", other, "--type", "EC2_LINUX", code=USAGE).err


def test_a_stale_administrator_does_not_count(entries: Entries, awsauth: Commands) -> None:
    """IAM made the role after its entry, so it is no longer an administrator."""
    stale = f"{ROLE}stale-admin"
    entries.make(stale, ADMIN)
    entries.shown.entries.entries[stale].created -= 3600
    entries.stage.cluster.aws.create_role("stale-admin")
    refused = awsauth.entry("remove", OPS, "--allow", "own-access", code=REFUSED).err
    assert "last-admin" in refused
    # It is no loss itself, even if it is the only one.
    entries.shown.entries.disassociate(OPS, CLUSTER_ADMIN)
    awsauth.entry("remove", stale, "--no-history")


def test_the_hint_about_a_stale_entry_is_right(entries: Entries, awsauth: Commands) -> None:
    stale = f"{ROLE}made-anew"
    entries.make(stale, VIEW, groups=["devs"], tags={"team": "x"})
    entries.shown.entries.entries[stale].created -= 3600
    entries.stage.cluster.aws.create_role("made-anew")
    before = entries.state(stale)
    checked: Any = json.loads(run("check", *awsauth.where, "-o", "json").out)
    [found] = [one for one in checked["findings"] if one["code"] == "entry-stale"]
    assert f"`awsauth entry remove {stale}`" in found["hint"]
    assert "`awsauth entry rollback`" in found["hint"]
    awsauth.entry("remove", stale)
    awsauth.entry("rollback")
    assert entries.state(stale) == before
    assert entries.shown.entries.entries[stale].tags == {"team": "x"}
    assert "entry-stale" not in run("check", *awsauth.where).out
