"""Folders of the project, wherever a test is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PROJECT: Final = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").is_file())
GOLDEN: Final = PROJECT / "tests" / "golden"
EXAMPLE: Final = PROJECT / "examples" / "aws-auth.yaml"
