"""`awsauth sync`: what is shown, asked and returned."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import awsauth
from tests.support.command_line import NODE, Terminal, manifest_in, run

if TYPE_CHECKING:
    from pathlib import Path

ROLE = "arn:aws:iam::111122223333:role/ci"
ENTRY = f"- rolearn: {ROLE}\n  username: ci\n  groups: [builders]\n"


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(manifest_in(tmp_path))


@pytest.fixture
def access(tmp_path: Path) -> Path:
    """Return a folder with the fragments of two teams, and files that are none."""
    folder = tmp_path / "access"
    folder.mkdir()
    (folder / "a.yaml").write_text(f"owner: team-a\nreason: from git\nmapRoles:\n{ENTRY}", encoding="utf-8")
    (folder / "b.json").write_text('{"owner": "team-b", "mapAccounts": ["222233334444"]}', encoding="utf-8")
    (folder / "README.md").write_text("# Access\n", encoding="utf-8")
    (folder / ".hidden.yaml").write_text("owner: nobody\n", encoding="utf-8")
    return folder


def test_a_folder_is_planned_applied_and_checked(file: str, access: Path) -> None:
    planned = run("sync", str(access), "--file", file, "--plan")
    assert planned.code == 1, planned
    assert f"+ create role {ROLE} for owner team-a\n+ create account 222233334444 for owner team-b\n" in planned.out
    assert not awsauth.connect(file=file).owners()
    done = run("sync", str(access), "--file", file, "--yes")
    assert (done.code, done.out.splitlines()[-1]) == (0, f"Changed aws-auth in {file}; it is revision 2."), done
    assert run("sync", str(access), "--file", file, "--check").code == 0
    assert run("sync", str(access), "--file", file, "--yes").out == f"No change to aws-auth in {file}.\n"
    assert "sync team-a, team-b" in run("history", "--file", file).out
    assert "from git" in run("history", "--file", file).out


def test_owners_are_shown(file: str, access: Path) -> None:
    run("sync", str(access), "--file", file, "--yes")
    listed = run("get", "--file", file).out.splitlines()
    assert [line.rpartition("  ")[2] for line in listed if ROLE in line] == ["owner team-a"]
    assert [line.rpartition("  ")[2] for line in listed if NODE in line] == ["node"]
    assert "owner team-b" in run("get", "222233334444", "--file", file, "-o", "json").out


def test_an_entry_that_left_git_leaves_the_map(file: str, access: Path) -> None:
    run("sync", str(access), "--file", file, "--yes")
    (access / "a.yaml").write_text("owner: team-a\n", encoding="utf-8")
    refused = run("sync", str(access), "--file", file, "--yes")
    assert refused.code == 3, refused
    assert "pass --allow-empty" in refused.err
    assert run("sync", str(access), "--file", file, "--yes", "--allow-empty").code == 0
    assert ROLE not in run("get", "--file", file).out


@pytest.mark.parametrize(
    ("username", "hint"),
    [
        ("hand", "Only --adopt takes such an entry over"),
        ("ci", "pass --adopt; to only add its groups, pass --if-mapped extend"),
    ],
)
def test_conflicts_have_a_code_of_their_own_and_name_the_options(
    file: str, access: Path, username: str, hint: str
) -> None:
    run("add", "role", ROLE, "--username", username, "--file", file, "--yes")
    for words in (["--plan"], ["--yes"], ["--check", "-o", "markdown"]):
        done = run("sync", str(access), "--file", file, *words)
        assert done.code == 6, done
        assert hint in done.err
    shown = json.loads(run("sync", str(access), "--file", file, "--plan", "-o", "json").out)
    assert [one["act"] for one in shown["sync"]["acts"]] == ["conflict", "create"]
    assert run("sync", str(access), "--file", file, "--yes", "--adopt").code == 0
    assert [role.username for role in awsauth.connect(file=file).read().roles if role.role_arn == ROLE] == ["ci"]


def test_a_conflict_is_shown_once_and_is_not_no_change(file: str, access: Path) -> None:
    run("add", "role", ROLE, "--username", "hand", "--file", file, "--yes")
    (access / "b.json").unlink()
    done = run("sync", str(access), "--file", file, "--plan")
    assert (done.code, done.out) == (6, "")
    assert done.err.count("conflict role") == 1
    markdown = run("sync", str(access), "--file", file, "--plan", "-o", "markdown")
    assert (markdown.code, "No change" in markdown.out, "conflict role" in markdown.out) == (6, False, True)


def test_a_change_of_the_records_alone_is_called_so(file: str, access: Path) -> None:
    run("sync", str(access), "--file", file, "--yes")
    (access / "a.yaml").write_text("owner: team-a\n", encoding="utf-8")
    words = ["sync", str(access), "--file", file, "--allow-empty", "--release", ROLE]
    for output in ("text", "markdown"):
        planned = run(*words, "--plan", "-o", output)
        assert planned.code == 1, planned
        assert planned.out.startswith("No mapping changes; the record of owners does.\n")
    done = run(*words, "--yes")
    assert done.code == 0, done
    assert done.out.startswith("No mapping changes; the record of owners does.\n? release role")
    assert done.out.endswith("it is revision 3.\n")


def test_a_rollback_of_the_records_alone_is_called_so(file: str, access: Path) -> None:
    run("sync", str(access), "--file", file, "--yes")
    (access / "a.yaml").write_text("owner: team-a\n", encoding="utf-8")
    run("sync", str(access), "--file", file, "--allow-empty", "--release", ROLE, "--yes")
    done = run("rollback", "--file", file, "--yes")
    assert done.code == 0, done
    assert done.out.startswith("No mapping changes; the record of owners does.\n")
    assert done.out.endswith("it is revision 4.\n")
    history = run("history", "--file", file).out.splitlines()
    assert [("record of owners" in line) for line in history[1:5]] == [True, True, False, False]


def test_records_that_cannot_be_read_are_said_where_owners_are_shown(file: str, access: Path, tmp_path: Path) -> None:
    run("sync", str(access), "--file", file, "--yes")
    sidecar = tmp_path / ".aws-auth.yaml.owners.json"
    sidecar.write_text("{", encoding="utf-8")
    for words in (["get"], ["init", "--owner", "team-c"]):
        shown = run(*words, "--file", file)
        assert (shown.code, ROLE in shown.out) == (0, True), shown
        assert f"{sidecar}: The records of owners next to the manifest cannot be read." in shown.err
    sidecar.write_text('{"team-a": {"a": null}}', encoding="utf-8")
    for words in (["get"], ["init", "--owner", "team-c"]):
        shown = run(*words, "--file", file)
        assert (shown.code, "The record of the owner team-a is empty or cannot be read." in shown.err) == (0, True)


def test_a_check_finds_a_lost_record_and_names_the_command_that_restores_it(
    file: str, access: Path, tmp_path: Path
) -> None:
    run("sync", str(access), "--file", file, "--yes")
    (tmp_path / ".aws-auth.yaml.owners.json").write_text("{}", encoding="utf-8")
    restore = f"sync {access} --restore-ownership --file {file}"
    for output in ("text", "json"):
        found = run("sync", str(access), "--file", file, "--check", "-o", output)
        assert (found.code, f"`awsauth {restore}`" in found.out) == (1, True), found
    assert run(*restore.split(), "--yes").code == 0
    assert run("sync", str(access), "--file", file, "--check").code == 0
    (access / "a.yaml").write_text("owner: team-a\n", encoding="utf-8")
    (tmp_path / ".aws-auth.yaml.owners.json").write_text("{}", encoding="utf-8")
    assert run("sync", str(access / "a.yaml"), "--file", file, "--check", "--allow-empty").code == 1


def test_an_owner_without_a_fragment_in_the_folder_is_named(file: str, access: Path) -> None:
    run("sync", str(access), "--file", file, "--yes")
    (access / "b.json").unlink()
    found = run("sync", str(access), "--file", file, "--check")
    assert found.code == 0, found
    assert "note owner-without-fragment: The owner team-b has 1 entry and no fragment here." in found.out
    assert "keep a fragment with only `owner: team-b`, and pass --allow-empty" in found.out
    assert "no fragment" not in run("sync", str(access / "a.yaml"), "--file", file, "--check").out
    (access / "b.yaml").write_text("owner: team-b\n", encoding="utf-8")
    assert run("sync", str(access), "--file", file, "--yes", "--allow-empty").code == 0
    assert "222233334444" not in run("get", "--file", file).out


def test_a_plan_in_json_is_approved_later(file: str, access: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(run("sync", str(access), "--file", file, "--plan", "-o", "json").out, encoding="utf-8")
    words = ["sync", str(access), "--file", file, "--approved", str(plan)]
    run("add", "account", "222233334444", "--file", file, "--yes")
    outdated = run(*words, "--yes")
    assert (outdated.code, "would do something else now" in outdated.err) == (6, True), outdated
    run("remove", "account", "222233334444", "--file", file, "--yes")
    assert run(*words, "--yes").code == 0
    plan.write_text("{}", encoding="utf-8")
    wrong = run(*words, "--yes")
    assert (wrong.code, f"where: {plan}" in wrong.err) == (2, True), wrong


def test_a_check_can_report_entries_without_an_owner(file: str, access: Path) -> None:
    run("sync", str(access), "--file", file, "--yes")
    assert run("sync", str(access), "--file", file, "--check", "--exclusive").code == 0
    run("add", "user", "arn:aws:iam::111122223333:user/eve", "--username", "eve", "--file", file, "--yes")
    assert run("sync", str(access), "--file", file, "--check").code == 0
    found = run("sync", str(access), "--file", file, "--check", "--exclusive")
    assert (found.code, "unmanaged-entry: `arn:aws:iam::111122223333:user/eve`" in found.out) == (1, True), found


def test_adoption_alone_is_a_change(file: str, access: Path) -> None:
    run("add", "role", ROLE, "--username", "ci", "--group", "builders", "--file", file, "--yes")
    (access / "b.json").unlink()
    assert run("sync", str(access), "--file", file, "--plan").code == 0
    planned = run("sync", str(access), "--file", file, "--plan", "--adopt")
    assert (planned.code, f"= adopt role {ROLE}" in planned.out) == (1, True), planned
    with_terminal = Terminal("sync", str(access), "--file", file, "--adopt")
    with_terminal.wait_for("Make this change")
    with_terminal.type("y\n")
    assert with_terminal.end() == 0, with_terminal.shown
    assert run("sync", str(access), "--file", file, "--plan", "--adopt").code == 0


def test_drift_is_found_and_put_back(file: str, access: Path) -> None:
    run("sync", str(access), "--file", file, "--yes")
    run("add", "role", ROLE, "--username", "ci", "--group", "admins", "--file", file, "--yes")
    found = run("sync", str(access), "--file", file, "--check")
    assert found.code == 1, found
    assert f"~ restore role {ROLE} for owner team-a: it was changed after the owner applied it" in found.out
    shown = run("sync", str(access), "--file", file, "--check", "-o", "markdown").out
    assert "```text\n~ restore role" in shown
    assert run("sync", str(access), "--file", file, "--yes", "--on-drift", "fail").code == 6
    assert run("sync", str(access), "--file", file, "--yes").code == 0
    assert run("sync", str(access), "--file", file, "--check").code == 0


def test_a_manifest_with_an_owner_is_a_fragment(tmp_path: Path, file: str) -> None:
    folder = tmp_path / "wanted"
    folder.mkdir()
    wanted = str(manifest_in(folder, mapRoles=ENTRY))
    assert run("sync", wanted, "--file", file, "--yes", "--owner", "team-a").code == 0
    assert run("sync", "-", "--file", file, "--check", stdin=f"owner: team-a\nmapRoles:\n{ENTRY}").code == 0


def test_limits_can_be_a_share(file: str, access: Path) -> None:
    run("sync", str(access), "--file", file, "--yes")
    (access / "a.yaml").write_text("owner: team-a\n", encoding="utf-8")
    for most, code in (("0", 3), ("99%", 3), ("100%", 1), ("1", 1), ("x", 2)):
        assert run("sync", str(access), "--file", file, "--plan", "--allow-empty", "--max-removals", most).code == code


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["sync"], 2, "Missing argument"),
        (["sync", "no-such-file"], 2, "does not exist"),
        (["sync", "EMPTY"], 2, "holds no fragments"),
        (["sync", "BROKEN"], 2, "line 2, column 1"),
        (["sync", "FOLDER"], 8, "Is a directory"),
        (["sync", "DANGLING"], 4, "No such file"),
        (["sync", "BROKEN", "--max-removals", "9" * 5000], 2, "line 2, column 1"),
        (["sync", "GOOD", "--max-removals", "9" * 5000], 2, "max_removals is"),
        (["sync", "GOOD", "--max-removals", "9" * 5000 + "%"], 2, "max_removals is"),
        (["sync", "BROKEN", "--file", "-"], 2, "no place for the records of owners"),
    ],
)
def test_bad_input(tmp_path: Path, file: str, words: list[str], code: int, message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.yaml").write_text("owner: a\nmapRole: []\n", encoding="utf-8")
    (tmp_path / "folder" / "sub.yaml").mkdir(parents=True)
    (tmp_path / "dangling").mkdir()
    (tmp_path / "dangling" / "a.yaml").symlink_to(tmp_path / "gone")
    (tmp_path / "good.yaml").write_text("owner: a\n", encoding="utf-8")
    places = {name: str(tmp_path / name.lower()) for name in ("EMPTY", "FOLDER", "DANGLING")}
    places |= {name: str(tmp_path / f"{name.lower()}.yaml") for name in ("BROKEN", "GOOD")}
    done = run(*[places.get(word, word) for word in words], *([] if "--file" in words else ["--file", file]), "--yes")
    assert (done.code, message in done.err) == (code, True), done
