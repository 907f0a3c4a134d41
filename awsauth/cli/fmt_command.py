"""The command that makes texts editable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

import awsauth
from awsauth.cli.command import AwsAuthCommand
from awsauth.cli.confirm import ChangeOptions, change
from awsauth.cli.exit_codes import DONE, FOUND
from awsauth.cli.invocation import Invocation, current
from awsauth.stores.file import ManifestFile

if TYPE_CHECKING:
    from awsauth.core.plan import Plan

_MOST_LINES: Final = 5


@click.command(
    "fmt",
    cls=AwsAuthCommand,
    changes=True,
    library="client.apply(awsauth.normalize(client.read())), of AwsAuthClient.from_file(path, normalize=True)",
)
@click.option(
    "--check", "check_only", is_flag=True, help="Change nothing; the exit code is 1 where something would change."
)
@current
def fmt_command(invocation: Invocation, /, *, check_only: bool, **manner: Any) -> int:
    """Make a text editable, with the same meaning: each value a literal block, each list plain, comments kept.

    Folded and quoted values of several lines, white space at the end of lines, anchors and folded fields are what other
    commands cannot edit, or what makes kubectl show a value in quotes.
    """
    how = ChangeOptions(**manner)
    form = _form_to_change(invocation)
    invocation.normalizes = True
    with invocation.client() as client:
        document = client.read()
        changes = awsauth.normalize(document)
    reasons = [_reason(document, one) for one in changes if isinstance(one, awsauth.ReplaceText)]
    reasons += ["a value of the file is not a literal block"] if form else []
    if check_only:
        return _report(invocation, reasons, found=FOUND)
    if changes or invocation.is_filter:
        with invocation.part_of_output("fixed"):
            change(invocation, how, lambda client: _plan(invocation, client))
    elif form and not how.dry_run:
        file = ManifestFile(invocation.file or "", normalize=True)
        state = file.read()
        file.write(state.data, state)
        invocation.is_changed = True
    return DONE if invocation.is_filter else _report(invocation, reasons, found=DONE)


def _report(invocation: Invocation, reasons: list[str], *, found: int) -> int:
    if invocation.output == "json":
        invocation.emit({"changed": bool(reasons), "reasons": reasons})
    else:
        invocation.screen.tell(f"Found: {'; '.join(reasons)}." if reasons else "Nothing to change.")
    return found if reasons else DONE


def _reason(document: awsauth.Document, change: awsauth.ReplaceText) -> str:
    """Return what is changed in a text, and where."""
    lines = document.data[change.key].split("\n")
    blank = [str(number) for number, line in enumerate(lines, 1) if line != line.rstrip(" \t")]
    more = f" and {len(blank) - _MOST_LINES} more" if len(blank) > _MOST_LINES else ""
    where = f", with white space at the end of lines {', '.join(blank[:_MOST_LINES])}{more}" if blank else ""
    return f"{change.key}{where}"


def _plan(invocation: Invocation, client: awsauth.AwsAuthClient) -> Plan:
    with invocation.waiting():
        return client.plan(awsauth.normalize(client.read()))


def _form_to_change(invocation: Invocation) -> bool:
    """Whether values of the file become literal blocks."""
    if not invocation.file:
        return False
    manifest = ManifestFile(invocation.file).read().manifest
    return manifest.in_literal_blocks().text != manifest.text
