"""``python -m tests.benchmarks [--small]``: prints Markdown tables of how long one change takes, and how much memory.

Times compare within one run only. ``--small`` takes a second and shows that the benchmark works, not how fast anything is.
"""

from __future__ import annotations

import argparse
import platform
from functools import partial
from importlib.metadata import version

import yaml

from tests.benchmarks.contenders import CONTENDERS, NEW_ENTRY, document
from tests.benchmarks.measuring import Times, peak_bytes, run_python, time_in_rounds

ROUNDS = {10: 100, 100: 30, 1_000: 10, 7_000: 5}
SMALL_ROUNDS = {10: 3, 100: 3}
PROCESSES = 20
SMALL_PROCESSES = 3


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Time one change to mapRoles.")
    parser.add_argument("--small", action="store_true", help="few rounds, small documents: to see that it works")
    small = parser.parse_args().small
    versions = ", ".join(f"{name} {version(name)}" for name in ("eks-aws-auth", "PyYAML", "ruamel.yaml"))
    print(f"Python {platform.python_version()}, {versions}\n")
    print("Read mapRoles, add one role, write it, in memory:\n")
    print("| entries | kB | | median ms | fastest to slowest ms | times awsauth | peak memory / text |")
    print("|--:|--:|---|--:|--:|--:|--:|")
    for entries, rounds in (SMALL_ROUNDS if small else ROUNDS).items():
        for row in change_rows(entries, rounds):
            print(row, flush=True)
    print("\nA new process:\n")
    print("| | median ms | fastest to slowest ms |")
    print("|---|--:|--:|")
    for row in process_rows(SMALL_PROCESSES if small else PROCESSES):
        print(row)


def change_rows(entries: int, rounds: int) -> list[str]:
    """Measure all contenders on documents of one size; one row for each."""
    # Each round has a document of its own, so that nothing that was remembered from the round before can help.
    warm_up, traced, *timed = (document(entries, account) for account in range(rounds + 2))
    check(warm_up)
    times = time_in_rounds({name: partial(job, text) for name, job in CONTENDERS.items()} for text in timed)
    size = len(traced.encode())
    return [
        f"| {entries:,} | {size / 1000:.1f} | {name} | {milliseconds(times[name])} "
        f"| {times[name].median / times['awsauth'].median:.1f} | {peak_bytes(partial(job, traced)) / size:.1f} |"
        for name, job in CONTENDERS.items()
    ]


def check(text: str) -> None:
    """Run each contender once: all have to do the whole job, and what they import lazily is not what is measured."""
    expected = [*yaml.load(text, yaml.CSafeLoader), NEW_ENTRY]
    for name, job in CONTENDERS.items():
        if yaml.load(job(text), yaml.CSafeLoader) != expected:
            message = f"{name} does not come to the expected mappings, so its times mean nothing"
            raise SystemExit(message)


def process_rows(rounds: int) -> list[str]:
    """Measure what importing awsauth adds to a new process."""
    codes = ("pass", "import awsauth")
    times = time_in_rounds([{code: partial(run_python, code) for code in codes}] * rounds)
    return [f'| `python -c "{code}"` | {milliseconds(times[code])} |' for code in codes]


def milliseconds(times: Times) -> str:
    """Return two cells of the table: median, and range."""
    return f"{times.median * 1e3:.2f} | {times.fastest * 1e3:.2f} to {times.slowest * 1e3:.2f}"


if __name__ == "__main__":
    main()
