"""Rules about administrators, missing mappings, and the kind of a principal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from awsauth.core.access.matching import account_of, can_match
from awsauth.core.access.node_mappings import NODE_USER, NODES, is_node_mapping
from awsauth.core.arn import FIND_SSO_ROLES, is_user, partition_of, permission_set
from awsauth.core.document.model import SYSTEM_MASTERS, MappingEntry
from awsauth.core.findings import Severity
from awsauth.core.lint.context import LintContext, LintEntry, Match, distinct
from awsauth.core.lint.rule import arn_rule, rule
from awsauth.core.lint.rules.groups import means_nodes
from awsauth.core.text.display import quoted

# The number of administrators above which lint warns, without a policy.
MANY: Final = 3


@rule(Severity.WARNING, f"more than {MANY} principals in `system:masters`, unless a policy sets the limit")
def many_masters(context: LintContext) -> Iterator[Match]:
    """A member of `system:masters` can do everything, and RBAC cannot limit it.

    `most_administrators` of a policy replaces this rule.

    Fires::

        mapUsers: |
          - {userarn: "arn:aws:iam::111122223333:user/a", username: a, groups: [system:masters]}
          - {userarn: "arn:aws:iam::111122223333:user/b", username: b, groups: [system:masters]}
          - {userarn: "arn:aws:iam::111122223333:user/c", username: c, groups: [system:masters]}
          - {userarn: "arn:aws:iam::111122223333:user/d", username: d, groups: [system:masters]}

    Silent::

        mapUsers: |
          - {userarn: "arn:aws:iam::111122223333:user/a", username: a, groups: [system:masters]}
          - {userarn: "arn:aws:iam::111122223333:user/b", username: b, groups: [system:masters]}
          - {userarn: "arn:aws:iam::111122223333:user/c", username: c, groups: [system:masters]}
    """
    masters = _masters(context)
    has_limit = context.policy is not None and context.policy.most_administrators is not None
    if len(masters) > MANY and not has_limit:
        message = f"{len(masters)} principals are in {quoted(SYSTEM_MASTERS)}."
        impact = "Each can do everything. RBAC cannot limit it, and only a change of this map revokes it."
        hint = "Bind a group of your own to the rights they need, and keep this group for emergencies."
        yield Match(message, impact, hint, masters[MANY].group_location(SYSTEM_MASTERS))


def _masters(context: LintContext) -> list[LintEntry]:
    """Return the administrators. Nodes with that group have another rule."""
    members = (item for item in context.effective_items if SYSTEM_MASTERS in item.mapped.groups)
    return [item for item in members if can_match(item.mapped.principal) and not is_node_mapping(item.mapped)]


@rule(Severity.WARNING, "the root of an account in `system:masters`")
def masters_on_root(context: LintContext) -> Iterator[Match]:
    """The ARN of an account's root means the root user alone.

    AWS advises not to use the root user.

    Fires::

        mapUsers: |
          - userarn: arn:aws:iam::111122223333:root
            username: root
            groups: [system:masters]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/admin
            username: admin
            groups: [system:masters]
    """
    for item in _masters(context):
        if not item.fault and item.arn.endswith(":root"):
            message = f"The root of an account is in {quoted(SYSTEM_MASTERS)}."
            impact = "Only the root user has access, and no other principal of the account."
            yield item.match(message, impact, "Map a role for administrators.")


@rule(Severity.NOTE, "an IAM user in `system:masters`")
def masters_on_user(context: LintContext) -> Iterator[Match]:
    """Access keys of a user do not expire. All users are in one finding.

    Fires::

        mapUsers: |
          - userarn: arn:aws:iam::111122223333:user/alice
            username: alice
            groups: [system:masters]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/admin
            username: admin
            groups: [system:masters]
    """
    found = [one for one in _masters(context) if not one.fault and is_user(one.arn) and not one.arn.endswith(":root")]
    if found:
        who = "An IAM user is" if len(found) == 1 else f"{len(found)} IAM users are"
        message = f"{who} in {quoted(SYSTEM_MASTERS)}."
        impact = "Access keys of a user do not expire: anyone who obtains them can do everything."
        hint = "Map a role that people assume."
        yield Match(message, impact, hint, found[0].location(), found[0].mapped.principal if len(found) == 1 else "")


@rule(Severity.NOTE, "no principal in `system:masters`")
def no_administrator(context: LintContext) -> Iterator[Match]:
    """The cluster's creator can be an administrator without a mapping.

    So can a principal with an access entry.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/nodes
            username: system:node:{{EC2PrivateDNSName}}
            groups: [system:bootstrappers, system:nodes]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/admin
            username: admin
            groups: [system:masters]
    """
    to_masters = f"to {quoted(SYSTEM_MASTERS)}"
    impact = "Only the cluster's creator, or a principal with rights by an access entry or RBAC, can repair the map."
    hint = "Map a role for emergencies, unless there is another way in."
    match = Match(f"No principal is mapped {to_masters}.", impact, hint)
    yield from context.lacking(to_masters, _names_masters, SYSTEM_MASTERS, match)


def _names_masters(mapped: MappingEntry) -> bool:
    return any("masters" in group.lower() for group in mapped.groups)


@rule(Severity.NOTE, "no node mapping")
def no_node_mapping(context: LintContext) -> Iterator[Match]:
    """A cluster whose nodes join by access entries needs none.

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
    hint = "Map the role of the nodes, unless they have an access entry."
    match = Match("There is no node mapping.", "Only nodes with an access entry can join.", hint)
    # Other rules report a mapping that only looks like one of nodes.
    yield from context.lacking("of nodes", _looks_like_nodes, NODES, match)


