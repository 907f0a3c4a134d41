"""What a live cluster adds to what can be said about a document: bindings, nodes, and owners of revisions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from awsauth.core.cluster.facts import Binding, Bindings, ClusterNode
from awsauth.core.cluster.findings import absent, bound, nodes_here, owned_revisions
from awsauth.core.document.document import Document
from awsauth.core.findings import Finding, Severity
from awsauth.kube.rbac import bindings_of
from awsauth.kube.resources import node_of
from tests.support.bounded import bounded
from tests.support.changed import BOTH, DNS, MASTERS, PREFIX, node, role, roles, user, users

if TYPE_CHECKING:
    from awsauth.core.entries.model import AuthenticationMode

ALL = Binding("ClusterRoleBinding", "all", "", "ClusterRole", "cluster-admin")
IN_APPS = Binding("RoleBinding", "x", "apps", "ClusterRole", "cluster-admin")
NOBODY = Bindings()
BOUND = Bindings(usernames={"alice": (IN_APPS,)}, groups={"viewers": (ALL,), "team-111122223333": (IN_APPS,)})


def codes(found: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(finding.code, finding.principal.rpartition("/")[2]) for finding in found]


def test_a_mapping_that_no_binding_mentions_gives_nothing() -> None:
    [found] = bound(roles(role("a", "bob", "editors", "Viewers")), BOUND)
    assert (found.code, found.severity, found.principal) == ("gives-nothing", Severity.WARNING, f"{PREFIX}/a")
    assert found.message == (
        f"`{PREFIX}/a` is mapped, but no RoleBinding or ClusterRoleBinding names its username `bob` "
        "or its groups `editors`, `Viewers`."
    )


@pytest.mark.parametrize(
    "mapping",
    [
        role("a", "alice"),
        role("a", "x", "viewers"),
        role("a", "x", "team-{{AccountID}}"),
        role("a", "al{{SessionName}}"),
        role("a", "x", MASTERS),
        role("a", "system:node:x", *BOTH),
        role("a", DNS, *BOTH),
        node(kind="fargate"),
        node(kind="windows"),
        role("a", "x", "system:authenticated"),
    ],
    ids=lambda mapping: f"{mapping['username']} {mapping['groups']}",
)
def test_a_mapping_that_gives_something_is_not_mentioned(mapping: dict[str, object]) -> None:
    """By a binding, by a name that a template may become, or by what the API server knows without bindings."""
    assert list(bound(roles(mapping), BOUND)) == []


def test_a_group_that_nothing_mentions_is_said_once_for_all_who_have_it() -> None:
    [one] = bound(roles(role("a", "alice", "typo")), BOUND)
    assert (one.code, one.severity, one.principal) == ("unbound-group", Severity.NOTE, f"{PREFIX}/a")
    [all_of_them] = bound(roles(*(role(f"r{number}", "x", "viewers", "typo") for number in range(100))), BOUND)
    assert (all_of_them.code, all_of_them.principal) == ("unbound-group", "")
    assert "and 97 more" in all_of_them.message


def test_what_never_counts_is_left_to_lint() -> None:
    """Shadowed duplicates, and ARNs that no caller has."""
    document = roles(role("a", "bob"), role("a", "alice"), role(f"{PREFIX}/team/b", "bob"))
    assert list(bound(document, BOUND)) == []


def test_an_empty_username_is_said_as_that() -> None:
    [found] = bound(users(user("a", "")), BOUND)
    assert "its username, which is empty" in found.message


def test_an_account_gives_something_when_an_arn_in_it_is_bound() -> None:
    accounts = Document({"mapAccounts": '["111122223333", "444455556666"]'})
    by_arn = Bindings(usernames={"arn:aws:iam::111122223333:user/alice": (IN_APPS,)})
    assert codes(bound(accounts, by_arn)) == [("gives-nothing", "444455556666")]


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        (role("a", "x", "ops"), "its group is `ops`"),
        (role("a", "boss"), "its username is `boss`"),
        (role("a", "{{SessionName}}"), "its username can become `boss`"),
    ],
)
def test_who_is_bound_to_cluster_admin_is_an_administrator(mapping: dict[str, object], said: str) -> None:
    bindings = Bindings(
        usernames={"boss": (ALL,)},
        groups={"ops": (ALL,)},
        admin_usernames=frozenset({"boss"}),
        admin_groups=frozenset({"ops"}),
    )
    [found] = bound(roles(mapping), bindings)
    assert (found.code, found.severity) == ("cluster-admin", Severity.NOTE)
    assert said in found.message


def test_a_member_of_masters_is_not_said_to_be_bound() -> None:
    bindings = Bindings(admin_groups=frozenset({MASTERS}), groups={MASTERS: (ALL,)})
    assert list(bound(roles(role("a", "x", MASTERS)), bindings)) == []


def test_seven_thousand_mappings_and_a_thousand_bindings_take_a_moment() -> None:
    document = roles(*(role(f"r{number}", f"u{number}:{{{{SessionName}}}}", f"g{number}") for number in range(7000)))
    bindings = Bindings(usernames={f"user-{number}": (ALL,) for number in range(1000)})
    with bounded():
        assert len(list(bound(document, bindings))) == 7000


NAME = "ip-10-0-1-7.eu-west-1.compute.internal"
EC2 = ClusterNode(NAME, "aws:///eu-west-1a/i-0123456789abcdef0")
FARGATE = ClusterNode("fargate-ip-10-0-1-9.eu-west-1.compute.internal", compute_type="fargate")
AUTO = ClusterNode("i-0123456789abcdef1", "aws:///eu-west-1a/i-0123456789abcdef1", "auto")


def test_nodes_that_fit_a_mapping_are_told_with_what_cannot_be_known() -> None:
    [found] = nodes_here(roles(node(), role("other")), [EC2], {})
    assert (found.code, found.severity, found.principal) == ("node-role-in-use", Severity.NOTE, f"{PREFIX}/node")
    assert NAME in found.message
    assert found.impact == "They joined by this mapping, or by an access entry."


def test_of_two_mappings_that_fit_neither_is_said_to_be_the_one() -> None:
    found = list(nodes_here(roles(node("a"), node("b")), [EC2] * 5, {}))
    assert codes(found) == [("node-role-in-use", "a"), ("node-role-in-use", "b")]
    assert "this mapping or 1 more like it" in found[0].impact
    assert "and 2 more" in found[0].message


def test_what_aws_knows_is_said_for_certain() -> None:
    """Roles in use are known by the instances' profiles; one that is proven unused is not in use."""
    uses = {f"{PREFIX}/team/a": "in use", f"{PREFIX}/b": "unused"}
    [found] = nodes_here(roles(node("a"), node("b")), [EC2], uses)  # type: ignore[arg-type]
    assert found.principal == f"{PREFIX}/a"
    assert found.message == f"Nodes have the role `{PREFIX}/a`."


