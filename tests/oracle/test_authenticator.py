"""The authenticator's own reader answers, and says so when it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.authenticator.authenticator import Answer, Authenticator
from tests.support.authenticator.oracle_binary import oracle_binary
from tests.support.controlplane.programs import MODULE
from tests.support.go_programs import find_go
from tests.support.paths import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

_ENTRY = "- rolearn: arn:aws:iam::111122223333:role/r\n  username: yes\n  groups: [a, 1]\n"


def test_answer_has_every_list(authenticator: Authenticator) -> None:
    """Whatever is absent from the data is an empty list in the answer, and not an error."""
    nothing: Answer = {"roles": [], "users": [], "accounts": [], "error": ""}
    assert authenticator.parse({}) == nothing


def test_answer_is_what_the_real_code_reads(authenticator: Authenticator) -> None:
    """What could be read is in the answer, beside the complaint about the rest."""
    answer = authenticator.parse({"mapRoles": _ENTRY, "mapUsers": "- userarn: [", "mapAccounts": "- 012345678901"})
    arn = "arn:aws:iam::111122223333:role/r"
    assert answer["roles"] == [{"rolearn": arn, "username": "", "groups": ["a", ""], "sso": None}]
    assert answer["users"] == []
    assert answer["accounts"] == ["012345678901"]
    assert "did not find expected node content" in answer["error"]


def test_large_batches_do_not_block(authenticator: Authenticator) -> None:
    """More is asked, and answered, than the pipes hold."""
    texts = [{"mapRoles": _ENTRY * 2000, "mapAccounts": f"- {number}"} for number in range(60)]
    answers = authenticator.parse_many(texts)
    assert [answer["accounts"] for answer in answers] == [[str(number)] for number in range(60)]
    assert {len(answer["roles"]) for answer in answers} == {2000}


@pytest.mark.usefixtures("authenticator")
def test_ended_process_is_an_error() -> None:
    """A process that has ended is reported with the question that got no answer."""
    with Authenticator(oracle_binary()) as ended:
        ended.close()
        with pytest.raises((RuntimeError, ValueError)):
            ended.parse({"mapRoles": _ENTRY})


@pytest.mark.usefixtures("authenticator")
def test_two_processes_build_once(tmp_path: Path) -> None:
    """Of two that start at once with an empty cache, one builds, and both get the finished program."""
    command = [
        sys.executable,
        "-c",
        "from tests.support.authenticator.oracle_binary import oracle_binary; print(oracle_binary())",
    ]
    # An empty cache for the program, not for the compiler, which would take minutes.
    environment = os.environ | {
        "XDG_CACHE_HOME": str(tmp_path),
        "GOCACHE": find_go(MODULE).run("env", "GOCACHE").strip(),
    }
    both = [
        subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    ends = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    assert sum("Built " in said for _, said in ends) == 1
    assert len({path for path, _ in ends}) == 1
    assert len(list((tmp_path / "awsauth-tests").glob("oracle-*"))) == 1
