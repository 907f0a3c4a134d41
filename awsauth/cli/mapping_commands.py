"""The commands `add`, `remove` and `rename`, made of methods of the client."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast, get_args

import click

from awsauth.cli.command import CHANGE, VERIFIED, AwsAuthGroup, SectionedOption, awsauth_command, kept_option
from awsauth.cli.completion import ACCOUNTS, GROUPS, PRINCIPALS, ROLES, USERNAMES, USERS
from awsauth.cli.confirm import run_change
from awsauth.core.access.matching import canonical, casefold_arn, entries_for
from awsauth.core.access.node_mappings import NodeKind
from awsauth.core.edit.changes import IfMapped
from awsauth.core.text.display import quoted
from awsauth.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from awsauth.cli.invocation import Invocation
    from awsauth.client import AwsAuthClient
    from awsauth.core.plan import Plan

    Planner = Callable[..., Plan]  # given the client and the parameters

# By argument the data key in which the username is looked up, if it is not given.
_KEYS: Final = {"role_arn": "mapRoles", "user_arn": "mapUsers"}


def change_command(
    group: click.Group | None, name: str, call: str, does: str, *params: click.Parameter, plan: Planner | None = None
) -> click.Command:
    """Return a command that plans a change, shows it, and makes it.

    Args:
        group: The group that it belongs to.
        name: The last word of the command.
        call: The method and its arguments, as the help shows them.
        does: The help.
        *params: The parameters.
        plan: Returns the plan, given the client and the parameters. By default the method does, whose arguments have the
            names of the parameters. It changes mappings, so a new token can show the change.
    """
    planned = plan or partial(_planned, call.partition("(")[0])

    def run(invocation: Invocation, /, **given: Any) -> int:
        lost = [one for one in invocation.how.given if one not in ("--out", "--yes", "--dry-run")]
        if invocation.how.out and lost:
            raise click.UsageError(f"A plan does not keep {', '.join(lost)}: pass that to `awsauth apply`.")
        return run_change(invocation, lambda client: planned(client, **given))

    does_out = "Save the change as a plan instead of making it."
    out = kept_option("Options", "--out", does_out, metavar="FILE", type=click.Path())
    changes = CHANGE if plan else (*CHANGE, *VERIFIED)
    command = awsauth_command(name, f"client.{call}", params=[*params, out], help=does, changes=changes)(run)
    if group:
        group.add_command(command)
    return command


def _planned(method: str, client: AwsAuthClient, **given: Any) -> Plan:
    """Return the plan by a method of the client; it looks up a missing username."""
    if given.get("username", "") is None:
        [(key, arn)] = [(key, given[name]) for name, key in _KEYS.items() if name in given]
        given["username"] = _username_of(client, key, arn)
    return cast("Plan", getattr(client.planning, method)(**given))


def _username_of(client: AwsAuthClient, key: Any, principal: str) -> str:
    """Return the username that a principal is mapped to.

    Raises:
        UsageError: it is not mapped, its spellings are mapped to several usernames, or only its name is given.
    """
    if not principal.startswith("arn:"):
        message = f"{quoted(principal, 200)} is a name, not an ARN. Only an ARN is looked up in the mappings."
        raise UsageError(message, hint="Give the ARN, or the username with --username.")
    found = entries_for(client.read().reading(key), casefold_arn(canonical(principal)))
    usernames = {mapped.username for mapped in found.values()}
    if len(usernames) != 1:
        message = f"{quoted(principal, 200)} is {'mapped to several usernames' if usernames else 'not mapped yet'}."
        raise UsageError(message, hint="Give its Kubernetes username with --username.")
    return usernames.pop()


def argument(name: str, complete: Any = None, metavar: str | None = None) -> click.Argument:
    """Return an argument; its values are completed by `complete`."""
    return click.Argument([name], metavar=metavar, shell_complete=complete)


option: Final = partial(SectionedOption, "Options")  # takes the names in one text, and the help


def choice_option(names: str, does: str, values: Sequence[str], default: str) -> click.Option:
    """Return an option with a fixed set of values."""
    return option(names, does, type=click.Choice(values), default=default, show_default=True)


_NAME: Final[Any] = {"metavar": "NAME", "shell_complete": USERNAMES}
_USERNAME: Final = option("--username", "The Kubernetes username.", required=True, **_NAME)
_USERNAME_OF_NEW: Final = option(
    "--username", "The Kubernetes username; a principal that is mapped already keeps its own.", **_NAME
)
GROUP_OPTION: Final = option(
    "--group groups", "A Kubernetes group; repeatable.", multiple=True, metavar="NAME", shell_complete=GROUPS
)
_IF_MAPPED: Final = choice_option(
    "--if-mapped", "What to do with a principal that is mapped already.", get_args(IfMapped), "extend"
)
_MAPPING: Final = (_USERNAME_OF_NEW, GROUP_OPTION, _IF_MAPPED)

add_command: Final = AwsAuthGroup(
    "add", help="Map a role, user or account, or extend its mapping. Repeating a command changes nothing."
)
_adding: Final = partial(change_command, add_command)

_adding(
    "role",
    "add_role_mapping(role_arn, username=…, groups=[…])",
    """Map an IAM role to a username and groups. Without --username, add groups to its mapping.

    The role is given by its ARN, or by its name, which is looked up in the caller's account. The path of an ARN is
    removed, because the authenticator does not match it.
    """,
    argument("role_arn", ROLES, "ARN|NAME"),
    *_MAPPING,
    option("--for-ec2", "Also check whether an EC2 instance can use the role.", is_flag=True),
)
_adding(
    "user",
    "add_user_mapping(user_arn, username=…, groups=[…])",
    "Map an IAM user to a username and groups. Without --username, add groups to its mapping.",
    argument("user_arn", USERS, "ARN"),
    *_MAPPING,
)
_adding(
    "account",
    "add_account_mapping(account)",
    "Admit all principals of an account, each with its ARN as the username and without groups.",
    argument("account", ACCOUNTS),
)
_adding(
    "node",
    "add_node_role(role_arn, kind=…)",
    "Map a role with the username and groups that nodes need.",
    argument("role_arn", ROLES, "ARN"),
    choice_option("--kind", "What runs the nodes.", get_args(NodeKind), "ec2"),
    _IF_MAPPED,
)
_adding(
    "sso",
    "add_sso_mapping(permission_set, username=…, groups=[…])",
    "Map the role of a permission set of IAM Identity Center. The role is looked up in the caller's account.",
    argument("permission_set"),
    _USERNAME,
    GROUP_OPTION,
    option("--account", "The account that the role must be in.", metavar="ID"),
    _IF_MAPPED,
)


class _Remove(AwsAuthGroup):
    """The group ``remove``. ``remove --username`` runs the hidden ``remove username``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the hidden command first.

        Options of the group may come before ``--username``.
        """
        named = next((position for position, arg in enumerate(args) if arg.split("=")[0] == "--username"), None)
        if named is not None and not set(args[:named]) & set(self.commands):
            args = ["username", *args]
        return super().parse_args(ctx, args)


remove_command: Final = _Remove(
    "remove",
    help="Remove a role, user, account or group, or with `remove --username NAME` all mappings to a username.",
    params=[
        option(
            "--username",
            "Remove all mappings to this username; see `awsauth remove --username NAME --help`.",
            expose_value=False,
            **_NAME,
        )
    ],
)
_removing: Final = partial(change_command, remove_command)

for _kind, _complete, _metavar in (("role", ROLES, "ARN"), ("user", USERS, "ARN"), ("account", ACCOUNTS, None)):
    _arn = f"{_kind}_arn" if _metavar else _kind
    _removing(
        _kind,
        f"remove_{_kind}_mapping({_arn})",
        f"Remove all mappings of {'a' if _metavar else 'an'} {_kind}.",
        argument(_arn, _complete, _metavar),
    )
_removing(
    "group",
    "remove_groups(principal_arn, [group])",
    "Remove a group from a role or user, which stays mapped.",
    click.Argument(["groups"], metavar="GROUP", shell_complete=GROUPS, callback=lambda *given: [given[-1]]),
    option("--from principal_arn", "The role or user.", required=True, metavar="ARN", shell_complete=PRINCIPALS),
)
_removing(
    "username",
    "remove_username(username)",
    "Remove all roles and users that are mapped to exactly this username.",
    _USERNAME,
).hidden = True

rename_command: Final = change_command(
    None,
    "rename",
    "rename_principal(principal_arn, new_arn)",
    "Replace the ARN in all mappings of a role or user. The username and groups stay.",
    argument("principal_arn", PRINCIPALS, "OLD"),
    argument("new_arn", metavar="NEW"),
)
