"""The examples for a live cluster do what they say, one after the other, on a real API server."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.paths import PROJECT
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.controlplane.cluster import Cluster


@pytest.fixture
def run(cluster: Cluster) -> Callable[..., str]:
    """Return what runs an example with the cluster's kubeconfig, and returns what it prints."""
    cluster.kubectl("create", "-f", str(PROJECT / "examples" / "aws-auth.yaml"))
    environment = os.environ | {"KUBECONFIG": str(cluster.kubeconfig)}

    def run(name: str, *arguments: str) -> str:
        command = [sys.executable, str(PROJECT / "examples" / "cluster" / name), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return run


def test_a_mapping_is_added_looked_at_and_taken_back(cluster: Cluster, run: Callable[..., str]) -> None:
    told = run("add_mapping.py", cluster.context)
    assert "+ role arn:aws:iam::968802670493:role/mytestrole: username admin, group system:masters" in told
    assert "Revision 2 is live." in told
    assert "The caller has access: `admin`, in `system:masters`." in told
    assert "nothing to do" in run("add_mapping.py")

    refused = run("rollback.py", cluster.context)
    assert "last-admin" in refused
    found = cluster.aws_auth()
    assert found is not None
    assert "mytestrole" in found["data"]["mapRoles"]


def test_a_plan_is_approved_and_applied_and_rolled_back(
    cluster: Cluster, run: Callable[..., str], tmp_path: Path
) -> None:
    before = cluster.aws_auth()
    plan = tmp_path / "plan.json"
    assert "Added role" in run("plan_and_approve.py", "plan", str(plan), cluster.context)
    assert cluster.aws_auth() == before
    assert "+ role arn:aws:iam::968802670493:role/auditor" in run("plan_and_approve.py", "apply", str(plan))
    assert "Now at revision 3" in run("rollback.py")
    after = cluster.aws_auth()
    assert before is not None
    assert after is not None
    assert after["data"] == before["data"]
