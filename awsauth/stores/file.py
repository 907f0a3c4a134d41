"""A manifest file on disk: read whole, written whole or not at all, and only if it is still the one that was read."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from awsauth.core.document.document import Document
from awsauth.core.manifest.locate import origins
from awsauth.core.manifest.manifest import Manifest
from awsauth.core.manifest.source import Encoding, decode_manifest
from awsauth.core.revisions.annotations import owners_of
from awsauth.core.revisions.info import data_digest
from awsauth.core.text.display import command_line, visible
from awsauth.errors import FileChangedError, FileError, ManifestError
from awsauth.retry import Backoff
from awsauth.stores.atomic_write import Folder, contents, is_something_else, open_file, replace_file
from awsauth.stores.owners_file import OwnersFile
from awsauth.stores.revision_folder import BEGUN, RevisionFolder
from awsauth.stores.revision_yaml import to_yaml
from awsauth.stores.store import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from awsauth.core.revisions.info import Head
    from awsauth.core.revisions.revision import Revision
    from awsauth.stores.store import RevisionList


LOCKED: Final = 30.0
"""Seconds to wait for a lock: other writers of this library hold it for as long as the disk takes for one file."""


_PROBLEMS: Final = {
    errno.ENOENT: ("there is no such file", "Give the path of a manifest that holds the aws-auth ConfigMap."),
    errno.EISDIR: ("it is a directory", "Give the path of a manifest file."),
    errno.EACCES: ("permission is denied", "Run as somebody who may read and write the file and its directory."),
    errno.EPERM: ("permission is denied", "Run as somebody who may read and write the file and its directory."),
    errno.EROFS: ("the file system is read-only", "Work on a copy elsewhere."),
    errno.ENOSPC: ("the disk is full", "Free some space and try again."),
    errno.ELOOP: ("its symbolic links lead in a circle", "Repair the links."),
}


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was read: what it says, and the bytes by which it is known again."""

    manifest: Manifest = field(repr=False)
    encoding: Encoding
    raw: bytes = field(repr=False)

    @property
    def data(self) -> Mapping[str, str]:
        """The data of the ConfigMap in the file."""
        return self.manifest.data