def _looks_like_nodes(mapped: MappingEntry) -> bool:
    is_named = mapped.username.startswith(NODE_USER)
    return is_named or any(NODES in group or means_nodes(group) for group in mapped.groups)


@rule(Severity.WARNING, "principals of more than one partition")
def mixed_partitions(context: LintContext) -> Iterator[Match]:
    """A cluster is in one partition, and accepts no credentials of another.

    Fires::

        mapRoles: |
          - rolearn: arn:aws-cn:iam::111122223333:role/ci
            username: ci
          - rolearn: arn:aws-cn:iam::111122223333:role/build
            username: build
          - rolearn: arn:aws:iam::111122223333:role/deployer
            username: deployer

    Silent::

        mapRoles: |
          - rolearn: arn:aws-cn:iam::111122223333:role/ci
            username: ci
        mapUsers: |
          - userarn: arn:aws-cn:iam::111122223333:user/alice
            username: alice
    """
    items = (item for item in context.effective_items if not item.fault and item.mapped.principal)
    partitions = {item: partition_of(item.arn) for item in items}
    (usual, most), *others = Counter(partitions.values()).most_common() or [("", 0)]
    for other, count in others:
        item = next(item for item, partition in partitions.items() if partition == other)
        how_many = f"{count} of {len(partitions)} principals are in {other}"
        message = f"This ARN is in the partition {other}, and {'as many' if count == most else 'most'} are in {usual}."
        impact = "A cluster is in one partition, and a caller from another cannot use it."
        look = "Look at the partition in the cluster's own ARN."
        yield item.match(message, impact, f"{look} Then remove the mappings of the other one; {how_many}.")


@rule(Severity.NOTE, "the ARN of a user in `mapRoles`")
def user_in_map_roles(context: LintContext) -> Iterator[Match]:
    """The authenticator does not check the kind of an ARN.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:user/alice
            username: alice

    Silent::

        mapUsers: |
          - userarn: arn:aws:iam::111122223333:user/alice
            username: alice
    """
    for item in (one for one in context.roles if not one.fault and is_user(one.arn)):
        impact = "The mapping works, and counts before one under mapUsers."
        yield item.match("This user is under mapRoles.", impact, "Move it to mapUsers, where people look for it.")


