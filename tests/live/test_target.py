"""The target of a call: a kubeconfig's context or an EKS cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import awsauth

if TYPE_CHECKING:
    from tests.support.controlplane.cluster import Cluster

ROLE = "arn:aws:iam::111122223333:role/mytestrole"


def test_a_client_knows_its_target(cluster: Cluster) -> None:
    with (
        awsauth.connect(kubeconfig=cluster.kubeconfig) as client,
        pytest.raises(awsauth.UsageError, match="client cannot be combined with context"),
    ):
        awsauth.add_role_mapping(ROLE, username="admin", client=client, context=cluster.context)


def test_without_a_target_it_is_the_cluster_that_kubectl_would_use(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    result = awsauth.add_role_mapping(ROLE, username="admin", groups=["system:masters"], reason="release 42")
    assert (result.changed, result.revision) == (True, 1)
    found = cluster.aws_auth()
    assert found is not None
    assert ROLE in found["data"]["mapRoles"]
    again = awsauth.add_role_mapping(ROLE, username="admin", groups=["system:masters"], context=cluster.context)
    assert not again.changed


def test_acting_as_somebody_else_counts_for_the_change(cluster: Cluster) -> None:
    """Impersonation is the API server's: who may do nothing may not do it through the administrator either."""
    with pytest.raises(awsauth.ForbiddenError, match="jane"):
        awsauth.add_role_mapping(ROLE, username="admin", kubeconfig=cluster.kubeconfig, as_user="jane")
    assert cluster.aws_auth() is None
