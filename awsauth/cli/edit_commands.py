"""Commands on whole texts: `edit` in an editor, and `fmt`, which makes a text editable."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

import awsauth
from awsauth.cli.command import AwsAuthCommand
from awsauth.cli.confirm import ChangeOptions, change
from awsauth.cli.exit_codes import DONE, FOUND
from awsauth.cli.files import naming, read_input
from awsauth.cli.invocation import Invocation, current
from awsauth.cli.target import command
from awsauth.cli.wording import in_options
from awsauth.core.manifest.edit_buffer import BufferProblem, from_buffer, to_buffer, with_marks, without_marks
from awsauth.core.plan import digest
from awsauth.core.text.display import quoted
from awsauth.errors import AwsAuthError, EditError, GuardError, PlanOutdatedError, UsageError
from awsauth.read_limits import read_file
from awsauth.stores.file import ManifestFile

if TYPE_CHECKING:
    from typing_extensions import Self

    from awsauth.client import AwsAuthClient
    from awsauth.core.document.document import Document
    from awsauth.core.plan import Plan

_HINT: Final = (
    "# Edit the mappings, save, and leave the editor. What is wrong is shown at its line, and nothing is written before it\n"
    "# is right, and agreed to. To give up, leave without a change.\n"
)
_BASE: Final = "# Edited from "
"""Begins the line that says which state of the data a text was made from."""


@click.command(
    "edit",
    cls=AwsAuthCommand,
    changes=True,
    observes=True,
    library="client.apply([awsauth.ReplaceText(key=…, text=…)])",
)
@click.option(
    "--from", "source", type=click.File("rb"), metavar="FILE", help="Take the text in a file, without an editor."
)
@current
def edit_command(invocation: Invocation, /, *, source: IO[bytes] | None, **manner: Any) -> int:
    """Edit the mappings in $VISUAL or $EDITOR, and check them when they are saved, as visudo does.

    On a terminal, a text that cannot be read or that a guard refuses can be edited again, with the problem above its
    line. Without a terminal the editor runs once. A text that was not applied is kept; --from takes it from there.
    """
    how = ChangeOptions(**manner)
    if source:
        return change(invocation, how, lambda client: _given_back(invocation, client, source, how), again=False)
    if invocation.is_filter:
        raise UsageError(
            "An editor needs the terminal, and --file - takes it; nothing was changed.", hint="Name a file."
        )
    with _Editor(invocation) as editor:
        # Planned anew, it would take back what others have changed meanwhile: then it is to be looked at again.
        code = change(invocation, how, lambda client: _edited(invocation, client, editor, how), again=False)
        editor.is_done = code == DONE
        return code


class _Editor:
    """An editor on a file, which stays behind when what is in it was not made."""

    def __init__(self, invocation: Invocation) -> None:
        self.is_done = False
        self._invocation = invocation
        self._folder = Path(tempfile.mkdtemp(prefix="awsauth-"))
        self._file = self._folder / "aws-auth.yaml"
        self._first: str | None = None

    def open(self, text: str) -> str:
        """Let somebody edit a text, and return what they have made of it."""
        self._first = self._first or text
        self._file.write_text(text, encoding="utf-8")
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
        try:
            code = subprocess.call([*shlex.split(editor), str(self._file)])  # noqa: S603 - whoever sets the variable runs it
        except (OSError, ValueError) as error:
            problem = error.strerror if isinstance(error, OSError) else error
            raise UsageError(
                f"The editor {quoted(editor)} cannot be started: {problem}; nothing was changed.",
                hint="Set EDITOR to one that is there.",
            ) from error
        if code:
            raise EditError(f"The editor ended with exit code {code}; nothing was changed.", hint="Try again.")
        try:
            return self._saved()
        except (OSError, ValueError) as error:
            problem = error.strerror if isinstance(error, OSError) else "it is not a text in UTF-8"
            raise EditError(
                f"The saved file cannot be read: {problem}. Nothing was changed.",
                hint="Correct it, and use `edit --from`.",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            if not self.is_done and self._file.exists() and self._is_edited():
                again = command(self._invocation, "edit", "--from", str(self._file))
                self._invocation.screen.tell(f"What you have written is in {self._file}\nTo use it: {again}")
                return
            self._file.unlink(missing_ok=True)
            self._folder.rmdir()

    def _is_edited(self) -> bool:
        try:
            return without_marks(self._saved()) != self._first
        except (OSError, ValueError):
            return True

    def _saved(self) -> str:
        return io.StringIO(read_file(self._file).decode(), newline=None).read()


def _edited(invocation: Invocation, client: AwsAuthClient, editor: _Editor, manner: ChangeOptions) -> Plan:
    """Return the plan of what somebody makes of the mappings, once nothing is wrong with it."""
    with invocation.waiting():
        document = client.read()
    text = f"{_HINT}{_BASE}{digest(document)}\n{to_buffer(document)}"
    first = text
    while True:
        edited = editor.open(text)
        if without_marks(edited) == first or not without_marks(edited).strip():
            return client.plan(())
        try:
            return _planned(invocation, client, document, edited, manner)
        except _ComplaintsError as error:
            refused: AwsAuthError = error
            text = with_marks(edited, error.complaints)
        except GuardError as error:
            refused, text = error, with_marks(edited, [BufferProblem(0, in_options(str(error)))])
        if not invocation.screen.can_ask:
            raise refused
        invocation.screen.tell(in_options(str(refused)))
        if not invocation.screen.ask("Open the editor again?", default=True):
            raise refused


def _given_back(invocation: Invocation, client: AwsAuthClient, source: IO[bytes], manner: ChangeOptions) -> Plan:
    """Return the plan of a text that was edited before.

    Raises:
        PlanOutdatedError: the data has changed since.
    """
    with naming(str(source.name)):
        try:
            text = read_input(source).decode()
        except UnicodeDecodeError as error:
            raise EditError("The text is not UTF-8. Nothing was changed.", hint="Check the path of --from.") from error
        with invocation.waiting():
            document = client.read()
        base = next((line.removeprefix(_BASE) for line in text.splitlines() if line.startswith(_BASE)), None)
        if base not in (None, digest(document)):
            raise PlanOutdatedError(
                "aws-auth has changed since this text was made. Nothing was changed.",
                hint="Run `awsauth edit`, and copy what is still to be done. To undo the other change, too, delete the "
                f"line that begins with `{_BASE.strip()}`.",
            )
        return _planned(invocation, client, document, text, manner)


class _ComplaintsError(EditError):
    """What was edited cannot be read."""

    complaints: tuple[BufferProblem, ...] = ()


def _planned(
    invocation: Invocation, client: AwsAuthClient, document: Document, edited: str, manner: ChangeOptions
) -> Plan:
    changes, complaints = from_buffer(edited, document)
    if complaints:
        listed = "\n".join(f"line {line}: {text}" if line else text for line, text in complaints)
        error = _ComplaintsError(
            f"The edited text cannot be used; nothing was changed.\n{listed}", hint="Correct it, and use `edit --from`."
        )
        error.complaints = complaints
        raise error
    with invocation.waiting():
        plan = client.plan(changes)
    if plan.digest != digest(document):
        raise PlanOutdatedError(
            "Somebody else has changed it while you were editing; nothing was changed.",
            hint="Edit it again: take over from your text what is still to be done.",
        )
    plan.raise_for_violations(manner.allow)
    return plan


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
            change(invocation, how, lambda client: _normalized(invocation, client))
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


def _normalized(invocation: Invocation, client: awsauth.AwsAuthClient) -> Plan:
    with invocation.waiting():
        return client.plan(awsauth.normalize(client.read()))


def _form_to_change(invocation: Invocation) -> bool:
    """Whether values of the file become literal blocks."""
    if not invocation.file:
        return False
    manifest = ManifestFile(invocation.file).read().manifest
    return manifest.in_literal_blocks().text != manifest.text
