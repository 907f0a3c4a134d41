"""Changes as people and programs write them: a list of objects, each with its ``change``."""

from __future__ import annotations

from dataclasses import MISSING, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from awsauth.core.edit import validation as hold
from awsauth.core.edit.changes import KINDS, Change, EnsureRole
from awsauth.core.text.display import quoted
from awsauth.errors import AwsAuthError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from awsauth.core.yaml_input import Path


def changes_from_json(values: Any, locations: Mapping[Path, str] = MappingProxyType({})) -> tuple[Change, ...]:
    """Return changes from the values that their `to_json` gives.

    Args:
        values: A list of dictionaries.
        locations: Where they were written: by the path to a value, a line and a column.

    Raises:
        InvalidValueError: a value may not be written.
        UsageError: this is no list of changes.
    """
    if not isinstance(values, (list, tuple)):
        raise hold.wrong("changes", values, 'Put them in a list: [{"change": …}].')
    return tuple([_from_json(index, value, locations) for index, value in enumerate(values)])


def _made(value: Any) -> Any:
    if not isinstance(value, dict):
        raise hold.wrong("A change", value, f'Write an object such as {{"change": "{EnsureRole.__name__}", …}}.')
    kind = value.get("change")
    if not isinstance(kind, str) or kind not in KINDS:
        said = (
            f"There is no change {quoted(kind)}" if isinstance(kind, str) else "`change` has to say which change it is"
        )
        raise UsageError(f"{said}; nothing was changed.", hint=f"The changes are {', '.join(KINDS)}.")
    given = {str(name): each for name, each in value.items() if name != "change"}
    _check_names(kind, given)
    return KINDS[kind](**given)


def _check_names(kind: str, given: Mapping[str, Any]) -> None:
    """Refuse fields that a kind of change does not have or that are missing, together with what the others may not hold."""
    known = {one.name: one for one in fields(KINDS[kind])}
    unknown = [quoted(name) for name in given if name not in known]
    missing = [quoted(name) for name, one in known.items() if one.default is MISSING and name not in given]
    wrong = [f"has no field {' and '.join(unknown)}"] if unknown else []
    wrong += [f"needs {' and '.join(missing)}"] if missing else []
    if wrong:
        message = f"{kind} {', and '.join(wrong)}; nothing was changed."
        problems: list[AwsAuthError] = [UsageError(message, hint=f"Fields of {kind}: {', '.join(known)}.")]
        for name in filter(known.get, given):
            known[name].metadata["check"](name, given[name], problems)
        raise hold.problems_as_error(problems)


def _from_json(index: int, value: Any, locations: Mapping[Path, str]) -> Any:
    try:
        return _made(value)
    except AwsAuthError as error:
        paths: list[Path] = [(index, name) for name in _wrong_fields(value)] or [(index,)]
        places = [locations[path] for path in paths if path in locations]
        error.location = ", ".join([*places, f"change {index + 1}"])
        raise


def _wrong_fields(value: Any) -> Iterator[str]:
    """Yield the fields of a change that are unknown or hold what they may not."""
    if not isinstance(value, dict) or not isinstance(kind := value.get("change"), str):
        return
    if kind not in KINDS:
        yield "change"
        return
    checks = {one.name: one.metadata["check"] for one in fields(KINDS[kind])}
    for name, given in value.items():
        problems: list[AwsAuthError] = []
        if name in checks:
            checks[name](name, given, problems)
        if problems or name not in (*checks, "change"):
            yield name
