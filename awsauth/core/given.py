"""What is advised where somebody has given a value that cannot be taken."""

from __future__ import annotations

from typing import Any


def cure_of(value: Any, otherwise: str) -> str:
    """Return the cure for a value that cannot be taken: where it is nothing, it may come from a variable that is not set."""
    is_nothing = value is None or (isinstance(value, str) and not value.strip())
    return "Is the variable that it comes from set?" if is_nothing else otherwise


def as_text(value: Any, *, digits: int = 0) -> str:
    """Return how to give as text what is none; a number with the zeros that it has lost in front, up to `digits`."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return f'Pass it as text: "{str(value).zfill(digits)}".' if is_number else "Pass a text."
