"""The folder of revisions next to a manifest file.

Each has a file, written once and never changed. It holds the revision's object as YAML for people and kubectl, without
any loss. Every change of a manifest writes one, so neither libyaml nor ruamel.yaml is imported for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, Final

from awsauth.core.goyaml.decode import loaded
from awsauth.core.goyaml.scalars import write_scalar
from awsauth.core.manifest.literal_block import new_literal
from awsauth.core.manifest.outer_edits import double_escaped
from awsauth.core.revisions.info import Head, RevisionInfo
from awsauth.core.revisions.revision import Revision, info_from_object
from awsauth.core.text.display import visible
from awsauth.core.text.lines import odd_character
from awsauth.errors import HistoryError
from awsauth.stores.atomic_write import Folder, is_root, is_something_else, replace_file
from awsauth.stores.store import InvalidRevision, RevisionList, revision_not_found, revision_taken
from awsauth.system.read_limits import LARGEST_FILE

_APPLIED: Final = "applied"
# The end of a note whose writer may not have written the manifest. It is about to, or was stopped before or after
# it did.
BEGUN: Final = " begun"

_NOTE: Final = re.compile(rf"([1-9][0-9]{{0,8}}) ([0-9a-f]{{64}}) ([0-9a-f]{{64}})({BEGUN})?")
# Bytes of notes that are read from the end: some fifty notes. The note with the highest number counts.
_TAIL: Final = 8192

# Bytes at the beginning of a file that hold its metadata. The annotations of an object may have 256 KiB.
_HEAD: Final = 1024 * 1024

# The beginning of the data. The part before it is small, and enough for a list.
_DATA: Final = b"\ndata:"


class RevisionFolder:
    """The folder ``.NAME.history`` next to the manifest ``NAME``.

    The first revision creates it. Files are named like ``000007.revision``, because tools that deploy a folder of
    manifests take every ``.yaml`` in it. They hold a ``ControllerRevision`` as YAML. Links are not followed. The folder
    decides the result of a rollback. So it has to belong to the manifest's owner, this user or root.

    Args:
        manifest: The manifest file; symbolic links are followed each time.
    """

    def __init__(self, manifest: str) -> None:
        self.path = manifest
        self._known: dict[str, tuple[tuple[int, int, int], RevisionInfo]] = {}

    def record(self, revision: Revision) -> Revision:
        """Write a revision's file.

        The file gets its own name, which only one writer can get, when it is complete. Other readers never see half a
        revision. On file systems without hard links they may see an empty one for a moment.

        Raises:
            RevisionTakenError: a file of that number exists.
            HistoryError: the folder cannot be written.
        """
        recorded = revision.recorded(datetime.now(timezone.utc))
        raw = to_yaml(recorded.to_object()).encode("utf-8")
        with self._translated(f"Revision {revision.number} cannot be written"):
            if len(raw) > LARGEST_FILE:
                raise ValueError(f"it has {len(raw):,} bytes, and at most {LARGEST_FILE:,} can be read again")
            with self._made() as (folder, manifest):
                try:
                    _put(folder, _file_name(revision.number), raw, manifest)
                except FileExistsError:
                    raise revision_taken(revision.number, self._name) from None
        return recorded

    def list_revisions(self) -> RevisionList:
        """Return all revisions; only the beginning of their files is read.

        Raises:
            HistoryError: the folder cannot be read.
        """
        revisions: list[RevisionInfo] = []
        invalid: list[InvalidRevision] = []
        now = datetime.now(timezone.utc)
        with contextlib.suppress(FileNotFoundError), self._reading("The history cannot be listed") as folder:
            for name in sorted(name for name in folder.names() if name.endswith(".revision")):
                match = re.fullmatch(r"([0-9]{6,9})\.revision", name)
                number = int(match[1]) if match else None
                problem = "It is empty: its writer is still at work, or was stopped."
                try:
                    if info := self._info(folder, name, number):
                        revisions.append(info)
                        continue
                except FileNotFoundError:
                    continue  # another process has discarded it meanwhile
                except HistoryError as error:
                    problem = error.message
                invalid.append(InvalidRevision(name, problem, number))
        revisions.sort(key=lambda info: info.number)
        return RevisionList(tuple(revisions), now, tuple(invalid))

    def read_revision(self, number: int) -> Revision:
        """Read a revision.

        Raises:
            RevisionNotFoundError: there is no file of that number, or an empty one.
            HistoryError: it cannot be read, or is not a revision.
        """
        name = _file_name(number)
        raw = b""
        with contextlib.suppress(FileNotFoundError), self._reading(f"Revision {number} cannot be read") as folder:
            raw, _ = _read(folder, name)
        if not raw:
            raise revision_not_found(number, self._name)
        revision = Revision.from_object(from_yaml(raw, self._path_of(name)))
        _check_name(name, number, revision.number)
        return revision

    def discard_revision(self, number: int, digest: str) -> None:
        """Delete a revision's file if it has this digest.

        Raises:
            HistoryError: it cannot be deleted, or is not a revision.
        """
        name = _file_name(number)
        with contextlib.suppress(FileNotFoundError), self._reading(f"Revision {number} cannot be deleted") as folder:
            info = self._info(folder, name, number)
            if info and info.digest == digest:
                folder.remove(name)

    def note_head(self, head: Head, state: str = "") -> None:
        """Note that the manifest is at a revision, or is about to be (see `BEGUN`).

        Lines are only ever appended, so writers need no lock.
        """
        with contextlib.suppress(OSError, HistoryError), self._made() as (folder, manifest):
            if not folder.find(_APPLIED):
                with contextlib.suppress(FileExistsError):
                    _put(folder, _APPLIED, b"", manifest)
            with os.fdopen(folder.open(_APPLIED, os.O_WRONLY | os.O_APPEND), "ab", buffering=0) as file:
                # The line break in front ends a note that was only half written.
                file.write(f"\n{head.number} {head.digest} {head.data_digest}{state}\n".encode())

    def applied(self, present: Mapping[str, str] | None) -> Head | None:
        """Return the newest revision that the manifest was at.

        Returns None if the folder cannot be used.

        Args:
            present: The manifest's present data; None if it is gone.
        """
        with contextlib.suppress(OSError, HistoryError), self._reading("The history cannot be read") as folder:
            with os.fdopen(folder.open(_APPLIED), "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
                lines = file.read(_TAIL).decode("ascii", "replace").splitlines()
            found = [match for line in lines if (match := _NOTE.fullmatch(line))]
            # Of one revision, a whole note comes before a begun one, and spares the digest of the data.
            noted = sorted([(Head(int(one[1]), one[2], one[3]), not one[4]) for one in found], reverse=True)
            counting = (head for head, is_whole in noted if is_whole or (present is not None and head.is_of(present)))
            return next(counting, None)
        return None

    def _info(self, folder: Folder, name: str, number: int | None) -> RevisionInfo | None:
        """Return a file's revision without its data; None for a file that is still empty."""
        raw, status = _read(folder, name, _HEAD)
        identity = (status.st_ino, status.st_mtime_ns, status.st_size)
        known = self._known.get(name)
        if known and known[0] == identity:
            return known[1]
        if not raw:
            return None
        # Without the data, which is not read whole.
        info = info_from_object(from_yaml(raw.split(_DATA, 1)[0] + b"\n", self._path_of(name)))
        _check_name(name, number, info.number)
        self._known[name] = (identity, info)
        return info

    @contextlib.contextmanager
    def _reading(self, problem: str) -> Iterator[Folder]:
        """Open the folder.

        A FileNotFoundError passes if the folder, or a file in it, does not exist.
        """
        with self._translated(problem, may_be_absent=True), self._opened(self._owner()) as folder:
            yield folder

    @contextlib.contextmanager
    def _made(self) -> Iterator[tuple[Folder, os.stat_result]]:
        """Open the folder, and create it if needed; with the status of the manifest."""
        manifest = self._owner()
        path = self._folder_path
        if not os.path.lexists(path):
            parent, name = os.path.split(path)
            with Folder(parent) as folder:
                folder.make(name, 0o755)
        with self._opened(manifest) as folder:
            folder.give(manifest)
            if not folder.find(".gitignore"):
                # The manifest's repository already keeps a history.
                _put(folder, ".gitignore", b"*\n", manifest, is_new=False)
            yield folder, manifest

    def _owner(self) -> os.stat_result:
        """Return the status of the manifest; if it is gone, of the folder that it was in."""
        try:
            return os.stat(self.path)
        except FileNotFoundError:
            return os.stat(os.path.dirname(self._folder_path))

    def _opened(self, manifest: os.stat_result) -> Folder:
        try:
            folder = Folder(self._folder_path)
        except OSError as error:
            if not is_something_else(error):
                raise
            raise self._error("The history is not a folder: a link or a file has its name.", "Move it away") from error
        owner, of_manifest = folder.status.st_uid, manifest.st_uid
        if not folder.is_ours and owner not in (0, of_manifest):
            with folder:
                belongs = f"The folder of the history belongs to user {owner}, and the manifest to user {of_manifest}"
                hint = "Look at its contents, then move it away or give it to the manifest's owner"
                raise self._error(f"{belongs}: another user may have put the folder there.", hint)
        return folder

    @property
    def _folder_path(self) -> str:
        folder, name = os.path.split(os.path.realpath(self.path))
        return os.path.join(folder, f".{name}.history")

    @property
    def _name(self) -> str:
        return visible(self._folder_path)

    def _path_of(self, name: str) -> str:
        return visible(os.path.join(self._folder_path, name))

    def _error(self, problem: str, hint: str) -> HistoryError:
        hint = f"{hint}; or pass history=False to work without a history."
        return HistoryError(problem, location=self._name, hint=hint)

    @contextlib.contextmanager
    def _translated(self, message: str, *, may_be_absent: bool = False) -> Iterator[None]:
        try:
            yield
        except HistoryError:
            raise
        except (OSError, ValueError) as error:
            if may_be_absent and isinstance(error, FileNotFoundError):
                raise
            problem = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
            raise self._error(f"{message}: {problem}.", "Check that the folder can be read and written") from error


