"""The command line: arguments, calls of the library, output and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable


def main() -> None:
    """Run the program.

    An interrupt ends it with exit code 130, even while it is loaded.
    """
    try:
        _loaded()()
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        sys.exit(130)


def _loaded() -> Callable[[], None]:
    """Return the program. Without click, print how to install it, and exit."""
    try:
        from awsauth.cli.app import main as run
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        hint = "Install the extra `cli` of awsauth's distribution; in a checkout: pip install '.[cli]'"
        sys.stderr.write(f"error: {error.name} is not installed.\nwhat to do: {hint}\n")
        sys.exit(2)
    return run
