"""The rights that RBAC and access policies give: each rule of Kubernetes' evaluation, and how fast it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.core.document.model import MappingEntry
from awsauth.core.entries.model import AccessPolicy, EntriesState
from awsauth.core.report.rbac import ANY, EVERYTHING, PolicyRule, Rbac, RbacRule, Right, published_policies, rights
from awsauth.core.report.who_can import who_has_right
from awsauth.errors import ApiError
from awsauth.kube.rbac import bindings_of, rules_by_role
from tests.support.access_entries import POLICY
from tests.support.changed import MASTERS, PREFIX, role as mapping, roles
from tests.support.steps import steps

if TYPE_CHECKING:
    from collections.abc import Sequence

Object = dict[str, Any]
PODS: Final = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}


def rbac(*objects: Object) -> Rbac:
    """Return the RBAC of objects as the API lists them."""
    kinds: dict[str, list[Object]] = {
        kind: [one for one in objects if one["kind"] == kind]
        for kind in ("ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding")
    }
    roles = dict(rules_by_role(one, kind) for kind in ("ClusterRole", "Role") for one in kinds[kind])
    return Rbac(bindings_of(kinds["ClusterRoleBinding"], kinds["RoleBinding"]), roles)


def role(name: str, *rules: Object, namespace: str = "") -> Object:
    kind = "Role" if namespace else "ClusterRole"
    return {"kind": kind, "metadata": {"name": name, "namespace": namespace}, "rules": list(rules)}


def binding(role_name: str, *subjects: Object, namespace: str = "", kind: str = "ClusterRole") -> Object:
    metadata = {"name": f"to-{role_name}", "namespace": namespace}
    bound = {"roleRef": {"kind": kind, "name": role_name}, "subjects": list(subjects)}
    return {"kind": "RoleBinding" if namespace else "ClusterRoleBinding", "metadata": metadata, **bound}


def group(name: str) -> Object:
    return {"kind": "Group", "name": name}


def ways(found: Rbac, asked: RbacRule, username: str = "", *groups: str) -> list[Right]:
    return ways_of(MappingEntry(f"{PREFIX}/ci", username, groups), found, asked)


@pytest.mark.parametrize(
    ("rule", "asked", "allowed"),
    [
        (PODS, RbacRule("get", "pods"), True),
        (PODS, RbacRule("get", "pods", name="web"), True),
        (PODS, RbacRule("list", "pods"), False),
        (PODS, RbacRule("get", "pods", "apps"), False),
        (PODS, RbacRule("get", "pods/exec"), False),
        (PODS | {"verbs": ["*"]}, RbacRule("deletecollection", "pods"), True),
        (PODS | {"apiGroups": ["*"]}, RbacRule("get", "pods", "apps"), True),
        (PODS | {"apiGroups": []}, RbacRule("get", "pods"), False),
        (PODS | {"resources": ["*"]}, RbacRule("get", "pods/exec"), True),
        (PODS | {"resources": ["pods/exec"]}, RbacRule("get", "pods/exec"), True),
        (PODS | {"resources": ["pods/exec"]}, RbacRule("get", "pods"), False),
        (PODS | {"resources": ["*/exec"]}, RbacRule("get", "pods/exec"), True),
        (PODS | {"resources": ["*/exec"]}, RbacRule("get", "pods"), False),
        (PODS | {"resources": ["pods/*"]}, RbacRule("get", "pods/exec"), False),
        (PODS | {"resources": ["*/*"]}, RbacRule("get", "pods/exec"), False),
        (PODS | {"resourceNames": ["web"]}, RbacRule("get", "pods", name="web"), True),
        (PODS | {"resourceNames": ["web"]}, RbacRule("get", "pods", name="db"), False),
        (PODS | {"resourceNames": ["web"]}, RbacRule("get", "pods"), False),
        (PODS | {"resourceNames": ["web"], "verbs": ["create"]}, RbacRule("create", "pods"), False),
        (PODS, RbacRule("get", "/metrics"), False),
        ({"nonResourceURLs": ["/metrics"], "verbs": ["get"]}, RbacRule("get", "/metrics"), True),
        ({"nonResourceURLs": ["/metrics"], "verbs": ["get"]}, RbacRule("get", "/metrics/x"), False),
        ({"nonResourceURLs": ["/healthz/*"], "verbs": ["get"]}, RbacRule("get", "/healthz/etcd"), True),
        ({"nonResourceURLs": ["/healthz/*"], "verbs": ["get"]}, RbacRule("get", "/healthz"), False),
        ({"nonResourceURLs": ["*"], "verbs": ["*"]}, RbacRule("post", "/x"), True),
        ({"nonResourceURLs": ["*"], "verbs": ["*"]}, RbacRule("get", "pods"), False),
        ({}, RbacRule("get", "pods"), False),
    ],
)
def test_a_rule(rule: Object, asked: RbacRule, *, allowed: bool) -> None:
    found = rbac(role("r", rule), binding("r", group("g")))
    assert bool(ways(found, asked, "x", "g")) is allowed
    assert not ways(found, asked, "g", "other")  # a username is not a group


def test_a_binding_in_a_namespace_counts_there_alone() -> None:
    found = rbac(role("r", PODS), role("r", PODS, namespace="web"), binding("r", group("g"), namespace="web"))
    assert ways(found, RbacRule("get", "pods", namespace="web"), "x", "g")
    assert ways(found, RbacRule("get", "pods", namespace=ANY), "x", "g")
    assert not ways(found, RbacRule("get", "pods", namespace="db"), "x", "g")
    assert not ways(found, RbacRule("get", "pods"), "x", "g")


def test_a_role_is_looked_for_in_the_namespace_of_the_binding() -> None:
    by_role = binding("r", group("g"), namespace="web", kind="Role")
    asked = RbacRule("get", "pods", namespace="web")
    assert ways(rbac(role("r", PODS, namespace="web"), by_role), asked, "x", "g")
    assert not ways(rbac(role("r", PODS, namespace="db"), by_role), asked, "x", "g")
    assert not ways(rbac(role("r", PODS), by_role), asked, "x", "g")
    [absent, *_] = rights(MappingEntry(f"{PREFIX}/ci", "x", ("g",)), rbac(by_role))
    assert (absent.rules, absent.binding and absent.binding.role) == ((), "r")


def test_a_service_account_without_namespace_is_one_of_the_binding() -> None:
    account = {"kind": "ServiceAccount", "name": "ci"}
    found = rbac(role("r", PODS), binding("r", account, namespace="web"))
    assert ways(found, RbacRule("get", "pods", namespace="web"), "system:serviceaccount:web:ci")


def test_groups_that_need_no_binding_or_no_mapping() -> None:
    found = rbac(role("r", PODS), binding("r", group("system:authenticated")))
    [right] = ways(found, RbacRule("get", "pods"), "x")
    assert (right.subject, right.conditions) == ("group system:authenticated", ())
    [right] = ways(Rbac(), RbacRule("delete", "nodes"), "x", MASTERS)
    assert (right.rules, right.binding) == (EVERYTHING, None)
    assert ways(Rbac(), RbacRule("get", "/metrics"), "x", MASTERS)


def test_a_template_has_a_right_under_a_condition() -> None:
    users = [{"kind": "User", "name": name} for name in ("ci:bob", "ci:no session")]
    found = rbac(role("r", PODS), binding("r", *users, group("team-111122223333")))
    by_name, by_group = ways(found, RbacRule("get", "pods"), "ci:{{SessionName}}", "team-{{AccountID}}")
    assert (by_name.subject, by_name.conditions) == ("username ci:bob", ("If its session is called `bob`.",))
    assert (by_group.subject, by_group.conditions) == ("group team-111122223333", ())
    assert not ways(found, RbacRule("get", "pods"), "x:{{SessionName}}")


def test_an_object_of_another_form_is_refused() -> None:
    with pytest.raises(ApiError, match="not a valid ClusterRole"):
        rules_by_role({"metadata": {"name": "r"}, "rules": [{"verbs": [1]}]}, "ClusterRole")


def of_policy(name: str, *namespaces: str) -> Right:
    policy = AccessPolicy(f"{POLICY}/{name}", namespaces)
    [right] = [one for one in rights(MappingEntry(f"{PREFIX}/ci", "x"), Rbac(), [policy]) if one.policy]
    return right


@pytest.mark.parametrize(
    ("name", "asked", "allowed"),
    [
        ("AmazonEKSClusterAdminPolicy", RbacRule("delete", "nodes"), True),
        ("AmazonEKSClusterAdminPolicy", RbacRule("get", "/metrics"), True),
        ("AmazonEKSAdminPolicy", RbacRule("create", "rolebindings", "rbac.authorization.k8s.io", "", "web"), True),
        ("AmazonEKSAdminPolicy", RbacRule("delete", "nodes"), False),
        ("AmazonEKSEditPolicy", RbacRule("create", "pods/exec", "", "", "web"), True),
        ("AmazonEKSEditPolicy", RbacRule("create", "rolebindings", "rbac.authorization.k8s.io", "", "web"), False),
        ("AmazonEKSViewPolicy", RbacRule("get", "secrets", "", "", "web"), False),
        ("AmazonEKSViewPolicy", RbacRule("list", "deployments", "apps", "", "web"), True),
        ("AmazonEKSAdminViewPolicy", RbacRule("get", "secrets", "", "", "web"), True),
        ("AmazonEKSSecretReaderPolicy", RbacRule("watch", "secrets", "", "", "web"), True),
    ],
)
def test_the_published_rules_of_policies(name: str, asked: RbacRule, *, allowed: bool) -> None:
    assert bool(of_policy(name).allowing(asked)) is allowed


def test_an_unknown_policy_is_unknown() -> None:
    """So are those of AWS's own services, whose rules AWS describes in words alone."""
    assert of_policy("AmazonEKSNewPolicy").rules is None
    assert of_policy("AmazonEKSAutoNodePolicy").rules is None


