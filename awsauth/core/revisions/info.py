"""The metadata of a revision: its place in the chain, who made it, when and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple

from awsauth.boundary import public
from awsauth.core.serialization import FLAT, LEFT_OUT, JsonValue, NoneForZero, json_object, sha256_of
from awsauth.core.text.display import visible

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

FIELD_MANAGER: Final = "awsauth"  # the manager under which this library writes

RevisionKind = Literal["change", "outside", "rollback", "snapshot", "sync", "deleted"]
"""The kind of a revision. ``outside``: another tool made the state, and it was recorded before the next change of
ours. ``snapshot``: the state was recorded on request. ``deleted``: there was no object; no revision is of this kind,
only an entry in the log."""

OBSERVED: Final = ("outside", "snapshot")  # the kinds of revisions whose state others have made

NumberOrNone = Annotated[int, NoneForZero()]

NAME: Final = "aws-auth"  # the ConfigMap's name, with which the names of its revisions begin


def data_digest(data: Mapping[str, str], binary_data: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the SHA-256, in hex, of ``data`` and ``binaryData``."""
    return sha256_of({"data": dict(data), **({"binaryData": dict(binary_data)} if binary_data else {})})


class Writer(NamedTuple):
    """Who makes a change.

    Attributes:
        author: The name that the caller gives, as with ``--author``: a claim.
        username: The caller's username in the cluster, as the API server authenticated it; empty if unknown.
        arn: The caller's IAM ARN, as the API server authenticated it; empty if unknown.
        account: The account of the operating system, if no API server authenticated the caller: a claim.
    """

    author: str = ""
    username: str = ""
    arn: str = ""
    account: str = ""

    @property
    def identity(self) -> str:
        """The ARN or username that the API server authenticated, or else the account."""
        return self.arn or self.username or self.account

    def is_other_than(self, writer: Writer) -> bool:
        """Whether this is another writer.

        Claims count only if the API server does not know both.
        """
        known, other = (one.arn or one.username for one in (self, writer))
        return known != other if known and other else self != writer

    def __str__(self) -> str:
        known = self.identity
        claimed = self.author if self.author != known else ""
        return f"{known} (author {claimed})" if known and claimed else known or claimed


UNKNOWN_WRITER: Final = Writer()


@json_object
class FieldManager(NamedTuple):
    """A client that owns a data key of the object, as ``managedFields`` has it.

    Attributes:
        client: The name that the client gave itself, such as ``kubectl-edit``.
        time: When it last changed fields that it owns, in UTC; None if unknown.
        subresource: The subresource that it wrote; empty for the object itself.
    """

    client: str
    time: datetime | None = None
    subresource: str = ""

    def __str__(self) -> str:
        part = f" ({self.subresource})" if self.subresource else ""
        return f"{self.client}{part}{f' at {local_time(self.time)}' if self.time else ''}"


class Head(NamedTuple):
    """The annotations in which a live object names its own revision.

    Attributes:
        number: The revision's number.
        digest: The revision's digest.
        data_digest: The digest of the data and binaryData that were written with it.
    """

    number: int
    digest: str
    data_digest: str

    def is_of(self, data: Mapping[str, str], binary_data: Mapping[str, str] = MappingProxyType({})) -> bool:
        """Whether the revision holds this state; if not, another tool has written since."""
        return data_digest(data, binary_data) == self.data_digest


@dataclass(frozen=True, slots=True)
@public
class RevisionInfo(JsonValue):
    """A revision without its data.

    Attributes:
        number: Counts up from 1; 0 for a state that no revision holds.
        digest: Of all that is recorded here except `created` and `recorded_by`. It covers the digests of the data and
            of the parent, and so all earlier states.
        data_digest: Of the data and binaryData (see `data_digest`).
        parent: The number of the revision before it; 0 for the first, or if it is unknown.
        parent_digest: The digest of the revision before it; empty without one.
        kind: ``change``, ``outside``, ``rollback`` or ``snapshot``; in the log also ``deleted``.
        reason: Why, in the writer's words.
        writer: Who made the change, or asked for the snapshot; empty for kind ``outside``.
        restores: The number of the revision that a rollback restored; otherwise 0.
        owner: The owners whose fragments a sync synced, separated by commas; otherwise empty.
        owners_digest: The SHA-256 of the records of owners in the state; empty without records.
        uid: The object's uid; empty for a file, and for the state that the object was created with.
        attempt: Random; distinguishes two writers who make the same change at the same moment.
        managers: By data key, the clients that owned it before the write (``managedFields``).
        creates: Whether there was no object before.
        created: When it was recorded, by the store's clock, in UTC; None until then.
        recorded_by: The clients that created the revision's object (``managedFields``), by the names that they gave
            themselves. Empty for a file.
    """

    number: NumberOrNone
    digest: str = field(metadata=LEFT_OUT)
    data_digest: str = field(metadata=LEFT_OUT)
    parent: NumberOrNone = 0
    parent_digest: str = field(default="", metadata=LEFT_OUT)
    kind: RevisionKind = "change"
    reason: str = ""
    writer: Writer = field(default=UNKNOWN_WRITER, metadata=FLAT)
    restores: NumberOrNone = 0
    owner: str = ""
    owners_digest: str = field(default="", metadata=LEFT_OUT)
    uid: str = field(default="", metadata=LEFT_OUT)
    attempt: str = field(default="", metadata=LEFT_OUT)
    managers: Mapping[str, tuple[FieldManager, ...]] = field(default_factory=dict, hash=False)
    creates: bool = field(default=False, metadata=LEFT_OUT)
    created: datetime | None = None
    recorded_by: tuple[str, ...] = field(default=(), compare=False)

    @property
    def title(self) -> str:
        """The kind, and of a sync the owners."""
        return f"{self.kind} {visible(self.owner)}" if self.owner else self.kind

    @property
    def head(self) -> Head:
        """The annotations of the live object while this is its revision."""
        return Head(self.number, self.digest, self.data_digest)

    @property
    def name(self) -> str:
        """The name of the revision's object."""
        return f"{NAME}-{self.number}"

    @property
    def by(self) -> str:
        """Who made it: the writer, or for another tool the data's clients and times."""
        owners = dict.fromkeys(one for owners in self.managers.values() for one in owners)
        others = [str(one) for one in owners if one.client not in ("", FIELD_MANAGER)]
        named = f"client {', '.join(others)}" if others and self.kind in OBSERVED else ""
        return visible(str(self.writer) or named) or "-"


def local_time(moment: datetime) -> str:
    """Return a time in the local zone, such as ``2026-03-01 14:05:59+01:00``."""
    return moment.astimezone().isoformat(" ", "seconds")
