"""Things that a machine may lack: a test is skipped without them, but not in CI."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def skip_but_in_ci(problem: str) -> NoReturn:
    """Skip a test, and say why; fail where the variable ``CI`` is set."""
    if os.environ.get("CI"):
        pytest.fail(problem)
    pytest.skip(problem)
