"""Time and memory of one job, in rounds, so that a slow moment of the machine meets all contenders alike."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Times:
    """Wall-clock seconds of each round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        """Return two cells of a table: median, and range, in milliseconds."""
        return f"{self.median * 1e3:.2f} | {min(self.seconds) * 1e3:.2f} to {max(self.seconds) * 1e3:.2f}"


def time_in_rounds(rounds: Iterable[Mapping[str, Callable[[], float]]]) -> dict[str, Times]:
    """Run the jobs of each round in turn, and return the times of each name over all rounds.

    A job returns the seconds that count; what it does before and afterwards does not.
    """
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    # Else each collection would walk through all that was imported, and the next job find the processor's caches empty.
    gc.collect()
    gc.freeze()
    for jobs in rounds:
        for name, job in jobs.items():
            # A collection that is due because of the job before must not be paid by this one.
            gc.collect()
            seconds[name].append(job())
    return {name: Times(tuple(each)) for name, each in seconds.items()}


def peak_bytes(job: Callable[[], object]) -> int:
    """Return the most memory that Python objects held at once during the job; what libyaml allocates is not seen."""
    gc.collect()
    tracemalloc.start()
    try:
        job()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def process_seconds(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Run a command to its end, and return how long that took.

    Raises:
        SystemExit: it fails.
    """
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    took = time.perf_counter() - began
    if done.returncode:
        message = f"{command[:2]} failed, so its time means nothing:\n{done.stderr}"
        raise SystemExit(message)
    return took


def python_seconds(bytecode: str, *arguments: str, environment: Mapping[str, str] = os.environ) -> float:
    """Start a new interpreter, wait for its end, and return how long that took.

    Compiled modules are kept in the folder `bytecode`, as they are where a package was installed: this machine may be
    told to keep none.
    """
    kept = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return process_seconds([sys.executable, *arguments], kept | {"PYTHONPYCACHEPREFIX": bytecode})
