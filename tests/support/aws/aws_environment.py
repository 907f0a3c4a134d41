"""An environment in which boto3 finds what a test gives it, and nothing of the machine's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}


def only(
    monkeypatch: pytest.MonkeyPatch, folder: Path, variables: Mapping[str, str], *, config: str = "", keys: str = ""
) -> None:
    """Set `variables` and nothing else that AWS's tools look at, but for switching instance metadata off.

    Args:
        monkeypatch: What undoes it.
        folder: Where the configuration files are put.
        variables: May switch instance metadata on again.
        config: The text of ``~/.aws/config``.
        keys: That of ``~/.aws/credentials``.
    """
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name, text in (("AWS_CONFIG_FILE", config), ("AWS_SHARED_CREDENTIALS_FILE", keys)):
        path = folder / name.lower()
        path.write_text(text, encoding="utf-8")
        monkeypatch.setenv(name, str(path))
    for name, value in ({"AWS_EC2_METADATA_DISABLED": "true"} | dict(variables)).items():
        monkeypatch.setenv(name, value)
