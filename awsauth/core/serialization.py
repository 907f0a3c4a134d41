"""Findings as values that JSON can hold, and back."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.edit import validation as hold
from awsauth.core.edit.changes import KINDS, Change, EnsureRole
from awsauth.core.findings import Finding, Location, Severity
from awsauth.core.text.display import quoted
from awsauth.errors import AwsAuthError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def sha256_of(values: Any) -> str:
    """Return the SHA-256, in hex, of values that JSON can hold, whatever the order of their keys."""
    # Escaped, so that half a surrogate pair, which no UTF-8 can hold, has a digest like any other text.
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


_TEXTS: Final = ("code", "message", "impact", "hint", "principal")


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """Return a finding as values that JSON can hold; of its cure the changes too."""
    location = finding.location
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "message": finding.message,
        "impact": finding.impact,
        "hint": finding.hint,
        "location": location and {**location.to_json(), "text": location.text},
        "principal": finding.principal,
        "fix": changes_to_json(finding.fix),
    }


def finding_from_json(values: Mapping[str, Any]) -> Finding:
    """Return the finding of `finding_to_json`.

    Raises:
        KeyError, TypeError, ValueError: this is none.
        AwsAuthError: its changes are none.
    """
    texts = {name: _typed(values[name], str) for name in _TEXTS}
    location = values["location"]
    return Finding(
        **texts,
        severity=Severity(values["severity"]),
        location=None if location is None else _place(location),
        fix=tuple(changes_from_json(values["fix"])),
    )


def _place(values: Mapping[str, Any]) -> Location:
    numbers = (_typed(values["line"], int), _typed(values["column"], int))
    return Location(_typed(values["key"], str), *numbers, _typed(values["text"], str))


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} in place of {kind.__name__}")
    return value


def changes_to_json(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Return changes as values that JSON can hold."""
    return [
        {"change": change.kind} | {one.name: _plain(getattr(change, one.name)) for one in fields(change)}
        for change in changes
    ]


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


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _from_json(number: int, value: Any) -> Any:
    try:
        return _made(value)
    except AwsAuthError as error:
        error.location = f"change {number}"
        raise
