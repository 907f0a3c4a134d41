"""The control plane that other tests run on lets in whom it should, and nobody else, and leaves nothing behind."""

from __future__ import annotations

import base64
import datetime as dt
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import urllib3

from tests.support.aws.presigned import url_in
from tests.support.controlplane.aws import AwsCredentials, eks_token
from tests.support.controlplane.plane import _new_folder
from tests.support.controlplane.processes import free_port
from tests.support.controlplane.programs import AssetsError, programs
from tests.support.paths import PROJECT
from tests.support.waiting import PATIENCE, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.controlplane.cluster import Cluster, Identity
    from tests.support.controlplane.metadata import InstanceMetadata
    from tests.support.controlplane.plane import ControlPlane

DEVELOPERS = "- rolearn: arn:aws:iam::123456789012:role/developers\n  username: dev:{{SessionName}}\n  groups: [devs]\n"
READ_AWS_AUTH = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], "resourceNames": ["aws-auth"]}


def known(identity: Identity | None) -> bool:
    return identity is not None


def unknown(identity: Identity | None) -> bool:
    return identity is None


@pytest.fixture
def developer(cluster: Cluster) -> AwsCredentials:
    """Return a session of a role that is mapped, and has got in."""
    cluster.put_aws_auth({"mapRoles": DEVELOPERS})
    session = cluster.aws.assume_role("developers", session_name="alice")
    cluster.await_identity(lambda: cluster.eks_token(session), known)
    return session


def test_a_mapped_role_gets_in_as_the_mapping_says(cluster: Cluster, developer: AwsCredentials) -> None:
    identity = cluster.identity(cluster.eks_token(developer))
    assert identity is not None
    assert (identity.username, identity.groups) == ("dev:alice", ("devs",))
    assert identity.extra["canonicalArn"] == ["arn:aws:iam::123456789012:role/developers"]


def test_a_mapped_user_gets_in_with_the_path_of_its_arn(cluster: Cluster) -> None:
    bob = cluster.aws.create_user("bob", path="/team/")
    cluster.put_aws_auth({"mapUsers": f"- userarn: {bob.arn}\n  username: bob\n  groups: [viewers]\n"})
    identity = cluster.await_identity(lambda: cluster.eks_token(bob), known)
    assert identity is not None
    assert (identity.username, identity.groups) == ("bob", ("viewers",))
    assert bob.arn == "arn:aws:iam::123456789012:user/team/bob"


@pytest.mark.usefixtures("developer")
def test_who_is_not_mapped_does_not_get_in(cluster: Cluster) -> None:
    assert cluster.identity(cluster.eks_token(cluster.aws.assume_role("others"))) is None


def test_a_mapping_that_is_gone_lets_nobody_in(cluster: Cluster, developer: AwsCredentials) -> None:
    cluster.put_aws_auth({"mapRoles": "[]\n"})
    assert cluster.await_identity(lambda: cluster.eks_token(developer), unknown) is None


def test_a_token_for_another_cluster_is_refused(cluster: Cluster, developer: AwsCredentials) -> None:
    assert cluster.identity(eks_token(developer, "another")) is None


@pytest.mark.parametrize("minutes", [-16, 16])
def test_an_old_token_and_one_of_the_future_are_refused(
    cluster: Cluster, developer: AwsCredentials, minutes: int
) -> None:
    now = dt.datetime.now(dt.timezone.utc)
    assert cluster.identity(eks_token(developer, cluster.name, signed_at=now)) is not None
    assert cluster.identity(eks_token(developer, cluster.name, signed_at=now + dt.timedelta(minutes=minutes))) is None


@pytest.mark.parametrize(
    "forged",
    [{"secret_key": "guessed"}, {"session_token": "guessed"}, {"session_token": None}, {"access_key": "ASIAX"}],
)
def test_a_forged_token_is_refused(cluster: Cluster, developer: AwsCredentials, forged: dict[str, str | None]) -> None:
    fields: dict[str, Any] = {name: getattr(developer, name) for name in ("access_key", "secret_key", "session_token")}
    assert cluster.identity(cluster.eks_token(AwsCredentials(**fields, arn=""))) is not None
    assert cluster.identity(cluster.eks_token(AwsCredentials(**(fields | forged), arn=""))) is None


def test_a_token_without_its_signature_is_refused(cluster: Cluster, developer: AwsCredentials) -> None:
    token = cluster.eks_token(developer)
    url = url_in(token).partition("&X-Amz-Signature=")[0]
    assert cluster.identity("k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")) is None


