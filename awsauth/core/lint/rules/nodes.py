"""Rules about the mappings that let nodes in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from awsauth.core.access.matching import INSTANCES_ONLY, can_match
from awsauth.core.access.node_mappings import NODE_GROUPS, NODES, PRESETS, WINDOWS_GROUP, fits_no_node, is_node_mapping
from awsauth.core.document.model import SYSTEM_MASTERS
from awsauth.core.findings import Severity
from awsauth.core.lint.rule import Match, rule
from awsauth.core.lint.rules.groups import is_unclear, meant, parts
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.lint.subject import LintContext, LintEntry

_INSTANCE: Final = PRESETS["ec2"].username
_SESSION: Final = PRESETS["fargate"].username
_NEEDED: Final = PRESETS["ec2"].groups
_PROXIER: Final = "system:node-proxier"
_WINDOWS: Final = re.compile(r"(?i:windows|(?:^|[^a-z])win(?:\d|(?![a-z])))|[a-z]Win(?:\d|(?![a-z]))")
_AUTO_MODE: Final = re.compile(r"eks-?auto-?(?:mode|node|cluster)|auto-?mode-?node")
_INSTANCES: Final = re.compile(r"node-?instance|node-?group|karpenter|worker")
_ELSEWHERE: Final = re.compile("fargate|hybrid")


@rule(Severity.ERROR, "a node's username without the groups that nodes need")
def node_groups(subject: LintContext) -> Iterator[Match]:
    """Find mappings to a node's username without `system:bootstrappers` or `system:nodes`.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/nodes
            username: system:node:{{EC2PrivateDNSName}}
            groups: [system:bootstrappers]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/nodes
            username: system:node:{{EC2PrivateDNSName}}
            groups: [system:bootstrappers, system:nodes]
    """
    for item in _with_node_username(subject):
        missing = [group for group in _NEEDED if group not in item.mapped.groups]
        if missing and not _groups_are_told(subject, item) and not _is_for_people(subject, item):
            yield Match(
                f"The username is a node's, and {' and '.join(map(quoted, missing))} "
                f"{'is' if len(missing) == 1 else 'are'} missing from the groups.",
                "Nodes with this role cannot join.",
                f"Add {' and '.join(missing)}.",
                item.location("groups"),
                item.mapped.principal,
            )


def _with_node_username(subject: LintContext) -> Iterator[LintEntry]:
    return (item for name in (_INSTANCE, _SESSION) for item in subject.usernames.get(name, ()))


@rule(Severity.ERROR, "a node's username with a person's groups")
def person_as_node(subject: LintContext) -> Iterator[Match]:
    """Find mappings of people that were copied from the one of the nodes.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/admin
            username: system:node:{{SessionName}}
            groups: [system:masters]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/admin
            username: admin:{{SessionName}}
            groups: [system:masters]
          - rolearn: arn:aws:iam::111122223333:role/node-instances
            username: system:node:{{EC2PrivateDNSName}}
            groups: [system:bootstrappers, system:nodes]
    """
    for item in _with_node_username(subject):
        if _is_for_people(subject, item):
            groups = ", ".join(quoted(group) for group in dict.fromkeys(item.mapped.groups))
            impact = "A caller acts under the name of a node by it, and no node can join."
            yield Match(
                f"The username is a node's, and the groups are not: {groups}.",
                "Nobody gets in by this mapping." if fits_no_node(item.mapped) else impact,
                "Give the mapping a username of its own, and leave the groups as they are.",
                item.location("username"),
                item.mapped.principal,
            )


def _is_for_people(subject: LintContext, item: LintEntry) -> bool:
    """Whether a mapping to a node's username has groups, none of which is a node's, and its role's name names no node."""
    is_node = _INSTANCES.search(item.role_name) or _ELSEWHERE.search(item.role_name) or "node" in item.role_name
    groups = item.mapped.groups
    return bool(groups) and not is_node and NODE_GROUPS.isdisjoint(groups) and not _groups_are_told(subject, item)


