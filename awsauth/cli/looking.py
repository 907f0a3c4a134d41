"""Commands that show what is mapped, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from awsauth.cli.again import command, command_for
from awsauth.cli.command import AwsAuthCommand
from awsauth.cli.exit_codes import DONE, NOT_FOUND
from awsauth.cli.invocation import Invocation, current
from awsauth.cli.known import complete_principal, remember
from awsauth.core.markdown import code
from awsauth.core.reading import KEYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsauth.core.overview import Listed
    from awsauth.core.reading import Reading

_HEADER: Final = ("KIND", "PRINCIPAL", "USERNAME", "GROUPS", "NOTES")


@click.command("get", cls=AwsAuthCommand, library="awsauth.overview(client.read(), pattern)")
@click.argument("pattern", default="*", metavar="[ARN|PATTERN]", shell_complete=complete_principal)
@current
def get_command(invocation: Invocation, /, *, pattern: str) -> int:
    """Show what is mapped: all, or what matches.

    A pattern with *, ? and [...] is for principals, usernames and groups. The notes say which mappings let nodes in,
    which never match, and what `awsauth check` finds there.
    """
    from awsauth.core.overview import overview

    with invocation.client() as client:
        with invocation.waiting():
            document = client.read()
        listed = overview(document, pattern, invocation.policy)
        remember(invocation.target, document)
    if invocation.output == "json":
        invocation.emit(
            {
                "mappings": [one.to_json() for one in listed],
                "problems": len(document.problems),
            }
        )
    elif invocation.output == "markdown":
        invocation.screen.print(_markdown(listed))
    elif listed:
        invocation.screen.print(invocation.screen.table(_HEADER, [_cells(one) for one in listed]))
    lost = [key for key in KEYS if _is_lost(document.reading(key))]
    if lost:
        invocation.screen.tell(f"{' and '.join(lost)} cannot be read.")
    if document.problems:
        check = command(invocation, "check")
        invocation.screen.tell(f"What is wrong with the text ({len(document.problems)}): {check}")
    if pattern != "*" and not listed:
        invocation.screen.tell(
            f"Nothing is mapped that matches {pattern!a}{', as far as can be read' if lost else ''}."
        )
        return NOT_FOUND
    if not listed and not lost:
        invocation.screen.tell("Nothing is mapped.")
    return DONE


def _is_lost(reading: Reading) -> bool:
    """Whether nothing of a text can be read."""
    return bool(reading.findings) and not reading.entries


def _cells(listed: Listed) -> Sequence[str]:
    groups = ", ".join(group or "(empty)" for group in listed.groups)
    return listed.kind, listed.principal or "(sso)", listed.username, groups, ", ".join(listed.notes)


def _markdown(listed: Sequence[Listed]) -> str:
    rows = [[code(cell).replace("|", r"\|") if cell else "" for cell in _cells(one)] for one in listed]
    return "\n".join(f"| {' | '.join(row)} |" for row in [_HEADER, ["---"] * len(_HEADER), *rows])


@click.command(
    "explain",
    cls=AwsAuthCommand,
    library="client.explain(awsauth.Caller(arn, session_name=…))",
)
@click.argument("arn", shell_complete=complete_principal)
@click.option("--session-name", metavar="NAME", help="The name of the role's session.")
@current
def explain_command(invocation: Invocation, /, *, arn: str, session_name: str | None) -> int:
    """Say what a principal gets, and why: step by step as the authenticator goes."""
    from awsauth.core.caller import Caller

    with invocation.client() as client, invocation.waiting():
        explanation = client.explain(Caller(arn, session_name=session_name))
    told = explanation.told(lambda change: command_for(invocation, change))
    if invocation.output == "json":
        invocation.emit({"explanation": explanation.to_json()})
    elif invocation.output == "markdown":
        invocation.screen.print("\n".join(f"    {line}" for line in told.splitlines()))
    else:
        invocation.screen.print(told)
    return DONE
