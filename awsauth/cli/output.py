"""Output: text on a terminal, in a pipe or in a CI log, its colors and its width."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from awsauth.core.text.display import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from awsauth.core.diff import Diff
    from awsauth.core.findings import Finding, Location

_COMMANDS: Final = {"error": "error", "warning": "warning", "note": "notice"}
_SIGNS: Final = {"+": "green", "-": "red", "~": "yellow", "=": "yellow", "!": "yellow", "@": "cyan"}
_GAP: Final = "  "

_PATIENCE: Final = 1.0  # seconds before a wait is shown

_CLEAR: Final = "\r\x1b[K"

# The beginning of a command to a CI system. Source: GitHub's ``actions/runner`` ``ActionCommand.cs`` (``::name::``
# at the start of a line, ``##[name]`` anywhere); Azure Pipelines and TeamCity have ``##vso[`` and ``##teamcity[``.
_CI_COMMAND: Final = re.compile(r"(^[^\S\n]*):(?=:)|#(?=#\w*\[)", re.MULTILINE)


class OutputError(Exception):
    """The output cannot be written, as on a full disk."""


class Output(NamedTuple):
    """Where a command prints; it leaves out colors where they are not wanted.

    Attributes:
        colored: Whether to use colors on a terminal.
        to_error: Whether to print on standard error, because standard output is for the manifest.
        verbosity: How often the user asked for more details.
    """

    colored: bool = True
    to_error: bool = False
    verbosity: int = 0

    @property
    def is_terminal(self) -> bool:
        """Whether the output goes to a terminal."""
        return (sys.stderr if self.to_error else sys.stdout).isatty()

    @property
    def can_ask(self) -> bool:
        """Whether there is a terminal to ask on."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def print(self, text: str) -> None:
        """Print text that is safe on a terminal. A CI system finds no commands in it.

        Raises:
            OutputError: it cannot be written.
        """
        self.command_ci(_without_commands(text))

    def command_ci(self, text: str) -> None:
        """Print text that may hold commands to a CI system.

        Raises:
            OutputError: it cannot be written.
        """
        if text:
            _write(text, err=self.to_error, color=None if self.colored else False)

    def hand_over(self, data: bytes) -> None:
        """Write bytes to standard output as they are.

        Raises:
            OutputError: they cannot be written.
        """
        _write(data, nl=False)

    def tell(self, text: str) -> None:
        """Print a message on standard error. If that fails, the command goes on."""
        with contextlib.suppress(OSError):
            click.echo(_without_commands(text), err=True, color=None if self.colored else False)

    def ask(self, question: str, *, default: bool = False) -> bool:
        """Ask a question, and return whether the answer is yes."""
        return click.confirm(question, default, err=True)

    def diff(self, found: Diff) -> str:
        """Return a diff with colored lines."""
        if not found:
            return "No change."
        lines = str(found).splitlines()
        prose = len(lines) - sum(len(text.splitlines()) for text in found.texts.values())
        lines[:prose] = map(self.wrapped, lines[:prose])
        return "\n".join(click.style(line, fg=_SIGNS[line[0]]) if line[:1] in _SIGNS else line for line in lines)

    def wrapped(self, text: str, *, to_error: bool = False) -> str:
        """Wrap prose for the terminal, but no word, command or indented line."""
        if not (sys.stderr.isatty() if to_error else self.is_terminal):
            return text
        width = _width()
        # The beginning of a line of prose; commands to copy are indented.
        return "\n".join(_filled(line, width) if re.match(r"\S| *[-!] ", line) else line for line in text.split("\n"))

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]], titles: Sequence[int] = (0,)) -> str:
        """Return a table with a line for each row.

        If the terminal is too narrow, a row takes several lines: the cells `titles`, then each other cell.
        """
        shown = [[visible(cell) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(header, *shown, strict=True)]
        if self.is_terminal and sum(widths) + len(_GAP) * (len(widths) - 1) > (width := _width()):
            return "\n".join(_record(header, row, titles, width) for row in shown)
        first, *others = [_GAP.join(map(str.ljust, row, widths)).rstrip() for row in (header, *shown)]
        return "\n".join([click.style(first, bold=True), *others])


def _width() -> int:
    """Return the width of the terminal, in columns."""
    import shutil  # a pipe has no width

    return shutil.get_terminal_size().columns


def _filled(line: str, width: int) -> str:
    """Wrap a line of prose, but no command in backticks."""
    import textwrap  # only long lines on a terminal are wrapped

    kept = re.sub("`[^`]*`", lambda match: match[0].replace(" ", "\0"), line)
    indent = line[: len(line) - len(line.lstrip())] + _GAP
    filled = textwrap.fill(kept, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return filled.replace("\0", " ")


def _record(header: Sequence[str], row: Sequence[str], titles: Sequence[int], width: int) -> str:
    named = enumerate(zip(header, row, strict=True))
    details = [f"{_GAP}{name.lower()}: {cell}" for at, (name, cell) in named if cell and at not in titles]
    first = _GAP.join(row[position] for position in titles if row[position])
    return "\n".join([first, *(_filled(line, width) for line in details)])


def annotation(finding: Finding, file: str | None, at: Location | None) -> str:
    """Return a finding as a workflow command of GitHub Actions, escaped."""
    position = {"line": str(at.line), "col": str(at.column)} if file and at else {}
    named = {"file": file, **position, "title": f"awsauth: {finding.code}"}
    values = {name: _data(value).replace(":", "%3A").replace(",", "%2C") for name, value in named.items() if value}
    shown = ",".join(f"{name}={value}" for name, value in values.items())
    return f"::{_COMMANDS[finding.severity.value]} {shown}::{_data(str(finding))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _without_commands(text: str) -> str:
    """Escape the first character of each command to a CI system, as JSON does."""
    return _CI_COMMAND.sub(lambda match: r"\u0023" if match[1] is None else rf"{match[1]}\u003a", text)


def _write(message: str | bytes, **how: Any) -> None:
    try:
        click.echo(message, **how)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.strerror) from error


def drop_output() -> None:
    """Discard buffered output: its reader has ended, and writing would fail again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def waiting_for(message: str) -> Iterator[None]:
    """Show on a terminal, from the second second on, that the block waits."""
    if not sys.stderr.isatty():
        yield
        return
    over = threading.Event()
    counting = threading.Thread(target=_count, args=(visible(message), over), daemon=True)
    counting.start()
    try:
        yield
    finally:
        over.set()
        counting.join()


def _count(message: str, over: threading.Event) -> None:
    seconds = 0
    while not over.wait(_PATIENCE):
        seconds += 1
        click.echo(f"{_CLEAR}Waiting for {message} ({seconds} s) ...", nl=False, err=True)
    if seconds:
        click.echo(_CLEAR, nl=False, err=True)
