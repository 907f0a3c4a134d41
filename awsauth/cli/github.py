"""Findings as GitHub Actions takes them, to show them at the line of the file in a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from awsauth.core.finding import Finding
    from awsauth.core.manifest_places import FilePosition

_COMMANDS: Final = {"error": "error", "warning": "warning", "note": "notice"}


def annotation(finding: Finding, file: str | None, at: FilePosition | None) -> str:
    """Return a workflow command; nothing in it can end it early or begin another one."""
    properties = {"file": file, "line": at and str(at.line), "col": at and str(at.column)} if file else {}
    named = {**properties, "title": f"awsauth: {finding.code}"}
    shown = ",".join(f"{name}={_property(value)}" for name, value in named.items() if value)
    return f"::{_COMMANDS[finding.severity.value]} {shown}::{_data(str(finding))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
