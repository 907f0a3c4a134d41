"""The authenticator's own reader, mapper and server, as a process to ask."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from typing import IO, TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import NotRequired, Self


class SsoAnswer(TypedDict):
    """The ``sso`` of a role mapping."""

    permissionSetName: str
    accountID: str
    partition: str


class RoleAnswer(TypedDict):
    """A role mapping, as the authenticator holds it."""

    rolearn: str
    username: str
    groups: list[str]
    sso: SsoAnswer | None


class UserAnswer(TypedDict):
    """A user mapping, as the authenticator holds it."""

    userarn: str
    username: str
    groups: list[str]


class Answer(TypedDict):
    """What ``ParseMap`` returns; `error` is empty where it has nothing to complain about."""

    roles: list[RoleAnswer]
    users: list[UserAnswer]
    accounts: list[str]
    error: str


class Identity(TypedDict):
    """What STS says of a caller, and the access key that its token is signed with."""

    arn: str
    account: str
    userID: str
    accessKeyID: str


class Attempt(TypedDict):
    """A ConfigMap's ``data``, the prefixes of usernames that the server reserves, and callers who come one by one.

    `modes` are the backends in the order in which the server asks them; without them it asks ``EKSConfigMap`` alone.
    `entries` is the content of the file of ``DynamicFile``: mappings that are found by the unique id of their principal.
    """

    data: Mapping[str, str]
    reserved: Sequence[str]
    callers: Sequence[Identity]
    modes: NotRequired[Sequence[str]]
    entries: NotRequired[Mapping[str, object]]


class Admission(TypedDict):
    """What the server answers; where `error` is not empty nobody is let in. EC2 calls each instance ``ID.internal``."""

    username: str
    groups: list[str]
    canonicalARN: str
    error: str


class Authenticator:
    """Asks one process, which lives until `close`; not for several threads at once."""

    def __init__(self, binary: Path) -> None:
        self._messages: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._messages)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def parse(self, data: Mapping[str, str]) -> Answer:
        """Return what the authenticator reads from a ConfigMap's ``data``."""
        return self.parse_many([data])[0]

    def parse_many(self, texts: Sequence[Mapping[str, str]]) -> list[Answer]:
        """Return what the authenticator reads from each.

        Raises:
            RuntimeError: the process ended before it had answered all of them.
        """
        return list(self._ask("parse", [dict(data) for data in texts]))

    def authenticate_many(self, attempts: Sequence[Attempt]) -> list[list[Admission]]:
        """Return what the server answers the callers of each.

        Raises:
            RuntimeError: the process ended before it had answered all of them.
        """
        return list(self._ask("authenticate", attempts))

    def _ask(self, operation: str, questions: Sequence[Any]) -> Iterator[Any]:
        lines = [json.dumps({operation: question}).encode() + b"\n" for question in questions]
        # Written beside the reading: both pipes hold only so much, and either side would wait for the other.
        writer = threading.Thread(target=self._write, args=(lines,), daemon=True)
        writer.start()
        assert self._process.stdout is not None
        for question in questions:
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError(f"the authenticator's reader ended at {question!r}:\n{self._said()}")
            yield json.loads(line)
        writer.join()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._messages):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                continue  # what was still to be written is of no use any more

    def _write(self, lines: Sequence[bytes]) -> None:
        assert self._process.stdin is not None
        try:
            for line in lines:
                self._process.stdin.write(line)
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            return  # the process ended, or was closed: whoever reads the answers says so

    def _said(self) -> str:
        self._process.wait()
        self._messages.seek(0)
        return self._messages.read().decode(errors="replace")[:4000]
