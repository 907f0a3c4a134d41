"""What is known of one data key's text after reading it: mappings, their places, and what is wrong.

Two readers make it, `awsauth.core.plain` and `awsauth.core.full`; nothing in it tells which one did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

from awsauth.core.findings import Finding, Location
from awsauth.core.serialization import json_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


SYSTEM_MASTERS: Final = "system:masters"
"""The group that may do everything, whatever RBAC says."""


Key = Literal["mapRoles", "mapUsers", "mapAccounts"]


KEYS: Final[tuple[Key, ...]] = ("mapRoles", "mapUsers", "mapAccounts")


PRINCIPAL_KEYS: Final[tuple[Key, ...]] = ("mapRoles", "mapUsers")
"""Those that map a principal; the first one counts before the second."""


KIND: Final[dict[Key, str]] = {"mapRoles": "role", "mapUsers": "user", "mapAccounts": "account"}
"""What one entry is called."""


ARN_FIELD: Final[dict[str, str]] = {"mapRoles": "rolearn", "mapUsers": "userarn"}
"""The field of an entry that names its principal."""


@json_object
class Sso(NamedTuple):
    """The ``sso`` of a role entry."""

    permission_set: str = ""
    account: str = ""
    partition: str = ""


PrincipalKey = tuple[str, Sso | None]
"""Of a principal: its ARN or account in lower case, and its `sso` where it has one."""


@json_object
class MappingEntry(NamedTuple):
    """One entry as the authenticator holds it after reading.

    `principal` is the ARN or the account, as written, and empty for an `sso` entry. The authenticator has no
    difference between no groups and an empty list of them.
    """

    principal: str
    username: str = ""
    groups: tuple[str, ...] = ()
    sso: Sso | None = None

    @property
    def identity(self) -> PrincipalKey:
        """What tells which principal it is of: equal for all entries of one.

        The authenticator ignores the case of a principal (``aws-iam-authenticator`` ``pkg/config/mapper.go``,
        ``Key``).
        """
        return principal_key(self.principal, self.sso)


def principal_key(principal: str, sso: Sso | None = None) -> PrincipalKey:
    """Return what tells a principal from others (see `MappingEntry.identity`)."""
    return principal.lower(), sso


class Scalar(NamedTuple):
    """A scalar that stands in the text at `start` to `end` and means `text`."""

    start: int
    end: int
    text: str
    style: Literal["plain", "single", "double", "other"]
    """``other``: on several lines, or with an anchor, alias or tag."""


class Groups(NamedTuple):
    """The value of ``groups``.

    Attributes:
        start: Where it begins: the first dash, the bracket, or where a value would stand.
        end: Where it ends, exclusive.
        style: ``none`` for a key without a value.
        column: Column of the dashes, from 0; for other styles 0.
        items: The groups.
    """

    start: int
    end: int
    style: Literal["block", "flow", "none", "other"]
    column: int
    items: tuple[Scalar, ...]


class Field(NamedTuple):
    """A field of an entry that the authenticator uses, by its canonical name; `start` and `end` are its key's."""

    name: str
    start: int
    end: int
    value: Scalar | Groups


def continuation(text: str, field: Field | None) -> str:
    """Return the line below a value without quotes, where the value goes on in it; empty for a value of one line."""
    value = field.value if field else None
    if not isinstance(value, Scalar) or text[value.start : value.start + 1] in ("", "'", '"', "|", ">", "&", "*", "!"):
        return ""
    lines = text[value.start : value.end].split("\n")
    return next((line.strip() for line in lines[1:] if line.strip()), "")


class EntryLayout(NamedTuple):
    """How an entry is laid out.

    Attributes:
        start: Of a block entry, where the line of its dash begins; of a flow entry, where it begins.
        end: Of a block entry, where the line after its last line begins; of a flow entry, where it ends.
        style: ``block`` where every field has lines of its own.
        column: Column of the keys, from 0; for ``flow`` that of the entry.
        fields: In the order of the text. Of repeated fields the one that counts. Of an account the one scalar.
    """

    start: int
    end: int
    style: Literal["block", "flow", "other"]
    column: int
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        """Return the field called `name`, or None."""
        return next((field for field in self.fields if field.name == name), None)


class Entry(Protocol):
    """One item of the list."""

    @property
    def mapped(self) -> MappingEntry | None:
        """What it maps; None when the authenticator drops it."""

    @property
    def shape(self) -> EntryLayout:
        """How it is laid out."""


class ListLayout(NamedTuple):
    """How the list itself is written.

    Attributes:
        style: ``block``; ``flow`` (in brackets); ``empty``: no entry, and `start` to `end` may be replaced by some;
            ``other``: it cannot be edited.
        column: Of ``block``, the column of the dashes, from 0.
        start: Of ``flow``, where the bracket stands.
        end: Of ``flow``, where the closing bracket ends.
    """

    style: Literal["block", "flow", "empty", "other"]
    column: int = 0
    start: int = 0
    end: int = 0


class CachedDiff(NamedTuple):
    """By which entries a reading differs from another one: those around them map the same.

    Not with that reading itself, which would keep all that it was compared with in memory.

    Attributes:
        text: The text of the other one.
        candidates: What was found in the other one, as in `ParseCache`.
        old: The positions of the entries there.
        new: The positions of the entries here.
    """

    text: str
    candidates: Mapping[str, list[int]]
    old: range
    new: range


class ParseCache:
    """What was found in a reading, for whoever looks for the same.

    Attributes:
        mapped: What it maps.
        folded: Its text, as `awsauth.core.document.index` searches it.
        candidates: By principal, where it may be mapped.
        compared: How it differs from the reading that it was compared with last.
    """

    __slots__ = ("candidates", "compared", "folded", "mapped")

    def __init__(self) -> None:
        self.mapped: Sequence[MappingEntry] | None = None
        self.folded: bytes | None = None
        self.candidates: dict[str, list[int]] = {}
        self.compared: CachedDiff | None = None


@dataclass(frozen=True, slots=True)
class ParsedList:
    """A text, and what the authenticator makes of it.

    Attributes:
        key: The data key that it is of.
        text: The text.
        entries: The items of the list, those that the authenticator drops included.
        layout: How the list is written.
        findings: What the authenticator cannot read.
        trusted: False where it cannot be said what the authenticator makes of it; such a text is never edited.
        bounds: Where the part of each entry begins, and where that of the last one ends. What an entry means depends
            on its part alone, and its principal stands in there as it is. Empty where that cannot be said.
        remembered: What was found in it already.
    """

    key: Key
    text: str
    entries: Sequence[Entry]
    layout: ListLayout
    findings: tuple[Finding, ...] = ()
    trusted: bool = True
    bounds: Sequence[int] = field(default=(), repr=False, compare=False)
    remembered: ParseCache = field(default_factory=ParseCache, init=False, repr=False, compare=False)

    @property
    def mapped(self) -> Sequence[MappingEntry]:
        """What is mapped, in order, duplicates included, without the entries that are dropped."""
        found = self.remembered.mapped
        if found is None:
            found = self.remembered.mapped = [mapped for entry in self.entries if (mapped := entry.mapped) is not None]
        return found


def principal_location(reading: ParsedList, entry: Entry) -> Location | None:
    """Return where the ARN of an entry's principal stands; None where it has none, as an ``sso`` entry."""
    field = entry.shape.field(ARN_FIELD.get(reading.key, ""))
    if field is None or not isinstance(field.value, Scalar):
        return None
    return Location.of(reading.key, reading.text, field.value.start)
