"""One run of a command: its target, its client, and how it prints."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from awsauth.cli.output import Output, waiting_for
from awsauth.cli.target import STANDARD_INPUT, describe_target
from awsauth.core.text.display import visible
from awsauth.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from awsauth.client import AwsAuthClient
    from awsauth.core.lint.policy import Policy
    from awsauth.stores.memory import ManifestText

OutputFormat = Literal["text", "json", "markdown", "github"]
# The version of the JSON that commands print. A higher one has other fields, or fields with another meaning.
VERSION: Final = 1


@dataclass(slots=True)
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
        where: The name of the file, context or cluster.
        acting_as: The ARN or username as which the cluster knows the user; empty until the cluster is asked.
        if_interrupted: The sentence for an interrupt at this moment: whether anything was changed.
        may_change: Whether the command may change something: its errors say whether anything was changed.
        is_changed: Whether it has changed something already.
    """

    command: str
    target: Mapping[str, Any]
    output: OutputFormat
    traceback: bool
    screen: Output
    normalizes: bool = False
    quiet_notes: tuple[str, ...] = ()
    where: str = field(default="", init=False)
    acting_as: str = field(default="", init=False)
    if_interrupted: str = field(default="Nothing was changed.", init=False)
    may_change: bool = field(default=False, init=False)
    is_changed: bool = field(default=False, init=False)
    _manifest: ManifestText | None = field(default=None, init=False)
    _part: str = field(default="", init=False)
    _parts: dict[str, Any] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.where = describe_target(self.target)

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
        return f"aws-auth {'in' if 'file' in self.target else 'of'} {self.where}{whom}"

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
        """Show on a terminal that a call waits for the target."""
        return waiting_for(self.where)

    def client(self) -> AwsAuthClient:
        """Return a client for the target."""
        client = self._connected()
        self.where = client.target_name or self.where
        if self.output == "json":
            self.identify(client)
        return client

    def identify(self, client: AwsAuthClient) -> None:
        """Ask the cluster who the user is, to name the user in the output."""
        with self.waiting():
            self.acting_as = client.acting_as()

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
