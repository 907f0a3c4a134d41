"""What README.md shows is what happens.

Blocks marked ``python`` and ``console`` run from top to bottom in one folder that holds a copy of ``examples/``: the
Python blocks in one namespace, the commands of the console blocks (``$ ...``) with this interpreter's environment first
on the path. What follows a command up to the next one is its output, which ``AWSAUTH_REGENERATE=1`` writes anew. Blocks
marked otherwise are not run. Where README speaks of a cluster, it is the control plane of the tests.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.controlplane.tryout import UNSET, tryout
from tests.support.paths import PROJECT
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from tests.support.controlplane.cluster import Cluster

README = PROJECT / "README.md"
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `line` is the number of its first line inside the fence."""

    language: str
    body: str
    line: int


def blocks(text: str) -> list[Block]:
    return [
        Block(match["language"], match["body"], text.count("\n", 0, match.start("body")) + 1)
        for match in FENCE.finditer(text)
    ]


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block with the output that is shown for it."""
    first, *rest = re.split(r"^\$ ", block.body, flags=re.MULTILINE)
    assert first == "", f"README.md:{block.line}: a console block starts with a command"
    for part in rest:
        command, _, output = part.partition("\n")
        yield command, output


def run_python(block: Block, namespace: dict[str, object]) -> None:
    # The empty lines make a traceback name the line of README.md.
    source = "\n" * (block.line - 1) + block.body
    exec(compile(source, str(README), "exec"), namespace)  # noqa: S102 (running README is the point)


def run_console(block: Block, folder: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for command, shown in commands(block):
        done = subprocess.run(
            ["bash", "-c", command],  # noqa: S607 (whichever bash comes first)
            cwd=folder,
            env={**os.environ, "PATH": path, "COLUMNS": "120", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if os.environ.get("AWSAUTH_REGENERATE"):
            write(command, done.stdout)
        else:
            assert done.stdout.rstrip() == shown.rstrip(), f"README.md:{block.line}: $ {command}"


def write(command: str, output: str) -> None:
    """Write the output of a command behind it, in place of what is there."""
    text = README.read_text(encoding="utf-8")
    before, after = text.split(f"\n$ {command}\n", 1)
    end = re.search(r"^(\$ |```$)", after, re.MULTILINE)
    assert end
    output = f"{output.rstrip()}\n" if output.strip() else ""
    README.write_text(f"{before}\n$ {command}\n{output}{after[end.start() :]}", encoding="utf-8")


def test_every_block_does_what_the_readme_says(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(PROJECT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns(".*.history"))
    monkeypatch.chdir(tmp_path)
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    namespace: dict[str, object] = {"__name__": "readme"}
    ran = []
    with tryout(cluster) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        for block in blocks(README.read_text(encoding="utf-8")):
            if block.language == "python":
                run_python(block, namespace)
            elif block.language == "console":
                run_console(block, tmp_path)
            else:
                continue
            ran.append(block)
    assert any(block.language == "python" for block in ran)


def test_a_block_is_found_with_its_line_and_a_command_with_its_output() -> None:
    """A fence that the expression missed would be a block that nobody runs."""
    text = "# Title\n\n```console\n$ first\none\ntwo\n$ second\n```\n\n```python\nx = 1\n```\n"
    console, python = blocks(text)
    assert (console.line, python.line, python.body) == (4, 11, "x = 1\n")
    assert list(commands(console)) == [("first", "one\ntwo\n"), ("second", "")]
    readme = README.read_text(encoding="utf-8")
    assert 2 * len(blocks(readme)) == len(re.findall(r"^\s*```", readme, re.MULTILINE))
