"""A manifest that comes from somewhere and goes on to somewhere, as through a pipe: in memory, without a history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.core.document.document import Document
from awsauth.core.manifest.locate import origins
from awsauth.core.manifest.manifest import Manifest
from awsauth.core.manifest.source import decode_manifest
from awsauth.errors import ManifestError
from awsauth.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.revisions.revision import Revision
    from awsauth.stores.store import Snapshot


class ManifestText(MemoryStore):
    """The ``aws-auth`` in the bytes of a manifest.

    Args:
        raw: The manifest, as in a file.
        name: What it is called in errors.
        normalize: Whether to make literal blocks of values that cannot be edited in place.

    Raises:
        ManifestError: it holds no ``aws-auth`` that can be read.
    """

    def __init__(self, raw: bytes, name: str = "standard input", *, normalize: bool = False) -> None:
        self._name = name
        try:
            text, self._encoding = decode_manifest(raw)
            manifest = Manifest.parse(text)
            self.manifest = manifest.in_literal_blocks() if normalize else manifest
        except ManifestError as error:
            raise self._located(error) from error
        super().__init__(self.manifest.data, uid="")

    @property
    def raw(self) -> bytes:
        """The manifest as it is now, in the encoding that it came in."""
        return self._encoding.encode(self.manifest.text)

    def check_edit(self, data: Mapping[str, str], base: Snapshot) -> None:  # noqa: ARG002 - as of other stores
        """Check that the manifest can be edited so (see `TextStore.check_edit`).

        Raises:
            ManifestError: it cannot.
        """
        self._edited(data)

    def write(self, data: Mapping[str, str], base: Snapshot, revision: Revision | None) -> Snapshot:
        """Write other data into the manifest (see `Store.write`).

        Raises:
            ManifestError: the manifest cannot be edited.
        """
        manifest = self._edited(data)
        snapshot = super().write(data, base, revision)
        self.manifest = manifest
        return snapshot

    def read(self) -> Snapshot:
        """Return the ConfigMap in the manifest as it is now."""
        document = Document(self.manifest.data, origins=origins(self.manifest))
        return super().read()._replace(document=document, findings=self.manifest.findings)

    def _edited(self, data: Mapping[str, str]) -> Manifest:
        try:
            return Manifest.parse(self.manifest.with_data(data))
        except ManifestError as error:
            raise self._located(error) from error

    def _located(self, error: ManifestError) -> ManifestError:
        location = f"{self._name}, {error.location}" if error.location else self._name
        return ManifestError(error.message, location=location, hint=error.hint)
