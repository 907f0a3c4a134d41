"""Rules about the partition and data key of ARNs, and IAM Identity Center."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from awsauth.core.access.matching import account_of
from awsauth.core.arn import FIND_SSO_ROLES, is_user, partition_of, permission_set
from awsauth.core.document.model import SYSTEM_MASTERS
from awsauth.core.findings import Severity
from awsauth.core.lint.context import LintContext, LintEntry
from awsauth.core.lint.rule import Match, arn_rule, rule
from awsauth.core.text.display import quoted


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
        sso = item.mapped.sso
        if sso is not None:
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
    by_set: defaultdict[tuple[str, str], dict[str, LintEntry]] = defaultdict(dict)
    for item in context.items:
        name = permission_set(item.arn)
        if name is not None:
            by_set[account_of(item.arn), name].setdefault(item.arn.rpartition("/")[2], item)
    for first, *others in (list(roles.values()) for roles in by_set.values()):
        for item in others:
            message = f"Line {context.line(first)} has another role of this permission set."
            reason = "An account has one role for a permission set at a time."
            hint = "Look up in IAM which role exists, and remove the other mapping."
            yield item.match(message, f"{reason} So one of the two mappings grants no access.", hint)
