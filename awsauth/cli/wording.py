"""The library's words turned into the command line's: arguments become options, calls become commands."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

import click

from awsauth.cli.target import VARIABLES, command
from awsauth.core.text.display import command_line

if TYPE_CHECKING:
    from awsauth.cli.invocation import Invocation
    from awsauth.errors import UnprovenHistoryError


OPTIONS: Final = {one.argument: one.option for one in VARIABLES} | {
    "adopt": "--adopt",
    "allow": "--allow",
    "allow_empty": "--allow-empty",
    "creator_role": "--creator-role",
    "dry_run": "--dry-run",
    "exact": "--exact",
    "history": "--history",
    "iam_arn": "--iam-arn",
    "if_mapped": "--if-mapped",
    "max_removals": "--max-removals",
    "on_drift": "--on-drift",
    "prune": "--prune",
    "reason": "--reason",
    "release": "--release",
    "restore_ownership": "--restore-ownership",
    "revert_after": "--revert-after",
    "rollback_to": "--to",
    "take_from": "--take-from",
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


CALLS: Final = {
    "recover()": "recover",
    "explain()": "explain",
    "health_check()": "health",
    "snapshot()": "snapshot",
    "rollback()": "rollback",
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


def _naming(error: UnprovenHistoryError, invocation: Invocation) -> str:
    """Return the command lines that show the first candidate and that restore it."""
    number = str(error.revisions[0])
    context = click.get_current_context(silent=True)
    yes = ["--yes"] if context and context.params.get("yes") else []
    return (
        f"Look at the difference, then name the revision:\n  {command(invocation, 'diff', number)}\n"
        f"  {command(invocation, invocation.command, '--to', number, *yes)}"
    )
