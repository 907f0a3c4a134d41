"""Who this machine is to AWS, from every place that credentials come from, with a real boto3."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

import awsauth
from awsauth.api import whoami
from awsauth.aws.identity import _source
from awsauth.aws.session import AwsSession, InstanceMetadata
from awsauth.client import AwsAuthClient
from awsauth.errors import AwsServiceError, CredentialsError, UsageError
from tests.support.aws.aws_environment import KEYS, only

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("method", "variables", "source"),
    [
        ("container-role", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials"}, "pod-identity"),
        ("container-role", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://[fd00:ec2::23]/v1/credentials"}, "pod-identity"),
        ("container-role", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/x"}, "container"),
        ("container-role", {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/x"}, "container"),
        ("sso", {}, "sso"),
        ("login", {}, "login"),
        ("something-new", {}, "something-new"),
    ],
)  # fmt: skip
def test_what_boto3_calls_a_source_is_told_in_the_words_of_eks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, method: str, variables: dict[str, str], source: str
) -> None:
    only(monkeypatch, tmp_path, variables)
    assert _source(method) == source


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "http://[::1", "http://", "nonsense"])
def test_a_metadata_endpoint_that_is_none_is_a_problem_and_no_exception(endpoint: str) -> None:
    metadata = InstanceMetadata(endpoint)
    assert metadata.instance_id() == ""
    assert "does not answer" in metadata.problem


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n"])
def test_metadata_that_comes_byte_by_byte_is_not_waited_for(begun: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connected, _ = server.accept()
            with connected, suppress(OSError):
                connected.sendall(begun)
                # For ever, but for a client that goes away.
                while True:
                    connected.sendall(b"x")
                    time.sleep(0.05)

        threading.Thread(target=drip, daemon=True).start()
        metadata = InstanceMetadata(f"http://127.0.0.1:{server.getsockname()[1]}", seconds=0.3)
        assert metadata.instance_id() == ""
    assert "does not answer" in metadata.problem


def test_metadata_goes_where_boto3_goes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variables, endpoint in (
        ({}, "http://169.254.169.254"),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}, "http://[fd00:ec2::254]"),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9/"}, "http://127.0.0.1:9"),
    ):
        only(monkeypatch, tmp_path, variables)
        assert AwsSession().metadata.endpoint == endpoint
    only(monkeypatch, tmp_path, {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "carrier pigeon"})
    with pytest.raises(CredentialsError, match="carrier pigeon"):
        _ = AwsSession().metadata


def test_an_sts_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, tmp_path, KEYS | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "eu-west-1"})
    with pytest.raises(AwsServiceError, match="The caller cannot be looked up: AWS cannot be reached"):
        whoami()
    with pytest.raises(UsageError):
        whoami(region="")


def test_without_a_cluster_there_is_nothing_to_ask(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no cluster to ask"):
        AwsAuthClient.in_memory().whoami()
    with pytest.raises(UsageError, match="no cluster to ask"):
        awsauth.whoami(file=tmp_path / "aws-auth.yaml")
    session: Any = object()
    with pytest.raises(UsageError, match="cannot be combined with a cluster"):
        awsauth.whoami(session=session, cluster="prod")
