"""The protocol of a store: one ``aws-auth`` and its revisions.

Each method is one request, which neither retries nor merges. `awsauth.history` decides for all stores what to do about a
conflict, a taken number or a lost answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple, Protocol

from awsauth import errors
from awsauth.core.document.document import Document
from awsauth.core.findings import Finding
from awsauth.core.revisions.info import FieldManager, Head, RevisionInfo
from awsauth.core.revisions.revision import HIGHEST, Revision, is_sound


class Snapshot(NamedTuple):
    """One ``aws-auth`` at one moment.

    Attributes:
        document: The data; empty if the object does not exist.
        version: Identifies this state of the object; opaque, and different after every write.
        uid: Identifies the object; empty where objects have no identity, as in a file.
        exists: Whether the object exists.
        immutable: Whether Kubernetes refuses changes of its data.
        head: The revision that the object names; None if it names none.
        binary_data: The ``binaryData``, in base64.
        labels: The labels.
        annotations: The annotations.
        managers: By data key, the clients that own it according to ``managedFields``.
        owners: The objects in ``ownerReferences``, each as kind and name; deleting one of them deletes this object.
        findings: Problems of the written form, which the data does not show.
        unreadable: Why the records of owners cannot be read; None if they can.
        raw: The store's own value, which comes back with `Store.write`.
    """

    document: Document
    version: str
    uid: str = ""
    exists: bool = True
    immutable: bool = False
    head: Head | None = None
    binary_data: Mapping[str, str] = MappingProxyType({})
    labels: Mapping[str, str] = MappingProxyType({})
    annotations: Mapping[str, str] = MappingProxyType({})
    managers: Mapping[str, tuple[FieldManager, ...]] = MappingProxyType({})
    owners: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    unreadable: errors.AwsAuthError | None = None
    raw: object = None

    def __repr__(self) -> str:
        return f"<Snapshot of {self.document!r}>"

    @property
    def data(self) -> Mapping[str, str]:
        """The text, by data key."""
        return self.document.data

    def check_mutable(self) -> None:
        """Check that the object can be changed, before anything is written for a change.

        Raises:
            ApiError: the object is immutable.
        """
        if self.immutable:
            message = "The ConfigMap is immutable, so Kubernetes refuses changes of its data."
            hint = "Save its data, delete it, and create it again without `immutable: true`. Until then it maps no one."
            raise errors.ApiError(message, location="kube-system/aws-auth", hint=hint, status=422, reason="Invalid")

    def check_records(self) -> None:
        """Check that the records of owners can be read.

        Raises:
            FileError: they cannot.
        """
        if self.unreadable:
            raise self.unreadable

    @property
    def binary_bytes(self) -> int:
        """The number of bytes in all values of ``binaryData``."""
        return sum(len(text) * 3 // 4 - text[-2:].count("=") for text in self.binary_data.values())

    @property
    def own_head(self) -> Head | None:
        """The revision that the object names, if it is the revision of this very state."""
        return self.head if self.exists and self.head and self.head.is_of(self.data, self.binary_data) else None


class InvalidRevision(NamedTuple):
    """An object among the revisions that is not one, or was edited by hand.

    Attributes:
        name: The object's name.
        problem: The reason; a sentence.
        number: The revision number that it occupies, or None.
    """

    name: str
    problem: str
    number: int | None = None


class RevisionList(NamedTuple):
    """All revisions, without their data.

    Attributes:
        revisions: In the order of their numbers.
        now: The time of the listing, by the same clock as `created` of the revisions.
        invalid: Objects among the revisions that are not revisions.
    """

    revisions: tuple[RevisionInfo, ...]
    now: datetime
    invalid: tuple[InvalidRevision, ...] = ()

    def chain(self, head: Head | None) -> Iterator[RevisionInfo]:
        """Yield the revision that an object names, and its ancestors.

        They end with the first one, or at a break. The object proves the digest of the newest, and each revision
        that of its parent. So these are states that the object was in. The chain breaks at a revision that is
        gone or altered, and at a state whose parent is unknown.
        """
        by_digest = {info.digest: info for info in self.revisions if is_sound(info)} if head else {}
        info = by_digest.get(head.digest) if head else None
        while info is not None:
            yield info
            info = by_digest.get(info.parent_digest)

    def number_behind(self, known: int) -> int:
        """Return the first free number behind `known`, or behind all revisions if it is 0.

        Without a known number, a forged revision can have the highest number. Then the next one fills the last gap.
        """
        taken = {0, known, *(info.number for info in self.revisions)}
        taken |= {other.number for other in self.invalid if other.number}
        free = [number + 1 for number in taken if number + 1 not in taken and number < HIGHEST]
        return min((number for number in free if number > known > 0), default=max(free))


class Store(Protocol):
    """One ``aws-auth``. Safe to use from several threads.

    Each method may also raise another `AwsAuthError`, such as for a missing right or a full disk; it has changed nothing
    then.
    """

    def read(self) -> Snapshot:
        """Return the present state of the object."""

    def write(self, data: Mapping[str, str], base: Snapshot, revision: Revision | None) -> Snapshot:
        """Write the data into the object, which then names the revision if it can.

        Without a revision, the object keeps the one that it names. An object that does not exist is created.

        Raises:
            ConflictError: the object is no longer `base`.
            OutcomeUnknownError: there was no answer. Of this call and an identical one, at most one succeeds.
        """

    def record(self, revision: Revision) -> Revision:
        """Add a revision, and return it with its time.

        Raises:
            RevisionTakenError: a revision with that number exists.
            OutcomeUnknownError: there was no answer.
        """

    def list_revisions(self) -> RevisionList:
        """Return all revisions, without their data."""

    def read_revision(self, number: int) -> Revision:
        """Return a revision with its data.

        Raises:
            RevisionNotFoundError: there is no revision with that number.
            HistoryError: the object there is not a revision.
        """

    def discard_revision(self, number: int, digest: str) -> None:
        """Delete the revision if it exists and has this digest.

        Raises:
            OutcomeUnknownError: there was no answer.
        """

    def dry_run_store(self) -> Store:
        """Return a store of the same ``aws-auth`` whose server makes no writes.

        The server checks all writes, including its admission. The answers are those of real writes.

        Raises:
            UsageError: the store has no server.
        """
        raise errors.UsageError("A dry run on the server needs a cluster.", hint="Pass dry_run=True.")

    def check_edit(self, data: Mapping[str, str], base: Snapshot) -> None:
        """Raise the error that `write` would raise for the form of a text.

        A text that is read-only is refused, too.
        """
        del data, base  # An object has no form that an edit could break.

    def for_restoration(self) -> Store:
        """Return a store that can read an object that is gone, and create it again."""
        return self


def conflict(location: str, happened: str = "written") -> errors.ConflictError:
    """Return the error for an object that another writer has changed."""
    hint = "Try again: the next attempt starts from the present object."
    return errors.ConflictError(f"The object has been {happened} since it was read.", location=location, hint=hint)


def revision_not_found(number: int, location: str) -> errors.RevisionNotFoundError:
    """Return the error for a revision that is not in the store."""
    message = f"There is no revision {number}: it was never recorded here, or it was pruned."
    hint = "List the history, and name one of its revisions."
    return errors.RevisionNotFoundError(message, location=location, hint=hint)


def sound_revision(store: Store, number: int, digest: str) -> Revision | None:
    """Return a revision; None if it is gone, was altered, or has another digest."""
    try:
        revision = store.read_revision(number)
    except errors.HistoryError:
        return None
    return revision if revision.is_intact and revision.digest == digest else None


def intact(revision: Revision, hint: str) -> Revision:
    """Return a revision, unless it was altered after it was recorded."""
    if revision.is_intact:
        return revision
    message = f"Revision {revision.number} was altered after it was recorded: its data does not match its digest."
    raise errors.HistoryError(message, hint=hint)


def revision_taken(number: int, location: str) -> errors.RevisionTakenError:
    """Return the error for a revision number that exists already."""
    hint = "Try again: another writer was faster."
    return errors.RevisionTakenError(f"There is a revision {number} already.", location=location, hint=hint)
