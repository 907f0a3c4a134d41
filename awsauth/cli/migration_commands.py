"""The commands `migrate`, which move a cluster from mappings to access entries."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final

import click

from awsauth.cli.command import DONE, FOUND, RECORDED, VERIFIED, AwsAuthGroup, awsauth_command
from awsauth.cli.confirm import confirm_and_apply, previewed
from awsauth.cli.files import log_lines, naming, read_input
from awsauth.cli.mapping_commands import choice_option, option
from awsauth.core.migration.logs import LoginLogs
from awsauth.core.migration.plan import MigrationChoices, MigrationPlan
from awsauth.core.text.display import fenced
from awsauth.migration.migration import Migration

if TYPE_CHECKING:
    from awsauth.apply import Result
    from awsauth.cli.invocation import Invocation

_OF_MAPPING: Final[Any] = {"nargs": 2, "multiple": True, "metavar": "ARN VALUE"}
_CHOICES: Final = (
    option("--username usernames", "The username of a mapping's entry; repeatable.", **_OF_MAPPING),
    option("--arn arns", "The ARN of a mapping with its path in IAM; repeatable.", **_OF_MAPPING),
    option("--accept", "Accept loses=ARN, gains=ARN or unproven=ARN; repeatable.", multiple=True, metavar="WHAT=ARN"),
    choice_option("--administrators", "The substitute for system:masters.", ["policy", "group"], "policy"),
    option("--logs", "The authenticator's or audit log, also gzipped; repeatable.", multiple=True, type=click.Path()),
)

migrate_command: Final = AwsAuthGroup("migrate", help="Move a cluster from mappings to access entries.")


def _chosen(given: dict[str, Any]) -> MigrationChoices:
    logs = LoginLogs.of(log_lines(given["logs"])) if given["logs"] else None
    return MigrationChoices(**given | {name: dict(given[name]) for name in ("usernames", "arns")} | {"logs": logs})


def _told(invocation: Invocation, choices: dict[str, Any], call: Callable[[Migration], MigrationPlan]) -> int:
    plan = invocation.answer(lambda client: call(client.migration(_chosen(choices))))
    invocation.report({"migration": plan}, invocation.screen.wrapped(str(plan)), fenced(str(plan), "text"))
    return FOUND if any(item.blocks_api for item in plan.items) else DONE


@awsauth_command("plan", "client.migration(MigrationChoices(…)).plan()", params=[*_CHOICES])
def _plan_command(invocation: Invocation, /, **choices: Any) -> int:
    """Show the access entry that can replace each mapping, and every difference.

    Nothing is changed. The exit code is 1 if a mapping would lose its access in the mode API.
    """
    return _told(invocation, choices, Migration.plan)


@awsauth_command("status", "client.migration().status()", params=[*_CHOICES])
def _status_command(invocation: Invocation, /, **choices: Any) -> int:
    """Show which source decides for each mapping, and which entries are proven.

    A new token of the role proves its access entry. The exit code is 1 if a mapping would lose its access in the mode API.
    """
    return _told(invocation, choices, Migration.status)


def _run(invocation: Invocation, choices: MigrationChoices, call: Callable[[Migration], Callable[..., Result]]) -> int:
    """Show a step of the migration, ask, and make it."""
    return confirm_and_apply(invocation, lambda client: previewed(invocation, call(client.migration(choices))))


@awsauth_command("apply", "client.migration().apply(plan)", changes=RECORDED, params=[*_CHOICES])
@click.argument("plan", type=click.File("rb"), required=False)
def _apply_command(invocation: Invocation, /, *, plan: IO[bytes] | None, **given: Any) -> int:
    """Make the access entries of the plan one by one, and prove each by a new token.

    PLAN holds the output of `awsauth migrate plan -o json`, with its choices. If the plan would differ now, the command
    refuses it. Without PLAN, the command makes a new plan. It first switches a cluster of the mode CONFIG_MAP to
    API_AND_CONFIG_MAP, which cannot be undone. It does not change aws-auth.
    """
    if plan and any(value not in ((), "policy") for value in given.values()):
        raise click.UsageError("A saved plan holds its choices. Leave --accept and the other choices out.")
    with naming(plan or ""):
        approved = MigrationPlan.from_text(read_input(plan)) if plan else None
    choices = approved.choices if approved else _chosen(given)
    return _run(invocation, choices, lambda migration: partial(migration.apply, approved or migration.plan()))


@awsauth_command("finish", "client.migration().finish()", changes=(*RECORDED, *VERIFIED), params=[*_CHOICES])
def _finish_command(invocation: Invocation, /, **given: Any) -> int:
    """Remove the mappings that access entries replace, or switch to API.

    A mapping goes if a new token proves its entry, or --accept unproven=ARN accepts it. Once every mapping is
    replaced or given up, the next run switches the cluster to API. That needs --allow authentication-mode=API, and cannot
    be undone.
    """
    return _run(invocation, _chosen(given), lambda migration: migration.finish)


@awsauth_command("undo", "client.migration().undo()", changes=RECORDED)
def _undo_command(invocation: Invocation, /) -> int:
    """Delete the access entries that the migration made.

    Then the mappings decide again.
    """
    return _run(invocation, MigrationChoices(), lambda migration: migration.undo)


for _command in (_plan_command, _apply_command, _status_command, _finish_command, _undo_command):
    migrate_command.add_command(_command)
