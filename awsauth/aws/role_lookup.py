"""Roles that somebody names: their ARN, whether they exist, and whether an EC2 instance could wear them."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from awsauth.aws.errors import bounded, translate_errors
from awsauth.aws.iam import check_role_name, get_role, own_account, role_of
from awsauth.aws.trust_policy import ec2_service, trust_in_ec2
from awsauth.core.access.matching import account_of
from awsauth.core.access.sso_roles import PATH, sso_role
from awsauth.core.arn import canonical_role, partition_of
from awsauth.core.edit.validation import as_text, hint_for_missing
from awsauth.core.findings import Finding, Severity
from awsauth.core.text.display import quoted, quoted_value
from awsauth.errors import AwsAuthError, AwsPermissionError, RoleError, UsageError

if TYPE_CHECKING:
    from awsauth.aws.iam import Account, Role
    from awsauth.aws.session import AwsSession

NOT_CHECKED: Final = "role-not-checked"
MISSING: Final = "role-missing"
NOT_FOR_EC2: Final = "role-not-for-ec2"

PAGE: Final = 1000
"""Roles in one answer of ListRoles: the most there can be."""

_NEAR: Final = 3
"""How many roles of a similar name are shown."""


@dataclass(frozen=True, slots=True)
class ResolvedRole:
    """A role that somebody named.

    Attributes:
        role_arn: The ARN for ``aws-auth``, without path.
        findings: What else there is to say: whether it was checked, exists, and is for EC2.
    """

    role_arn: str
    findings: tuple[Finding, ...] = ()


def resolve_role(role: str, session: AwsSession, *, for_ec2: bool = False) -> ResolvedRole:
    """Return the ARN by which ``aws-auth`` knows a role, and whether the role exists as far as IAM may be asked.

    Args:
        role: A role's name, which is of the caller's account, or its ARN, or that of a session of it.
        session: Whom to ask AWS as.
        for_ec2: Also look whether an EC2 instance could wear the role.

    Raises:
        UsageError: `role` is neither a name nor an ARN.
        InvalidValueError: it is an ARN, but not that of a role.
        RoleError: there is no role of that name in the caller's account. An ARN of a role that is missing is only a
            finding: whoever gives an ARN may be about to make the role.
        CredentialsError, AwsServiceError: a name was given, and the account it is of cannot be asked for.
    """
    check_role_name(role, or_arn=True)
    if role.startswith("arn:"):
        return _by_arn(canonical_role(role), session, for_ec2=for_ec2)
    try:
        found = get_role(session, role)
    except AwsPermissionError as error:
        account = own_account(session)
        arn = f"arn:{account.partition}:iam::{account.number}:role/{role}"
        return ResolvedRole(arn, (_not_checked(arn, error),))
    if found is None:
        raise _no_such_role(role, session)
    return _checked(found, for_ec2=for_ec2)


def _by_arn(arn: str, session: AwsSession, *, for_ec2: bool) -> ResolvedRole:
    name = arn.rpartition("/")[2]
    try:
        own = own_account(session)
        if account_of(arn) != own.number:
            return ResolvedRole(arn, (_elsewhere(arn, own),))
        found = get_role(session, name)
    except AwsAuthError as error:
        return ResolvedRole(arn, (_not_checked(arn, error),))
    return _checked(found, for_ec2=for_ec2) if found else ResolvedRole(arn, (_missing(arn, name, session),))


def _checked(role: Role, *, for_ec2: bool) -> ResolvedRole:
    arn = canonical_role(role.arn)
    findings = _ec2_findings(arn, role.trust) if for_ec2 else ()
    return ResolvedRole(arn, findings)


def _ec2_findings(arn: str, policy: Any) -> tuple[Finding, ...]:
    partition = partition_of(arn)
    trust = trust_in_ec2(policy, partition)
    if trust.verdict == "yes":
        return ()
    if trust.allows_ec2:
        return (Finding(NOT_FOR_EC2, Severity.NOTE, f"Of {quoted(arn, 200)}: {trust}.", "", "", principal=arn),)
    warning = Finding(
        NOT_FOR_EC2,
        Severity.WARNING,
        f"No EC2 instance can wear {quoted(arn, 200)}: {trust}.",
        "An instance with an instance profile of it gets no credentials.",
        f"Let {ec2_service(partition)} do sts:AssumeRole in its trust policy: awsauth.ensure_instance_role adds it.",
        principal=arn,
    )
    return (warning,)


def find_sso_role(permission_set: str, session: AwsSession, *, account: str | None = None) -> str:
    """Return the ARN, without path, of the role that IAM Identity Center made for a permission set.

    Args:
        permission_set: The name of the permission set.
        session: Whom to ask AWS as; roles are looked for in its account.
        account: The account that it has to be; any by default.

    Raises:
        UsageError: a name or account is empty.
        RoleError: the account has no such role, or several, or is another one than `account`.
        CredentialsError, AwsServiceError: IAM cannot be asked.
    """
    _check_given("permission_set", permission_set)
    if account is not None:
        _check_given("account", account, digits=12)
    own = own_account(session)
    if account not in (None, own.number):
        raise RoleError(
            f"SSO roles of account {quoted(str(account))} cannot be looked up as somebody of account {own.number}; "
            "nothing was changed.",
            hint=f"{'Set AWS_PROFILE to one' if session.is_of_environment else 'Pass a profile=…'} of that account, "
            "or map the role by its ARN.",
        )
    roles = [role for role in map(sso_role, list_sso_roles(session)) if role]
    matching = [role.role_arn for role in roles if role.permission_set.lower() == permission_set.lower()]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise RoleError(
            f"The permission set {quoted(permission_set)} has several roles in account {own.number}: "
            f"{', '.join(map(quoted, matching))}; nothing was changed.",
            hint="Map the right one by its ARN.",
        )
    raise RoleError(
        f"The permission set {quoted(permission_set)} has no role in account {own.number}; nothing was changed.",
        hint=f"{_listed_near(permission_set, [role.permission_set for role in roles], 'permission sets')}"
        "A permission set gets its role when it is assigned to somebody in the account.",
    )


def _check_given(name: str, value: Any, digits: int = 0) -> None:
    if not isinstance(value, str) or not value.strip():
        hint = hint_for_missing(value, as_text(value, digits=digits))
        raise UsageError(f"{name} is {quoted_value(value)}; nothing was contacted.", hint=hint)


def list_sso_roles(session: AwsSession) -> tuple[str, ...]:
    """Return the ARNs, with paths and sorted, of all roles that IAM Identity Center made in the caller's account.

    Raises:
        AwsPermissionError: the right iam:ListRoles is missing.
        CredentialsError, AwsServiceError: IAM cannot be asked.
    """
    return tuple(sorted(role.arn for role in _roles(session, PATH)))


def _roles(session: AwsSession, path: str = "/") -> list[Role]:
    with translate_errors("The roles of the account cannot be listed", session, service="iam"):
        pages = (
            session.client("iam")
            .get_paginator("list_roles")
            .paginate(PathPrefix=path, PaginationConfig={"PageSize": PAGE})
        )
        return [role_of(role) for page in bounded(pages) for role in page["Roles"]]


def _no_such_role(name: str, session: AwsSession) -> RoleError:
    own = own_account(session)
    return RoleError(
        f"There is no role {quoted(name)} in account {own.number}; nothing was changed.",
        hint=f"{_near_roles(name, session)}Check the name and the profile, or make it with awsauth.ensure_instance_role.",
    )


def _missing(arn: str, name: str, session: AwsSession) -> Finding:
    return Finding(
        MISSING,
        Severity.WARNING,
        f"There is no role {quoted(arn, 200)}.",
        "Nobody gets in by a mapping of it, until it is made; then whoever may assume it does.",
        f"{_near_roles(name, session)}Check the name.",
        principal=arn,
    )


def _near_roles(name: str, session: AwsSession) -> str:
    """Return which roles have a similar name, as a sentence; empty where there are none or it cannot be asked."""
    try:
        names = [role.name for role in _roles(session)]
    except AwsAuthError:
        return ""
    return _listed_near(name, names, "roles")


def _listed_near(name: str, names: list[str], message: str) -> str:
    by_fold = {other.lower(): other for other in names}
    near = get_close_matches(name.lower(), by_fold, _NEAR)
    return (
        f"There are {message} of a similar name: {', '.join(quoted(by_fold[found]) for found in near)}. "
        if near
        else ""
    )


def _not_checked(arn: str, error: AwsAuthError) -> Finding:
    unchecked = f"Whether {quoted(arn, 200)} exists was not checked."
    return Finding(NOT_CHECKED, Severity.NOTE, unchecked, error.message, "", principal=arn)


def _elsewhere(arn: str, own: Account) -> Finding:
    unchecked = f"Whether {quoted(arn, 200)} exists was not checked."
    why = f"It is of another account than {own.number}, as which AWS was asked."
    return Finding(NOT_CHECKED, Severity.NOTE, unchecked, why, "", principal=arn)
