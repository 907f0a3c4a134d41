"""The presets are what EKS writes, and node mappings are told from others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from awsauth.core.access.node_mappings import PRESETS, NodeKind, is_node_mapping
from awsauth.core.document.document import Document
from awsauth.core.document.model import MappingEntry
from awsauth.core.edit.merge import merge
from awsauth.errors import InvalidValueError, UsageError
from awsauth.mapping_methods import node_role

if TYPE_CHECKING:
    from pathlib import Path

ROLE = "arn:aws:iam::111122223333:role/nodes"
DNS = "system:node:{{EC2PrivateDNSName}}"
SESSION = "system:node:{{SessionName}}"
BOTH = ("system:bootstrappers", "system:nodes")


@pytest.mark.parametrize(
    ("kind", "username", "groups"),
    [
        ("ec2", DNS, BOTH),
        ("windows", DNS, (*BOTH, "eks:kube-proxy-windows")),
        ("fargate", SESSION, (*BOTH, "system:node-proxier")),
        ("hybrid", SESSION, BOTH),
    ],
)
def test_a_preset_is_what_eks_writes(kind: NodeKind, username: str, groups: tuple[str, ...]) -> None:
    document = merge(Document({}), [node_role(ROLE, kind)])
    assert [(role.role_arn, role.username, role.groups) for role in document.roles] == [(ROLE, username, groups)]


def test_ec2_is_the_preset_that_needs_no_name() -> None:
    assert node_role(ROLE) == node_role(ROLE, "ec2")


def test_a_path_is_taken_off_as_for_every_role() -> None:
    """EKS reports node roles with their path, and nobody would ever match that."""
    assert node_role("arn:aws:iam::111122223333:role/team/nodes").role_arn == ROLE


def test_windows_extends_a_linux_mapping() -> None:
    """One role may serve nodes of both kinds; the username is the same."""
    linux = merge(Document({}), [node_role(ROLE)])
    assert merge(linux, [node_role(ROLE, "windows")]).roles[0].groups == (*BOTH, "eks:kube-proxy-windows")


def test_what_becomes_of_a_mapped_role_can_be_said() -> None:
    assert node_role(ROLE, if_mapped="replace").if_mapped == "replace"


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="The kinds are ec2, windows, fargate, hybrid"):
        node_role(ROLE, cast("Any", "linux"))


def test_a_user_is_no_node_role() -> None:
    with pytest.raises(InvalidValueError, match="not the ARN of a role"):
        node_role("arn:aws:iam::111122223333:user/nodes")


@pytest.mark.parametrize("kind", PRESETS)
def test_a_preset_lets_nodes_in(kind: NodeKind) -> None:
    assert is_node_mapping(MappingEntry(ROLE, *PRESETS[kind]))


@pytest.mark.parametrize(
    "mapped",
    [
        MappingEntry(ROLE, DNS, ("system:bootstrappers",)),
        MappingEntry(ROLE, DNS, ("system:bootstrappers - system:nodes",)),
        MappingEntry(ROLE, "admin", BOTH),
        MappingEntry(ROLE, "", BOTH),
        MappingEntry(ROLE, "system:node:", BOTH),
        MappingEntry(ROLE, f"<{DNS}>", BOTH),
    ],
    ids=["no group", "joined groups", "another name", "no name", "half a name", "placeholder"],
)
def test_without_name_or_group_nobody_is_a_node(mapped: MappingEntry) -> None:
    assert not is_node_mapping(mapped)


def test_real_node_mappings_are_found(corpus: Path) -> None:
    """Of all real mappings into the nodes' group, only those are no node mappings that give nodes no name."""
    lines = (corpus / "expected.jsonl").read_text(encoding="utf-8").splitlines()
    documents = [Document(values["data"]) for values in map(json.loads, lines) if "data" in values]
    mapped = [mapped for document in documents for mapped in document.reading("mapRoles").mapped]
    others = {one.username for one in mapped if "system:nodes" in one.groups and not is_node_mapping(one)}
    assert others == {"", "{{Session}}"}
    assert sum(map(is_node_mapping, mapped)) > 100
