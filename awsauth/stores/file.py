"""A manifest file: read whole, and written whole or not at all.

It is written only if it has not changed since it was read.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Final, NamedTuple, cast

from awsauth.core.document.document import Document
from awsauth.core.findings import warning
from awsauth.core.manifest.manifest import Manifest
from awsauth.core.manifest.source import Encoding, decode_manifest
from awsauth.core.revisions.info import Head, owners_of
from awsauth.core.revisions.revision import Revision
from awsauth.core.text.display import command_line, visible
from awsauth.errors import AwsAuthError, FileChangedError, FileError, HistoryError
from awsauth.stores.atomic_write import Folder, closing, contents, is_something_else, open_file, replace_file
from awsauth.stores.owners_file import OwnersFile
from awsauth.stores.revision_folder import BEGUN, RevisionFolder, to_yaml
from awsauth.stores.store import Snapshot, Store
from awsauth.system.backoff import Backoff

LOCKED: Final = 30.0  # seconds to wait for a lock; other writers of this library hold it while the disk writes one file

_READS: Final = 10  # how often the manifest and its history are read until both are of one moment

_DENIED: Final = ("permission is denied", "Run as a user who may read and write the file and its directory.")
_PROBLEMS: Final = {
    errno.ENOENT: ("there is no such file", "Give the path of a manifest that holds the aws-auth ConfigMap."),
    errno.EISDIR: ("it is a directory", "Give the path of a manifest file."),
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: ("the file system is read-only", "Work on a copy in another place."),
    errno.ENOSPC: ("the disk is full", "Free some space and try again."),
    errno.ELOOP: ("its symbolic links lead in a circle", "Repair the links."),
}


_Context = AbstractContextManager[None]
_ALONE: Final[_Context] = contextlib.nullcontext()


@contextlib.contextmanager
def naming_file(name: str) -> Iterator[None]:
    """Name a file before the location of errors in the block."""
    try:
        yield
    except AwsAuthError as error:
        error.location = ", ".join(filter(None, [name, error.location]))
        raise


class FileState(NamedTuple):
    """A file as it was read: its manifest, its bytes, and its name in errors.

    The bytes show whether the file has changed since.
    """

    manifest: Manifest
    encoding: Encoding
    raw: bytes
    name: str

    @classmethod
    def of(cls, raw: bytes, name: str, *, normalize: bool = False) -> FileState:
        """Return the state of a file with these bytes; `normalize` as for `ManifestFile`.

        Raises:
            ManifestError: it holds no ``aws-auth`` that can be read.
        """
        with naming_file(name):
            text, encoding = decode_manifest(raw)
            manifest = Manifest.parse(text)
            return cls(manifest.in_literal_blocks() if normalize else manifest, encoding, raw, name)

    def with_data(self, data: Mapping[str, str]) -> FileState:
        """Return the state with other data.

        Raises:
            ManifestError: the manifest cannot be edited.
        """
        with naming_file(self.name):
            text = self.manifest.with_data(data)
            return self._replace(manifest=Manifest.parse(text), raw=self.encoding.encode(text))


class ManifestFile:
    """The file at `path`; a symbolic link is followed, and stays a link.

    Writers with this class cannot lose each other's changes. A change by another program at the same time is noticed.
    The exception is the instant between the last comparison and the exchange of the files.

    Args:
        path: The file.
        normalize: Whether a write turns values that cannot be edited in place into literal blocks.
    """

    def __init__(self, path: str | os.PathLike[str], *, normalize: bool = False) -> None:
        self.path = os.fsdecode(path)
        self._normalize = normalize

    def read(self) -> FileState:
        """Read the file.

        Raises:
            FileError: it cannot be read.
            ManifestError: it holds no ``aws-auth`` that can be read.
        """
        with self._translated("read"), closing(open_file(self.path)) as fd:
            raw = contents(fd)
        return FileState.of(raw, self._name, normalize=self._normalize)

    def write(
        self, data: Mapping[str, str], base: FileState, around: _Context = _ALONE, *, always: bool = False
    ) -> FileState:
        """Write the data into the file, and return its new state.

        The new file replaces the old one in one step. It has the same mode, owner and extended attributes.

        Args:
            data: The data.
            base: The file as it was read.
            around: The context of that step, in which no other writer can make it.
            always: Whether to take that step also if the text stays the same.

        Raises:
            FileChangedError: the file is no longer `base`.
            FileError: it cannot be written.
            ManifestError: the manifest cannot be edited.
        """
        state = base.with_data(data)
        if always or state.raw != base.raw:
            with self._translated("written"):
                self._exchange(os.path.realpath(self.path), state.raw, base.raw, around)
        return state

    def create(self, text: str) -> FileState:
        """Write a file that does not exist.

        Raises:
            FileChangedError: it exists by now.
            FileError: it cannot be written.
        """
        parent, name = os.path.split(os.path.realpath(self.path))
        with self._translated("written"), Folder(parent) as folder:
            try:
                replace_file(folder, name, text.encode(), mode=0o644, prefix=f".{name}.", is_new=True)
            except FileExistsError:
                raise self.changed() from None
        return self.read()

    def check_replaceable(self) -> None:
        """Check that this user may replace the file, with the same mode and owner.

        Raises:
            FileError: it is read-only, or belongs to another user.
        """
        with self._translated("written"):
            self._check_status(os.stat(self.path))

    def _check_status(self, status: os.stat_result) -> None:
        if not status.st_mode & 0o222:
            command = command_line("chmod", "u+w", f"./{self.path}" if self.path.startswith("-") else self.path)
            raise self._error("The file is read-only.", f"Run `{command}`.", errno.EACCES)
        if hasattr(os, "geteuid") and os.geteuid() not in (0, status.st_uid):
            problem = "The file belongs to another user; only that user, or root, can write it and keep its owner."
            raise self._error(problem, "Run as the owner of the file.", errno.EPERM)

    def _exchange(self, target: str, raw: bytes, expected: bytes, around: _Context) -> None:
        parent, name = os.path.split(target)
        with Folder(parent) as folder:
            try:
                fd = folder.open(name)
            except OSError as error:
                raise self.changed() if is_something_else(error) else error from None
            with closing(fd):
                self._lock(fd)
                status, current = os.fstat(fd), folder.find(name)
                if not current or not os.path.samestat(status, current) or contents(fd) != expected:
                    raise self.changed()
                self._check_status(status)
                mode = stat.S_IMODE(status.st_mode)
                with around:
                    replace_file(folder, name, raw, mode=mode, owner=status, attributes_of=fd, prefix=f".{name}.")

    def _lock(self, fd: int) -> None:
        """Wait until no other writer is between its last comparison and the exchange."""
        try:
            import fcntl
        except ImportError:  # Windows has only the comparison.
            return None
        for _ in Backoff(LOCKED, longest=0.02):
            try:
                return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            except OSError:
                return None  # Some network file systems have no locks.
        problem = f"Another program has had the file locked for {LOCKED:g} seconds."
        raise self._error(problem, f"Find it with fuser {self._name}, and try again when it is done.")

    @property
    def _name(self) -> str:
        return visible(self.path)

    def changed(self) -> FileChangedError:
        """Return the error for a file that another writer has changed."""
        message = "Another program has written the file since it was read."
        return FileChangedError(message, location=self._name, hint="Run it again: it starts from the present file.")

    def _error(self, problem: str, hint: str, number: int | None = None) -> FileError:
        return FileError(problem, location=self._name, hint=hint, errno=number, filename=self.path)

    @contextlib.contextmanager
    def _translated(self, done: str) -> Iterator[None]:
        try:
            yield
        except FileError:
            raise
        except (OSError, ValueError) as error:
            number = error.errno if isinstance(error, OSError) else None
            problem, hint = _PROBLEMS.get(number or 0, (str(error), "Check the path."))
            raise self._error(f"The file cannot be {done}: {problem}.", hint, number) from error


class FileStore(RevisionFolder, Store):
    """The ``aws-auth`` in a manifest file.

    Its revisions are in the folder ``.NAME.history`` next to it. The manifest never names its revision, because that
    would be a change that no one asked for. Instead, the folder lists the revisions of the manifest. The file
    ``.NAME.owners.json`` records what each owner applied; it belongs in git with the manifest. The history of a
    symbolic link is next to the link's target.

    Args:
        path: The manifest file, which has to exist.
        may_be_gone: Whether a missing manifest with a history is read as one that does not exist.
        normalize: Whether a write turns values that cannot be edited in place into literal blocks.
    """

    def __init__(self, path: str | os.PathLike[str], *, may_be_gone: bool = False, normalize: bool = False) -> None:
        super().__init__(os.fsdecode(path))
        self._manifest = ManifestFile(path, normalize=normalize)
        self._owners = OwnersFile(self.path)
        self._may_be_gone = may_be_gone

    def for_restoration(self) -> FileStore:
        """Return a store for the rollback of a deleted manifest."""
        return FileStore(self.path, may_be_gone=True)

    def read(self) -> Snapshot:
        """Return the present ConfigMap in the manifest.

        Raises:
            FileError: the file cannot be read.
            ManifestError: it holds no ``aws-auth`` that can be read.
        """
        try:
            state = self._manifest.read()
        except FileError as error:
            if error.errno == errno.ENOENT and (head := self.applied(None)):
                if self._may_be_gone:
                    return Snapshot(Document({}), "", exists=False, head=head)
                error.hint += f" Or restore it with rollback(): its history still exists, up to revision {head.number}."
            raise
        reads = 0
        while True:
            head = self.applied(state.manifest.data)
            owners, unreadable = self._records(head)
            if head is None or head.is_of(state.manifest.data) or reads == _READS:
                break
            # If a writer was done between the two reads, the note is newer than the data.
            again = self._manifest.read()
            if again.raw == state.raw:
                break
            state, reads = again, reads + 1
        found = _snapshot(state, head, owners)
        if not unreadable:
            return found
        impact = "No sync runs until they can be, and a rollback replaces them with those of the revision."
        finding = warning("unreadable-records", unreadable.message, impact, unreadable.hint)
        return found._replace(findings=(*found.findings, finding), unreadable=unreadable)

    def _records(self, head: Head | None) -> tuple[dict[str, str], FileError | None]:
        """Return the records of owners, and the error if they cannot be read.

        Then the records are those in the newest revision.
        """
        try:
            return self._owners.read(), None
        except FileError as error:
            with contextlib.suppress(FileError, HistoryError):
                revision = self.read_revision(head.number) if head else None
                return owners_of(revision.annotations) if revision and revision.is_intact else {}, error
            return {}, error

    def write(self, data: Mapping[str, str], base: Snapshot, revision: Revision | None) -> Snapshot:
        """Write the data into the manifest (see `Store.write`).

        Raises:
            FileChangedError: the file has changed since it was read.
            FileError: it cannot be written.
            ManifestError: the manifest cannot be edited.
        """
        if revision is None:
            return _snapshot(self._manifest.write(data, cast("FileState", base.raw)), base.head, base.annotations)
        head, owners = revision.info.head, owners_of(revision.annotations)
        if not base.exists:
            others = {key: text for key, text in revision.annotations.items() if key not in owners}
            state = self._manifest.create(to_yaml(replace(revision, annotations=others).config_map()))
            self.note_head(head)
            if owners != self._records(None)[0]:
                self._owners.write(owners)
            return _snapshot(state, head, owners)
        # A rollback replaces records that cannot be read. Other changes leave them, for their owner to repair.
        replaces = revision.info.kind == "rollback" if base.unreadable else owners != base.annotations

        @contextlib.contextmanager
        def around() -> Iterator[None]:
            before, unreadable = self._records(base.head)
            if (before, bool(unreadable)) != (base.annotations, bool(base.unreadable)):
                raise self._manifest.changed()
            with self._owners.replaced(before, owners) if replaces else contextlib.nullcontext():
                self.note_head(head, BEGUN)
                yield

        state = self._manifest.write(data, cast("FileState", base.raw), around(), always=replaces)
        self.note_head(head)
        return _snapshot(state, head, owners)

    def check_edit(self, data: Mapping[str, str], base: Snapshot) -> None:
        """Check that the manifest can be edited so (see `Store.check_edit`).

        Raises:
            FileError: the file is read-only.
            ManifestError: the manifest cannot be edited.
        """
        if base.exists:
            cast("FileState", base.raw).with_data(data)
            self._manifest.check_replaceable()

    def record(self, revision: Revision) -> Revision:
        """Add a revision (see `Store.record`), with the time of this machine.

        Raises:
            FileError: the manifest cannot be written.
        """
        if not self._may_be_gone or os.path.exists(self.path):
            self._manifest.check_replaceable()
        return super().record(revision)


def _snapshot(state: FileState, head: Head | None, owners: Mapping[str, str]) -> Snapshot:
    manifest, version = state.manifest, state.raw.decode("latin-1")
    return Snapshot(manifest.document, version, head=head, annotations=owners, findings=manifest.findings, raw=state)
