"""The command that looks for what is wrong."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import click

import awsauth
from awsauth.cli.command import AwsAuthCommand
from awsauth.cli.consent import Manner, change
from awsauth.cli.exit_codes import DONE, FOUND
from awsauth.cli.github import annotation
from awsauth.cli.invocation import Invocation, current
from awsauth.cli.screen import findings_as_markdown
from awsauth.core.escaping import visible
from awsauth.core.finding_json import finding_to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsauth.client import AwsAuthClient
    from awsauth.core.finding import Finding
    from awsauth.core.plan import Plan

_SEVERITIES: Final = ("error", "warning", "note")


@click.command(
    "check",
    cls=AwsAuthCommand,
    changes=True,
    observes=True,
    outputs=("text", "json", "markdown", "github"),
    library="client.check(), and client.apply(awsauth.fixes(client.read(), client.check()))",
)
@click.option("--fix", is_flag=True, help="First cure what can be cured safely.")
@click.option(
    "--fail-on",
    type=click.Choice(_SEVERITIES),
    default="warning",
    show_default=True,
    help="From which severity on the exit code is 1.",
)
@current
def check_command(invocation: Invocation, /, *, fix: bool, fail_on: str, **manner: Any) -> int:
    """Look for what is wrong, or will surprise somebody; of a cluster, also what only that can tell.

    In GitHub Actions, or with -o github, findings are annotations of the file.
    """
    how = Manner(**manner)
    if how.given and not fix:
        raise click.UsageError(f"{', '.join(how.given)} is of a change, which is made with --fix alone.")
    if fix:
        with invocation.part_of_output("fixed"):
            change(invocation, how, lambda client: _cures(invocation, client))
    with invocation.client() as client, invocation.waiting():
        found = client.check()
    _show(invocation, found)
    worst = _SEVERITIES[: _SEVERITIES.index(fail_on) + 1]
    return FOUND if any(finding.severity.value in worst for finding in found) else DONE


def _cures(invocation: Invocation, client: AwsAuthClient) -> Plan:
    with invocation.waiting():
        return client.plan(awsauth.fixes(client.read(), client.check()))


def _show(invocation: Invocation, found: Sequence[Finding]) -> None:
    places = [invocation.position(finding.place) for finding in found]
    file = invocation.file
    if invocation.output == "json":
        shown = [
            {
                **finding_to_json(finding),
                "file": file and {"path": file, "line": at and at.line, "column": at and at.column},
            }
            for finding, at in zip(found, places, strict=True)
        ]
        invocation.emit({"findings": shown})
    elif invocation.output == "markdown":
        invocation.screen.print(findings_as_markdown(found) or "Nothing found.")
    elif invocation.output == "github" or (invocation.output_is_open and os.environ.get("GITHUB_ACTIONS") == "true"):
        for finding, at in zip(found, places, strict=True):
            invocation.screen.command_ci(annotation(finding, file, at))
    else:
        for finding, at in zip(found, places, strict=True):
            where = f"{visible(file)}:{at.line}:{at.column}: " if file and at else ""
            invocation.screen.print(invocation.screen.finding(finding, where))
        if not found:
            invocation.screen.print("Nothing found.")
