"""Commands on a manifest file: what they print, what they change, and how they exit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from awsauth.cli.app import program
from awsauth.client import AwsAuthClient
from awsauth.stores.file import FileStore
from tests.support.command_line import ADD, NODE, ROLE, manifest_in, run

if TYPE_CHECKING:
    from awsauth.stores.store import Snapshot


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(manifest_in(tmp_path))


def shown_json(*args: str) -> Any:
    done = run(*args, "-o", "json")
    values = json.loads(done.out)
    assert values["version"] == 1
    return values


def test_a_role_is_added_once(file: str) -> None:
    done = run(*ADD, "--file", file, "--yes", "--reason", "release 42")
    assert done.code == 0, done
    assert f"+ role {ROLE}: username admin, group system:masters" in done.out
    assert "it is revision 2" in done.out
    again = run(*ADD, "--file", file, "--yes")
    assert (again.code, again.out) == (0, f"No change to aws-auth in {file}.\n")
    assert AwsAuthClient.from_file(file).history().entries[0].info.reason == "release 42"


@pytest.mark.parametrize("location", [0, 1, 2, len(ADD)])
def test_options_stand_wherever_one_likes(file: str, location: int) -> None:
    args = [*ADD[:location], "--file", file, *ADD[location:], "--yes"]
    assert run(*args).code == 0


def test_every_kind_of_mapping_is_added_and_removed(file: str) -> None:
    user, account = "arn:aws:iam::968802670493:user/alice", "012345678901"
    before = AwsAuthClient.from_file(file).read()
    for args in (
        ["add", "user", user, "--username", "alice", "--group", "a", "--group", "b"],
        ["add", "account", account],
        ["add", "node", f"{ROLE}-node", "--kind", "windows"],
        ["add", "role", ROLE, "--username", "one", "--group", "a"],
    ):
        assert run(*args, "--file", file, "-y").code == 0
    document = AwsAuthClient.from_file(file).read()
    assert document.users[0].groups == ("a", "b")
    assert document.accounts == (account,)
    assert "eks:kube-proxy-windows" in document.roles[1].groups
    for args in (["remove", "user", user], ["remove", "account", account], ["remove", "--username", "one"]):
        assert run(*args, "--file", file, "-y").code == 0, args
    removed = run("remove", "role", f"{ROLE}-node", "--file", file, "-y", "--allow", "node-mapping")
    assert removed.code == 0, removed
    after = AwsAuthClient.from_file(file).read()
    assert (after.roles, after.users, after.accounts) == (before.roles, before.users, before.accounts)


@pytest.mark.parametrize("location", [0, 1, 3, 4])
def test_a_username_stands_wherever_one_likes(file: str, location: int) -> None:
    assert run("add", "role", ROLE, "--username", "one", "--file", file, "-y").code == 0
    words = ["--yes", "--reason", "role-out", "--wait=0", "--file", file]
    done = run("remove", *words[:location], "--username", "one", *words[location:])
    assert (done.code, f"- role {ROLE}" in done.out) == (0, True), done
    assert "  --username NAME" in run("remove", "--help").out.split("Options:")[1].split("Connection:")[0]


def test_without_a_terminal_a_change_needs_yes(file: str) -> None:
    before = Path(file).read_bytes()
    done = run(*ADD, "--file", file, stdin="y\n")
    assert done.code == 2
    assert "--yes" in done.err
    assert "--dry-run" in done.err
    assert Path(file).read_bytes() == before


@pytest.mark.parametrize("args", [["remove", "role", NODE], ["rollback"], ["prune"], ["check", "--fix"], ["edit"]])
def test_whatever_changes_something_needs_yes(file: str, args: list[str]) -> None:
    assert run(*args, "--file", file).code == 2


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["rollback", "--no-history", "-y"], "No such option"),
        (["check", "--reason", "x", "-y"], "--yes, --reason needs --fix: without it `check` changes nothing."),
        (["check", "--dry-run"], "--dry-run needs --fix"),
        (
            [*ADD, "--out", "plan.json", "--allow", "last-admin", "--wait", "5"],
            "does not keep --allow, --wait: pass that to",
        ),
    ],
)
def test_an_option_that_would_mean_nothing_is_refused(file: str, args: list[str], said: str) -> None:
    before = Path(file).read_bytes()
    done = run(*args, "--file", file)
    assert (done.code, said in " ".join(done.err.split())) == (2, True), done
    assert Path(file).read_bytes() == before


def test_a_plan_takes_the_place_of_nothing_but_a_plan(file: str, tmp_path: Path) -> None:
    before = Path(file).read_bytes()
    for out in (file, str(tmp_path / "notes")):
        if out != file:
            Path(out).write_text("mine", encoding="utf-8")
        done = run(*ADD, "--file", file, "--out", out)
        assert (done.code, "does not hold a plan" in done.err) == (8, True), done
    assert (Path(file).read_bytes(), (tmp_path / "notes").read_text()) == (before, "mine")
    plan = str(tmp_path / "plan.json")
    for _ in range(2):
        assert f"Saved the plan in {plan}" in run(*ADD, "--file", file, "--out", plan).err


def test_what_check_would_find_is_said_before_a_change(file: str) -> None:
    done = run("add", "role", f"{ROLE}-x", "--username", "x", "--group", "system:master,a", "--file", file, "--dry-run")
    assert "warning listed-groups: mapRoles line " in done.out
    assert "no-node-mapping" not in done.out


@pytest.mark.parametrize("option", ["--file", "--cluster"])
def test_of_two_targets_none_is_taken(file: str, option: str) -> None:
    done = run("get", option, file, option, file)
    assert (done.code, f"{option} is given more than once" in done.err) == (2, True), done
    assert run("--file", "none.yaml", "get", "--file", file).code == 0


def test_a_rollback_takes_its_revision_like_other_commands(file: str) -> None:
    run(*ADD, "--file", file, "-y")
    done = run("rollback", "1", "--file", file, "-y", "--allow", "last-admin")
    assert (done.code, "Back to revision 1" in done.out) == (0, True), done
    assert run("rollback", "1", "--to", "1", "--file", file, "-y").code == 2


def test_of_many_principals_the_guard_is_named_once(file: str) -> None:
    for number in range(6):
        run("add", "node", f"{ROLE}-{number}", "--file", file, "-y")
    changes = [{"change": "ReplaceText", "key": "mapRoles", "text": ""}]
    plan = Path(file).with_name("changes.json")
    plan.write_text(json.dumps(changes), encoding="utf-8")
    done = run("apply", str(plan), "--file", file, "-y")
    assert done.code == 3
    assert "pass --allow node-mapping.\n" in done.err


def test_a_policy_file_that_is_not_there_is_named_without_escapes(file: str) -> None:
    done = run("get", "--file", file, "--policy", "no\x1b]0;x\x07")
    assert (done.code, "\x1b" in done.err) == (2, False)


def test_a_dry_run_changes_nothing(file: str) -> None:
    before = AwsAuthClient.from_file(file).read()
    done = run(*ADD, "--dry-run", "--file", file)
    assert done.code == 0
    assert "+ role" in done.out
    assert "Changed" not in done.out
    assert done.out.splitlines()[-1] == f"Dry run for aws-auth in {file}: nothing was changed."
    shown = shown_json(*ADD, "--dry-run", "--file", file)
    assert (shown["target"], shown["dry_run"]) == ({"name": file, "as": None}, "client")
    assert AwsAuthClient.from_file(file).read() == before
    # The word behind it is not taken for its value.
    assert run("add", "account", "--dry-run", "012345678901", "--file", file).code == 0
    server = run(*ADD, "--dry-run=server", "--file", file)
    assert (server.code, "Pass --dry-run." in server.err) == (2, True)
    assert run(*ADD, "--dry-run=maybe", "--file", file).code == 2


def test_a_guard_refuses_and_says_how_to_allow_it(file: str) -> None:
    done = run("remove", "role", NODE, "--file", file, "-y")
    assert done.code == 3
    assert f"--allow node-mapping={NODE}" in done.err
    assert done.err.count("node-mapping:") == 1
    assert "node-mapping:" not in done.out
    allowed = run("remove", "role", NODE, "--file", file, "-y", "--allow", f"node-mapping={NODE}")
    assert (allowed.code, "allowed node-mapping:" in allowed.out, "error" in allowed.out) == (0, True, False), allowed


def test_errors_say_what_where_and_what_to_do(tmp_path: Path) -> None:
    done = run("get", "--file", str(tmp_path / "none.yaml"))
    assert done.code == 4
    assert done.out == ""
    message, location, hint = done.err.splitlines()
    assert message.startswith("error: The file cannot be read: there is no such file.")
    assert location == f"where: {tmp_path / 'none.yaml'}"
    assert hint.startswith("what to do: ")
    assert "Traceback" not in done.err


def test_only_traceback_shows_the_chain(tmp_path: Path) -> None:
    assert "awsauth.errors" not in run("get", "-vv", "--file", str(tmp_path / "none.yaml")).err
    done = run("get", "--traceback", "--file", str(tmp_path / "none.yaml"))
    assert "awsauth.errors.FileError" in done.err
    assert "\nFileNotFoundError: " in done.err
    assert 'awsauth/stores/file.py", line ' in done.err


def test_an_error_is_json_too(file: str) -> None:
    error = shown_json("remove", "role", NODE, "--file", file, "-y")["error"]
    assert (error["type"], error["exit_code"]) == ("GuardError", 3)
    assert error["findings"][0]["code"] == "node-mapping"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ([], 2),
        (["nonsense"], 2),
        (["add", "role"], 2),
        (["add", "role", "arn:aws:iam::1:role/x", "--username", "x", "-y"], 2),
        (["add", "role", ROLE, "--username", "x", "--group", "", "-y"], 2),
        (["add", "account", "x", "-y"], 2),
        (["remove", "role", ROLE, "--allow", "nonsense", "-y"], 2),
        (["show", "x"], 2),
        (["show", "7"], 4),
        (["diff", "7"], 4),
        (["rollback", "-y"], 4),
        (["get", "nobody"], 4),
        (["explain", "nobody"], 2),
        (["get", "-o", "github"], 2),
        (["get", "--policy", "/nonexistent/policy.yaml"], 2),
        (["get", "--cluster", "x"], 2),
    ],
)
def test_exit_codes(file: str, args: list[str], code: int) -> None:
    done = run(*args, "--file", file)
    assert done.code == code, done


def test_a_mapping_to_something_else_is_a_conflict(file: str) -> None:
    assert run(*ADD, "--file", file, "-y").code == 0
    done = run("add", "role", ROLE, "--username", "other", "--file", file, "-y")
    assert done.code == 6
    assert "--if-mapped replace" in done.err
    assert "if_mapped" not in done.err


def test_a_conflict_names_only_what_the_command_takes(file: str) -> None:
    changes, plan = Path(file).with_name("changes.json"), str(Path(file).with_name("plan.json"))
    changes.write_text(json.dumps([{"change": "EnsureRole", "role_arn": ROLE, "username": "x"}]), encoding="utf-8")
    assert run("add", "role", ROLE, "--username", "x", "--file", file, "--out", plan).code == 0
    assert run(*ADD, "--file", file, "-y").code == 0
    for args in (["plan", str(changes)], ["apply", str(changes), "-y"], ["apply", plan, "-y"]):
        done = run(*args, "--file", file)
        assert (done.code, 'Pass "if_mapped": "replace" in the change to' in done.err) == (6, True), done
        assert "--if-mapped" not in done.err
        assert ("make a new plan" in done.err) == (plan in args)
    done = run(*ADD, "--group", "b", "--if-mapped", "fail", "--file", file, "-y")
    assert "Pass --if-mapped extend to add groups, or --if-mapped replace to replace the mapping." in done.err


@pytest.mark.parametrize("output", ["text", "markdown"])
def test_findings_are_in_the_words_of_the_command_line(file: str, output: str) -> None:
    assert run("add", "role", ROLE, "--username", "x", "--group", "a", "--file", file, "-y").code == 0
    args = ("add", "role", ROLE, "--username", "x", "--group", "b", "--dry-run", "--file", file, "-o", output)
    assert "Pass --if-mapped replace to remove it from them." in run(*args).out


def test_what_cannot_be_edited_is_said_to_be_so(tmp_path: Path) -> None:
    path = tmp_path / "aws-auth.yaml"
    path.write_text("nothing: here\n", encoding="utf-8")
    assert run("get", "--file", str(path)).code == 8


def test_a_place_in_an_earlier_text_is_none_in_the_file(tmp_path: Path) -> None:
    path = manifest_in(tmp_path, mapRoles=f"&all\n- rolearn: {ROLE}\n  username: x\n")
    assert run("add", "account", "012345678901", "--file", str(path), "-y").code == 0
    text = path.read_text(encoding="utf-8").replace(
        "&all", "- {rolearn: arn:aws:iam::968802670493:role/theirs, username: t}"
    )
    path.write_text(text, encoding="utf-8")
    done = run("rollback", "--to", "1", "--file", str(path), "-y")
    assert (done.code, "where: mapRoles line 1, column 1\n" in done.err) == (8, True), done


def test_history_show_and_diff(file: str) -> None:
    assert run("history", "--file", file).out == ""
    run(*ADD, "--file", file, "-y", "--reason", "because")
    lines = run("history", "--file", file).out.splitlines()
    assert lines[0].split()[:4] == ["REVISION", "TIME", "KIND", "AUTHOR"]
    assert "because" in lines[1]
    assert lines[1].endswith("live")
    assert "mapRoles:\n- groups:" in run("show", "1", "--file", file).out
    assert shown_json("show", "1", "--file", file)["revision"]["data"]["kind"] == "ConfigMap"
    assert run("diff", "1", "2", "--file", file).code == 1
    assert run("diff", "2", "--file", file).code == 0
    assert shown_json("history", "--file", file)["revisions"][0]["live"]


def test_rollback_goes_back(file: str) -> None:
    before = AwsAuthClient.from_file(file).read()
    run(*ADD, "--file", file, "-y")
    refused = run("rollback", "--file", file, "-y")
    assert refused.code == 3
    shown = run("rollback", "--file", file, "--to", "1", "--exact", "--dry-run", "--allow", "last-admin")
    assert "Back to revision 1" in shown.out
    done = run("rollback", "--file", file, "-y", "--allow", "last-admin")
    assert done.code == 0
    assert "it is revision 3" in done.out
    assert AwsAuthClient.from_file(file).read() == before
    assert run("prune", "--file", file, "-y").out == f"No old revisions of aws-auth in {file}.\n"


def test_a_plan_is_saved_and_applied(file: str, tmp_path: Path) -> None:
    changes = tmp_path / "changes.json"
    changes.write_text(json.dumps([{"change": "EnsureAccount", "account": "012345678901"}]), encoding="utf-8")
    plan = str(tmp_path / "plan.json")
    done = run("plan", str(changes), "--file", file, "--out", plan)
    assert (done.code, "+ account 012345678901" in done.out) == (0, True)
    assert AwsAuthClient.from_file(file).read().accounts == ()
    assert run("apply", plan, "--file", file, "-y").code == 0
    assert AwsAuthClient.from_file(file).read().accounts == ("012345678901",)
    assert run("apply", plan, "--file", file, "-y").out == f"No change to aws-auth in {file}.\n"
    assert run("plan", str(changes), "--file", file).code == 0
    assert run("apply", str(changes), "--file", file, "-y").code == 0
    changes.write_text("accounts: []\n", encoding="utf-8")
    assert run("apply", str(changes), "--file", file, "-y").code == 2


def test_a_plan_is_not_applied_to_something_else(file: str, tmp_path: Path) -> None:
    plan = str(tmp_path / "plan.json")
    assert run(*ADD, "--file", file, "--out", plan).code == 0
    run("add", "role", ROLE, "--username", "admin", "--file", file, "-y")
    done = run("apply", plan, "--file", file, "-y")
    assert done.code == 6
    assert "Planned:" in done.err
    assert AwsAuthClient.from_file(file).read().roles[1].groups == ()


def test_a_manifest_passes_through(file: str) -> None:
    text = Path(file).read_text(encoding="utf-8")
    done = run("add", "account", "012345678901", "--file", "-", stdin=text)
    assert done.code == 0
    assert done.out == f'{text}  mapAccounts: |\n    - "012345678901"\n'
    assert "+ account 012345678901" in done.err
    unchanged = run("remove", "account", "012345678901", "--file", "-", stdin=text)
    assert unchanged.out == text
    refused = run("remove", "role", NODE, "--file", "-", stdin=text)
    assert (refused.code, refused.out) == (3, "")
    fixed = run("check", "--fix", "--file", "-", stdin=text)
    assert (fixed.code, fixed.out) == (0, text)
    assert "no-administrator" in fixed.err
    assert run("get", "--file", "-", stdin=text).out.count(NODE) == 1
    assert run("add", "account", "012345678901", "--dry-run", "--file", "-", stdin=text).out.startswith("+ account")
    assert "standard input" in run("get", "--file", "-", stdin="a: b").err
    assert run("get", "--file", "-", stdin="a: [").err.count("standard input") == 1
    assert run("edit", "--file", "-", "-y", stdin=text).code == 2


def test_bytes_pass_through_as_they_are(file: str) -> None:
    text = Path(file).read_text(encoding="utf-8").replace("\n", "\r\n")
    raw = b"\xff\xfe" + text.encode("utf-16-le")
    result = CliRunner().invoke(program, ["remove", "account", "012345678901", "--file", "-"], input=raw)
    assert result.stdout_bytes == raw


def test_variables_say_the_same_as_options(file: str) -> None:
    assert run("get", env={"AWSAUTH_FILE": file}).code == 0
    # An option names another target: what goes with the variable's is left out.
    assert run("get", "--file", file, env={"AWSAUTH_CLUSTER": "x", "AWSAUTH_REGION": "", "AWSAUTH_AS": "y"}).code == 0
    empty = run("get", env={"AWSAUTH_FILE": ""})
    assert (empty.code, "The variable AWSAUTH_FILE is empty" in empty.err) == (2, True)
    both = run("get", env={"AWSAUTH_FILE": file, "AWSAUTH_CLUSTER": "x"})
    assert both.code == 2


@pytest.mark.parametrize(
    "option", ["--cluster", "--context", "--kubeconfig", "--file", "--as", "--region", "--profile", "--assume-role"]
)
def test_an_empty_option_is_an_error(option: str) -> None:
    done = run("get", option, "")
    assert (done.code, "empty" in done.err) == (2, True)


def test_markdown_is_for_a_pull_request(file: str) -> None:
    done = run(*ADD, "--file", file, "--dry-run", "-o", "markdown")
    assert done.out.startswith(f"- Added role `{ROLE}`: username `admin`, group `system:masters`\n\n```diff\n")
    assert run("get", "--file", file, "-o", "markdown").out.startswith("| KIND | PRINCIPAL |")


def test_without_history_there_is_no_revision(file: str) -> None:
    assert run(*ADD, "--file", file, "-y", "--no-history").out.endswith(f"Changed aws-auth in {file}.\n")
    assert AwsAuthClient.from_file(file).history().entries == ()


SECRETS = (
    "k8s-aws-v1.aHR0cHM6Ly9zdHM",
    "eyJhbGciOi.eyJpc3MiOi.c2lnbmF0dXJl",
    "ASIAIOSFODNN7EXAMPLE",
    "X-Amz-Signature=0123456789abcdef",
    "X-Amz-Security-Token=IQoJb3JpZ2lu%2F",
    "Bearer opaque-token",
)


@pytest.mark.parametrize("args", [["get"], ["init", "--owner", "team"]])
def test_a_command_that_shows_several_answers_reads_once(
    file: str, monkeypatch: pytest.MonkeyPatch, args: list[str]
) -> None:
    reads = []
    read = FileStore.read

    def counted(store: FileStore) -> Snapshot:
        reads.append(store)
        return read(store)

    monkeypatch.setattr(FileStore, "read", counted)
    assert run(*args, "--file", file).code == 0
    assert len(reads) == 1


def test_a_defect_is_told_without_secrets(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: FileStore) -> None:
        raise RuntimeError(f"not expected: {' '.join(SECRETS)}")

    monkeypatch.setattr(FileStore, "read", fail)
    for args in ([], ["-vv"], ["--traceback"], ["-o", "json"]):
        done = run("get", "--file", file, *args)
        assert done.code == 8
        assert "error: awsauth met a RuntimeError that it does not handle. It says: not expected" in done.err
        shown = done.out + done.err
        assert not [secret for secret in SECRETS if secret.split("=")[-1].split(" ")[-1] in shown]


@pytest.mark.parametrize(
    ("text", "location"),
    [("account: ['111122223333']\n", ", line 1, column 1"), ("accounts:\n[\n", ", line 2, column 1"), ("", "")],
)
def test_a_policy_that_makes_no_sense_is_wrong_usage(file: str, tmp_path: Path, text: str, location: str) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(text, encoding="utf-8")
    for args in (["check"], ADD):
        done = run(*args, "--file", file, "--policy", str(policy), "-y", *(["--fix"] if args == ["check"] else []))
        assert (done.code, f"where: {policy}{location}\n" in done.err) == (2, True), done


@pytest.mark.parametrize(
    ("text", "message", "location", "hint"),
    [
        (
            '[{"change": "EnsureRol"}]',
            "There is no change `EnsureRol`",
            ", line 1, column 3, change 1",
            "The changes are EnsureRole, ",
        ),
        (
            '[{"change": "Deduplicate"}, {"change": "EnsureRole", "role": "x", "username": "x"}]',
            "EnsureRole has no field `role`, and needs `role_arn`",
            ", line 1, column 54, change 2",
            "Fields of EnsureRole: role_arn, ",
        ),
        (
            '{"change": "EnsureAccount", "account": 12345678901}',
            "account is",
            ", line 1, column 29, change 1",
            '"012345678901"',
        ),
        ('{"changes": []}', "neither a plan nor a list of changes", "", '[{"change": '),
        ("[", "neither a plan nor a list of changes", ", line 1, column 2", '[{"change": '),
    ],
)
def test_what_is_wrong_in_a_file_of_changes_has_its_place(
    file: str, text: str, message: str, location: str, hint: str
) -> None:
    changes = Path(file).with_name("changes.json")
    changes.write_text(text, encoding="utf-8")
    recover = ["recover", "--cluster", "k8s", "--yes", "--changes", str(changes)]
    for args in (["plan", str(changes), "--file", file], ["apply", str(changes), "--file", file, "-y"], recover):
        done = run(*args)
        assert (done.code, message in done.err, hint in done.err) == (2, True, True), done
        assert f"where: {changes}{location}\n" in done.err
        assert "variable" not in done.err
    assert "where: standard input" in run("plan", "-", "--file", file, stdin=text).err


def test_a_single_change_needs_no_list(file: str) -> None:
    change = '{"change": "EnsureAccount", "account": "012345678901"}'
    assert "+ account 012345678901" in run("plan", "-", "--file", file, stdin=change).out


def test_a_plan_that_cannot_be_saved_is_an_error(file: str, tmp_path: Path) -> None:
    assert run(*ADD, "--file", file, "--out", str(tmp_path / "none" / "plan.json")).code == 4
