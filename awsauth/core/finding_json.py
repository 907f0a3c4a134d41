"""Findings as values that JSON can hold, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from awsauth.core import changes
from awsauth.core.finding import Finding, Place, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXTS: Final = ("code", "message", "consequence", "cure", "principal")


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """Return a finding as values that JSON can hold; of its cure the changes too."""
    place = finding.place
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "message": finding.message,
        "consequence": finding.consequence,
        "cure": finding.cure,
        "place": place and {**place.to_json(), "text": place.text},
        "principal": finding.principal,
        "fix": changes.to_json(finding.fix),
    }


def finding_from_json(values: Mapping[str, Any]) -> Finding:
    """Return the finding of `finding_to_json`.

    Raises:
        KeyError, TypeError, ValueError: this is none.
        AwsAuthError: its changes are none.
    """
    texts = {name: _typed(values[name], str) for name in _TEXTS}
    place = values["place"]
    return Finding(
        **texts,
        severity=Severity(values["severity"]),
        place=None if place is None else _place(place),
        fix=tuple(changes.from_json(values["fix"])),
    )


def _place(values: Mapping[str, Any]) -> Place:
    numbers = (_typed(values["line"], int), _typed(values["column"], int))
    return Place(_typed(values["key"], str), *numbers, _typed(values["text"], str))


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} in place of {kind.__name__}")
    return value
