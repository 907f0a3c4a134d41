"""A manifest file with its history beside it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
from typing import TYPE_CHECKING, cast

from awsauth.core.document import Document
from awsauth.core.manifest_places import origins
from awsauth.errors import FileError, HistoryError
from awsauth.stores.manifest_file import FileState, ManifestFile
from awsauth.stores.revision_folder import RevisionFolder
from awsauth.stores.store import Snapshot

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from awsauth.core.revision import Revision
    from awsauth.stores.store import Listing


class FileStore:
    """The ``aws-auth`` in a manifest file; its revisions are in the folder ``.NAME.history`` beside it.

    The manifest never says which revision it is: that would change the file by more than was asked for. It is found
    by the digest of its data. Behind a symbolic link, the history is beside the file that the link leads to.

    Args:
        path: The manifest file, which has to exist.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._manifest = ManifestFile(path)
        self._revisions = RevisionFolder(self._manifest.path)

    def read(self) -> Snapshot:
        """Return the manifest's ConfigMap as it is now.

        Raises:
            FileError: the file cannot be read.
            ManifestError: it holds no ``aws-auth`` that can be read.
        """
        try:
            return _snapshot(self._manifest.read())
        except FileError as error:
            if error.errno == errno.ENOENT:
                with contextlib.suppress(HistoryError):
                    if kept := self._revisions.list_all().revisions:
                        last = kept[-1].number
                        error.cure += (
                            f" Its history is still there: revision {last} is the last one, and show() gives it."
                        )
            raise

    def write(self, data: Mapping[str, str], base: Snapshot, revision: Revision | None) -> Snapshot:  # noqa: ARG002
        """Write other data into the manifest (see `Store.write`).

        Raises:
            FileChangedError: the file is no longer the one that was read.
            FileError: it cannot be written.
            ManifestError: the manifest cannot be edited.
        """
        return _snapshot(self._manifest.write(data, cast("FileState", base.carried)))

    def check_edit(self, data: Mapping[str, str], base: Snapshot) -> None:
        """Check that the manifest can be edited so (see `TextStore.check_edit`).

        Raises:
            FileError: the file is read-only.
            ManifestError: the manifest cannot be edited.
        """
        self._manifest.check_edit(data, cast("FileState", base.carried))

    def record(self, revision: Revision) -> Revision:
        """Add a revision (see `Store.record`); its time is that of this machine.

        Raises:
            FileError: the manifest that it is for cannot be written.
        """
        self._manifest.check_replaceable()
        return self._revisions.record(revision)

    def list_revisions(self) -> Listing:
        """Return what is known about all revisions, without their data."""
        return self._revisions.list_all()

    def read_revision(self, number: int) -> Revision:
        """Return a revision with its data (see `Store.read_revision`)."""
        return self._revisions.read(number)

    def discard_revision(self, number: int, digest: str) -> None:
        """Delete the revision, if it has this digest."""
        self._revisions.discard(number, digest)


def _snapshot(state: FileState) -> Snapshot:
    return Snapshot(
        Document(state.data, origins=origins(state.manifest)),
        hashlib.sha256(state.raw).hexdigest(),
        findings=state.manifest.findings,
        carried=state,
    )
