"""The cluster of the recovery tests: its API server asks the stand-in for EKS about access entries first."""

from __future__ import annotations

from tests.live.recovery.conftest import caller, front, stage

__all__ = ["caller", "front", "stage"]
