"""What it takes for a file to appear whole or not at all, and to outlive a power cut."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

LEFT_BEHIND: Final = 3600.0
"""Seconds after which nobody comes back to a file that `new_file` has made: it is given its own name in one."""


def new_file(folder: Path, prefix: str = ".") -> tuple[int, Path]:
    """Make a file for its owner only, under a name that nothing else has, and return it open with its path.

    What writers that were killed have left behind under such names goes, where it is this user's.

    By hand: to import `tempfile` takes longer than to write the file.
    """
    with contextlib.suppress(OSError):
        _clear(folder, prefix)
    path = folder / f"{prefix}{os.urandom(8).hex()}.tmp"
    binary = getattr(os, "O_BINARY", 0)  # of Windows
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | binary, 0o600), path


def _clear(folder: Path, prefix: str) -> None:
    name = re.compile(re.escape(prefix) + r"[0-9a-f]{16}\.tmp")
    with os.scandir(folder) as entries:
        for entry in entries:
            if name.fullmatch(entry.name) and _is_left_behind(entry.stat(follow_symlinks=False)):
                (folder / entry.name).unlink()


def _is_left_behind(status: os.stat_result) -> bool:
    is_ours = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    return is_ours and stat.S_ISREG(status.st_mode) and time.time() - status.st_mtime > LEFT_BEHIND


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
