"""Trying again until something that takes its time is there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHORTEST: Final = 0.1
_LONGEST: Final = 5.0


def attempts(seconds: float) -> Iterator[None]:
    """Yield at once and then again and again until the time is up, with pauses in between that grow to 5 seconds."""
    deadline = time.monotonic() + seconds
    pause = _SHORTEST
    yield
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST)
        yield