def _groups_are_told(subject: LintContext, item: LintEntry) -> bool:
    """Whether something else is said of the groups already, which may be why one is missing."""
    if any(is_unclear(group) or parts(group) or meant(group) for group in item.mapped.groups):
        return True
    return subject.is_told(item.value_location("groups"))


@rule(Severity.ERROR, "the group `system:nodes` with a username that is no node's")
def node_username(subject: LintContext) -> Iterator[Match]:
    """Find mappings to the group of nodes under another name.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/nodes
            username: worker
            groups: [system:bootstrappers, system:nodes]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/nodes
            username: system:node:{{EC2PrivateDNSName}}
            groups: [system:bootstrappers, system:nodes]
    """
    for item in subject.groups.get(NODES, ()):
        username = item.mapped.username
        if (
            is_node_mapping(item.mapped)
            or subject.is_told(item.location("username"))
            or (username and is_unclear(username))
        ):
            continue
        yield Match(
            f"The group {quoted(NODES)} is given, and the username is not that of a node.",
            "The API server takes a caller for a node only by both, so a node with this role does not become one.",
            f"Write {quoted(_INSTANCE)} for nodes on EC2, {quoted(_SESSION)} for Fargate and hybrid nodes, "
            "or take the group away.",
            item.location("username"),
            item.mapped.principal,
        )


@rule(Severity.WARNING, "a node mapping that does not fit its role's name: Fargate, Windows, hybrid, Auto Mode")
def node_kind(subject: LintContext) -> Iterator[Match]:
    """Find node mappings of roles called after a kind of node that needs another mapping, or, in Auto Mode, none.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/AmazonEKSFargatePodExecutionRole
            username: system:node:{{SessionName}}
            groups: [system:bootstrappers, system:nodes]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/AmazonEKSFargatePodExecutionRole
            username: system:node:{{SessionName}}
            groups: [system:bootstrappers, system:nodes, system:node-proxier]
          - rolearn: arn:aws:iam::111122223333:role/hybrid-nodes
            username: system:node:{{SessionName}}
            groups: [system:bootstrappers, system:nodes]
    """
    for item in _with_node_username(subject):
        if not set(_NEEDED) <= set(item.mapped.groups):
            continue
        name, username = item.mapped.principal.rpartition("/")[2], item.mapped.username
        if "fargate" in item.role_name and username == _SESSION and _PROXIER not in item.mapped.groups:
            yield _lacks_group(item, "Fargate", _PROXIER)
        elif _WINDOWS.search(name) and username == _INSTANCE and WINDOWS_GROUP not in item.mapped.groups:
            yield _lacks_group(item, "Windows", WINDOWS_GROUP)
        elif "hybrid" in item.role_name and username == _INSTANCE:
            yield Match(
                f"The role's name says hybrid, and {quoted(INSTANCES_ONLY)} is filled in for EC2 instances only.",
                "Hybrid nodes cannot join by this mapping.",
                f"Write {quoted(_SESSION)} if these are hybrid nodes.",
                item.location("username"),
                item.mapped.principal,
            )
        elif _AUTO_MODE.search(item.role_name):
            yield Match(
                "The role's name says EKS Auto Mode.",
                "Nodes of Auto Mode join by an access entry of type EC2, and do not need this mapping.",
                "Create an access entry of type EC2 for the role, unless EKS has done it.",
                item.location(),
                item.mapped.principal,
                severity=Severity.NOTE,
            )


def _lacks_group(item: LintEntry, kind: str, group: str) -> Match:
    return Match(
        f"The role's name says {kind}, and {quoted(group)} is missing from the groups.",
        "The network proxy of such nodes does not work.",
        f"Add {group} if these are {kind} nodes.",
        item.location("groups"),
        item.mapped.principal,
    )


