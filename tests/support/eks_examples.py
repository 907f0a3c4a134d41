"""Run the examples for EKS, also as Octopus Deploy does."""

from __future__ import annotations

import base64
import runpy
import sys
from typing import TYPE_CHECKING, Any

from tests.support.paths import PROJECT

if TYPE_CHECKING:
    import pytest

EXAMPLES = PROJECT / "examples" / "eks"


def run(monkeypatch: pytest.MonkeyPatch, script: str, *arguments: str) -> object:
    """Run an example as the interpreter does, and return with what it exits; None where it does not say."""
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    try:
        runpy.run_path(str(EXAMPLES / script), run_name="__main__")
    except SystemExit as end:
        return end.code
    return None


class Octopus:
    """Stands in for what Octopus puts around a Python script: its predefined functions, and service messages."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.variables = variables

    def globals(self) -> dict[str, Any]:
        """Return what the script finds."""
        names = ("get_octopusvariable", "set_octopusvariable", "printwarning", "printhighlight", "failstep")
        return {name: getattr(self, name) for name in names}

    def get_octopusvariable(self, key: str) -> str:
        return self.variables[key]

    def set_octopusvariable(self, name: str, value: str, sensitive: bool = False) -> None:  # noqa: FBT001, FBT002 - theirs
        assert not sensitive
        self._tell("setVariable", name=name, value=value)

    def printwarning(self, message: str) -> None:
        print(f"##octopus[stdout-warning]\n{message}\n##octopus[stdout-default]")

    def printhighlight(self, message: str) -> None:
        print(f"##octopus[stdout-highlight]\n{message}\n##octopus[stdout-default]")

    def failstep(self, message: str) -> None:
        self._tell("resultMessage", message=message)
        raise SystemExit(-1)

    def _tell(self, kind: str, **fields: str) -> None:
        shown = " ".join(f"{name}='{base64.b64encode(text.encode()).decode()}'" for name, text in fields.items())
        print(f"##octopus[{kind} {shown}]")
