"""Running the command line: in this process, in one of its own, and in one with a terminal."""

from __future__ import annotations

import codecs
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from click.testing import CliRunner

from awsauth.cli.app import program
from tests.support.paths import PROJECT
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PRESSES: Final = 30

PROGRAM: Final = Path(sys.executable).with_name("awsauth")
NODE: Final = "arn:aws:iam::968802670493:role/eksctl-k8s-cluster-nodegroup-ng-1-NodeInstanceRole-1FI6JXPS9MDWK"
ROLE: Final = "arn:aws:iam::968802670493:role/mytestrole"
ADD: Final = ("add", "role", ROLE, "--username", "admin", "--group", "system:masters")

_UNSET: Final[dict[str, str | None]] = {
    name: None for name in os.environ if name.startswith("AWSAUTH_") or name in ("NO_COLOR", "GITHUB_ACTIONS")
}


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


def run(*args: str, stdin: str | bytes | None = None, env: Mapping[str, str | None] | None = None) -> Done:
    """Run a command in this process, without a terminal."""
    result = CliRunner().invoke(program, args, input=stdin, env={**_UNSET, **(env or {})}, prog_name="awsauth")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    if " -o json" in " ".join(["", *args]) and result.stdout.startswith("{"):
        from tests.support.json_schemas import check_output

        check_output(result.stdout)
    return Done(result.exit_code, result.stdout, result.stderr)


def environment(**variables: str) -> dict[str, str]:
    """Return the environment for a process."""
    kept = {name: value for name, value in os.environ.items() if name not in _UNSET}
    return {**kept, "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}", **variables}


def process(*args: str, stdin: str = "", env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Done:
    """Run a command in a process of its own, in pipes."""
    done = subprocess.run(
        [PROGRAM, *args],
        input=stdin,
        env=environment(**(env or {})),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let processes that the block starts react to SIGINT, also when a shell has started the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def interrupt(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Send SIGINT until a process ends; return its output and its messages."""
    for _ in range(PRESSES):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=PATIENCE / PRESSES)
    raise AssertionError("the process goes on")


class Terminal:
    """A command on a terminal of its own, as a person would have it."""

    def __init__(
        self, *args: str, env: Mapping[str, str] | None = None, columns: int = 100, executable: str | Path = PROGRAM
    ) -> None:
        self.shown = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()  # a read may end within a character
        variables = environment(**{"TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "40", **(env or {})})
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell ignores it in what it starts in the background
            os.execve(executable, [str(executable), *args], variables)  # noqa: S606 - no shell is wanted

    def wait_for(self, text: str, *, after: str = "") -> str:
        """Read until a text is shown, or shown after another one; return all that was shown so far."""
        end = time.monotonic() + PATIENCE
        while text not in self.shown[self.shown.find(after) :] or after not in self.shown:
            if time.monotonic() > end or not self._read(end):
                raise AssertionError(f"{text!r} was not shown, but:\n{self.shown}")
        return self.shown

    def type(self, text: str) -> None:
        """Type something."""
        os.write(self._fd, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C until the command notices: a read that begins just then goes on to its end first."""
        for _ in range(PRESSES):
            self.type("\x03")
            end = time.monotonic() + PATIENCE / PRESSES
            while "Interrupted." not in self.shown and self._read(end):
                pass
            if "Interrupted." in self.shown:
                return
        raise AssertionError(self.shown)

    def end(self) -> int:
        """Wait for the command to end, and return its exit code."""
        end = time.monotonic() + PATIENCE
        while self._read(end):
            pass
        if time.monotonic() > end:
            os.kill(self._pid, signal.SIGKILL)
        _, status = os.waitpid(self._pid, 0)
        os.close(self._fd)
        return os.waitstatus_to_exitcode(status)

    def read_until(self, ready: Callable[[], bool]) -> None:
        """Read until `ready` says so: a command goes on only while its terminal is read."""
        end = time.monotonic() + PATIENCE
        while not ready():
            assert time.monotonic() < end, self.shown
            self._read(time.monotonic() + 0.05)

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self._fd], [], [], max(end - time.monotonic(), 0))
        if not ready:
            return False
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # Linux says so when the other side is closed.
            return False
        self.shown += self._decoder.decode(data)
        return bool(data)


def manifest_in(folder: Path, **texts: str) -> Path:
    """Return a manifest file: a copy of the example, or one with these data keys."""
    if not texts:
        return Path(shutil.copy(PROJECT / "examples" / "aws-auth.yaml", folder))
    from awsauth.core.manifest.manifest import Manifest

    empty = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\n  namespace: kube-system\ndata: {}\n"
    path = folder / "aws-auth.yaml"
    path.write_text(Manifest.parse(empty).with_data(texts), encoding="utf-8")
    return path


def commands(group: Any = program, words: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Return all commands with the words that call them, groups included."""
    import click

    found: list[tuple[tuple[str, ...], Any]] = [(words, group)]
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            found += commands(group.get_command(context, name), (*words, name))
    return found
