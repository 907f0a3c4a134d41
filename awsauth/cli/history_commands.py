"""Commands for the history, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from awsauth.cli.command import AwsAuthCommand
from awsauth.cli.completion import complete_revision, remember_revisions
from awsauth.cli.confirm import ChangeOptions, PreviewedChange, confirm_and_apply
from awsauth.cli.exit_codes import DONE, FOUND
from awsauth.cli.invocation import Invocation, current
from awsauth.core.guards.guards import GUARDS
from awsauth.core.text.display import fenced, visible
from awsauth.errors import UnprovenHistoryError
from awsauth.read_only_client import DESCRIBED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsauth.apply import Result
    from awsauth.client import AwsAuthClient
    from awsauth.core.revisions.revision import Revision
    from awsauth.history.log import LogEntry
    from awsauth.options import DryRun

_HEADER: Final = ("REVISION", "TIME", "KIND", "AUTHOR", "REASON", "CHANGES", "STATE")


@click.command("history", cls=AwsAuthCommand, library="client.history(limit=…)")
@click.option("--limit", type=click.IntRange(min=1), metavar="NUMBER", help="How many of the newest to show.")
@current
def history_command(invocation: Invocation, /, *, limit: int | None) -> int:
    """Show the revisions, newest first: who changed what, when and why."""
    with invocation.client() as client, invocation.waiting():
        log = client.history(limit=limit)
    remember_revisions(invocation.target, (entry.info.number for entry in log.entries if entry.info.number))
    screen = invocation.screen
    if invocation.output == "json":
        invocation.emit(log.to_json())
    elif invocation.output == "markdown":
        screen.print(fenced(str(log), "text"))
    else:
        if log.entries:
            screen.print(screen.table(_HEADER, [_cells(entry) for entry in log.entries], titles=(0, 1, 2, 6)))
        if len(log.entries) > DESCRIBED:
            screen.tell("What older revisions changed is not looked up: `awsauth diff REVISION REVISION` tells.")
        screen.print(screen.findings([*log.findings, *(found for entry in log.entries for found in entry.findings)]))
        if not log.entries:
            screen.tell("There is no history yet: the first change begins it.")
        elif not log.is_recorded:
            screen.tell("Somebody else has changed it since; the next change records that first.")
    return DONE


def _cells(entry: LogEntry) -> tuple[str, ...]:
    info = entry.info
    changes = "" if entry.diff is None else entry.diff.summary
    return str(info.number or "-"), entry.time, info.title, entry.by, info.reason, changes, entry.state


@click.command("show", cls=AwsAuthCommand, library="client.show(revision)", outputs=("text", "json"))
@click.argument("revision", type=int, shell_complete=complete_revision)
@current
def show_command(invocation: Invocation, /, *, revision: int) -> int:
    """Show a revision with its data; with -o json as the object that keeps it."""
    with invocation.client() as client, invocation.waiting():
        found = client.show(revision)
    if invocation.output == "json":
        invocation.emit({"is_intact": found.is_intact, "revision": found.to_object()})
    else:
        parts = [f"{visible(key)}:\n{_shown(text)}" for key, text in found.data.items()]
        invocation.screen.print("\n".join([_title(found), *parts]))
    if not found.is_intact:
        invocation.screen.tell("It was altered since it was recorded: its data is not what its digest says.")
    return DONE


def _title(revision: Revision) -> str:
    info = revision.info
    when = f", {info.created:%Y-%m-%d %H:%M:%S} UTC" if info.created else ""
    reason = f": {visible(info.reason)}" if info.reason else ""
    return f"Revision {info.number}, {info.title}{when}, by {visible(str(info.writer)) or '-'}{reason}"


def _shown(text: str) -> str:
    return visible(text, keep="\n").rstrip("\n")


@click.command(
    "rollback",
    cls=AwsAuthCommand,
    changes=True,
    always_recorded=True,
    observes=True,
    library="client.rollback(to=revision, exact=…)",
)
@click.argument("revision", type=int, required=False, shell_complete=complete_revision)
@click.option(
    "--to", type=int, metavar="REVISION", help="The revision, as an option.", shell_complete=complete_revision
)
@click.option("--exact", is_flag=True, help="Also take away what others have added since.")
@current
def rollback_command(
    invocation: Invocation, /, *, revision: int | None, to: int | None, exact: bool, **manner: Any
) -> int:
    """Go back to a revision, and make a new one of it. What others have added since stays, unless --exact.

    Without a revision, undo the last change, whoever made it; right after a rollback, the change before that.
    """
    if None not in (revision, to):
        raise click.UsageError("The revision is given twice.")
    to = revision if to is None else to
    how = ChangeOptions(**manner)

    def propose(client: AwsAuthClient) -> PreviewedChange:
        more, number = "", to
        try:
            with invocation.waiting():
                found = client.rollback(to=to, exact=exact, allow=[*GUARDS], dry_run=True)
        except UnprovenHistoryError as error:
            if not (how.asks and not invocation.is_filter):
                raise
            more, number = error.message, error.revisions[0]
            with invocation.waiting():
                found = client.rollback(to=number, exact=exact, allow=[*GUARDS], dry_run=True)

        def make(dry_run: DryRun, allow: Sequence[str]) -> Result:
            options: Any = how.options
            return client.rollback(to=number, exact=exact, approved=found.diff, **options, allow=allow, dry_run=dry_run)

        return PreviewedChange(
            found.diff,
            found.findings,
            make,
            lambda: client.read() == found.document,
            more="\n".join(filter(None, [more, str(found.restoration or "")])),
            asks_about_guards=True,
        )

    return confirm_and_apply(invocation, how, propose)


@click.command("snapshot", cls=AwsAuthCommand, writes=True, library="client.snapshot(reason=…)")
@click.option("--reason", metavar="TEXT", default="", help="Why; kept with the revision.")
@current
def snapshot_command(invocation: Invocation, /, *, reason: str) -> int:
    """Record the present state as a revision that a rollback can go back to. No data is changed."""
    with invocation.client() as client, invocation.waiting():
        result = client.snapshot(reason=reason)
    if invocation.output == "json":
        invocation.emit({"recorded": result.changed, "revision": result.revision})
    else:
        done = (
            f"Recorded as revision {result.revision}"
            if result.changed
            else f"Revision {result.revision} holds it already"
        )
        invocation.screen.print(f"{done}.")
    return DONE


@click.command("prune", cls=AwsAuthCommand, writes=True, library="client.prune()")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted.")
@current
def prune_command(invocation: Invocation, /, *, yes: bool, dry_run: bool) -> int:
    """Delete old revisions. Kept are the last 50 and all of the last 30 days, at most 500."""
    if not (yes or dry_run):
        invocation.require_terminal("to delete old revisions")
    with invocation.client() as client:
        with invocation.waiting():
            numbers = client.prune(dry_run=True)
        if numbers:
            invocation.identify(client)
        if numbers and not dry_run:
            if not yes and not invocation.screen.ask(f"Delete {_listed(numbers)} of {invocation.named_target}?"):
                invocation.screen.tell("Nothing was deleted.")
                return FOUND
            invocation.if_interrupted = "Some of the revisions may be deleted; aws-auth is as it was."
            with invocation.waiting():
                numbers = client.prune()
    if invocation.output == "json":
        invocation.emit({"revisions": list(numbers), "deleted": not dry_run})
    else:
        done = "Dry run: to be deleted" if dry_run else "Deleted"
        of = invocation.named_target
        invocation.screen.print(f"{done}: {_listed(numbers)} of {of}." if numbers else f"No old revisions of {of}.")
    return DONE


def _listed(numbers: tuple[int, ...]) -> str:
    return f"revision{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
