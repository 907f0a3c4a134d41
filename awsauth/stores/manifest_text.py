"""A manifest in memory, as in a pipe: without a history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.stores.file import FileState
from awsauth.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.revisions.revision import Revision
    from awsauth.stores.store import Snapshot


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
        self._name = name
        self._file = FileState.of(raw, name, normalize=normalize)
        super().__init__(self._file.data, uid="")

    @property
    def raw(self) -> bytes:
        """The present manifest, in the encoding of the original."""
        return self._file.encoding.encode(self._file.manifest.text)

    def check_edit(self, data: Mapping[str, str], base: Snapshot) -> None:  # noqa: ARG002 - as of other stores
        """Check that the manifest can be edited so (see `Store.check_edit`).

        Raises:
            ManifestError: it cannot.
        """
        self._file.with_data(data, self._name)

    def write(self, data: Mapping[str, str], base: Snapshot, revision: Revision | None) -> Snapshot:
        """Write the data into the manifest (see `Store.write`).

        Raises:
            ManifestError: the manifest cannot be edited.
        """
        file = self._file.with_data(data, self._name)
        snapshot = super().write(data, base, revision)
        self._file = file
        return snapshot

    def read(self) -> Snapshot:
        """Return the present ConfigMap in the manifest."""
        manifest = self._file.manifest
        return super().read()._replace(document=manifest.document, findings=manifest.findings)
