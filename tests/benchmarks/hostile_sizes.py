"""How long a document takes that was made to take long."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

import awsauth
from tests.benchmarks.measuring import peak_bytes
from tests.support.documents.hostile import ARN, SHAPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from awsauth import Document

_CALLS: Final[tuple[Callable[[Document], object], ...]] = (
    lambda document: document.problems,
    awsauth.lint,
    lambda document: str(awsauth.diff(document, awsauth.Document({}))),
    lambda document: awsauth.explain(document, ARN),
)
HEADS: Final = "text | kB | read: s | lint | diff to nothing | explain | memory to read"


def hostile_rows(size: int) -> Iterator[str]:
    """Measure texts of about `size` characters; a row for each kind, with seconds, and memory in times the text."""
    for name, shape in SHAPES.items():
        data = _of_size(shape, size)
        times = " | ".join(f"{_seconds(call, data):.2f}" for call in _CALLS)
        memory = peak_bytes(partial(_CALLS[0], awsauth.Document(data))) / _length(data)
        yield f"{name} | {_length(data) / 1000:.0f} | {times} | {memory:.1f}"


def _of_size(shape: Callable[[int], dict[str, str]], size: int) -> dict[str, str]:
    count = 1 + size * 100 // _length(shape(100))
    return shape(1 + count * size // _length(shape(count)))  # the pieces of a long text have longer numbers


def _seconds(call: Callable[[Document], object], data: dict[str, str]) -> float:
    document = awsauth.Document(data)
    began = time.perf_counter()
    call(document)
    return time.perf_counter() - began


def _length(data: dict[str, str]) -> int:
    return sum(len(key) + len(text) for key, text in data.items())
