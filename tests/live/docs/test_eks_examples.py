"""The examples for EKS run against a real API server and the real authenticator."""

from __future__ import annotations

import base64
import re
import runpy
import sys
from typing import TYPE_CHECKING

import pytest

from awsauth.client import AwsAuthClient
from tests.support.eks_examples import EXAMPLES, Octopus, run
from tests.support.named_cluster import NamedCluster, named_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.controlplane.cluster import Cluster

MESSAGE = re.compile(r"^##octopus\[(?P<name>[\w-]+)(?P<fields>[^\]]*)\]$", re.MULTILINE)
FIELD = re.compile(r"(\w+)='([^']*)'")


@pytest.fixture
def named(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[NamedCluster]:
    with named_cluster(cluster, monkeypatch, tmp_path) as known:
        known.map(example_boss=("system:masters",))
        known.await_in("example-boss")
        known.be_role("example-boss")
        yield known


def test_the_administrator_does_what_the_worker_is_told_to_ask_for(
    named: NamedCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    role = named.cluster.aws.create_role("example-worker")
    named.be_role("example-worker", "i-0123456789abcdef0")
    assert run(monkeypatch, "worker.py", named.name) == 1
    assert f'awsauth.add_role_mapping("{role}"' in capsys.readouterr().out

    named.be_role("example-boss")
    assert run(monkeypatch, "administrator.py", named.name, role, "deployer", "system:masters") is None
    said = capsys.readouterr().out
    assert role in said.partition("Revision")[0]
    assert "is live. The way back: client.rollback()" in said
    assert run(monkeypatch, "administrator.py", named.name, role, "deployer", "system:masters") is None
    assert "Nothing to do" in capsys.readouterr().out

    named.await_in("example-worker")
    named.be_role("example-worker", "i-0123456789abcdef0")
    assert run(monkeypatch, "worker.py", named.described.arn) == 0
    assert "`deployer`, in `system:masters`, by mapRoles" in capsys.readouterr().out


def deploy(monkeypatch: pytest.MonkeyPatch, **variables: str) -> object:
    """Run the step as Octopus does, and return with what it exits."""
    monkeypatch.setattr(sys, "argv", ["Bootstrap.py", "the key to all variables"])
    given = {name.replace("_", "."): value for name, value in variables.items()}
    try:
        runpy.run_path(str(EXAMPLES / "octopus_step.py"), Octopus(given).globals())
    except SystemExit as end:
        return end.code
    return None


def messages(output: str) -> dict[str, str]:
    """Return output variables and the message of the result, as Octopus reads them."""
    found = {}
    for match in MESSAGE.finditer(output):
        fields = {name: base64.b64decode(text).decode() for name, text in FIELD.findall(match["fields"])}
        if match["name"] == "setVariable":
            found[fields["name"]] = fields["value"]
        elif match["name"] == "resultMessage":
            found["message"] = fields["message"]
    return found


def test_a_deployment_step_maps_a_role_and_tells_octopus(
    named: NamedCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    role = named.cluster.aws.create_role("example-octopus")
    variables = {
        "AwsAuth_Cluster": named.name,
        "AwsAuth_RoleArn": role,
        "AwsAuth_Username": "octopus",
        "AwsAuth_Groups": "deployers, viewers",
    }
    before = named.cluster.aws_auth()
    assert deploy(monkeypatch, **variables, AwsAuth_DryRun="True") is None
    rehearsed = capsys.readouterr().out
    assert messages(rehearsed) == {"AwsAuth.Changed": "True", "AwsAuth.Revision": ""}
    assert role in rehearsed
    assert named.cluster.aws_auth() == before

    assert deploy(monkeypatch, **variables, Octopus_Release_Number="1.2.3") is None
    said = capsys.readouterr().out
    assert messages(said)["AwsAuth.Changed"] == "True"
    assert role in said
    assert "##octopus[stdout-highlight]\noctopus is mapped, as revision " in said
    with AwsAuthClient.from_eks(named.name) as client:
        log = client.history().entries
        assert str(log[0].info.number) == messages(said)["AwsAuth.Revision"]
        assert log[0].info.reason == "Octopus release 1.2.3"
        mapped = {found.username: found.groups for found in client.read().roles}
    assert mapped["octopus"] == ("deployers", "viewers")

    assert deploy(monkeypatch, **variables) is None
    said = capsys.readouterr().out
    assert messages(said)["AwsAuth.Changed"] == "False"
    assert "nothing to do" in said


def test_a_deployment_step_fails_as_octopus_shows_it(
    named: NamedCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy(monkeypatch, AwsAuth_Cluster=named.name) == -1
    assert messages(capsys.readouterr().out)["message"].startswith("The variable AwsAuth.RoleArn has no value")
    role = named.arn("example-boss")
    conflicting = {"AwsAuth_RoleArn": role, "AwsAuth_Username": "somebody-else", "AwsAuth_Groups": "x"}
    assert deploy(monkeypatch, AwsAuth_Cluster=named.name, **conflicting) == -1
    said = capsys.readouterr()
    assert "is already mapped" in messages(said.out)["message"]
    assert "if_mapped" in said.err
