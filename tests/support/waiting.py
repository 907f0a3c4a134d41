"""Waiting for something that comes soon on any machine, with a bound for what never comes."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_T = TypeVar("_T")

PATIENCE: Final = 300.0
"""Seconds after which something that a test waits for does not come: far more than a busy machine needs."""


def wait_for(look: Callable[[], _T], expected: Callable[[_T], bool] = bool) -> _T:
    """Look until the value is the expected one, and return it.

    Raises:
        TimeoutError: it never is; the error shows the last value.
    """
    end = time.monotonic() + PATIENCE
    while not expected(value := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"after {PATIENCE:.0f} s it is still {value}")
        time.sleep(0.02)
    return value


def wait_for_end(connection: socket.socket) -> None:
    """Wait until the other side closes a connection."""
    connection.settimeout(PATIENCE)
    with suppress(ConnectionError):
        while connection.recv(4096):
            pass
