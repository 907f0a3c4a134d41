"""Where text goes, and in which colours: plain where nobody looks at a terminal, or does not want any."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from awsauth.core.text.display import code, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from awsauth.core.diff import Diff
    from awsauth.core.findings import Finding
    from awsauth.core.manifest.locate import FilePosition


_COMMANDS: Final = {"error": "error", "warning": "warning", "note": "notice"}


def annotation(finding: Finding, file: str | None, at: FilePosition | None) -> str:
    """Return a workflow command; nothing in it can end it early or begin another one."""
    properties = {"file": file, "line": at and str(at.line), "col": at and str(at.column)} if file else {}
    named = {**properties, "title": f"awsauth: {finding.code}"}
    shown = ",".join(f"{name}={_property(value)}" for name, value in named.items() if value)
    return f"::{_COMMANDS[finding.severity.value]} {shown}::{_data(str(finding))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


_SEVERITIES: Final = {"error": "red", "allowed": "yellow", "warning": "yellow", "note": "blue"}


_SIGNS: Final = {"+": "green", "-": "red", "~": "yellow", "=": "yellow", "!": "yellow", "@": "cyan"}


_GAP: Final = "  "


_CI_COMMAND: Final = re.compile(r"(^[^\S\n]*):(?=:)|#(?=#\w*\[)", re.MULTILINE)
"""Where a CI system would begin to read a command.

Source: GitHub's ``actions/runner`` ``ActionCommand.cs`` (``::name::`` at the start of a line, ``##[name]`` anywhere);
Azure Pipelines and TeamCity have ``##vso[`` and ``##teamcity[``.
"""


class OutputError(Exception):
    """What was to be printed cannot be written, as on a full disk."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command prints.

    Attributes:
        coloured: Whether colours are wanted, where there is a terminal.
        to_error: Whether all goes to standard error, because standard output is for something else.
    """

    coloured: bool = True
    to_error: bool = False

    @classmethod
    def of(cls, *, no_color: bool, to_error: bool = False) -> Output:
        """Return the screen, in colour unless an option, ``NO_COLOR`` or a terminal without colours says otherwise."""
        unwanted = no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return cls(not unwanted, to_error)

    @property
    def is_terminal(self) -> bool:
        """Whether somebody looks at it."""
        return (sys.stderr if self.to_error else sys.stdout).isatty()

    @property
    def can_ask(self) -> bool:
        """Whether there is somebody to ask."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def print(self, text: str) -> None:
        """Print text that is safe to show on a terminal. A CI system takes no line of it for a command.

        Raises:
            OutputError: it cannot be written.
        """
        self.command_ci(_without_commands(text))

    def command_ci(self, text: str) -> None:
        """Print text in which lines may be commands to a CI system.

        Raises:
            OutputError: it cannot be written.
        """
        if text:
            with _output():
                click.echo(text, err=self.to_error, color=None if self.coloured else False)

    def hand_over(self, data: bytes) -> None:
        """Write bytes to standard output as they are.

        Raises:
            OutputError: they cannot be written.
        """
        with _output():
            click.echo(data, nl=False)

    def tell(self, text: str) -> None:
        """Say something to whoever runs the command, beside the output; where that cannot be, the command goes on."""
        with contextlib.suppress(OSError):
            click.echo(_without_commands(text), err=True, color=None if self.coloured else False)

    def ask(self, question: str, *, default: bool = False) -> bool:
        """Ask for a yes."""
        return click.confirm(question, default, err=True)

    def style(self, text: str, colour: str) -> str:
        """Return text in a colour."""
        return click.style(text, fg=colour) if self.coloured else text

    def diff(self, found: Diff) -> str:
        """Return a difference with its lines in colour."""
        return "\n".join(self._diff_line(line) for line in str(found).splitlines()) if found else "No change."

    def finding(self, found: Finding, location: str = "", severity: str = "") -> str:
        """Return a finding, for a line, in the words of the command line; `severity` in place of its own."""
        from awsauth.cli.wording import in_options

        named = severity or found.severity.value
        return f"{location}{self.style(named, _SEVERITIES[named])} {visible(found.code)}: {in_options(str(found))}"

    def findings(self, found: Sequence[Finding]) -> str:
        """Return findings, each on a line."""
        return "\n".join(map(self.finding, found))

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """Return a table: on a terminal as wide as that, with cells on several lines; elsewhere a line for each row."""
        shown = [[visible(cell) for cell in row] for row in rows]
        if self.is_terminal:
            return self._fitted(header, shown)
        widths = [max(map(len, column)) for column in zip(header, *shown, strict=True)]
        return "\n".join(
            _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (header, *shown)
        )

    def _diff_line(self, line: str) -> str:
        colour = _SIGNS.get(line[:1])
        return self.style(line, colour) if colour else line

    def _fitted(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, padding=(0, len(_GAP), 0, 0), header_style="bold")
        for name in header:
            table.add_column(Text(name), overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        console = Console(
            force_terminal=True,
            no_color=not self.coloured,
            highlight=False,
            markup=False,
            emoji=False,
            width=shutil.get_terminal_size().columns,
        )
        with console.capture() as captured:
            console.print(table)
        return "\n".join(line.rstrip() for line in captured.get().splitlines())


def findings_as_markdown(found: Iterable[Finding]) -> str:
    """Return findings as a list in Markdown; what they say as code, since it quotes what others have written."""
    from awsauth.cli.wording import in_options

    return "\n".join(f"- {one.severity.value} {code(one.code)}: {code(in_options(str(one)))}" for one in found)


def _without_commands(text: str) -> str:
    """Escape the first character of each command, in a way that JSON reads back."""
    return _CI_COMMAND.sub(lambda match: r"\u0023" if match[1] is None else rf"{match[1]}\u003a", text)


@contextlib.contextmanager
def _output() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.strerror) from error


def drop_output() -> None:
    """Send what is still in the buffers nowhere, once nobody reads it: it would fail again when the interpreter ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_PATIENCE: Final = 1.0
"""Seconds before anything is said."""


_CLEAR: Final = "\r\x1b[K"


@contextmanager
def waiting_for(message: str) -> Iterator[None]:
    """Say on a terminal what is being waited for, from the second second on, until the block ends."""
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
        sys.stderr.write(f"{_CLEAR}Waiting for {message} ({seconds} s) ...")
        sys.stderr.flush()
    if seconds:
        sys.stderr.write(_CLEAR)
        sys.stderr.flush()