def _put(folder: Folder, name: str, raw: bytes, manifest: os.stat_result, *, is_new: bool = True) -> None:
    """Write a file for the readers of the manifest.

    If root writes it, the manifest's owner owns it.
    """
    owner = manifest if is_root() else None
    replace_file(folder, name, raw, mode=manifest.st_mode & 0o644, owner=owner, is_new=is_new)


def _read(folder: Folder, name: str, most: int = LARGEST_FILE) -> tuple[bytes, os.stat_result]:
    """Read a file, and refuse a link, a folder, a pipe or a file that is too large."""
    try:
        return folder.read(name, most)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and not (is_something_else(error) or isinstance(error, IsADirectoryError)):
            raise
        problem = str(error) if isinstance(error, ValueError) else "it is not a regular file"
        hint = "Delete it if you do not need it."
        raise HistoryError(f"{visible(name)} is not used: {problem}.", hint=hint) from error


def _file_name(number: int) -> str:
    return f"{number:06}.revision"


def _check_name(name: str, number: int | None, found: int) -> None:
    if found != number:
        message = f"The file {visible(name)} holds revision {found}, so it was renamed or copied by hand."
        raise HistoryError(f"{message} It is not used.", hint="Delete it, or rename it back.")


def to_yaml(value: dict[str, Any]) -> str:
    """Return an object as YAML, with its ``data`` last, after `_DATA`.

    Raises:
        HistoryError: it holds half of a surrogate pair, which no file can hold.
    """
    ordered = {key: part for key, part in value.items() if key != "data"} | {"data": value["data"]}
    try:
        return "".join(_lines(ordered, 0))
    except UnicodeEncodeError as error:
        code = f"U+{ord(error.object[error.start]):04X}"
        message = f"The text holds {code}, which is not a character, so no file can hold it."
        raise HistoryError(message, hint="Remove the character and try again.") from error


