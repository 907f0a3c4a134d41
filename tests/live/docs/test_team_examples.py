"""The pipelines that sync fragments do what they say, on a real API server."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.docs.test_cli_examples import shell
from tests.support.paths import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.controlplane.cluster import Cluster

TEAMS = PROJECT / "examples" / "teams"


def github() -> list[str]:
    workflow: Any = yaml.safe_load((TEAMS / "github-actions.yaml").read_text(encoding="utf-8"))
    return [step["run"] for step in workflow["jobs"]["access"]["steps"] if "awsauth" in step.get("run", "")]


def gitlab() -> list[str]:
    jobs: Any = yaml.safe_load((TEAMS / "gitlab-ci.yml").read_text(encoding="utf-8"))
    return [jobs[name]["script"][0] for name in ("plan", "sync", "drift")]


def octopus() -> list[str]:
    return [
        "AccessCheck=True bash octopus access || [ $? -eq 1 ]",
        "AccessCheck=False Release=42 bash octopus access",
        "AccessCheck=True bash octopus access",
    ]


@pytest.mark.parametrize("steps", [github(), gitlab(), octopus()], ids=["github", "gitlab", "octopus"])
def test_a_pipeline_plans_syncs_and_finds_drift(cluster: Cluster, tmp_path: Path, steps: list[str]) -> None:
    cluster.kubectl("create", "-f", str(PROJECT / "examples" / "aws-auth.yaml"))
    folder = shutil.copytree(TEAMS, tmp_path / "teams")
    summary = tmp_path / "summary.md"
    variables = {
        "KUBECONFIG": str(cluster.kubeconfig),
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_SHA": "0123456",
        "CI_COMMIT_SHA": "0123456",
    }
    plan, sync, drift = steps
    before = cluster.aws_auth()
    planned = shell(plan, folder, **variables)
    assert planned.code == 0, planned
    assert cluster.aws_auth() == before
    said = "".join(path.read_text(encoding="utf-8") for path in (summary, folder / "plan.md") if path.exists())
    assert "create role" in planned.out + said
    for code, command in ((0, sync), (0, drift)):
        done = shell(command, folder, **variables)
        assert done.code == code, done
    found: Any = cluster.aws_auth()
    text = found["data"]["mapRoles"]
    assert "team-a-deployer" in text
    changed = re.sub("username: team-a-reader", "username: admin", text)
    cluster.put_aws_auth({**found["data"], "mapRoles": changed}, annotations=found["metadata"]["annotations"])
    assert shell(drift, folder, **variables).code == 1
