"""The methods that add and remove mappings: the same on a client, where each is one change, and in a transaction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from awsauth.boundary import public
from awsauth.core.access.node_mappings import node_role
from awsauth.core.edit.changes import (
    Change,
    EnsureAccount,
    EnsureRole,
    EnsureUser,
    RemoveAccount,
    RemoveGroups,
    RemoveRole,
    RemoveUser,
    RemoveUsername,
    RenamePrincipal,
    as_list,
)
from awsauth.errors import AwsServiceError, CredentialsError, UsageError
from awsauth.options import Options, check_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from awsauth.apply import Result
    from awsauth.aws.session import AwsSession
    from awsauth.core.access.node_mappings import NodeKind
    from awsauth.core.desired.fragment import WantedRole, WantedSsoRole
    from awsauth.core.edit.changes import IfMapped
    from awsauth.core.findings import Finding
    from awsauth.core.plan import Plan


T_co = TypeVar("T_co", covariant=True)


@public
class MappingMethods(ABC, Generic[T_co]):
    """Adds and removes mappings. All of it is idempotent: a second call changes nothing.

    Every method may raise what making a change may raise (see `awsauth.AwsAuthClient.apply`), and `InvalidValueError` for
    an ARN, account, username or group that may not be written. Those of a transaction and of ``client.planning`` take no
    options.
    """

    _roles: RoleResolver
    """Finds roles by their name."""

    @abstractmethod
    def _make(self, changes: Sequence[Change], options: Options, findings: tuple[Finding, ...] = ()) -> T_co:
        """Make changes; `findings` is what there is to say about them already."""

    def _one(self, change: Change, options: Options) -> T_co:
        check_options(options)
        return self._make([change], options)

    def add_role_mapping(
        self,
        role_arn: str,
        *,
        username: str,
        groups: Sequence[str] = (),
        if_mapped: IfMapped = "extend",
        for_ec2: bool = False,
        **options: Unpack[Options],
    ) -> T_co:
        """Map an IAM role to a username and groups, or extend its mapping (see `awsauth.EnsureRole`).

        Instead of its ARN, `role_arn` may be a role's name, which is looked up in the caller's account. With `for_ec2`
        a finding says whether an EC2 instance could use the role.

        Raises:
            RoleError: the caller's account has no role of that name.
        """
        check_options(options)
        arn, findings = self._roles.role(role_arn, for_ec2=for_ec2)
        change = EnsureRole(role_arn=arn, username=username, groups=groups, if_mapped=if_mapped)
        return self._make([change], options, findings)

    def add_sso_mapping(
        self,
        permission_set: str,
        *,
        username: str,
        groups: Sequence[str] = (),
        account: str | None = None,
        if_mapped: IfMapped = "extend",
        **options: Unpack[Options],
    ) -> T_co:
        """Map the role behind a permission set of IAM Identity Center (see `awsauth.EnsureRole`).

        The role is looked up by the permission set's name in the caller's account, which has to be `account` if that
        is given. It gets another name when the permission set is assigned anew: ``check`` finds mappings of the old one.

        Raises:
            RoleError: the account has no such role, or several, or is another one than `account`.
        """
        check_options(options)
        arn = self._roles.sso_role(permission_set, account)
        return self._make([EnsureRole(role_arn=arn, username=username, groups=groups, if_mapped=if_mapped)], options)

    def add_user_mapping(
        self,
        user_arn: str,
        *,
        username: str,
        groups: Sequence[str] = (),
        if_mapped: IfMapped = "extend",
        **options: Unpack[Options],
    ) -> T_co:
        """Map an IAM user to a username and groups, or extend its mapping (see `awsauth.EnsureUser`)."""
        change = EnsureUser(user_arn=user_arn, username=username, groups=groups, if_mapped=if_mapped)
        return self._one(change, options)

    def add_account_mapping(self, account: str, **options: Unpack[Options]) -> T_co:
        """Let all principals of an account in (see `awsauth.EnsureAccount`)."""
        return self._one(EnsureAccount(account=account), options)

    def add_node_role(
        self, role_arn: str, *, kind: NodeKind = "ec2", if_mapped: IfMapped = "extend", **options: Unpack[Options]
    ) -> T_co:
        """Map a role as nodes need it: ``ec2`` (Linux), ``windows``, ``fargate`` or ``hybrid`` (see `awsauth.EnsureRole`)."""
        return self._one(node_role(role_arn, kind, if_mapped=if_mapped), options)

    def remove_role_mapping(self, role_arn: str, **options: Unpack[Options]) -> T_co:
        """Remove every mapping of a role (see `awsauth.RemoveRole`)."""
        return self._one(RemoveRole(role_arn=role_arn), options)

    def remove_user_mapping(self, user_arn: str, **options: Unpack[Options]) -> T_co:
        """Remove every mapping of a user (see `awsauth.RemoveUser`)."""
        return self._one(RemoveUser(user_arn=user_arn), options)

    def remove_account_mapping(self, account: str, **options: Unpack[Options]) -> T_co:
        """Remove an account (see `awsauth.RemoveAccount`)."""
        return self._one(RemoveAccount(account=account), options)

    def remove_groups(self, principal_arn: str, groups: Sequence[str], **options: Unpack[Options]) -> T_co:
        """Remove groups from a role or user, and leave it mapped (see `awsauth.RemoveGroups`)."""
        return self._one(RemoveGroups(principal_arn=principal_arn, groups=groups), options)

    def remove_username(self, username: str, **options: Unpack[Options]) -> T_co:
        """Remove every role and user that is mapped to a username (see `awsauth.RemoveUsername`)."""
        return self._one(RemoveUsername(username=username), options)

    def rename_principal(self, principal_arn: str, new_arn: str, **options: Unpack[Options]) -> T_co:
        """Give every mapping of a role or user to another one (see `awsauth.RenamePrincipal`)."""
        return self._one(RenamePrincipal(principal_arn=principal_arn, new_arn=new_arn), options)


@public
class Planning(MappingMethods["Plan"]):
    """What ``client.planning`` is: every method returns the plan of what it would do on the client."""

    def __init__(self, plan: Callable[[Sequence[Change]], Plan], roles: RoleResolver) -> None:
        self._plan = plan
        self._roles = roles

    def _make(self, changes: Sequence[Change], options: Options, findings: tuple[Finding, ...] = ()) -> Plan:
        if options:
            raise UsageError(
                f"{', '.join(options)} cannot be said for a plan; nothing was changed.",
                hint="Pass it to apply(), with the plan.",
            )
        plan = self._plan(changes)
        return replace(plan, findings=(*findings, *plan.findings))


class RoleResolver:
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
        from awsauth.aws.iam import check_role_name
        from awsauth.aws.role_lookup import resolve_role

        check_role_name(role, or_arn=True)
        with _advising("Give the role's ARN."):
            found = resolve_role(role, self._asked(), for_ec2=for_ec2)
        return found.role_arn, found.findings

    def wanted_arn(self, role: WantedRole | WantedSsoRole) -> str:
        """Return the ARN of a role in a fragment; only a name is looked up.

        Raises:
            AwsAuthError: as for `role` and `sso_role`.
        """
        name: str | None = getattr(role, "rolearn", None)
        if name is None:
            return self.sso_role(getattr(role, "permissionset", ""), None)
        return name if name.startswith("arn:") else self.role(name)[0]

    def sso_role(self, permission_set: str, account: str | None) -> str:
        """Return the ARN of the role that IAM Identity Center made for a permission set, as ``aws-auth`` needs it.

        Raises:
            RoleError: there is none, or there are several.
            CredentialsError, AwsServiceError: IAM cannot be asked.
        """
        from awsauth.aws.role_lookup import find_sso_role

        return find_sso_role(permission_set, self._asked(), account=account)

    def _asked(self) -> AwsSession:
        if self._session is None:
            from awsauth.aws.session import AwsSession

            self._session = AwsSession.from_environment()
        return self._session


@contextmanager
def _advising(way_round: str) -> Iterator[None]:
    """Put a way round before the cure where AWS cannot be asked."""
    try:
        yield
    except (UsageError, CredentialsError, AwsServiceError) as error:
        error.hint = f"{way_round} Or: {error.hint}" if error.hint else way_round
        raise


@public
class Transaction(MappingMethods[None]):
    """What ``client.transaction()`` gives; use it in a ``with`` block, by one thread."""

    def __init__(self, commit: Callable[[Sequence[Change], tuple[Finding, ...]], Result], roles: RoleResolver) -> None:
        self._commit = commit
        self._roles = roles
        self._changes: list[Change] = []
        self._findings: tuple[Finding, ...] = ()
        self._result: Result | None = None
        self._ended = False

    @property
    def result(self) -> Result:
        """What came of it, once the block has ended well.

        Raises:
            UsageError: it has not.
        """
        if self._result is None:
            raise UsageError("The transaction has no result yet.", hint="Ask for it after the with block.")
        return self._result

    def apply(self, changes: Sequence[Change] | Change) -> None:
        """Add changes that are values already."""
        self._make(as_list(changes), {})

    def _make(self, changes: Sequence[Change], options: Options, findings: tuple[Finding, ...] = ()) -> None:
        if options:
            raise UsageError(
                f"{', '.join(options)} cannot be said for one change of a transaction; nothing was changed.",
                hint="Pass it to transaction(), for all of them.",
            )
        if self._ended:
            raise UsageError("The transaction is over; nothing was changed.", hint="Begin a new one.")
        self._changes += changes
        self._findings += findings

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        if kind is None:
            self._result = self._commit(self._changes, self._findings)
