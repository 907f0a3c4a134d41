"""Hypothesis strategies over the generators: what they find, Hypothesis makes smaller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from tests import generated
from tests.mutations import mutated

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

randoms: Final = st.randoms(use_true_random=False)
"""Stands in for a `random.Random` whose every choice Hypothesis makes, and can make simpler."""

documents: Final[SearchStrategy[dict[str, str]]] = randoms.map(generated.data)
"""The ``data`` of a ConfigMap."""


def texts(key: str) -> SearchStrategy[str]:
    """Well-formed texts of one data key, in every shape, some with values of a wrong type."""
    return randoms.map(lambda random: generated.text(random, key))


def broken_texts(key: str) -> SearchStrategy[str]:
    """Texts of one data key with a few things done to them; many cannot be read any more."""
    return randoms.map(lambda random: mutated(random, [generated.text(random, key) for _ in range(2)]))
