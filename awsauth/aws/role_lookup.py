"""Find the ARN of a role that a user names, and check the role.

It checks that the role exists, and that an EC2 instance can have it.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from awsauth.aws.errors import pages_of
from awsauth.aws.iam import Role, check_role_name, get_role, own_account, role_of
from awsauth.aws.trust_policy import ec2_service, trust_in_ec2
from awsauth.core.access.matching import account_of
from awsauth.core.access.sso_roles import PATH, sso_role
from awsauth.core.arn import canonical_role, partition_of
from awsauth.core.edit.validation import check_texts
from awsauth.core.findings import Finding, note, warning
from awsauth.core.text.display import quoted
from awsauth.errors import AwsAuthError, AwsPermissionError, RoleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsauth.aws.session import AwsSession

NOT_CHECKED: Final = "role-not-checked"
MISSING: Final = "role-missing"
NOT_FOR_EC2: Final = "role-not-for-ec2"

PAGE: Final = 1000  # roles in one answer of ListRoles, at most

_NEAR: Final = 3  # roles of a similar name that are shown


class ResolvedRole(NamedTuple):
    """The role for a name or an ARN.

    Attributes:
        role_arn: The ARN for ``aws-auth``, without path.
        findings: Whether the role was checked, exists, and is for EC2.
    """

    role_arn: str
    findings: tuple[Finding, ...] = ()


def resolve_role(role: str, session: AwsSession, *, for_ec2: bool = False) -> ResolvedRole:
    """Return the ARN that ``aws-auth`` needs for a role.

    It checks the role as far as IAM allows it.

    Args:
        role: The name of a role in the caller's account, the ARN of a role, or that of a role's session.
        session: The session that calls AWS.
        for_ec2: Also check whether an EC2 instance can have the role.

    Raises:
        UsageError: `role` is neither a name nor an ARN.
        InvalidValueError: it is an ARN, but not that of a role.
        RoleError: the caller's account has no role of that name. A missing role of an ARN is only a finding, because
            the caller may be about to make it.
        CredentialsError, AwsServiceError: the account of a name cannot be looked up.
    """
    check_role_name(role, or_arn=True)
    by_arn = role.startswith("arn:")
    arn = canonical_role(role) if by_arn else ""
    try:
        if by_arn and account_of(arn) != (own := own_account(session)).number:
            why = f"It belongs to another account than the caller: {own.number}."
            return ResolvedRole(arn, (_not_checked(arn, why),))
        found = get_role(session, arn.rpartition("/")[2] or role)
    except AwsAuthError as error:
        if not by_arn:
            if not isinstance(error, AwsPermissionError):
                raise
            account = own_account(session)
            arn = f"arn:{account.partition}:iam::{account.number}:role/{role}"
        return ResolvedRole(arn, (_not_checked(arn, error.message),))
    if found is not None:
        arn = canonical_role(found.arn)
        return ResolvedRole(arn, _ec2_findings(arn, found.trust) if for_ec2 else ())
    if not by_arn:
        raise RoleError(
            f"There is no role {quoted(role)} in account {own_account(session).number}.",
            hint=f"{_near_roles(role, session)}Check the name and the profile, or make the role with "
            "awsauth.ensure_instance_role.",
        )
    message = f"There is no role {quoted(arn, 200)}."
    impact = "The mapping grants no access until the role exists. Then everyone who can assume it has access."
    hint = f"{_near_roles(arn.rpartition('/')[2], session)}Check the name."
    missing = warning(MISSING, message, impact, hint, principal=arn)
    return ResolvedRole(arn, (missing,))


def _not_checked(arn: str, why: str) -> Finding:
    unchecked = f"Whether {quoted(arn, 200)} exists was not checked."
    return note(NOT_CHECKED, unchecked, why, principal=arn)


def _ec2_findings(arn: str, policy: Any) -> tuple[Finding, ...]:
    partition = partition_of(arn)
    trust = trust_in_ec2(policy, partition)
    if trust.verdict == "yes":
        return ()
    if trust.allows_ec2:
        return (note(NOT_FOR_EC2, f"The role {quoted(arn, 200)}: {trust}.", "", principal=arn),)
    message = f"No EC2 instance can have the role {quoted(arn, 200)}: {trust}."
    impact = "An instance with an instance profile of it gets no credentials."
    hint = f"Let {ec2_service(partition)} do sts:AssumeRole in its trust policy: awsauth.ensure_instance_role adds it."
    return (warning(NOT_FOR_EC2, message, impact, hint, principal=arn),)


def find_sso_role(permission_set: str, session: AwsSession, *, account: str | None = None) -> str:
    """Return the ARN, without path, of the role of a permission set.

    Args:
        permission_set: The name of the permission set.
        session: The session that calls AWS; roles are looked for in its account.
        account: The expected account; any by default.

    Raises:
        UsageError: a name or account is empty.
        RoleError: the account has no such role, or several, or is not `account`.
        CredentialsError, AwsServiceError: IAM does not answer.
    """
    check_texts(required=["permission_set"], permission_set=permission_set)
    check_texts(digits=12, account=account)
    own = own_account(session)
    if account not in (None, own.number):
        raise RoleError(
            f"The SSO roles of account {quoted(str(account))} cannot be looked up by a caller of account {own.number}.",
            hint=f"{'Set AWS_PROFILE to one' if session.is_of_environment else 'Pass a profile=…'} of that account, "
            "or map the role by its ARN.",
        )
    roles = [role for role in map(sso_role, list_sso_roles(session)) if role]
    matching = [role.role_arn for role in roles if role.permission_set.lower() == permission_set.lower()]
    if len(matching) == 1:
        return matching[0]
    if matching:
        names = ", ".join(map(quoted, matching))
        message = f"The permission set {quoted(permission_set)} has several roles in account {own.number}: {names}."
        raise RoleError(message, hint="Map the right one by its ARN.")
    near = _near(permission_set, [role.permission_set for role in roles], "permission sets")
    hint = f"{near}Assign the permission set to a user or group in the account: that makes its role."
    raise RoleError(f"The permission set {quoted(permission_set)} has no role in account {own.number}.", hint=hint)


def list_sso_roles(session: AwsSession) -> tuple[str, ...]:
    """Return the ARNs of all permission set roles in the caller's account.

    They have their paths, and are sorted.

    Raises:
        AwsPermissionError: the permission iam:ListRoles is missing.
        CredentialsError, AwsServiceError: IAM does not answer.
    """
    return tuple(sorted(role.arn for role in _roles(session, PATH)))


def _roles(session: AwsSession, path: str = "/") -> list[Role]:
    with session.calling("iam", "The roles of the account cannot be listed") as iam:
        return list(map(role_of, pages_of(iam, "list_roles", PathPrefix=path, PaginationConfig={"PageSize": PAGE})))


def _near_roles(name: str, session: AwsSession) -> str:
    try:
        return _near(name, [role.name for role in _roles(session)], "roles")
    except AwsAuthError:
        return ""


def _near(name: str, names: Sequence[str], kind: str) -> str:
    """Return the similar names, as a sentence; empty if there are none."""
    by_fold = {other.lower(): other for other in names}
    near = get_close_matches(name.lower(), by_fold, _NEAR)
    shown = ", ".join(quoted(by_fold[found]) for found in near)
    return f"There are {kind} of a similar name: {shown}. " if near else ""
