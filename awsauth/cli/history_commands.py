"""The commands `history`, `show`, `rollback`, `snapshot` and `prune`.

Access entries have a `history` and a `rollback` of their own.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from awsauth.cli.command import DONE, FOUND, RECORDED, VERIFIED, awsauth_command
from awsauth.cli.completion import REVISIONS, remember
from awsauth.cli.confirm import PreviewedChange, confirm_and_apply, previewed
from awsauth.cli.errors import findings_as_text
from awsauth.core.diff import Diff
from awsauth.core.text.display import fenced, visible
from awsauth.errors import UnprovenHistoryError
from awsauth.read_only_client import DESCRIBED

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsauth.apply import Result
    from awsauth.cli.invocation import Invocation
    from awsauth.client import AwsAuthClient
    from awsauth.core.entries.merge import EntryRevision
    from awsauth.core.revisions.info import RevisionInfo


@awsauth_command("history", "client.history(limit=…)")
@click.option("--limit", type=click.IntRange(min=1), metavar="NUMBER", help="Show only this many revisions.")
def history_command(invocation: Invocation, /, *, limit: int | None) -> None:
    """Show the revisions, newest first: who changed what, when and why."""
    log = invocation.answer(lambda client: client.history(limit=limit))
    remember(invocation.target, revisions=(entry.info.number for entry in log.entries if entry.info.number))
    if invocation.output != "text":
        invocation.report(log.to_json(), fenced(str(log), "text"))
        return
    screen = invocation.screen
    if log.entries:
        header = tuple(map(str.upper, log.entries[0].cells))
        screen.print(screen.table(header, [tuple(entry.cells.values()) for entry in log.entries], titles=(0, 1, 2, 6)))
    if len(log.entries) > DESCRIBED:
        screen.tell("To see what an older revision changed: `awsauth diff REVISION REVISION`.")
    found = [*log.findings, *(finding for entry in log.entries for finding in entry.findings)]
    screen.print(findings_as_text(screen, found))
    if not log.entries:
        screen.tell("There is no history yet. The first change begins it.")
    elif not log.is_recorded and log.entries[0].info.kind != "deleted":
        screen.tell("Another writer made the live state. The next change records it first. You need to do nothing.")


@awsauth_command("show", "client.show(revision)", outputs=("text", "json"))
@click.argument("revision", type=int, shell_complete=REVISIONS)
def show_command(invocation: Invocation, /, *, revision: int) -> None:
    """Show a revision with its data; with -o json the object that stores it."""
    found = invocation.answer(lambda client: client.show(revision))
    texts = {visible(key): visible(text, keep="\n").rstrip("\n") for key, text in found.data.items()}
    shown = (f"{key}:\n{text}" for key, text in texts.items())
    text = "\n".join([_title(found.info.title, found.info, found.info.by), *shown])
    invocation.report({"is_intact": found.is_intact, "revision": found.to_object()}, text)
    if not found.is_intact:
        invocation.screen.tell("The revision was altered after it was recorded: its data does not match its digest.")


@awsauth_command("history", "client.entry_history()", outputs=("text", "json"))
def entry_history_command(invocation: Invocation, /) -> None:
    """Show who changed which access entries, when and why."""
    found = invocation.answer(lambda client: client.entry_history())
    lines = []
    for one in found:
        undoes = f" of {', '.join(map(str, one.undoes))}" if one.undoes else ""
        title = _title(f"{one.kind}{undoes}", one, visible(one.identity or one.author) or "-")
        lines += [f"Revision {one.number} cannot be used: {one.problem}." if one.problem else title]
        lines += [f"    {line}" for line in str(Diff((), {}, entries=one.diff)).splitlines()]
    invocation.report({"revisions": found}, "\n".join(lines) or "There is no history of access entries yet.")


def _title(kind: str, info: RevisionInfo | EntryRevision, by: str) -> str:
    when = f", {info.created:%Y-%m-%d %H:%M:%S} UTC" if info.created else ""
    reason = f": {visible(info.reason)}" if info.reason else ""
    return f"Revision {info.number}, {kind}{when}, by {by}{reason}"


@awsauth_command("rollback", "client.rollback(to=revision, exact=…)", changes=(*RECORDED, *VERIFIED))
@click.argument("revision", type=int, required=False, shell_complete=REVISIONS)
@click.option("--to", type=int, metavar="REVISION", help="The revision to restore.", shell_complete=REVISIONS)
@click.option("--exact", is_flag=True, help="Also remove what others have added since.")
def rollback_command(invocation: Invocation, /, *, revision: int | None, to: int | None, exact: bool) -> int:
    """Undo the last change, or restore a revision. The result is a new revision.

    Without a revision, it undoes the last change, no matter who made it. Right after a rollback, it undoes the change
    before it. Mappings that others have added since are kept, unless --exact.
    """
    if None not in (revision, to):
        raise click.UsageError("The revision is given twice.")

    def propose(client: AwsAuthClient) -> PreviewedChange:
        rollback, is_made = partial(client.rollback, exact=exact), lambda found: client.read() == found.document
        try:
            return _previewed(invocation, rollback, revision if to is None else to, is_made)
        except UnprovenHistoryError as error:
            if not invocation.how.asks or invocation.is_filter:
                raise
            found = _previewed(invocation, rollback, error.revisions[0], is_made)
            return found._replace(more="\n".join(filter(None, [error.message, found.more])))

    return confirm_and_apply(invocation, propose)


@awsauth_command("rollback", "client.rollback_entries(to=revision)", changes=RECORDED)
@click.argument("revision", type=int, required=False)
def entry_rollback_command(invocation: Invocation, /, *, revision: int | None) -> int:
    """Undo the last change of access entries, or all changes after a revision.

    Right after a rollback, it undoes the change before that.
    """
    return confirm_and_apply(invocation, lambda client: _previewed(invocation, client.rollback_entries, revision))


def _previewed(
    invocation: Invocation, rollback: Callable[..., Result], to: int | None, done: Callable[..., bool] = lambda _: False
) -> PreviewedChange:
    """Return a rollback that is made only with the diff that is shown."""
    found = previewed(invocation, partial(rollback, to=to), done)
    return found._replace(make=partial(found.make, approved=found.preview.diff))


@awsauth_command("snapshot", "client.snapshot(reason=…)", writes=True)
@click.option("--reason", metavar="TEXT", default="", help="Why; stored with the revision.")
def snapshot_command(invocation: Invocation, /, *, reason: str) -> None:
    """Record the live state as a revision, so that a rollback can restore it.

    The data does not change.
    """
    result = invocation.answer(lambda client: client.snapshot(reason=reason))
    text = f"Revision {result.revision} already holds the live state."
    if result.changed:
        text = f"Recorded as revision {result.revision}."
    invocation.report({"recorded": result.changed, "revision": result.revision}, text)


@awsauth_command("prune", "client.prune()", writes=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show which revisions would be deleted.")
def prune_command(invocation: Invocation, /, *, yes: bool, dry_run: bool) -> int:
    """Delete old revisions. The last 50 and all of the last 30 days stay, at most 500."""
    if not (yes or dry_run):
        invocation.require_terminal("to delete old revisions")
    with invocation.client() as client:
        if numbers := invocation.awaited(client.prune, dry_run=True):
            invocation.identify(client)
        if numbers and not dry_run:
            if not yes and not invocation.screen.ask(f"Delete {_listed(numbers)} of {invocation.named_target}?"):
                invocation.screen.tell("Nothing was deleted.")
                return FOUND
            invocation.if_interrupted = "Some of the revisions may be deleted. aws-auth is unchanged."
            numbers = invocation.awaited(client.prune)
    done = "Dry run: to be deleted" if dry_run else "Deleted"
    of = invocation.named_target
    text = f"{done}: {_listed(numbers)} of {of}." if numbers else f"No old revisions of {of}."
    invocation.report({"revisions": list(numbers), "deleted": not dry_run}, text)
    return DONE


def _listed(numbers: tuple[int, ...]) -> str:
    return f"revision{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
