"""The commands `entry`, which change the access entries of an EKS cluster."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, get_args

import click

from awsauth.cli.command import AwsAuthGroup, awsauth_command
from awsauth.cli.completion import PRINCIPALS
from awsauth.cli.confirm import ChangeOptions, PreviewedChange, confirm_and_apply
from awsauth.cli.exit_codes import DONE
from awsauth.cli.mapping_commands import GROUP, argument, change_command, choice, option
from awsauth.core.diff import Diff
from awsauth.core.edit import changes as c
from awsauth.core.guards.guards import GUARDS
from awsauth.core.text.display import visible

if TYPE_CHECKING:
    from awsauth.cli.invocation import Invocation
    from awsauth.client import AwsAuthClient
    from awsauth.core.plan import Plan

_ARN: Final = argument("principal_arn", PRINCIPALS, "ARN")
_FIELDS: Final = (
    _ARN,
    choice("--type", "People and programs have STANDARD, nodes another one.", get_args(c.EntryType), "STANDARD"),
    option("--username", "The Kubernetes username; by default the one that EKS makes.", metavar="NAME"),
    GROUP,
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


@awsauth_command("history", "client.entry_history()", outputs=("text", "json"))
def _history_command(invocation: Invocation, /) -> int:
    """Show who changed which access entries, when and why."""
    with invocation.client() as client, invocation.waiting():
        found = client.entry_history()
    lines = []
    for one in found:
        by = visible(one.identity or one.author) or "-"
        when = f"{one.created:%Y-%m-%d %H:%M:%S} UTC" if one.created else "-"
        undoes = f" of {', '.join(map(str, one.undoes))}" if one.undoes else ""
        reason = f": {visible(one.reason)}" if one.reason else ""
        title = f"Revision {one.number}, {one.kind}{undoes}, {when}, by {by}{reason}"
        lines += [f"Revision {one.number} cannot be used: {one.problem}." if one.problem else title]
        lines += [f"    {line}" for line in str(Diff((), {}, entries=one.diff)).splitlines()]
    invocation.report({"revisions": found}, "\n".join(lines) or "There is no history of access entries yet.")
    return DONE


@awsauth_command("rollback", "client.rollback_entries(to=revision)", changes=True, always_recorded=True)
@click.argument("revision", type=int, required=False)
def _rollback_command(invocation: Invocation, /, *, revision: int | None, **manner: Any) -> int:
    """Undo the last change of access entries, or all changes after a revision.

    Right after a rollback, it undoes the change before that.
    """
    how = ChangeOptions(**manner)

    def propose(client: AwsAuthClient) -> PreviewedChange:
        with invocation.waiting():
            found = client.rollback_entries(to=revision, allow=[*GUARDS], dry_run=True)
        make = partial(client.rollback_entries, to=revision, approved=found.diff, **how.options)
        return PreviewedChange(found.diff, found.findings, make, lambda: False, asks_about_guards=True, result=found)

    return confirm_and_apply(invocation, how, propose)


entry_command.add_command(_history_command)
entry_command.add_command(_rollback_command)
