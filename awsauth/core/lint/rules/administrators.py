"""Rules about administrators: members of `system:masters`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from awsauth.core.access.matching import can_match
from awsauth.core.access.node_mappings import is_node_mapping
from awsauth.core.arn import is_user
from awsauth.core.document.model import SYSTEM_MASTERS, MappingEntry
from awsauth.core.findings import Severity
from awsauth.core.lint.context import LintContext, LintEntry
from awsauth.core.lint.rule import Match, rule
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
