"""The cluster of the recovery tests: its API server asks the stand-in for EKS about access entries first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests.live.recovery.conftest import caller, front, stage
from tests.support.entry_changes import Entries
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.support.recovery_stage import Stage

__all__ = ["caller", "front", "stage"]


@pytest.fixture
def entries(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Entries:
    """Return a cluster of mode API, whose caller is an administrator by its access entry. Nothing settles."""
    monkeypatch.setattr("awsauth.entries.engine.SETTLES", 0.0)
    monkeypatch.setattr("awsauth.entries.engine.NEW_PRINCIPAL", PATIENCE)
    monkeypatch.setattr("awsauth.aws.access_entries.SHOWN_WITHIN", PATIENCE)
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))  # between its own attempts
    return Entries(stage)
