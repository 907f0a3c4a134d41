"""The examples for EKS run: the worker's side, the administrator's side, and a deployment step as Octopus runs it."""

from __future__ import annotations

import base64
import re
import runpy
import sys
from typing import TYPE_CHECKING, Any

import pytest

from awsauth.client import AwsAuthClient
from tests.support.named_cluster import NamedCluster, named_cluster
from tests.support.paths import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.controlplane.cluster import Cluster

EXAMPLES = PROJECT / "examples" / "eks"
MESSAGE = re.compile(r"^##octopus\[(?P<name>[\w-]+)(?P<fields>[^\]]*)\]$", re.MULTILINE)
FIELD = re.compile(r"(\w+)='([^']*)'")


@pytest.fixture
def named(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[NamedCluster]:
    with named_cluster(cluster, monkeypatch, tmp_path) as known:
        known.map(example_boss=("system:masters",))
        known.await_in("example-boss")
        known.be_role("example-boss")
        yield known


def run(monkeypatch: pytest.MonkeyPatch, script: str, *arguments: str) -> object:
    """Run an example as the interpreter does, and return with what it exits; None where it does not say."""
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    try:
        runpy.run_path(str(EXAMPLES / script), run_name="__main__")
    except SystemExit as end:
        return end.code
    return None


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


@pytest.mark.parametrize(
    "script", ["worker.py", "administrator.py", "octopus_step.py", "../cluster/plan_and_approve.py"]
)
def test_without_what_it_needs_an_example_says_so(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    said = run(monkeypatch, script)
    assert isinstance(said, str)
    location = (EXAMPLES / script).resolve().relative_to(PROJECT)
    assert f"python {location}" in said or "not Octopus that runs it" in said


class Octopus:
    """Stands in for what Octopus puts around a Python script: its predefined functions, and service messages."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.variables = variables

    def globals(self) -> dict[str, Any]:
        """Return what the script finds."""
        names = ("get_octopusvariable", "set_octopusvariable", "printwarning", "printhighlight", "failstep")
        return {name: getattr(self, name) for name in names}

    def get_octopusvariable(self, key: str) -> str:
        return self.variables[key]

    def set_octopusvariable(self, name: str, value: str, sensitive: bool = False) -> None:  # noqa: FBT001, FBT002 - theirs
        assert not sensitive
        self._tell("setVariable", name=name, value=value)

    def printwarning(self, message: str) -> None:
        print(f"##octopus[stdout-warning]\n{message}\n##octopus[stdout-default]")

    def printhighlight(self, message: str) -> None:
        print(f"##octopus[stdout-highlight]\n{message}\n##octopus[stdout-default]")

    def failstep(self, message: str) -> None:
        self._tell("resultMessage", message=message)
        raise SystemExit(-1)

    def _tell(self, kind: str, **fields: str) -> None:
        shown = " ".join(f"{name}='{base64.b64encode(text.encode()).decode()}'" for name, text in fields.items())
        print(f"##octopus[{kind} {shown}]")


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
    assert "is mapped already" in messages(said.out)["message"]
    assert "if_mapped" in said.err
