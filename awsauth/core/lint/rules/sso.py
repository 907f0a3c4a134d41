"""Rules about IAM Identity Center: its roles, and entries by permission set."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from awsauth.core.access.matching import account_of
from awsauth.core.access.sso_roles import permission_set
from awsauth.core.arn import FIND_SSO_ROLES
from awsauth.core.findings import Severity
from awsauth.core.lint.rule import Match, arn_rule, rule
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.lint.context import LintContext, LintEntry


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
            yield item.match(
                f"An `sso` entry maps the permission set {quoted(sso.permission_set)}.",
                "EKS does not turn on this alpha feature of the authenticator, so the mapping grants no access.",
                f"Map the role {quoted(f'AWSReservedSSO_{sso.permission_set}_…')} instead, without its path.",
            )


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
    return item.match(
        "The role's name does not end in `_` and 16 hexadecimal digits, unlike roles of IAM Identity Center.",
        "There is no such role, so the mapping grants no access.",
        f"Look up the whole name, and write it without its path: `{FIND_SSO_ROLES}`.",
    )


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
            yield item.match(
                f"Line {context.line(first)} has another role of this permission set.",
                "An account has one role for a permission set at a time. So one of the two mappings grants no access.",
                "Look up in IAM which role exists, and remove the other mapping.",
            )
