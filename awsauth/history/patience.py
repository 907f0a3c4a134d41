"""How long to go on, and how long to wait in between."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from awsauth.errors import UnavailableError

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

    def pause(self, error: Exception, *, after: Exception | None = None) -> None:
        """Wait before the next attempt, or raise `error` when the deadline has passed.

        Where a server has asked for time, all of it passes; when that takes longer than the deadline, nothing does.

        Args:
            error: What to raise when there is no time left.
            after: What happened; `error` itself by default. A server's wish is looked for in it and in its causes.
        """
        import random  # most changes never wait

        left = self._end - self._clock()
        asked = _asked_for(after or error)
        if left <= 0 or asked > left:
            raise error
        longest = min(_LONGEST, _FIRST * 2**self._pauses)
        self._pauses = min(self._pauses + 1, 10)
        self._sleep(min(left, asked + random.uniform(0, longest)))  # noqa: S311 - spreads writers, guards nothing


def _asked_for(error: BaseException | None) -> float:
    """Return for how many seconds a server has asked to be left alone."""
    while error is not None:
        if isinstance(error, UnavailableError):
            return error.retry_after
        error = error.__cause__
    return 0.0