@rule(Severity.WARNING, "a node mapping with groups that are no node's, `system:masters` among them")
def node_extra_groups(subject: LintContext) -> Iterator[Match]:
    """Find nodes that get more than nodes need.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/nodes
            username: system:node:{{EC2PrivateDNSName}}
            groups: [system:bootstrappers, system:nodes, system:masters]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/windows-nodes
            username: system:node:{{EC2PrivateDNSName}}
            groups: [system:bootstrappers, system:nodes, eks:kube-proxy-windows]
    """
    for item in (one for one in _with_node_username(subject) if not _is_for_people(subject, one)):
        for group in dict.fromkeys(item.mapped.groups):
            if group not in NODE_GROUPS and not (is_unclear(group) or parts(group) or meant(group)):
                everything = "do everything in the cluster" if group == SYSTEM_MASTERS else "do what it may"
                yield Match(
                    f"A node mapping is in the group {quoted(group)} too.",
                    f"Every node with the role, and whatever runs on it and gets at its credentials, may {everything}.",
                    "Take the group away; give it to a role of its own.",
                    item.group_location(group),
                    item.mapped.principal,
                )


@rule(Severity.WARNING, "`system:node:{{SessionName}}` for what is neither Fargate nor hybrid")
def session_node(subject: LintContext) -> Iterator[Match]:
    """Find principals that can be any node, by the session name they choose, and are no such nodes by their looks.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/eksctl-dev-NodeInstanceRole-1A2B3C
            username: system:node:{{SessionName}}
            groups: [system:bootstrappers, system:nodes]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/hybrid-nodes
            username: system:node:{{SessionName}}
            groups: [system:bootstrappers, system:nodes]
    """
    for item in subject.usernames.get(_SESSION, ()):
        is_instance = _INSTANCES.search(item.role_name) and not _ELSEWHERE.search(item.role_name)
        is_windows = fits_no_node(item.mapped)
        is_other = item.is_person or is_windows or (is_instance and _PROXIER not in item.mapped.groups)
        if is_other and not _is_for_people(subject, item):
            yield Match(
                "The node's name is the session name, as for Fargate and hybrid nodes, and this looks like neither.",
                "Nodes on EC2 join by it only if their instance's id is their name, and whoever assumes the role can be any.",
                f"Write {quoted(_INSTANCE)} for nodes on EC2.",
                item.location("username"),
                item.mapped.principal,
            )


@rule(Severity.ERROR, "`{{EC2PrivateDNSName}}` for what is no EC2 instance")
def instances_only(subject: LintContext) -> Iterator[Match]:
    """Find principals that can be no instance, but are mapped to what only an instance gets.

    Fires::

        mapUsers: |
          - userarn: arn:aws:iam::111122223333:user/alice
            username: system:node:{{EC2PrivateDNSName}}
            groups: [system:bootstrappers, system:nodes]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/nodes
            username: system:node:{{EC2PrivateDNSName}}
            groups: [system:bootstrappers, system:nodes]
    """
    for item in subject.items:
        if fits_no_node(item.mapped) and not _is_for_people(subject, item):
            for name in (item.mapped.username, *item.mapped.groups):
                if INSTANCES_ONLY in name:
                    yield Match(
                        f"{quoted(INSTANCES_ONLY)} is filled in for EC2 instances only, and this is none.",
                        "Nobody gets in by this mapping.",
                        "For Fargate write the session name; for people a name of their own.",
                        item.location("username") if name == item.mapped.username else item.group_location(name),
                        item.mapped.principal,
                    )
                    break


@rule(Severity.NOTE, "no mapping that lets nodes in")
def no_node_mapping(subject: LintContext) -> Iterator[Match]:
    """Find documents without nodes. A cluster whose nodes come in by access entries needs none.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/admin
            username: admin
            groups: [system:masters]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/nodes
            username: system:node:{{EC2PrivateDNSName}}
            groups: [system:bootstrappers, system:nodes]
    """
    possible = [item.mapped for item in subject.winners if can_match(item.mapped.principal)]
    # Of what only looks like one, another rule tells.
    looks_like_one = any(
        mapped.username.startswith("system:node:")
        or any(NODES in group or meant(group) == NODES for group in mapped.groups)
        for mapped in possible
    )
    if subject.is_readable and not looks_like_one:
        yield Match(
            "No mapping lets nodes in.",
            "Only nodes that come in by an access entry can join.",
            "Map the role of the nodes, unless access entries do it.",
        )
