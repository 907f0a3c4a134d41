"""What the shells complete: as bash itself does it, and as the scripts for zsh and fish ask."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import EnsureAccount, EnsureUser
from tests.support.command_line import NODE, environment, manifest_in, run
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

ROLE = "arn:aws:iam::968802670493:role/mytestrole"
USER = "arn:aws:iam::968802670493:user/alice"
ACCOUNT = "968802670493"

DRIVER = """
eval "$COMPLETION"
COMP_LINE=$1 COMP_POINT=${#1} COMP_CWORD=$2
shift 2
COMP_WORDS=("$@")
compopt() { echo "compopt $*"; }
_awsauth_completion awsauth "${COMP_WORDS[-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
"""Calls the function as bash does when the tab key is pressed; the words are given as bash takes them apart."""


def bash(line: str, *words: str) -> list[str]:
    done = subprocess.run(
        ["bash", "--norc", "-c", DRIVER, "bash", line, str(len(words) - 1), *words],  # noqa: S607 - whichever is first
        env=environment(COMPLETION=run("completion", "bash").out),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_and_options() -> None:
    assert "history" in bash("awsauth ", "awsauth", "")
    assert bash("awsauth expl", "awsauth", "expl") == ["explain"]
    assert "--if-mapped" in bash("awsauth add role --", "awsauth", "add", "role", "--")
    assert bash("awsauth add node --kind f", "awsauth", "add", "node", "--kind", "f") == ["fargate"]
    assert bash("awsauth get --file ", "awsauth", "get", "--file", "")[:3] == ["compopt", "-o", "default"]


def test_bash_completes_what_a_file_maps(tmp_path: Path) -> None:
    path = manifest_in(tmp_path, mapRoles=f'- rolearn: {ROLE}\n  username: "ci:{{{{SessionName}}}}"\n')
    line = f"awsauth remove role --file {path} arn:aws:iam::9"
    # bash takes the colons for words of their own, and replaces what stands behind the last one.
    words = ["awsauth", "remove", "role", "--file", str(path), "arn", ":", "aws", ":", "iam", "::", "9"]
    assert bash(line, *words) == [ROLE.removeprefix("arn:aws:iam::")]
    line = f"awsauth remove --file {path} --username c"
    assert bash(line, "awsauth", "remove", "--file", str(path), "--username", "c") == ["ci:{{SessionName}}"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("remove role a", [ROLE]),
        ("remove user a", [USER]),
        ("remove account ", [ACCOUNT]),
        ("add user a", [USER]),
        ("remove group ", ["edit", "view"]),
        ("add role --group v", ["view"]),
        ("remove group edit --from a", [ROLE, USER]),
        ("who-can ", ["edit", "view", "alice", "ci"]),
        ("add role --username c", ["ci"]),
        ("remove role --allow last", ["last-admin"]),
        ("rollback --allow last-admin=arn:aws:iam::968802670493:u", [f"last-admin={USER}"]),
        ("recover --allow reg", ["regrant"]),
        ("rollback --to ", ["2", "1"]),
        ("show ", ["2", "1"]),
        ("diff 1 2", ["2"]),
    ],
)
def test_each_word_is_completed_by_what_it_takes(tmp_path: Path, words: str, found: list[str]) -> None:
    path = manifest_in(tmp_path, mapRoles=f"- rolearn: {ROLE}\n  username: ci\n  groups: [view]\n")
    client = AwsAuthClient.from_file(path)
    client.apply([EnsureUser(user_arn=USER, username="alice", groups=["edit"]), EnsureAccount(account=ACCOUNT)])
    asked = {
        "_AWSAUTH_COMPLETE": "zsh_complete",
        "COMP_WORDS": f"awsauth {words}",
        "COMP_CWORD": str(words.count(" ") + 1),
    }
    done = run(env={**asked, "AWSAUTH_FILE": str(path)})
    shown = [line for line in done.out.replace("\\:", ":").splitlines() if line not in ("plain", "_")]
    assert (done.err, shown) == ("", found)


def test_a_press_of_the_tab_key_loads_little() -> None:
    code = (
        "import json, sys\nfrom awsauth.cli.app import program\n"
        "try: program.main([], prog_name='awsauth')\nexcept SystemExit: print(json.dumps(sorted(sys.modules)))"
    )
    asked = {
        "_AWSAUTH_COMPLETE": "bash_complete",
        "AWSAUTH_COMPLETION_LINE": "awsauth re",
        "AWSAUTH_COMPLETION_PART": "re",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(**asked),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    *completed, loaded = done.stdout.splitlines()
    assert completed == ["plain,remove", "plain,rename", "plain,report", "plain,recover"]
    unwanted = {"awsauth.client", "awsauth.cli.confirm", "awsauth.core.document.document", "pydantic", "yaml", "boto3"}
    unwanted |= {"pathlib", "shutil", "textwrap"}
    assert not unwanted & set(json.loads(loaded))


def test_bash_knows_the_contexts(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    contexts = "".join(f"- name: {name}\n  context: {{}}\n" for name in ("kind-dev", "prod"))
    kubeconfig.write_text(f"contexts:\n{contexts}", encoding="utf-8")
    line = f"awsauth --kubeconfig {kubeconfig} get --context k"
    assert bash(line, *line.split()) == ["kind-dev"]


@pytest.mark.parametrize(
    "line", ["awsauth get --file /nonexistent arn", "awsauth get --kubeconfig /nonexistent --context ", "awsauth get a"]
)
def test_what_is_not_known_is_nothing_and_no_error(line: str, tmp_path: Path) -> None:
    asked = {"_AWSAUTH_COMPLETE": "bash_complete", "AWSAUTH_COMPLETION_LINE": line, "XDG_CACHE_HOME": str(tmp_path)}
    done = run(env=asked)
    assert (done.code, done.out.strip(), done.err) == (0, "", "")


@pytest.mark.parametrize(("shell", "words"), [("zsh", "awsauth explain arn"), ("fish", "awsauth explain arn")])
def test_other_shells_get_their_scripts_and_answers(shell: str, words: str, tmp_path: Path) -> None:
    script = run("completion", shell).out
    assert f"_AWSAUTH_COMPLETE={shell}_complete" in script
    if found := shutil.which(shell):
        subprocess.run([found, "-n"], input=script, text=True, check=True, timeout=PATIENCE)
    path = manifest_in(tmp_path)
    asked = {
        "_AWSAUTH_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": "2" if shell == "zsh" else "arn",
        "AWSAUTH_FILE": str(path),
    }
    assert NODE in run(env=asked).out.replace("\\:", ":")


def test_a_name_that_would_steer_the_terminal_is_left_out(tmp_path: Path) -> None:
    path = manifest_in(tmp_path, mapRoles=f'- rolearn: {ROLE}\n  username: "x\\e[2J"\n')
    asked = {"_AWSAUTH_COMPLETE": "bash_complete", "AWSAUTH_COMPLETION_LINE": "awsauth remove --username x"}
    assert run(env={**asked, "AWSAUTH_FILE": str(path)}).out.strip() == ""
