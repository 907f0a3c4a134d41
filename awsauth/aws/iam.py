"""Looking things up in IAM and STS: None where there is no such thing, an error where it cannot be told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from awsauth.aws.errors import bounded, translate_errors
from awsauth.core.arn import partition_of
from awsauth.core.text.display import quoted, quoted_value
from awsauth.errors import AwsServiceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsauth.aws.session import AwsSession


_T = TypeVar("_T")


class Account(NamedTuple):
    """The account that AWS is asked as."""

    number: str
    partition: str


class Role(NamedTuple):
    """A role of IAM.

    Attributes:
        name: Its name, without path.
        arn: Its ARN, with the path.
        path: The path.
        trust: Its trust policy; None where IAM does not tell it.
    """

    name: str
    arn: str
    path: str
    trust: Any


def role_of(answer: Any) -> Role:
    """Return the value for a role in an answer of IAM; to be called inside `translate_errors`."""
    return Role(answer["RoleName"], answer["Arn"], answer["Path"], answer.get("AssumeRolePolicyDocument"))


def own_account(session: AwsSession) -> Account:
    """Return the account of the caller, which everybody may ask for.

    Raises:
        CredentialsError, AwsServiceError: it cannot be asked.
    """
    with translate_errors("The caller's account cannot be asked for", session, service="sts"):
        caller = session.client("sts").get_caller_identity()
        return Account(caller["Account"], partition_of(caller["Arn"]))


def get_role(session: AwsSession, name: str) -> Role | None:
    """Return a role of the caller's account by its name, without path; None if there is none.

    Raises:
        AwsPermissionError: the right iam:GetRole is missing.
        CredentialsError, AwsServiceError: it cannot be asked.
    """
    doing = f"The role {quoted(name)} cannot be looked up"
    return _present(lambda: role_of(session.client("iam").get_role(RoleName=name)["Role"]), doing, session)


def get_instance_profile(session: AwsSession, name: str) -> tuple[Role, ...] | None:
    """Return the roles in an instance profile, of which it holds one at most; None if there is no such profile.

    Args:
        session: Whom to ask AWS as; the profile is one of its account.
        name: Its name, without path.

    Raises:
        AwsPermissionError: the right iam:GetInstanceProfile is missing.
        CredentialsError, AwsServiceError: it cannot be asked.
    """
    doing = f"The instance profile {quoted(name)} cannot be looked up"

    def held() -> tuple[Role, ...]:
        found = session.client("iam").get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
        return tuple(role_of(role) for role in found["Roles"])

    return _present(held, doing, session)


def profiles_of_role(session: AwsSession, role: str) -> dict[str, str]:
    """Return the instance profiles that hold a role: by their names, the ARN of the role.

    That there is none may also mean that there is no such role.

    Raises:
        AwsPermissionError: the right iam:ListInstanceProfilesForRole is missing.
        CredentialsError, AwsServiceError: it cannot be asked.
    """
    doing = f"The instance profiles of the role {quoted(role)} cannot be listed"

    def listed() -> dict[str, str]:
        pages = session.client("iam").get_paginator("list_instance_profiles_for_role").paginate(RoleName=role)
        found = (profile for page in bounded(pages) for profile in page["InstanceProfiles"])
        return {profile["InstanceProfileName"]: profile["Roles"][0]["Arn"] for profile in found}

    return _present(listed, doing, session) or {}


def _present(call: Callable[[], _T], doing: str, session: AwsSession) -> _T | None:
    """Return what IAM answers; None for its answer that there is no such thing."""
    try:
        with translate_errors(doing, session, service="iam"):
            return call()
    except AwsServiceError as error:
        if error.code != "NoSuchEntity":
            raise
        return None


_NAME: Final = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)


_OR_ARN: Final = " Or pass an ARN: arn:aws:iam::111122223333:role/mytestrole."


def check_role_name(name: Any, *, or_arn: bool = False) -> None:
    """Check that this is the name of a role, without path; or else, where that will do, that it looks like an ARN.

    Raises:
        UsageError: it is not.
    """
    if not isinstance(name, str) or not (_NAME.fullmatch(name) or (or_arn and name.startswith("arn:"))):
        raise UsageError(
            f"{quoted(name) if isinstance(name, str) else quoted_value(name)} is no name of a role; nothing was changed.",
            hint=f"A name has 1 to 64 letters, digits or +=,.@_-, and no path: mytestrole.{_OR_ARN if or_arn else ''}",
        )
