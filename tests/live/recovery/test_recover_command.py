"""`awsauth recover` on a terminal: what refuses it is asked about in the same run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from awsauth.recovery.plan import SWITCH
from tests.support.command_line import Terminal
from tests.support.recovery_stage import BOTH

if TYPE_CHECKING:
    from tests.support.recovery_stage import Stage


@pytest.mark.parametrize("answer", ["y", "n"])
def test_the_one_way_step_is_asked_about_in_the_same_run(stage: Stage, answer: str) -> None:
    good = stage.map_caller()
    stage.lock_out()
    before = stage.state()
    words = ["recover", "--cluster", stage.cluster.name, "--region", stage.cluster.aws.region]
    terminal = Terminal(*words, columns=200, env={name: os.environ[name] for name in os.environ if "AWS_" in name})
    terminal.wait_for(f"Allow {SWITCH}, and do this? [y/N]")
    terminal.type(f"{answer}\n")
    assert terminal.end() == (0 if answer == "y" else 1), terminal.shown
    if answer == "n":
        assert "Nothing was changed." in terminal.shown
        assert stage.state() == before
    else:
        assert (stage.text, stage.shown.authentication_mode) == (good, BOTH)
