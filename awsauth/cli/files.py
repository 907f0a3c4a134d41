"""Files that a command is given to read: errors about what is in one say which it is."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from awsauth.core.desired.manifest import document_of, manifest_in
from awsauth.core.plan import Plan, load_plan_or_changes
from awsauth.core.text.display import visible
from awsauth.errors import AwsAuthError, FileError
from awsauth.read_limits import read_stream
from awsauth.stores.atomic_write import Folder, replace_file
from awsauth.stores.manifest_text import ManifestText

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.document.document import Document
    from awsauth.core.edit.changes import Change


def _holds_plan(folder: Folder, name: str) -> bool:
    try:
        raw, _ = folder.read(name)
        Plan.from_text(raw)
    except (AwsAuthError, OSError, ValueError):
        return False
    return True


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
            location=visible(path),
            hint="Give --out the name of a new file.",
        ) from error
    except OSError as error:
        failure = FileError(
            f"The plan cannot be saved: {error.strerror}. Nothing was changed.",
            location=visible(path),
            hint="Check the path of --out.",
        )
        failure.errno = error.errno
        raise failure from error


_STANDARD_INPUT: Final = "<stdin>"


@contextmanager
def naming(file: str) -> Iterator[None]:
    """Name a file in the errors of the block, before the place in it that they name."""
    try:
        yield
    except AwsAuthError as error:
        error.location = ", ".join(filter(None, [visible(file), error.location]))
        raise


def saved_in(source: IO[bytes]) -> Plan | tuple[Change, ...] | Document:
    """Return the plan, the changes or the data of the manifest in a file.

    Raises:
        PlanError, UsageError, InvalidValueError, ManifestError: as for `load_plan_or_changes` and `manifest_in`.
    """
    with naming(name_of(source)):
        raw = read_input(source)
        manifest = manifest_in(raw)
        return document_of(manifest) if manifest else load_plan_or_changes(raw)


def changes_in(source: IO[bytes]) -> tuple[Change, ...]:
    """Return the changes in a file; of a plan its changes.

    Raises:
        PlanError, UsageError, InvalidValueError: as for `load_plan_or_changes`.
    """
    with naming(name_of(source)):
        saved = load_plan_or_changes(read_input(source))
    return saved.changes if isinstance(saved, Plan) else saved


def manifest_from(source: IO[bytes]) -> ManifestText:
    """Return the manifest in a file, as a store that is in memory.

    Raises:
        ManifestError: the file holds no ``aws-auth`` that can be read.
    """
    with naming(name := name_of(source)):
        raw = read_input(source)
    return ManifestText(raw, visible(name))


def read_input(source: IO[bytes]) -> bytes:
    """Return what a file, or standard input, holds.

    Raises:
        FileError: it cannot be read, or is too large.
    """
    try:
        return read_stream(source)
    except OSError as error:
        raise FileError(
            f"It cannot be read: {error.strerror}; nothing was changed.",
            hint="Check that this is the file that you mean.",
        ) from error


def name_of(source: IO[bytes]) -> str:
    """Return the name of an open file, for messages."""
    name = getattr(source, "name", _STANDARD_INPUT)
    return "standard input" if name == _STANDARD_INPUT else str(name)
