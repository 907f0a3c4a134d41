"""Rules about ARNs that somebody can have: whether they stand where they should, and mean what they seem to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from awsauth.core.arn import is_user
from awsauth.core.document.model import SYSTEM_MASTERS
from awsauth.core.findings import Severity
from awsauth.core.lint.rule import Match, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.lint.subject import LintContext, LintEntry


@rule(Severity.WARNING, "principals of more than one partition")
def mixed_partitions(subject: LintContext) -> Iterator[Match]:
    """Find ARNs of another partition than most: a cluster is in one, and credentials of others are of no use there.

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
    exact = [item for item in subject.items if not item.fault and item.mapped.principal]
    counted = Counter(_partition(item) for item in exact)
    if len(counted) < 2:
        return
    usual = counted.most_common(1)[0][0]
    for item in {_partition(item): item for item in reversed(exact)}.values():
        if _partition(item) != usual:
            yield Match(
                f"This ARN is of the partition {_partition(item)}, and others are of {usual}.",
                "A cluster is in one partition, and nobody from another can call it.",
                f"Take out what is not of the cluster's partition; {counted[_partition(item)]} of "
                f"{len(exact)} principals are of this one.",
                item.location(),
                item.mapped.principal,
            )


def _partition(item: LintEntry) -> str:
    return item.mapped.principal.lower().split(":", 2)[1]


@rule(Severity.WARNING, "the ARN of a user in `mapRoles`")
def user_in_map_roles(subject: LintContext) -> Iterator[Match]:
    """Find users among the roles.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:user/alice
            username: alice

    Silent::

        mapUsers: |
          - userarn: arn:aws:iam::111122223333:user/alice
            username: alice
    """
    for item in subject.roles:
        if not item.fault and is_user(item.mapped.principal.lower()):
            yield Match(
                "A user stands under mapRoles.",
                "It is let in all the same, before anything that mapUsers says of it.",
                "Move it to mapUsers, where others look for it.",
                item.location(),
                item.mapped.principal,
            )


@rule(Severity.WARNING, "the ARN of a role in `mapUsers`")
def role_in_map_users(subject: LintContext) -> Iterator[Match]:
    """Find roles among the users.

    Fires::

        mapUsers: |
          - userarn: arn:aws:iam::111122223333:role/ci
            username: ci

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
    """
    for item in subject.users:
        if not item.fault and not is_user(item.mapped.principal.lower()):
            yield Match(
                "A role stands under mapUsers.",
                "It is let in all the same, unless mapRoles says something of it.",
                "Move it to mapRoles, where others look for it.",
                item.location(),
                item.mapped.principal,
            )


@rule(Severity.WARNING, "the root of an account, which is not everybody in it")
def account_root(subject: LintContext) -> Iterator[Match]:
    """Find roots of accounts. `masters_on_root` speaks where one is an administrator.

    Fires::

        mapUsers: |
          - userarn: arn:aws:iam::111122223333:root
            username: everybody

    Silent::

        mapAccounts: |
          - "111122223333"
    """
    for item in subject.items:
        if (
            not item.fault
            and item.mapped.principal.lower().endswith(":root")
            and SYSTEM_MASTERS not in item.mapped.groups
        ):
            yield Match(
                "This is the root of an account.",
                "Unlike in an IAM policy, that is the root user alone, who should not be working, "
                "and nobody else of the account.",
                "Map the roles that are meant.",
                item.location(),
                item.mapped.principal,
            )
