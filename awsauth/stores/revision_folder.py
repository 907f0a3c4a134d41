"""The folder of revisions beside a manifest file: one file for each, written once and never changed."""

from __future__ import annotations

import contextlib
import os
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

from awsauth.core.revisions.info import Head
from awsauth.core.revisions.revision import Revision, info_from_object
from awsauth.core.text.display import visible
from awsauth.errors import HistoryError, RevisionNotFoundError, RevisionTakenError
from awsauth.stores.atomic_write import LARGEST, Folder, is_root, is_something_else, replace_file
from awsauth.stores.revision_yaml import from_yaml, metadata_from_yaml, to_yaml
from awsauth.stores.store import InvalidRevision, RevisionList, no_such_revision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.revisions.info import RevisionInfo

_APPLIED: Final = "applied"
BEGUN: Final = " begun"
"""The end of a note whose writer is about to write the manifest, or was stopped before or after that."""

_NOTE: Final = re.compile(rf"([1-9][0-9]{{0,8}}) ([0-9a-f]{{64}}) ([0-9a-f]{{64}})({BEGUN})?")
_TAIL: Final = 8192
"""Bytes at the end of the notes that are read: some fifty notes, of which the highest number counts."""

_NAME: Final = re.compile(r"([0-9]{6,9})\.revision")
_HEAD: Final = 1024 * 1024
"""Bytes of a file within which its metadata ends; the annotations of an object may have 256 KiB."""

_Identity = tuple[int, int, int]


