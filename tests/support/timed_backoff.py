"""Patience on a clock of its own, so that no test has to wait."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

from awsauth.system import backoff

if TYPE_CHECKING:
    from collections.abc import Callable


class TimedBackoff(backoff.Backoff):
    """Patience whose clock and sleep a test gives."""

    def __init__(
        self, seconds: float, *, clock: Callable[[], float], sleep: Callable[[float], None], longest: float = 2.0
    ) -> None:
        self._time = SimpleNamespace(monotonic=clock, sleep=sleep)
        with self._timed():
            super().__init__(seconds, longest=longest)

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        with self._timed():
            return super().is_over

    def wait(self, at_least: float = 0.0) -> bool:
        """Wait before the next attempt; return False at once after the deadline."""
        with self._timed():
            return super().wait(at_least)

    def _timed(self) -> Any:
        return mock.patch.object(backoff, "time", self._time)
