"""The benchmark runs; how fast anything is, is nothing that a test could say on somebody else's machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.benchmarks.contenders import AWSAUTH, PYYAML, RUAMEL, WITH_REVISION
from tests.benchmarks.documents import FORMS
from tests.support.documents.hostile import SHAPES
from tests.support.paths import PROJECT
from tests.support.waiting import PATIENCE


def test_the_small_benchmark_prints_a_row_for_each_thing_that_it_measures() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--small", "--no-go"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    one_change, forms, many, syncs, reports, hostile, processes, compared = [
        rows(part) for part in done.stdout.split("\n\n") if part.startswith("|")
    ]
    assert [(row[0], row[2]) for row in one_change] == [
        (entries, one.name) for entries in ("10", "100") for one in (AWSAUTH, WITH_REVISION, PYYAML, RUAMEL)
    ]
    assert [(row[1], row[2]) for row in forms] == [(form, one.name) for form in FORMS for one in (AWSAUTH, PYYAML)]
    assert [row[0] for row in many] == ["20", "40"]
    assert [row[0] for row in syncs] == ["20", "40"]
    assert [row[:2] for row in reports] == [["20", "10"]]
    assert [row[0] for row in hostile] == list(SHAPES)
    assert ["pass" in row[0] or "awsauth" in row[0] or "file=" in row[0] for row in processes] == [True] * 3
    assert len(compared) == 2 * 2 * 2 + 2  # of two sizes, adding and extending without and with a revision; processes
    assert all(
        float(now) / float(then) == pytest.approx(float(ratio), abs=0.02, rel=0.02) for _, now, then, ratio in compared
    )


def rows(table: str) -> list[list[str]]:
    """Return the cells of a Markdown table, without its heads."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
