"""Translate the library's texts for the command line: arguments become options, calls become commands."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

import click

from awsauth.cli.target import VARIABLES, command
from awsauth.core.text.display import command_line

if TYPE_CHECKING:
    from awsauth.cli.invocation import Invocation

_ARGUMENTS: Final = (
    *("adopt", "allow", "allow_empty", "creator_role", "dry_run", "exact", "history", "iam_arn", "if_mapped"),
    *("max_removals", "on_drift", "prune", "reason", "release", "restore_ownership", "revert_after"),
    *("take_from", "to", "verify", "wait"),
)

OPTIONS: Final = {
    **{one.argument: one.option for one in VARIABLES},
    **{name: f"--{name.replace('_', '-')}" for name in _ARGUMENTS},
    "rollback_to": "--to",
}
"""By argument of the library its option. The option for ``False`` begins with ``--no-``."""

_ARGUMENT: Final = re.compile(
    rf"\b(?P<name>{'|'.join(OPTIONS)})=(?P<value>\[[^\]]*\]|\"[^\"]*\"|'[^']*'|True|False|\d+|…)?(?!\w)"
)

_FIELDS: Final = ("if_mapped",)
"""Arguments that are also fields of a change, for commands that take changes from a file."""

CALLS: Final = {
    "recover()": "recover",
    "explain()": "explain",
    "health_check()": "health",
    "snapshot()": "snapshot",
    "rollback()": "rollback",
    "remove_user_mapping": "remove user",
}
"""By call in a hint the command that does the same."""

_NAMED_CALL: Final = re.compile(rf"\b(?:awsauth\.)?(?P<call>{'|'.join(map(re.escape, CALLS))})(?!\()")

_CALL_OR_ARGUMENT: Final = re.compile(f"{_NAMED_CALL.pattern}|{_ARGUMENT.pattern}")
"""Both in one pass, because the value of an argument may look like a call or an argument."""

_BY_NAME: Final = ", from_eks)"
"""Names a constructor that the command line does not have."""

_WITHOUT_HISTORY: Final = re.compile(r",? or pass history=False[^.]*|\nOr pass history=False[^.]*\.")
"""Advice that not all commands can follow."""

_QUOTED: Final = re.compile(r"(`[^`]*`|^ {2}.*$)", re.MULTILINE)
"""Data and commands, in backticks or on an indented line, which stay as they are."""

_CALL: Final = re.compile(r"\bawsauth\.\w+\(")


def in_options(text: str) -> str:
    """Return a text of the library with options instead of arguments; arguments inside a call stay.

    An argument that the running command does not have as an option becomes a field of a change, if it is one.
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
        return match[0]  # A backtick in the value ended the quotation.
    return " ".join(f"{option} {value}" for value in given)


def _is_offered(option: str) -> bool:
    """Whether the running command has an option; True if no command runs."""
    context = click.get_current_context(silent=True)
    return context is None or any(option in param.opts for param in context.command.params)


def hint_of_unproven(revision: int, invocation: Invocation) -> str:
    """Return the command lines that show a revision and restore it."""
    context = click.get_current_context(silent=True)
    yes = ["--yes"] if context and context.params.get("yes") else []
    return (
        f"Look at the difference, then name the revision:\n  {command(invocation, 'diff', str(revision))}\n"
        f"  {command(invocation, invocation.command, '--to', str(revision), *yes)}"
    )
