"""Saying what is being waited for, where that takes long and somebody looks."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from awsauth.core.escaping import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE: Final = 1.0
"""Seconds before anything is said."""

_CLEAR: Final = "\r\x1b[K"


@contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """Say on a terminal what is being waited for, from the second second on, until the block ends."""
    if not sys.stderr.isatty():
        yield
        return
    over = threading.Event()
    counting = threading.Thread(target=_count, args=(visible(what), over), daemon=True)
    counting.start()
    try:
        yield
    finally:
        over.set()
        counting.join()


def _count(what: str, over: threading.Event) -> None:
    seconds = 0
    while not over.wait(_PATIENCE):
        seconds += 1
        sys.stderr.write(f"{_CLEAR}Waiting for {what} ({seconds} s) ...")
        sys.stderr.flush()
    if seconds:
        sys.stderr.write(_CLEAR)
        sys.stderr.flush()
