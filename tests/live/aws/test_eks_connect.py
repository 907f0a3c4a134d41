"""Connecting to a real API server by the name that EKS knows the cluster by."""

from __future__ import annotations

import json
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest

from awsauth.aws.eks import describe_cluster
from awsauth.aws.session import AwsSession
from awsauth.connections.eks import EksConnection, from_eks
from awsauth.errors import AuthenticationError, AwsServiceError, ClusterNotFoundError, UnreachableError
from tests.support.aws.aws_environment import KEYS, only
from tests.support.aws.eks_fake import EksFake
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.controlplane.cluster import Cluster
    from tests.support.controlplane.metadata import InstanceMetadata

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.fixture
def eks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[EksFake]:
    with EksFake() as fake:
        # STS is not there: what says which account it was has to do without.
        only(monkeypatch, tmp_path, KEYS | fake.environment | {"AWS_REGION": "eu-west-1", "AWS_MAX_ATTEMPTS": "1"})
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
        fake.add_cluster("prod", endpoint="https://ABC.eks.example", certificate_authority=PEM)
        yield fake


def test_a_cluster_that_is_not_there_is_said_with_the_account(
    eks: EksFake, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        cluster.aws.environment | eks.environment | cluster.aws.assume_role("lost").environment
    ).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", cluster.aws.endpoint_url)
    with pytest.raises(ClusterNotFoundError, match=rf"in us-east-1 \(account {cluster.aws.account}\)"):
        describe_cluster(AwsSession(), "produ")


def test_the_region_comes_from_instance_metadata_where_nothing_else_tells_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, instance: InstanceMetadata
) -> None:
    only(monkeypatch, tmp_path, instance.environment)
    assert AwsSession().region == instance.aws.region


@pytest.fixture
def named(eks: EksFake, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Return the real cluster, which EKS knows by its name."""
    eks.region, eks.account = cluster.aws.region, cluster.aws.account
    authority = cluster.ca_file.read_text(encoding="utf-8")
    eks.add_cluster(cluster.name, endpoint=cluster.server, certificate_authority=authority)
    worker = cluster.aws.assume_role("connect-worker", session_name="i-0123456789abcdef0").environment
    for name, value in (cluster.aws.environment | eks.environment | worker).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", cluster.aws.endpoint_url)
    roles = [
        {"rolearn": f"arn:aws:iam::{cluster.aws.account}:role/connect-worker", "username": "worker", "groups": ["ws"]},
        {"rolearn": cluster.aws.create_role("connect-other"), "username": "other"},
    ]
    cluster.put_aws_auth({"mapRoles": json.dumps(roles)})
    return cluster


def who_am_i(connection: EksConnection, username: str) -> Any:
    """Return the server's answer once it is `username`: a new map takes a moment."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}

    def ask() -> Any:
        with suppress(AuthenticationError):
            reviews = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
            return connection.transport.post(reviews, body, changes=False)["status"]["userInfo"]
        return {}

    return wait_for(ask, lambda answer: answer.get("username") == username)


def test_a_name_alone_leads_to_the_api_server(named: Cluster, eks: EksFake) -> None:
    with closing(from_eks(named.name)) as connection:
        assert who_am_i(connection, "worker")["groups"] == ["ws", "system:authenticated"]
        assert connection.description == (
            f"EKS cluster {named.name} in {named.aws.region} (account {named.aws.account}) at {named.server}"
        )
        assert connection.tokens.token().value not in repr(connection)
    assert eks.operations() == ["DescribeCluster"]


def test_a_role_is_assumed_for_the_token_and_not_for_eks(named: Cluster) -> None:
    role = f"arn:aws:iam::{named.aws.account}:role/connect-other"
    with closing(from_eks(named.name, role_arn=role)) as connection:
        assert who_am_i(connection, "other")["username"] == "other"
        assert connection.tokens.session.credentials().method == "env"


def test_a_certificate_of_another_authority_is_refused(named: Cluster, eks: EksFake, tmp_path: Path) -> None:
    eks.clusters[named.name].certificate_authority = self_signed(tmp_path)
    with closing(from_eks(named.name)) as connection, pytest.raises(UnreachableError, match=r"(?i)certificate"):
        connection.transport.get("/version")


def self_signed(folder: Path) -> str:
    """Return a certificate of an authority that has signed nothing."""
    from tests.support.controlplane.authority import Authority

    return Authority(folder).certificate_file.read_text(encoding="utf-8")


def test_the_facts_of_a_cluster_are_those_of_eks(named: Cluster, eks: EksFake, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(from_eks(named.name)) as connection:
        assert connection.eks.authentication_mode() == "CONFIG_MAP"
        assert connection.eks.access_entries().entries == ()
        eks.clusters[named.name].authentication_mode = "API_AND_CONFIG_MAP"
        eks.clusters[named.name].entries.made_by_eks(f"arn:aws:iam::{named.aws.account}:role/creator", "STANDARD")
        assert connection.eks.authentication_mode() == "CONFIG_MAP"
        monkeypatch.setattr("awsauth.connections.eks_cluster_info._LASTS", 0.0)
        assert connection.eks.authentication_mode() == "API_AND_CONFIG_MAP"
        found = connection.eks.access_entries()
        assert ([entry.is_administrator for entry in found.entries], found.notes) == ([True], ())
        eks.deny("DescribeAccessEntry")
        assert "DescribeAccessEntry" in connection.eks.access_entries().notes[0]
        eks.deny("ListAccessEntries")
        with pytest.raises(AwsServiceError, match="ListAccessEntries"):
            connection.eks.access_entries()
