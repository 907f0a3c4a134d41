"""How long to go on, and how long to wait in between."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST: Final = 0.02
_LONGEST: Final = 2.0


class Patience:
    """A deadline, and pauses that grow and differ, so that writers who met once do not meet again.

    Args:
        seconds: How long to go on from now.
        clock: A clock that only goes forward, in seconds.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._end = clock() + seconds
        self._pauses = 0

    def pause(self, error: Exception) -> None:
        """Wait before the next attempt, or raise `error` when the deadline has passed."""
        left = self._end - self._clock()
        if left <= 0:
            raise error
        longest = min(_LONGEST, _FIRST * 2**self._pauses)
        self._pauses = min(self._pauses + 1, 10)
        self._sleep(min(left, random.uniform(0, longest)))  # noqa: S311 - spreads writers, guards nothing
