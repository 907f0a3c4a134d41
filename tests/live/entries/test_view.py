"""The commands that look at access, in each authentication mode, with the real API server and authenticator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.cli.command import DONE
from tests.support.command_line import run
from tests.support.recovery_stage import CLUSTER_ADMIN, OPS, ROLE

if TYPE_CHECKING:
    from tests.support.recovery_stage import Stage

MODES: Final = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")


@pytest.mark.parametrize("mode", MODES)
def test_both_sources_are_seen(stage: Stage, mode: str) -> None:
    stage.reset(authentication_mode=mode)
    by_entry = mode == "API"
    if by_entry:
        stage.shown.entries.create(OPS, {"username": "ops"})
        stage.shown.entries.associate(OPS, {"policyArn": CLUSTER_ADMIN, "accessScope": {"type": "cluster"}})
    else:
        stage.map_caller()
    where = ["--cluster", stage.cluster.name, "--region", stage.cluster.aws.region]

    def done(*words: str) -> str:
        ran = run(*words, *where)
        assert ran.code == DONE, ran
        return ran.out

    assert ("entry  " if by_entry else "role  ") in done("get")
    view: Any = json.loads(done("get", "-o", "json"))["access"]
    decided = {one["principal"]: one["decided_by"] for one in view["principals"]}
    assert view["mode"] == mode
    assert decided[OPS if by_entry else f"{ROLE}recover-ops"] == ("entry" if by_entry else "mapping")
    checked = run("check", *where).out
    assert "error" not in checked
    assert ("mode-config-map" in checked) is (mode == "CONFIG_MAP")
    assert "has access" in done("explain", OPS)
    assert "recover-ops" in done("who-can", "system:masters")
    assert ("by its access entry" if by_entry else "by mapRoles") in done("health")
