"""The file ``.NAME.owners.json`` next to a manifest ``NAME``.

It holds the entries that each owner applied last.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from awsauth.core.revisions.info import OWNER_PREFIX
from awsauth.core.serialization import compact_json
from awsauth.core.text.display import visible
from awsauth.errors import FileError
from awsauth.stores.atomic_write import Folder, is_root, replace_file


class OwnersFile(NamedTuple):
    """The records of owners of a manifest, as annotations of a ConfigMap.

    Args:
        manifest: The manifest file; symbolic links are followed each time.
    """

    manifest: str

    @property
    def path(self) -> str:
        """Where the file is."""
        folder, name = os.path.split(os.path.realpath(self.manifest))
        return os.path.join(folder, f".{name}.owners.json")

    def read(self) -> dict[str, str]:
        """Return the annotations; none without a file.

        Raises:
            FileError: the file cannot be read.
        """
        try:
            records = json.loads(self._raw()).items()
            "".join(owner for owner, _ in records).encode()  # A text in JSON can be one that UTF-8 cannot hold.
            return {OWNER_PREFIX + owner: compact_json(record) for owner, record in records}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, RecursionError) as error:
            message = "The records of owners next to the manifest cannot be read."
            hint = "Restore the file from git. Without the file, awsauth knows no owner and prunes nothing."
            raise FileError(message, location=visible(self.path), hint=hint) from error

    def _raw(self) -> bytes:
        parent, name = os.path.split(self.path)
        with Folder(parent) as folder:
            return folder.read(name)[0]

    @contextlib.contextmanager
    def replaced(self, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[None]:
        """Replace the records around the write of the manifest.

        During the write, the file has the records of before and after. After a crash, no entry is without its owner then,
        and the next sync forgets what the manifest lacks.

        Raises:
            OSError: the file cannot be written.
            FileError: the manifest is written, and the file cannot be.
        """
        raw = None
        with contextlib.suppress(FileNotFoundError):
            raw = self._raw()
        self.write({**before, **after, **{name: _both(before[name], after[name]) for name in before if name in after}})
        try:
            yield
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(self.path) if raw is None else self._put(raw)
            raise
        try:
            self.write(after)
        except OSError as error:
            message = f"The manifest is written, and the records of owners next to it are not: {error.strerror}."
            hint = "Make room for the file, or make it writable. Then run the sync again."
            found = FileError(message, location=visible(self.path), hint=hint)
            found.changed = True
            raise found from error

    def write(self, owners: Mapping[str, str]) -> None:
        """Write the annotations, with the permissions of the manifest.

        Raises:
            OSError: the file cannot be written.
        """
        records = {name.removeprefix(OWNER_PREFIX): json.loads(text) for name, text in owners.items()}
        self._put(json.dumps(records, indent=1, sort_keys=True).encode() + b"\n")

    def _put(self, raw: bytes) -> None:
        manifest = os.stat(self.manifest)
        owner = manifest if is_root() else None
        parent, name = os.path.split(self.path)
        with Folder(parent) as folder:
            replace_file(folder, name, raw, mode=manifest.st_mode & 0o644, owner=owner, prefix=f"{name}.")


def _both(before: str, after: str) -> str:
    """Return a record with the entries of two.

    Of one principal, it has what the owner applied before.
    """
    old, new = json.loads(before), json.loads(after)
    if not all(isinstance(one, dict) and isinstance(one.get("entries"), dict) for one in (old, new)):
        return after
    return compact_json({**new, "entries": {**new["entries"], **old["entries"]}})
