"""Plans as they are shown and saved."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from awsauth.cli.screen import findings_as_markdown
from awsauth.core.escaping import visible
from awsauth.core.plan import Plan
from awsauth.core.saved import saved_from_text
from awsauth.errors import AwsAuthError, FileError
from awsauth.stores.durability import Folder, replace_file

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


def _holds_plan(folder: Folder, name: str) -> bool:
    try:
        raw, _ = folder.read(name)
        return isinstance(saved_from_text(raw), Plan)
    except (AwsAuthError, OSError, ValueError):
        return False


def save(plan: Plan, path: str) -> None:
    """Save a plan in a new file, or in place of another plan; a link to a file is not followed.

    Raises:
        FileError: it cannot be written, or something else has the name.
    """
    name = Path(path).name
    try:
        with Folder(Path(os.path.realpath(Path(path).parent))) as folder:
            old = folder.find(name) if _holds_plan(folder, name) else None
            mode = stat.S_IMODE(old.st_mode) if old else 0o666
            raw = plan.to_text().encode("ascii")
            replace_file(folder, name, raw, mode=mode, owner=old, prefix=f".{name}.", is_new=not old)
    except FileExistsError as error:
        raise FileError(
            "There is a file or a link already, and it holds no plan; nothing was saved or changed.",
            where=visible(path),
            cure="Give --out the name of a new file.",
        ) from error
    except OSError as error:
        failure = FileError(
            f"The plan cannot be saved: {error.strerror}. Nothing was changed.",
            where=visible(path),
            cure="Check the path of --out.",
        )
        failure.errno = error.errno
        raise failure from error
