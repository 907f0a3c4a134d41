"""A manifest in memory, as in a pipe: without a history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.core.manifest.manifest import Manifest
from awsauth.core.manifest.source import decode_manifest
from awsauth.stores.file import located
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

    def __init__(self, raw: bytes, name: str = "standard input", *, normalize: bool = False) -> None:
        self._name = name
        with located(name):
            text, self._encoding = decode_manifest(raw)
            manifest = Manifest.parse(text)
            self.manifest = manifest.in_literal_blocks() if normalize else manifest
        super().__init__(self.manifest.data, uid="")

    @property
    def raw(self) -> bytes:
        """The present manifest, in the encoding of the original."""
        return self._encoding.encode(self.manifest.text)

    def check_edit(self, data: Mapping[str, str], base: Snapshot) -> None:  # noqa: ARG002 - as of other stores
        """Check that the manifest can be edited so (see `Store.check_edit`).

        Raises:
            ManifestError: it cannot.
        """
        self._edited(data)

    def write(self, data: Mapping[str, str], base: Snapshot, revision: Revision | None) -> Snapshot:
        """Write the data into the manifest (see `Store.write`).

        Raises:
            ManifestError: the manifest cannot be edited.
        """
        manifest = self._edited(data)
        snapshot = super().write(data, base, revision)
        self.manifest = manifest
        return snapshot

    def read(self) -> Snapshot:
        """Return the present ConfigMap in the manifest."""
        return super().read()._replace(document=self.manifest.document, findings=self.manifest.findings)

    def _edited(self, data: Mapping[str, str]) -> Manifest:
        with located(self._name):
            return Manifest.parse(self.manifest.with_data(data))
