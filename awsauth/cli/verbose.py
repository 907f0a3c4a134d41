"""What ``-v`` shows: the messages of the logger ``awsauth``. It is loaded for that alone, as `logging` takes time."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from awsauth.debug_log import DETAIL, NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsauth.cli.output import Output


class _Handler(logging.Handler):
    def __init__(self, screen: Output) -> None:
        super().__init__()
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        self._screen.tell(self.format(record))


def show_debug_messages(screen: Output) -> Callable[[], None]:
    """Show requests and decisions on standard error, with ``-vv`` also details and times; return what ends that."""
    logger, handler = logging.getLogger(NAME), _Handler(screen)
    before = logger.level
    is_detailed = screen.verbosity > 1
    handler.setFormatter(logging.Formatter("debug: %(asctime)s %(message)s" if is_detailed else "debug: %(message)s"))
    logger.setLevel(DETAIL if is_detailed else logging.DEBUG)
    logger.addHandler(handler)

    def end() -> None:
        logger.removeHandler(handler)
        logger.setLevel(before)

    return end
