"""How much work something is, told by what it calls: on every machine, and however busy that is, the same."""

from __future__ import annotations

import cProfile
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


def steps(job: Callable[[], object]) -> int:
    """Do a job, and return how often a function was called in it, those of Python itself included."""
    counted = cProfile.Profile()
    counted.runcall(job)
    return sum(one.callcount for one in counted.getstats())


def opcodes(job: Callable[[], object]) -> int:
    """Do a job, and return how many instructions of Python's it takes, those of loops without calls included."""
    made = 0

    def count(frame: FrameType, event: str, _: object) -> Any:
        nonlocal made
        frame.f_trace_opcodes = True
        made += event == "opcode"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        job()
    finally:
        sys.settrace(before)
    return made