def test_sts_itself_looks_at_age_and_cluster(cluster: Cluster, developer: AwsCredentials) -> None:
    """The authenticator looks at the age too, so what is asked through it does not say what STS does."""

    def status(signed_at: dt.datetime, sent: str) -> int:
        token = eks_token(developer, cluster.name, signed_at=signed_at)
        url = url_in(token)
        proxy = urllib3.ProxyManager(cluster.aws.proxy_url, ca_certs=str(cluster.aws.ca_file))
        return proxy.request("GET", url, headers={"x-k8s-aws-id": sent}, retries=False).status

    now = dt.datetime.now(dt.timezone.utc)
    assert status(now, cluster.name) == 200
    assert status(now, "another") == 403
    assert status(now - dt.timedelta(minutes=16), cluster.name) == 403
    assert status(now + dt.timedelta(minutes=16), cluster.name) == 403


def test_a_key_that_was_deactivated_is_refused(cluster: Cluster) -> None:
    carol = cluster.aws.create_user("carol")
    cluster.put_aws_auth({"mapUsers": f"- userarn: {carol.arn}\n  username: carol\n"})
    cluster.await_identity(lambda: cluster.eks_token(carol), known)
    cluster.aws.client("iam").update_access_key(UserName="carol", AccessKeyId=carol.access_key, Status="Inactive")
    assert cluster.identity(cluster.eks_token(carol)) is None


def test_a_node_is_named_after_its_instance(cluster: Cluster) -> None:
    """The authenticator asks EC2 for the private name of the instance that the session is named after."""
    ec2 = cluster.aws.client("ec2")
    node = ec2.run_instances(ImageId="ami-0123456789abcdef0", MinCount=1, MaxCount=1)["Instances"][0]
    cluster.put_aws_auth(
        {
            "mapRoles": "- rolearn: arn:aws:iam::123456789012:role/nodes\n"
            "  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:nodes]\n"
        }
    )
    session = cluster.aws.assume_role("nodes", session_name=node["InstanceId"])
    identity = cluster.await_identity(lambda: cluster.eks_token(session), known)
    assert identity is not None
    assert identity.username == f"system:node:{node['PrivateDnsName']}"


def test_a_second_api_server_remembers_whose_a_token_is(cluster: Cluster, developer: AwsCredentials) -> None:
    """Also when the ten seconds are over for which any API server does."""
    token = cluster.eks_token(developer)
    with cluster.plane.second_api_server(cache_ttl="1h") as api:
        assert known(cluster.identity(token, api=api))
        assert known(cluster.identity(token))
        cluster.put_aws_auth({"mapRoles": "[]\n"})
        cluster.await_identity(lambda: token, unknown)
        assert known(cluster.identity(token, api=api))
        assert unknown(cluster.identity(cluster.eks_token(developer), api=api))


def test_a_user_may_do_what_the_rules_say_and_nothing_else(cluster: Cluster) -> None:
    cluster.put_aws_auth({"mapRoles": "[]\n"})
    reader, nobody = cluster.user([READ_AWS_AUTH]), cluster.user()
    read = ["get", "configmap", "aws-auth", "--namespace=kube-system"]
    assert "aws-auth" in cluster.kubectl(*read, kubeconfig=reader.kubeconfig).stdout
    assert "forbidden" in cluster.kubectl(*read, kubeconfig=nobody.kubeconfig, check=False).stderr
    deleting = cluster.kubectl("delete", *read[1:], kubeconfig=reader.kubeconfig, check=False)
    assert "forbidden" in deleting.stderr


def test_a_test_finds_nothing_of_the_one_before(cluster: Cluster, tmp_path: Path) -> None:
    """Neither what has a finalizer, nor what would stand in the way of cleaning."""
    cluster.put_aws_auth({"mapRoles": "[]\n"}, finalizers=["example.com/never"])
    cluster.user([READ_AWS_AUTH], cluster_rules=[READ_AWS_AUTH])
    cluster.kubectl("create", "namespace", "left")
    cluster.kubectl("create", "configmap", "left", "--namespace=left")
    cluster.api.must(
        "POST",
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
        {
            "metadata": {"name": "refuses"},
            "webhooks": [
                {
                    "name": "refuses.example.com",
                    "clientConfig": {"url": "https://127.0.0.1:1/"},
                    "rules": [
                        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}
                    ],
                    "sideEffects": "None",
                    "admissionReviewVersions": ["v1"],
                }
            ],
        },
    )
    again = type(cluster)(cluster.plane, tmp_path)
    assert again.aws_auth() is None
    assert again.revisions() == []
    kinds = "configmap,role,clusterrole,rolebinding,clusterrolebinding,validatingwebhookconfiguration"
    listed = again.kubectl("get", kinds, "--all-namespaces", "--output=name", "--selector=!kubernetes.io/bootstrapping")
    assert {
        name for name in listed.stdout.split() if "extension-apiserver" not in name and "legacy" not in name
    } == set()
    assert "left" not in again.kubectl("get", "namespaces").stdout


