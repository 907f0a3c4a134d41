"""The command line: arguments, calls of the library, output and exit codes."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the program.

    An interrupt ends it with exit code 130, even while it is loaded. Without click, print how to install it.
    """
    try:
        from awsauth.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        sys.exit(130)
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        hint = "Install the extra `cli` of awsauth's distribution; in a checkout: pip install '.[cli]'"
        sys.stderr.write(f"error: {error.name} is not installed.\nwhat to do: {hint}\n")
        sys.exit(2)
