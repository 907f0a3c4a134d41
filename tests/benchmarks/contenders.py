"""The same job in several ways: read the text of `mapRoles`, add a role or change one, give the new text."""

from __future__ import annotations

import gc
import io
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import yaml
from ruamel.yaml import YAML

import awsauth
from tests.support.go_programs import GoProgram, NoGoError, built
from tests.support.memory_store import SharedMemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

_FLAGS: Final = ("-trimpath", "-buildvcs=false", "-ldflags=-s -w")
_KEIKO: Final = GoProgram("keiko", Path(__file__).parent / "keiko", ".", _FLAGS)
KEIKO_COMMAND: Final = GoProgram(
    "keiko-command", Path(__file__).parent / "keiko", "github.com/keikoproj/aws-auth", _FLAGS
)
_MOST_FOR_RUAMEL: Final = 1_000


@dataclass(frozen=True, slots=True)
class Role:
    """The role that is to be mapped."""

    arn: str
    username: str
    groups: tuple[str, ...]

    def as_entry(self) -> dict[str, Any]:
        return {"rolearn": self.arn, "username": self.username, "groups": list(self.groups)}


NEWCOMER: Final = Role("arn:aws:iam::111122223333:role/newcomer", "newcomer", ("newcomers", "readers"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """The new text, and how long it took."""

    text: str
    seconds: float


class Contender(Protocol):
    """One way of doing it."""

    @property
    def name(self) -> str: ...

    def map_role(self, text: str, role: Role) -> Outcome:
        """Map the role as the text has it not yet, or add its groups to those that it has."""


@dataclass(frozen=True, slots=True)
class Awsauth:
    """This library as it is used: read, merge, guard, write and show the difference, over a store in memory.

    Attributes:
        name: What it is called.
        history: Whether it keeps a revision, of an object that has some already.
    """

    name: str
    history: bool

    def map_role(self, text: str, role: Role) -> Outcome:
        data = {"mapRoles": text}
        store = SharedMemoryStore(data)
        client = awsauth.AwsAuthClient(store, author="benchmark")
        if self.history:
            client.add_role_mapping(_EARLIER, username="earlier", groups=["earlier"])
            client.remove_role_mapping(_EARLIER)
            assert client.read().data == data
            # The same again, but not read yet: that is a part of what is measured.
            store.overwrite(data)
            gc.collect()
        began = time.perf_counter()
        result = client.add_role_mapping(role.arn, username=role.username, groups=role.groups, history=self.history)
        shown = str(result.diff)
        seconds = time.perf_counter() - began
        assert shown
        return Outcome(client.read().data["mapRoles"], seconds)


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """Reading into lists and dictionaries, and writing all of it again."""

    name: str
    load: Callable[[str], Any]
    dump: Callable[[Any], str]

    def map_role(self, text: str, role: Role) -> Outcome:
        began = time.perf_counter()
        entries = self.load(text)
        found = [entry for entry in entries if entry["rolearn"].lower() == role.arn.lower()]
        for entry in found:
            entry["groups"] += [group for group in role.groups if group not in entry["groups"]]
        if not found:
            entries.append(role.as_entry())
        written = self.dump(entries)
        return Outcome(written, time.perf_counter() - began)


class Keiko:
    """keikoproj/aws-auth, in a process of its own that tells how long its library took: the pipe does not count."""

    name = "keikoproj/aws-auth (Go)"

    def __init__(self) -> None:
        (binary,) = built([_KEIKO], "keikoproj/aws-auth to compare with")
        self._process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def map_role(self, text: str, role: Role) -> Outcome:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"mapRoles": text, **role.as_entry()}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return Outcome(answer["mapRoles"], answer["nanoseconds"] / 1e9)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class Contenders:
    """All that this machine has; a context, because one of them is a process."""

    def __init__(self, *, with_go: bool) -> None:
        self.missing = "" if with_go else "it is not wanted."
        self._keiko: Keiko | None = None
        try:
            self._keiko = Keiko() if with_go else None
        except (NoGoError, RuntimeError) as error:
            self.missing = str(error).splitlines()[0]

    @property
    def compiled(self) -> Sequence[Contender]:
        """The one that is no Python, if it is there."""
        return [self._keiko] if self._keiko else []

    def for_entries(self, entries: int) -> Sequence[Contender]:
        """Return all, without the one that takes many seconds for one change of a large document."""
        slow = [RUAMEL] if entries <= _MOST_FOR_RUAMEL else []
        return [AWSAUTH, WITH_REVISION, *self.compiled, PYYAML, *slow]

    def __enter__(self) -> Contenders:  # noqa: PYI034 - nobody makes a kind of it
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keiko:
            self._keiko.close()


def _ruamel() -> YAML:
    round_trip = YAML(typ="rt")
    round_trip.preserve_quotes = True
    return round_trip


def _dump_with_ruamel(entries: Any) -> str:
    out = io.StringIO()
    _ruamel().dump(entries, out)
    return out.getvalue()


def _dump_with_pyyaml(entries: Any) -> str:
    dumped: str = yaml.dump(entries, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
    return dumped


_EARLIER: Final = "arn:aws:iam::111122223333:role/earlier"

AWSAUTH: Final = Awsauth("awsauth", history=False)
WITH_REVISION: Final = Awsauth("awsauth, with its revision", history=True)
PYYAML: Final = RoundTrip("PyYAML (libyaml)", lambda text: yaml.load(text, yaml.CSafeLoader), _dump_with_pyyaml)
RUAMEL: Final = RoundTrip("ruamel.yaml", lambda text: _ruamel().load(text), _dump_with_ruamel)


def check(contenders: Sequence[Contender], text: str, role: Role) -> None:
    """Run each once: all have to do the whole job, and what they import lazily is not what is measured."""
    expected = mapped(PYYAML.map_role(text, role).text)
    for contender in contenders:
        if mapped(contender.map_role(text, role).text) != expected:
            message = f"{contender.name} does not come to the expected mappings, so its times mean nothing"
            raise SystemExit(message)


def mapped(text: str) -> list[dict[str, Any]]:
    """Return what a text maps."""
    found: list[dict[str, Any]] = yaml.load(text, yaml.CSafeLoader)
    return found
