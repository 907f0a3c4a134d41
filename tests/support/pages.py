"""The fenced blocks of a Markdown page, run one after the other as a reader would run them.

Blocks marked ``python`` and ``console`` run from top to bottom in one folder that holds a copy of ``examples/``: the
Python blocks in one namespace, the commands of the console blocks (``$ ...``) with this interpreter's environment first
on the path. The text after a command, up to the next one, is its output; so is a ``text`` block right after a Python
block. ``…`` in it stands for any text.
``AWSAUTH_REGENERATE=1`` writes output that differs anew. A block that includes an example file does not run here: the
tests of the examples run that file.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support.paths import PROJECT
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

FENCE: Final = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
VARYING: Final = re.compile(
    r"\b20\d\d-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?(?:Z| UTC|[+-]\d\d:?\d\d)?)?"  # times
    r"|(?<=127\.0\.0\.1:)\d+"  # ports
)
LEFT_OUT: Final = "…"
TRY_OUT: Final = "awsauth-test"
"""The kubeconfig context that pages name when their blocks need a cluster."""
INCLUDED: Final = re.compile(r'--8<-- "(?P<path>[^"]+)"\n')


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `line` is the number of its first line inside the fence."""

    language: str
    body: str
    line: int

    @property
    def end(self) -> int:
        """The number of the line that closes the fence."""
        return self.line + self.body.count("\n")

    @property
    def includes(self) -> Path | None:
        """The example file that the block consists of, or None."""
        match = INCLUDED.fullmatch(self.body)
        return PROJECT / match["path"] if match else None

    @property
    def text(self) -> str:
        """The text that a reader sees."""
        return self.includes.read_text(encoding="utf-8") if self.includes else self.body


def blocks(text: str) -> list[Block]:
    return [
        Block(match["language"], match["body"], text.count("\n", 0, match.start("body")) + 1)
        for match in FENCE.finditer(text)
    ]


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block with the output that is shown for it."""
    first, *rest = re.split(r"^\$ ", block.body, flags=re.MULTILINE)
    assert first == "", f"line {block.line}: a console block starts with a command"
    for part in rest:
        command, _, output = part.partition("\n")
        yield command, output


def run_page(page: Path, folder: Path) -> list[Block]:
    """Run the blocks of a page in a folder with a copy of the examples; return those that ran."""
    shutil.copytree(PROJECT / "examples", folder / "examples", ignore=shutil.ignore_patterns(".*.history"))
    namespace: dict[str, object] = {"__name__": "page"}
    ran = []
    found = blocks(page.read_text(encoding="utf-8"))
    for block, following in zip(found, [*found[1:], None], strict=True):
        if block.includes or block.language not in ("python", "console"):
            continue
        if block.language == "python":
            # The empty lines make a traceback name the line of the page.
            source = "\n" * (block.line - 1) + block.body
            with redirect_stdout(StringIO()) as printed:
                exec(compile(source, str(page), "exec"), namespace)  # noqa: S102 (running the page is the point)
            if following and following.language == "text" and following.line == block.end + 3:
                shown = following.body
                if not is_output(printed.getvalue(), shown):
                    assert os.environ.get("AWSAUTH_REGENERATE"), f"{page.name}:{following.line}:\n{printed.getvalue()}"
                    _replace(page, f"{block.body}```\n\n```text\n", printed.getvalue())
        else:
            _run_console(page, block, folder)
        ran.append(block)
    return ran


def _run_console(page: Path, block: Block, folder: Path) -> None:
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
        if is_output(done.stdout, shown):
            continue
        assert os.environ.get("AWSAUTH_REGENERATE"), f"{page.name}:{block.line}: $ {command}\n{done.stdout}"
        _replace(page, f"\n$ {command}\n", done.stdout)


def is_output(output: str, shown: str) -> bool:
    """Whether the output is the text that a page shows, in which ``…`` stands for any text."""
    pattern = ".*".join(map(re.escape, shown.rstrip().split("…")))
    return re.fullmatch(pattern, output.rstrip(), re.DOTALL) is not None


def _replace(page: Path, before: str, output: str) -> None:
    """Replace the output that a page shows after `before`; times and ports become ``…``.

    Where a line ``…`` leaves out the middle, as many lines as before stay at the beginning and at the end.
    """
    text = page.read_text(encoding="utf-8")
    head, rest = text.split(before)
    end = re.search(r"^(\$ |```$)", rest, re.MULTILINE)
    assert end
    shown, lines = rest[: end.start()].splitlines(), VARYING.sub("…", output).rstrip().splitlines()
    if LEFT_OUT in shown:
        last = shown[::-1].index(LEFT_OUT)
        lines = [*lines[: shown.index(LEFT_OUT)], LEFT_OUT, *lines[len(lines) - last :]]
    printed = "".join(f"{line}\n" for line in lines)
    page.write_text(f"{head}{before}{printed}{rest[end.start() :]}", encoding="utf-8")


def check_part(page: Path, name: str, made: str) -> None:
    """Compare the part of a page that is made from the code with `made`; ``AWSAUTH_REGENERATE=1`` writes it anew.

    The part is between ``<!-- NAME: made from the code -->`` and ``<!-- end of NAME -->``.
    """
    text = page.read_text(encoding="utf-8")
    start, end = f"<!-- {name}: made from the code -->\n", f"<!-- end of {name} -->"
    before, _, rest = text.partition(start)
    shown, _, after = rest.partition(end)
    assert after, f"{page.name} has no part {name!r}"
    made = f"\n{made.strip()}\n\n"
    if os.environ.get("AWSAUTH_REGENERATE"):
        page.write_text(f"{before}{start}{made}{end}{after}", encoding="utf-8")
    else:
        assert shown == made, f"{page.name}: AWSAUTH_REGENERATE=1 pytest writes {name!r} anew"
