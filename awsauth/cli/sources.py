"""Files that a command is given to read: errors about what is in one say which it is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

from awsauth.core.escaping import visible
from awsauth.errors import AwsAuthError, FileError
from awsauth.read_limits import read_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.changes import Change
    from awsauth.core.plan import Plan

_STANDARD_INPUT: Final = "<stdin>"


@contextmanager
def naming(file: str) -> Iterator[None]:
    """Name a file in the errors of the block, before the place in it that they name."""
    try:
        yield
    except AwsAuthError as error:
        error.where = ", ".join(filter(None, [visible(file), error.where]))
        raise


def saved_in(source: IO[bytes]) -> Plan | tuple[Change, ...]:
    """Return the plan, or the changes, in a file.

    Raises:
        PlanError, UsageError, InvalidValueError: as for `saved_from_text`.
    """
    from awsauth.core.saved import saved_from_text

    with naming(_name_of(source)):
        return saved_from_text(read_input(source))


def changes_in(source: IO[bytes]) -> tuple[Change, ...]:
    """Return the changes in a file; of a plan its changes.

    Raises:
        PlanError, UsageError, InvalidValueError: as for `changes_from_text`.
    """
    from awsauth.core.saved import changes_from_text

    with naming(_name_of(source)):
        return changes_from_text(read_input(source))


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
            cure="Check that this is the file that you mean.",
        ) from error


def _name_of(source: IO[bytes]) -> str:
    name = getattr(source, "name", _STANDARD_INPUT)
    return "standard input" if name == _STANDARD_INPUT else str(name)
