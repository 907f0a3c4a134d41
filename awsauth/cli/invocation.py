"""One run of a command: its target, its client, and how it prints."""

from __future__ import annotations

import os
import re
import sys
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeVar, cast

import click

from awsauth.cli.output import Output, waiting_for
from awsauth.core.text.display import command_line, visible
from awsauth.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping

    from awsauth.client import AwsAuthClient
    from awsauth.core.lint.policy import Policy
    from awsauth.stores.memory import ManifestText

_T = TypeVar("_T")
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

_TOGETHER: Final = {"cluster": ("cluster", "acting"), "kubeconfig": ("kubeconfig", "acting"), "file": ("file",)}


def shared_options(ctx: click.Context) -> dict[str, Any]:
    """Return the values of the shared options, given before or after the command."""
    return cast("dict[str, Any]", ctx.meta.setdefault("awsauth.cli", {}))


def resolve_target(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the target, by the library's names, from options and variables.

    If an option names a target, variables for another kind of target are ignored.

    Raises:
        click.UsageError: a variable is set to an empty value.
    """
    given = {one: options[one.name] for one in VARIABLES if options.get(one.name) not in (None, ())}
    kinds = {kind for one in given if (kind := one.kind) in _TOGETHER}
    fitting = {"", *(kind for named in kinds for kind in _TOGETHER[named])} if kinds else None
    for one in VARIABLES:
        value = os.environ.get(one.environment)
        if one in given or value is None or (fitting is not None and one.kind not in fitting):
            continue
        if not value.strip():
            raise click.UsageError(f"The variable {one.environment} is empty. Set or unset it.")
        given[one] = value.split() if one.repeated else value
    return {one.argument: value for one, value in given.items()}


def targeted_command(invocation: Invocation, *words: str) -> str:
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

    # A command is in backticks, or on an indented line.
    return re.sub(r"(?m)(?<=`)awsauth [^`\n]+(?=`)|(?<=  )awsauth [^`\n]+$", targeted, text)


def describe_target(target: Mapping[str, Any]) -> str:
    """Return the object's place, such as ``cluster NAME`` or a file's name."""
    for name, shown in (("file", "{}"), ("cluster", "cluster {}"), ("context", "context {}")):
        if name in target:
            return shown.format("standard input" if target[name] == STANDARD_INPUT else visible(target[name]))
    return "the current context"


class ChangeOptions(NamedTuple):
    """The options of a change on the command line.

    Attributes:
        yes: Whether to make it without a question.
        dry_run: ``client`` or ``server`` to only show the change; None to make it.
        reason: The reason for the history.
        allow: The guards that are allowed.
        no_history: Whether to record no revision.
        wait: Seconds to wait until a new token shows the change.
        verify: Roles whose new tokens are tried too.
        revert_after: Seconds after which the change is reverted if a new token is refused.
        out: The file to save the plan in, instead of making the change.
    """

    yes: bool = False
    dry_run: str | None = None
    reason: str = ""
    allow: tuple[str, ...] = ()
    no_history: bool = False
    wait: float = 0.0
    verify: tuple[str, ...] = ()
    revert_after: float = 0.0
    out: str | None = None

    @property
    def asks(self) -> bool:
        """Whether the user is asked before the change is made."""
        return not (self.yes or self.dry_run or self.out)

    @property
    def given(self) -> list[str]:
        """The options that are given."""
        names = [name for name, default in self._field_defaults.items() if getattr(self, name) != default]
        return [f"--{name.replace('_', '-')}" for name in names]

    @property
    def options(self) -> Any:
        """The options as `awsauth.Options`, without ``allow`` and ``dry_run``."""
        passed = {name: getattr(self, name) for name in ("reason", "wait", "verify", "revert_after")}
        return {**passed, "history": not self.no_history}


OutputFormat = Literal["text", "json", "markdown", "github", "csv", "html", "sarif"]
# The version of the JSON that commands print. A higher one has other fields, or fields with another meaning.
VERSION: Final = 1


@dataclass(slots=True, eq=False, repr=False)  # nothing compares or prints one, and methods take time to make
class Invocation:
    """One run of a command.

    Attributes:
        command: The command's words: ``add role``.
        target: The options and variables that name the target; the policy is the name of a file.
        output: The output format.
        traceback: Whether to show the traceback of an error.
        screen: Where to print.
        normalizes: Whether values of a file that cannot be edited become literal blocks first.
        quiet_notes: Codes of notes to hide.
        how: The options of a change.
        where: The name of the file, context or cluster.
        acting_as: The ARN or username as which the cluster knows the user; empty until the cluster is asked.
        if_interrupted: The sentence for an interrupt at this moment: whether anything was changed.
        may_change: Whether the command may change something: its errors say whether anything was changed.
        is_changed: Whether it has changed something already.
        of_entries: Whether it is about access entries, and not about ``aws-auth``.
    """

    command: str
    target: Mapping[str, Any]
    output: OutputFormat
    traceback: bool
    screen: Output
    normalizes: bool = False
    quiet_notes: tuple[str, ...] = ()
    how: ChangeOptions = field(default_factory=ChangeOptions)
    where: str = field(default="", init=False)
    acting_as: str = field(default="", init=False)
    if_interrupted: str = field(default="Nothing was changed.", init=False)
    may_change: bool = field(default=False, init=False)
    is_changed: bool = field(default=False, init=False)
    of_entries: bool = field(default=False, init=False)
    _manifest: ManifestText | None = field(default=None, init=False)
    _part: str = field(default="", init=False)
    _parts: dict[str, Any] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.where = describe_target(self.target)
        self.of_entries = self.command.startswith("entry ")

    @property
    def is_filter(self) -> bool:
        """Whether the manifest comes on standard input and goes to standard output."""
        return self.target.get("file") == STANDARD_INPUT

    @property
    def file(self) -> str | None:
        """The name of the manifest file, if it has one."""
        return None if self.is_filter else self.target.get("file")

    @property
    def named_target(self) -> str:
        """The object and the user, such as ``aws-auth of context kind-dev, as jane``."""
        whom = f", as {visible(self.acting_as)}" if self.acting_as else ""
        of = "the access entries" if self.of_entries else "aws-auth"
        return f"{of} {'in' if 'file' in self.target else 'of'} {self.where}{whom}"

    @property
    def policy(self) -> Policy | None:
        """The policy in the file of the target, with the notes of ``--quiet-notes``."""
        if not self.quiet_notes and "policy" not in self.target:
            return None
        from awsauth.cli.files import policy_in
        from awsauth.core.lint.policy import Policy

        policy = policy_in(self.target["policy"]) if "policy" in self.target else None
        given = Policy(quiet_notes=self.quiet_notes)
        return policy.model_copy(update={"quiet_notes": given.quiet_notes + policy.quiet_notes}) if policy else given

    @property
    def library_target(self) -> dict[str, Any]:
        """The target for `awsauth.connect`, with the policy instead of its file."""
        named = {name: value for name, value in self.target.items() if name != "policy"}
        return {**named, "policy": policy} if (policy := self.policy) else named

    def waiting(self) -> AbstractContextManager[None]:
        """Show on a terminal that the block waits for the target."""
        return waiting_for(self.where)

    def awaited(self, call: Callable[..., _T], *args: Any, **named: Any) -> _T:
        """Return the result of a call; on a terminal, show that it waits."""
        with self.waiting():
            return call(*args, **named)

    def answer(self, ask: Callable[[AwsAuthClient], _T]) -> _T:
        """Return what a client for the target answers."""
        with self.client() as client:
            return self.awaited(ask, client)

    def client(self) -> AwsAuthClient:
        """Return a client for the target."""
        client = self._connected()
        self.where = client.target_name or self.where
        if self.output == "json":
            self.identify(client)
        return client

    def identify(self, client: AwsAuthClient) -> None:
        """Ask the cluster who the user is, to name the user in the output."""
        self.acting_as = self.awaited(client.acting_as)

    def _connected(self) -> AwsAuthClient:
        import awsauth

        named = self.library_target
        if self.file and self.normalizes and named.keys() <= {"file", "policy"}:
            return awsauth.AwsAuthClient.from_file(named.pop("file"), normalize=True, **named)
        if not self.is_filter:
            return awsauth.connect(**named)
        del named["file"]
        if unfit := sorted(named.keys() - {"policy"}):
            raise click.UsageError(f"{' and '.join(unfit)} cannot be combined with --file.")
        from awsauth.cli.files import manifest_from

        self._manifest = self._manifest or manifest_from(sys.stdin.buffer, normalize=self.normalizes)
        return awsauth.AwsAuthClient(self._manifest, **named)

    def require_terminal(self, purpose: str) -> None:
        """Check that there is a terminal to ask on.

        Raises:
            UsageError: there is no terminal.
        """
        if not self.screen.can_ask:
            hint = f"Pass --yes {purpose} without a question, or --dry-run to only see it."
            raise UsageError("There is no terminal to ask on.", hint=hint)

    def write_back(self) -> None:
        """Write the manifest that came on standard input to standard output, as it is now."""
        if self._manifest is not None:
            self.screen.hand_over(self._manifest.raw)

    def report(self, values: Mapping[str, Any], text: str, markdown: str | None = None) -> None:
        """Print a result in the output format. Without `markdown`, Markdown is the text."""
        if self.output == "json":
            self.emit(values)
        else:
            self.screen.print(markdown if markdown is not None and self.output == "markdown" else text)

    def emit(self, values: Mapping[str, Any]) -> None:
        """Print a result as JSON; inside `part_of_output` keep it until then."""
        from awsauth.core.serialization import json_text

        if self._part:
            self._parts[self._part] = values
            return
        target = {"name": self.where, "as": self.acting_as or None}
        values = {"version": VERSION, "command": self.command, "target": target, **self._parts, **values}
        self.screen.print(json_text(values).rstrip("\n"))

    @contextmanager
    def part_of_output(self, name: str) -> Iterator[None]:
        """Make the JSON of the block a member of the JSON that is printed later."""
        self._part = name
        yield
        self._part = ""
