"""Rules about node mappings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from awsauth.core.access.matching import INSTANCES_ONLY
from awsauth.core.access.node_mappings import NODE_GROUPS, NODES, PRESETS, WINDOWS_GROUP, fits_no_node, is_node_mapping
from awsauth.core.document.model import SYSTEM_MASTERS
from awsauth.core.findings import Severity
from awsauth.core.lint.context import LintContext, LintEntry, Match
from awsauth.core.lint.rule import rule
from awsauth.core.lint.rules.groups import is_unclear, meant, parts
from awsauth.core.text.display import quoted

_INSTANCE: Final = PRESETS["ec2"].username
_SESSION: Final = PRESETS["fargate"].username
_NEEDED: Final = PRESETS["ec2"].groups
_PROXIER: Final = "system:node-proxier"
_WINDOWS: Final = r"(?ai:windows|(?:^|[^a-z])win(?:\d|(?![a-z])))|[a-z]Win(?:\d|(?![a-z]))"
_AUTO_MODE: Final = r"eks-?auto-?(?:mode|node|cluster)|auto-?mode-?node"
_INSTANCES: Final = r"node-?instance|node-?group|karpenter|worker"
_ELSEWHERE: Final = "fargate|hybrid"
_FOR_NODES: Final = f"{_INSTANCES}|{_ELSEWHERE}|node"
_FOR_OTHERS: Final = r"admin|ops(?![a-z])|deploy|github|gitlab|jenkins|terraform|build|developer|engineer(?!ing)|(?<![a-z])(?:sso|ci|cd|team|users?)(?![a-z])"
_OWN_NAME: Final = "Give the mapping a username of its own"


@rule(Severity.ERROR, "a node's username without the groups that nodes need")
def node_groups(context: LintContext) -> Iterator[Match]:
    """A node needs `system:bootstrappers` to join and `system:nodes` to work.

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
    for item in _with_node_username(context):
        missing = [group for group in _NEEDED if group not in item.mapped.groups]
        is_reported = item.is_person or _has_odd_groups(context, item) or _is_for_people(context, item)
        if missing and not is_reported:
            are_missing = f"{' and '.join(map(quoted, missing))} {'is' if len(missing) == 1 else 'are'} missing"
            message = f"The username is a node's, but {are_missing} from the groups."
            hint = _by_callers(item, nodes=f"Add {' and '.join(missing)}.", others=f"{_OWN_NAME}.")
            yield item.match(message, "Nodes with this role cannot join.", hint, at=item.location("groups"))


def _with_node_username(context: LintContext) -> Iterator[LintEntry]:
    return (item for name in (_INSTANCE, _SESSION) for item in context.usernames.get(name, ()))


@rule(Severity.ERROR, "a node's username with a person's groups")
def person_as_node(context: LintContext) -> Iterator[Match]:
    """Someone copied the mapping of the nodes for people.

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
    for item in _with_node_username(context):
        if _is_for_people(context, item):
            groups = ", ".join(quoted(group) for group in dict.fromkeys(item.mapped.groups))
            message = f"The username is a node's, but the groups are not: {groups}."
            impact = "A caller has the name of a node, and no node can join."
            if fits_no_node(item.mapped):
                impact = "The mapping grants no access."
            hint = f"{_OWN_NAME}, and leave the groups as they are."
            yield item.match(message, impact, hint, at=item.location("username"))


def _callers(item: LintEntry) -> Literal["nodes", "others", ""]:
    """Return the callers that an ARN suggests: nodes, or people and programs.

    It is empty without a clear sign.
    """
    is_for_nodes, is_for_others = re.search(_FOR_NODES, item.role_name), re.search(_FOR_OTHERS, item.role_name)
    if item.is_person or (is_for_others and not is_for_nodes):
        return "others"
    return "nodes" if is_for_nodes and not is_for_others else ""


def _by_callers(item: LintEntry, *, nodes: str, others: str) -> str:
    """Return the hint for the likely callers; both hints without a clear sign."""
    both = f"For nodes: {nodes} For people and programs: {others}"
    return {"nodes": nodes, "others": others}.get(_callers(item), both)


def _is_for_people(context: LintContext, item: LintEntry) -> bool:
    """Whether a mapping to a node's username has only groups of people.

    The role's name must not suggest nodes.
    """
    is_node, groups = re.search(_FOR_NODES, item.role_name), item.mapped.groups
    return bool(groups) and not is_node and NODE_GROUPS.isdisjoint(groups) and not _has_odd_groups(context, item)


def _is_odd(group: str) -> bool:
    return bool(is_unclear(group) or parts(group) or meant(group))


def _has_odd_groups(context: LintContext, item: LintEntry) -> bool:
    """Whether another finding about the groups may explain why one is missing."""
    return any(map(_is_odd, item.mapped.groups)) or context.is_told(item.value_location("groups"))


@rule(Severity.ERROR, "the group `system:nodes` with a username that is not a node's")
def node_username(context: LintContext) -> Iterator[Match]:
    """The API server recognizes a node by its username and group `system:nodes`.

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
    for item in context.groups.get(NODES, ()):
        username = item.mapped.username
        is_reported = context.is_told(item.value_location("username")) or (username and is_unclear(username))
        if not is_node_mapping(item.mapped) and not is_reported:
            names = f"Write the username {quoted(_INSTANCE)} for EC2, {quoted(_SESSION)} for Fargate and hybrid nodes."
            has = "its username is not a node's" if username else "it has no username"
            message = f"The mapping has the group {quoted(NODES)}, but {has}."
            impact = "No node can join with it: the API server needs the group and the username."
            hint = _by_callers(item, nodes=names, others="Remove the groups of nodes.")
            severity = Severity.WARNING if item.is_person else Severity.ERROR
            yield item.match(message, impact, hint, at=item.location("username"), severity=severity)


