"""How an error is shown: what, where, what to do; and in the words of the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from awsauth.boundary import caused_by
from awsauth.cli.exit_codes import code_of
from awsauth.cli.wording import _naming, in_options
from awsauth.core.serialization import JsonValue
from awsauth.core.text.display import visible
from awsauth.errors import AwsAuthError, EditError, GuardError, InternalError, UnprovenHistoryError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.cli.invocation import Invocation
    from awsauth.core.findings import Finding


_SECRET: Final = re.compile(
    r"k8s-aws-v1\.[\w-]+"
    r"|(?<=Bearer )\S+"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"
    r"|(?<=X-Amz-Signature=)\w+|(?<=X-Amz-Security-Token=)[\w%+/=-]+|(?<=X-Amz-Credential=)[\w%/-]+"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{12,}"
)
"""What others' errors may hold and nobody should see: tokens, signatures, keys."""


_CHANGED: Final = {
    False: "Nothing was changed.",
    True: "Something was changed.",
    None: "It is unknown whether anything was changed.",
}


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
        for line in _chain(error):
            screen.tell(line)
    if invocation.output == "json":
        invocation.emit({"error": _report(error, message, location, hint, changed=changed)})


def _parts(error: AwsAuthError, invocation: Invocation) -> tuple[str, str, str]:
    if isinstance(error, InternalError):
        cause = error.__cause__ or error
        message = f"{error.message} It says: {_safe(str(cause))}" if str(cause) else error.message
        return message, error.location, error.hint.replace("the traceback", "what --traceback shows")
    hint = _naming(error, invocation) if isinstance(error, UnprovenHistoryError) else in_options(error.hint)
    return in_options(error.message), _where(error, invocation), hint


def _where(error: AwsAuthError, invocation: Invocation) -> str:
    """Return where it happened; with the name of the manifest file for a place in it."""
    place = error.place if isinstance(error, EditError) else None
    if place and place.in_file:
        return f"{visible(invocation.file or 'standard input')}:{place.line}:{place.column}"
    return error.location


@dataclass(frozen=True, slots=True)
class ErrorReport(JsonValue):
    """An error as JSON has it: in the words of the command line."""

    type: str
    exit_code: int
    changed: bool | None
    message: str
    location: str
    hint: str
    findings: tuple[Finding, ...]


def _report(error: Exception, message: str, location: str, hint: str, *, changed: bool | None) -> ErrorReport:
    findings = tuple(error.findings) if isinstance(error, GuardError) else ()
    return ErrorReport(type(error).__name__, code_of(error), changed, message, location, hint, findings)


def _chain(error: BaseException) -> Iterator[str]:
    """Yield how an error came about: each error with the places in the code that it went through, the first one last."""
    import traceback

    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield f"{type(current).__module__}.{type(current).__qualname__}: {_safe(str(current))}"
        for frame in reversed(traceback.extract_tb(current.__traceback__)):
            yield f"    at {frame.filename}:{frame.lineno} in {frame.name}"
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _safe(text: str) -> str:
    return visible(_SECRET.sub("(hidden)", text), keep="\n")
