"""Looking things up in IAM and STS: None where there is no such thing, an error where it cannot be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from awsauth.aws.aws_errors import translated
from awsauth.core.arn import partition_of
from awsauth.core.escaping import quoted
from awsauth.errors import AwsServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_iam.type_defs import InstanceProfileTypeDef, RoleTypeDef

    from awsauth.aws.session import AwsSession

_T = TypeVar("_T")


class Account(NamedTuple):
    """The account that AWS is asked as."""

    number: str
    partition: str


def own_account(session: AwsSession) -> Account:
    """Return the account of the caller, which everybody may ask for.

    Raises:
        CredentialsError, AwsServiceError: it cannot be asked.
    """
    with translated("The caller's account cannot be asked for", session, service="sts"):
        caller = session.client("sts").get_caller_identity()
        return Account(caller["Account"], partition_of(caller["Arn"]))


def get_role(session: AwsSession, name: str) -> RoleTypeDef | None:
    """Return a role of the caller's account by its name, without path; None if there is none.

    Raises:
        AwsPermissionError: the right iam:GetRole is missing.
        CredentialsError, AwsServiceError: it cannot be asked.
    """
    doing = f"The role {quoted(name)} cannot be looked up"
    return _present(lambda: session.client("iam").get_role(RoleName=name)["Role"], doing, session)


def get_instance_profile(session: AwsSession, name: str) -> InstanceProfileTypeDef | None:
    """Return an instance profile of the caller's account by its name, without path; None if there is none.

    Raises:
        AwsPermissionError: the right iam:GetInstanceProfile is missing.
        CredentialsError, AwsServiceError: it cannot be asked.
    """
    doing = f"The instance profile {quoted(name)} cannot be looked up"
    return _present(
        lambda: session.client("iam").get_instance_profile(InstanceProfileName=name)["InstanceProfile"], doing, session
    )


def profiles_of_role(session: AwsSession, role: str) -> dict[str, str]:
    """Return the instance profiles that hold a role: by their names, the ARN of the role.

    That there is none may also mean that there is no such role.

    Raises:
        AwsPermissionError: the right iam:ListInstanceProfilesForRole is missing.
        CredentialsError, AwsServiceError: it cannot be asked.
    """
    doing = f"The instance profiles of the role {quoted(role)} cannot be listed"

    def listed() -> list[InstanceProfileTypeDef]:
        pages = session.client("iam").get_paginator("list_instance_profiles_for_role").paginate(RoleName=role)
        return [profile for page in pages for profile in page["InstanceProfiles"]]

    found = _present(listed, doing, session) or []
    return {profile["InstanceProfileName"]: profile["Roles"][0]["Arn"] for profile in found}


def _present(call: Callable[[], _T], doing: str, session: AwsSession) -> _T | None:
    """Return what IAM answers; None for its answer that there is no such thing."""
    try:
        with translated(doing, session, service="iam"):
            return call()
    except AwsServiceError as error:
        if error.code != "NoSuchEntity":
            raise
        return None
