"""The reading of one data key's text: mappings, their places, and findings.

Both readers, `fast_reader` and `full_reader`, return it; callers cannot tell which one did.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, ParamSpec, Protocol, TypeVar, get_args

from awsauth.core.findings import Finding, Location
from awsauth.core.serialization import json_object

if TYPE_CHECKING:
    from awsauth.core.goyaml.nodes import Node
    from awsauth.core.text.lines import Unchanged

_P = ParamSpec("_P")
_T = TypeVar("_T")

SYSTEM_MASTERS: Final = "system:masters"  # the group that may do everything, regardless of RBAC


SYSTEM_AUTHENTICATED: Final = "system:authenticated"  # the group of all callers that the API server knows


Key = Literal["mapRoles", "mapUsers", "mapAccounts"]


KEYS: Final[tuple[Key, ...]] = ("mapRoles", "mapUsers", "mapAccounts")


# The keys that map principals; the first takes precedence over the second.
PRINCIPAL_KEYS: Final[tuple[Key, ...]] = ("mapRoles", "mapUsers")


# A list of a fragment.
ListKey = Literal[Key, "accessEntries"]


# The noun for an entry.
KIND: Final = dict[ListKey, str](zip(get_args(ListKey), ("role", "user", "account", "entry"), strict=True))


# The field of an entry that names its principal.
ARN_FIELD: Final[dict[str, str]] = {"mapRoles": "rolearn", "mapUsers": "userarn"}


@json_object
class Sso(NamedTuple):
    """The ``sso`` of a role entry."""

    permission_set: str = ""
    account: str = ""
    partition: str = ""


PrincipalKey = tuple[str, Sso | None]  # a principal: its ARN or account in lower case, and its `sso` if it has one


@json_object
class MappingEntry(NamedTuple):
    """One entry as the authenticator reads it.

    `principal` is the ARN or the account, as written, and empty for an `sso` entry. The authenticator does not distinguish
    no groups from an empty list of them.
    """

    principal: str
    username: str = ""
    groups: tuple[str, ...] = ()
    sso: Sso | None = None

    @property
    def identity(self) -> PrincipalKey:
        """Its principal, equal for all entries of one principal.

        The authenticator ignores the case (``aws-iam-authenticator`` ``pkg/config/mapper.go``, ``Key``).
        """
        return self.principal.lower(), self.sso


def same_access(one: MappingEntry, other: MappingEntry) -> bool:
    """Whether two mappings have the same username and groups."""
    return one.username == other.username and set(one.groups) == set(other.groups)


class Scalar(NamedTuple):
    """A scalar in the text, from `start` to `end`, with the value `text`."""

    start: int
    end: int
    text: str
    style: Literal["plain", "single", "double", "other"]
    """``other`` for a scalar on several lines, or with an anchor, alias or tag."""


class Groups(NamedTuple):
    """The value of ``groups``.

    Attributes:
        start: The offset of the first dash, of the bracket, or of the missing value.
        end: Its end, exclusive.
        style: ``none`` for a key without a value.
        column: The column of the dashes, from 0; 0 for other styles.
        items: The groups.
    """

    start: int
    end: int
    style: Literal["block", "flow", "none", "other"]
    column: int
    items: tuple[Scalar, ...]


class Field(NamedTuple):
    """A field that the authenticator uses, with its canonical name.

    `start` and `end` are those of its key.
    """

    name: str
    start: int
    end: int
    value: Scalar | Groups


def continuation(text: str, field: Field | None) -> str:
    """Return the next line of an unquoted value that continues there.

    It is empty for a value of one line.
    """
    value = field.value if field else None
    if not isinstance(value, Scalar) or text[value.start : value.start + 1] in ("", "'", '"', "|", ">", "&", "*", "!"):
        return ""
    return next((line.strip() for line in text[value.start : value.end].split("\n")[1:] if line.strip()), "")


class EntryLayout(NamedTuple):
    """The layout of an entry.

    Attributes:
        start: The start of the line with the dash of a block entry; the start of a flow entry.
        end: The end of the last line of a block entry, line end included; the end of a flow entry.
        style: ``block`` if every field has its own lines.
        column: The column of the keys, from 0; of a flow entry 0.
        fields: The fields in the order of the text, the last of repeated ones. An account has one, its scalar.
    """

    start: int
    end: int
    style: Literal["block", "flow", "other"]
    column: int
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        """Return the field called `name`, or None."""
        return next((field for field in self.fields if field.name == name), None)

    def written(self, arn_field: str) -> MappingEntry:
        """Return the fields as far as they can be read, also of an entry that is dropped."""
        texts = {field.name: field.value.text for field in self.fields if isinstance(field.value, Scalar)}
        groups = next((field.value.items for field in self.fields if isinstance(field.value, Groups)), ())
        return MappingEntry(texts.get(arn_field, ""), texts.get("username", ""), tuple(one.text for one in groups))


class Entry(Protocol):
    """One item of the list."""

    @property
    def mapped(self) -> MappingEntry | None:
        """Its mapping; None if the authenticator drops it."""

    @property
    def shape(self) -> EntryLayout:
        """Its layout."""


class ListLayout(NamedTuple):
    """The layout of a list.

    Attributes:
        style: ``block``; ``flow`` (in brackets); ``empty``: without entries, which may replace `start` to `end`;
            ``other``: it cannot be edited.
        column: For ``block``, the column of the dashes, from 0.
        start: For ``flow``, the offset of the opening bracket.
        end: For ``flow``, the offset after the closing bracket.
    """

    style: Literal["block", "flow", "empty", "other"]
    column: int = 0
    start: int = 0
    end: int = 0


Positioned = tuple[int, MappingEntry]  # a mapping with the position of its entry


class CachedDiff(NamedTuple):
    """The entries that differ between a reading and an earlier one.

    The entries around them map the same. It does not hold the earlier reading, which would keep a chain of readings in
    memory.

    Attributes:
        text: The text of the earlier reading.
        candidates: Its `ParseCache.candidates`.
        unchanged: The parts that both texts share, if they are known.
        old: The positions of the entries in the earlier reading.
        new: The positions of the entries in this reading.
        mappings: The mappings of both.
    """

    text: str
    candidates: Mapping[str, list[Positioned]]
    unchanged: Unchanged | None
    old: range
    new: range
    mappings: Sequence[MappingEntry]


class ParseCache:
    """Results of earlier questions to a reading.

    Attributes:
        mapped: Its mappings.
        folded: Its text, as `awsauth.core.document.index` searches it.
        by_principal: The positions by principal, of a text that it cannot search.
        candidates: By principal, the mappings that may be its own, with their positions.
        compared: The result of the last comparison with another reading.
    """

    __slots__ = ("by_principal", "candidates", "compared", "folded", "mapped")

    def __init__(self) -> None:
        self.mapped: Sequence[MappingEntry] | None = None
        self.folded: bytes | None = None
        self.by_principal: dict[str, list[int]] | None = None
        self.candidates: dict[str, list[Positioned]] = {}
        self.compared: CachedDiff | None = None


@dataclass(slots=True, eq=False, repr=False)  # to make a frozen one takes four times as long
class ParsedList:
    """A text as the authenticator reads it; never changed.

    Attributes:
        key: The data key.
        text: The text.
        entries: The items of the list, dropped ones included.
        layout: The layout of the list.
        findings: The parts that the authenticator cannot read.
        trusted: False if the authenticator's reading is uncertain; such a text is never edited.
        bounds: The starts of the entries' parts of the text, and the end of the last part. The meaning of an entry
            depends on its part alone, which holds its principal verbatim. Empty if that is not certain.
        root: The YAML of a text that the full reader read.
        remembered: Results of earlier questions.
    """

    key: Key
    text: str
    entries: Sequence[Entry]
    layout: ListLayout
    findings: tuple[Finding, ...] = ()
    trusted: bool = True
    bounds: Sequence[int] = ()
    root: Node | None = None
    remembered: ParseCache = field(default_factory=ParseCache, init=False)

    @property
    def mapped(self) -> Sequence[MappingEntry]:
        """The mappings in order, duplicates included, without dropped entries."""
        found = self.remembered.mapped
        if found is None:
            found = self.remembered.mapped = [mapped for entry in self.entries if (mapped := entry.mapped) is not None]
        return found

    @property
    def is_unreadable(self) -> bool:
        """Whether nothing of the text can be read, so that a missing entry proves nothing."""
        return bool(self.findings) and not self.entries

    @property
    def positioned(self) -> Iterable[Positioned]:
        """The mappings, each with the position of its entry."""
        # With bounds, no entry is dropped.
        return enumerate(self.mapped) if self.bounds else self.mapped_at(range(len(self.entries)))

    def mapped_at(self, positions: Iterable[int]) -> list[Positioned]:
        """Return the mappings of the entries at some positions, with the positions."""
        known = self.remembered.mapped if self.bounds else None
        if known is not None:
            return [(position, known[position]) for position in positions]
        entries = self.entries
        return [(position, mapped) for position in positions if (mapped := entries[position].mapped) is not None]


def collecting_later(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Pause Python's garbage collection during a function.

    It takes as long as the work itself if a text makes 100,000 objects that stay.
    """

    @wraps(function)
    def paused(*args: _P.args, **named: _P.kwargs) -> _T:
        is_enabled = gc.isenabled()
        gc.disable()
        try:
            return function(*args, **named)
        finally:
            if is_enabled:
                gc.enable()

    return paused


def principal_location(reading: ParsedList, entry: Entry) -> Location | None:
    """Return the place of an entry's ARN; None for an ``sso`` entry."""
    field = entry.shape.field(ARN_FIELD.get(reading.key, ""))
    if not field or not isinstance(field.value, Scalar):
        return None
    return Location.of(reading.key, reading.text, field.value.start)
