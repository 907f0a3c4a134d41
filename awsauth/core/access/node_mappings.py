"""Node mappings as EKS writes them, and how to recognize one."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from awsauth.core.access.matching import Access, can_match, needs_instance
from awsauth.core.arn import is_user, permission_set
from awsauth.core.document.document import Document
from awsauth.core.document.model import SYSTEM_MASTERS, MappingEntry

# EC2 with Linux, EC2 with Windows, Fargate, or machines outside AWS.
NodeKind = Literal["ec2", "windows", "fargate", "hybrid"]

# The command that shows the role of a node group.
FIND_NODE_ROLE: Final = (
    "aws eks describe-nodegroup --cluster-name CLUSTER --nodegroup-name NODEGROUP --query nodegroup.nodeRole"
)

# The group of a node. The API server needs it and the username to recognize one.
NODES: Final = "system:nodes"

# The additional group of Windows nodes.
WINDOWS_GROUP: Final = "eks:kube-proxy-windows"

# Begins the username of a node.
NODE_USER: Final = "system:node:"
_BOTH: Final = ("system:bootstrappers", NODES)


class Preset(NamedTuple):
    """The username and groups of a kind of node."""

    username: str
    groups: tuple[str, ...]


PRESETS: Final[dict[NodeKind, Preset]] = {
    "ec2": Preset(f"{NODE_USER}{{{{EC2PrivateDNSName}}}}", _BOTH),
    "windows": Preset(f"{NODE_USER}{{{{EC2PrivateDNSName}}}}", (*_BOTH, WINDOWS_GROUP)),
    "fargate": Preset(f"{NODE_USER}{{{{SessionName}}}}", (*_BOTH, "system:node-proxier")),
    "hybrid": Preset(f"{NODE_USER}{{{{SessionName}}}}", _BOTH),
}

# The usernames of all kinds of nodes.
NODE_USERNAMES: Final = frozenset(preset.username for preset in PRESETS.values())

# The groups of all kinds of nodes.
NODE_GROUPS: Final = frozenset(group for preset in PRESETS.values() for group in preset.groups)

# Groups that Kubernetes or EKS binds by itself.
WELL_KNOWN: Final = (
    SYSTEM_MASTERS,
    *sorted(NODE_GROUPS),
    "system:authenticated",
    "system:unauthenticated",
    "system:serviceaccounts",
    "system:monitoring",
)


def is_node_mapping(mapped: MappingEntry) -> bool:
    """Whether a mapping has a node's username and the group ``system:nodes``.

    A node's username is ``system:node:NAME``. The Node authorizer of Kubernetes needs both.
    """
    return mapped.username.startswith(NODE_USER) and mapped.username != NODE_USER and NODES in mapped.groups


def admits_nodes(mapped: MappingEntry) -> bool:
    """Whether nodes can join with a mapping.

    Its names are a node's, its ARN can match, and it fits a kind of node.
    """
    return is_node_mapping(mapped) and can_match(mapped.principal) and not fits_no_node(mapped)


def node_principals(document: Document) -> list[str]:
    """Return the principals, as written, of mappings with which nodes can join."""
    return [found[-1].principal for found in Access.of(document).by_principal.values() if any(map(admits_nodes, found))]


def fits_no_node(mapped: MappingEntry) -> bool:
    """Whether no node can join with a mapping.

    It needs an EC2 instance and the principal has none, or the reverse. People and Fargate have no instance. Windows
    nodes are instances, and their names are not their session names.
    """
    principal = mapped.principal.lower()
    if needs_instance(mapped):
        return is_person(principal) or "fargate" in principal.rpartition("/")[2]
    return WINDOWS_GROUP in mapped.groups and mapped.username == PRESETS["fargate"].username


def is_person(principal: str) -> bool:
    """Whether no machine can be a principal, given in lower case.

    It is a user, an account's root, or a role of IAM Identity Center.
    """
    return is_user(principal) or bool(permission_set(principal))


def still_admits(before: MappingEntry, after: MappingEntry) -> bool:
    """Whether nodes that join with `before` can also join with `after`.

    The username and all node groups are the same.
    """
    return after.username == before.username and NODE_GROUPS.intersection(before.groups) <= set(after.groups)
