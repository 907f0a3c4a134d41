"""README.md is short, its figures are the benchmark's, and the parser of its blocks finds each of them."""

from __future__ import annotations

import re

from tests.support.pages import blocks, commands, is_output
from tests.support.paths import PROJECT

README = PROJECT / "README.md"


def test_a_block_is_found_with_its_line_and_a_command_with_its_output() -> None:
    """A fence that the expression missed would be a block that nobody runs."""
    text = "# Title\n\n```console\n$ first\none\ntwo\n$ second\n```\n\n```python\nx = 1\n```\n"
    console, python = blocks(text)
    assert (console.line, python.line, python.body) == (4, 11, "x = 1\n")
    assert list(commands(console)) == [("first", "one\ntwo\n"), ("second", "")]
    readme = README.read_text(encoding="utf-8")
    assert 2 * len(blocks(readme)) == len(re.findall(r"^\s*```", readme, re.MULTILINE))


def test_an_ellipsis_stands_for_any_text_and_other_text_for_itself() -> None:
    assert is_output("at 12:00 (UTC)\n\nby x\n", "at … (UTC)\n…by x")
    assert not is_output("at 12:00 UTC", "at … (UTC)")
    assert not is_output("one\ntwo", "one")


def test_the_readme_is_short() -> None:
    assert README.read_text(encoding="utf-8").count("\n") <= 200


def test_its_figures_are_those_of_the_benchmark() -> None:
    figures = (PROJECT / "docs" / "explanation" / "performance.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$",
        README.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert rows
    for entries, *times in rows:
        measured = re.findall(rf"^\| {entries} \| [\d.]+ \| [^|]+ \| ([\d.]+) \|", figures, re.MULTILINE)
        assert set(times) <= set(measured)
