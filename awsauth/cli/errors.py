"""Errors and findings as text, with options instead of the library's arguments."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from awsauth.boundary import caused_by
from awsauth.cli.invocation import VARIABLES, Invocation, targeted_command, with_target
from awsauth.core.serialization import FLAT, JsonValue, json_object
from awsauth.core.text.display import code, command_line, visible
from awsauth.errors import AwsAuthError, EditError, GuardError, InternalError, UnprovenHistoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from awsauth.cli.output import Output
    from awsauth.core.findings import Finding

# Tokens, signatures and keys, which errors of other libraries may hold.
_HIDDEN: Final = (
    r"k8s-aws-v1\.[\w-]+"
    r"|(?<=Bearer )\S+"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"
    r"|(?<=X-Amz-Signature=)\w+|(?<=X-Amz-Security-Token=)[\w%+/=-]+|(?<=X-Amz-Credential=)[\w%/-]+"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{12,}"
)

_COLORS: Final = {"error": "red", "allowed": "yellow", "warning": "yellow", "note": "blue"}
_MOST_ALIKE: Final = 5  # the most lines for findings with the same code, without `--verbose`

_CHANGED: Final = {
    False: "Nothing was changed.",
    True: "Something was changed.",
    None: "It is unknown whether anything was changed.",
}


@json_object
class FileLocation(NamedTuple):
    """The file of a finding, with its line and column if it has a place."""

    path: str
    line: int | None
    column: int | None


@dataclass(slots=True, eq=False, repr=False)  # nothing compares or prints one
class CheckedFinding(JsonValue):
    """A finding as `awsauth check` prints it."""

    finding: Finding = field(metadata=FLAT)
    file: FileLocation | None


@dataclass(slots=True, eq=False, repr=False)  # for the same reason
class ErrorReport(JsonValue):
    """An error as JSON, with the options of the command line in its texts."""

    type: str
    exit_code: int
    changed: bool | None
    message: str
    location: str
    hint: str
    findings: tuple[Finding, ...]


def show_error(error: Exception, invocation: Invocation, exit_code: int) -> None:
    """Show an error on standard error; with JSON also as an object on standard output."""
    screen = invocation.screen
    if not isinstance(error, AwsAuthError):
        error = caused_by(error)
    changed = True if invocation.is_changed else error.changed
    message, location, hint = _parts(error, invocation)
    shown = screen.wrapped(f"error: {message}", to_error=True).removeprefix("error:")
    screen.tell(click.style("error:", fg="red") + shown)
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
        report = ErrorReport(type(error).__name__, exit_code, changed, message, location, hint, findings)
        invocation.emit({"error": report})


def _parts(error: AwsAuthError, invocation: Invocation) -> tuple[str, str, str]:
    """Return the message, the location and the hint."""
    if isinstance(error, InternalError):
        cause = error.__cause__ or error
        message = f"{error.message} It says: {_safe(str(cause))}" if str(cause) else error.message
        return message, error.location, error.hint.replace("the traceback", "the output of --traceback")
    hint = in_options(error.hint)
    if isinstance(error, UnprovenHistoryError):
        revision, context = str(error.revisions[0]), click.get_current_context(silent=True)
        yes = ["--yes"] if invocation.how.yes or (context and context.params.get("yes")) else []
        difference = targeted_command(invocation, "diff", revision)
        restoring = targeted_command(invocation, invocation.command, "--to", revision, *yes)
        hint = f"Look at the difference, then name the revision:\n  {difference}\n  {restoring}"
    location = error.location
    if isinstance(error, EditError) and (place := error.place) and place.in_file:
        location = f"{visible(invocation.file or 'standard input')}:{place.line}:{place.column}"
    return in_options(error.message), location, hint


def _safe(text: str) -> str:
    return visible(re.sub(_HIDDEN, "(hidden)", text), keep="\n")


def findings_as_text(
    screen: Output,
    found: Sequence[Finding],
    locations: Sequence[str] = (),
    severity: Callable[[Finding], str] = lambda finding: finding.severity.value,
) -> str:
    """Return findings: of each code the first whole, some brief, the rest counted.

    Args:
        screen: Where they are shown.
        found: The findings.
        locations: The text before each, such as its place in a file.
        severity: Returns the name of the severity of a finding.
    """
    kinds: dict[tuple[str, str], list[tuple[Finding, str]]] = {}
    for finding, location in zip(found, locations or [""] * len(found), strict=True):
        kinds.setdefault((severity(finding), finding.code), []).append((finding, location))
    lines = []
    for (named, kind), alike in kinds.items():
        shown = alike if screen.verbosity or len(alike) <= _MOST_ALIKE else alike[: _MOST_ALIKE - 1]
        for position, (finding, location) in enumerate(shown):
            lines.append(_as_text(screen, finding, location, named, brief=position > 0 and not screen.verbosity))
        if len(shown) < len(alike):
            lines.append(f"... and {len(alike) - len(shown)} more of {named} {visible(kind)}; -v shows all.")
    return "\n".join(lines)


def _as_text(screen: Output, found: Finding, location: str, severity: str, *, brief: bool) -> str:
    shown = in_options(str(replace(found, impact="", hint="") if brief else found))
    text = screen.wrapped(f"{location}{severity} {visible(found.code)}: {shown}")
    start = text.index(severity, max(len(location) - 1, 0))
    return f"{text[:start]}{click.style(severity, fg=_COLORS[severity])}{text[start + len(severity) :]}"


def findings_as_markdown(found: Iterable[Finding]) -> str:
    """Return findings as a Markdown list, with their texts as code."""
    return "\n".join(f"- {one.severity.value} {code(one.code)}: {code(in_options(str(one)))}" for one in found)


_ARGUMENTS: Final = (
    *("adopt", "allow", "allow_empty", "creator_role", "dry_run", "exact", "history", "iam_arn", "if_mapped"),
    *("max_removals", "on_drift", "prune", "reason", "release", "restore_ownership", "revert_after"),
    *("entries", "take_from", "to", "verify", "wait"),
)

# The option of each argument. The option for ``False`` begins with ``--no-``.
OPTIONS: Final = {
    **{one.argument: one.option for one in VARIABLES},
    **{name: f"--{name.replace('_', '-')}" for name in _ARGUMENTS},
    "rollback_to": "--to",
}

# By call in a hint the command that does the same.
_ALIKE: Final = {f"{name}()": name for name in ("recover", "explain", "snapshot", "rollback")}
CALLS: Final = {**_ALIKE, "health_check()": "health", "remove_user_mapping": "remove user"}

# Data and commands, in backticks or on an indented line, which stay as they are.
_QUOTED: Final = re.compile(r"(`[^`]*`|^ {2}.*$)", re.MULTILINE)


def in_options(text: str) -> str:
    """Return a text with options instead of arguments, except in calls.

    Commands in it get the target. An argument without an option in the running command becomes a field of a change, if
    it is one.
    """
    if not _is_offered("--no-history"):
        text = re.sub(r",? or pass history=False[^.]*|\nOr pass history=False[^.]*\.", "", text)
    parts = _QUOTED.split(text)  # Every second one is quoted.
    parts[::2] = ["\n".join(map(_with_options, part.split("\n"))) for part in parts[::2]]
    context = click.get_current_context(silent=True)
    return with_target("".join(parts), context) if context and context.obj else "".join(parts)


@cache
def _expressions() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the expression for calls, and that for calls and arguments.

    The second finds both in one pass, because the value of an argument may look like either.
    """
    call = rf"\b(?:awsauth\.)?(?P<call>{'|'.join(map(re.escape, CALLS))})(?!\()"
    value = r"(?P<value>\[[^\]]*\]|\"[^\"]*\"|'[^']*'|True|False|\d+|…)?(?!\w)"
    return re.compile(call), re.compile(rf"{call}|\b(?P<name>{'|'.join(OPTIONS)})={value}")


