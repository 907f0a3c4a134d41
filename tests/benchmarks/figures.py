"""The figures of the last release, to compare with. Each is a ratio within one run, as times depend on the machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.benchmarks.measuring import Times

KEPT: Final = Path(__file__).with_name("figures.json")
HEADS: Final = "figure | now | then | now / then"
_FOUND: Final[dict[str, float]] = {}


def note(name: str, times: Mapping[str, Times], measured: str, yardstick: str) -> None:
    """Note how many times as long as the yardstick `measured` takes."""
    _FOUND[f"{name}: {measured}, in times of {yardstick}"] = times[measured].median / times[yardstick].median


def release() -> str:
    """Return the release of the kept figures."""
    return str(json.loads(KEPT.read_text(encoding="utf-8"))["release"])


def compared_rows() -> Iterator[str]:
    """Compare the figures of this run with those of the last release; a row for each figure that both have."""
    kept = json.loads(KEPT.read_text(encoding="utf-8"))["figures"]
    for name, now in _FOUND.items():
        if name in kept:
            yield f"{name} | {now:.3g} | {kept[name]:.3g} | {now / kept[name]:.2f}"


def keep(made_with: str) -> None:
    """Keep the figures of this run as those of a release."""
    figures = {name: round(ratio, 3) for name, ratio in _FOUND.items()}
    KEPT.write_text(json.dumps({"release": made_with, "figures": figures}, indent=1) + "\n", encoding="utf-8")
