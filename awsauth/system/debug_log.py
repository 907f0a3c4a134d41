"""DEBUG messages to the logger ``awsauth``, without secrets.

A program that has not imported `logging` does not listen to it. This module does not import it either, which keeps
changes to a file fast.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Final

from awsauth.core.text.display import visible

_LOGGER_NAME: Final = "awsauth"
DETAIL: Final = 5  # the level of details, below DEBUG


def log_debug(message: str, *values: object, level: int = 10) -> None:
    """Log a message in which the values replace each ``%s``; 10 is the level DEBUG."""
    logging = sys.modules.get("logging")
    logger = logging.getLogger(_LOGGER_NAME) if logging else None
    if logger and logger.isEnabledFor(level):
        logger.log(level, message, *(visible(str(value)) for value in values))


@contextlib.contextmanager
def debug_messages_to(tell: Callable[[str], None], *, is_detailed: bool = False) -> Iterator[None]:
    """Give the messages that are logged in the block to a function, each as a line.

    Args:
        tell: Shows a line.
        is_detailed: Whether to give details and times, too.
    """
    import logging

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            tell(self.format(record))

    logger, handler = logging.getLogger(_LOGGER_NAME), Handler()
    before = logger.level
    handler.setFormatter(logging.Formatter("debug: %(asctime)s %(message)s" if is_detailed else "debug: %(message)s"))
    logger.setLevel(DETAIL if is_detailed else logging.DEBUG)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
