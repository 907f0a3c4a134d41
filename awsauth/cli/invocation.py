"""One run of a command: what it is for, how it prints, and its client."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from awsauth.cli.output import waiting_for
from awsauth.cli.target import STANDARD_INPUT, describe_target, policy_of
from awsauth.core.text.display import visible
from awsauth.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from awsauth.cli.output import Output
    from awsauth.client import AwsAuthClient
    from awsauth.core.findings import Location
    from awsauth.core.lint.policy import Policy
    from awsauth.core.manifest.manifest import Manifest
    from awsauth.stores.manifest_text import ManifestText

OutputFormat = Literal["text", "json", "markdown", "github"]
VERSION: Final = 1
"""Of the JSON that commands print: a higher one has other fields, or fields with another meaning."""


@dataclass(slots=True)
class Invocation:
    """One run of a command.

    Attributes:
        command: The command's words: ``add role``.
        target: The options and variables that name the target; the policy is the name of a file.
        output: How to print.
        output_is_open: Whether nobody has said how to print.
        traceback: Whether to show the traceback of an error.
        screen: Where to print.
        normalizes: Whether values of a file that cannot be edited in place become literal blocks.
        quiet_notes: Codes of notes not to show.
        where: The file, context or cluster in words, as far as it is known by now.
        acting_as: The ARN or username as which the cluster knows the user; empty if it was not asked.
        if_interrupted: What to say when the user interrupts it now: whether anything was changed.
        may_change: Whether the command may change something: its errors say whether anything was changed.
        is_changed: Whether it has changed something already.
    """

    command: str
    target: Mapping[str, Any]
    output: OutputFormat
    output_is_open: bool
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
    _file_manifest: Manifest | None = field(default=None, init=False)
    _part: str = field(default="", init=False)
    _parts: dict[str, Any] = field(default_factory=dict, init=False)

    @property
    def is_filter(self) -> bool:
        """Whether the manifest comes on standard input and goes to standard output."""
        return self.target.get("file") == STANDARD_INPUT

    @property
    def policy(self) -> Policy | None:
        """What may be mapped at all, and which notes are acknowledged."""
        policy = policy_of(self.target["policy"]) if "policy" in self.target else None
        if not self.quiet_notes:
            return policy
        from awsauth.core.lint.policy import Policy

        given = Policy(quiet_notes=self.quiet_notes)
        return policy.model_copy(update={"quiet_notes": given.quiet_notes + policy.quiet_notes}) if policy else given

    def waiting(self) -> AbstractContextManager[None]:
        """Return what says, around a call that may take long, what is being waited for."""
        return waiting_for(self.where)

    def __post_init__(self) -> None:
        self.where = describe_target(self.target)

    @property
    def named_target(self) -> str:
        """The object that the command is for, and as whom: ``aws-auth of context kind-dev, as jane``."""
        return f"aws-auth {'in' if 'file' in self.target else 'of'} {self.where}{f', as {visible(self.acting_as)}' if self.acting_as else ''}"

    def client(self) -> AwsAuthClient:
        """Return a client for what the command is for."""
        client = self._connected()
        if client.target_name:
            self.where = client.target_name
        if self.output == "json":
            self.identify(client)
        return client

    def identify(self, client: AwsAuthClient) -> None:
        """Ask the cluster who the user is, for what is shown of a change."""
        with self.waiting():
            self.acting_as = client.acting_as()

    @property
    def library_target(self) -> dict[str, Any]:
        """The target as `awsauth.connect` takes it: with the policy instead of its file's name."""
        named = {name: value for name, value in self.target.items() if name != "policy"}
        return {**named, "policy": policy} if (policy := self.policy) else named

    def _connected(self) -> AwsAuthClient:
        import awsauth

        named = self.library_target
        if self.file and self.normalizes and named.keys() <= {"file", "policy"}:
            return awsauth.AwsAuthClient.from_file(named.pop("file"), normalize=True, **named)
        if not self.is_filter:
            return awsauth.connect(**named)
        del named["file"]
        if unfit := sorted(named.keys() - {"policy"}):
            raise click.UsageError(f"{' and '.join(unfit)} cannot be said together with --file; nothing was contacted.")
        from awsauth.stores.manifest_text import ManifestText

        self._manifest = self._manifest or ManifestText(self._piped_in(), normalize=self.normalizes)
        return awsauth.AwsAuthClient(self._manifest, **named)

    @staticmethod
    def _piped_in() -> bytes:
        from awsauth.cli.files import naming, read_input

        with naming("standard input"):
            return read_input(sys.stdin.buffer)

    @property
    def file(self) -> str | None:
        """The manifest file; None where there is none that has a name."""
        return None if self.is_filter else self.target.get("file")

    def position(self, location: Location | None) -> Location | None:
        """Return where something is in the manifest; None where there is no manifest."""
        from awsauth.core.manifest.locate import position_in_file

        if location and location.in_file:
            return location
        manifest = self._read_manifest()
        return position_in_file(manifest, location) if manifest else None

    def _read_manifest(self) -> Manifest | None:
        if self.file and self._file_manifest is None:
            from awsauth.stores.file import ManifestFile

            self._file_manifest = ManifestFile(self.file).read().manifest
        return self._manifest.manifest if self._manifest else self._file_manifest

    def require_terminal(self, purpose: str) -> None:
        """Check that there is a terminal to ask on: without one nobody waits for an answer that never comes.

        Raises:
            UsageError: there is none.
        """
        if not self.screen.can_ask:
            raise UsageError(
                "There is no terminal to ask on; nothing was contacted.",
                hint=f"Pass --yes {purpose} without being asked, or --dry-run to only see what would be done.",
            )

    def write_messages_to_stderr(self) -> None:
        """Print on standard error from now on, because standard output is for the manifest."""
        self.screen = replace(self.screen, to_error=True)

    def write_back(self) -> None:
        """Write the manifest that came on standard input to standard output, as it is now."""
        if self._manifest is not None:
            self.screen.hand_over(self._manifest.raw)

    def emit(self, values: Mapping[str, Any]) -> None:
        """Print what the command found or did as JSON; inside `part_of_output` keep it until then."""
        from awsauth.core.serialization import json_text

        if self._part:
            self._parts[self._part] = values
            return
        target = {"name": self.where, "as": self.acting_as or None}
        values = {"version": VERSION, "command": self.command, "target": target, **self._parts, **values}
        self.screen.print(json_text(values).rstrip("\n"))

    @contextmanager
    def part_of_output(self, name: str) -> Iterator[None]:
        """Make what is emitted in the block a part of what is emitted later."""
        self._part = name
        yield
        self._part = ""


current = click.make_pass_decorator(Invocation)
"""Gives a command the invocation as its first argument."""
