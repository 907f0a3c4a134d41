"""Rules about who may do everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from awsauth.core.access.matching import can_match
from awsauth.core.access.node_mappings import is_node_mapping
from awsauth.core.arn import is_user
from awsauth.core.document.model import SYSTEM_MASTERS
from awsauth.core.findings import Severity
from awsauth.core.lint.rule import Match, rule
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.lint.subject import LintContext, LintEntry

MANY: Final = 3
"""How many administrators need no explanation, where a policy does not say."""


@rule(Severity.WARNING, f"more than {MANY} principals in `system:masters`, where no policy says how many may be")
def many_masters(subject: LintContext) -> Iterator[Match]:
    """Find maps that make many people administrators. With `most_administrators` the policy's rule speaks instead.

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
    masters = _masters(subject)
    is_told = subject.policy is not None and subject.policy.most_administrators is not None
    if len(masters) > MANY and not is_told:
        yield Match(
            f"{len(masters)} principals are in {quoted(SYSTEM_MASTERS)}.",
            "Each may do everything, whatever RBAC says, and nothing but this map takes it away.",
            "Bind a group of your own to what they need, and keep this for emergencies.",
            masters[MANY].group_location(SYSTEM_MASTERS),
        )


def _masters(subject: LintContext) -> list[LintEntry]:
    """Return who may do everything, without those that nobody can be, and nodes, of which another rule tells."""
    return [
        item
        for item in subject.winners
        if SYSTEM_MASTERS in item.mapped.groups
        and can_match(item.mapped.principal)
        and not is_node_mapping(item.mapped)
    ]


@rule(Severity.WARNING, "the root of an account in `system:masters`")
def masters_on_root(subject: LintContext) -> Iterator[Match]:
    """Find roots of accounts that are administrators.

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
    for item in _masters(subject):
        if not item.fault and item.mapped.principal.lower().endswith(":root"):
            yield Match(
                f"The root of an account is in {quoted(SYSTEM_MASTERS)}.",
                "That is the root user alone, who should not be working; nobody else of the account gets in by it.",
                "Map a role for administrators.",
                item.location(),
                item.mapped.principal,
            )


@rule(Severity.NOTE, "an IAM user in `system:masters`")
def masters_on_user(subject: LintContext) -> Iterator[Match]:
    """Find users who are administrators, all in one finding.

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
    found = [item for item in _masters(subject) if not item.fault and _is_iam_user(item)]
    if found:
        who = "An IAM user is" if len(found) == 1 else f"{len(found)} IAM users are"
        yield Match(
            f"{who} in {quoted(SYSTEM_MASTERS)}.",
            "A user's keys do not expire: whoever gets hold of them may do everything until somebody notices.",
            "Map a role for it, which people assume.",
            found[0].location(),
            found[0].mapped.principal if len(found) == 1 else "",
        )


def _is_iam_user(item: LintEntry) -> bool:
    principal = item.mapped.principal.lower()
    return is_user(principal) and not principal.endswith(":root")


@rule(Severity.NOTE, "nobody in `system:masters`")
def no_administrator(subject: LintContext) -> Iterator[Match]:
    """Find documents without an administrator. Whoever made the cluster may be one without being mapped.

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
    possible = (item for item in subject.winners if can_match(item.mapped.principal))
    if subject.is_readable and not any("masters" in group.lower() for item in possible for group in item.mapped.groups):
        yield Match(
            f"Nobody is mapped to {quoted(SYSTEM_MASTERS)}.",
            "When the map has to be repaired, only the cluster's creator can, or whom an access entry or RBAC allows it.",
            "Map a role for emergencies, unless there is another way in.",
        )