def _with_options(line: str) -> str:
    line = line.replace(", from_eks)", ")")  # a constructor that the command line does not have
    calls, calls_and_arguments = _expressions()
    is_call = re.search(r"\bawsauth\.\w+\(", calls.sub("", line))
    return (calls if is_call else calls_and_arguments).sub(_in_words, line)


def _in_words(match: re.Match[str]) -> str:
    if match["call"]:
        return f"`awsauth {CALLS[match['call']]}`"
    option, written = OPTIONS[match["name"]], match["value"]
    if option == "--if-mapped" and not _is_offered(option):  # It is also a field of a change in a file.
        return f'"{match["name"]}": {written} in the change'
    if written == "False":
        return option.replace("--", "--no-", 1)
    if written in (None, "True", "…"):
        return f"{option} …" if written == "…" else option
    try:
        values = ast.literal_eval(written)
        if isinstance(values, int):
            return f"{option} {values}"
        given = [command_line(value) for value in ([values] if isinstance(values, str) else values)]
    except (AttributeError, SyntaxError, TypeError, ValueError):
        return match[0]  # A backtick in the value ended the quotation.
    return " ".join(f"{option} {value}" for value in given)


def _is_offered(option: str) -> bool:
    """Whether the running command has an option; True if no command runs."""
    context = click.get_current_context(silent=True)
    return context is None or any(option in param.opts for param in context.command.params)
