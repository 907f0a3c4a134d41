"""Rules about the partition and the data key of ARNs that a caller can have."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from awsauth.core.arn import is_user, partition_of
from awsauth.core.document.model import SYSTEM_MASTERS
from awsauth.core.findings import Severity
from awsauth.core.lint.rule import Match, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.lint.context import LintContext


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
    partitions = {item: partition_of(item.arn) for item in context.winners if not item.fault and item.mapped.principal}
    (usual, most), *others = Counter(partitions.values()).most_common() or [("", 0)]
    for other, count in others:
        item = next(item for item, partition in partitions.items() if partition == other)
        yield item.match(
            f"This ARN is in the partition {other}, and {'as many' if count == most else 'most'} are in {usual}.",
            "A cluster is in one partition, and a caller from another cannot use it.",
            "Look at the partition in the cluster's own ARN. Then remove the mappings of the other one; "
            f"{count} of {len(partitions)} principals are in {other}.",
        )


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
            yield item.match(
                "This is the root of an account.",
                "Only the root user has access, and no other principal of the account.",
                "Map the roles that need access.",
            )
