"""Commands that add and remove mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

import click

from awsauth.cli.command import AwsAuthCommand, AwsAuthGroup
from awsauth.cli.completion import complete_group, complete_principal, complete_user, complete_username
from awsauth.cli.confirm import ChangeOptions, change
from awsauth.cli.invocation import Invocation, current
from awsauth.core.access.matching import canonical, casefold_arn, winners
from awsauth.core.access.node_mappings import NodeKind
from awsauth.core.edit.changes import IfMapped
from awsauth.core.text.display import quoted
from awsauth.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsauth.client import AwsAuthClient
    from awsauth.core.document.model import Key
    from awsauth.core.plan import Plan

_USERNAME: Final = click.option(
    "--username", required=True, metavar="NAME", help="The Kubernetes username.", shell_complete=complete_username
)
_USERNAME_OF_NEW: Final = click.option(
    "--username",
    metavar="NAME",
    help="The Kubernetes username; what is mapped already keeps the one it has.",
    shell_complete=complete_username,
)
_GROUPS: Final = click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="NAME",
    help="A Kubernetes group; repeatable.",
    shell_complete=complete_group,
)
_IF_MAPPED: Final = click.option(
    "--if-mapped",
    type=click.Choice(get_args(IfMapped)),
    default="extend",
    show_default=True,
    help="What becomes of a principal that is mapped already.",
)
_OUT: Final = click.option("--out", metavar="FILE", type=click.Path(), help="Save it as a plan in place of making it.")


_HARMLESS: Final = ("--yes", "--dry-run")


def _run(invocation: Invocation, manner: dict[str, Any], out: str | None, plan: Callable[[AwsAuthClient], Plan]) -> int:
    lost = [option for option in ChangeOptions(**manner).given if option not in _HARMLESS]
    if out and lost:
        raise click.UsageError(f"A plan keeps no {', '.join(lost)}: give that to `awsauth apply`, without --out.")

    def planned(client: AwsAuthClient) -> Plan:
        with invocation.waiting():
            return plan(client)

    return change(invocation, ChangeOptions(**manner, out=out), planned)


def _username_of(client: AwsAuthClient, key: Key, principal: str) -> str:
    """Return the username that a principal is mapped to.

    Raises:
        UsageError: it is not mapped, its spellings are mapped to several usernames, or only its name is given.
    """
    if not principal.startswith("arn:"):
        raise UsageError(
            f"{quoted(principal, 200)} is a name, not an ARN, and without --username the mapping is looked up by the "
            "ARN. Nothing was changed.",
            hint="Give the ARN, or the username with --username.",
        )
    arn = casefold_arn(canonical(principal))
    found = winners(client.read().reading(key), {arn}).get(arn, {})
    usernames = {mapped.username for mapped in found.values()}
    if len(usernames) != 1:
        raise UsageError(
            f"{quoted(principal, 200)} is {'mapped to several usernames' if usernames else 'not mapped yet'}. "
            "Nothing was changed.",
            hint="Say with --username which Kubernetes username it gets.",
        )
    return usernames.pop()


@click.group("add", cls=AwsAuthGroup)
def add_command() -> None:
    """Map a role, user or account, or extend what it is mapped to. A second time nothing changes."""


@add_command.command(
    "role",
    cls=AwsAuthCommand,
    changes=True,
    observes=True,
    library="client.add_role_mapping(role_arn, username=…, groups=[…])",
)
@click.argument("role", metavar="ARN|NAME", shell_complete=complete_principal)
@_USERNAME_OF_NEW
@_GROUPS
@_IF_MAPPED
@click.option("--for-ec2", is_flag=True, help="Also look whether an EC2 instance could wear the role.")
@_OUT
@current
def add_role(
    invocation: Invocation,
    /,
    *,
    role: str,
    username: str | None,
    groups: tuple[str, ...],
    if_mapped: IfMapped,
    for_ec2: bool,
    out: str | None,
    **manner: Any,
) -> int:
    """Map an IAM role to a username and groups; without --username, add groups to its mapping.

    The role is given by its ARN, whose path is stripped as the authenticator needs it, or by its name, which is
    looked up in the caller's account.
    """

    def plan(client: AwsAuthClient) -> Plan:
        name = username or _username_of(client, "mapRoles", role)
        return client.planning.add_role_mapping(
            role, username=name, groups=groups, if_mapped=if_mapped, for_ec2=for_ec2
        )

    return _run(invocation, manner, out, plan)


@add_command.command(
    "user",
    cls=AwsAuthCommand,
    changes=True,
    observes=True,
    library="client.add_user_mapping(user_arn, username=…, groups=[…])",
)
@click.argument("arn", shell_complete=complete_user)
@_USERNAME_OF_NEW
@_GROUPS
@_IF_MAPPED
@_OUT
@current
def add_user(
    invocation: Invocation,
    /,
    *,
    arn: str,
    username: str | None,
    groups: tuple[str, ...],
    if_mapped: IfMapped,
    out: str | None,
    **manner: Any,
) -> int:
    """Map an IAM user to a username and groups; without --username, add groups to its mapping."""

    def plan(client: AwsAuthClient) -> Plan:
        name = username or _username_of(client, "mapUsers", arn)
        return client.planning.add_user_mapping(arn, username=name, groups=groups, if_mapped=if_mapped)

    return _run(invocation, manner, out, plan)


@add_command.command(
    "account", cls=AwsAuthCommand, changes=True, observes=True, library="client.add_account_mapping(account)"
)
@click.argument("account", shell_complete=complete_principal)
@_OUT
@current
def add_account(invocation: Invocation, /, *, account: str, out: str | None, **manner: Any) -> int:
    """Let all principals of an account in, under their own ARN and without groups."""
    return _run(invocation, manner, out, lambda client: client.planning.add_account_mapping(account))


@add_command.command(
    "node", cls=AwsAuthCommand, changes=True, observes=True, library="client.add_node_role(role_arn, kind=…)"
)
@click.argument("arn", shell_complete=complete_principal)
@click.option(
    "--kind", type=click.Choice(get_args(NodeKind)), default="ec2", show_default=True, help="What runs the nodes."
)
@_IF_MAPPED
@_OUT
@current
def add_node(
    invocation: Invocation, /, *, arn: str, kind: NodeKind, if_mapped: IfMapped, out: str | None, **manner: Any
) -> int:
    """Map a role as nodes need it."""
    return _run(
        invocation, manner, out, lambda client: client.planning.add_node_role(arn, kind=kind, if_mapped=if_mapped)
    )


@add_command.command(
    "sso",
    cls=AwsAuthCommand,
    changes=True,
    observes=True,
    library="client.add_sso_mapping(permission_set, username=…, groups=[…])",
)
@click.argument("permission_set")
@_USERNAME
@_GROUPS
@click.option("--account", metavar="ID", help="The account that it has to be.")
@_IF_MAPPED
@_OUT
@current
def add_sso(
    invocation: Invocation,
    /,
    *,
    permission_set: str,
    username: str,
    groups: tuple[str, ...],
    account: str | None,
    if_mapped: IfMapped,
    out: str | None,
    **manner: Any,
) -> int:
    """Map the role behind a permission set of IAM Identity Center, which is looked up in the caller's account."""
    return _run(
        invocation,
        manner,
        out,
        lambda client: client.planning.add_sso_mapping(
            permission_set, username=username, groups=groups, account=account, if_mapped=if_mapped
        ),
    )


