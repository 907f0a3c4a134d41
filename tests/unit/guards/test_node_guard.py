"""The guard of node mappings: what it must stop, and what it must not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from awsauth.core.access.node_mappings import PRESETS, NodeKind
from awsauth.core.document.document import Document
from awsauth.core.guards.context import GuardContext
from awsauth.core.guards.guards import run_guards
from tests.support.changed import (
    ADMIN,
    BOTH,
    DNS,
    OUT_OF_THE_WAY,
    PREFIX,
    USERS,
    Entry,
    node,
    refusals,
    refused,
    role,
    roles,
    user,
    users,
)


@pytest.mark.parametrize("kind", PRESETS)
def test_taking_a_node_mapping_out_is_refused(kind: NodeKind) -> None:
    assert refused(roles(ADMIN, node(kind=kind)), roles(ADMIN)) == ["node-mapping"]


@pytest.mark.parametrize(
    "after",
    [
        role("node", "other", *BOTH),
        role("node", "system:node:{{SessionName}}", *BOTH),
        role("node", DNS, "system:bootstrappers"),
        role("node", DNS, "system:nodes"),
        role("node", DNS),
        role("node-2", DNS, *BOTH),
        role(f"{PREFIX}/path/node", DNS, *BOTH),
        role(f"{PREFIX}/node ", DNS, *BOTH),
    ],
    ids=["username", "other template", "no nodes", "no bootstrappers", "no groups", "another role", "path", "space"],
)
def test_a_node_mapping_that_no_longer_lets_nodes_in_is_refused(after: Entry) -> None:
    assert refused(roles(node()), roles(after)) == ["node-mapping"]


@pytest.mark.parametrize(("kind", "group"), [("windows", "eks:kube-proxy-windows"), ("fargate", "system:node-proxier")])
def test_a_group_that_only_some_nodes_need_is_needed(kind: NodeKind, group: str) -> None:
    [found] = refusals(roles(node(kind=kind)), roles(role("node", PRESETS[kind].username, *BOTH)))
    assert found.code == "node-mapping"
    assert f"it loses the group `{group}`, which nodes need" in str(found)


def test_every_node_mapping_that_goes_is_named() -> None:
    found = refusals(roles(node("a"), node("b", "fargate"), ADMIN), roles(ADMIN))
    assert [finding.principal for finding in found] == [f"{PREFIX}/a", f"{PREFIX}/b"]


@pytest.mark.parametrize(
    "after",
    [
        roles(role("node", DNS, *BOTH, "monitoring")),
        roles(role("node", DNS, *reversed(BOTH))),
        roles(node(), role("new", "new")),
        roles(role("NODE", DNS, *BOTH)),
        roles(node(kind="windows")),
        Document(
            {"mapRoles": f"# by hand\n- groups: [{', '.join(BOTH)}]\n  username: {DNS}\n  rolearn: {PREFIX}/node\n"}
        ),
    ],
    ids=["groups extended", "other order", "role added", "other case", "windows too", "reformatted"],
)
def test_a_node_mapping_that_goes_on_working_is_not_refused(after: Document) -> None:
    assert refused(roles(node()), after) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (roles(node(), node()), roles(node())),
        (roles(node(), role("node", "other"), ADMIN), roles(role("node", "other"), ADMIN)),
        (roles(role("NODE", DNS, *BOTH), node()), roles(node())),
    ],
    ids=["twice the same", "another one counts", "other case"],
)
def test_a_shadowed_node_mapping_may_go(before: Document, after: Document) -> None:
    assert refused(before, after) == []


def test_the_node_mapping_that_counts_may_not_go_though_its_shadow_stays() -> None:
    after = roles(role("node", "other"))
    assert refused(roles(role("node", "other"), node()), after) == ["node-mapping", "gains"]


@pytest.mark.parametrize(
    "dead",
    [f"{PREFIX}/path/node", f"{PREFIX}/node ", "arn:aws:sts::111122223333:assumed-role/node/i-0123456789abcdef0",
     "arn:aws:iam::111122223333:instance-profile/node", "node:x"],
)  # fmt: skip
def test_a_node_mapping_that_never_matched_may_become_one_that_does(dead: str) -> None:
    assert refused(roles(role(dead, DNS, *BOTH)), roles(node())) == []


@pytest.mark.parametrize("placeholder", ["arn:aws:iam::<account>:role/node", "arn:aws:iam::${ACCOUNT}:role/node"])
def test_a_node_mapping_that_is_filled_in_later_is_guarded(placeholder: str) -> None:
    """In a manifest the account may stand for something; once filled in, nodes depend on it."""
    assert refused(roles(role(placeholder, DNS, *BOTH)), roles()) == ["node-mapping"]


def test_a_node_mapping_that_moves_to_another_key_works_on() -> None:
    """Nothing checks what kind of ARN stands where: a role in mapUsers gets in."""
    moved = Document({"mapUsers": json.dumps([{"userarn": f"{PREFIX}/node", "username": DNS, "groups": BOTH}])})
    assert refused(roles(node()), moved) == []


@pytest.mark.parametrize(
    ("use", "codes"), [("in use", ["node-mapping"]), ("unknown", ["node-mapping"]), ("unused", [])]
)
def test_only_a_role_that_is_proven_unused_may_go(use: Any, codes: list[str]) -> None:
    context = GuardContext(caller_arn=f"{USERS}/x", nodes={f"{PREFIX}/team/NODE": use, f"{PREFIX}/other": "unused"})
    assert refused(roles(node()), roles(), context) == codes


def test_what_is_known_of_nodes_is_told() -> None:
    used = GuardContext(caller_arn=f"{USERS}/x", nodes={f"{PREFIX}/node": "in use"})
    assert "Nodes have this role" in str(run_guards(roles(node()), roles(), used)[0])
    assert "it is unknown whether there are any" in str(run_guards(roles(node()), roles(), OUT_OF_THE_WAY)[0])


def test_a_fargate_only_cluster_needs_no_ec2_nodes() -> None:
    """The mapping of nodes that are gone for good may go; that of Fargate may not."""
    fargate = node("fargate", "fargate")
    context = GuardContext(caller_arn=f"{USERS}/x", nodes={f"{PREFIX}/node": "unused", f"{PREFIX}/fargate": "in use"})
    assert refused(roles(node(), fargate), roles(fargate), context) == []
    assert refused(roles(fargate), roles(fargate, ADMIN), context) == []
    assert refused(roles(fargate), roles(), context) == ["node-mapping"]


def test_of_two_spellings_that_may_count_each_has_to_admit_nodes() -> None:
    good = {"userarn": f"{PREFIX}/node", "username": DNS, "groups": BOTH}
    bad = {"userarn": f"{PREFIX}/NODE", "username": "x", "groups": []}
    assert refused(users(good), users(good, bad)) == ["node-mapping"]
    assert refused(users(good), users(good, {**good, "userarn": f"{PREFIX}/NODE"})) == []


def test_of_two_spellings_for_nodes_one_may_go() -> None:
    windows, linux = user("NODE", DNS, *PRESETS["windows"].groups), user("node", DNS, *BOTH)
    assert refused(users(windows, linux), users(linux)) == []
    assert refused(users(windows, linux), users(windows)) == []


def test_an_unclear_node_mapping_that_stays_unclear_is_not_refused() -> None:
    """Two spellings of one user, of which one lets a node in: a change elsewhere makes that no worse."""
    unclear = (user("NODE", DNS, *BOTH), user("node", "x"))
    assert refused(users(*unclear), users(*unclear, user("new"))) == []


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("AmazonEKSFargatePodExecutionRole", "{{EC2PrivateDNSName}}", "{{SessionName}}"),
        ("win-nodes", "{{SessionName}}", "{{EC2PrivateDNSName}}"),
    ],
)
def test_the_cure_of_a_mapping_that_fits_no_node_needs_no_permission(name: str, before: str, after: str) -> None:
    """Unless there is evidence that nodes come in by it."""
    groups = ("system:bootstrappers", "system:nodes", "eks:kube-proxy-windows")
    old, new = (roles(role(name, f"system:node:{template}", *groups)) for template in (before, after))
    assert not refused(old, new, GuardContext(caller_arn=f"{PREFIX}/x"))
    in_use = GuardContext(caller_arn=f"{PREFIX}/x", nodes={f"{PREFIX}/{name}": "in use"})
    assert refused(old, new, in_use) == ["node-mapping"]
