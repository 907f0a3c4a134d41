"""What all tests share: the real documents, and the authenticator's own reader."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.authenticator import Authenticator
from tests.oracle_binary import NoGoError, oracle_binary

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Return the folder of real documents, named by AWSAUTH_CORPUS or beside the clone; skip where there is none."""
    folder = Path(os.environ.get("AWSAUTH_CORPUS") or PROJECT.parent / "shared" / "corpus")
    if not (folder / "INDEX.tsv").is_file():
        pytest.skip(f"no corpus of real documents in {folder}: name it in AWSAUTH_CORPUS")
    return folder


@pytest.fixture(scope="session")
def authenticator(request: pytest.FixtureRequest) -> Iterator[Authenticator]:
    """Yield the authenticator's own reader; skip where there is no Go to build it, other than in CI.

    CI is where ``CI`` or ``AWSAUTH_REQUIRE_ORACLE`` is set to something.
    """
    capture = request.config.pluginmanager.getplugin("capturemanager")
    try:
        # The first build takes minutes: whoever waits should see why.
        with capture.global_and_fixture_disabled():
            binary = oracle_binary()
    except NoGoError as error:
        if os.environ.get("CI") or os.environ.get("AWSAUTH_REQUIRE_ORACLE"):
            raise
        pytest.skip(f"the authenticator cannot be built to compare with: {error}")
    with Authenticator(binary) as authenticator:
        yield authenticator