@pytest.mark.parametrize(
    ("kind", "here", "fits"),
    [
        ("ec2", EC2, True),
        ("ec2", FARGATE, False),
        ("ec2", AUTO, False),
        ("fargate", FARGATE, True),
        ("fargate", AUTO, False),
        ("hybrid", ClusterNode("mi-0123456789abcdef0", compute_type="hybrid"), True),
    ],
)
def test_what_runs_a_node_decides_by_which_mapping_it_can_come(kind: str, here: ClusterNode, *, fits: bool) -> None:
    """Nodes of Auto Mode come in by an access entry only."""
    assert bool(list(nodes_here(roles(node(kind=kind)), [here], {}))) is fits  # type: ignore[arg-type]


def test_no_nodes_say_nothing() -> None:
    assert list(nodes_here(roles(node()), [], {})) == []


def test_a_node_is_read_from_its_object() -> None:
    labels = {"eks.amazonaws.com/compute-type": "hybrid"}
    value = {"metadata": {"name": "n", "labels": labels}, "spec": {"providerID": "eks-hybrid:///eu-west-1/dev/mi-1"}}
    assert node_of(value) == ClusterNode("n", "eks-hybrid:///eu-west-1/dev/mi-1", "hybrid")
    assert node_of({"metadata": {"name": "n"}}) == ClusterNode("n")
    assert (EC2.instance_id, FARGATE.instance_id) == ("i-0123456789abcdef0", "")


def test_bindings_name_users_groups_and_service_accounts() -> None:
    """A binding without subjects, which is allowed, mentions nobody; one in a namespace makes no administrator."""
    cluster_admin = {"kind": "ClusterRole", "name": "cluster-admin"}
    subjects = [
        {"kind": "User", "name": "alice"},
        {"kind": "Group", "name": "ops"},
        {"kind": "ServiceAccount", "name": "ci", "namespace": "apps"},
    ]
    found = bindings_of(
        [
            {"metadata": {"name": "all"}, "roleRef": cluster_admin, "subjects": subjects[1:]},
            {"metadata": {"name": "empty"}, "roleRef": cluster_admin},
        ],
        [{"metadata": {"name": "x", "namespace": "apps"}, "roleRef": cluster_admin, "subjects": subjects[:2]}],
    )
    assert found == Bindings(
        usernames={"alice": (IN_APPS,), "system:serviceaccount:apps:ci": (ALL,)},
        groups={"ops": (ALL, IN_APPS)},
        admin_usernames=frozenset({"system:serviceaccount:apps:ci"}),
        admin_groups=frozenset({"ops"}),
    )


def test_a_revision_with_an_owner_is_said_with_the_way_out() -> None:
    [found] = owned_revisions({"aws-auth-1": [], "aws-auth-2": ["StatefulSet db"]})
    assert (found.code, found.severity) == ("owned-revision", Severity.WARNING)
    assert "`aws-auth-2` belongs to `StatefulSet db`" in found.message
    assert "kubectl -n kube-system patch controllerrevision/aws-auth-2" in found.hint


def test_names_from_the_cluster_do_not_steer_a_terminal() -> None:
    hostile = "\x1b[2J\u202e"
    found = [
        *bound(roles(role("a", hostile, hostile)), NOBODY),
        *nodes_here(roles(role("a", "system:node:" + hostile, *BOTH)), [ClusterNode(hostile)], {}),
        *owned_revisions({hostile: [hostile]}),
    ]
    assert len(found) == 3
    assert all(str(finding).isprintable() for finding in found)


@pytest.mark.parametrize(
    ("mode", "severities"),
    [
        ("CONFIG_MAP", [Severity.ERROR]),
        ("API_AND_CONFIG_MAP", [Severity.WARNING]),
        ("API", []),
        (None, [Severity.WARNING]),
    ],
)
def test_where_nobody_else_lets_anybody_in_it_is_an_error(
    mode: AuthenticationMode | None, severities: list[Severity]
) -> None:
    assert [finding.severity for finding in absent(mode)] == severities
