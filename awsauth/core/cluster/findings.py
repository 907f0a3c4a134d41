"""Findings that need facts about a live cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from awsauth.core.access.matching import INSTANCES_ONLY, Access, account_of, can_match, names_for, principal_of
from awsauth.core.access.node_mappings import NODE_USER, WELL_KNOWN, admits_nodes
from awsauth.core.arn import permission_set, sso_role
from awsauth.core.cluster.facts import Bindings, ClusterNode
from awsauth.core.document.document import Document
from awsauth.core.document.index import grouped
from awsauth.core.document.model import SYSTEM_MASTERS, MappingEntry, principal_location
from awsauth.core.edit.changes import Change, RemoveRole, RenamePrincipal
from awsauth.core.entries.model import AuthenticationMode
from awsauth.core.findings import Finding, Severity, note, warning
from awsauth.core.guards.context import NodeUse
from awsauth.core.text.display import command_line, listed, quoted, visible

GIVES_NOTHING: Final = "gives-nothing"
CLUSTER_ADMIN: Final = "cluster-admin"

_SHOWN: Final = 3  # the most names that a finding lists


def absent(mode: AuthenticationMode | None) -> tuple[Finding, ...]:
    """Return the finding for a missing ``aws-auth``; `mode` is None if unknown."""
    if mode == "API":
        return ()
    severity = Severity.ERROR if mode == "CONFIG_MAP" else Severity.WARNING
    impact = "Only access entries and the cluster creator have access; no node or user is mapped."
    hint = "Roll back if there was one, because its history remains. Otherwise map the node roles first."
    return (Finding("absent", severity, "There is no aws-auth.", impact, hint),)


def bound(document: Document, bindings: Bindings) -> Iterator[Finding]:
    """Yield the mappings without rights in RBAC, and those of administrators."""
    access = Access.of(document)
    # The unbound groups of principals that have another name that is bound.
    unbound: list[tuple[str, str]] = []
    for mapped in (outcomes[-1] for principal, outcomes in access.by_principal.items() if can_match(principal)):
        groups = [group for group in dict.fromkeys(mapped.groups) if group]
        useless = [group for group in groups if group not in WELL_KNOWN and not names_for(group, bindings.groups)]
        bound_user = mapped.username.startswith(NODE_USER) or names_for(mapped.username, bindings.usernames)
        if len(useless) == len(groups) and not bound_user:
            yield _gives_nothing(mapped, useless)
        else:
            unbound += [(group, mapped.principal) for group in useless]
        yield from _cluster_admin(mapped, groups, bindings)
    yield from (_unbound(group, principals) for group, principals in grouped(unbound).items())
    for account in sorted(access.accounts):
        if not any(account_of(username) == account for username in bindings.usernames):
            message = f"No RoleBinding or ClusterRoleBinding names an ARN of account {quoted(account)}."
            because = "their username is the ARN, and they have no groups"
            impact = f"Its principals without a mapping have no rights: {because}."
            hint = "Bind the ARNs of single principals, or remove the account."
            yield warning(GIVES_NOTHING, message, impact, hint, principal=account)


def _cluster_admin(mapped: MappingEntry, groups: list[str], bindings: Bindings) -> Iterator[Finding]:
    """Yield the finding about an administrator that is not in ``system:masters``."""
    by_group = [name for group in groups for name in names_for(group, bindings.admin_groups)]
    by_username = names_for(mapped.username, bindings.admin_usernames)
    kind, names = ("group", by_group) if by_group else ("username", by_username)
    if names and SYSTEM_MASTERS not in groups:
        certain = "is" if names[0] in (mapped.username, *groups) else "can become"
        name = f"{quoted(names[0])}, which is bound to cluster-admin"
        message = f"{quoted(mapped.principal, 200)} is an administrator: its {kind} {certain} {name}."
        impact = "It can do everything in the cluster, like a member of system:masters."
        yield note(CLUSTER_ADMIN, message, impact, principal=mapped.principal)


def _gives_nothing(mapped: MappingEntry, groups: list[str]) -> Finding:
    named = [f"its username {quoted(mapped.username)}" if mapped.username else "its username, which is empty"]
    if groups:
        named.append(f"its group{'s' if len(groups) > 1 else ''} {listed([quoted(group) for group in groups], _SHOWN)}")
    names = " or ".join(named)
    message = f"{quoted(mapped.principal, 200)} is mapped, but no RoleBinding or ClusterRoleBinding names {names}."
    hint = "Bind one of them, or correct its spelling and case."
    return warning(GIVES_NOTHING, message, "It has access, but no rights.", hint, principal=mapped.principal)


def _unbound(group: str, principals: list[str]) -> Finding:
    names = listed([quoted(principal, 200) for principal in principals], _SHOWN)
    message = f"No RoleBinding or ClusterRoleBinding names the group {quoted(group)} of {names}."
    impact = "The group grants no rights."
    hint = "Bind it, correct its spelling, or remove it."
    return note("unbound-group", message, impact, hint, principal=principals[0] if len(principals) == 1 else "")


def nodes_here(document: Document, nodes: Sequence[ClusterNode], uses: Mapping[str, NodeUse]) -> Iterator[Finding]:
    """Yield the findings about node mappings that registered nodes use or can use.

    Args:
        document: The document.
        nodes: The registered nodes. Their names alone do not show which mapping or access entry they use.
        uses: By ARN of a role, whether nodes have it, according to AWS.
    """
    known = {principal_of(arn): use for arn, use in uses.items()}
    mappings = [outcomes[-1] for outcomes in Access.of(document).by_principal.values() if admits_nodes(outcomes[-1])]
    for mapped in mappings:
        use = known.get(principal_of(mapped.principal), "unknown")
        fitting = [node for node in nodes if may_let_in(mapped, node)]
        rest = (other for other in mappings if other is not mapped)
        others = [other for other in rest if any(may_let_in(other, node) for node in fitting)]
        if use == "in use" or (use == "unknown" and fitting):
            yield _in_use(mapped, fitting, others, certain=use == "in use")


def may_let_in(mapped: MappingEntry, node: ClusterNode) -> bool:
    """Whether a node can have joined by a mapping, by its name and machine."""
    if node.compute_type == "auto" or not names_for(mapped.username, [NODE_USER + node.name]):
        return False
    return node.compute_type == "ec2" or INSTANCES_ONLY not in mapped.username


def _in_use(mapped: MappingEntry, nodes: list[ClusterNode], others: list[MappingEntry], *, certain: bool) -> Finding:
    names = listed([visible(node.name) for node in nodes], _SHOWN)
    if certain:
        message = f"Nodes have the role {quoted(mapped.principal, 200)}."
        impact = "Without this mapping they become NotReady."
    else:
        either = f" this mapping or {len(others)} more like it" if others else " this mapping"
        message = f"{quoted(mapped.principal, 200)} maps nodes, and registered nodes fit it: {names}."
        impact = f"They joined by{either}, or by an access entry."
    return note("node-role-in-use", message, impact, principal=mapped.principal)


def owned_revisions(owners: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Yield the revisions that Kubernetes deletes together with their owners.

    Args:
        owners: By name of a revision's object, its owners (``ownerReferences``), each as kind and name.
    """
    for name, owned in owners.items():
        if owned:
            message = f"The revision {quoted(name)} belongs to {', '.join(quoted(owner, 200) for owner in owned)}."
            impact = "Kubernetes deletes it together with its owner, and then no rollback to it is possible."
            kubectl = ("kubectl", "-n", "kube-system", "patch", f"controllerrevision/{name}", "--type=json")
            remove = command_line(*kubectl, "-p", '[{"op":"remove","path":"/metadata/ownerReferences"}]')
            yield warning("owned-revision", message, impact, f"Remove metadata.ownerReferences: `{remove}`.")


