"""Finding the principals that a call names in another way than by their ARN."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from awsauth.errors import AwsServiceError, CredentialsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.aws.session import AwsSession
    from awsauth.core.finding import Finding


class Principals:
    """Finds roles by name, and the roles behind SSO permission sets.

    Args:
        session: Whom to ask AWS as, where that is known: then roles given by their ARN are looked up too. Without one
            AWS is asked only for what has no ARN, with the credentials that boto3 finds.
    """

    def __init__(self, session: AwsSession | None = None) -> None:
        self._session = session

    def role(self, role: str, *, for_ec2: bool = False) -> tuple[str, tuple[Finding, ...]]:
        """Return a role's ARN as ``aws-auth`` needs it, and what there is to say about the role.

        Args:
            role: Its ARN, or its name, which is of the caller's account.
            for_ec2: Also look whether an EC2 instance could wear it.

        Raises:
            UsageError: it is neither a name nor an ARN.
            RoleError: there is no role of that name.
            CredentialsError, AwsServiceError: a name was given, and AWS cannot be asked.
        """
        named: Any = role
        is_named = isinstance(named, str) and not named.startswith("arn:")
        if not isinstance(named, str) or not (is_named or for_ec2 or self._session):
            return role, ()
        from awsauth.aws.principals import resolve_role
        from awsauth.aws.role_name import check_role_name

        check_role_name(role, or_arn=True)
        with _advising("Give the role's ARN."):
            found = resolve_role(role, self._asked(), for_ec2=for_ec2)
        return found.role_arn, found.findings

    def sso_role(self, permission_set: str, account: str | None) -> str:
        """Return the ARN of the role that IAM Identity Center made for a permission set, as ``aws-auth`` needs it.

        Raises:
            RoleError: there is none, or there are several.
            CredentialsError, AwsServiceError: IAM cannot be asked.
        """
        from awsauth.aws.principals import find_sso_role

        return find_sso_role(permission_set, self._asked(), account=account)

    def _asked(self) -> AwsSession:
        if self._session is None:
            from awsauth.aws.session import AwsSession

            self._session = AwsSession.of_environment()
        return self._session


@contextmanager
def _advising(way_round: str) -> Iterator[None]:
    """Put a way round before the cure where AWS cannot be asked."""
    try:
        yield
    except (UsageError, CredentialsError, AwsServiceError) as error:
        error.cure = f"{way_round} Or: {error.cure}" if error.cure else way_round
        raise
