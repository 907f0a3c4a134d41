"""Hypothesis strategies over the generators, and the number of examples."""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING, Final

from hypothesis import settings, strategies as st

from tests.support.documents import generated
from tests.support.documents.mutations import mutated

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_USUAL: Final = 100
"""Examples of a property by default, in the profile ``default``."""

_IS_CI: Final = os.environ.get("HYPOTHESIS_PROFILE") == "ci"

randoms: Final[SearchStrategy[Random]] = (
    st.randoms(use_true_random=False) if _IS_CI else st.integers(0, _USUAL - 1).map(Random)
)
"""What makes all choices of a text: one of a hundred seeds, which are quick and the same in every run.

In the profile ``ci``, Hypothesis makes each choice by itself: others in every run, and it can make them simpler.
"""

documents: Final[SearchStrategy[dict[str, str]]] = randoms.map(generated.data)
"""The ``data`` of a ConfigMap."""


def texts(key: str) -> SearchStrategy[str]:
    """Well-formed texts of one data key, in every shape, some with values of a wrong type."""
    return randoms.map(lambda random: generated.text(random, key))


def broken_texts(key: str) -> SearchStrategy[str]:
    """Texts of one data key with a few things done to them; many cannot be read any more."""
    return randoms.map(lambda random: mutated(random, [generated.text(random, key) for _ in range(2)]))


def in_volume(number: int) -> int:
    """Return how many texts of one fixed seed to look at: all in the profile ``ci``, and a quarter by default."""
    return number if _IS_CI else number // 4


def examples(number: int) -> settings:
    """Return the decorator of a property that needs another number of examples than most.

    Args:
        number: For the profile ``default``; a profile with more examples multiplies it.
    """
    return settings(max_examples=number * settings().max_examples // _USUAL)
