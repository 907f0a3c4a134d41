"""Changes as people and programs write them: a list of objects, each with its ``change``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awsauth.core.edit import validation as hold
from awsauth.core.edit.changes import KINDS, Change, EnsureRole
from awsauth.core.text.display import quoted
from awsauth.errors import AwsAuthError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


def changes_to_json(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Return changes as values that JSON can hold."""
    return [change.to_json() for change in changes]


def changes_from_json(values: Any) -> tuple[Change, ...]:
    """Return the changes of `changes_to_json`.

    Raises:
        InvalidValueError: a value may not be written.
        UsageError: this is no list of changes.
    """
    if not isinstance(values, (list, tuple)):
        raise hold.wrong("changes", values, 'Put them in a list: [{"change": …}].')
    return tuple([_from_json(number, value) for number, value in enumerate(values, start=1)])


def _made(value: Any) -> Any:
    if not isinstance(value, dict):
        raise hold.wrong("A change", value, f'Write an object such as {{"change": "{EnsureRole.__name__}", …}}.')
    kind = value.get("change")
    if not isinstance(kind, str) or kind not in KINDS:
        said = (
            f"There is no change {quoted(kind)}" if isinstance(kind, str) else "`change` has to say which change it is"
        )
        raise UsageError(f"{said}; nothing was changed.", hint=f"The changes are {', '.join(KINDS)}.")
    return KINDS[kind](**{str(field_name): given for field_name, given in value.items() if field_name != "change"})


def _from_json(number: int, value: Any) -> Any:
    try:
        return _made(value)
    except AwsAuthError as error:
        error.location = f"change {number}"
        raise
