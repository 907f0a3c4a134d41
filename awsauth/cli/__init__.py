"""The command line: it parses arguments, calls the library, prints, and exits with a code that says how it went."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Run the program. Interrupted at any time, also while it is loaded, it ends with exit code 130."""
    try:
        _loaded()()
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        sys.exit(130)


def _loaded() -> Callable[[], None]:
    """Return the program, if the packages that it needs are installed: the library alone does not bring them."""
    try:
        from awsauth.cli.app import main as run
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        hint = "Install the extra `cli` of awsauth's distribution; in a checkout: pip install '.[cli]'"
        sys.stderr.write(f"error: {error.name} is not installed.\nwhat to do: {hint}\n")
        sys.exit(2)
    return run
