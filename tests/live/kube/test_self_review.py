"""The caller's identity on a real API server with the real authenticator, and the guard of own access."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from awsauth.core.document.document import Document
from awsauth.core.findings import Severity
from awsauth.kube.self_review import SelfReview, self_review
from tests.support.connections import connected
from tests.support.own_access import DEPLOYER, MAPPED, own_access

if TYPE_CHECKING:
    from pathlib import Path

    from awsauth.kube.transport import Transport
    from tests.support.controlplane.cluster import Cluster


@pytest.fixture
def as_deployer(cluster: Cluster, tmp_path: Path) -> Transport:
    """A session of a role that aws-auth maps, let in by the authenticator."""
    cluster.aws.create_role("deployer", path="/team/")
    cluster.put_aws_auth(MAPPED.data)
    credentials = cluster.aws.assume_role("deployer", session_name="laptop@home")
    cluster.await_identity(lambda: cluster.eks_token(credentials), lambda identity: identity is not None)
    token = cluster.eks_token(credentials)
    return connected(cluster.api.write_kubeconfig(tmp_path / "kubeconfig", context=cluster.context, token=token))


def test_a_role_that_is_mapped_is_known_by_its_arn(as_deployer: Transport) -> None:
    """The review gives back what the mapping gives, so the guard knows that it is the caller's, and refuses."""
    who = self_review(as_deployer)
    assert who is not None
    assert (who.username, who.arn, who.session_name) == ("deployer:laptop-home", DEPLOYER, "laptop@home")
    assert who.groups == {"deployers", "acct-123456789012", "system:authenticated"}
    assert who.access_key_id
    assert who.access_key_id not in repr(who)
    assert own_access(who, Document({})) == [(Severity.ERROR, DEPLOYER)]


def test_an_administrator_who_comes_in_by_something_else_has_no_arn(cluster: Cluster) -> None:
    who = self_review(connected(cluster.kubeconfig))
    assert who == SelfReview("admin", frozenset({"system:masters", "system:authenticated"}))
    assert own_access(who, Document({})) == [(Severity.WARNING, "")]


def test_under_impersonation_the_caller_stays_unknown_and_that_is_said(cluster: Cluster) -> None:
    """The server says nothing then of who is behind it: whose mapping it is cannot be told."""
    acting = connected(cluster.kubeconfig, as_user="deployer:laptop-home", as_groups=["deployers", "acct-123456789012"])
    who = self_review(acting)
    assert who == SelfReview(
        "deployer:laptop-home", frozenset({"deployers", "acct-123456789012", "system:authenticated"})
    )
    assert own_access(who, Document({})) == [(Severity.WARNING, "")]
