"""The command line: it parses arguments, calls the library, prints, and exits with a code that says how it went."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the program, if what it needs is installed: the library alone does not bring it."""
    try:
        from awsauth.cli.app import main as run
    except ModuleNotFoundError as error:
        if error.name not in ("click", "rich"):
            raise
        sys.stderr.write(f"error: {error.name} is not installed.\nwhat to do: pip install 'eks-aws-auth[cli]'\n")
        sys.exit(2)
    run()
