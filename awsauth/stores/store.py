"""The protocol of a store: one ``aws-auth``, and its revisions.

Each method is one request. None of them tries again, merges, or decides anything: what to do about a conflict, a
taken number or a lost answer is decided once, for all stores, in `awsauth.history`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from awsauth.core.revisions.revision import HIGHEST, is_sound
from awsauth.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from awsauth.core.document.document import Document
    from awsauth.core.findings import Finding
    from awsauth.core.revisions.info import FieldManager, Head, RevisionInfo
    from awsauth.core.revisions.revision import Revision


class Snapshot(NamedTuple):
    """One ``aws-auth`` as it was at one moment.

    Attributes:
        document: Its data; without any when it does not exist.
        version: Which of the object's states this is; opaque, and another one after every write.
        uid: Which object it is; empty where objects have no identity, as in a file.
        exists: Whether there is such an object.
        immutable: Whether Kubernetes lets nobody change its data.
        head: What the object says of its own revision; None where it says nothing, or cannot.
        binary_data: Its ``binaryData``, in base64.
        labels: Its labels.
        annotations: Its annotations.
        managers: By data key, the clients that own it according to ``managedFields``.
        owners: What it is deleted together with (``ownerReferences``), each as kind and name.
        findings: What is wrong with how the object is written, which its data does not show.
        carried: The store's own; comes back with `Store.write`.
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
    raw: object = None

    def __repr__(self) -> str:
        return f"<Snapshot {self.version!r} of {self.document!r}>"

    @property
    def data(self) -> Mapping[str, str]:
        """The text, by data key."""
        return self.document.data

    def check_mutable(self) -> None:
        """Check that the object can be changed at all, before anything is written for a change of it.

        Raises:
            ApiError: it is immutable.
        """
        if self.immutable:
            raise ApiError(
                "The ConfigMap is immutable: Kubernetes lets nobody change its data. Nothing was changed.",
                location="kube-system/aws-auth",
                hint="It has to be deleted and made again without `immutable: true`; "
                "until it is back, nobody is let in by it.",
                status=422,
                reason="Invalid",
            )

    @property
    def binary_bytes(self) -> int:
        """How many bytes all values of ``binaryData`` have."""
        return sum(len(text) * 3 // 4 - text[-2:].count("=") for text in self.binary_data.values())

    @property
    def own_head(self) -> Head | None:
        """The head that the object carries, if it is the head of this very state."""
        is_own = self.exists and self.head and self.head.is_of(self.data, self.binary_data)
        return self.head if is_own else None


class InvalidRevision(NamedTuple):
    """Something among the revisions that is none, or that was changed by hand.

    Attributes:
        name: What it is called.
        problem: Why it is no revision; a sentence.
        number: The number that it takes up all the same, or None.
    """

    name: str
    problem: str
    number: int | None = None


class RevisionList(NamedTuple):
    """The revisions there are, without their data.

    Attributes:
        revisions: In the order of their numbers.
        now: When it was made, by the clock that their `created` comes from.
        strangers: What is in their place and none of them.
    """

    revisions: tuple[RevisionInfo, ...]
    now: datetime
    invalid: tuple[InvalidRevision, ...] = ()

    def find(self, number: int) -> RevisionInfo | None:
        """Return the revision with this number, or None."""
        return next((info for info in self.revisions if info.number == number), None)

    def chain(self, head: Head | None) -> Iterator[RevisionInfo]:
        """Yield the revision that an object names and its ancestors, back to the first one or to a break.

        The object vouches for the digest of the newest, and each revision for the digest of its parent. So these are
        states that the object was in. The chain breaks at a revision that is gone or altered, and at a state whose
        parent is unknown.
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
        taken |= {stranger.number for stranger in self.invalid if stranger.number}
        free = [number + 1 for number in taken if number + 1 not in taken and number < HIGHEST]
        return min((number for number in free if number > known > 0), default=max(free))


class Store(Protocol):
    """One ``aws-auth``. Safe to use from several threads.

    Every method may raise another `AwsAuthError` when it was refused for good (a missing right, a full disk); it
    changed nothing then.
    """

    def read(self) -> Snapshot:
        """Return the object as it is now."""

    def write(self, data: Mapping[str, str], base: Snapshot, revision: Revision | None) -> Snapshot:
        """Write other data into the object, which carries the revision's head from then on, where it can.

        Without a revision, whatever head the object carries stays. An object that does not exist is made.

        Raises:
            ConflictError: the object is no longer `base`; nothing was changed.
            OutcomeUnknownError: there was no answer. The same call again is accepted or conflicts, never both.
        """

    def record(self, revision: Revision) -> Revision:
        """Add a revision, and return it with the time of its recording.

        Raises:
            RevisionTakenError: there is one of that number; nothing was changed.
            OutcomeUnknownError: there was no answer.
        """

    def list_revisions(self) -> RevisionList:
        """Return what is known about all revisions, without their data."""

    def read_revision(self, number: int) -> Revision:
        """Return a revision with its data.

        Raises:
            RevisionNotFoundError: there is none of that number.
            HistoryError: what is there is no revision.
        """

    def discard_revision(self, number: int, digest: str) -> None:
        """Delete the revision, if it has this digest; one that is gone, or another one, is left as it is.

        Raises:
            OutcomeUnknownError: there was no answer.
        """


@runtime_checkable
class SupportsDryRun(Protocol):
    """A store whose server can say what it would do with a write."""

    def dry_run_store(self) -> Store:
        """Return a store of the same ``aws-auth`` whose server looks at all writes, its admission included.

        It changes nothing: what is written or recorded there is answered as if it were, and is not.
        """


@runtime_checkable
class SupportsEditCheck(Protocol):
    """A store whose object is a text that is edited, which may be written in a way that does not allow it."""

    def check_edit(self, data: Mapping[str, str], base: Snapshot) -> None:
        """Raise what writing this would raise because of how the object is written or kept; nothing is changed."""


@runtime_checkable
class SupportsRestoration(Protocol):
    """A store whose object cannot be read while it is gone, unless to restore it."""

    def for_restoration(self) -> Store:
        """Return this store as one that reads an object that is gone, and makes it anew."""


def restorable(store: Store) -> Store:
    """Return a store that can be read, and written by a rollback, while its object is gone."""
    return store.for_restoration() if isinstance(store, SupportsRestoration) else store


def no_such_revision(number: int) -> str:
    """Return what is said of a revision that is not there."""
    return f"There is no revision {number}: it never was recorded here, or it was pruned. Nothing was changed."