def maps_sso_roles(document: Document) -> bool:
    """Whether a document maps a role of IAM Identity Center."""
    return any(sso_role(mapped.principal) for mapped in document.reading("mapRoles").mapped)


def replaced_sso_roles(document: Document, roles: Iterable[str]) -> Iterator[Finding]:
    """Yield the findings about SSO roles that another role has replaced.

    A permission set that is removed from an account and assigned again gets a role with a new suffix. The mapping of the
    old role then has no effect.

    Args:
        document: The document.
        roles: The ARNs of all SSO roles in the accounts that could be read.
    """
    present = [found for found in map(sso_role, roles) if found]
    known = {role.lower() for role in present}
    by_set = grouped((_set_of(role), role) for role in present)
    reading = document.reading("mapRoles")
    mapped = {entry.mapped.principal.lower() for entry in reading.entries if entry.mapped}
    for entry in reading.entries:
        principal = entry.mapped.principal if entry.mapped else ""
        old = sso_role(principal)
        if old and old.lower() not in known and (successors := by_set.get(_set_of(old))):
            hint, fix = _successor(principal, successors, mapped)
            message = f"The role {quoted(principal, 200)} no longer exists, and the permission set {visible(permission_set(old))} has another one."
            impact = "Users of the permission set have no access by this mapping."
            location = principal_location(reading, entry)
            yield Finding("sso-role-replaced", Severity.ERROR, message, impact, hint, location, principal, fix)


def _successor(principal: str, successors: list[str], mapped: set[str]) -> tuple[str, tuple[Change, ...]]:
    """Return the hint about the role that replaced another, and the fix if it is safe."""
    if is_mapped := [successor for successor in successors if successor.lower() in mapped]:
        hint = f"Remove this mapping: the new role, {quoted(is_mapped[0], 200)}, is mapped already."
        return hint, (RemoveRole(role_arn=principal),)
    if len(successors) == 1:
        fix = RenamePrincipal(principal_arn=principal, new_arn=successors[0])
        return f"Map the new role instead: {quoted(successors[0], 200)}.", (fix,)
    return f"Map the right one of {', '.join(quoted(successor, 200) for successor in successors)} instead.", ()


def _set_of(role: str) -> tuple[str, str]:
    return account_of(role), permission_set(role).lower()
