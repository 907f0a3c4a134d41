"""Command lines to go on with: for the same target, ready to be pasted into a shell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from awsauth.cli.connection import VARIABLES
from awsauth.core.changes import EnsureAccount, EnsureRole, EnsureUser, to_json
from awsauth.core.escaping import command_line
from awsauth.core.explanation import call

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from awsauth.cli.invocation import Invocation
    from awsauth.core.changes import Change


def command(invocation: Invocation, *words: str) -> str:
    """Return the line that runs a command for the same target."""
    return command_line("awsauth", *words, *_options(invocation.target))


def command_for(invocation: Invocation, change: Change) -> str:
    """Return the line that makes a change; where standard input holds the manifest already, maybe the change itself."""
    match change:
        case EnsureRole():
            return command(invocation, "add", "role", change.role_arn, *_mapping(change))
        case EnsureUser():
            return command(invocation, "add", "user", change.user_arn, *_mapping(change))
        case EnsureAccount():
            return command(invocation, "add", "account", change.account)
    if invocation.is_filter:
        return call(change)
    # Standard input holds the change, so that nobody can be asked.
    return (
        f"{command_line('printf', '%s', json.dumps(to_json([change])))} | {command(invocation, 'apply', '-', '--yes')}"
    )


def _mapping(change: EnsureRole | EnsureUser) -> Iterator[str]:
    yield from ("--username", change.username)
    for group in change.groups:
        yield from ("--group", group)
    if change.if_mapped != "extend":
        yield from ("--if-mapped", change.if_mapped)


def _options(target: Mapping[str, Any]) -> Iterator[str]:
    for one in VARIABLES:
        if one.argument in target:
            value = target[one.argument]
            for each in value if one.repeated else [value]:
                yield from (one.option, str(each))