def test_boto3_is_on_the_instance(cluster: Cluster, instance: InstanceMetadata) -> None:
    """Credentials by IMDSv2 are those of the role, STS knows them, and so does the authenticator."""
    instance.role_arn = cluster.aws.create_role("worn", path="/fleet/")
    cluster.put_aws_auth(
        {"mapRoles": "- rolearn: arn:aws:iam::123456789012:role/worn\n  username: fleet:{{SessionName}}\n"}
    )
    import boto3

    without = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    on_instance = cluster.aws.environment | instance.environment
    with mock.patch.dict(os.environ, without | on_instance, clear=True):
        session = boto3.Session()
        arn = session.client("sts").get_caller_identity()["Arn"]
        given = session.get_credentials()
    assert arn == f"arn:aws:sts::123456789012:assumed-role/worn/{instance.instance_id}"
    assert given is not None
    worn = AwsCredentials(given.access_key, given.secret_key, given.token, arn)
    identity = cluster.await_identity(lambda: cluster.eks_token(worn), known)
    assert identity is not None
    assert identity.username == f"fleet:{instance.instance_id}"
    assert ("PUT", "/latest/api/token") in instance.requests


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(retries=False, timeout=PATIENCE) as pool:
        yield pool


def test_the_metadata_service_wants_a_token_and_can_be_off_or_silent(
    instance: InstanceMetadata, http: urllib3.PoolManager
) -> None:
    asked = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    url = f"{instance.url}/latest/meta-data/placement/region"
    assert http.request("GET", url).status == 401
    token = http.request("PUT", f"{instance.url}/latest/api/token", headers=asked).data.decode()
    assert http.request("GET", url, headers={"X-aws-ec2-metadata-token": token}).data == b"us-east-1"
    roles = f"{instance.url}/latest/meta-data/iam/security-credentials/"
    assert http.request("GET", roles, headers={"X-aws-ec2-metadata-token": token}).status == 404
    instance.behaviour = "off"
    assert http.request("PUT", f"{instance.url}/latest/api/token", headers=asked).status == 403
    instance.behaviour = "silent"
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        http.request("PUT", f"{instance.url}/latest/api/token", headers=asked, timeout=0.2)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_behind(
    control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    """A second control plane starts beside the first, and ends with the process that started it, however that ends."""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "tests.support.controlplane"]
    with subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        # It has printed the last line once everything is up.
        assert any(line.startswith("unset AWS_") for line in iter(process.stdout.readline, ""))
        running = descendants(process.pid)
        process.send_signal(how)
        process.wait(PATIENCE)
    assert len(running) == len(control_plane.processes) == 4
    wait_for(lambda: [pid for pid in running if Path(f"/proc/{pid}/exe").exists()], lambda left: not left)
    if how == signal.SIGKILL:
        # What could not be removed is removed by the next one.
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        folder, lock = _new_folder()
        lock.close()
        shutil.rmtree(folder)
    assert list(tmp_path.iterdir()) == []


def descendants(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text(encoding="ascii").split()]


def test_a_port_is_given_once_until_the_process_ends() -> None:
    """Another process and a later call get another one, though nothing listens on the first yet."""
    asked = "import random; random.seed(2); from tests.support.controlplane.processes import free_port as f; print(f())"

    def elsewhere() -> int:
        return int(
            subprocess.run([sys.executable, "-c", asked], cwd=PROJECT, stdout=subprocess.PIPE, check=True).stdout
        )

    random.seed(2)
    mine = free_port()
    random.seed(2)
    assert len({mine, free_port(), elsewhere()}) == 3


@pytest.mark.usefixtures("control_plane")
def test_a_command_runs_with_the_example_and_gives_its_status() -> None:
    script = "kubectl get configmap aws-auth --namespace=kube-system --output=name && exit 7"
    command = [sys.executable, "-m", "tests.support.controlplane", "sh", "-c", script]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (7, "configmap/aws-auth\n"), done.stderr


def test_assets_are_used_where_they_are_named(
    control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    (tmp_path / "etcd").touch()
    with pytest.raises(AssetsError, match="no kube-apiserver in it"):
        programs()
    (tmp_path / "kube-apiserver").touch()
    found = programs()
    assert (found.etcd, found.kube_apiserver) == (tmp_path / "etcd", tmp_path / "kube-apiserver")
    assert found.aws_iam_authenticator == control_plane.programs.aws_iam_authenticator
