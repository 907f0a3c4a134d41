"""Connecting: what kubectl would use, every way to credentials, and as whom."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import incluster_config

from awsauth.connections import kubernetes as connecting
from awsauth.errors import KubeconfigError, UsageError
from awsauth.options import ConnectionOptions
from tests.support.kubeconfigs import REVIEWS, both_ways, config, plugin, printing, who, written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.controlplane.cluster import Cluster

pytestmark = pytest.mark.usefixtures("nothing_around")


def test_a_named_context_of_a_named_file_is_used(cluster: Cluster) -> None:
    connection = connecting.from_kubeconfig(cluster.context, cluster.kubeconfig)
    assert connection.description == f"context {cluster.context} at {cluster.server}"
    assert who(connection) == "admin"
    assert who(connecting.from_kubeconfig(path=str(cluster.kubeconfig))) == "admin"


def test_the_file_in_the_home_folder_is_the_usual_one(cluster: Cluster, tmp_path: Path) -> None:
    user = cluster.user()
    written(tmp_path / "home" / ".kube" / "config", config(cluster, {"token": user.token}))
    assert who(connecting.from_default_kubeconfig()) == user.name


@both_ways
def test_a_token_file_is_read_again_when_it_was_renewed(cluster: Cluster, tmp_path: Path) -> None:
    first, second = cluster.user(), cluster.user()
    file = written(tmp_path / "token", first.token)
    content = config(cluster, {"tokenFile": str(file)})
    connection = connecting.from_kubeconfig(path=written(tmp_path / "config", content))
    assert who(connection) == first.name
    written(file, second.token + "\n")
    assert who(connection) == second.name
    written(file, " ")
    with pytest.raises(KubeconfigError, match="is empty"):
        who(connection)
    file.unlink()
    with pytest.raises(KubeconfigError, match="cannot be read"):
        who(connection)


def test_of_a_users_several_credentials_the_same_count_as_for_kubectl(cluster: Cluster, tmp_path: Path) -> None:
    """A token file before a token, unless there is none in it; either, or a certificate, before a program."""
    one, other = cluster.user(), cluster.user()
    certificate, key = cluster.plane.authority.issue_to_user("alice")
    pair = {"client-certificate": str(certificate), "client-key": str(key)}
    file = written(tmp_path / "token", one.token)
    from_program = plugin(tmp_path, printing({"token": other.token}))

    def known_as(user: dict[str, Any]) -> str:
        connection = connecting.from_kubeconfig(path=written(tmp_path / "config", config(cluster, user)))
        return who(connection)

    assert known_as({"tokenFile": str(file), "token": other.token}) == one.name
    assert known_as({"tokenFile": "/no/such/file", "token": other.token}) == other.name
    assert known_as({"tokenFile": "", "token": other.token, "client-certificate": None}) == other.name
    assert known_as({"tokenFile": str(file), **from_program}) == one.name
    assert known_as({"token": one.token, **from_program}) == one.name
    assert known_as({**pair, **from_program}) == "alice"
    assert not (tmp_path / "plugin.py.runs").exists()
    assert known_as(from_program) == other.name
    # The API server asks for the certificate first.
    certificate_and_token = {
        "token": other.token,
        "clientCertificateData": certificate.read_text(),
        "clientKeyData": key.read_text(),
    }
    assert known_as(plugin(tmp_path, printing(certificate_and_token))) == "alice"


@both_ways
def test_a_certificate_is_used_by_its_file_and_by_what_is_in_it(cluster: Cluster, tmp_path: Path) -> None:
    """As kubeadm and kind write it; what is in the kubeconfig wins over a file."""
    certificate, key = cluster.plane.authority.issue_to_user("alice", "team-a")
    (tmp_path / "alice.crt").write_bytes(certificate.read_bytes())
    files = {"client-certificate": "alice.crt", "client-key": str(key)}
    data = {
        "client-certificate-data": b64encode(certificate.read_bytes()).decode(),
        "client-key-data": b64encode(key.read_bytes()).decode(),
    }
    for user in (files, data, files | {"client-key-data": data["client-key-data"]}, data | {"client-key": "/no/such"}):
        file = written(tmp_path / "config", config(cluster, user))
        connection = connecting.from_kubeconfig(path=file)
        review = connection.transport.post(REVIEWS, {}, changes=False)["status"]["userInfo"]
        assert (review["username"], "team-a" in review["groups"]) == ("alice", True), user


@both_ways
def test_a_certificate_file_is_read_again_for_a_new_connection(cluster: Cluster, tmp_path: Path) -> None:
    certificate, key = tmp_path / "it.crt", tmp_path / "it.key"

    def renewed(username: str) -> None:
        for file, made in zip((certificate, key), cluster.plane.authority.issue_to_user(username), strict=True):
            file.write_bytes(made.read_bytes())

    renewed("alice")
    user = {"client-certificate": str(certificate), "client-key": str(key)}
    connection = connecting.from_kubeconfig(path=written(tmp_path / "config", config(cluster, user)))
    assert who(connection) == "alice"  # and the connection is closed
    renewed("bob")
    assert who(connection) == "bob"


def test_a_user_of_the_aws_cli_is_let_in_without_the_aws_cli(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = cluster.aws.assume_role("connecting", session_name="session")
    for name, value in (cluster.aws.environment | credentials.environment).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", str(tmp_path))
    mapped = f"- rolearn: {cluster_role(credentials.arn)}\n  username: connected\n  groups: [some]\n"
    cluster.put_aws_auth({"mapRoles": mapped})
    cluster.await_identity(lambda: cluster.eks_token(credentials), lambda identity: identity is not None)
    stanza = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": ["--region", "us-east-1", "eks", "get-token", "--cluster-name", cluster.name, "--output", "json"],
    }
    file = written(tmp_path / "config", config(cluster, {"exec": stanza}))
    assert who(connecting.from_kubeconfig(path=file)) == "connected"


def cluster_role(arn: str) -> str:
    """Return the role of an assumed one."""
    parts = arn.split(":")
    return f"arn:aws:iam::{parts[4]}:role/{parts[5].split('/')[1]}"


def test_the_kubeconfigs_own_impersonation_counts_unless_another_is_asked_for(cluster: Cluster, tmp_path: Path) -> None:
    user = {"token": cluster.admin_token, "as": "alice", "as-groups": ["one"]}
    file = written(tmp_path / "config", config(cluster, user))
    assert who(connecting.from_kubeconfig(path=file)) == "alice"
    assert (
        who(connecting.from_kubeconfig(path=file, options=ConnectionOptions(as_user="bob", as_groups=["two"]))) == "bob"
    )
    for more, problem in (
        ({"as-uid": "7"}, "as-uid"),
        ({"as-groups": 5}, "not a list"),
        ({"as-groups": {"a": 1}}, "not a list"),
    ):
        file = written(tmp_path / "config", config(cluster, user | more))
        with pytest.raises(KubeconfigError, match=problem):
            connecting.from_kubeconfig(path=file)


@pytest.fixture
def pod(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make this process look like one in a pod of the cluster, and return the file with its token."""
    host, port = cluster.server.removeprefix("https://").split(":")
    token = written(tmp_path / "pod" / "token", cluster.user().token)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(cluster.ca_file))
    return token


