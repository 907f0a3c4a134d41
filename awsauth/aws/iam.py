"""Look up roles, instance profiles and the caller's account in IAM and STS."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from awsauth.aws.errors import MISSING, pages_of
from awsauth.core.access.matching import account_of
from awsauth.core.arn import is_user, partition_of
from awsauth.core.entries.findings import IamFacts
from awsauth.core.text.display import quoted, quoted_value
from awsauth.errors import AwsPermissionError, AwsServiceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from awsauth.aws.session import AwsSession

_AT_ONCE: Final = 8
# Seconds in which many principals are asked for.
_ASKS_FOR: Final = 30.0

_NAME: Final = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)


class Account(NamedTuple):
    """The account of the caller."""

    number: str
    partition: str


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


def own_account(session: AwsSession) -> Account:
    """Return the account of the caller; every caller may ask for it.

    Raises:
        CredentialsError, AwsServiceError: STS does not tell it.
    """
    with session.calling("sts", "The caller's account cannot be looked up") as sts:
        caller = sts.get_caller_identity()
        return Account(caller["Account"], partition_of(caller["Arn"]))


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
    wanted = list(arns)
    account = own_account(session).number if wanted else ""
    until = time.monotonic() + _ASKS_FOR
    refusals: dict[str, str] = {}

    def ask(arn: str) -> tuple[datetime | None, str]:
        kind = "User" if is_user(arn) else "Role"
        if account_of(arn) != account:
            return None, f"IAM tells {account} nothing about other accounts."
        if time.monotonic() > until and kind not in refusals:
            return None, "IAM took too long."
        if kind in refusals:
            return None, refusals[kind]
        try:
            # The same words for all, so that a missing permission is one note.
            with session.calling("iam", f"{kind}s cannot be looked up", unless=MISSING) as iam:
                name = {f"{kind}Name": arn.rpartition("/")[2]}
                found: Any = iam.get_user(**name) if kind == "User" else iam.get_role(**name)
                known = found[kind]
                return (known["CreateDate"].astimezone(timezone.utc) if known["Arn"] == arn else None), ""
        except AwsServiceError as error:
            if isinstance(error, AwsPermissionError):
                refusals[kind] = error.message
            return None, error.message
        return None, ""

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = dict(zip(wanted, pool.map(ask, wanted), strict=True))
    return IamFacts(
        {arn: created for arn, (created, why) in answers.items() if not why},
        {arn: why for arn, (_, why) in answers.items() if why},
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


def profiles_of_role(session: AwsSession, role: str) -> dict[str, str]:
    """Return the instance profiles that hold a role: the role's ARN by their names.

    The result is also empty if the role does not exist.

    Raises:
        AwsPermissionError: the permission iam:ListInstanceProfilesForRole is missing.
        CredentialsError, AwsServiceError: IAM does not answer.
    """
    doing = f"The instance profiles of the role {quoted(role)} cannot be listed"
    with session.calling("iam", doing, unless=MISSING) as iam:
        profiles = pages_of(iam, "list_instance_profiles_for_role", RoleName=role)
        return {profile["InstanceProfileName"]: profile["Roles"][0]["Arn"] for profile in profiles}
    return {}


def check_role_name(name: Any, *, or_arn: bool = False) -> None:
    """Check that this is the name of a role, without path.

    With `or_arn`, it may also look like an ARN.

    Raises:
        UsageError: it is not.
    """
    if not isinstance(name, str) or not (_NAME.fullmatch(name) or (or_arn and name.startswith("arn:"))):
        more = " Or pass an ARN: arn:aws:iam::111122223333:role/mytestrole." if or_arn else ""
        message = f"{quoted(name) if isinstance(name, str) else quoted_value(name)} is not the name of a role."
        hint = f"Pass a name of 1 to 64 letters, digits or +=,.@_-, without a path: mytestrole.{more}"
        raise UsageError(message, hint=hint)
