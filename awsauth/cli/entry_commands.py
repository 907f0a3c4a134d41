"""The commands `entry` and `export`, for the access entries of an EKS cluster."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, get_args

import click

from awsauth.cli.command import AwsAuthGroup, awsauth_command
from awsauth.cli.completion import PRINCIPALS
from awsauth.cli.history_commands import entry_history_command, entry_rollback_command
from awsauth.cli.mapping_commands import GROUP_OPTION, argument, change_command, choice_option, option
from awsauth.core.edit import changes as c
from awsauth.core.entries.export import ExportFormat

if TYPE_CHECKING:
    from awsauth.cli.invocation import Invocation
    from awsauth.client import AwsAuthClient
    from awsauth.core.plan import Plan

_ARN: Final = argument("principal_arn", PRINCIPALS, "ARN")
_FIELDS: Final = (
    _ARN,
    choice_option("--type", "People and programs have STANDARD, nodes another one.", get_args(c.EntryType), "STANDARD"),
    option("--username", "The Kubernetes username; by default the one that EKS makes.", metavar="NAME"),
    GROUP_OPTION,
    option(
        "--access-policy policies",
        "An access policy, in the whole cluster or in namespaces; repeatable.",
        multiple=True,
        metavar="NAME[=NAMESPACE,...]",
    ),
)

entry_command: Final = AwsAuthGroup(
    "entry",
    help="Change the access entries of an EKS cluster. `awsauth get` shows them beside the mappings. `awsauth sync --entries` applies those in files.",
)
_changing: Final = partial(change_command, entry_command)


def _ensured(client: AwsAuthClient, **given: Any) -> Plan:
    asked: Any = {name: value or None for name, value in given.items()}
    return client.plan(c.EnsureEntry(**asked))


def _policy(
    client: AwsAuthClient, *, principal_arn: str, access_policy: str, namespaces: tuple[str, ...], remove: bool
) -> Plan:
    kind = c.RemoveEntryPolicy if remove else c.SetEntryPolicy
    text = f"{access_policy}={','.join(namespaces)}" if namespaces else access_policy
    return client.plan(kind(principal_arn=principal_arn, policy=text))


for _name, _if_exists, _does in (
    ("add", "fail", "Give a role or user an access entry. The ARN has its path in IAM."),
    ("set", "replace", "Set the username, groups or policies of an access entry, or make it. The rest stays as it is."),
):
    _call = f'apply(EnsureEntry(principal_arn=…, groups=[…], if_exists="{_if_exists}"))'
    _changing(_name, _call, _does, *_FIELDS, plan=partial(_ensured, if_exists=_if_exists))
_changing(
    "policy",
    "apply(SetEntryPolicy(principal_arn=…, policy=…))",
    """Give an access entry a policy in the whole cluster, or in exactly these namespaces.

    With --remove, take the policy away, or only these namespaces.
    """,
    _ARN,
    argument("access_policy", metavar="NAME"),
    option("--namespace namespaces", "A namespace, with * as a wildcard; repeatable.", multiple=True, metavar="NAME"),
    option("--remove", "Take it away.", is_flag=True),
    plan=_policy,
)
_changing(
    "remove",
    "apply(RemoveEntry(principal_arn=…))",
    "Delete the access entry of a role or user. A mapping of it in aws-auth counts from then on.",
    _ARN,
    plan=lambda client, principal_arn: client.plan(c.RemoveEntry(principal_arn=principal_arn)),
)


entry_command.add_command(entry_history_command)
entry_command.add_command(entry_rollback_command)


@awsauth_command("export", "client.export(format)", outputs=("text",))
@click.option("--format", "kind", type=click.Choice(get_args(ExportFormat)), required=True, help="The format.")
def export_command(invocation: Invocation, /, *, kind: ExportFormat) -> None:
    """Print the access entries of an EKS cluster as infrastructure code.

    The output leaves out the entries that EKS manages, and the temporary ones of `awsauth recover`.
    """
    invocation.screen.print(invocation.answer(lambda client: client.export(kind)).rstrip("\n"))
