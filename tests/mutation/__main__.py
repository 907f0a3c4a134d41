"""``python -m tests.mutation --seconds 600 --seed 1``: changes one thing at a time, and looks whether a test notices.

Each mutation is judged by the tests in this process' own world that are named after the subject: neither the control
plane nor Go takes part. Survivors are printed with their place: each needs a test, or changes nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import signal
import sys
import time
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from multiprocessing import connection, get_context
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.mutation.mutants import install, mutations, parsed
from tests.support.paths import PROJECT
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.context import ForkProcess
    from pathlib import Path


class Subject(NamedTuple):
    """Modules, and the tests of them: patterns of paths below ``awsauth`` and ``tests``, where ``*`` is any text."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


SUBJECTS: Final = (
    Subject(
        ("core/*guard*.py",), ("*guard*.py", "*test_policy.py", "*test_access_entries.py", "*test_manifest_findings.py")
    ),
    Subject(("core/report/*.py",), ("unit/report/*.py", "*test_view.py")),
    Subject(("core/edit/merge.py",), ("unit/edit/*.py", "*test_revert.py", "*test_errors.py")),
    Subject(
        ("core/entries/*.py",),
        ("unit/entries/*.py", "*test_access_entries.py", "*test_entry_*.py", "*test_who_can.py", "*test_errors.py"),
    ),
    Subject(("core/migration/*.py",), ("unit/migration/*.py",)),
    Subject(
        ("core/*matching.py",),
        (
            "*test_matching.py",
            "*test_caller.py",
            "*test_explain.py",
            "unit/report/*.py",
            "*test_admin_guard.py",
            "*test_lint.py",
        ),
    ),
    Subject(
        ("history/*.py",),
        (
            "history/*.py",
            "client/*sync*.py",
            "client/*record*.py",
            "*test_stores.py",
            "*owners*.py",
            "*test_backoff.py",
        ),
    ),
)
_PRELOADED: Final = ("boto3", "click", "hypothesis", "kubernetes", "moto", "pydantic", "pytest", "yaml")


@dataclass(slots=True)
class Mutant:
    """One mutation of one module."""

    module: Path
    number: int
    tests: tuple[str, ...]
    processor_seconds: int
    """How long the tests may work: the same on a busy machine."""

    @property
    def name(self) -> str:
        """The module's dotted name."""
        return ".".join(self.module.relative_to(PROJECT).with_suffix("").parts)

    def __str__(self) -> str:
        mutation = mutations(parsed(self.module))[self.number]
        return f"{self.module.relative_to(PROJECT)}:{mutation.line}: {mutation.description}"

    def judge(self) -> None:
        """Run the tests with the mutation; exit as pytest does, or by a signal if they work for too long."""
        resource.setrlimit(resource.RLIMIT_CPU, (self.processor_seconds, self.processor_seconds))
        tree = parsed(self.module)
        mutations(tree)[self.number].apply()
        install(self.name, tree)
        _run(self.tests)


def main() -> int:
    """Judge mutants until the time is over; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long to go on")
    parser.add_argument("--seed", type=int, default=1, help="decides which mutations are made")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    end = time.monotonic() + options.seconds
    for name in _PRELOADED:
        __import__(name)
    mutants = []
    for subject in SUBJECTS:
        tests = _matching(PROJECT / "tests", subject.tests)
        before = _worked()
        if _ended(_started(partial(_run, tests))):
            sys.stderr.write(f"The tests fail without any mutation: {' '.join(tests)}\n")
            return 2
        most = round(20 + 5 * (_worked() - before))
        for module in _matching(PROJECT / "awsauth", subject.modules):
            count = len(mutations(parsed(PROJECT / module)))
            mutants += [Mutant(PROJECT / module, number, tests, most) for number in range(count)]
    random.Random(options.seed).shuffle(mutants)
    survivors, judged = [], 0
    for mutant, is_killed in _judged(iter(mutants), options.processes, end):
        judged += 1
        if not is_killed:
            survivors.append(mutant)
            print(f"survived: {mutant}", flush=True)
    killed = judged - len(survivors)
    print(
        f"{killed} of {judged} mutants killed ({100 * killed / max(judged, 1):.1f} %), of {len(mutants)} that there are"
    )
    return 0


def _worked() -> float:
    """Return the processor's seconds for all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _judged(mutants: Iterator[Mutant], processes: int, end: float) -> Iterator[tuple[Mutant, bool]]:
    """Yield mutants with whether they were killed; those that take too long, or wait for ever, are."""
    running: dict[ForkProcess, tuple[Mutant, float]] = {}
    while True:
        while len(running) < processes and time.monotonic() < end and (mutant := next(mutants, None)):
            running[_started(mutant.judge)] = (mutant, time.monotonic() + PATIENCE + 10 * mutant.processor_seconds)
        if not running:
            return
        connection.wait([process.sentinel for process in running], timeout=1)
        for process, (mutant, limit) in list(running.items()):
            if not process.is_alive():
                del running[process]
                yield mutant, _ended(process) != 0
            elif time.monotonic() > limit:
                del running[process]
                os.killpg(process.pid or 0, signal.SIGKILL)
                process.join()
                yield mutant, True


def _started(job: Callable[[], None]) -> ForkProcess:
    process = get_context("fork").Process(target=job)
    process.start()
    return process


def _ended(process: ForkProcess) -> int:
    process.join()
    return process.exitcode or 0


def _run(tests: Sequence[str]) -> None:
    """Run tests in this process, in silence and until the first failure; exit as pytest does."""
    import pytest
    from hypothesis import HealthCheck, Phase, settings

    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.environ["HYPOTHESIS_PROFILE"] = "mutation"
    # Neither examples of earlier mutants, nor time for the smallest one.
    settings.register_profile(
        "mutation",
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    os.chdir(PROJECT)
    selected = ["-m", "not live and not oracle", *tests]
    os._exit(
        pytest.main(
            ["-n", "0", "-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "--hypothesis-seed=1", *selected]
        )
    )


def _matching(folder: Path, patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the files that match, from the project's folder.

    Raises:
        FileNotFoundError: none does.
    """
    files = [path for path in sorted(folder.rglob("*.py")) if path.name != "__init__.py"]
    files = [path for path in files if path.relative_to(folder).parts[0] not in ("live", "oracle")]
    is_test = folder.name == "tests"
    found = tuple(
        str(path.relative_to(PROJECT))
        for path in files
        if any(fnmatch(path.relative_to(folder).as_posix(), pattern) for pattern in patterns)
        and path.name.startswith("test_") == is_test
    )
    if not found:
        raise FileNotFoundError(f"nothing in {folder.name} matches {' or '.join(patterns)}")
    return found


if __name__ == "__main__":
    sys.exit(main())
