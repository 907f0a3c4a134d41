"""The modules that a new interpreter loads."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.support.waiting import PATIENCE

MODULES_OF = """
import json, sys; before = set(sys.modules)
{change}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def in_new_interpreter(code: str) -> list[str]:
    """Run code that prints one JSON list of strings, and return that."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    names: list[str] = json.loads(done.stdout)
    return names


def is_below(name: str, packages: set[str] | frozenset[str]) -> bool:
    """Tell whether a dotted name is one of the packages or inside one."""
    parts = name.split(".")
    return any(".".join(parts[:count]) in packages for count in range(1, len(parts) + 1))
