"""Who is asking, on a real API server with the real authenticator, and what the guard of own access makes of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from awsauth.core.document.document import Document
from awsauth.core.findings import Severity
from awsauth.core.guards.context import GuardContext
from awsauth.core.guards.guards import run_guards
from awsauth.errors import ApiError, ForbiddenError, NotFoundError, UnavailableError
from awsauth.kube.self_review import SelfReview, review_of, self_review
from tests.support.connections import connected

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from awsauth.kube.transport import Transport
    from tests.support.controlplane.cluster import Cluster

DEPLOYER = "arn:aws:iam::123456789012:role/deployer"
MAPPED = Document(
    {
        "mapRoles": json.dumps(
            [
                {
                    "rolearn": DEPLOYER,
                    "username": "deployer:{{SessionName}}",
                    "groups": ["deployers", "acct-{{AccountID}}"],
                }
            ]
        )
    }
)


def own_access(who: SelfReview | None, after: Document) -> list[tuple[Severity, str]]:
    context = who.known_to(GuardContext()) if who else GuardContext()
    return [
        (found.severity, found.principal) for found in run_guards(MAPPED, after, context) if found.code == "own-access"
    ]


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


class Answers:
    """A server that has one version of the review, or none, or refuses it."""

    def __init__(self, **by_version: Mapping[str, Any] | Exception) -> None:
        self._by_version = by_version
        self.asked: list[str] = []

    def post(self, path: str, body: Mapping[str, Any], *, changes: bool) -> Mapping[str, Any]:
        version = body["apiVersion"].rpartition("/")[2]
        assert path == f"/apis/authentication.k8s.io/{version}/selfsubjectreviews"
        assert not changes
        self.asked.append(version)
        answer = self._by_version.get(version, NotFoundError("the server could not find the requested resource"))
        if isinstance(answer, Exception):
            raise answer
        return answer


ALICE = {"status": {"userInfo": {"username": "alice"}}}
"""Kubernetes leaves out what is empty."""


def test_kubernetes_1_27_is_asked_for_the_beta() -> None:
    server: Any = Answers(v1beta1=ALICE)
    assert self_review(server) == SelfReview("alice", frozenset())
    assert server.asked == ["v1", "v1beta1"]


def test_an_older_server_tells_nothing() -> None:
    server: Any = Answers()
    assert self_review(server) is None
    assert own_access(None, Document({})) == [(Severity.WARNING, "")]


@pytest.mark.parametrize(
    "error", [ForbiddenError("alice may not create selfsubjectreviews"), UnavailableError("later")], ids=["403", "503"]
)
def test_a_server_that_refuses_is_no_server_that_cannot_tell(error: ApiError) -> None:
    server: Any = Answers(v1=error)
    with pytest.raises(type(error)):
        self_review(server)
    assert server.asked == ["v1"]


def test_an_authenticator_that_gives_only_the_sessions_arn_will_do() -> None:
    """Before it gave the canonical one; the guard looks the session's role up."""
    session = "arn:aws:sts::123456789012:assumed-role/deployer/laptop"
    extra = {"Arn": [session], "sessionName": ["laptop"]}
    user = {"username": "deployer:laptop", "groups": ["deployers", "acct-123456789012"], "extra": extra}
    who = review_of({"status": {"userInfo": user}})
    assert (who.arn, who.session_name) == (session, "laptop")
    assert [severity for severity, _ in own_access(who, Document({}))] == [Severity.ERROR]
