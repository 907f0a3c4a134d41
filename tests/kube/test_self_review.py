"""Who is asking, on a real API server with the real authenticator, and what the guard of own access makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from awsauth.core.document.document import Document
from awsauth.core.findings import Severity
from awsauth.errors import ApiError, ForbiddenError, NotFoundError, UnavailableError
from awsauth.kube.self_review import SelfReview, review_of, self_review
from tests.support.own_access import own_access

if TYPE_CHECKING:
    from collections.abc import Mapping


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
