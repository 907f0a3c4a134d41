"""What is known about a revision without its data: its place in the chain, and who made it and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from awsauth.boundary import public
from awsauth.core.digest import sha256_of
from awsauth.core.nothing import NOTHING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Kind = Literal["change", "outside", "rollback"]
"""``outside``: a state that somebody else made, recorded before the next change of ours."""

NAME: Final = "aws-auth"
"""The ConfigMap's name, with which the names of its revisions begin."""


def data_digest(data: Mapping[str, str]) -> str:
    """Return the SHA-256, in hex, of the data alone: by it a state is found again."""
    return sha256_of({"data": dict(data)})


def state_digest(data: Mapping[str, str], binary_data: Mapping[str, str], parent_digest: str) -> str:
    """Return the SHA-256, in hex, of a state and of all that came before it, through the digest of its parent."""
    carried = {"binaryData": dict(binary_data)} if binary_data else {}
    return sha256_of({"data": dict(data), **carried, "parent": parent_digest})


class Head(NamedTuple):
    """What a live object says about its own revision. The digest is the truth, the number saves a search.

    Attributes:
        number: The revision's number.
        digest: The revision's digest.
        parent_digest: The digest of the revision before it; empty for the first.
    """

    number: int
    digest: str
    parent_digest: str = ""

    def is_of(self, data: Mapping[str, str], binary_data: Mapping[str, str] = NOTHING) -> bool:
        """Whether the revision holds this state: if not, somebody else has written since."""
        return state_digest(data, binary_data, self.parent_digest) == self.digest


@dataclass(frozen=True, slots=True)
@public
class RevisionInfo:
    """What is known about a revision without its data.

    Attributes:
        number: Counts up from 1.
        digest: Of the state and everything before it (see `state_digest`).
        data_digest: Of the data alone (see `data_digest`).
        parent: The number of the revision before it; 0 for the first.
        parent_digest: The digest of the revision before it; empty for the first.
        kind: ``change``, ``outside`` or ``rollback``.
        reason: Why, in the writer's words.
        author: Who, as the writer claims.
        restores: Of a rollback, the number of the revision that it went back to; otherwise 0.
        uid: Of the object that it is a state of; empty where objects have none, as in a file.
        attempt: Random; tells apart two writers who make the same change at the same moment.
        managers: By data key, who owned it in the object's ``managedFields`` before the write.
        created: When it was recorded, by the store's clock, in UTC; None until then.
    """

    number: int
    digest: str
    data_digest: str
    parent: int = 0
    parent_digest: str = ""
    kind: Kind = "change"
    reason: str = ""
    author: str = ""
    restores: int = 0
    uid: str = ""
    attempt: str = ""
    managers: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    created: datetime | None = None

    @property
    def head(self) -> Head:
        """What the live object says while this is its revision."""
        return Head(self.number, self.digest, self.parent_digest)

    @property
    def name(self) -> str:
        """The name of the revision's object."""
        return f"{NAME}-{self.number}"