class ManifestFile:
    """The file at `path`; a symbolic link is followed, and stays one.

    Writers that use this class cannot lose each other's changes. Another program that writes the file at the same
    moment is noticed, but for the instant between the last look and the exchange.

    Args:
        path: The file.
        normalize: Whether a write makes literal blocks of values that cannot be edited in place.
    """

    def __init__(self, path: str | os.PathLike[str], *, normalize: bool = False) -> None:
        self.path = Path(path)
        self._normalize = normalize

    def read(self) -> FileState:
        """Read the file.

        Raises:
            FileError: it cannot be read.
            ManifestError: it holds no ``aws-auth`` that can be read.
        """
        with self._translated("read"):
            fd = open_file(self.path)
            try:
                raw = contents(fd)
            finally:
                os.close(fd)
        with self._located():
            text, encoding = decode_manifest(raw)
            manifest = Manifest.parse(text)
            return FileState(manifest.in_literal_blocks() if self._normalize else manifest, encoding, raw)

    def write(
        self, data: Mapping[str, str], base: FileState, begin: Callable[[], None] | None = None, *, always: bool = False
    ) -> FileState:
        """Write other data into the file, and return its new state.

        The new file takes the place of the old one in one step, with its mode, owner and extended attributes.

        Args:
            data: The data.
            base: The file as it was read.
            begin: Called before that step, while no other writer can make it.
            always: Whether to take that step also when the text stays.

        Raises:
            FileChangedError: the file is no longer `base`.
            FileError: it cannot be written.
            ManifestError: the manifest cannot be edited.
        """
        state = self._edited(data, base)
        if always or state.raw != base.raw:
            with self._translated("written"):
                self._exchange(Path(os.path.realpath(self.path)), state.raw, base.raw, begin)
        return state

    def create(self, text: str) -> FileState:
        """Write a file that is not there.

        Raises:
            FileChangedError: it is there by now.
            FileError: it cannot be written.
        """
        target = Path(os.path.realpath(self.path))
        with self._translated("written"), Folder(target.parent) as folder:
            try:
                replace_file(folder, target.name, text.encode(), mode=0o644, prefix=f".{target.name}.", is_new=True)
            except FileExistsError:
                raise self.changed() from None
        return self.read()

    def check_edit(self, data: Mapping[str, str], base: FileState) -> None:
        """Check that the file can be edited so, as far as that can be told without writing it.

        Raises:
            FileError: it is read-only.
            ManifestError: the manifest cannot be edited.
        """
        self._edited(data, base)
        self.check_replaceable()

    def check_replaceable(self) -> None:
        """Check that this user may give the file other contents without changing what else it is.

        Raises:
            FileError: it is read-only, or belongs to another user.
        """
        with self._translated("written"):
            self._check_status(self.path.stat())

    def _edited(self, data: Mapping[str, str], base: FileState) -> FileState:
        with self._located():
            text = base.manifest.with_data(data)
            return FileState(Manifest.parse(text), base.encoding, base.encoding.encode(text))

    def _check_status(self, status: os.stat_result) -> None:
        if not status.st_mode & 0o222:
            path = os.fspath(self.path)
            command = command_line("chmod", "u+w", f"./{path}" if path.startswith("-") else path)
            failure = FileError(
                "The file is read-only; nothing was changed.", location=self._name, hint=f"Run `{command}`."
            )
            failure.errno = errno.EACCES
            raise failure
        if hasattr(os, "geteuid") and os.geteuid() not in (0, status.st_uid):
            failure = FileError(
                "The file belongs to another user, and only that user or root can write it so that it still does; "
                "nothing was changed.",
                location=self._name,
                hint="Run it as the owner of the file.",
            )
            failure.errno = errno.EPERM
            raise failure

    def _exchange(self, target: Path, raw: bytes, expected: bytes, begin: Callable[[], None] | None) -> None:
        name = target.name
        with Folder(target.parent) as folder:
            try:
                fd = folder.open(name)
            except OSError as error:
                raise self.changed() if is_something_else(error) else error from None
            try:
                self._lock(fd)
                status, current = os.fstat(fd), folder.find(name)
                if not current or not os.path.samestat(status, current) or contents(fd) != expected:
                    raise self.changed()
                self._check_status(status)
                if begin:
                    begin()
                mode = stat.S_IMODE(status.st_mode)
                replace_file(folder, name, raw, mode=mode, owner=status, attributes_of=fd, prefix=f".{name}.")
            finally:
                os.close(fd)

    def changed(self) -> FileChangedError:
        """Return the error for a file that another writer has changed."""
        return FileChangedError(
            "Somebody else has written the file since it was read; nothing was changed.",
            location=self._name,
            hint="Run it again: it starts from the file as it is now.",
        )

    def _lock(self, fd: int) -> None:
        """Wait until no other writer is between its last look at the file and the exchange."""
        try:
            import fcntl
        except ImportError:  # Windows: what remains is the comparison.
            return None
        for _ in Backoff(LOCKED, longest=0.02):
            try:
                return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            except OSError:
                return None  # Some network file systems have no locks.
        raise FileError(
            f"Another program has had the file locked for {LOCKED:g} seconds; nothing was changed.",
            location=self._name,
            hint=f"See which one, with fuser {self._name}, and try again when it is done.",
        )

    @property
    def _name(self) -> str:
        return visible(os.fspath(self.path))

    @contextlib.contextmanager
    def _translated(self, done: str) -> Iterator[None]:
        try:
            yield
        except FileError:
            raise
        except (OSError, ValueError) as error:
            number = error.errno if isinstance(error, OSError) else None
            problem, hint = _PROBLEMS.get(number or 0, (str(error), "Check the path."))
            failure = FileError(
                f"The file cannot be {done}: {problem}. Nothing was changed.", location=self._name, hint=hint
            )
            failure.errno, failure.filename = number, os.fspath(self.path)
            raise failure from error

    @contextlib.contextmanager
    def _located(self) -> Iterator[None]:
        """Name the file in front of the line that a manifest's error names."""
        try:
            yield
        except ManifestError as error:
            location = f"{self._name}, {error.location}" if error.location else self._name
            raise ManifestError(error.message, location=location, hint=error.hint) from error


