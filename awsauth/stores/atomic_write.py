"""Files that appear whole or not at all.

They survive a power cut, and no link can redirect them. Another process may replace a name with a link between two
steps. Root would follow it into files of other users. So each step works on an open file, or on a name in an open
folder. It follows no link there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
from typing import TYPE_CHECKING, Final

from awsauth.system.read_limits import LARGEST_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

# Seconds after which a temporary file was left by a writer that was killed. Others rename theirs within one second.
LEFT_BEHIND: Final = 3600.0

# Systems without folder descriptors and these flags, such as Windows, use paths.
_BY_FOLDER: Final = os.open in os.supports_dir_fd
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_FILE: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class Folder:
    """An open folder, in which names are looked up.

    Its path may lead to another folder by now.

    Args:
        path: The folder; the last part of the path must not be a link.

    Raises:
        OSError: it cannot be opened, or is not a folder (see `is_something_else`).
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._fd = os.open(path, _FOLDER) if _BY_FOLDER else None
        if not _BY_FOLDER and not stat.S_ISDIR(os.lstat(path).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd is not None:
            os.close(self._fd)

    @property
    def status(self) -> os.stat_result:
        """The status of the folder itself."""
        return os.lstat(self._path) if self._fd is None else os.fstat(self._fd)

    @property
    def is_ours(self) -> bool:
        """Whether it belongs to this user; True on systems without owners."""
        return _is_ours(self.status)

    def names(self) -> list[str]:
        """Return the names of all files in it."""
        return os.listdir(self._path if self._fd is None else self._fd)

    def find(self, name: str) -> os.stat_result | None:
        """Return the status of a file, or None; of a link, its own."""
        try:
            return os.stat(self._at(name), dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def open(self, name: str, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
        """Open a file.

        Raises:
            OSError: it cannot be opened, or is a link (see `is_something_else`).
        """
        return os.open(self._at(name), flags | _FILE | getattr(os, "O_NOFOLLOW", 0), mode, dir_fd=self._fd)

    def read(self, name: str, most: int = LARGEST_FILE) -> tuple[bytes, os.stat_result]:
        """Return a file's first bytes, at most `most`, and its status.

        Raises:
            OSError: it cannot be read, or is a link.
            ValueError: it cannot be used (see `contents`).
        """
        with closing(self.open(name)) as fd:
            return contents(fd, most), os.fstat(fd)

    def make(self, name: str, mode: int) -> None:
        """Create a folder in it unless the name is taken; the folder survives a power cut."""
        with contextlib.suppress(FileExistsError):
            os.mkdir(self._at(name), mode, dir_fd=self._fd)
            self.synchronise()

    def rename(self, name: str, to: str) -> None:
        """Rename a file, and replace another file of that name."""
        os.replace(self._at(name), self._at(to), src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def name_first(self, name: str, to: str) -> None:
        """Rename a file to a name that only one caller can get.

        On file systems without hard links, other processes may see an empty file of that name for a moment.

        Raises:
            FileExistsError: the name is taken.
        """
        try:
            os.link(self._at(name), self._at(to), src_dir_fd=self._fd, dst_dir_fd=self._fd, follow_symlinks=False)
        except FileExistsError:
            raise
        except OSError:
            os.close(self.open(to, _NEW))
            self.rename(name, to)
        else:
            self.remove(name)

    def remove(self, name: str) -> None:
        """Remove a file."""
        os.unlink(self._at(name), dir_fd=self._fd)

    def give(self, to: os.stat_result) -> None:
        """Give the folder to the owner of a file, if it is root's and empty."""
        if self._fd is not None and self.is_ours and is_root() and not self.names():
            os.fchown(self._fd, to.st_uid, to.st_gid)

    def synchronise(self) -> None:
        """Make new names survive a power cut, on systems that can."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.fsync(self._fd)

    def _at(self, name: str) -> str:
        return os.path.join(self._path, name) if self._fd is None else name


def is_root() -> bool:
    """Whether this user may give files to others."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _is_ours(status: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


@contextlib.contextmanager
def closing(fd: int) -> Iterator[int]:
    """Close an open file after the block."""
    try:
        yield fd
    finally:
        os.close(fd)


def open_file(path: str | os.PathLike[str]) -> int:
    """Open a file for reading, also through links.

    A pipe without a writer does not block.

    Raises:
        OSError: it cannot be opened.
    """
    return os.open(path, os.O_RDONLY | _FILE)


def is_something_else(error: OSError) -> bool:
    """Whether the error means that a file is a link, or a folder a link or file."""
    return error.errno in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR)


def contents(fd: int, most: int = LARGEST_FILE) -> bytes:
    """Return the first bytes of an open file, at most `most`.

    Raises:
        IsADirectoryError: it is a folder.
        ValueError: it is not a regular file, or has more than `LARGEST_FILE` bytes.
    """
    status = os.fstat(fd)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a regular file")
    raw = b""
    if status.st_size <= LARGEST_FILE:
        with os.fdopen(fd, "rb", closefd=False) as file:
            raw = file.read(min(most, LARGEST_FILE + 1))
    size = max(len(raw), status.st_size)
    if size > LARGEST_FILE:
        raise ValueError(f"it has {size:,} bytes, and at most {LARGEST_FILE:,} are read")
    return raw


def replace_file(
    folder: Folder,
    name: str,
    raw: bytes,
    *,
    mode: int,
    owner: os.stat_result | None = None,
    attributes_of: int | None = None,
    prefix: str = ".",
    is_new: bool = False,
) -> None:
    """Write a file in one step: after a crash it has its old contents or the new ones.

    Args:
        folder: The folder of the file.
        name: The file's name.
        raw: The new contents.
        mode: The permissions; without an owner, the umask applies to them.
        owner: A file whose owner and group the file gets; by default, this user's.
        attributes_of: An open file whose extended attributes the file gets.
        prefix: The beginning of the names of temporary files; old ones of killed writers are removed.
        is_new: Whether the name must not be taken.

    Raises:
        FileExistsError: the file is to be new, and the name is taken.
        OSError: the file cannot be written; it is unchanged.
    """
    with contextlib.suppress(OSError):
        _clear(folder, prefix)
    # Without `tempfile`, because importing that takes longer than writing the file.
    temporary = f"{prefix}{os.urandom(8).hex()}.tmp"
    fd = folder.open(temporary, _NEW, 0o600 if owner else mode)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(raw)
            file.flush()
            if owner:
                _give(fd, owner, mode)
            if attributes_of is not None and hasattr(os, "listxattr"):
                for attribute in os.listxattr(attributes_of):
                    with contextlib.suppress(OSError):  # the system owns some, which cannot be set
                        os.setxattr(fd, attribute, os.getxattr(attributes_of, attribute))
            os.fsync(fd)
        if is_new:
            folder.name_first(temporary, name)
        else:
            folder.rename(temporary, name)
    except BaseException:
        with contextlib.suppress(OSError):
            folder.remove(temporary)
        raise
    folder.synchronise()


def _give(fd: int, owner: os.stat_result, mode: int) -> None:
    made = os.fstat(fd)
    if hasattr(os, "fchown") and (owner.st_uid, owner.st_gid) != (made.st_uid, made.st_gid):
        os.fchown(fd, owner.st_uid, owner.st_gid)
    if hasattr(os, "fchmod"):
        os.fchmod(fd, mode)


def _clear(folder: Folder, prefix: str) -> None:
    """Remove the temporary files of killed writers."""
    for name in filter(re.compile(re.escape(prefix) + r"[0-9a-f]{16}\.tmp").fullmatch, folder.names()):
        status = folder.find(name)
        is_old = status and time.time() - status.st_mtime > LEFT_BEHIND
        if status and is_old and stat.S_ISREG(status.st_mode) and _is_ours(status):
            folder.remove(name)
