"""A cluster of EKS with an API server that lets in by the access entries of the stand-in for EKS too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest

from awsauth.aws.token import TokenSource
from tests.support.aws.aws_environment import only
from tests.support.aws.eks_fake import EksFake
from tests.support.aws.eks_webhook import EksWebhook
from tests.support.controlplane.aws import EXPIRES
from tests.support.recovery_stage import ACCOUNT, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.controlplane.api_server import ApiServer
    from tests.support.controlplane.aws import AwsCredentials
    from tests.support.controlplane.cluster import Cluster
    from tests.support.controlplane.plane import ControlPlane


@pytest.fixture(scope="package")
def front(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[EksWebhook, ApiServer]]:
    """Yield an API server that asks EKS's access entries first."""
    folder = tmp_path_factory.mktemp("webhook")
    with (
        EksWebhook(control_plane, folder) as webhook,
        control_plane.second_api_server(cache_ttl="0s", webhook=webhook.kubeconfig) as api,
    ):
        yield webhook, api


@pytest.fixture(scope="package")
def caller(control_plane: ControlPlane) -> AwsCredentials:
    """Return the credentials of a session of a role with a path."""
    role = control_plane.aws.create_role("recover-ops", path="/team/")
    return control_plane.aws.assume_role(role, session_name="alice")


@pytest.fixture
def stage(
    cluster: Cluster,
    front: tuple[EksWebhook, ApiServer],
    caller: AwsCredentials,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Stage]:
    webhook, api = front
    signed = TokenSource._signed
    # An API server remembers for ten seconds whose a token is. So no two may be the same, as two of a second would be.
    monkeypatch.setattr(TokenSource, "_signed", lambda source, keys, _: signed(source, keys, next(EXPIRES)))
    with EksFake(region=cluster.aws.region, account=ACCOUNT) as eks:
        only(monkeypatch, tmp_path, cluster.aws.environment | eks.environment | caller.environment)
        stage = Stage(cluster, eks, webhook, api, caller, boto3.Session())
        stage.reset()
        webhook.bind_policies(api)
        yield stage
        webhook.eks = None
