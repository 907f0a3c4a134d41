"""How the command line shows errors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from awsauth.boundary import caused_by
from awsauth.cli.exit_codes import code_of
from awsauth.cli.wording import hint_of_unproven, in_options
from awsauth.core.serialization import JsonValue
from awsauth.core.text.display import visible
from awsauth.errors import AwsAuthError, EditError, GuardError, InternalError, UnprovenHistoryError

if TYPE_CHECKING:
    from awsauth.cli.invocation import Invocation
    from awsauth.core.findings import Finding

_SECRET: Final = re.compile(
    r"k8s-aws-v1\.[\w-]+"
    r"|(?<=Bearer )\S+"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"
    r"|(?<=X-Amz-Signature=)\w+|(?<=X-Amz-Security-Token=)[\w%+/=-]+|(?<=X-Amz-Credential=)[\w%/-]+"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{12,}"
)
"""Tokens, signatures and keys, which errors of other libraries may hold."""

_CHANGED: Final = {
    False: "Nothing was changed.",
    True: "Something was changed.",
    None: "It is unknown whether anything was changed.",
}


@dataclass(frozen=True, slots=True)
class ErrorReport(JsonValue):
    """An error as JSON, with the options of the command line in its texts."""

    type: str
    exit_code: int
    changed: bool | None
    message: str
    location: str
    hint: str
    findings: tuple[Finding, ...]


def show(error: Exception, invocation: Invocation) -> None:
    """Show an error on standard error; with JSON also as an object on standard output."""
    screen = invocation.screen
    if not isinstance(error, AwsAuthError):
        error = caused_by(error)
    changed = True if invocation.is_changed else error.changed
    message, location, hint = _parts(error, invocation)
    screen.tell(
        screen.style("error:", "red") + screen.wrapped(f"error: {message}", to_error=True).removeprefix("error:")
    )
    if location:
        screen.tell(f"where: {location}")
    if invocation.may_change:
        screen.tell(_CHANGED[changed])
    if hint:
        screen.tell(screen.wrapped(f"what to do: {hint}", to_error=True))
    if invocation.traceback:
        import traceback

        screen.tell(_safe("".join(traceback.format_exception(error)).rstrip("\n")))
    if invocation.output == "json":
        findings = tuple(error.findings) if isinstance(error, GuardError) else ()
        report = ErrorReport(type(error).__name__, code_of(error), changed, message, location, hint, findings)
        invocation.emit({"error": report})


def _parts(error: AwsAuthError, invocation: Invocation) -> tuple[str, str, str]:
    """Return the message, the location and the hint."""
    if isinstance(error, InternalError):
        cause = error.__cause__ or error
        message = f"{error.message} It says: {_safe(str(cause))}" if str(cause) else error.message
        return message, error.location, error.hint.replace("the traceback", "the output of --traceback")
    hint = in_options(error.hint)
    if isinstance(error, UnprovenHistoryError):
        hint = hint_of_unproven(error.revisions[0], invocation)
    return in_options(error.message), _where(error, invocation), hint


def _where(error: AwsAuthError, invocation: Invocation) -> str:
    """Return the location; a place in the manifest with the name of the file."""
    place = error.place if isinstance(error, EditError) else None
    if place and place.in_file:
        return f"{visible(invocation.file or 'standard input')}:{place.line}:{place.column}"
    return error.location


def _safe(text: str) -> str:
    return visible(_SECRET.sub("(hidden)", text), keep="\n")
