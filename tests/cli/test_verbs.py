"""Small verbs, the words that other tools have for ours, and the exit codes of looking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.entries.model import NOT_LOOKED_AT
from awsauth.core.findings import note
from awsauth.core.report.who_can import Grants
from tests.support.command_line import ROLE, manifest_in, process, run

ONE = f"- rolearn: {ROLE}\n  username: one\n  groups: [view, edit]\n"
USER = "arn:aws:iam::968802670493:user/alice"
USERS = f"- userarn: {USER}\n  username: alice\n  groups: [edit]\n"


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(manifest_in(tmp_path, mapRoles=ONE, mapUsers=USERS))


@pytest.mark.parametrize(("kind", "arn", "username"), [("role", ROLE, "one"), ("user", USER, "alice")])
def test_a_mapping_gets_a_group_without_its_username(file: str, kind: str, arn: str, username: str) -> None:
    done = run("add", kind, arn, "--group", "new", "--file", file, "-y")
    assert done.code == 0, done
    document = AwsAuthClient.from_file(file).read()
    mapped = document.roles[0] if kind == "role" else document.users[0]
    assert (mapped.username, "new" in mapped.groups, "edit" in mapped.groups) == (username, True, True)


@pytest.mark.parametrize("name", [f"{ROLE}-2", "mytestrole"])
def test_a_new_mapping_needs_a_username(file: str, name: str) -> None:
    done = run("add", "role", name, "--group", "new", "--file", file, "-y")
    assert (done.code, "--username" in done.err, "Nothing was changed" in done.err) == (2, True, True), done


def test_a_group_is_taken_from_one_principal(file: str) -> None:
    assert run("remove", "group", "edit", "--from", ROLE, "--file", file, "-y").code == 0
    document = AwsAuthClient.from_file(file).read()
    assert (document.roles[0].groups, document.users[0].groups) == (("view",), ("edit",))


def test_a_principal_gets_another_arn(file: str) -> None:
    assert run("rename", ROLE, f"{ROLE}-2", "--file", file, "-y").code == 0
    role = AwsAuthClient.from_file(file).read().roles[0]
    assert (role.role_arn, role.username, role.groups) == (f"{ROLE}-2", "one", ("view", "edit"))


def test_who_can(file: str) -> None:
    done = run("who-can", "edit", "--file", file)
    assert (done.code, ROLE in done.out, USER in done.out, "username" in done.out) == (0, True, True, False), done
    assert "the username `alice`" in run("who-can", "alice", "--file", file).out
    nobody = run("who-can", "system:masters", "--file", file)
    assert (nobody.code, nobody.out.count("No principal gets")) == (4, 2)
    found = json.loads(run("who-can", "view", "--file", file, "-o", "json").out)
    assert [grant["principal"] for grant in found["group"]["grants"]] == [ROLE]
    assert found["username"]["grants"] == []


def test_nobody_known_to_get_a_group_is_not_nobody(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unread = note(NOT_LOOKED_AT, "Not checked: the access entries.", "They may give it.")
    monkeypatch.setattr(AwsAuthClient, "who_can", lambda *_, **__: Grants("group", "system:masters", (), (unread,)))
    done = run("who-can", "system:masters", "--file", file)
    assert (done.code, "Not checked: the access entries." in done.out) == (7, True)


@pytest.mark.parametrize(("words", "ours"), [(["list"], "get"), (["delete", "role", ROLE], "remove")])
def test_the_words_of_other_tools_name_ours(words: list[str], ours: str) -> None:
    done = run(*words)
    assert (done.code, f"Use `awsauth {ours}`" in done.err) == (2, True), done


@pytest.mark.parametrize("given", [["--arn", ROLE], [f"--arn={ROLE}"]])
@pytest.mark.parametrize("words", [["explain"], ["get"], ["remove", "role"], ["add", "role", "--username", "one"]])
def test_an_arn_may_be_an_option(file: str, words: list[str], given: list[str]) -> None:
    last = ["--dry-run"] if words[0] in ("add", "remove") else []
    named, bare = (run(*words, *arn, *last, "--file", file) for arn in (given, [ROLE]))
    assert (named.code, named.out) == (bare.code, bare.out)
    assert named.code == 0, named


def test_only_an_arn_is_an_option(file: str) -> None:
    assert run("add", "account", "--arn", "012345678901", "--file", file, "--dry-run").code == 2


def test_get_of_what_cannot_be_read_is_not_done(tmp_path: Path) -> None:
    broken = str(manifest_in(tmp_path, mapRoles="- rolearn: [", mapUsers=USERS))
    assert run("get", "--file", broken).code == 8
    assert run("get", "x", "--file", broken).code == 8
    assert run("who-can", "edit", "--file", broken).code == 8


def test_explain_says_by_its_code_whether_the_principal_is_let_in(file: str) -> None:
    codes = [run("explain", arn, "--exit-code", "--file", file).code for arn in (ROLE, f"{ROLE}-2")]
    assert codes == [0, 1]
    assert run("explain", f"{ROLE}-2", "--file", file).code == 0


def test_a_saved_plan_is_done(file: str, tmp_path: Path) -> None:
    out = str(tmp_path / "plan.json")
    assert run("remove", "role", ROLE, "--file", file, "--out", out).code == 0
    changes = tmp_path / "changes.json"
    changes.write_text(json.dumps([{"change": "RemoveUser", "user_arn": USER}]), encoding="utf-8")
    assert run("plan", str(changes), "--file", file, "--out", out).code == 0
    assert run("plan", str(changes), "--file", file).code == 1


@pytest.mark.parametrize(
    ("is_made", "said"),
    [(True, "The change was made, and it stays."), (False, "The change may have been made. To see:")],
)
def test_ctrl_c_says_whether_the_change_was_made(
    file: str, monkeypatch: pytest.MonkeyPatch, *, is_made: bool, said: str
) -> None:
    apply = AwsAuthClient.apply

    def interrupted(client: AwsAuthClient, change: Any, **options: Any) -> Any:
        if is_made:
            apply(client, change, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(AwsAuthClient, "apply", interrupted)
    done = run("remove", "role", ROLE, "--yes", "--file", file)
    assert (done.code, f"Interrupted. {said}" in done.err) == (130, True), done
    assert (ROLE in Path(file).read_text(encoding="utf-8")) != is_made


def test_the_shell_completes_groups_users_guards_and_revisions(file: str) -> None:
    run("add", "account", "012345678901", "--file", file, "-y")

    def completed(line: str) -> list[str]:
        shell = {"AWSAUTH_COMPLETION_LINE": line, "AWSAUTH_COMPLETION_PART": line.rpartition(" ")[2]}
        asked = {"_AWSAUTH_COMPLETE": "bash_complete", **shell, "AWSAUTH_FILE": file}
        return [one.partition(",")[2].replace("\\", "") for one in process(env=asked).out.split()]

    assert completed("awsauth add role x --group ") == ["edit", "view"]
    assert completed("awsauth remove user ") == [USER]
    assert completed("awsauth show ") == ["2", "1"]
    assert completed("awsauth rollback --to ") == ["2", "1"]
    assert "node-mapping" in completed("awsauth remove role x --allow n")
    assert completed("awsauth who-can ") == ["edit", "view", "alice", "one"]
