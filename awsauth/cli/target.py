"""Which ``aws-auth`` a command is for: the options that say so, the same on all commands, and the variables for them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from awsauth.core.text.display import command_line, visible
from awsauth.read_limits import read_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from awsauth.cli.invocation import Invocation
    from awsauth.core.lint.policy import Policy

STANDARD_INPUT: Final = "-"


class Variable(NamedTuple):
    """What an option on the command line, or else a variable of the environment, says of the target.

    Attributes:
        option: The option.
        argument: The library's name for it.
        help: What it is.
        metavar: What stands behind it.
        kind: Which targets it goes with; empty for all.
        repeated: Whether there may be several; in the variable, with spaces between them.
    """

    option: str
    argument: str
    help: str
    metavar: str
    kind: str = ""
    repeated: bool = False

    @property
    def name(self) -> str:
        """Under which name click has it."""
        return self.option.removeprefix("--").replace("-", "_")

    @property
    def environment(self) -> str:
        """The variable's name."""
        return f"AWSAUTH_{self.name.upper()}"


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
    Variable("--policy", "policy", "What may be mapped at all.", "FILE"),
)
"""The connection options."""

_TOGETHER: Final = {"cluster": ("cluster", "acting"), "kubeconfig": ("kubeconfig", "acting"), "file": ("file",)}


def shared_options(ctx: click.Context) -> dict[str, Any]:
    """Return where the options are kept that all commands have, whichever level of the command line they stand at."""
    options: dict[str, Any] = ctx.meta.setdefault("awsauth.cli", {})
    return options


def resolve_target(options: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return what is said of the target, by the library's names: by options, and by variables where no option is given.

    Where an option names a target, variables that go with another kind of target are not looked at.

    Raises:
        click.UsageError: a variable is set, and empty.
    """
    said = {one: options[one.name] for one in VARIABLES if options.get(one.name) not in (None, ())}
    kinds = {kind for one in said if (kind := one.kind) in _TOGETHER}
    fitting = {"", *(kind for named in kinds for kind in _TOGETHER[named])} if kinds else None
    for one in VARIABLES:
        value = environment.get(one.environment)
        if one in said or value is None or (fitting is not None and one.kind not in fitting):
            continue
        if not value.strip():
            raise click.UsageError(f"{one.environment} is set, and empty; nothing was contacted. Unset it, or fill it.")
        said[one] = value.split() if one.repeated else value
    return {one.argument: value for one, value in said.items()}


def command(invocation: Invocation, *words: str) -> str:
    """Return the line that runs a command for the same target."""
    return command_line("awsauth", *words, *_options(invocation.target))


def _options(target: Mapping[str, Any]) -> Iterator[str]:
    for one in VARIABLES:
        if one.argument in target:
            value = target[one.argument]
            for each in value if one.repeated else [value]:
                yield from (one.option, str(each))


def describe_target(target: Mapping[str, Any]) -> str:
    """Return in words where the object is that a command is for: a file's name, ``context NAME``."""
    for name, shown in (("file", "{}"), ("cluster", "cluster {}"), ("context", "context {}")):
        if name in target:
            return shown.format("standard input" if target[name] == STANDARD_INPUT else visible(target[name]))
    return "the current context"


def policy_of(path: str) -> Policy:
    """Return the policy in a file.

    Raises:
        PolicyError: it cannot be read, or says what no policy can.
    """
    from awsauth.cli.files import naming
    from awsauth.core.lint.policy import Policy
    from awsauth.errors import PolicyError

    try:
        text = read_file(path).decode()
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise PolicyError(
            f"The policy cannot be read: {problem}. Nothing was changed.",
            location=visible(path),
            hint="Check the path.",
        ) from error
    with naming(path):
        return Policy.from_text(text)
