"""One change to a real API server: by a process of its own, as a step of a deployment is, and by a client kept open."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

import awsauth
from tests.benchmarks import figures
from tests.benchmarks.contenders import KEIKO_COMMAND
from tests.benchmarks.documents import document
from tests.benchmarks.measuring import process_seconds, python_seconds, time_in_rounds
from tests.support.aws.eks_fake import EksFake
from tests.support.controlplane.cluster import Cluster
from tests.support.controlplane.plane import ControlPlane
from tests.support.controlplane.programs import programs
from tests.support.go_programs import built
from tests.support.servers.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_ENTRIES: Final = 100
_ADMINISTRATOR: Final = "benchmark-administrator"
_CHANGE: Final = """
import sys, awsauth
awsauth.add_role_mapping(sys.argv[1], username="new", groups=["new"], context=sys.argv[2])
"""


@dataclass(frozen=True, slots=True)
class Live:
    """A cluster with a map of some entries, and one of its administrators by a role of AWS.

    Attributes:
        cluster: The cluster.
        folder: For what the processes need.
        environment: The administrator's.
    """

    cluster: Cluster
    folder: Path
    environment: Mapping[str, str]

    def process_rows(self, rounds: int) -> Iterator[str]:
        """Measure one change by a new process, by tool and by what its kubeconfig holds."""
        kubeconfigs = {"a token": self.cluster.kubeconfig}
        with_cli = self._with_exec()
        path = self.environment.get("PATH", os.environ.get("PATH", os.defpath))
        has_cli = shutil.which("aws", path=path) is not None
        kubeconfigs["`aws eks get-token`"] = with_cli
        for holds, kubeconfig in kubeconfigs.items():
            jobs = {
                name: job
                for name, job in self._jobs(kubeconfig).items()
                if has_cli or kubeconfig is not with_cli or name.startswith("awsauth")
            }
            for job in jobs.values():
                job(9_999)  # what is compiled once, and kubectl's discovery, which it keeps
            taken = time_in_rounds(
                {name: partial(job, number) for name, job in jobs.items()} for number in range(1, rounds + 1)
            )
            measured, *others = taken
            for name in others:
                figures.note(f"a kubeconfig with {holds}", taken, measured, name)
            for name, times in taken.items():
                yield f"{holds} | {name} | {times}"
        if not has_cli:
            yield "`aws eks get-token` | the others: not measured, the AWS CLI is not on the PATH | |"

    def _jobs(self, kubeconfig: Path) -> dict[str, Callable[[int], float]]:
        environment = {**os.environ, **self.environment, "KUBECONFIG": str(kubeconfig)}
        (keiko_command,) = built([KEIKO_COMMAND], "keikoproj/aws-auth")
        kubectl, keiko = str(self.cluster.plane.programs.kubectl), str(keiko_command)
        config_map = ("-n", "kube-system", "configmap", "aws-auth")

        def patched(number: int) -> float:
            patch = json.dumps({"data": self._data(number)})
            return process_seconds([kubectl, "patch", *config_map, "--type=merge", "-p", patch], environment)

        def upserted(number: int) -> float:
            message = ("--rolearn", _new(number), "--username", "new", "--groups", "new")
            command = [keiko, "upsert", "--maproles", "--append", *message, "--kubeconfig", str(kubeconfig)]
            return process_seconds(command, environment)

        def added(number: int) -> float:
            self._reset()
            # Others have written before: that is one revision more, and not what a change is like day by day.
            with awsauth.AwsAuthClient.from_kubeconfig(path=self.cluster.kubeconfig, author="benchmark") as client:
                client.add_role_mapping(_new(0), username="new", groups=["new"])
            arguments = ("-c", _CHANGE, _new(number), self.cluster.context)
            return python_seconds(str(self.folder / "bytecode"), *arguments, environment=environment)

        def listed(_: int) -> float:
            return process_seconds([kubectl, "get", *config_map, "-o", "yaml"], environment)

        def after_reset(job: Callable[[int], float], number: int) -> float:
            self._reset()
            return job(number)

        return {
            "awsauth, with guards and revision": added,
            "keikoproj/aws-auth (Go)": partial(after_reset, upserted),
            "`kubectl patch`, given the whole text": partial(after_reset, patched),
            "`kubectl get`, for comparison": listed,
        }

    def _with_exec(self) -> Path:
        """Write a kubeconfig as ``aws eks update-kubeconfig`` does."""
        content = yaml.safe_load(self.cluster.kubeconfig.read_text(encoding="utf-8"))
        arguments = ["--region", self.cluster.aws.region, "eks", "get-token", "--cluster-name", self.cluster.name]
        content["users"][0]["user"] = {
            "exec": {
                "apiVersion": "client.authentication.k8s.io/v1beta1",
                "command": "aws",
                "args": [*arguments, "--output", "json"],
            }
        }
        path = self.folder / "exec.kubeconfig"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    def _reset(self) -> None:
        """Put the map back to what it was, so that each change finds as many entries."""
        self.cluster.put_aws_auth(self._data(0))

    def _data(self, account: int) -> dict[str, str]:
        role = f"arn:aws:iam::{self.cluster.aws.account}:role/{_ADMINISTRATOR}"
        administrator = f"- rolearn: {role}\n  username: admin\n  groups:\n  - system:masters\n"
        return {"mapRoles": document(_ENTRIES, account) + administrator}

    def client_rows(self) -> Iterator[str]:
        """Count the requests and connections of a client that is kept open, and time its changes."""
        self._reset()
        with Relay(self.cluster.server, self.cluster.ca_file) as relay:
            kubeconfig = replace(self.cluster.api, url=relay.url).write_kubeconfig(
                self.folder / "relay.kubeconfig", context=self.cluster.context
            )
            with awsauth.AwsAuthClient.from_kubeconfig(path=kubeconfig, author="benchmark") as client:
                connections: set[object] = set()
                for name, number in (
                    ("the first change ever", 1),
                    ("the next one", 2),
                    ("another", 3),
                    ("one that is made already", 3),
                ):
                    relay.forget()
                    took = _seconds(partial(client.add_role_mapping, _new(number), username="new", groups=["new"]))
                    requests = ", ".join(call.partition(" ")[0] for call in relay.calls)
                    connections |= {seen.connection for seen in relay.seen}
                    yield f"{name} | {len(relay.calls)} ({requests}) | {len(connections)} | {took * 1e3:.0f}"


@contextmanager
def live() -> Iterator[Live]:
    """Run a control plane with what is measured on it.

    Raises:
        NoGoError: there is no Go to build it.
        RuntimeError: it cannot be built.
    """
    with (
        ControlPlane(programs()) as plane,
        tempfile.TemporaryDirectory() as folder,
        EksFake(region=plane.aws.region, account=plane.aws.account) as eks,
    ):
        cluster = Cluster(plane, plane.folder)
        authority = cluster.ca_file.read_text(encoding="utf-8")
        # Without it, a change would look for the cluster that EKS does not know, and time that.
        eks.add_cluster(cluster.name, endpoint=cluster.server, certificate_authority=authority)
        role = cluster.aws.assume_role(_ADMINISTRATOR)
        environment = plane.environment | cluster.aws.proxy_environment | eks.environment | role.environment
        del environment["AWS_ENDPOINT_URL"]  # tokens name the real address of STS
        found = Live(cluster, Path(folder), environment)
        found._reset()
        cluster.await_identity(lambda: cluster.eks_token(role), lambda who: who is not None)
        yield found


def _new(number: int) -> str:
    return f"arn:aws:iam::111122223333:role/new-{number}"


def _seconds(job: Callable[[], Any]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began
