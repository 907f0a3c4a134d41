"""Pauses between attempts, their deadline, and a server's ``Retry-After``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import TypeVar

from awsauth.boundary import causes
from awsauth.errors import UnavailableError
from awsauth.system.debug_log import log_debug

_T = TypeVar("_T")


class Backoff:
    """A deadline with random, growing pauses.

    Two writers that met once do not meet again. Each iteration is an attempt: one at once, one after each pause, and
    the last one at the deadline.

    Args:
        seconds: The time for all attempts, from now on.
        longest: The longest pause, in seconds.
    """

    def __init__(self, seconds: float = 60.0, *, longest: float = 2.0) -> None:
        self._longest = longest
        self._end = time.monotonic() + seconds
        self._pauses = 0

    def __iter__(self) -> Iterator[None]:
        yield
        while self.wait():
            yield

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self._end

    def wait(self, at_least: float = 0.0) -> bool:
        """Wait before the next attempt; return False at once after the deadline.

        Args:
            at_least: The shortest pause, in seconds.
        """
        import random  # most changes never wait

        left = self._end - time.monotonic()
        if left <= 0 or at_least > left:
            return False
        most = min(self._longest, 0.02 * 2**self._pauses)
        self._pauses = min(self._pauses + 1, 10)
        log_debug("Waiting before the next attempt; %s seconds are left", round(left))
        time.sleep(min(left, at_least + random.uniform(0, most)))  # noqa: S311 - spreads writers, guards nothing
        return True

    def wait_or_raise(self, error: Exception, *, after: Exception | None = None) -> None:
        """Wait before the next attempt, or raise `error` if the deadline has passed.

        The pause is at least as long as the server has asked for. If the deadline is sooner, `error` is raised at once.

        Args:
            error: The error to raise when no time is left.
            after: The failure of the last attempt, `error` by default. It, or a cause of it, holds the server's wish.
        """
        failures = (one for one in causes(after or error) if isinstance(one, UnavailableError))
        if not self.wait(next((one.retry_after for one in failures), 0.0)):
            raise error


def retry_unavailable(call: Callable[[], _T], backoff: Backoff | None = None) -> _T:
    """Return the result of a call, repeated while the server is unavailable.

    The default deadline is 60 seconds.

    Raises:
        UnavailableError: the server could not answer until the deadline.
    """
    backoff = backoff or Backoff()
    while True:
        try:
            return call()
        except UnavailableError as error:
            backoff.wait_or_raise(error)


def http_date(value: str | None) -> datetime | None:
    """Return the time in a header such as ``Date``, in UTC; None if it holds no time."""
    import email.utils

    try:
        moment = email.utils.parsedate_to_datetime(value or "")
        return moment.astimezone(timezone.utc) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def retry_after(value: str | None) -> float:
    """Return the seconds of a ``Retry-After``; 0 if it says nothing.

    It may also be a date (RFC 9110, 10.2.3).
    """
    if value and value.strip().isdecimal():
        return float(value)
    moment = http_date(value)
    return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds()) if moment else 0.0
