"""A manifest file with its history beside it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
from typing import TYPE_CHECKING, cast

from awsauth.core.document import Document
from awsauth.core.manifest_places import origins
from awsauth.core.revision_info import data_digest
from awsauth.errors import FileError, HistoryError
from awsauth.stores.manifest_file import FileState, ManifestFile
from awsauth.stores.revision_folder import RevisionFolder
from awsauth.stores.store import Snapshot

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from awsauth.core.revision import Revision
    from awsauth.core.revision_info import Head
    from awsauth.stores.store import Listing


class FileStore:
    """The ``aws-auth`` in a manifest file; its revisions are in the folder ``.NAME.history`` beside it.

    The manifest never names its revision: that would change the file by more than was asked for. The folder keeps a
    list of the revisions that the manifest has been at. Behind a symbolic link, the history is beside the file that the link leads to.

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
            state = self._manifest.read()
        except FileError as error:
            if error.errno == errno.ENOENT:
                with contextlib.suppress(HistoryError):
                    if kept := self._revisions.list_all().revisions:
                        last = kept[-1].number
                        error.cure += (
                            f" Its history is still there: revision {last} is the last one, and show() gives it."
                        )
            raise
        return _snapshot(state, self._head(state))

    def _head(self, state: FileState) -> Head | None:
        """Return the revision that the manifest is at, or was at before another tool wrote it."""
        known = self._revisions.applied()
        if known is None or known.is_of(state.data):
            return known
        # A writer may have been stopped, or is at work, between the manifest and the list.
        present = data_digest(state.data)
        later = self._revisions.list_all().revisions
        made = [info for info in later if (info.parent_digest, info.data_digest) == (known.digest, present)]
        return made[-1].head if made else known

    def write(self, data: Mapping[str, str], base: Snapshot, revision: Revision | None) -> Snapshot:
        """Write other data into the manifest (see `Store.write`).

        Raises:
            FileChangedError: the file is no longer the one that was read.
            FileError: it cannot be written.
            ManifestError: the manifest cannot be edited.
        """
        state = self._manifest.write(data, cast("FileState", base.carried))
        if revision is None:
            return _snapshot(state, base.head)
        self._revisions.mark_applied(revision.info.head)
        return _snapshot(state, revision.info.head)

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
        recorded = self._revisions.record(revision)
        if revision.info.kind == "outside":  # what was read from the manifest
            self._revisions.mark_applied(revision.info.head)
        return recorded

    def list_revisions(self) -> Listing:
        """Return what is known about all revisions, without their data."""
        return self._revisions.list_all()

    def read_revision(self, number: int) -> Revision:
        """Return a revision with its data (see `Store.read_revision`)."""
        return self._revisions.read(number)

    def discard_revision(self, number: int, digest: str) -> None:
        """Delete the revision, if it has this digest."""
        self._revisions.discard(number, digest)


def _snapshot(state: FileState, head: Head | None) -> Snapshot:
    return Snapshot(
        Document(state.data, origins=origins(state.manifest)),
        hashlib.sha256(state.raw).hexdigest(),
        head=head,
        findings=state.manifest.findings,
        carried=state,
    )