def test_a_policy_in_namespaces() -> None:
    admin = of_policy("AmazonEKSClusterAdminPolicy", "web", "team-*")
    assert [admin.covers(one) for one in ("web", "team-a", ANY, "db", "")] == [True, True, True, False, False]
    assert not admin.allowing(RbacRule("get", "nodes"))


def test_a_policy_in_all_namespaces_does_not_count_in_the_whole_cluster() -> None:
    admin = of_policy("AmazonEKSClusterAdminPolicy", "*")
    assert [admin.covers(one) for one in ("web", ANY, "")] == [True, True, False]
    assert admin.allowing(RbacRule("get", "pods", namespace="web"))
    assert not admin.allowing(RbacRule("get", "nodes"))
    assert not admin.allowing(RbacRule("get", "/metrics"))


def test_the_published_policies_name_their_source() -> None:
    found = published_policies()
    assert found.address.startswith("https://docs.aws.amazon.com/eks/latest/userguide/")
    assert all(rules and all(rule.verbs for rule in rules) for rules in found.rules.values())


def test_a_rule_as_text() -> None:
    rule = PolicyRule(("get", "list"), ("", "apps"), ("deployments", "pods/log"), ("a",))
    assert str(rule) == "get, list deployments, deployments.apps, pods/log, pods.apps/log named a"
    assert [*map(str, EVERYTHING)] == ["* *", "* *"]


