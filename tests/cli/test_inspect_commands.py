"""The commands that show mappings, explain access, and check."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from awsauth.cli.output import annotation
from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import ReplaceText
from awsauth.core.findings import Finding, Severity
from tests.support.command_line import ADD, NODE, ROLE, manifest_in, run

if TYPE_CHECKING:
    from pathlib import Path

TWO = f"- rolearn: {ROLE}\n  username: admin\n  groups: [system:masters]\n- rolearn: {ROLE}-2\n  username: ci\n  groups: [builders]\n"


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(manifest_in(tmp_path))


def shown_json(*args: str) -> Any:
    done = run(*args, "-o", "json")
    values = json.loads(done.out)
    assert values["version"] == 1
    return values


def test_a_text_that_cannot_be_read_is_told_with_the_line_of_the_file(tmp_path: Path) -> None:
    path = manifest_in(tmp_path, mapRoles=f"- rolearn: {ROLE}\n  username: x\n- [\n", mapUsers="[]\n")
    last = next(n for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if line.endswith("- ["))
    assert run("check", "--file", str(path)).out.startswith(
        f"{path}:{last}:8: error unreadable: mapRoles line {last}, column 8"
    )
    added = run(*ADD, "--file", str(path), "-y")
    assert (added.code, f"where: {path}:{last}:8\n" in added.err) == (8, True), added
    piped = run(*ADD, "--file", "-", stdin=path.read_bytes())
    assert f"where: standard input:{last}:8\n" in piped.err


def test_get_says_what_cannot_be_read_and_how_to_look_at_it(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    path = manifest_in(folder, mapRoles="- [\n", mapUsers=f"- userarn: {ROLE}\n  username: x\n- [\n")
    done = run("get", "--file", str(path))
    assert (done.code, done.out) == (8, "")
    assert done.err == (
        f"mapRoles and mapUsers cannot be read.\nThe text has problems (2): awsauth check --file '{path}'\n"
    )
    assert run("get", "ci", "--file", str(path)).code == 8
    path = manifest_in(tmp_path, mapRoles="[]\n")
    assert run("get", "--file", str(path)).err == "Nothing is mapped.\n"


def test_get_shows_columns(tmp_path: Path) -> None:
    path = manifest_in(tmp_path, mapRoles=f"{TWO}- rolearn: arn:aws:iam::968802670493:role/a/b\n  username: x\n{TWO}")
    out = run("get", "--file", str(path)).out.splitlines()
    assert out[0].split() == ["KIND", "PRINCIPAL", "USERNAME", "GROUPS", "NOTES"]
    assert out[1].split(maxsplit=4) == ["role", ROLE, "admin", "system:masters", "duplicate"]
    assert out[3].split(maxsplit=3)[3] == "never matches, role-path"
    assert len({line.find("role") for line in out[1:]}) == 1
    node = run("get", NODE, "--file", str(manifest_in(tmp_path))).out.splitlines()
    assert node[1].endswith("  node")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*", 2),
        (ROLE, 1),
        (ROLE.replace("role/", "role/with/path/"), 1),
        ("arn:aws:sts::968802670493:assumed-role/mytestrole/session", 1),
        ("ADMIN", 1),
        ("*mytestrole*", 2),
        ("system:*", 1),
        ("b?ilders", 1),
    ],
)
def test_get_filters(tmp_path: Path, pattern: str, found: int) -> None:
    path = manifest_in(tmp_path, mapRoles=TWO)
    assert len(shown_json("get", pattern, "--file", str(path))["mappings"]) == found


def test_nothing_of_a_document_steers_the_terminal(tmp_path: Path) -> None:
    path = manifest_in(tmp_path, mapRoles=f'- rolearn: {ROLE}\n  username: "a\\e[2J[red]b[/red]\\u202e"\n')
    for args in (["get"], ["check"], ["explain", ROLE], ["history"], ["get", "-o", "markdown"]):
        done = run(*args, "--file", str(path))
        assert "\x1b" not in done.out + done.err
        assert "\u202e" not in done.out + done.err
    assert r"a\x1b[2J[red]b[/red]\u202e" in run("get", "--file", str(path)).out


def test_findings_of_one_kind_are_collapsed(tmp_path: Path) -> None:
    entries = "".join(
        f"- rolearn: arn:aws:iam::968802670493:role/a/b-{number}\n  username: u-{number}\n" for number in range(9)
    )
    path = str(manifest_in(tmp_path, mapRoles=entries))
    found = shown_json("check", "--file", path)["findings"]
    alike = [one for one in found if one["code"] == "role-path"]
    assert len(alike) > 5
    lines = [line for line in run("check", "--file", path).out.splitlines() if "role-path" in line]
    assert (len(lines), lines[-1]) == (
        5,
        f"... and {len(alike) - 4} more of {alike[0]['severity']} role-path; -v shows all.",
    )
    assert alike[0]["impact"] in lines[0]
    assert alike[0]["impact"] not in lines[1]
    whole = [line for line in run("check", "-v", "--file", path).out.splitlines() if "role-path" in line]
    assert (len(whole), alike[0]["impact"] in whole[-1]) == (len(alike), True)


def test_notes_are_acknowledged(file: str, tmp_path: Path) -> None:
    run("add", "role", ROLE, "--username", "admin", "--group", "a", "--file", file, "-y")
    policy = tmp_path / "policy.yaml"
    policy.write_text("quiet_notes: [extra-groups]\n", encoding="utf-8")
    words = ["add", "role", ROLE, "--username", "admin", "--group", "b", "--dry-run", "--file", file]
    assert "note extra-groups" in run(*words).out
    for quiet in (["--quiet-notes", "extra-groups"], ["--policy", str(policy)]):
        done = run(*words, *quiet)
        assert (done.code, "extra-groups" in done.out, "+ groups" in done.out) == (0, False, False), done
        assert shown_json(*words, *quiet)["findings"] == [] or "extra-groups" not in str(shown_json(*words, *quiet))
    loud = run(*words, "--quiet-notes", "not-mapped")
    assert "note extra-groups" in loud.out
    assert run(*words, "--quiet-notes", "a, b").code == 2


def test_an_error_cannot_be_acknowledged(file: str) -> None:
    done = run("remove", "role", NODE, "--file", file, "-y", "--quiet-notes", "node-mapping")
    assert (done.code, "node-mapping:" in done.err) == (3, True)


def test_a_pipe_gets_whole_columns(tmp_path: Path) -> None:
    long = "g" * 300
    path = manifest_in(tmp_path, mapRoles=f"- rolearn: {ROLE}\n  username: x\n  groups: [{long}]\n")
    header, row = run("get", "--file", str(path), env={"COLUMNS": "40"}).out.splitlines()
    assert long in row
    assert header.index("GROUPS") == row.index(long)


def test_explain_says_why(file: str) -> None:
    done = run("explain", ROLE, "--file", file)
    assert done.code == 0
    assert "The caller has no access" in done.out
    explanation = shown_json("explain", NODE, "--session-name", "i-0123456789abcdef0", "--file", file)["explanation"]
    assert explanation["caller"]["session_name"] == "i-0123456789abcdef0"


def test_explain_gives_a_line_for_the_shell(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    mapping = ["--username", "o'brien", "--group", "a", "--group", "b c"]
    for kind, arn in (("role", ROLE), ("user", ROLE.replace(":role/", ":user/"))):
        dropped = f"- rolearn: {arn}\n  username: o'brien\n  groups: [a, b c]\n  sso: {{permissionSetName: P}}\n"
        path = manifest_in(folder, mapRoles=dropped)
        line = run("explain", arn, "--file", str(path)).out.splitlines()[-1]
        assert shlex.split(line) == ["awsauth", "add", kind, arn, *mapping, "--file", str(path)]
        assert run(*shlex.split(line)[1:], "--yes").code == 0
        assert "The caller has access" in run("explain", arn, "--file", str(path)).out


def test_explain_pipes_what_has_no_command(tmp_path: Path) -> None:
    path = manifest_in(tmp_path, mapRoles=f"- rolearn: {ROLE.replace('/', '/path/')}\n  username: o'brien\n")
    line = run("explain", ROLE, "--file", str(path)).out.splitlines()[-1]
    print_, _, changes, *pipe = shlex.split(line)
    assert (print_, pipe) == ("printf", ["|", "awsauth", "apply", "-", "--yes", "--file", str(path)])
    piped = run("explain", ROLE, "--file", "-", stdin=path.read_bytes()).out
    assert piped.splitlines()[-1].startswith("  RenamePrincipal(principal_arn=")
    assert run(*pipe[2:], stdin=changes).code == 0
    assert "The caller has access: `o'brien`" in run("explain", ROLE, "--file", str(path)).out


def test_check_finds_and_fixes(tmp_path: Path) -> None:
    path = manifest_in(tmp_path, mapRoles=f"{TWO}{TWO}")
    done = run("check", "--file", str(path))
    assert done.code == 1
    assert f"{path}:8:16: warning duplicate: " in done.out
    assert run("check", "--file", str(path), "--fail-on", "error").code == 0
    fixed = run("check", "--fix", "--file", str(path), "-y")
    assert fixed.code == 0, fixed
    assert len(AwsAuthClient.from_file(path).read().roles) == 2
    assert run("check", "--file", str(path), "--fail-on", "note").code == 1


def test_check_fix_prints_one_json_document(tmp_path: Path) -> None:
    path = manifest_in(tmp_path, mapRoles=f"{TWO}{TWO}")
    values = shown_json("check", "--fix", "--file", str(path), "-y")
    assert values["fixed"]["applied"]
    assert [found["code"] for found in values["findings"]] == ["no-node-mapping"]


def test_check_holds_to_a_policy(file: str, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("accounts: ['111122223333']\n", encoding="utf-8")
    assert "policy-account" in run("check", "--file", file, "--policy", str(policy)).out
    done = run(*ADD, "--file", file, "-y", env={"AWSAUTH_POLICY": str(policy)})
    assert (done.code, "--allow policy=" in done.err) == (3, True)


def test_check_annotates_in_github_actions(tmp_path: Path) -> None:
    path = manifest_in(tmp_path, mapRoles=f"- rolearn: {ROLE}\n  username: yes\n", mapUsers="[]")
    done = run("check", "--file", str(path), env={"GITHUB_ACTIONS": "true"})
    assert done.code == 1
    first = done.out.splitlines()[0]
    assert first.startswith(f"::error file={path},line=9,col=17,title=awsauth%3A wrong-type::mapRoles line 9")
    assert run("check", "--file", str(path), "-o", "github").out == done.out
    assert run("check", "--file", str(path), "-o", "text", env={"GITHUB_ACTIONS": "true"}).out != done.out


def test_an_annotation_cannot_be_broken_out_of() -> None:
    finding = Finding("x", Severity.NOTE, "a\n::error::b % c", "", "")
    assert annotation(finding, "a,b:c.yaml", None) == (
        "::notice file=a%2Cb%3Ac.yaml,title=awsauth%3A x::a%0A::error::b %25 c"
    )


def test_no_line_of_a_document_is_a_command_to_a_ci_system(tmp_path: Path) -> None:
    text = f'- rolearn: {ROLE}\n  username: ci\n  note: "a\n    ::add-mask::b\n    ##[group]c ##vso[task.debug]d"\n'
    path = str(manifest_in(tmp_path, mapRoles=f"- rolearn: {ROLE}\n  username: ci\n"))
    client = AwsAuthClient.from_file(path)
    client.apply(ReplaceText(key="mapRoles", text=text))
    client.apply(ReplaceText(key="mapRoles", text=f"{text}# end\n"))
    for words in (["show", "2"], ["show", "2", "-o", "json"], ["diff", "2"], ["diff", "1", "2"]):
        done = run(*words, "--file", path, env={"GITHUB_ACTIONS": "true"})
        assert "add-mask" in done.out, words
        assert not re.search(r"^\s*::|##\w*\[", done.out, re.MULTILINE), words
    assert text in shown_json("show", "2", "--file", path)["revision"]["data"]["data"].values()
