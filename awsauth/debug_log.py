"""DEBUG messages to the logger ``awsauth``, without secrets.

A program that has not imported `logging` does not listen to it. This module does not import it either, which keeps
changes to a file fast.
"""

from __future__ import annotations

import sys
from typing import Final

from awsauth.core.text.display import visible

LOGGER_NAME: Final = "awsauth"
DETAIL: Final = 5  # the level of details, below DEBUG


def log_debug(message: str, *values: object, level: int = 10) -> None:
    """Log a message in which the values replace each ``%s``; 10 is the level DEBUG."""
    logging = sys.modules.get("logging")
    if logging is not None:
        logging.getLogger(LOGGER_NAME).log(level, message, *(visible(str(value)) for value in values))
