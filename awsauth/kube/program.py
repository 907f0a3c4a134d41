"""A program that is run for what it prints, for a bounded time and with bounded output."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LARGEST_OUTPUT: Final = 2**20
"""Bytes that a program may print: a token has some thousand, and a certificate with its key less than a hundred thousand."""


def run(
    command: Sequence[str], environment: Mapping[str, str], *, seconds: float, is_interactive: bool
) -> tuple[int, bytes]:
    """Run a program, and return its exit code and what it prints. Its messages are dropped, but for those at a terminal.

    A program that runs too long or prints too much is killed. It stays in the session of this process: it may ask for a
    password at the terminal, even while something is piped into this process.

    Args:
        command: The program and its arguments.
        environment: All of its variables.
        seconds: How long it may run.
        is_interactive: Whether it may use the terminal: it gets standard input and error of this process.

    Raises:
        ValueError: it ran too long or printed too much.
        OSError: it cannot be started.
    """
    end = time.monotonic() + seconds
    process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - the kubeconfig says so, and kubectl would run it, too
        command,
        env=dict(environment),
        # What is piped into this process is not meant for the program.
        stdin=None if is_interactive else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if is_interactive else subprocess.DEVNULL,
    )
    output = _Output(process.stdout)
    try:
        output.reader.join(_until(end))
        if output.reader.is_alive():
            raise _too_long(seconds)
        if len(output.value) > LARGEST_OUTPUT:
            raise ValueError(f"it prints more than {LARGEST_OUTPUT // 2**20} MiB")
        return process.wait(_until(end)), output.value
    except subprocess.TimeoutExpired:
        raise _too_long(seconds) from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _until(end: float) -> float:
    return max(0.0, min(end - time.monotonic(), threading.TIMEOUT_MAX))


def _too_long(seconds: float) -> ValueError:
    return ValueError(f"it did not end within {seconds:g} seconds")


class _Output:
    """What a program prints, read in a thread up to the limit."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        self.value = b""
        self._stream: Any = stream
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError), self._stream:
            self.value = self._stream.read(LARGEST_OUTPUT + 1)
