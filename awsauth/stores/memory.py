"""An ``aws-auth`` in memory that behaves like one in a cluster.

It is for tests and experiments.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Final

from awsauth.core.document.document import Document
from awsauth.core.revisions.info import Head
from awsauth.core.revisions.revision import Revision, head_replaced
from awsauth.stores import store
from awsauth.stores.file import FileState

_LOCATION: Final = "aws-auth in memory"


class MemoryStore(store.Store):
    """An ``aws-auth`` in memory.

    Args:
        data: The data; None for an object that does not exist yet.
        uid: Identifies the object.
    """

    def __init__(self, data: Mapping[str, str] | None = None, *, uid: str = "in-memory") -> None:
        self._lock = threading.Lock()
        self._revisions: dict[int, Revision] = {}
        self._state = store.Snapshot(Document(data or {}), "1", uid, exists=data is not None)

    def read(self) -> store.Snapshot:
        """Return the present state of the object."""
        with self._lock:
            return self._state

    def write(self, data: Mapping[str, str], base: store.Snapshot, revision: Revision | None) -> store.Snapshot:
        """Write the data into the object (see `Store.write`)."""
        with self._lock:
            if self._state.version != base.version:
                raise store.conflict(_LOCATION)
            annotations = head_replaced(self._state.annotations, revision) if revision else self._state.annotations
            self._put(data, revision.info.head if revision else self._state.head, annotations)
            return self._state

    def record(self, revision: Revision) -> Revision:
        """Add a revision (see `Store.record`)."""
        with self._lock:
            if revision.number in self._revisions:
                raise store.revision_taken(revision.number, _LOCATION)
            recorded = self._revisions[revision.number] = revision.recorded(self._now())
            return recorded

    def list_revisions(self) -> store.RevisionList:
        """Return all revisions, without their data."""
        with self._lock:
            revisions = [self._revisions[number].info for number in sorted(self._revisions)]
        return store.RevisionList(tuple(revisions), self._now())

    def read_revision(self, number: int) -> Revision:
        """Return a revision with its data (see `Store.read_revision`)."""
        with self._lock:
            if number not in self._revisions:
                raise store.revision_not_found(number, _LOCATION)
            return self._revisions[number]

    def discard_revision(self, number: int, digest: str) -> None:
        """Delete the revision if it exists and has this digest."""
        with self._lock:
            if number in self._revisions and self._revisions[number].digest == digest:
                del self._revisions[number]

    def _put(self, data: Mapping[str, str], head: Head | None, annotations: Mapping[str, str]) -> None:
        version = str(int(self._state.version) + 1)
        document = Document(data)
        self._state = self._state._replace(
            document=document, version=version, exists=True, head=head, annotations=annotations
        )

    def _now(self) -> datetime:
        return datetime.now(timezone.utc)


class ManifestText(MemoryStore):
    """The ``aws-auth`` in the bytes of a manifest.

    Args:
        raw: The manifest, as in a file.
        name: The manifest's name in errors.
        normalize: Whether to turn values that cannot be edited in place into literal blocks.

    Raises:
        ManifestError: it holds no ``aws-auth`` that can be read.
    """

    def __init__(self, raw: bytes, name: str, *, normalize: bool = False) -> None:
        self._file = FileState.of(raw, name, normalize=normalize)
        super().__init__(self._file.manifest.data, uid="")

    @property
    def raw(self) -> bytes:
        """The present manifest, in the encoding of the original."""
        return self._file.encoding.encode(self._file.manifest.text)

    def check_edit(self, data: Mapping[str, str], base: store.Snapshot) -> None:  # noqa: ARG002 - as of other stores
        """Check that the manifest can be edited so (see `Store.check_edit`).

        Raises:
            ManifestError: it cannot.
        """
        self._file.with_data(data)

    def write(self, data: Mapping[str, str], base: store.Snapshot, revision: Revision | None) -> store.Snapshot:
        """Write the data into the manifest (see `Store.write`).

        Raises:
            ManifestError: the manifest cannot be edited.
        """
        file = self._file.with_data(data)
        snapshot = super().write(data, base, revision)
        self._file = file
        return snapshot

    def read(self) -> store.Snapshot:
        """Return the present ConfigMap in the manifest."""
        manifest = self._file.manifest
        return super().read()._replace(document=manifest.document, findings=manifest.findings)
