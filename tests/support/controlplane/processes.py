"""Processes that never outlive the one that started them."""

from __future__ import annotations

import atexit
import os
import random
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

LOOPBACK = "127.0.0.1"

# Linux ends the process when the thread that started it ends, however that happens. It is asked to in a short
# program of its own: Python code between fork and exec is not safe beside threads. Elsewhere only `stop` ends it.
_GUARD = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        sys.exit("whoever started this has ended already")
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True, slots=True)
class Child:
    """A running process; what it says is in the file `log`."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait until `ready` says so.

        Raises:
            RuntimeError: the process ended before, or is never ready; the message holds what it said last.
        """
        end = time.monotonic() + PATIENCE
        while not ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with status {self.process.returncode}:\n{self.said()}")
            if time.monotonic() > end:
                raise RuntimeError(f"{self.name} was not ready after {PATIENCE:.0f} s:\n{self.said()}")
            time.sleep(0.02)

    def said(self) -> str:
        """Return the last lines that it said."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:])

    def stop(self) -> None:
        """End it at once: nothing that it holds is of use afterwards."""
        self.process.kill()
        self.process.wait()


def start(command: Sequence[str | Path], *, name: str, folder: Path, environment: Mapping[str, str]) -> Child:
    """Start a process in `folder` that dies with this one, or rather with the thread that calls this."""
    log = folder / f"{name}.log"
    guarded = [sys.executable, "-I", "-S", "-c", _GUARD, str(os.getpid()), *command]
    with log.open("ab") as written:
        process = subprocess.Popen(
            guarded,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            # Ctrl-C in a terminal goes to the tests alone, which then end their processes.
            start_new_session=True,
        )
    return Child(name, process, log)


def free_port() -> int:
    """Return a port of the loopback address that this process alone may use until it ends.

    The program it is meant for listens on the TCP port only later. Until then the UDP port of the same number, which no
    such program uses, keeps it from other processes and from the next call. It is taken from below the range that the
    system gives to outgoing connections, where one of those could get it.
    """
    while True:
        port = random.randrange(15_000, 30_000)
        reservation = socket.socket(type=socket.SOCK_DGRAM)
        try:
            reservation.bind((LOOPBACK, port))
            with closing(socket.socket()) as probe:
                probe.bind((LOOPBACK, port))
        except OSError:
            reservation.close()
            continue
        atexit.register(reservation.close)
        return port


def listens(port: int) -> bool:
    """Say whether something on the loopback address accepts connections on a port."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0
