"""Findings that need the cluster's own roles, bindings and nodes."""

from __future__ import annotations

import json
import time as clock
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from awsauth.client import AwsAuthClient
from awsauth.core.cluster.findings import bound
from awsauth.core.findings import Finding, Severity
from awsauth.kube import resources as listing
from awsauth.kube.rbac import read_bindings
from awsauth.kube.resources import read_nodes
from awsauth.mapping_methods import node_role
from tests.support.changed import MASTERS, node, role, roles
from tests.support.connections import connected

if TYPE_CHECKING:
    import pytest

    from tests.support.controlplane.cluster import Cluster


def codes(found: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(finding.code, finding.principal.rpartition("/")[2]) for finding in found]


def await_later_second(moment: datetime) -> None:
    """Return when the clock shows another second than `moment`."""
    while datetime.now(timezone.utc).replace(microsecond=0) <= moment:
        clock.sleep(0.05)


CLUSTER_ADMIN = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def test_the_bindings_of_a_real_cluster(cluster: Cluster) -> None:
    """Those that Kubernetes makes by itself, a ClusterRoleBinding, a RoleBinding, and what a mapping gets of them."""
    ops = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "ops"}]
    ci = [{"kind": "ServiceAccount", "name": "ci", "namespace": "default"}]
    made = {"metadata": {"name": "x"}, "roleRef": CLUSTER_ADMIN}
    cluster.api.must("POST", f"{RBAC}/clusterrolebindings", {**made, "subjects": ops})
    cluster.api.must("POST", f"{RBAC}/namespaces/default/rolebindings", {**made, "subjects": ci})
    found = read_bindings(connected(cluster.kubeconfig))
    assert [binding.name for binding in found.groups["ops"]] == ["x"]
    [binding] = found.usernames["system:serviceaccount:default:ci"]
    assert binding == ("RoleBinding", "x", "default", "ClusterRole", "cluster-admin")
    assert found.admin_groups == {"ops", MASTERS}
    assert "system:kube-scheduler" in found.usernames
    assert "system:serviceaccount:default:ci" not in found.admin_usernames
    document = roles(role("a", "x", "ops"), role("b", "system:kube-scheduler"), role("c", "c", "Ops"), node())
    assert codes(bound(document, found)) == [("cluster-admin", "a"), ("gives-nothing", "c")]


def test_lists_longer_than_a_page_are_read_to_the_end(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE_LIMIT", "2")
    for number in range(5):
        provider_id = f"aws:///us-east-1a/i-0123456789abcdef{number}"
        cluster.api.must(
            "POST", "/api/v1/nodes", {"metadata": {"name": f"n{number}"}, "spec": {"providerID": provider_id}}
        )
    found = read_nodes(connected(cluster.kubeconfig))
    assert [(node.name, node.instance_id) for node in found] == [
        (f"n{number}", f"i-0123456789abcdef{number}") for number in range(5)
    ]


def test_a_cluster_without_nodes_has_none(cluster: Cluster) -> None:
    assert read_nodes(connected(cluster.kubeconfig)) == ()


def test_that_there_is_no_aws_auth_is_told(cluster: Cluster) -> None:
    with AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig) as client:
        [found] = [finding for finding in client.check() if finding.code == "absent"]
        assert (found.severity, "Roll back" in found.hint) == (Severity.WARNING, True)
        client.add_account_mapping("111122223333")
        assert "absent" not in {finding.code for finding in client.check()}


def test_a_loss_names_who_made_it_and_when_by_the_fields_that_the_server_says_they_own(cluster: Cluster) -> None:
    """Not the tool that wrote another key before, nor the time of the last own revision."""
    cluster.kubectl(
        "-n", "kube-system", "create", "configmap", "aws-auth", "--from-literal=notes=x", "--field-manager=installer"
    )
    with AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig) as client:
        client.apply([node_role("arn:aws:iam::111122223333:role/nodes")])
        recorded = client.history().entries[0].info
        assert recorded.created
        await_later_second(recorded.created)
        patch = json.dumps({"data": {"mapRoles": "[]"}})
        cluster.kubectl("-n", "kube-system", "patch", "configmap", "aws-auth", "--type=merge", "-p", patch)
        made = cluster.aws_auth()
        assert made
        [time] = [one["time"] for one in made["metadata"]["managedFields"] if one["manager"] == "kubectl-patch"]
        [found] = [finding for finding in client.check() if finding.code == "drift"]
    when = f"{time[:10]} {time[11:19]} UTC"
    assert found.message.startswith(f"The client `kubectl-patch` changed aws-auth at {when}, after revision ")
    assert f"{recorded.created:%H:%M:%S}" not in found.message
