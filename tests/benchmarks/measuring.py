"""Time and memory of one job, in rounds, so that a slow moment of the machine meets all contenders alike."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Times:
    """Wall-clock seconds of each round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def fastest(self) -> float:
        return min(self.seconds)

    @property
    def slowest(self) -> float:
        return max(self.seconds)


def time_in_rounds(rounds: Iterable[Mapping[str, Callable[[], object]]]) -> dict[str, Times]:
    """Run the jobs of each round in turn, and return the times of each name over all rounds."""
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for jobs in rounds:
        for name, job in jobs.items():
            # A collection that is due because of the job before must not be paid by this one.
            gc.collect()
            start = time.perf_counter()
            job()
            seconds[name].append(time.perf_counter() - start)
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


def run_python(code: str) -> None:
    """Start a new interpreter for the code and wait for its end."""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