class _Remove(AwsAuthGroup):
    """``remove role|user|account``, and ``remove --username``, which runs the hidden command ``remove username``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command first, wherever ``--username`` stands: its options may stand before that."""
        named = next((position for position, arg in enumerate(args) if arg.split("=")[0] == "--username"), None)
        if named is not None and not set(args[:named]) & set(self.commands):
            args = ["username", *args]
        return super().parse_args(ctx, args)


@click.group("remove", cls=_Remove)
@click.option(
    "--username",
    metavar="NAME",
    expose_value=False,
    help="Take out everybody with this username; see `awsauth remove --username NAME --help`.",
    shell_complete=complete_username,
)
def remove_command() -> None:
    """Take a role, user or account out, or everybody with a username: `remove --username NAME`."""


@remove_command.command(
    "role", cls=AwsAuthCommand, changes=True, observes=True, library="client.remove_role_mapping(role_arn)"
)
@click.argument("arn", shell_complete=complete_principal)
@_OUT
@current
def remove_role(invocation: Invocation, /, *, arn: str, out: str | None, **manner: Any) -> int:
    """Take every mapping of a role out."""
    return _run(invocation, manner, out, lambda client: client.planning.remove_role_mapping(arn))


@remove_command.command(
    "user", cls=AwsAuthCommand, changes=True, observes=True, library="client.remove_user_mapping(user_arn)"
)
@click.argument("arn", shell_complete=complete_user)
@_OUT
@current
def remove_user(invocation: Invocation, /, *, arn: str, out: str | None, **manner: Any) -> int:
    """Take every mapping of a user out."""
    return _run(invocation, manner, out, lambda client: client.planning.remove_user_mapping(arn))


@remove_command.command(
    "account", cls=AwsAuthCommand, changes=True, observes=True, library="client.remove_account_mapping(account)"
)
@click.argument("account", shell_complete=complete_principal)
@_OUT
@current
def remove_account(invocation: Invocation, /, *, account: str, out: str | None, **manner: Any) -> int:
    """Take an account out."""
    return _run(invocation, manner, out, lambda client: client.planning.remove_account_mapping(account))


@remove_command.command(
    "group", cls=AwsAuthCommand, changes=True, observes=True, library="client.remove_groups(principal_arn, [group])"
)
@click.argument("group", shell_complete=complete_group)
@click.option(
    "--from", "arn", required=True, metavar="ARN", help="The role or user.", shell_complete=complete_principal
)
@_OUT
@current
def remove_group(invocation: Invocation, /, *, group: str, arn: str, out: str | None, **manner: Any) -> int:
    """Take a group from a role or user, which stays mapped."""
    return _run(invocation, manner, out, lambda client: client.planning.remove_groups(arn, [group]))


@click.command(
    "rename", cls=AwsAuthCommand, changes=True, observes=True, library="client.rename_principal(principal_arn, new_arn)"
)
@click.argument("old", shell_complete=complete_principal)
@click.argument("new")
@_OUT
@current
def rename_command(invocation: Invocation, /, *, old: str, new: str, out: str | None, **manner: Any) -> int:
    """Give every mapping of a role or user to another ARN: the username and groups stay."""
    return _run(invocation, manner, out, lambda client: client.planning.rename_principal(old, new))


@remove_command.command(
    "username", cls=AwsAuthCommand, changes=True, observes=True, hidden=True, library="client.remove_username(username)"
)
@_USERNAME
@_OUT
@current
def remove_username(invocation: Invocation, /, *, username: str, out: str | None, **manner: Any) -> int:
    """Take out every role and user that is mapped to a username, exactly as it is written there."""
    return _run(invocation, manner, out, lambda client: client.planning.remove_username(username))
