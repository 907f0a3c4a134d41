"""The benchmark runs; how fast anything is, is nothing that a test could say on somebody else's machine."""

from __future__ import annotations

import subprocess
import sys

from tests.benchmarks.contenders import CONTENDERS
from tests.conftest import PROJECT


def test_the_small_benchmark_prints_a_row_for_each_contender_and_size() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--small"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if line.startswith("|")
    ]
    expected = [(entries, name) for entries in ("10", "100") for name in CONTENDERS]
    assert [(row[0], row[2]) for row in rows if len(row) == 7][2:] == expected
    assert [row[0] for row in rows if len(row) == 3][2:] == ['`python -c "pass"`', '`python -c "import awsauth"`']
