"""Plans as they are shown and saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from awsauth.cli.screen import findings_as_markdown
from awsauth.core.escaping import visible
from awsauth.core.plan import Plan
from awsauth.core.saved import saved_from_text
from awsauth.errors import AwsAuthError, FileError

if TYPE_CHECKING:
    from awsauth.cli.invocation import Invocation


def show_plan(invocation: Invocation, plan: Plan) -> None:
    """Print a plan."""
    screen = invocation.screen
    if invocation.output == "json":
        invocation.emit({"changed": bool(plan.diff), "plan": plan.to_json()})
    elif invocation.output == "markdown":
        parts = [plan.diff.markdown().rstrip("\n"), findings_as_markdown(plan.findings)]
        screen.print("\n\n".join(filter(None, parts)))
    else:
        screen.print(screen.diff(plan.diff))
        screen.print(screen.findings(plan.findings))


def _holds_plan(path: str) -> bool:
    try:
        return isinstance(saved_from_text(Path(path).read_bytes()), Plan)
    except (AwsAuthError, OSError):
        return False


def save(plan: Plan, path: str) -> None:
    """Save a plan in a new file, or in place of another plan.

    Raises:
        FileError: it cannot be written, or there is a file already that holds no plan.
    """
    if Path(path).is_file() and not _holds_plan(path):
        raise FileError(
            "There is a file already, and it holds no plan; nothing was saved or changed.",
            where=visible(path),
            cure="Give --out the name of a new file.",
        )
    try:
        Path(path).write_text(plan.to_text(), encoding="ascii")
    except OSError as error:
        failure = FileError(
            f"The plan cannot be saved: {error.strerror}. Nothing was changed.",
            where=visible(path),
            cure="Check the path of --out.",
        )
        failure.errno = error.errno
        raise failure from error