class RevisionFolder:
    """The folder ``.NAME.history`` beside the manifest ``NAME``; made when the first revision is recorded.

    Files are called ``000007.revision``: what deploys a folder of manifests takes every ``.yaml`` in it. They hold a
    ``ControllerRevision`` as YAML. Links are not followed, and a folder of another user than the manifest's owner,
    this user or root is not used: it would decide what a rollback restores.

    Args:
        manifest: The manifest file; symbolic links are followed each time.
    """

    def __init__(self, manifest: Path) -> None:
        self._manifest = manifest
        self._known: dict[str, tuple[_Identity, RevisionInfo]] = {}

    def record(self, revision: Revision) -> Revision:
        """Write a revision's file.

        The file is written under another name, and then given its own, which only one writer can get. Nobody ever
        sees half a revision; where there are no hard links, somebody may see an empty one for a moment.

        Raises:
            RevisionTakenError: there is a file of that number.
            HistoryError: the folder cannot be written.
        """
        recorded = revision.recorded(datetime.now(timezone.utc))
        raw = to_yaml(recorded.to_object()).encode("utf-8")
        with self._translated(f"Revision {revision.number} cannot be written"):
            if len(raw) > LARGEST:
                raise ValueError(f"it has {len(raw):,} bytes, and at most {LARGEST:,} can be read again")
            with self._made() as (folder, manifest):
                try:
                    _put(folder, _file_name(revision.number), raw, manifest)
                except FileExistsError:
                    raise self._taken(revision.number) from None
        return recorded

    def list_all(self) -> RevisionList:
        """Return what is known about all revisions; only the first lines of their files are read.

        Raises:
            HistoryError: the folder cannot be read.
        """
        revisions: list[RevisionInfo] = []
        strangers: list[InvalidRevision] = []
        now = datetime.now(timezone.utc)
        with contextlib.suppress(FileNotFoundError), self._reading("The history cannot be listed") as folder:
            for name in sorted(name for name in folder.names() if name.endswith(".revision")):
                match = _NAME.fullmatch(name)
                number = int(match[1]) if match else None
                try:
                    info = self._info(folder, name, number)
                except FileNotFoundError:
                    continue  # Discarded by somebody else in the meantime.
                except HistoryError as error:
                    strangers.append(InvalidRevision(name, error.message, number))
                    continue
                if info is None:
                    strangers.append(
                        InvalidRevision(name, "It is empty: its writer is at work, or was stopped.", number)
                    )
                else:
                    revisions.append(info)
        revisions.sort(key=lambda info: info.number)
        return RevisionList(tuple(revisions), now, tuple(strangers))

    def read(self, number: int) -> Revision:
        """Read a revision.

        Raises:
            RevisionNotFoundError: there is no file of that number, or an empty one.
            HistoryError: it cannot be read, or is no revision.
        """
        name = _file_name(number)
        raw = b""
        with (
            contextlib.suppress(FileNotFoundError),
            self._reading(f"Revision {number} cannot be read") as folder,
            _usable(name),
        ):
            raw, _ = folder.read(name)
        if not raw:
            raise RevisionNotFoundError(no_such_revision(number), location=self._name, hint="List the history.")
        revision = Revision.from_object(from_yaml(raw, self._path_of(name)))
        if revision.number != number:
            raise _renamed(name, revision.number)
        return revision

    def discard(self, number: int, digest: str) -> None:
        """Delete a revision's file, if it has this digest.

        Raises:
            HistoryError: it cannot be deleted, or is no revision.
        """
        name = _file_name(number)
        with contextlib.suppress(FileNotFoundError), self._reading(f"Revision {number} cannot be deleted") as folder:
            info = self._info(folder, name, number)
            if info and info.digest == digest:
                folder.remove(name)

    def note(self, head: Head, state: str = "") -> None:
        """Note that the manifest is at a revision, or is about to be (see `BEGUN`).

        Lines are only ever appended, so that writers need no lock.
        """
        with contextlib.suppress(OSError, HistoryError), self._made() as (folder, manifest):
            if not folder.find(_APPLIED):
                with contextlib.suppress(FileExistsError):
                    _put(folder, _APPLIED, b"", manifest)
            fd = folder.open(_APPLIED, os.O_WRONLY | os.O_APPEND)
            with os.fdopen(fd, "ab", buffering=0) as file:
                file.write(
                    f"\n{head.number} {head.digest} {head.data_digest}{state}\n".encode()
                )  # after half a line, too

    def applied(self, present: str) -> Head | None:
        """Return the newest revision that the manifest is known to have been at; None if the folder cannot be used.

        Args:
            present: The digest of the data that the manifest holds.
        """
        with contextlib.suppress(OSError, HistoryError), self._reading("The history cannot be read") as folder:
            with os.fdopen(folder.open(_APPLIED), "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
                lines = file.read(_TAIL).decode("ascii", "replace").splitlines()
            noted = [
                Head(int(found[1]), found[2], found[3])
                for line in lines
                if (found := _NOTE.fullmatch(line)) and (not found[4] or found[3] == present)
            ]
            return max(noted, default=None)
        return None

    def _info(self, folder: Folder, name: str, number: int | None) -> RevisionInfo | None:
        """Return what a file says of its revision, or None for one that is empty yet."""
        with _usable(name):
            raw, status = folder.read(name, _HEAD)
        identity = (status.st_ino, status.st_mtime_ns, status.st_size)
        known = self._known.get(name)
        if known and known[0] == identity:
            return known[1]
        if not raw:
            return None
        info = info_from_object(metadata_from_yaml(raw, self._path_of(name)))
        if info.number != number:
            raise _renamed(name, info.number)
        self._known[name] = (identity, info)
        return info

    @contextlib.contextmanager
    def _reading(self, doing: str) -> Iterator[Folder]:
        """Open the folder; a FileNotFoundError says that the folder, or a file in it, is not there."""
        with self._translated(doing, may_be_absent=True), self._opened(self._owner()) as folder:
            yield folder

    @contextlib.contextmanager
    def _made(self) -> Iterator[tuple[Folder, os.stat_result]]:
        """Open the folder, after making it where there is none; with the status of the manifest."""
        manifest = self._owner()
        path = self._path
        if not os.path.lexists(path):
            with Folder(path.parent) as parent:
                parent.make(path.name, 0o755)
        with self._opened(manifest) as folder:
            folder.give(manifest)
            if not folder.find(".gitignore"):
                # Git would otherwise offer to commit the history of what it keeps the history of itself.
                _put(folder, ".gitignore", b"*\n", manifest, is_new=False)
            yield folder, manifest

    def _owner(self) -> os.stat_result:
        """Return the status of the manifest, or where it is gone of the folder that it was in."""
        try:
            return self._manifest.stat()
        except FileNotFoundError:
            return self._path.parent.stat()

    def _opened(self, manifest: os.stat_result) -> Folder:
        try:
            folder = Folder(self._path)
        except OSError as error:
            if not is_something_else(error):
                raise
            raise HistoryError(
                "The history is not a folder: a link or a file has its name. The manifest was not changed.",
                location=self._name,
                hint="Move it away, or pass history=False to do without a history.",
            ) from error
        owner = folder.status.st_uid
        if owner not in (0, manifest.st_uid, *((os.geteuid(),) if hasattr(os, "geteuid") else ())):
            with folder:
                raise HistoryError(
                    f"The folder of the history belongs to user {owner}, and the manifest to user {manifest.st_uid}: "
                    "another user may have put the folder there. The manifest was not changed.",
                    location=self._name,
                    hint="Look at what is in it, and move it away or make the manifest's owner its owner; "
                    "or pass history=False to do without a history.",
                )
        return folder

    @property
    def _path(self) -> Path:
        target = Path(os.path.realpath(self._manifest))
        return target.parent / f".{target.name}.history"

    @property
    def _name(self) -> str:
        return visible(str(self._path))

    def _path_of(self, name: str) -> str:
        return visible(str(self._path / name))

    def _taken(self, number: int) -> RevisionTakenError:
        return RevisionTakenError(
            f"There is a revision {number} already; nothing was changed.",
            location=self._name,
            hint="Another writer was quicker: try again.",
        )

    @contextlib.contextmanager
    def _translated(self, message: str, *, may_be_absent: bool = False) -> Iterator[None]:
        try:
            yield
        except HistoryError:
            raise
        except (OSError, ValueError) as error:
            if may_be_absent and isinstance(error, FileNotFoundError):
                raise  # What that means is the caller's to say.
            problem = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
            raise HistoryError(
                f"{message}: {problem}. The manifest was not changed.",
                location=self._name,
                hint="See that the folder can be read and written, or pass history=False to do without one.",
            ) from error


def _put(folder: Folder, name: str, raw: bytes, manifest: os.stat_result, *, is_new: bool = True) -> None:
    """Write a file; who may read the manifest may read where it comes from, and its owner owns what root makes."""
    owner = manifest if is_root() else None
    replace_file(folder, name, raw, mode=manifest.st_mode & 0o644, owner=owner, is_new=is_new)


@contextlib.contextmanager
def _usable(name: str) -> Iterator[None]:
    """Refuse what is not a revision's file before it is read."""
    try:
        yield
    except (OSError, ValueError) as error:
        problem = str(error) if isinstance(error, ValueError) else "it is not a regular file"
        if isinstance(error, OSError) and not (is_something_else(error) or isinstance(error, IsADirectoryError)):
            raise
        raise HistoryError(f"{visible(name)} is not used: {problem}.", hint="Delete it if nobody needs it.") from error


def _file_name(number: int) -> str:
    return f"{number:06}.revision"


def _renamed(name: str, number: int) -> HistoryError:
    return HistoryError(
        f"The file {visible(name)} holds revision {number}: it was renamed or copied by hand. It is not used.",
        hint="Delete it, or give it back its name.",
    )
