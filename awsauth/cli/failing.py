"""How an error is shown: what, where, what to do; and in the words of the command line."""

from __future__ import annotations

import ast
import contextlib
import re
from typing import TYPE_CHECKING, Any, Final

import click

from awsauth.boundary import caused_by
from awsauth.cli.again import command
from awsauth.cli.connection import VARIABLES
from awsauth.cli.exit_codes import code_of
from awsauth.core.escaping import command_line, visible
from awsauth.core.finding import Place
from awsauth.core.finding_json import finding_to_json
from awsauth.core.reading import KEYS
from awsauth.errors import AwsAuthError, EditError, GuardError, InternalError, UnprovenHistoryError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.cli.invocation import Invocation

OPTIONS: Final = {one.argument: one.option for one in VARIABLES} | {
    "allow": "--allow",
    "creator_role": "--creator-role",
    "dry_run": "--dry-run",
    "exact": "--exact",
    "history": "--history",
    "iam_arn": "--iam-arn",
    "if_mapped": "--if-mapped",
    "reason": "--reason",
    "revert_after": "--revert-after",
    "rollback_to": "--to",
    "to": "--to",
    "verify": "--verify",
    "wait": "--wait",
}
"""By the library's name of an argument; where errors speak of one as False, its option begins with ``--no-``."""

_ARGUMENT: Final = re.compile(
    rf"\b(?P<name>{'|'.join(OPTIONS)})=(?P<value>\[[^\]]*\]|\"[^\"]*\"|'[^']*'|True|False|\d+|…)?(?!\w)"
)

_FIELDS: Final = ("if_mapped",)
"""Arguments that are fields of a change, too: so a command says it that takes changes from a file."""

_PLACE: Final = re.compile(rf"({'|'.join(KEYS)}) line (\d+)(?:, column (\d+))?")
"""Where in the text of a data key something is, as errors say it."""

CALLS: Final = {
    "recover()": "recover",
    "explain()": "explain",
    "health_check()": "health",
    "remove_user_mapping": "remove user",
}
"""By the call that errors advise to make, the command that makes it."""

_NAMED_CALL: Final = re.compile(rf"\b(?:awsauth\.)?(?P<call>{'|'.join(map(re.escape, CALLS))})(?!\()")

_CALL_OR_ARGUMENT: Final = re.compile(f"{_NAMED_CALL.pattern}|{_ARGUMENT.pattern}")
"""In one pass: the value of an argument may look like a call, or like another argument."""

_BY_NAME: Final = ", from_eks)"
"""What says in the library alone how to connect to a cluster by its name."""

_WITHOUT_HISTORY: Final = re.compile(r",? or pass history=False[^.]*|\nOr pass history=False[^.]*\.")
"""A way round that not all commands have."""

_QUOTED: Final = re.compile(r"(`[^`]*`|^ {2}.*$)", re.MULTILINE)
"""What stays as it is: others' words and commands, in backticks or on an indented line."""

_CALL: Final = re.compile(r"\bawsauth\.\w+\(")

_SECRET: Final = re.compile(
    r"k8s-aws-v1\.[\w-]+"
    r"|(?<=Bearer )\S+"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"
    r"|(?<=X-Amz-Signature=)\w+|(?<=X-Amz-Security-Token=)[\w%+/=-]+|(?<=X-Amz-Credential=)[\w%/-]+"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{12,}"
)
"""What others' errors may hold and nobody should see: tokens, signatures, keys."""


def show(error: Exception, invocation: Invocation) -> None:
    """Show an error on standard error; with JSON also as an object on standard output."""
    screen = invocation.screen
    if not isinstance(error, AwsAuthError):
        error = caused_by(error)
    what, where, cure = _parts(error, invocation)
    screen.tell(f"{screen.style('error:', 'red')} {what}")
    if where:
        screen.tell(f"where: {where}")
    if cure:
        screen.tell(f"what to do: {cure}")
    if invocation.verbose:
        for line in _chain(error):
            screen.tell(line)
    if invocation.output == "json":
        invocation.emit({"error": _as_json(error, what, where, cure)})


def in_options(text: str) -> str:
    """Return a text of the library with arguments that it speaks of as options of the command line; calls stay calls.

    What is no option of the command that runs, and can be said in a change, is a field of that.
    """
    if not _is_offered("--no-history"):
        text = _WITHOUT_HISTORY.sub("", text)
    parts = _QUOTED.split(text)  # Every second one is quoted.
    parts[::2] = ["\n".join(map(_with_options, part.split("\n"))) for part in parts[::2]]
    return "".join(parts)


def _with_options(line: str) -> str:
    line = line.replace(_BY_NAME, ")")
    is_call = _CALL.search(_NAMED_CALL.sub("", line))
    return (_NAMED_CALL if is_call else _CALL_OR_ARGUMENT).sub(_in_words, line)


def _in_words(match: re.Match[str]) -> str:
    return f"`awsauth {CALLS[match['call']]}`" if match["call"] else _as_options(match)


def _as_options(match: re.Match[str]) -> str:
    option, written = OPTIONS[match["name"]], match["value"]
    if match["name"] in _FIELDS and not _is_offered(option):
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
        return match[0]  # A value with a backtick in it looks as if it was not quoted.
    return " ".join(f"{option} {value}" for value in given)


def _is_offered(option: str) -> bool:
    """Whether the command that runs has an option; where none runs, some other may have it."""
    context = click.get_current_context(silent=True)
    return context is None or any(option in param.opts for param in context.command.params)


def _parts(error: AwsAuthError, invocation: Invocation) -> tuple[str, str, str]:
    if isinstance(error, InternalError):
        cause = error.__cause__ or error
        what = f"{error.what} It says: {_safe(str(cause))}" if str(cause) else error.what
        return what, error.where, error.cure.replace("the traceback", "what -v shows")
    cure = _naming(error, invocation) if isinstance(error, UnprovenHistoryError) else in_options(error.cure)
    return in_options(error.what), _where(error, invocation), cure


def _naming(error: UnprovenHistoryError, invocation: Invocation) -> str:
    """Return the command lines that show the first candidate and that restore it."""
    number = str(error.revisions[0])
    context = click.get_current_context(silent=True)
    yes = ["--yes"] if context and context.params.get("yes") else []
    return (
        f"Look at the difference, then name the revision:\n  {command(invocation, 'diff', number)}\n"
        f"  {command(invocation, invocation.command, '--to', number, *yes)}"
    )


def _where(error: AwsAuthError, invocation: Invocation) -> str:
    """Return where it happened; before a place in a text that cannot be edited, where that is in the manifest."""
    match = _PLACE.fullmatch(error.where) if isinstance(error, EditError) else None
    # What cannot be edited on the way back is an earlier text, and no longer in the file.
    if match and invocation.command != "rollback":
        with contextlib.suppress(AwsAuthError):
            at = invocation.position(Place(match[1], int(match[2]), int(match[3] or 1)))
            if at:
                file = visible(invocation.file or "standard input")
                return f"{file}:{at.line}:{at.column}"
    return error.where


def _as_json(error: Exception, what: str, where: str, cure: str) -> dict[str, Any]:
    findings = error.findings if isinstance(error, GuardError) else ()
    return {
        "type": type(error).__name__,
        "exit_code": code_of(error),
        "what": what,
        "where": where,
        "what_to_do": cure,
        "findings": [finding_to_json(finding) for finding in findings],
    }


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
