"""A real Chromium without a window, that keeps what a page asks for and complains about."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.support.missing import skip_but_in_ci
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import BrowserContext

_FLAGS: Final = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
MISSING: Final = "Chromium is not installed. On Debian, run: apt-get install chromium"


@dataclass
class Tab:
    """A page of the browser, with its requests and its complaints so far."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@dataclass
class Browser:
    """A browser with an empty profile."""

    context: BrowserContext
    folder: Path

    def open(self, html: str, *, width: int = 1280, anchor: str = "", dark: bool = False) -> Tab:
        """Show a page from a file, and return when it is loaded."""
        path = self.folder / "page.html"
        path.write_text(html, encoding="ascii")
        tab = Tab(self.context.new_page())
        tab.page.set_default_timeout(PATIENCE * 1000)
        tab.page.set_viewport_size({"width": width, "height": 900})
        tab.page.emulate_media(color_scheme="dark" if dark else "light")
        tab.page.on("request", lambda request: tab.requests.append(request.url))
        tab.page.on("console", lambda message: tab.complaints.append(message.text))
        tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.page.goto(f"{path.as_uri()}{anchor}")
        return tab


@contextmanager
def browser() -> Iterator[Browser]:
    """Start the system's Chromium; without one, skip, which is an error in CI."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not program:
        if os.environ.get("AWSAUTH_REQUIRE_ORACLE"):  # .ci/run sets it
            pytest.fail(MISSING)
        skip_but_in_ci(MISSING)
    with tempfile.TemporaryDirectory() as profile, tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            profile, executable_path=program, args=_FLAGS, headless=True, offline=True, timeout=PATIENCE * 1000
        )
        yield Browser(context, Path(folder))
        context.close()
