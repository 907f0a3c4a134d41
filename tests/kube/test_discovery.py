"""The request that a question asks about, by the resources of the API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from awsauth.core.report.rbac import ANY
from awsauth.kube.discovery import request_of

if TYPE_CHECKING:
    from awsauth.kube.transport import Transport

NAMESPACES: Final = {
    "resource": "namespaces",
    "singularResource": "namespace",
    "shortNames": ["ns"],
    "scope": "Cluster",
    "subresources": [{"subresource": "finalize"}],
}
USERS: Final = {"resource": "users", "singularResource": "user", "scope": "Cluster"}
NODES: Final = {"resource": "nodes", "singularResource": "node", "scope": "Cluster"}


class Server:
    def get(self, path: str, **_: str) -> dict[str, Any]:
        core = {"metadata": {}, "versions": [{"resources": [NAMESPACES, NODES]}]}
        other = {"metadata": {"name": "iam.example.com"}, "versions": [{"resources": [USERS]}]}
        return {"kind": "APIGroupDiscoveryList", "items": [core if path == "/api" else other]}


@pytest.mark.parametrize(
    ("verb", "resource", "namespace", "judged_in"),
    [
        ("delete", "namespaces/web", None, "web"),
        ("update", "ns/web/finalize", None, "web"),
        ("get", "namespaces/web", "other", "web"),
        ("delete", "namespaces", None, ANY),
        ("delete", "namespaces", "web", "web"),
        ("list", "namespaces", None, ""),
        ("create", "namespaces/web", None, ""),
        ("get", "nodes/web", "web", ""),
    ],
)
def test_a_request_for_a_namespace_is_one_in_it(
    verb: str, resource: str, namespace: str | None, judged_in: str
) -> None:
    """So a RoleBinding there gives the right: ``RequestInfoFactory.NewRequestInfo`` of the API server."""
    asked, notes = request_of(cast("Transport", Server()), verb, resource, namespace)
    assert (asked.namespace, notes) == (judged_in, ())


@pytest.mark.parametrize(
    ("resource", "name"), [("users", ""), ("users/admin", "admin"), ("groups/system:masters", "system:masters")]
)
def test_users_and_groups_to_impersonate_are_not_the_resources_of_an_api(resource: str, name: str) -> None:
    asked, notes = request_of(cast("Transport", Server()), "impersonate", resource, None)
    assert (asked.group, asked.resource, asked.name, asked.namespace) == ("", resource.partition("/")[0], name, "")
    assert notes == ()
    other, _ = request_of(cast("Transport", Server()), "get", "users", None)
    assert other.group == "iam.example.com"
