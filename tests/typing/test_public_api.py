"""The file that mypy checks in the place of users names all that is public."""

from __future__ import annotations

import re
from pathlib import Path

import awsauth


def test_every_public_name_is_used_as_users_would() -> None:
    text = Path(__file__).with_name("public_api.py").read_text(encoding="utf-8")
    assert set(awsauth.__all__) - set(re.findall(r"\bawsauth\.(\w+)", text)) == set()
