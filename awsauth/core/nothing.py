"""The empty mapping that is everybody's default."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})
"""No entries; shared, because nobody can change it."""
