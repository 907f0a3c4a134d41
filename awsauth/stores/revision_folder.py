"""The folder of revisions beside a manifest file: one file for each, written once and never changed."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

from awsauth.core.escaping import visible
from awsauth.core.revision import Revision, info_from_object
from awsauth.errors import HistoryError, RevisionNotFoundError, RevisionTakenError
from awsauth.stores.durability import new_file, synchronise
from awsauth.stores.revision_yaml import from_yaml, metadata_from_yaml, to_yaml
from awsauth.stores.store import Listing, Stranger, no_such_revision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.revision_info import RevisionInfo

_NAME: Final = re.compile(r"([0-9]{6,9})\.revision")
_Identity = tuple[int, int, int]


class RevisionFolder:
    """The folder ``.NAME.history`` beside the manifest ``NAME``; made when the first revision is recorded.

    Files are called ``000007.revision``: what deploys a folder of manifests takes every ``.yaml`` in it. They hold a
    ``ControllerRevision`` as YAML.

    Args:
        manifest: The manifest file; symbolic links are followed each time.
    """

    def __init__(self, manifest: Path) -> None:
        self._manifest = manifest
        self._known: dict[str, tuple[_Identity, RevisionInfo]] = {}

    @property
    def path(self) -> Path:
        """Where the folder is, or would be."""
        target = Path(os.path.realpath(self._manifest))
        return target.parent / f".{target.name}.history"

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
            folder = self._made()
            target = folder / _file_name(revision.number)
            try:
                self._put(target, raw, replaces=False)
            except FileExistsError:
                raise self._taken(revision.number) from None
        return recorded

    def list_all(self) -> Listing:
        """Return what is known about all revisions; only the first lines of their files are read.

        Raises:
            HistoryError: the folder cannot be read.
        """
        revisions, strangers = [], []
        now = datetime.now(timezone.utc)
        with self._translated("The history cannot be listed"):
            names = sorted(path.name for path in self.path.iterdir()) if self._is_there() else []
        for name in names:
            if not name.endswith(".revision"):
                continue
            match = _NAME.fullmatch(name)
            number = int(match[1]) if match else None
            try:
                info = self._info(name, number)
            except FileNotFoundError:
                continue  # Discarded by somebody else in the meantime.
            except HistoryError as error:
                strangers.append(Stranger(name, error.what, number))
                continue
            if info is None:
                strangers.append(Stranger(name, "It is empty: its writer is at work, or was stopped.", number))
            else:
                revisions.append(info)
        revisions.sort(key=lambda info: info.number)
        return Listing(tuple(revisions), now, tuple(strangers))

    def read(self, number: int) -> Revision:
        """Read a revision.

        Raises:
            RevisionNotFoundError: there is no file of that number, or an empty one.
            HistoryError: it cannot be read, or is no revision.
        """
        target = self.path / _file_name(number)
        try:
            with self._translated(f"Revision {number} cannot be read", may_be_absent=True):
                _check_ordinary(_status(target), target.name)
                raw = target.read_bytes()
        except FileNotFoundError:
            raw = b""
        if not raw:
            raise RevisionNotFoundError(no_such_revision(number), where=self._name, cure="List the history.")
        revision = Revision.from_object(from_yaml(raw, visible(str(target))))
        if revision.number != number:
            raise _renamed(target.name, revision.number)
        return revision

    def discard(self, number: int, digest: str) -> None:
        """Delete a revision's file, if it has this digest.

        Raises:
            HistoryError: it cannot be deleted, or is no revision.
        """
        name = _file_name(number)
        with contextlib.suppress(FileNotFoundError):
            info = self._info(name, number)
            if info is None or info.digest != digest:
                return
            with self._translated(f"Revision {number} cannot be deleted", may_be_absent=True):
                (self.path / name).unlink()

    def _info(self, name: str, number: int | None) -> RevisionInfo | None:
        """Return what a file says of its revision, or None for one that is empty yet."""
        path = self.path / name
        with self._translated(f"{name} cannot be read", may_be_absent=True):
            status = _status(path)
            identity = (status.st_ino, status.st_mtime_ns, status.st_size)
            known = self._known.get(name)
            if known and known[0] == identity:
                return known[1]
            _check_ordinary(status, name)
            raw = path.read_bytes()
        if not raw:
            return None
        info = info_from_object(metadata_from_yaml(raw, visible(str(path))))
        if info.number != number:
            raise _renamed(name, info.number)
        self._known[name] = (identity, info)
        return info

    def _is_there(self) -> bool:
        is_something = os.path.lexists(self.path)  # at first: another writer may be about to make it
        is_folder = self.path.is_dir()
        if is_something and not is_folder:
            raise HistoryError(
                "The history is no folder: something else has its name. The manifest was not changed.",
                where=self._name,
                cure="Move it away, or pass history=False to do without a history.",
            )
        return is_folder

    def _made(self) -> Path:
        folder = self.path
        if not self._is_there():
            folder.mkdir(exist_ok=True)
            synchronise(folder.parent)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            # Git would otherwise offer to commit the history of what it keeps the history of itself.
            self._put(ignore, b"*\n", replaces=True)
        return folder

    def _put(self, target: Path, raw: bytes, *, replaces: bool) -> None:
        """Put a file in the folder that is whole from the moment it has its name.

        Raises:
            FileExistsError: there is one of that name, and it is not to be replaced.
        """
        fd, temporary = new_file(target.parent)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(fd)
            # It was made for its owner only; who may read the manifest may read where it comes from.
            temporary.chmod(self._manifest.stat().st_mode & 0o666)
            if replaces or not _linked(temporary, target):
                temporary.replace(target)
            else:
                temporary.unlink()
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        synchronise(target.parent)

    @property
    def _name(self) -> str:
        return visible(str(self.path))

    def _taken(self, number: int) -> RevisionTakenError:
        return RevisionTakenError(
            f"There is a revision {number} already; nothing was changed.",
            where=self._name,
            cure="Another writer was quicker: try again.",
        )

    @contextlib.contextmanager
    def _translated(self, what: str, *, may_be_absent: bool = False) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if may_be_absent and isinstance(error, FileNotFoundError):
                raise  # What that means is the caller's to say.
            raise HistoryError(
                f"{what}: {(error.strerror or str(error)).lower()}. The manifest was not changed.",
                where=self._name,
                cure="See that the folder can be read and written, or pass history=False to do without one.",
            ) from error


def _linked(temporary: Path, target: Path) -> bool:
    """Give a file a second name that nobody has; where there are no such links, take the name empty and return False.

    Raises:
        FileExistsError: somebody has it.
    """
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        return False
    return True


def _status(path: Path) -> os.stat_result:
    """Return what stands at a path, behind links.

    Raises:
        FileNotFoundError: nothing does, not even a link.
        HistoryError: a link that leads nowhere does: it keeps others from the name.
    """
    try:
        return path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            problem = f"{visible(path.name)} is a link that leads nowhere. It is not used."
            raise HistoryError(problem, cure="Delete it if nobody needs it.") from None
        raise


def _check_ordinary(status: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise HistoryError(
            f"{visible(name)} is no ordinary file. It is not used.", cure="Delete it if nobody needs it."
        )


def _file_name(number: int) -> str:
    return f"{number:06}.revision"


def _renamed(name: str, number: int) -> HistoryError:
    return HistoryError(
        f"The file {visible(name)} holds revision {number}: it was renamed or copied by hand. It is not used.",
        cure="Delete it, or give it back its name.",
    )
