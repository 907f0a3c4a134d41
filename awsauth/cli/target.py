"""The options and environment variables that name the target of a command."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from awsauth.core.text.display import command_line, visible

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from awsauth.cli.invocation import Invocation

STANDARD_INPUT: Final = "-"


class Variable(NamedTuple):
    """An option for the target, which may be given by an environment variable instead.

    Attributes:
        option: The option.
        argument: The name of the library's argument.
        help: The help.
        metavar: The name of its value in the help.
        kind: The kind of target that it goes with; empty for all.
        repeated: Whether it may have several values; in the variable they are separated by spaces.
    """

    option: str
    argument: str
    help: str
    metavar: str
    kind: str = ""
    repeated: bool = False

    @property
    def name(self) -> str:
        """The name of the parameter in click."""
        return self.option.removeprefix("--").replace("-", "_")

    @property
    def environment(self) -> str:
        """The name of the environment variable."""
        return f"AWSAUTH_{self.name.upper()}"


# The connection options.
VARIABLES: Final = (
    Variable("--cluster", "cluster", "An EKS cluster's name or ARN.", "NAME", "cluster"),
    Variable("--region", "region", "The cluster's region.", "REGION", "cluster"),
    Variable("--profile", "profile", "The AWS profile to use.", "NAME", "cluster"),
    Variable("--assume-role", "assume_role", "A role to assume.", "ARN", "cluster"),
    Variable("--context", "context", "A context of the kubeconfig.", "NAME", "kubeconfig"),
    Variable("--kubeconfig", "kubeconfig", "The kubeconfig's file.", "FILE", "kubeconfig"),
    Variable("--file", "file", "A manifest file; - reads standard input.", "FILE", "file"),
    Variable("--as", "as_user", "The Kubernetes user to act as.", "USER", "acting"),
    Variable("--as-group", "as_groups", "A group to act as a member of; repeatable.", "GROUP", "acting", repeated=True),
    Variable("--policy", "policy", "A policy: the mappings that are allowed.", "FILE"),
)

_OPTIONS: Final = frozenset(one.option for one in VARIABLES)

# A command in backticks, or on an indented line.
_COMMAND: Final = re.compile(r"(?<=`)awsauth [^`\n]+(?=`)|(?<=  )awsauth [^`\n]+$", re.MULTILINE)

_TOGETHER: Final = {"cluster": ("cluster", "acting"), "kubeconfig": ("kubeconfig", "acting"), "file": ("file",)}


def shared_options(ctx: click.Context) -> dict[str, Any]:
    """Return the values of the shared options, given before or after the command."""
    options: dict[str, Any] = ctx.meta.setdefault("awsauth.cli", {})
    return options


def resolve_target(options: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return the target, by the library's names, from options and variables.

    If an option names a target, variables for another kind of target are ignored.

    Raises:
        click.UsageError: a variable is set to an empty value.
    """
    given = {one: options[one.name] for one in VARIABLES if options.get(one.name) not in (None, ())}
    kinds = {kind for one in given if (kind := one.kind) in _TOGETHER}
    fitting = {"", *(kind for named in kinds for kind in _TOGETHER[named])} if kinds else None
    for one in VARIABLES:
        value = environment.get(one.environment)
        if one in given or value is None or (fitting is not None and one.kind not in fitting):
            continue
        if not value.strip():
            raise click.UsageError(f"The variable {one.environment} is empty. Set or unset it.")
        given[one] = value.split() if one.repeated else value
    return {one.argument: value for one, value in given.items()}


def command(invocation: Invocation, *words: str) -> str:
    """Return the command line of a command for the same target."""
    return command_line("awsauth", *words, *_target_words(invocation.target))


def _target_words(target: Mapping[str, Any], offered: Container[str] = _OPTIONS) -> list[str]:
    given = [(one, target[one.argument]) for one in VARIABLES if one.argument in target and one.option in offered]
    options = ((one.option, str(each)) for one, value in given for each in (value if one.repeated else [value]))
    return [word for pair in options for word in pair]


def with_target(text: str, context: click.Context) -> str:
    """Return a text whose commands of awsauth name the target of the running command."""

    def targeted(match: re.Match[str]) -> str:
        words = match[0].split()
        named: click.Command | None = context.find_root().command
        for word in words[1:]:
            named = named.get_command(context, word) if isinstance(named, click.Group) else named
        if named is None or not _OPTIONS.isdisjoint(words):
            return match[0]
        params = (param for param in named.params if not getattr(param, "hidden", False))
        offered = {option for param in params for option in param.opts}
        return " ".join([match[0], *filter(None, [command_line(*_target_words(context.obj.target, offered))])])

    return _COMMAND.sub(targeted, text)


def describe_target(target: Mapping[str, Any]) -> str:
    """Return the object's place, such as ``cluster NAME`` or a file's name."""
    for name, shown in (("file", "{}"), ("cluster", "cluster {}"), ("context", "context {}")):
        if name in target:
            return shown.format("standard input" if target[name] == STANDARD_INPUT else visible(target[name]))
    return "the current context"
