"""Work that must not grow with the square of its input."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def bounded() -> Iterator[None]:
    """Fail if the block takes the processor for minutes, however busy the machine is: the square of its length would."""
    began = time.thread_time()
    yield
    assert time.thread_time() - began < PATIENCE
