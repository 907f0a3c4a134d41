"""A new process asks EKS for a cluster without a client of botocore, and gets what a client would."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.loaders import create_loader

from awsauth.aws.eks import describe_cluster
from awsauth.aws.session import AwsSession
from awsauth.errors import AwsAuthError, AwsPermissionError, AwsServiceError, ClusterNotFoundError, CredentialsError
from tests.support.aws.aws_environment import KEYS, only
from tests.support.aws.eks_fake import EksFake, NoAnswer
from tests.support.imports import MODULES_OF, in_new_interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
HERE = {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1"}


@pytest.fixture
def fakes() -> Iterator[tuple[EksFake, EksFake]]:
    """Run two services."""
    with EksFake() as one, EksFake() as other:
        for fake in (one, other):
            fake.add_cluster("prod", endpoint="https://ABC.eks.example", certificate_authority=PEM, creator="")
        yield one, other


@pytest.fixture(autouse=True)
def _without_a_session(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be a process that has not loaded the session of botocore."""
    with monkeypatch.context() as fresh:
        fresh.delitem(sys.modules, "botocore.session")
        yield


def described_by_a_client(monkeypatch: pytest.MonkeyPatch, name: str) -> Any:
    with monkeypatch.context() as loaded:
        loaded.setitem(sys.modules, "botocore.session", botocore.session)
        return describe_cluster(AwsSession(), name)


