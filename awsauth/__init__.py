"""Manage the ``aws-auth`` ConfigMap of Amazon EKS clusters.

Importing this loads nothing heavy: every name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import FunctionType
from typing import Any, Final


def _homes() -> Iterator[tuple[str, str]]:
    """Yield each public name with its module, from the stub that type checkers read."""
    with open(f"{__path__[0]}/__init__.pyi", encoding="utf-8") as stub:  # noqa: PTH123 - pathlib takes longer to load
        _, *statements = stub.read().split("\nfrom ")
    for statement in statements:
        home, _, names = statement.partition(" import ")
        for name in names.split(","):
            if public := name.rpartition(" as ")[2].strip(" \n)"):  # nothing follows the last comma
                yield public, home


_HOME: Final = dict(_homes())
__all__ = sorted(_HOME.keys() - {"__version__"})  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    if isinstance(value, FunctionType):
        from awsauth.boundary import public

        value = public(value)  # classes are guarded where they are defined
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