@rule(Severity.NOTE, "the ARN of a role in `mapUsers`")
def role_in_map_users(context: LintContext) -> Iterator[Match]:
    """The authenticator does not check the kind of an ARN.

    Fires::

        mapUsers: |
          - userarn: arn:aws:iam::111122223333:role/ci
            username: ci

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
    """
    for item in (one for one in context.users if not one.fault and not is_user(one.arn)):
        impact = "The mapping works, unless mapRoles has one for the same role."
        yield item.match("This role is under mapUsers.", impact, "Move it to mapRoles, where people look for it.")


@rule(Severity.WARNING, "the root of an account, which does not stand for all its principals")
def account_root(context: LintContext) -> Iterator[Match]:
    """In an IAM policy, the root's ARN stands for the whole account.

    Here it is the root user. `masters-on-root` reports administrators.

    Fires::

        mapUsers: |
          - userarn: arn:aws:iam::111122223333:root
            username: everybody

    Silent::

        mapAccounts: |
          - "111122223333"
    """
    for item in context.items:
        if not item.fault and item.arn.endswith(":root") and SYSTEM_MASTERS not in item.mapped.groups:
            impact = "Only the root user has access, and no other principal of the account."
            yield item.match("This is the root of an account.", impact, "Map the roles that need access.")


@rule(Severity.ERROR, "an `sso` entry, which EKS ignores")
def sso_entry(context: LintContext) -> Iterator[Match]:
    """EKS does not turn on entries by permission set, an alpha feature.

    Source: ``aws-iam-authenticator`` ``pkg/config/mapper.go`` (``SSOArnLike``).

    Fires::

        mapRoles: |
          - sso:
              permissionSetName: Viewer
              accountID: "111122223333"
            username: viewer

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/AWSReservedSSO_Viewer_0123456789abcdef
            username: viewer
    """
    for item in context.roles:
        if sso := item.mapped.sso:
            impact = "EKS does not turn on this alpha feature of the authenticator, so the mapping grants no access."
            hint = f"Map the role {quoted(f'AWSReservedSSO_{sso.permission_set}_…')} instead, without its path."
            yield item.match(f"An `sso` entry maps the permission set {quoted(sso.permission_set)}.", impact, hint)


@arn_rule("the role of a permission set without the suffix that it has in IAM")
def sso_suffix(item: LintEntry) -> Match:
    """IAM Identity Center adds `_` and 16 hexadecimal digits to the name of the role.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/AWSReservedSSO_Viewer
            username: viewer

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/AWSReservedSSO_Viewer_0123456789abcdef
            username: viewer
          - rolearn: arn:aws:iam::111122223333:role/Viewer
            username: another-viewer
    """
    message = "The role's name does not end in `_` and 16 hexadecimal digits, unlike roles of IAM Identity Center."
    impact = "There is no such role, so the mapping grants no access."
    return item.match(message, impact, f"Look up the whole name, and write it without its path: `{FIND_SSO_ROLES}`.")


@rule(Severity.WARNING, "two roles of one permission set in one account: one no longer exists")
def stale_sso_role(context: LintContext) -> Iterator[Match]:
    """The suffix changes when IAM Identity Center creates the role again.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/AWSReservedSSO_Viewer_0123456789abcdef
            username: viewer
          - rolearn: arn:aws:iam::111122223333:role/AWSReservedSSO_Viewer_fedcba9876543210
            username: viewer-again

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/AWSReservedSSO_Viewer_0123456789abcdef
            username: viewer
          - rolearn: arn:aws:iam::444455556666:role/AWSReservedSSO_Viewer_fedcba9876543210
            username: viewer-of-another-account
    """
    sets = ((item, permission_set(item.arn)) for item in context.items)
    roles = (((account_of(item.arn), name), item.arn.rpartition("/")[2], item) for item, name in sets if name)
    for first, *others in distinct(roles).values():
        for item in others:
            message = f"Line {context.line(first)} has another role of this permission set."
            reason = "An account has one role for a permission set at a time."
            hint = "Look up in IAM which role exists, and remove the other mapping."
            yield item.match(message, f"{reason} So one of the two mappings grants no access.", hint)