def test_a_pod_connects_with_its_service_account(cluster: Cluster, pod: Path) -> None:
    connection = connecting.in_cluster()
    assert connection.description == f"this pod's cluster at {cluster.server}"
    assert who(connection).startswith("user-")
    assert who(connecting.from_default_kubeconfig()) == who(connection)
    pod.unlink()
    with pytest.raises(KubeconfigError, match="Service token file does not exist"):
        connecting.in_cluster()


def test_a_kubeconfig_beats_the_pods_service_account(cluster: Cluster, pod: Path, tmp_path: Path) -> None:
    user = cluster.user()
    written(tmp_path / "home" / ".kube" / "config", config(cluster, {"token": user.token}))
    assert who(connecting.from_default_kubeconfig()) == user.name
    assert pod.exists()


def test_a_client_of_the_callers_own_is_used_and_left_open(cluster: Cluster) -> None:
    configuration = Configuration()
    configuration.host = cluster.server
    configuration.ssl_ca_cert = str(cluster.ca_file)
    configuration.proxy = None
    configuration.api_key["authorization"] = f"Bearer {cluster.admin_token}"
    api = ApiClient(configuration)
    connection = connecting.from_api_client(api)
    assert connection.description == f"the cluster at {cluster.server}"
    assert who(connection) == "admin"
    assert len(api.rest_client.pool_manager.pools) == 1
    with pytest.raises(UsageError, match="str is not a client of an API server"):
        connecting.from_api_client("https://example.com")  # type: ignore[arg-type]
