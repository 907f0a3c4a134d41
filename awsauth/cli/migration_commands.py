"""The commands `migrate`, which move a cluster from mappings to access entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from awsauth.cli.command import AwsAuthGroup, awsauth_command
from awsauth.cli.exit_codes import DONE, FOUND
from awsauth.cli.mapping_commands import choice_option, option
from awsauth.core.migration.plan import MigrationChoices
from awsauth.core.text.display import fenced

if TYPE_CHECKING:
    from awsauth.cli.invocation import Invocation

_OF_MAPPING: Final[Any] = {"nargs": 2, "multiple": True, "metavar": "ARN VALUE"}
_CHOICES: Final = (
    option("--username usernames", "The username of a mapping's entry; repeatable.", **_OF_MAPPING),
    option("--arn arns", "The ARN of a mapping with its path in IAM; repeatable.", **_OF_MAPPING),
    option("--accept", "Accept loses=ARN, gains=ARN or unproven=ARN; repeatable.", multiple=True, metavar="WHAT=ARN"),
    choice_option("--administrators", "The substitute for system:masters.", ["policy", "group"], "policy"),
)

migrate_command: Final = AwsAuthGroup("migrate", help="Move a cluster from mappings to access entries.")


@awsauth_command("plan", "client.migration(MigrationChoices(…)).plan()", params=[*_CHOICES])
def _plan_command(invocation: Invocation, /, **choices: Any) -> int:
    """Show the access entry that can replace each mapping, and every difference.

    Nothing is changed. The exit code is 1 if a mapping would lose its access in the mode API.
    """
    choices |= {name: dict(choices[name]) for name in ("usernames", "arns")}
    with invocation.client() as client, invocation.waiting():
        plan = client.migration(MigrationChoices(**choices)).plan()
    invocation.report({"migration": plan}, invocation.screen.wrapped(str(plan)), fenced(str(plan), "text"))
    return FOUND if any(item.blocks_api for item in plan.items) else DONE


migrate_command.add_command(_plan_command)
