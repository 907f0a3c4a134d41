"""Look up roles, instance profiles and the caller's account in IAM and STS.

A role that a user names is checked: whether it exists, and whether an EC2 instance can have it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timezone
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from awsauth.aws.errors import MISSING, pages_of
from awsauth.aws.session import AwsSession
from awsauth.aws.trust_policy import ec2_service, trust_in_ec2
from awsauth.core.access.matching import account_of
from awsauth.core.arn import IAM_NAME, SSO_PATH, ArnParts, canonical_role, is_user, permission_set as set_of, sso_role
from awsauth.core.edit.validation import check_texts
from awsauth.core.entries.findings import FoundPrincipal, IamFacts
from awsauth.core.findings import Finding, note, warning
from awsauth.core.text.display import quoted, quoted_value
from awsauth.errors import AwsAuthError, AwsPermissionError, AwsServiceError, RoleError, UsageError

_AT_ONCE: Final = 8
# Seconds in which many principals are asked for.
_ASKS_FOR: Final = 30.0


class Role(NamedTuple):
    """A role of IAM.

    Attributes:
        name: Its name, without path.
        arn: Its ARN, with the path.
        path: The path.
        trust: Its trust policy; None if IAM does not include it.
    """

    name: str
    arn: str
    path: str
    trust: Any


def role_of(answer: Any) -> Role:
    """Return the role in an answer of IAM; call it inside `translate_errors`."""
    return Role(answer["RoleName"], answer["Arn"], answer["Path"], answer.get("AssumeRolePolicyDocument"))


def own_arn(session: AwsSession) -> ArnParts:
    """Return the caller's ARN, for its account; every caller may ask for it.

    Raises:
        CredentialsError, AwsServiceError: STS does not tell it.
    """
    with session.calling("sts", "The caller's account cannot be looked up") as sts:
        return ArnParts.of(sts.get_caller_identity()["Arn"])


def get_role(session: AwsSession, name: str) -> Role | None:
    """Return a role of the caller's account; None if it does not exist.

    The name has no path.

    Raises:
        AwsPermissionError: the permission iam:GetRole is missing.
        CredentialsError, AwsServiceError: IAM does not answer.
    """
    with session.calling("iam", f"The role {quoted(name)} cannot be looked up", unless=MISSING) as iam:
        return role_of(iam.get_role(RoleName=name)["Role"])
    return None


def iam_facts(session: AwsSession, arns: Iterable[str]) -> IamFacts:
    """Return since when principals exist.

    Several are asked at once, for at most half a minute.

    IAM tells only about the caller's account, and not without iam:GetRole and iam:GetUser.

    Raises:
        CredentialsError, AwsServiceError: STS does not tell the caller's account.
    """
    wanted = list(dict.fromkeys(arns))
    account = own_arn(session).account if wanted else ""
    until = time.monotonic() + _ASKS_FOR
    refusals: dict[str, str] = {}

    def ask(arn: str) -> tuple[FoundPrincipal | None, str]:
        kind = "User" if is_user(arn) else "Role"
        if account_of(arn) != account:
            return None, f"IAM tells {account} nothing about other accounts."
        if refusal := refusals.get(kind) or "IAM took too long." * (time.monotonic() > until):
            return None, refusal
        try:
            # The same words for all, so that a missing permission is one note.
            with session.calling("iam", f"{kind}s cannot be looked up", unless=MISSING) as iam:
                name = {f"{kind}Name": arn.rpartition("/")[2]}
                known = (iam.get_user if kind == "User" else iam.get_role)(**name)[kind]
                used = known.get("RoleLastUsed", {}).get("LastUsedDate")
                times = (moment and moment.astimezone(timezone.utc) for moment in (known["CreateDate"], used))
                return FoundPrincipal(known["Arn"], *times), ""
        except AwsServiceError as error:
            if isinstance(error, AwsPermissionError):
                refusals[kind] = error.message
            return None, error.message
        return None, ""

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = dict(zip(wanted, pool.map(ask, wanted), strict=True))
    return IamFacts(
        {arn: one.created if one and one.arn == arn else None for arn, (one, why) in answers.items() if not why},
        {arn: why for arn, (_, why) in answers.items() if why},
        {arn: one for arn, (one, _) in answers.items() if one},
    )


def get_instance_profile(session: AwsSession, name: str) -> tuple[Role, ...] | None:
    """Return the roles in an instance profile; None if it does not exist.

    An instance profile holds at most one role.

    Args:
        session: The session that calls IAM; the profile belongs to its account.
        name: Its name, without path.

    Raises:
        AwsPermissionError: the permission iam:GetInstanceProfile is missing.
        CredentialsError, AwsServiceError: IAM does not answer.
    """
    with session.calling("iam", f"The instance profile {quoted(name)} cannot be looked up", unless=MISSING) as iam:
        return tuple(map(role_of, iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]))
    return None


def check_role_name(name: Any, *, or_arn: bool = False) -> None:
    """Check that this is the name of a role, without path.

    With `or_arn`, it may also look like an ARN.

    Raises:
        UsageError: it is not.
    """
    if not isinstance(name, str) or not (IAM_NAME.fullmatch(name) or (or_arn and name.startswith("arn:"))):
        more = " Or pass an ARN: arn:aws:iam::111122223333:role/mytestrole." if or_arn else ""
        message = f"{quoted(name) if isinstance(name, str) else quoted_value(name)} is not the name of a role."
        hint = f"Pass a name of 1 to 64 letters, digits or +=,.@_-, without a path: mytestrole.{more}"
        raise UsageError(message, hint=hint)


PAGE: Final = 1000  # roles in one answer of ListRoles, at most


def resolve_role(
    role: str, session: AwsSession, *, for_ec2: bool = False, account: Callable[[], str] | None = None
) -> tuple[str, tuple[Finding, ...]]:
    """Return the ARN that ``aws-auth`` needs for a role, and findings about the role.

    They say whether it was checked, exists, and is for EC2.

    Args:
        role: The name of a role in the caller's account, the ARN of a role, or that of a role's session.
        session: The session that calls AWS.
        for_ec2: Also check whether an EC2 instance can have the role.
        account: Returns the session's account, or an empty text if only STS knows it.

    Raises:
        UsageError: `role` is neither a name nor an ARN.
        InvalidValueError: it is an ARN, but not that of a role.
        RoleError: the caller's account has no role of that name. A missing role of an ARN is only a finding, because
            the caller may be about to make it.
        CredentialsError, AwsServiceError: the account of a name cannot be looked up.
    """
    check_role_name(role, or_arn=True)
    arn = canonical_role(role) if role.startswith("arn:") else ""
    try:
        if arn and account_of(arn) != (here := (account and account()) or own_arn(session).account):
            return arn, (_not_checked(arn, f"It belongs to another account than the caller: {here}."),)
        found = get_role(session, arn.rpartition("/")[2] or role)
    except AwsAuthError as error:
        if not arn:
            if not isinstance(error, AwsPermissionError):
                raise
            own = own_arn(session)
            arn = f"arn:{own.partition}:iam::{own.account}:role/{role}"
        return arn, (_not_checked(arn, error.message),)
    if found is not None:
        arn = canonical_role(found.arn)
        return arn, _ec2_findings(arn, found.trust) if for_ec2 else ()
    if not arn:
        message = f"There is no role {quoted(role)} in account {own_arn(session).account}."
        ways = "Check the name and the profile, or make the role with awsauth.ensure_instance_role."
        raise RoleError(message, hint=f"{_near_roles(role, session)}{ways}")
    message = f"There is no role {quoted(arn, 200)}."
    impact = "The mapping grants no access until the role exists. Then everyone who can assume it has access."
    hint = f"{_near_roles(arn.rpartition('/')[2], session)}Check the name."
    return arn, (warning("role-missing", message, impact, hint, principal=arn),)


def _not_checked(arn: str, why: str) -> Finding:
    return note("role-not-checked", f"Whether {quoted(arn, 200)} exists was not checked.", why, principal=arn)


def _ec2_findings(arn: str, policy: Any) -> tuple[Finding, ...]:
    partition = ArnParts.of(arn).partition
    trust = trust_in_ec2(policy, partition)
    if trust.verdict == "yes":
        return ()
    if trust.verdict in ("conditional", "everybody"):
        return (note("role-not-for-ec2", f"The role {quoted(arn, 200)}: {trust}.", "", principal=arn),)
    message = f"No EC2 instance can have the role {quoted(arn, 200)}: {trust}."
    impact = "An instance with an instance profile of it gets no credentials."
    hint = f"Let {ec2_service(partition)} do sts:AssumeRole in its trust policy: awsauth.ensure_instance_role adds it."
    return (warning("role-not-for-ec2", message, impact, hint, principal=arn),)


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
    own = own_arn(session)
    if account not in (None, own.account):
        caller = f"a caller of account {own.account}"
        message = f"The SSO roles of account {quoted(str(account))} cannot be looked up by {caller}."
        profile = "Set AWS_PROFILE to one" if session.is_of_environment else "Pass a profile=…"
        raise RoleError(message, hint=f"{profile} of that account, or map the role by its ARN.")
    sets = {role: set_of(role) for role in map(sso_role, list_sso_roles(session)) if role}
    matching = [role for role, name in sets.items() if name.lower() == permission_set.lower()]
    if len(matching) == 1:
        return matching[0]
    if matching:
        names = ", ".join(map(quoted, matching))
        message = f"The permission set {quoted(permission_set)} has several roles in account {own.account}: {names}."
        raise RoleError(message, hint="Map the right one by its ARN.")
    near = _near(permission_set, list(sets.values()), "permission sets")
    hint = f"{near}Assign the permission set to a user or group in the account: that makes its role."
    raise RoleError(f"The permission set {quoted(permission_set)} has no role in account {own.account}.", hint=hint)


def list_sso_roles(session: AwsSession) -> tuple[str, ...]:
    """Return the ARNs of all permission set roles in the caller's account.

    They have their paths, and are sorted.

    Raises:
        AwsPermissionError: the permission iam:ListRoles is missing.
        CredentialsError, AwsServiceError: IAM does not answer.
    """
    return tuple(sorted(role.arn for role in _roles(session, SSO_PATH)))


def _roles(session: AwsSession, path: str = "/") -> list[Role]:
    with session.calling("iam", "The roles of the account cannot be listed") as iam:
        return list(map(role_of, pages_of(iam, "list_roles", PathPrefix=path, PaginationConfig={"PageSize": PAGE})))


def _near_roles(name: str, session: AwsSession) -> str:
    with suppress(AwsAuthError):
        return _near(name, [role.name for role in _roles(session)], "roles")
    return ""


def _near(name: str, names: Sequence[str], kind: str) -> str:
    """Return the similar names, as a sentence; empty if there are none."""
    by_fold = {other.lower(): other for other in names}
    near = get_close_matches(name.lower(), by_fold, 3)
    shown = ", ".join(quoted(by_fold[found]) for found in near)
    return f"There are {kind} of a similar name: {shown}. " if near else ""
