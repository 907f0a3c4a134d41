"""The commands on whole texts: `edit` in an editor, and `fmt`."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import click

import awsauth
from awsauth.cli.command import CHANGE, DONE, FOUND, VERIFIED, awsauth_command
from awsauth.cli.confirm import run_change
from awsauth.cli.errors import in_options
from awsauth.cli.files import naming, read_input
from awsauth.cli.invocation import Invocation, targeted_command
from awsauth.core.manifest.edit_buffer import BufferProblem, from_buffer, to_buffer, with_marks, without_marks
from awsauth.core.plan import Plan, document_digest
from awsauth.core.text.display import listed, quoted
from awsauth.errors import AwsAuthError, EditError, GuardError, PlanOutdatedError, UsageError
from awsauth.stores.file import ManifestFile
from awsauth.system.read_limits import read_file

if TYPE_CHECKING:
    from awsauth.client import AwsAuthClient
    from awsauth.core.document.document import Document

_HINT: Final = (
    "# Edit the mappings, save, and close the editor. Problems are shown above their line. Nothing is written before all\n"
    "# are fixed and you agree to the change. To cancel, close the editor without a change.\n"
)
# Begins the line with the digest of the data that was edited.
_BASE: Final = "# Edited from "
_FROM: Final = "Apply the text in this file, without an editor."


@awsauth_command("edit", "client.apply([awsauth.ReplaceText(key=…, text=…)])", changes=(*CHANGE, *VERIFIED))
@click.option("--from", "source", type=click.File("rb"), metavar="FILE", help=_FROM)
def edit_command(invocation: Invocation, /, *, source: IO[bytes] | None) -> int:
    """Edit the mappings in $VISUAL or $EDITOR, and check them when you save.

    If the text cannot be read, or a guard refuses it, you can edit it again on a terminal; the problem is shown above its
    line. Without a terminal the editor runs once. A text that was not applied is kept, for --from.
    """
    if source:
        return run_change(invocation, lambda client: _plan_of_file(invocation, client, source), edits=True)
    if invocation.is_filter:
        raise UsageError("An editor cannot be used with --file -.", hint="Name a file.")
    with _Editor(invocation) as editor:
        # Planned again, the text would revert the changes of others meanwhile.
        code = run_change(invocation, lambda client: _edited(invocation, client, editor), edits=True)
        editor.is_done = code == DONE
        return code


class _Editor(contextlib.AbstractContextManager["_Editor"]):
    """An editor on a temporary file, which is kept if its text was not applied."""

    def __init__(self, invocation: Invocation) -> None:
        self.is_done = False
        self._invocation = invocation
        self._folder = Path(tempfile.mkdtemp(prefix="awsauth-"))
        self._file = self._folder / "aws-auth.yaml"
        self._first: str | None = None

    def open(self, text: str) -> str:
        """Return the text as the user saves it."""
        self._first = self._first or text
        self._file.write_text(text, encoding="utf-8")
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
        try:
            code = subprocess.call([*shlex.split(editor), str(self._file)])  # noqa: S603 - the user sets the variable
        except (OSError, ValueError) as error:
            problem = error.strerror if isinstance(error, OSError) else error
            hint = "Set EDITOR to an editor that is installed."
            raise UsageError(f"The editor {quoted(editor)} cannot be started: {problem}.", hint=hint) from error
        if code:
            raise EditError(f"The editor ended with exit code {code}.", hint="Try again.")
        try:
            return self._saved()
        except (OSError, ValueError) as error:
            problem = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            hint = "Correct it, and use `edit --from`."
            raise EditError(f"The saved file cannot be read: {problem}.", hint=hint) from error

    def __exit__(self, *_: object) -> None:
        is_kept = not self.is_done and self._file.exists()
        with contextlib.suppress(OSError, ValueError):  # An edited text may be unreadable.
            is_kept = is_kept and without_marks(self._saved()) != self._first
        if is_kept:
            again = targeted_command(self._invocation, "edit", "--from", str(self._file))
            self._invocation.screen.tell(f"Your text is in {self._file}\nTo use it: {again}")
            return
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)
            self._folder.rmdir()

    def _saved(self) -> str:
        return io.StringIO(read_file(self._file).decode(), newline=None).read()


def _edited(invocation: Invocation, client: AwsAuthClient, editor: _Editor) -> Plan:
    """Return the plan of the saved text, after the user has fixed all problems."""
    document = invocation.awaited(client.read)
    first = text = f"{_HINT}{_BASE}{document_digest(document)}\n{to_buffer(document)}"
    while True:
        edited = editor.open(text)
        if without_marks(edited) == first or not without_marks(edited).strip():
            return client.plan(())
        try:
            return _plan_of_text(invocation, client, document, edited)
        except _BufferError as error:
            refused: AwsAuthError = error
            text = with_marks(edited, error.problems)
        except GuardError as error:
            refused, text = error, with_marks(edited, [BufferProblem(0, in_options(str(error)))])
        if not invocation.screen.can_ask:
            raise refused
        invocation.screen.tell(in_options(str(refused)))
        if not invocation.screen.ask("Open the editor again?", default=True):
            raise refused


def _plan_of_file(invocation: Invocation, client: AwsAuthClient, source: IO[bytes]) -> Plan:
    """Return the plan of a text that was edited before."""
    with naming(source):
        try:
            text = read_input(source).decode()
        except UnicodeDecodeError as error:
            raise EditError("The text is not UTF-8.", hint="Check the path of --from.") from error
        document = invocation.awaited(client.read)
        base = next((line.removeprefix(_BASE) for line in text.splitlines() if line.startswith(_BASE)), None)
        if base not in (None, document_digest(document)):
            undoing = f"To undo the other change, too, delete the line that begins with `{_BASE.strip()}`."
            hint = f"Run `awsauth edit`, and copy the changes that are still needed. {undoing}"
            raise PlanOutdatedError("aws-auth has changed since this text was made.", hint=hint)
        return _plan_of_text(invocation, client, document, text)


class _BufferError(EditError):
    """An edited text that cannot be read."""

    problems: tuple[BufferProblem, ...] = ()


def _plan_of_text(invocation: Invocation, client: AwsAuthClient, document: Document, edited: str) -> Plan:
    changes, problems = from_buffer(edited, document)
    if problems:
        shown = "\n".join(f"line {line}: {text}" if line else text for line, text in problems)
        hint = "Correct it, and use `edit --from`."
        raise _BufferError(f"The edited text cannot be used.\n{shown}", hint=hint, problems=problems)
    plan = invocation.awaited(client.plan, changes)
    if plan.digest != document_digest(document):
        hint = "Edit it again, and copy the changes that are still needed from your text."
        raise PlanOutdatedError("Another writer changed aws-auth while you were editing.", hint=hint)
    plan.raise_for_violations(invocation.how.allow)
    return plan


_FMT: Final = "client.apply(awsauth.normalize(client.read())), of AwsAuthClient.from_file(path, normalize=True)"


@awsauth_command("fmt", _FMT, changes=CHANGE)
@click.option("--check", "check_only", is_flag=True, help="Change nothing; exit with 1 if the text would change.")
def fmt_command(invocation: Invocation, /, *, check_only: bool) -> int:
    """Rewrite a text that awsauth cannot edit.

    Values become literal blocks and plain lists. The meaning and the comments stay. Other commands cannot edit folded
    values, quoted values of several lines, anchors and folded fields. White space at the end of lines makes kubectl
    show a value in quotes.
    """
    manifest = ManifestFile(invocation.file).read().manifest if invocation.file else None
    has_odd_values = manifest is not None and manifest.in_literal_blocks().text != manifest.text
    invocation.normalizes = True
    with invocation.client() as client:
        document = client.read()
        changes = awsauth.normalize(document)
    reasons = [_reason(document, one) for one in changes if isinstance(one, awsauth.ReplaceText)]
    reasons += ["a value of the file is not a literal block"] if has_odd_values else []
    if not check_only:
        if changes or invocation.is_filter:
            with invocation.part_of_output("fixed"):
                run_change(invocation, lambda client: client.plan(awsauth.normalize(client.read())))
        elif has_odd_values and not invocation.how.dry_run:
            file = ManifestFile(invocation.file or "", normalize=True)
            state = file.read()
            file.write(state.manifest.data, state)
            invocation.is_changed = True
        if invocation.is_filter:
            return DONE
    if invocation.output == "json":
        invocation.emit({"changed": bool(reasons), "reasons": reasons})
    else:
        invocation.screen.tell(f"Found: {'; '.join(reasons)}." if reasons else "Nothing to change.")
    return FOUND if reasons and check_only else DONE


def _reason(document: Document, change: awsauth.ReplaceText) -> str:
    """Return the data key that is changed, and its lines with white space at the end."""
    lines = document.data[change.key].split("\n")
    blank = [str(number) for number, line in enumerate(lines, 1) if line != line.rstrip(" \t")]
    where = f", with white space at the end of lines {listed(blank, 5)}" if blank else ""
    return f"{change.key}{where}"
