"""A change on a cluster loads only the packages that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

import awsauth
from tests.support.imports import MODULES_OF, in_new_interpreter, is_below

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.support.controlplane.cluster import Cluster

NOT_FOR_A_CLUSTER = (
    *("boto3", "click", "google", "kubernetes", "oauthlib", "pydantic", "requests", "rich", "ruamel", "subprocess"),
    *(
        "typing_extensions",
        "websocket",
        "awsauth.cli",
        "awsauth.core.explain.explain",
        "awsauth.core.explain.explanation",
    ),
    *("awsauth.core.access.caller", "awsauth.core.document.full_reader", "awsauth.core.lint.lint"),
    *("awsauth.core.manifest.manifest", "awsauth.core.mappings", "awsauth.core.plan", "awsauth.core.lint.policy"),
    *("awsauth.core.lint.rules", "awsauth.history.log", "awsauth.history.rollback", "awsauth.kube.official_client"),
    *("awsauth.kube.exec_credential", "awsauth.kube.errors", "awsauth.stores.file", "awsauth.verification.verify"),
)

# What EKS, lost access and errors take.
NOT_FOR_A_TOKEN = (
    *("botocore", "awsauth.aws", "awsauth.core.cluster.facts", "awsauth.core.entries", "awsauth.core.report"),
    *("awsauth.kube.discovery", "awsauth.kube.rbac"),
)


def loaded_by_a_cluster(cluster: Cluster, kubeconfig: Path) -> list[str]:
    """Return what one change to a cluster loads that was changed before."""
    add = "add_role_mapping('arn:aws:iam::111122223333:role/{0}', username='{0}', groups=['g'], {1})"
    with awsauth.AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig) as client:
        client.add_role_mapping("arn:aws:iam::111122223333:role/a", username="a", groups=["g"])
    change = "import awsauth\nassert awsauth." + add.format("b", f"kubeconfig={str(kubeconfig)!r}") + ".changed"
    return in_new_interpreter(MODULES_OF.format(change=change))


def test_changing_a_cluster_loads_no_more_than_it_takes(cluster: Cluster) -> None:
    loaded = loaded_by_a_cluster(cluster, cluster.kubeconfig)
    assert "urllib3" in loaded
    assert [name for name in loaded if is_below(name, {*NOT_FOR_A_CLUSTER, *NOT_FOR_A_TOKEN})] == []


def test_changing_an_eks_cluster_loads_no_more_than_it_takes(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the kubeconfig that ``aws eks update-kubeconfig`` writes, whose tokens are signed in the process."""
    worker = cluster.aws.assume_role("worker")
    role = f"arn:aws:iam::{cluster.aws.account}:role/worker"
    cluster.put_aws_auth({"mapRoles": f"- rolearn: {role}\n  username: worker\n  groups: [system:masters]\n"})
    cluster.await_identity(lambda: cluster.eks_token(worker), lambda identity: identity is not None)
    for name, value in (cluster.aws.environment | worker.environment).items():
        monkeypatch.setenv(name, value)
    content = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    arguments = ["--region", cluster.aws.region, "eks", "get-token", "--cluster-name", cluster.name]
    version = "client.authentication.k8s.io/v1beta1"
    content["users"][0]["user"] = {"exec": {"apiVersion": version, "command": "aws", "args": arguments}}
    kubeconfig = tmp_path / "exec.kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(content), encoding="utf-8")
    loaded = loaded_by_a_cluster(cluster, kubeconfig)
    assert "botocore" in loaded
    used_by_botocore = {"subprocess"}
    unused = {*NOT_FOR_A_CLUSTER, "awsauth.kube.rbac"} - used_by_botocore
    assert [name for name in loaded if is_below(name, unused)] == []
