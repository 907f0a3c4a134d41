"""What is known about a revision without its data: its place in the chain, and who made it and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple

from awsauth.boundary import public
from awsauth.core.serialization import FLAT, LEFT_OUT, JsonValue, NoneForZero, sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


FIELD_MANAGER: Final = "awsauth"
"""The manager under which this library writes."""


RevisionKind = Literal["change", "outside", "rollback", "snapshot"]
"""``outside``: a state that another tool made, recorded before the next change of ours. ``snapshot``: the state that was
there when a snapshot was asked for."""

OBSERVED: Final = ("outside", "snapshot")
"""The kinds of revisions whose state others have made."""


NumberOrNone = Annotated[int, NoneForZero()]


NAME: Final = "aws-auth"
"""The ConfigMap's name, with which the names of its revisions begin."""


def data_digest(data: Mapping[str, str], binary_data: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the SHA-256, in hex, of ``data`` and ``binaryData``."""
    return sha256_of({"data": dict(data), **({"binaryData": dict(binary_data)} if binary_data else {})})


class Writer(NamedTuple):
    """Who makes a change.

    Attributes:
        author: Whom the caller names, as with ``--author``: a claim.
        username: The caller's username in the cluster, as the API server authenticated it; empty if unknown.
        arn: The caller's IAM ARN, as the API server authenticated it; empty if unknown.
        account: The operating system's account, where no API server can tell the username: a claim.
    """

    author: str = ""
    username: str = ""
    arn: str = ""
    account: str = ""

    @property
    def identity(self) -> str:
        """The ARN or username as which the API server knows the writer, or else the account."""
        return self.arn or self.username or self.account

    def is_other_than(self, writer: Writer) -> bool:
        """Whether this is another writer. Claims count only if the API server does not know both."""
        known, other = (one.arn or one.username for one in (self, writer))
        return known != other if known and other else self != writer

    def __str__(self) -> str:
        known = self.identity
        claimed = self.author if self.author != known else ""
        return f"{known} (author {claimed})" if known and claimed else known or claimed


UNKNOWN_WRITER: Final = Writer()


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
    """What is known about a revision without its data.

    Attributes:
        number: Counts up from 1.
        digest: Of all that is recorded here but the time and `recorded_by`. Through the digests of its data and of its
            parent it stands for the state and everything before it.
        data_digest: Of the data and binaryData (see `data_digest`).
        parent: The number of the revision before it; 0 for the first.
        parent_digest: The digest of the revision before it; empty for the first.
        kind: ``change``, ``outside``, ``rollback`` or ``snapshot``.
        reason: Why, in the writer's words.
        writer: Who made the change, or asked for the snapshot; empty for kind ``outside``.
        restores: Of a rollback, the number of the revision that it went back to; otherwise 0.
        uid: Of the object that it is a state of; empty where objects have none, as in a file.
        attempt: Random; tells apart two writers who make the same change at the same moment.
        managers: By data key, who owned it in the object's ``managedFields`` before the write.
        created: When it was recorded, by the store's clock, in UTC; None until then.
        recorded_by: The managers of the revision's object (``managedFields``): the clients that created it, by names
            that they chose themselves. Empty for a file.
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
    uid: str = field(default="", metadata=LEFT_OUT)
    attempt: str = field(default="", metadata=LEFT_OUT)
    managers: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    created: datetime | None = None
    recorded_by: tuple[str, ...] = field(default=(), compare=False)

    @property
    def head(self) -> Head:
        """What the live object says while this is its revision."""
        return Head(self.number, self.digest, self.data_digest)

    @property
    def name(self) -> str:
        """The name of the revision's object."""
        return f"{NAME}-{self.number}"
