"""Commands for what is looked at first and made later."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Final

import click

from awsauth.cli.command import AwsAuthCommand
from awsauth.cli.confirm import ChangeOptions, PreviewedChange, change, confirm_and_apply
from awsauth.cli.exit_codes import DONE, FOUND
from awsauth.cli.files import changes_in, save, saved_in
from awsauth.cli.invocation import Invocation, current
from awsauth.cli.output import findings_as_markdown
from awsauth.core.guards.guards import GUARDS
from awsauth.core.plan import Plan
from awsauth.errors import MappingConflictError

if TYPE_CHECKING:
    from awsauth.client import AwsAuthClient


def show_plan(invocation: Invocation, plan: Plan) -> None:
    """Print a plan."""
    screen = invocation.screen
    if invocation.output == "json":
        invocation.emit({"changed": bool(plan.diff), "plan": plan})
    elif invocation.output == "markdown":
        parts = [plan.diff.markdown().rstrip("\n"), findings_as_markdown(plan.findings)]
        screen.print("\n\n".join(filter(None, parts)))
    else:
        screen.print(screen.diff(plan.diff))
        screen.print(screen.findings(plan.findings))
        screen.print(screen.wrapped(f"Planned for {invocation.named_target}; nothing was changed."))


_FILE: Final = click.argument("source", metavar="FILE", type=click.File("rb"))


@click.command("plan", cls=AwsAuthCommand, library="client.plan(changes)")
@_FILE
@click.option("--out", metavar="FILE", type=click.Path(), help="Where to save the plan, for `awsauth apply`.")
@current
def plan_command(invocation: Invocation, /, *, source: IO[bytes], out: str | None) -> int:
    """Show what the changes in a file would do, and save that as a plan.

    The file holds a list in JSON or YAML, as in examples/changes.json, or a single change; - is standard input. With
    --out, the commands that add or remove save a plan too. The exit code is 1 when something would change, and 0 when
    the plan was saved.
    """
    changes = changes_in(source)
    with invocation.client() as client, invocation.waiting():
        plan = client.plan(changes)
    show_plan(invocation, plan)
    if out:
        save(plan, out)
    return FOUND if plan.diff and not out else DONE


@click.command(
    "apply", cls=AwsAuthCommand, changes=True, observes=True, library="client.apply(awsauth.Plan.from_text(text))"
)
@_FILE
@current
def apply_command(invocation: Invocation, /, *, source: IO[bytes], **manner: Any) -> int:
    """Make the changes of a saved plan, or those in a file.

    A plan is made only if what comes of it is what it says: otherwise the exit code is 6. The file holds a plan, or
    changes as for `awsauth plan`; - is standard input.
    """
    saved = saved_in(source)
    how = ChangeOptions(**manner)
    if isinstance(saved, Plan):
        return confirm_and_apply(
            invocation, how, lambda client: _as_of_now(invocation, client, saved, how), again=False
        )

    def plan(client: AwsAuthClient) -> Plan:
        with invocation.waiting():
            return client.plan(saved)

    return change(invocation, how, plan)


def _as_of_now(invocation: Invocation, client: AwsAuthClient, plan: Plan, manner: ChangeOptions) -> PreviewedChange:
    """Return what would come of a plan now, with all that the guards have to say; it was saved some time ago."""
    try:
        with invocation.waiting():
            found = client.apply(plan, dry_run=True, allow=[*GUARDS])
    except MappingConflictError as error:
        error.hint += " That takes a new plan."
        raise
    options: Any = manner.options
    return PreviewedChange(
        found.diff,
        found.findings,
        lambda dry_run, allow: client.apply(plan, **options, allow=allow, dry_run=dry_run),
        lambda: client.read() == found.document,
    )
