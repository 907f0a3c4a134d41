"""Rules about IAM Identity Center: its roles, and entries by permission set."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from awsauth.core.access.matching import account_of
from awsauth.core.access.sso_roles import permission_set
from awsauth.core.findings import Severity
from awsauth.core.lint.rule import Match, rule
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.lint.subject import LintContext, LintEntry


@rule(Severity.ERROR, "an `sso` entry, which EKS does not look at")
def sso_entry(subject: LintContext) -> Iterator[Match]:
    """Find entries by permission set, an alpha feature that is off.

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
    for item in subject.roles:
        sso = item.mapped.sso
        if sso is not None:
            otherwise = (
                "Even where it is on, an entry with a partition matches nobody."
                if sso.partition
                else f"Where it is on, permission sets called {quoted(f'{sso.permission_set}_…')} match too."
            )
            yield Match(
                f"The permission set {quoted(sso.permission_set)} is mapped by an `sso` entry.",
                f"That is an alpha feature of the authenticator, and off: this matches nobody. {otherwise}",
                f"Map its role, {quoted(f'AWSReservedSSO_{sso.permission_set}_…')}, without the path.",
                item.location(),
            )


@rule(Severity.ERROR, "the role of a permission set without the suffix that it has in IAM")
def sso_suffix(subject: LintContext) -> Iterator[Match]:
    """Find roles called after a permission set alone.

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
    for item in subject.with_arn_problem("sso-suffix"):
        yield Match(
            "The role of a permission set is called `AWSReservedSSO_NAME_` and 16 hexadecimal digits; they are missing.",
            "There is no such role, so this matches nobody.",
            "Write the role's whole name, as IAM shows it, without the path.",
            item.location(),
            item.mapped.principal,
        )


@rule(Severity.WARNING, "two roles of one permission set in one account: one is no longer there")
def stale_sso_role(subject: LintContext) -> Iterator[Match]:
    """Find roles of IAM Identity Center that differ only in their suffix, which changes when the role is made anew.

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
    for item in subject.items:
        name = permission_set(item.mapped.principal.lower())
        if name is not None:
            role = item.mapped.principal.lower().rpartition("/")[2]
            by_set[account_of(item.mapped.principal), name].setdefault(role, item)
    for roles in by_set.values():
        first, *others = roles.values()
        for item in others:
            yield Match(
                f"There is another role of this permission set on line {subject.line(first)}.",
                "An account has one role for a permission set at a time, so one of them is gone, "
                "and its mapping lets nobody in.",
                "Look up in IAM which of the two there is, and take the other one out.",
                item.location(),
                item.mapped.principal,
            )