def from_yaml(raw: bytes, name: str) -> Any:
    """Return the object in a file's bytes.

    Raises:
        HistoryError: the file is not YAML.
    """
    try:
        return loaded(raw.decode("utf-8"))
    except ValueError as error:
        message = "This file cannot be read as a revision: awsauth did not write it, or it was edited. It is not used."
        raise HistoryError(message, location=name, hint="Delete it if you do not need it.") from error


def _lines(value: Mapping[str, Any], column: int) -> Iterator[str]:
    """Yield the lines of a mapping whose keys begin in this column."""
    for key, part in value.items():
        start = f"{' ' * column}{_scalar(key)}:"
        if part and isinstance(part, dict):
            yield f"{start}\n"
            yield from _lines(part, column + 2)
        elif isinstance(part, str) and "\n" in part and not odd_character(part):
            header, body = new_literal("", 0, part, column)
            yield f"{start} {header}\n{body}"
        else:
            yield f"{start} {_scalar(part)}\n"


def _scalar(value: Any) -> str:
    """Return one line with a value; Go would misread some texts without quotes."""
    if not isinstance(value, str):
        return json.dumps(value)
    if value and value == visible(value):
        return write_scalar(value)
    value.encode()  # half of a surrogate pair has no form in a file
    return f'"{double_escaped(value)}"'
