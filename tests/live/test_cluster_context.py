"""What is asked around a change: no more than is needed, and again where the server asks to be asked again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from awsauth.aws.access_entries import ReadEntries
from awsauth.client import AwsAuthClient
from awsauth.cluster_context import ClusterContext
from awsauth.connections.eks_cluster_info import EksClusterInfo
from awsauth.core.edit.changes import RemoveRole
from awsauth.core.edit.merge import merge_with_report
from awsauth.core.entries.model import AccessEntry, AccessPolicy
from awsauth.core.explain.explain import add_entries, explain
from awsauth.core.guards.context import GuardContext
from awsauth.core.lint.lint import lint
from awsauth.errors import AwsServiceError
from awsauth.stores.store import Snapshot
from tests.support.changed import PREFIX, role, roles
from tests.support.servers.relay import Harm, Relay

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from awsauth.core.cluster.facts import ClusterNode, NodeEvidence
    from awsauth.core.entries.findings import IamFacts
    from awsauth.core.entries.model import AuthenticationMode
    from awsauth.kube.transport import Transport
    from tests.support.controlplane.cluster import Cluster

BUSY = Harm(429, {"Retry-After": "0"}, is_passed_on=False)
DOCUMENT = roles(role("me", "me", "team"))
CLUSTER_ADMIN = AccessPolicy("arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy")


class Closed(EksClusterInfo):
    """An EKS that tells the mode at most."""

    def __init__(self, mode: AuthenticationMode | None = None) -> None:
        self._mode = mode

    def authentication_mode(self) -> AuthenticationMode:
        if self._mode is None:
            raise AwsServiceError("IAM does not allow eks:DescribeCluster.")
        return self._mode

    def access_entries(self) -> ReadEntries:
        raise AwsServiceError("IAM does not allow eks:ListAccessEntries.")

    def node_evidence(self, _: tuple[ClusterNode, ...] | None) -> NodeEvidence:
        raise AwsServiceError("IAM does not allow ec2:DescribeInstances.")

    def iam_facts(self, _: Iterable[str]) -> IamFacts:
        raise AwsServiceError("STS does not answer.")

    def sso_roles(self) -> tuple[str, ...]:
        return ()


def test_a_busy_server_is_asked_again(transport: Transport, relay: Relay) -> None:
    """Who asks and who is an administrator is found out all the same, and the change goes on."""
    relay.harm = [BUSY, None, BUSY]
    change = merge_with_report(DOCUMENT, [RemoveRole(role_arn=f"{PREFIX}/me")])
    known, notes = ClusterContext(transport).for_change(change, GuardContext())
    assert notes == ()
    assert known.caller_username
    assert "system:masters" in known.admin_groups


def test_the_nodes_are_listed_once(transport: Transport, relay: Relay) -> None:
    found = ClusterContext(transport, Closed("API_AND_CONFIG_MAP")).findings(Snapshot(DOCUMENT, "1"))
    assert [request.path for request in relay.seen].count("/api/v1/nodes") == 1
    assert len({str(finding) for finding in found}) == len(found)


def test_a_report_lists_each_kind_of_rbac_once(cluster: Cluster, relay: Relay, tmp_path: Path) -> None:
    cluster.put_aws_auth(DOCUMENT.data)
    server = replace(cluster.api, url=relay.url)
    kubeconfig = server.write_kubeconfig(tmp_path / "relay.kubeconfig", context=cluster.context)
    with AwsAuthClient.from_kubeconfig(path=kubeconfig) as client:
        assert client.report().principals
    asked = [request.path.rpartition("/")[2] for request in relay.seen if "/rbac." in request.path]
    assert sorted(asked) == ["clusterrolebindings", "clusterroles", "rolebindings", "roles"]


@pytest.mark.parametrize("mode", [None, "API_AND_CONFIG_MAP", "API"])
def test_where_access_entries_cannot_be_read_an_explanation_depends_on_them(
    transport: Transport, mode: AuthenticationMode | None
) -> None:
    for caller in ("me", "nobody"):
        state = ClusterContext(transport, Closed(mode)).entries_state()
        found = add_entries(explain(DOCUMENT, f"{PREFIX}/{caller}"), state)
        assert found.verdict == "depends"
        assert "eks:ListAccessEntries" in str(found)
        assert "the caller has none." not in str(found)
        assert "nothing maps it" not in str(found)


class Answering(Closed):
    """An EKS that tells the access entries."""

    def __init__(self, *entries: AccessEntry) -> None:
        super().__init__("API_AND_CONFIG_MAP")
        self.present = entries

    def access_entries(self) -> ReadEntries:
        return ReadEntries(self.present)


@pytest.mark.parametrize(
    ("entry", "left"),
    [
        (AccessEntry(f"{PREFIX}/ops", "STANDARD", policies=(CLUSTER_ADMIN,)), {"no-node-mapping"}),
        (AccessEntry(f"{PREFIX}/nodes", "EC2_LINUX"), {"no-administrator"}),
        (AccessEntry(f"{PREFIX}/ci", "STANDARD", groups=("team",)), {"no-administrator", "no-node-mapping"}),
    ],
)
def test_access_entries_refute_that_there_are_no_administrators_or_nodes(
    transport: Transport, entry: AccessEntry, left: set[str]
) -> None:
    found = ClusterContext(transport, Answering(entry)).findings(Snapshot(DOCUMENT, "1"), lint(DOCUMENT))
    assert {one.code for one in found} & {"no-administrator", "no-node-mapping"} == left
