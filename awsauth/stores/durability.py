"""What it takes for a file to appear whole or not at all, and to outlive a power cut."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def new_file(folder: Path, prefix: str = ".") -> tuple[int, Path]:
    """Make a file for its owner only, under a name that nothing else has, and return it open with its path.

    By hand: to import `tempfile` takes longer than to write the file.
    """
    path = folder / f"{prefix}{os.urandom(8).hex()}.tmp"
    binary = getattr(os, "O_BINARY", 0)  # of Windows
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | binary, 0o600), path


def synchronise(folder: Path) -> None:
    """Make new names in a folder outlive a power cut, where folders can be synchronised."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(fd)
    finally:
        os.close(fd)