@pytest.fixture
def eks(fakes: tuple[EksFake, EksFake], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> EksFake:
    only(monkeypatch, tmp_path, KEYS | HERE | fakes[0].environment)
    return fakes[0]


def test_one_request_without_a_session_describes_a_cluster(eks: EksFake, monkeypatch: pytest.MonkeyPatch) -> None:
    found = describe_cluster(AwsSession(), "prod")
    assert "botocore.session" not in sys.modules
    assert eks.operations() == ["DescribeCluster"]
    assert described_by_a_client(monkeypatch, "prod") == found


def test_a_new_process_loads_neither_a_session_nor_a_client(eks: EksFake) -> None:
    change = """
from awsauth.aws.eks import describe_cluster
from awsauth.aws.session import AwsSession
describe_cluster(AwsSession(), "prod")
"""
    loaded = in_new_interpreter(MODULES_OF.format(change=change))
    assert not {"botocore.session", "botocore.client", "boto3"}.intersection(loaded)
    assert eks.operations() == ["DescribeCluster"]


def _no_answer(_operation: str, _parameters: dict[str, Any]) -> None:
    raise NoAnswer


def test_a_client_repeats_what_eks_refuses_and_knows_the_error(eks: EksFake) -> None:
    with pytest.raises(ClusterNotFoundError, match="no EKS cluster `other`"):
        describe_cluster(AwsSession(), "other")
    eks.deny("DescribeCluster")
    with pytest.raises(AwsPermissionError, match="eks:DescribeCluster"):
        describe_cluster(AwsSession(), "prod")
    eks.deny()
    eks.fail("DescribeCluster", "ServerException", "busy", 503, times=2)
    assert describe_cluster(AwsSession(), "prod").name == "prod"
    eks.before = _no_answer
    with pytest.raises(AwsServiceError, match="closed the connection"):
        describe_cluster(AwsSession(), "prod")


def test_without_credentials_nothing_is_asked(eks: EksFake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, tmp_path, HERE | eks.environment)
    with pytest.raises(CredentialsError, match="There are no AWS credentials"):
        describe_cluster(AwsSession(), "prod")
    assert eks.operations() == []


def test_a_cluster_without_an_api_server_is_described_once(eks: EksFake) -> None:
    eks.clusters["prod"].status = "CREATING"
    with pytest.raises(AwsServiceError, match="`prod` has no API server: its status is `CREATING`"):
        describe_cluster(AwsSession(), "prod")
    assert eks.operations() == ["DescribeCluster"]


def test_credentials_that_cannot_be_renewed_are_asked_for_once(
    eks: EksFake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    keys = {"AccessKeyId": "A", "SecretAccessKey": "S", "SessionToken": "T"}
    expired = json.dumps(keys | {"Version": 1, "Expiration": "2020-01-01T00:00:00Z"})
    process = tmp_path / "process"
    process.write_text(f"#!/bin/sh\necho >> {asked}\necho '{expired}'\n", encoding="utf-8")
    process.chmod(0o755)
    only(monkeypatch, tmp_path, HERE | eks.environment, config=f"[default]\ncredential_process = {process}\n")
    with pytest.raises(CredentialsError, match=r"The cluster `prod` in eu-west-1 cannot be described: .*expired"):
        describe_cluster(AwsSession(), "prod")
    assert asked.read_text(encoding="utf-8") == "\n\n"  # when they are loaded, and to renew them
    assert eks.operations() == []


def test_a_role_that_cannot_be_assumed_is_refused_by_sts(
    eks: EksFake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    role = "[default]\nrole_arn = arn:aws:iam::111122223333:role/ops\ncredential_source = Environment\n"
    only(monkeypatch, tmp_path, KEYS | HERE | eks.environment | {"AWS_PROFILE": "default"}, config=role)
    wrong_code = {"Code": "AccessDenied", "Message": "MultiFactorAuthentication failed"}
    answer = {"Error": wrong_code, "ResponseMetadata": {"HTTPStatusCode": 403, "HTTPHeaders": {}}}
    session = AwsSession(profile="default")
    refused = AWSResponse("", 403, HTTPHeaders(), None), answer
    session.botocore.get_component("event_emitter").register("before-call.sts.AssumeRole", lambda **_: refused)
    monkeypatch.delitem(sys.modules, "botocore.session")
    with pytest.raises(AwsPermissionError, match="IAM does not allow sts:AssumeRole") as caught:
        describe_cluster(session, "prod")
    assert caught.value.action == "sts:AssumeRole"


CONFIGURED = "[default]\nendpoint_url = OTHER\n"
SERVICES = "[default]\nservices = mine\n[services mine]\neks =\n  endpoint_url = OTHER\n"


@pytest.mark.parametrize(
    ("variables", "config"),
    [
        ({"AWS_ENDPOINT_URL_EKS": "ONE"}, ""),
        ({"AWS_ENDPOINT_URL_EKS": "ONE/"}, CONFIGURED),
        ({"AWS_ENDPOINT_URL": "OTHER"}, ""),
        ({"AWS_ENDPOINT_URL": "OTHER", "AWS_ENDPOINT_URL_EKS": "ONE"}, ""),
        ({}, CONFIGURED),
        ({}, SERVICES),
        ({"AWS_ENDPOINT_URL": "ONE"}, SERVICES),
        ({}, "[default]\nservices = none\n"),
        ({"AWS_PROFILE": "none"}, ""),
        (
            {
                "AWS_ENDPOINT_URL_EKS": "ONE",
                "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
                "HTTPS_PROXY": "http://127.0.0.1:1",
            },
            "",
        ),
        ({"AWS_ENDPOINT_URL_EKS": "ONE", "HTTP_PROXY": "http://127.0.0.1:1"}, ""),
        ({"AWS_ENDPOINT_URL_EKS": "ONE", "HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.1"}, ""),
        ({"AWS_ENDPOINT_URL_EKS": "ONE", "AWS_USE_FIPS_ENDPOINT": "true"}, ""),
    ],
)
def test_it_goes_where_a_client_would(
    fakes: tuple[EksFake, EksFake],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variables: dict[str, str],
    config: str,
) -> None:
    def put(text: str) -> str:
        return text.replace("ONE", fakes[0].url).replace("OTHER", fakes[1].url)

    only(monkeypatch, tmp_path, KEYS | HERE | {name: put(text) for name, text in variables.items()}, config=put(config))
    outcomes = []
    for describe in (partial(describe_cluster, AwsSession()), partial(described_by_a_client, monkeypatch)):
        try:
            outcome: Any = describe("prod")
        except AwsAuthError as error:
            outcome = type(error), error.message
        outcomes.append((outcome, [fake.operations() for fake in fakes]))
        for fake in fakes:
            fake.requests.clear()
    assert outcomes[0] == outcomes[1]


def test_the_host_is_that_of_a_client_in_every_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, tmp_path, KEYS)
    session = AwsSession()
    for partition in create_loader().load_data("endpoints")["partitions"]:
        for region in partition["regions"]:
            host = f"https://{session.regional_host('eks', region)}"
            assert host == boto3.Session().client("eks", region_name=region).meta.endpoint_url
