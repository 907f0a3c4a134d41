"""The real cluster, known to EKS by its name, and boto3 in whichever place a test wants."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from awsauth.client import AwsAuthClient
from tests.support.aws.aws_environment import only
from tests.support.aws.eks_fake import EksFake
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pytest

    from awsauth.health.report import HealthReport
    from tests.support.aws.eks_fake import FakeCluster
    from tests.support.controlplane.api_server import ApiServer
    from tests.support.controlplane.cluster import Cluster


class NamedCluster:
    """A cluster that EKS describes.

    Attributes:
        cluster: The real one.
        eks: What stands in for EKS.
    """

    def __init__(self, cluster: Cluster, eks: EksFake, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.cluster = cluster
        self.eks = eks
        self._monkeypatch = monkeypatch
        self._folder = folder
        authority = cluster.ca_file.read_text(encoding="utf-8")
        self.described: FakeCluster = eks.add_cluster(
            cluster.name, endpoint=cluster.server, certificate_authority=authority
        )

    @property
    def name(self) -> str:
        """Its name."""
        return self.cluster.name

    @property
    def environment(self) -> dict[str, str]:
        """What leads boto3 to the services, with no credentials."""
        told = {name: value for name, value in self.cluster.aws.environment.items() if not name.endswith("_FILE")}
        return told | self.eks.environment

    def arn(self, role: str) -> str:
        """Return the ARN of a role."""
        return f"arn:aws:iam::{self.cluster.aws.account}:role/{role}"

    def be(self, *variables: Mapping[str, str]) -> None:
        """Have boto3 find these variables, and nothing else but the way to the services."""
        told = self.environment
        for more in variables:
            told |= dict(more)
        only(self._monkeypatch, self._folder, told)

    def be_role(self, role: str, session_name: str = "laptop") -> None:
        """Be somebody who wears a role."""
        self.be(self.cluster.aws.assume_role(role, session_name=session_name).environment)

    def map(self, **roles: tuple[str, ...]) -> None:
        """Map roles by their names, with ``-`` for ``_``, to the username of the same name and groups."""
        entries = [
            {"rolearn": self.arn(name.replace("_", "-")), "username": name.replace("_", "-"), "groups": list(groups)}
            for name, groups in roles.items()
        ]
        self.cluster.put_aws_auth({"mapRoles": json.dumps(entries)})

    def client(self, **how: Any) -> AwsAuthClient:
        """Return a client for whoever boto3 is."""
        return AwsAuthClient.from_eks(self.name, **how)

    def serve_from(self, api: ApiServer) -> None:
        """Have EKS name another API server."""
        self.described.endpoint = api.url

    def await_in(self, role: str, groups: tuple[str, ...] | None = None) -> None:
        """Wait until a role gets in, in these groups."""
        session = self.cluster.aws.assume_role(role)
        self.cluster.await_identity(
            lambda: self.cluster.eks_token(session), lambda who: who is not None and groups in (None, who.groups)
        )

    def await_out(self, role: str) -> None:
        """Wait until a role does not get in."""
        session = self.cluster.aws.assume_role(role)
        self.cluster.await_identity(lambda: self.cluster.eks_token(session), lambda who: who is None)


@contextmanager
def named_cluster(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[NamedCluster]:
    """Yield the cluster with EKS running, and boto3 nobody."""
    with EksFake(region=cluster.aws.region, account=cluster.aws.account) as eks:
        named = NamedCluster(cluster, eks, monkeypatch, folder)
        named.be()
        yield named


def awaited(check: Callable[[], HealthReport], wanted: Callable[[HealthReport], bool]) -> HealthReport:
    """Return a report that is as wanted: the authenticator takes a moment to see a change."""
    return wait_for(check, wanted)