def principals(number: int, templates: Sequence[str]) -> list[MappingEntry]:
    return [
        MappingEntry(f"{PREFIX}/r{one}", templates[one % len(templates)].format(one), (f"g{one}", f"h{one % 50}"))
        for one in range(number)
    ]


def test_a_thousand_principals_with_500_bindings_take_some_hundred_steps_each() -> None:
    subjects = [group("system:authenticated"), *(group(f"g{one}") for one in range(250))]
    users = [{"kind": "User", "name": f"u{one}:x"} for one in range(250)]
    roles = [role(f"r{one}", *[PODS] * 20) for one in range(500)]
    found = rbac(*roles, *(binding(f"r{one}", subject) for one, subject in enumerate([*subjects, *users][:500])))
    asked = RbacRule("get", "pods", namespace=ANY)
    many: list[Right] = []
    mapped = principals(1000, ["u{}:x", "u{}:{{{{SessionName}}}}"])
    assert steps(lambda: many.extend(way for one in mapped for way in ways_of(one, found, asked))) < 500_000
    assert len(many) >= 1000 + 250


def ways_of(mapped: MappingEntry, found: Rbac, asked: RbacRule) -> list[Right]:
    return [right for right in rights(mapped, found) if right.allowing(asked)]


@pytest.mark.parametrize(
    ("verb", "resource", "name", "namespace", "shown"),
    [
        ("get", "secrets", "", "web", True),
        ("get", "secrets", "", ANY, True),
        ("list", "secrets", "", "web", True),  # with a field selector for the name
        ("create", "pods/exec", "", "web", True),
        ("create", "secrets", "", "web", False),  # an object has no name before it is made
        ("get", "secrets", "other", "web", False),
        ("get", "secrets", "", "db", False),
        ("delete", "secrets", "", "web", False),
    ],
)
def test_a_right_to_some_objects_is_one_under_a_condition(
    verb: str, resource: str, name: str, namespace: str, *, shown: bool
) -> None:
    rule = {"apiGroups": [""], "resources": ["secrets", "pods/exec"], "verbs": ["get", "list", "create"]}
    found = rbac(role("r", rule | {"resourceNames": ["db"]}), binding("r", group("g"), namespace="web"))
    asked = RbacRule(verb, resource, "", name, namespace)
    grants = who_has_right(roles(mapping("ci", "x", "g")), EntriesState(), found, asked).grants
    assert [one.conditions for one in grants] == [("Only for the objects with these names.",)] * shown
    assert all("secrets, pods/exec named db" in str(one) for one in grants)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (
            RbacRule("update", "configmaps", name="aws-auth"),
            '- apiGroups: [""]\n  resources: ["configmaps"]\n  resourceNames: ["aws-auth"]\n  verbs: ["update"]',
        ),
        (RbacRule("get", "configmaps"), '- apiGroups: [""]\n  resources: ["configmaps"]\n  verbs: ["get"]'),
        (
            RbacRule("create", "configmaps", name="aws-auth"),
            '- apiGroups: [""]\n  resources: ["configmaps"]\n  verbs: ["create"]',
        ),
        (
            RbacRule("delete", "controllerrevisions", "apps", "aws-auth-1"),
            '- apiGroups: ["apps"]\n  resources: ["controllerrevisions"]\n  verbs: ["delete"]',
        ),
    ],
)
def test_a_missing_rule_is_one_to_write_down(asked: RbacRule, text: str) -> None:
    assert asked.yaml == text


def test_a_request_for_an_object_needs_no_rule_for_named_ones() -> None:
    right = Right("group g", (PolicyRule(("get",), ("",), ("pods",), ("web",)),))
    assert right.allowing_named(RbacRule("get", "pods", name="other")) == ()
    assert right.allowing_named(RbacRule("get", "pods")) == right.rules


def test_a_rule_shows_twenty_resources() -> None:
    shown = [str(PolicyRule(("get",), ("",), tuple(f"r{number}" for number in range(count)))) for count in (20, 21)]
    assert [text.rpartition(", ")[2] for text in shown] == ["r19", "r19 and 1 more"]
