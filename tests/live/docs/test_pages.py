"""The blocks of README.md and of pages that need a cluster do what the pages show, on the control plane of the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.support.controlplane.tryout import UNSET, tryout
from tests.support.pages import TRY_OUT, run_page
from tests.support.paths import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.controlplane.cluster import Cluster

README: Final = PROJECT / "README.md"
PAGES: Final = [
    README,
    *(page for page in sorted((PROJECT / "docs").rglob("*.md")) if TRY_OUT in page.read_text(encoding="utf-8")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_block_does_what_the_page_shows(
    page: Path, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    with tryout(cluster) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        ran = run_page(page, tmp_path)
    assert ran
    if page == README:
        assert {block.language for block in ran} == {"console", "python"}
