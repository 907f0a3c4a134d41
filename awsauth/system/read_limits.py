"""Reads of files, and of standard input, with bounded memory; their text."""

from __future__ import annotations

import errno
import os
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from typing import IO, Final

# The largest manifest, kubeconfig, policy, plan or certificate, in bytes. A plan is the largest of them. It may
# hold the 1 MiB of a ConfigMap four times: before, after and in changes. Escapes make it longer.
LARGEST_FILE: Final = 16 * 2**20


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Return the contents of a file, which may be a pipe.

    Raises:
        OSError: the file cannot be read, or is larger than `LARGEST_FILE` (`errno.EFBIG`).
        ValueError: the path holds a null character.
    """
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib takes longer to load
        return read_stream(file)


def read_stream(stream: IO[bytes]) -> bytes:
    """Return the rest of a stream.

    Raises:
        OSError: the stream cannot be read, or holds more than `LARGEST_FILE` bytes (`errno.EFBIG`).
    """
    raw = stream.read(LARGEST_FILE + 1)
    if len(raw) > LARGEST_FILE:
        raise OSError(errno.EFBIG, f"it is larger than {LARGEST_FILE // 2**20} MiB")
    return raw


def decoded(raw: bytes) -> str:
    """Return the text of a file; raise ValueError if it has another encoding."""
    try:
        return raw.decode("utf-16" if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8, or in UTF-16 with a byte order mark") from None