class FileStore:
    """The ``aws-auth`` in a manifest file; its revisions are in the folder ``.NAME.history`` beside it.

    The manifest never names its revision: that would change the file by more than was asked for. The folder keeps a
    list of the revisions that the manifest has been at. What owners applied is in the file ``.NAME.owners.json``, which
    belongs into git with the manifest. Behind a symbolic link, the history is beside the file that the link leads to.

    Args:
        path: The manifest file, which has to exist.
        may_be_gone: Whether a manifest that is gone, and has a history, is read as one that does not exist.
        normalize: Whether a write makes literal blocks of values that cannot be edited in place.
    """

    def __init__(self, path: str | os.PathLike[str], *, may_be_gone: bool = False, normalize: bool = False) -> None:
        self._manifest = ManifestFile(path, normalize=normalize)
        self._revisions = RevisionFolder(self._manifest.path)
        self._owners = OwnersFile(self._manifest.path)
        self._may_be_gone = may_be_gone

    def for_restoration(self) -> FileStore:
        """Return this store as one that a rollback of a deleted manifest uses (see `SupportsRestoration`)."""
        return FileStore(self._manifest.path, may_be_gone=True)

    def read(self) -> Snapshot:
        """Return the manifest's ConfigMap as it is now.

        Raises:
            FileError: the file cannot be read.
            ManifestError: it holds no ``aws-auth`` that can be read.
        """
        try:
            state = self._manifest.read()
        except FileError as error:
            if error.errno == errno.ENOENT and (head := self._revisions.applied("")):
                if self._may_be_gone:
                    return Snapshot(Document({}), "", exists=False, head=head)
                error.hint += (
                    f" Its history is still there, up to revision {head.number}: rollback() makes the file anew."
                )
            raise
        return _snapshot(state, self._revisions.applied(data_digest(state.data)), self._owners.read())

    def write(self, data: Mapping[str, str], base: Snapshot, revision: Revision | None) -> Snapshot:
        """Write other data into the manifest (see `Store.write`).

        Raises:
            FileChangedError: the file is no longer the one that was read.
            FileError: it cannot be written.
            ManifestError: the manifest cannot be edited.
        """
        if revision and not base.exists:
            state = self._manifest.create(to_yaml(revision.config_map()))
            self._revisions.note(revision.info.head)
            return _snapshot(state, revision.info.head, self._owners.read())
        if revision is None:
            return _snapshot(self._manifest.write(data, cast("FileState", base.raw)), base.head, base.annotations)
        head, owners = revision.info.head, owners_of(revision.annotations)

        def begin() -> None:
            if self._owners.read() != owners_of(base.annotations):
                raise self._manifest.changed()
            if owners != base.annotations:
                self._owners.write(owners)
            self._revisions.note(head, BEGUN)

        state = self._manifest.write(data, cast("FileState", base.raw), begin, always=owners != base.annotations)
        self._revisions.note(head)
        return _snapshot(state, head, owners)

    def check_edit(self, data: Mapping[str, str], base: Snapshot) -> None:
        """Check that the manifest can be edited so (see `TextStore.check_edit`).

        Raises:
            FileError: the file is read-only.
            ManifestError: the manifest cannot be edited.
        """
        if base.exists:
            self._manifest.check_edit(data, cast("FileState", base.raw))

    def record(self, revision: Revision) -> Revision:
        """Add a revision (see `Store.record`); its time is that of this machine.

        Raises:
            FileError: the manifest that it is for cannot be written.
        """
        if not self._may_be_gone or self._manifest.path.exists():
            self._manifest.check_replaceable()
        return self._revisions.record(revision)

    def list_revisions(self) -> RevisionList:
        """Return what is known about all revisions, without their data."""
        return self._revisions.list_all()

    def read_revision(self, number: int) -> Revision:
        """Return a revision with its data (see `Store.read_revision`)."""
        return self._revisions.read(number)

    def discard_revision(self, number: int, digest: str) -> None:
        """Delete the revision, if it has this digest."""
        self._revisions.discard(number, digest)


def _snapshot(state: FileState, head: Head | None, owners: Mapping[str, str]) -> Snapshot:
    return Snapshot(
        Document(state.data, origins=origins(state.manifest)),
        hashlib.sha256(state.raw).hexdigest(),
        head=head,
        annotations=owners,
        findings=state.manifest.findings,
        raw=state,
    )
