"""Who has a right, compared with the API server's own answer for each principal."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.entries.model import AccessEntry, AccessPolicy, EntriesState
from awsauth.core.report.rbac import RbacRule
from awsauth.core.report.who_can import who_has_right
from awsauth.errors import ForbiddenError
from awsauth.kube.rbac import read_rbac
from tests.support import rbac_sets
from tests.support.access_entries import POLICY
from tests.support.changed import MASTERS, PREFIX, role, roles
from tests.support.command_line import run
from tests.support.connections import connected

if TYPE_CHECKING:
    from tests.support.controlplane.cluster import Cluster

MAPPED: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("one", "alice", ("viewers",)),
    ("two", "nobody", ("team:a", "team:b")),
    ("three", "ci:{{SessionName}}", ("ops",)),
    ("four", "", ("Viewers",)),
    ("five", "system:serviceaccount:default:ci", ()),
    ("six", "x", (MASTERS,)),
    ("seven", "ci", ("team:b", "system:authenticated")),
    ("eight", "Alice", ()),
)
POLICIES: Final = (
    AccessPolicy(f"{POLICY}/AmazonEKSViewPolicy"),
    AccessPolicy(f"{POLICY}/AmazonEKSEditPolicy", ("kube-*",)),
    AccessPolicy(f"{POLICY}/AmazonEKSAdminPolicy", ("default", "other")),
    AccessPolicy(f"{POLICY}/AmazonEKSClusterAdminPolicy", ("kube-public",)),
    AccessPolicy(f"{POLICY}/AmazonEKSAdminViewPolicy"),
)
SESSION: Final = "bob"
CERTAIN: Final = ((), (f"If its session is called `{SESSION}`.",))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_answers_are_those_of_the_api_server(cluster: Cluster, seed: int) -> None:
    """For 13 principals with and without access policies: 54 questions each, and three sets of roles."""
    random, api = Random(seed), cluster.api
    rbac_sets.make(api, random)
    rbac_sets.bind_policies(api, POLICIES)
    rbac_sets.aggregate(api)
    rbac = read_rbac(connected(cluster.kubeconfig))
    rbac_sets.await_seen(api)
    document = roles(*(role(name, username, *groups) for name, username, groups in MAPPED))
    entries = [AccessEntry(f"{PREFIX}/p{n}", "STANDARD", f"p{n}", (), (one,)) for n, one in enumerate(POLICIES)]
    known = {
        f"{PREFIX}/{name}": (username.replace("{{SessionName}}", SESSION), groups) for name, username, groups in MAPPED
    }
    known |= {one.principal_arn: (one.username, tuple(map(str, one.policies))) for one in entries}
    asked = [(rule, arn) for rule in rbac_sets.questions(random, 54) for arn in known]
    state = EntriesState("API_AND_CONFIG_MAP", tuple(entries))
    said = {rule: who_has_right(document, state, rbac, rule) for rule, _ in asked}
    ours = [any(one.principal == arn and one.conditions in CERTAIN for one in said[rule]) for rule, arn in asked]
    theirs = rbac_sets.allowed(api, ((rule, *known[arn]) for rule, arn in asked))
    different = [(rule, arn, has) for (rule, arn), has, may in zip(asked, ours, theirs, strict=True) if has != may]
    assert different == []
    assert len(asked) == 702
    assert 70 < sum(theirs) < 600


def test_a_right_by_its_whole_path(cluster: Cluster) -> None:
    cluster.put_aws_auth(roles(role("ci", "ci", "builders"), role("admin", "a", MASTERS)).data)
    rule = {"apiGroups": [""], "resources": ["pods/exec", "secrets"], "verbs": ["create", "get"]}
    user = cluster.user([rule], namespace="default")
    builders = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "builders"}
    rbac_sets.bind(cluster.api, "build", [builders], user.name, kind="Role", namespace="default")
    where = ["--kubeconfig", str(cluster.kubeconfig)]

    def asked(*words: str) -> Any:
        done = run("who-can", *words, *where)
        assert done.code == 0, done
        return done.out

    path = f"group builders > RoleBinding default/build > Role {user.name} > create, get pods/exec, secrets."
    for words in (
        ["create", "pods/exec"],
        ["get", "secret"],
        ["get", "secrets/db", "-n", "default"],
        ["create", "po/x/exec"],
    ):
        shown = asked(*words)
        assert path in shown, words
        assert f"group {MASTERS} > * *." in shown, words
    assert path not in asked("get", "secrets", "-n", "kube-public")
    assert "One principal can `get nodes`." in asked("get", "no")
    assert "One principal can `patch deployments.apps/scale named web in any namespace`." in asked(
        "patch", "deploy/web/scale"
    )
    assert "One principal can `update */scale in any namespace`." in asked("update", "*/scale")
    assert "One principal can `get /metrics`." in asked("get", "/metrics")
    assert "Not checked" not in asked("*", "*")
    assert "One principal can `impersonate users`." in asked("impersonate", "users")
    assert "Not checked: whether the cluster has a resource `uids`." in asked("impersonate", "uids")
    found = json.loads(asked("get", "secrets", "-o", "json"))["right"]["grants"]
    assert {one["principal"]: one["right"]["subject"] for one in found} == {
        f"{PREFIX}/ci": "group builders",
        f"{PREFIX}/admin": f"group {MASTERS}",
    }


def test_what_cannot_be_answered_is_not_a_no(cluster: Cluster) -> None:
    cluster.put_aws_auth({})
    done = run("who-can", "get", "deploymnts", "--kubeconfig", str(cluster.kubeconfig))
    assert (done.code, "Not checked: whether the cluster has a resource `deploymnts`" in done.out) == (7, True)
    done = run("who-can", "get", "pods", "--kubeconfig", str(cluster.kubeconfig))
    assert (done.code, done.out.strip()) == (4, "No principal can `get pods in any namespace`.")
    may_read = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
    client = AwsAuthClient.from_kubeconfig(path=cluster.user([may_read]).kubeconfig)
    with pytest.raises(ForbiddenError, match="may not list clusterrolebindings"):
        client.who_can("get", "pods")


def test_a_role_in_a_namespace_gives_the_right_to_the_namespace(cluster: Cluster) -> None:
    cluster.put_aws_auth(roles(role("ci", "ci", "owners")).data)
    user = cluster.user(
        [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list"]}], namespace="default"
    )
    owners = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "owners"}
    rbac_sets.bind(cluster.api, "own", [owners], user.name, kind="Role", namespace="default")
    transport = connected(user.kubeconfig)
    assert transport.get("/api/v1/namespaces/default")["metadata"]["name"] == "default"
    with pytest.raises(ForbiddenError):
        transport.get("/api/v1/namespaces")
    client = AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig)
    found = [client.who_can("get", "namespaces/default"), client.who_can("get", "namespaces/kube-system")]
    found.append(client.who_can("list", "namespaces"))
    assert [[grant.principal for grant in grants] for grants in found] == [[f"{PREFIX}/ci"], [], []]


def test_a_named_object_is_created_by_a_rule_for_it_if_it_is_applied(cluster: Cluster) -> None:
    """The API server knows the name of an applied object, and not of a posted one, before it is made."""
    cluster.put_aws_auth(roles(role("ci", "ci", "makers")).data)
    rule = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["db"], "verbs": ["create", "patch"]}
    user = cluster.user([rule], namespace="default")
    makers = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "makers"}
    rbac_sets.bind(cluster.api, "make", [makers], user.name, kind="Role", namespace="default")
    client = AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig)
    rbac_sets.await_seen(cluster.api)
    of = {name: RbacRule("create", "configmaps", "", name, "default") for name in ("db", "web", "")}
    assert rbac_sets.allowed(cluster.api, ((rule, "x", ("makers",)) for rule in of.values())) == [True, False, False]
    found = [client.who_can("create", f"cm/{name}".rstrip("/"), namespace="default") for name in of]
    assert [[grant.principal for grant in grants] for grants in found] == [[f"{PREFIX}/ci"], [], []]

    path = "/api/v1/namespaces/default/configmaps"
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "db"}}
    assert cluster.api.request("POST", path, made, token=user.token).status == 403
    applied = {"token": user.token, "content_type": "application/apply-patch+yaml"}
    assert cluster.api.request("PATCH", f"{path}/db?fieldManager=x", made, **applied).status == 201
