"""The methods that add and remove mappings: the same on a client, where each is one change, and in a transaction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from awsauth.boundary import public
from awsauth.core.changes import (
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
)
from awsauth.core.presets import node_role
from awsauth.options import Options, checked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Unpack

    from awsauth.core.changes import IfMapped
    from awsauth.core.finding import Finding
    from awsauth.core.presets import NodeKind
    from awsauth.principals import Principals

T_co = TypeVar("T_co", covariant=True)


@public
class MappingMethods(ABC, Generic[T_co]):
    """Adds and removes mappings. All of it is idempotent: a second call changes nothing.

    Every method may raise what making a change may raise (see `awsauth.AwsAuthClient.apply`), and `InvalidValueError` for
    an ARN, account, username or group that may not be written. Those of a transaction and of ``client.planning`` take no
    options.
    """

    _principals: Principals
    """Finds roles by their name."""

    @abstractmethod
    def _make(self, changes: Sequence[Change], options: Options, findings: tuple[Finding, ...] = ()) -> T_co:
        """Make changes; `findings` is what there is to say about them already."""

    def _one(self, change: Change, options: Options) -> T_co:
        return self._make([change], checked(options))

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
        """Map an IAM role to a username and groups, or extend what it is mapped to (see `awsauth.EnsureRole`).

        Args:
            role_arn: The role's ARN; or its name, whose ARN is then looked up in the caller's account.
            username: The Kubernetes username.
            groups: The Kubernetes groups.
            if_mapped: What becomes of a role that is mapped already.
            for_ec2: Also say whether an EC2 instance could wear the role.
            **options: How the change is made; see `Options`.

        Raises:
            RoleError: the caller's account has no role of that name.
        """
        made = checked(options)
        arn, findings = self._principals.role(role_arn, for_ec2=for_ec2)
        change = EnsureRole(role_arn=arn, username=username, groups=groups, if_mapped=if_mapped)
        return self._make([change], made, findings)

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
        """Map the role behind a permission set of IAM Identity Center, which is looked up in the caller's account.

        The role gets another name when the permission set is assigned anew: ``check`` finds mappings of the old one.

        Args:
            permission_set: The permission set's name.
            username: The Kubernetes username.
            groups: The Kubernetes groups.
            account: The account that it has to be; any by default.
            if_mapped: What becomes of a role that is mapped already.
            **options: How the change is made; see `Options`.

        Raises:
            RoleError: the account has no such role, or several, or is another one than `account`.
        """
        made = checked(options)
        arn = self._principals.sso_role(permission_set, account)
        return self._make([EnsureRole(role_arn=arn, username=username, groups=groups, if_mapped=if_mapped)], made)

    def add_user_mapping(
        self,
        user_arn: str,
        *,
        username: str,
        groups: Sequence[str] = (),
        if_mapped: IfMapped = "extend",
        **options: Unpack[Options],
    ) -> T_co:
        """Map an IAM user to a username and groups, or extend what it is mapped to (see `awsauth.EnsureUser`)."""
        change = EnsureUser(user_arn=user_arn, username=username, groups=groups, if_mapped=if_mapped)
        return self._one(change, options)

    def add_account_mapping(self, account: str, **options: Unpack[Options]) -> T_co:
        """Let all principals of an account in, under their own ARN and without groups."""
        return self._one(EnsureAccount(account=account), options)

    def add_node_role(
        self,
        role_arn: str,
        *,
        kind: NodeKind = "ec2",
        if_mapped: IfMapped = "extend",
        **options: Unpack[Options],
    ) -> T_co:
        """Map a role as nodes need it: ``ec2`` (Linux), ``windows``, ``fargate`` or ``hybrid``."""
        return self._one(node_role(role_arn, kind, if_mapped=if_mapped), options)

    def remove_role_mapping(self, role_arn: str, **options: Unpack[Options]) -> T_co:
        """Take every mapping of a role out."""
        return self._one(RemoveRole(role_arn=role_arn), options)

    def remove_user_mapping(self, user_arn: str, **options: Unpack[Options]) -> T_co:
        """Take every mapping of a user out."""
        return self._one(RemoveUser(user_arn=user_arn), options)

    def remove_account_mapping(self, account: str, **options: Unpack[Options]) -> T_co:
        """Take an account out."""
        return self._one(RemoveAccount(account=account), options)

    def remove_groups(self, principal_arn: str, groups: Sequence[str], **options: Unpack[Options]) -> T_co:
        """Take groups from a role or user, and leave it mapped."""
        return self._one(RemoveGroups(principal_arn=principal_arn, groups=groups), options)

    def remove_username(self, username: str, **options: Unpack[Options]) -> T_co:
        """Take out every role and user that is mapped to a username, exactly as it is written in the mapping."""
        return self._one(RemoveUsername(username=username), options)

    def rename_principal(self, principal_arn: str, new_arn: str, **options: Unpack[Options]) -> T_co:
        """Give every mapping of a role or user to another one: username and groups stay."""
        return self._one(RenamePrincipal(principal_arn=principal_arn, new_arn=new_arn), options)
