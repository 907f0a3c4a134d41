"""The examples for EKS run: the worker's side, the administrator's side, and a deployment step as Octopus runs it."""

from __future__ import annotations

import pytest

from tests.support.eks_examples import EXAMPLES, run
from tests.support.paths import PROJECT


@pytest.mark.parametrize(
    "script", ["worker.py", "administrator.py", "octopus_step.py", "../cluster/plan_and_approve.py"]
)
def test_without_what_it_needs_an_example_says_so(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    said = run(monkeypatch, script)
    assert isinstance(said, str)
    location = (EXAMPLES / script).resolve().relative_to(PROJECT)
    assert f"python {location}" in said or "not Octopus that runs it" in said
