"""The pipelines that sync fragments do what they say, on a real API server."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.docs.test_cli_examples import shell
from tests.support.command_line import run
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


def test_two_teams_and_an_administrator(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the page tells it: fragments go live, an entry leaves, a conflict ends in adoption, drift by hand is found."""
    cluster.kubectl("create", "-f", str(PROJECT / "examples" / "aws-auth.yaml"))
    access = shutil.copytree(TEAMS / "access", tmp_path / "access")
    env = {"KUBECONFIG": str(cluster.kubeconfig)}
    by_hand = "arn:aws:iam::968802670493:role/team-a-deployer"
    assert run("add", "role", by_hand, "--username", "old", "--yes", env=env).code == 0
    refused = run("sync", str(access), "--yes", env=env)
    assert (refused.code, "Only --adopt" in refused.err) == (6, True), refused
    assert run("sync", str(access), "--yes", "--adopt", env=env).code == 0
    assert run("get", by_hand, env=env).out.count("owner team-a") == 1
    (access / "team-b.yaml").write_text(
        "owner: team-b\nmapUsers:\n- userarn: arn:aws:iam::968802670493:user/bob\n  username: bob\n  groups: [readers]\n",
        encoding="utf-8",
    )
    assert run("sync", str(access), "--yes", "--reason", "team-b-deployer is gone", env=env).code == 0
    assert "team-b-deployer" not in run("get", env=env).out
    monkeypatch.setenv("KUBE_EDITOR", "sed -i 's/username: team-a-reader/username: admin/'")
    cluster.kubectl("-n", "kube-system", "edit", "configmap", "aws-auth")
    found = run("sync", str(access), "--check", env=env)
    assert (found.code, "by the client kubectl-edit at" in found.out) == (1, True), found
    assert run("sync", str(access), "--yes", env=env).code == 0
    assert run("sync", str(access), "--check", env=env).code == 0
    history = run("history", env=env).out
    assert "sync team-a, team-b" in history
    assert "outside" in history