@rule(Severity.WARNING, "a node mapping that does not fit its role's name: Fargate, Windows, hybrid, Auto Mode")
def node_kind(context: LintContext) -> Iterator[Match]:
    """The kind of node in the role's name needs another mapping.

    Nodes of Auto Mode need an access entry instead.

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
    for item in _with_node_username(context):
        name, username, groups = item.mapped.principal.rpartition("/")[2], item.mapped.username, item.mapped.groups
        if not set(_NEEDED) <= set(groups):
            continue
        kind, group = ("Fargate", _PROXIER) if "fargate" in item.role_name else ("Windows", WINDOWS_GROUP)
        fits = username == _SESSION if kind == "Fargate" else username == _INSTANCE and re.search(_WINDOWS, name)
        if fits and group not in groups:
            message = f"The role's name says {kind}, but {quoted(group)} is missing from the groups."
            impact = "The network proxy of such nodes does not work."
            yield item.match(message, impact, f"Add {group} if these are {kind} nodes.", at=item.location("groups"))
        elif "hybrid" in item.role_name and username == _INSTANCE:
            message = "The role's name says hybrid, but the username is for EC2 instances only."
            hint = f"Write {quoted(_SESSION)} if these are hybrid nodes."
            yield item.match(message, "Hybrid nodes cannot join with this mapping.", hint, at=item.location("username"))
        elif re.search(_AUTO_MODE, item.role_name):
            impact = "Nodes of Auto Mode join by an access entry of type EC2, and do not need this mapping."
            hint = "Create an access entry of type EC2 for the role, unless EKS has created one."
            yield item.match("The role's name says EKS Auto Mode.", impact, hint, severity=Severity.NOTE)


@rule(Severity.WARNING, "a node mapping with groups that nodes do not need, such as `system:masters`")
def node_extra_groups(context: LintContext) -> Iterator[Match]:
    """Every pod on a node can often use the credentials of the node.

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
    for item in (one for one in _with_node_username(context) if not _is_for_people(context, one)):
        for group in dict.fromkeys(item.mapped.groups):
            if group not in NODE_GROUPS and not _is_odd(group):
                rights = "can do everything in the cluster" if group == SYSTEM_MASTERS else "has the group's rights"
                impact = f"Any program on such a node that obtains its credentials {rights}."
                if _callers(item) == "others":
                    impact = "The API server takes a caller for a node, and restricts the caller's changes."
                nodes = f"Map another role to {quoted(group)}. Then remove it here."
                others = f"{_OWN_NAME}, and remove the groups of nodes. Keep {quoted(group)}."
                message = f"A node mapping has the group {quoted(group)} too."
                hint = _by_callers(item, nodes=nodes, others=others)
                yield item.match(message, impact, hint, at=item.group_location(group))


@rule(Severity.WARNING, "`system:node:{{SessionName}}` for nodes that are neither Fargate nor hybrid")
def session_node(context: LintContext) -> Iterator[Match]:
    """A caller chooses the session name, and so which node to be.

    Only Fargate and hybrid nodes need this username.

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
    for item in context.usernames.get(_SESSION, ()):
        is_instance = re.search(_INSTANCES, item.role_name) and not re.search(_ELSEWHERE, item.role_name)
        is_windows = fits_no_node(item.mapped)
        is_other = item.is_person or is_windows or (is_instance and _PROXIER not in item.mapped.groups)
        if is_other and not _is_for_people(context, item):
            names = "The session name is the node's name, as for Fargate and hybrid nodes"
            message = f"{names}, but this looks like neither."
            danger = "Anyone who assumes the role can be any node."
            impact = f"EC2 nodes join only if their name is the instance id. {danger}"
            hint = _by_callers(item, nodes=f"Write {quoted(_INSTANCE)} for nodes on EC2.", others=f"{_OWN_NAME}.")
            yield item.match(message, impact, hint, at=item.location("username"))


@rule(Severity.ERROR, "`{{EC2PrivateDNSName}}` for a principal that is not an EC2 instance")
def instances_only(context: LintContext) -> Iterator[Match]:
    """With this template in a name, the authenticator admits only EC2 instances.

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
    for item in context.items:
        if fits_no_node(item.mapped) and not _is_for_people(context, item):
            group = next((group for group in item.mapped.groups if INSTANCES_ONLY in group), "")
            in_username = INSTANCES_ONLY in item.mapped.username
            if in_username or group:
                message = f"{quoted(INSTANCES_ONLY)} is for EC2 instances only, and this principal is not one."
                other_nodes = f"Write {quoted(_SESSION)}, and add {_PROXIER} to the groups if it is missing."
                hint = f"{_OWN_NAME}." if item.is_person else other_nodes
                at = item.location("username") if in_username else item.group_location(group)
                yield item.match(message, "The mapping grants no access.", hint, at=at)
