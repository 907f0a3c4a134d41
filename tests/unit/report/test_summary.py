"""The summary of rights: each kind is found, and none is lost."""

from __future__ import annotations

import pytest

from awsauth.core.cluster.facts import Binding
from awsauth.core.entries.model import AccessPolicy
from awsauth.core.report.rbac import EVERYTHING, PolicyRule, Right
from awsauth.core.report.summary import kinds_of, summarized

RBAC = "rbac.authorization.k8s.io"


def rule(verbs: str, resources: str, groups: str = "", *, named: str = "") -> PolicyRule:
    return PolicyRule(tuple(verbs.split()), tuple(groups.split(",")), tuple(resources.split()), tuple(named.split()))


@pytest.mark.parametrize(
    ("found", "kinds"),
    [
        (rule("get", "pods"), {"read only"}),
        (rule("*", "*", "*"), {"cluster-admin", "secrets", "exec", "escalate", "bind", "impersonate", "workloads"}),
        (rule("list", "*"), {"secrets", "read only"}),
        (rule("watch", "secrets", named="one"), {"secrets", "read only"}),
        (rule("create", "secrets"), {"other changes"}),
        (rule("get", "pods/exec"), {"exec", "read only"}),
        (rule("get", "nodes/proxy"), {"exec", "read only"}),
        (rule("create", "*/exec"), {"exec"}),
        (rule("escalate", "roles", RBAC), {"escalate"}),
        (rule("bind", "clusterroles", RBAC, named="view"), {"bind"}),
        (rule("impersonate", "serviceaccounts"), {"impersonate"}),
        (rule("patch", "deployments", "apps"), {"workloads"}),
        (rule("patch", "deployments", ""), {"other changes"}),
        (rule("create", "selfsubjectaccessreviews", "authorization.k8s.io"), set()),
        (PolicyRule(("get",), paths=("/healthz",)), set()),
    ],
)
def test_the_kinds_of_a_rule(found: PolicyRule, kinds: set[str]) -> None:
    assert kinds_of((found,)) == kinds


def binding(namespace: str = "") -> Binding:
    return Binding("RoleBinding" if namespace else "ClusterRoleBinding", "x", namespace, "ClusterRole", "x")


def text(*found: Right) -> str:
    return "; ".join(map(str, summarized(found)))


def test_an_administrator_of_a_namespace_is_not_one_of_the_cluster() -> None:
    assert text(Right("group g", EVERYTHING, binding())) == "cluster-admin"
    assert text(Right("group g", EVERYTHING, binding("web"))).startswith("secrets in web; exec in web; escalate in web")


def test_a_right_in_the_whole_cluster_includes_its_namespaces() -> None:
    secrets = (rule("get", "secrets"),)
    assert text(Right("group g", secrets, binding("a")), Right("group g", secrets, binding())) == "secrets"
    both = (Right("group g", secrets, binding("b")), Right("group h", secrets, binding("a")))
    assert text(*both) == "secrets in a, b"


def test_a_right_under_a_condition_is_marked_and_stays_beside_a_certain_one() -> None:
    maybe = Right("group g", EVERYTHING, binding(), conditions=("If its session is called `x`.",))
    assert text(maybe).startswith("cluster-admin (under a condition); secrets (under a condition)")
    assert text(maybe, Right("group h", (rule("get", "secrets"),), binding("a"))).count("secrets") == 2


def test_a_policy_without_published_rules_is_unknown_and_not_read_only() -> None:
    policy = AccessPolicy("arn:aws:eks::aws:cluster-access-policy/New", ("a",))
    assert text(Right("", None, policy=policy), Right("group g", (rule("get", "pods"),), binding())) == "unknown in a"


def test_namespaces_are_in_order() -> None:
    bindings = [Binding("RoleBinding", "b", name, "ClusterRole", "view") for name in "gfedcba"]
    [found] = summarized(Right("group g", (rule("get", "pods"),), one) for one in bindings)
    assert found.namespaces == tuple("abcdefg")
