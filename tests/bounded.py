"""Work that must not grow with the square of its input."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST: Final = 60
"""Many times what anything takes that is bounded here, and far less than the square of its length would."""


@contextmanager
def bounded() -> Iterator[None]:
    """Fail when the block takes the processor for longer than it may, however busy the machine is with other things."""
    began = time.thread_time()
    yield
    assert time.thread_time() - began < _MOST
