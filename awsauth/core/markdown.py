"""Text from a document in Markdown: as code, so that nothing of it is read as Markdown or HTML."""

from __future__ import annotations

import re

from awsauth.core.escaping import visible


def code(text: str) -> str:
    """Return text as inline code, however many backticks it has."""
    shown = visible(text)
    fence = "`" * (_longest_run(shown) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def fenced(text: str, language: str) -> str:
    """Return lines as a code block."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{text.removesuffix(chr(10))}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
