"""What the shells complete: as bash itself does it, and as the scripts for zsh and fish ask."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import NODE, environment, manifest_in, process, run
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

ROLE = "arn:aws:iam::968802670493:role/mytestrole"

DRIVER = """
source <(awsauth completion bash)
COMP_LINE=$1 COMP_POINT=${#1} COMP_CWORD=$2
shift 2
COMP_WORDS=("$@")
compopt() { echo "compopt $*"; }
_awsauth_completion awsauth
printf '%s\\n' "${COMPREPLY[@]}"
"""
"""Calls the function as bash does when the tab key is pressed; the words are given as bash takes them apart."""


def bash(line: str, *words: str) -> list[str]:
    done = subprocess.run(
        ["bash", "--norc", "-c", DRIVER, "bash", line, str(len(words) - 1), *words],  # noqa: S607 - whichever is first
        env=environment(),
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
    done = process(env=asked)
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
    assert NODE in process(env=asked).out.replace("\\:", ":")


def test_a_name_that_would_steer_the_terminal_is_left_out(tmp_path: Path) -> None:
    path = manifest_in(tmp_path, mapRoles=f'- rolearn: {ROLE}\n  username: "x\\e[2J"\n')
    asked = {"_AWSAUTH_COMPLETE": "bash_complete", "AWSAUTH_COMPLETION_LINE": "awsauth remove --username x"}
    assert process(env={**asked, "AWSAUTH_FILE": str(path)}).out.strip() == ""
