"""Files that a command reads or writes. Errors name the file."""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import click

from awsauth.core.manifest.manifest import document_in
from awsauth.core.plan import Plan, load_plan_or_changes
from awsauth.core.text.display import visible
from awsauth.errors import AwsAuthError, FileError, PolicyError
from awsauth.stores.atomic_write import Folder, replace_file
from awsauth.stores.file import naming_file
from awsauth.stores.memory import ManifestText
from awsauth.system.read_limits import read_file, read_stream

if TYPE_CHECKING:
    from awsauth.core.document.document import Document
    from awsauth.core.edit.changes import Change
    from awsauth.core.lint.policy import Policy

# The longest line of a log, in bytes. All events of an export may be in one line.
LONGEST_LINE: Final = 64 * 2**20


def save(plan: Plan, path: str) -> None:
    """Save a plan in a new file, or replace another plan. Links are not followed.

    Raises:
        FileError: the file cannot be written, or holds something else.
    """
    name = Path(path).name
    try:
        with Folder(Path(os.path.realpath(Path(path).parent))) as folder:
            old = folder.find(name) if _holds_plan(folder, name) else None
            mode = stat.S_IMODE(old.st_mode) if old else 0o666
            raw = plan.to_text().encode("ascii")
            replace_file(folder, name, raw, mode=mode, owner=old, prefix=f".{name}.", is_new=not old)
    except FileExistsError as error:
        message = "A file or link with this name exists already, and does not hold a plan."
        raise FileError(message, location=visible(path), hint="Give --out the name of a new file.") from error
    except OSError as error:
        problem, hint = f"The plan cannot be saved: {error.strerror}.", "Check the path of --out."
        raise FileError(problem, location=visible(path), hint=hint, errno=error.errno) from error


def _holds_plan(folder: Folder, name: str) -> bool:
    try:
        Plan.from_text(folder.read(name)[0])
    except (AwsAuthError, OSError, ValueError):
        return False
    return True


def name_of(file: str | IO[bytes]) -> str:
    """Return the name of a file, or of an open file, for messages."""
    name = file if isinstance(file, str) else str(getattr(file, "name", "<stdin>"))
    return "standard input" if name == "<stdin>" else visible(name)


def naming(file: str | IO[bytes]) -> AbstractContextManager[None]:
    """Put the name of a file before the location of errors in the block."""
    return naming_file(name_of(file))


def wanted_in(source: IO[bytes]) -> Plan | tuple[Change, ...] | Document:
    """Return the plan, the changes or the data of the manifest in a file."""
    with naming(source):
        raw = read_input(source)
        return document_in(raw) or load_plan_or_changes(raw)


def manifest_from(source: IO[bytes], *, normalize: bool = False) -> ManifestText:
    """Return the manifest in a file as a store in memory (see `ManifestText`).

    Raises:
        ManifestError: the file does not hold an ``aws-auth`` that can be read.
    """
    with naming(source):
        raw = read_input(source)
    return ManifestText(raw, name_of(source), normalize=normalize)


def policy_in(path: str) -> Policy:
    """Return the policy in a file.

    Raises:
        PolicyError: the file cannot be read, or does not hold a policy.
    """
    from awsauth.core.lint.policy import Policy

    with naming(path):
        try:
            text = read_file(path).decode()
        except (OSError, ValueError) as error:
            problem = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise PolicyError(f"The policy cannot be read: {problem}.", hint="Check the path.") from error
        return Policy.from_text(text)


def read_input(source: IO[bytes] | str) -> bytes:
    """Return the content of an open or named file; - is standard input.

    Raises:
        FileError: it cannot be read, or is too large.
    """
    with _reading(), click.open_file(source, "rb") if isinstance(source, str) else nullcontext(source) as file:
        return read_stream(file)


def log_lines(paths: Iterable[str]) -> Iterator[bytes]:
    """Yield the lines of logs, which may be compressed by gzip.

    A line that is longer than `LONGEST_LINE` comes in parts.

    Raises:
        FileError: one of them cannot be read.
    """
    for path in paths:
        with naming(path), _reading(), Path(path).open("rb") as file:
            lines = gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == b"\x1f\x8b" else file
            yield from iter(partial(lines.readline, LONGEST_LINE), b"")


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:  # the latter two for a damaged file of gzip
        why, hint = getattr(error, "strerror", None) or error, "Check that this is the right file."
        raise FileError(f"The file cannot be read: {why}.", hint=hint, errno=getattr(error, "errno", None)) from error
