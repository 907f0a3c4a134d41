"""The examples for pipelines do what they say: every command in them runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from awsauth import AwsAuthClient
from tests.support.command_line import NODE, Done, environment
from tests.support.paths import PROJECT
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLES = PROJECT / "examples"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a folder with the examples in it, as somebody's repository has them."""
    return shutil.copytree(EXAMPLES, tmp_path / "clone")


def shell(command: str, folder: Path, **variables: str) -> Done:
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", command],  # noqa: S607 - as GitHub runs a step
        cwd=folder,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def workflow() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((EXAMPLES / "github-actions.yaml").read_text(encoding="utf-8"))
    return loaded


def steps(job: dict[str, Any]) -> Iterator[str]:
    for step in job["steps"]:
        assert {"run", "uses"} & step.keys()
        command = step.get("run", "")
        if command and "pip" not in command:
            yield command


def test_every_step_of_the_workflow_runs(clone: Path, tmp_path: Path) -> None:
    """In the order of a change's life, with the cluster's place taken by a file."""
    summary = tmp_path / "summary"
    shutil.copytree(EXAMPLES, clone / "base")
    cluster = shutil.copy(EXAMPLES / "aws-auth.yaml", tmp_path)
    assert shell("awsauth apply changes.json --yes --file aws-auth.yaml", clone).code == 0
    ran = []
    for name, job in workflow()["jobs"].items():
        variables = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary), **workflow()["env"]}
        variables["AWSAUTH_POLICY"] = job.get("env", {}).get("AWSAUTH_POLICY", variables["AWSAUTH_POLICY"])
        variables |= {"GITHUB_REPOSITORY": "platform/clusters", "GITHUB_SHA": "0123abc"}
        if "AWSAUTH_CLUSTER" in job.get("env", {}):
            variables["AWSAUTH_FILE"] = cluster
        for command in steps(job):
            done = shell(command, clone, **variables)
            assert done.code == 0, (name, command, done)
            ran.append(name)
    assert ran == ["check", "plan", "apply", "drift"]
    shown = summary.read_text(encoding="utf-8")
    assert shown.count("- Added role `arn:aws:iam::968802670493:role/deployer`") == 2
    assert "## To be put right\n\nNo change.\n" in shown
    client = AwsAuthClient.from_file(cluster)
    assert len(client.read().roles) == 3
    assert client.history().entries[0].info.reason == "platform/clusters 0123abc"


def test_a_pull_request_is_judged_by_the_policy_of_its_base(clone: Path) -> None:
    shutil.copytree(EXAMPLES, clone / "base")
    (clone / "policy.yaml").write_text("partitions: [aws]\n", encoding="utf-8")
    file = clone / "aws-auth.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace("      - system:nodes\n", "      - system:nodes\n      - legacy-group\n"), encoding="utf-8"
    )
    job = workflow()["jobs"]["check"]
    (command,) = steps(job)
    assert shell(command, clone, AWSAUTH_POLICY="policy.yaml").code == 0
    refused = shell(command, clone, **job["env"])
    assert (refused.code, "legacy-group" in refused.out) == (1, True)


def test_jobs_of_the_workflow_have_no_more_rights_than_they_need() -> None:
    assert workflow()["permissions"] == {"contents": "read"}
    for name, job in workflow()["jobs"].items():
        used = [step.get("uses", step.get("run", "")) for step in job["steps"]]
        with_role = [number for number, one in enumerate(used) if "configure-aws-credentials" in one]
        assert ("id-token" in job.get("permissions", {})) == bool(with_role) == (name != "check")
        (installs,) = [number for number, one in enumerate(used) if "pip" in one]
        assert "--require-hashes" in used[installs]
        assert all(number > installs for number in with_role)
        assert all(re.search(r"@[0-9a-f]{40}$", one) for one in used if one.startswith(("actions/", "aws-actions/")))
        assert (name in ("check", "plan")) == ("base" in str(job["steps"][installs].get("working-directory")))


def test_the_drift_report_tells_drift(clone: Path) -> None:
    file = str(clone / "aws-auth.yaml")
    drifted = shell("sh drift-report changes.json", clone, AWSAUTH_FILE=file)
    assert (drifted.code, "- Added role" in drifted.out) == (1, True)
    assert shell("sh drift-report none.json", clone, AWSAUTH_FILE=file).code == 2
    assert shell("sh drift-report changes.json", clone, AWSAUTH_FILE=f"{file}.none").code == 4
    assert shell("sh drift-report", clone, AWSAUTH_FILE=file).code != 0


def test_the_changes_are_the_librarys(clone: Path) -> None:
    values = json.loads((clone / "changes.json").read_text(encoding="utf-8"))
    assert {value["change"] for value in values} == {"EnsureRole"}
    assert shell("awsauth check --file aws-auth.yaml --policy policy.yaml", clone).code in (0, 1)


def test_the_hook_refuses_what_is_wrong_as_it_is_staged(clone: Path) -> None:
    hook = clone / ".git" / "hooks" / "pre-commit"
    shell("git init -q . && git config user.name x && git config user.email x@example.com", clone)
    shutil.copy(clone / "pre-commit", hook)
    hook.chmod(0o755)
    file = clone / "aws-auth.yaml"
    good = file.read_text(encoding="utf-8")
    assert shell("git add aws-auth.yaml && git commit -q -m good", clone).code == 0
    file.write_text(good.replace("rolearn:", "rolearn: ["), encoding="utf-8")
    shell("git add aws-auth.yaml", clone)
    file.write_text(good, encoding="utf-8")
    refused = shell("git commit -q -m bad", clone)
    assert refused.code == 1, refused
    assert "unreadable" in refused.err
    shell("git add aws-auth.yaml && echo x >other && git add other", clone)
    assert shell("git commit -q -m good", clone).code == 0
    assert NODE in good
    # Names are data, also in another pathspec or shell; and nothing is written into a folder that others may write to.
    name = "0:aws-auth $(touch ran)\n'x\x1b[2J.yaml"
    (clone / name).write_text(good.replace("rolearn:", "rolearn: ["), encoding="utf-8")
    shell("git add -A", clone)
    temporary = clone.parent / "tmp"
    temporary.mkdir()
    refused = shell("git commit -q -m bad", clone, TMPDIR=str(temporary))
    assert (refused.code, "unreadable" in refused.err, "\x1b" in refused.err) == (1, True, False)
    assert (list(temporary.iterdir()), (clone / "ran").exists()) == ([], False)
