"""The `Document`: the data of one ``aws-auth``, as the authenticator reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from awsauth.boundary import public, unguarded
from awsauth.core.document import fast_reader as plain
from awsauth.core.document.index import grouped
from awsauth.core.document.model import KEYS, Key, ListLayout, MappingEntry, ParsedList, PrincipalKey
from awsauth.core.text.display import NotebookValue, quoted_value
from awsauth.errors import UsageError

if TYPE_CHECKING:
    from awsauth.core.findings import Finding, Location
    from awsauth.core.mappings import RoleMapping, SsoMatch, UserMapping
    from awsauth.core.text.lines import Unchanged


MAX_BYTES: Final = 1024 * 1024  # the most bytes of all values in a ConfigMap (`MaxSecretSize`)


def byte_size(document: Document) -> int:
    """Return the total size of all values of ``data``, in bytes."""
    texts = document.data.values()
    return sum([len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass")) for text in texts])


def parse_list(
    key: Key, text: str | None, before: ParsedList | None = None, unchanged: Unchanged | None = None
) -> ParsedList:
    """Read the text of one data key, which may be absent.

    Args:
        key: The data key.
        text: The text.
        before: The reading of the text before an edit; unchanged entries are not read again.
        unchanged: The parts that both texts share.
    """
    if text is None:
        return _ABSENT[key]
    try:
        found = plain.read_edited(before, text, unchanged) if before and unchanged else plain.read_fast(key, text)
        if not found:
            found = _full_reader().read_fully(key, text)
    except Exception as error:  # noqa: BLE001 - users can still replace a text on which a reader fails
        found = _full_reader().failed_reading(key, text, error)
    return found


def _full_reader() -> Any:
    from awsauth.core.document import full_reader  # most documents do not need it, nor PyYAML

    return full_reader


Origin = Callable[["Location"], "Location"]  # converts a place in a data key's text to the place in the manifest file


_NOWHERE: Final[Mapping[str, Origin]] = MappingProxyType({})
_ABSENT: Final = {key: ParsedList(key, "", (), ListLayout("empty")) for key in KEYS}


@public
class Document(NotebookValue):
    """The data of an ``aws-auth`` ConfigMap, read as the authenticator reads it.

    Each key is read once, when it is first needed. A document never changes.

    Args:
        data: The ConfigMap's ``data``: text by key. Keys other than ``mapRoles``, ``mapUsers`` and ``mapAccounts`` are
            kept and ignored.
        origins: For texts from a manifest file, by key, the function that converts places to those in the file.
        is_fragment: Whether it is a part of a map, which does not show that a mapping is missing.

    Raises:
        UsageError: `data` is not a mapping of text to text.
    """

    __slots__ = ("_data", "_origins", "_readings", "is_fragment")

    def __init__(
        self, data: Mapping[str, str], *, origins: Mapping[str, Origin] = _NOWHERE, is_fragment: bool = False
    ) -> None:
        self.is_fragment = is_fragment
        self._data = MappingProxyType(_checked(data))
        self._origins = origins
        self._readings: dict[Key, ParsedList] = {}

    @property
    @unguarded
    def data(self) -> Mapping[str, str]:
        """The text, by data key; read-only."""
        return self._data

    @property
    def roles(self) -> tuple[RoleMapping, ...]:
        """The role mappings that the authenticator reads, in order, duplicates included."""
        from awsauth.core.mappings import RoleMapping

        found = self.reading("mapRoles").mapped
        return tuple(
            RoleMapping(role_arn=m.principal, username=m.username, groups=m.groups, sso=_sso(m)) for m in found
        )

    @property
    def users(self) -> tuple[UserMapping, ...]:
        """The user mappings that the authenticator reads, in order, duplicates included."""
        from awsauth.core.mappings import UserMapping

        found = self.reading("mapUsers").mapped
        return tuple([UserMapping(user_arn=m.principal, username=m.username, groups=m.groups) for m in found])

    @property
    @unguarded
    def accounts(self) -> tuple[str, ...]:
        """The accounts whose principals have access under their own ARN, in order."""
        return tuple([mapped.principal for mapped in self.reading("mapAccounts").mapped])

    @property
    def problems(self) -> tuple[Finding, ...]:
        """The parts that the authenticator cannot read, in the order of the text."""
        return tuple(self.located(finding) for key in KEYS for finding in self.reading(key).findings)

    def located(self, finding: Finding) -> Finding:
        """Return a finding with its place in the manifest file, if there is one."""
        location = finding.location
        is_elsewhere = location and location.key in self._origins
        return replace(finding, location=self.place_of(location)) if location and is_elsewhere else finding

    def place_of(self, location: Location) -> Location:
        """Return the place in the manifest file, if the text comes from one."""
        origin = self._origins.get(location.key)
        return location if origin is None or location.in_file else origin(location)

    @unguarded
    def reading(self, key: Key) -> ParsedList:
        """Return the reading of one key's text."""
        found = self._readings.get(key)
        if found is None:
            found = self._readings[key] = parse_list(key, self._data.get(key))
        return found

    @unguarded
    def sibling(self, key: Key) -> ParsedList | None:
        """Return the other key's reading, if its entries show a style for this key."""
        if key == "mapAccounts":
            return None
        other = self.reading("mapUsers" if key == "mapRoles" else "mapRoles")
        return other if other.entries else None

    @unguarded
    def with_reading(self, reading: ParsedList) -> Document:
        """Return a document with one key's text replaced by the text of a reading."""
        document = self.with_text(reading.key, reading.text)
        document._readings[reading.key] = reading  # noqa: SLF001 - of its own kind
        return document

    @unguarded
    def with_text(self, key: Key, text: str | None) -> Document:
        """Return a document with one key's text replaced or removed.

        The readings of other keys stay.
        """
        data = {name: value for name, value in self._data.items() if name != key or text is not None}
        if text is not None:
            data[key] = text
        document = object.__new__(Document)  # the constructor would check the data again
        document.is_fragment = self.is_fragment
        document._data = MappingProxyType(data)
        document._origins = {name: origin for name, origin in self._origins.items() if name != key}
        document._readings = {name: kept for name, kept in self._readings.items() if name != key}
        return document

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Document) and self._data == other._data

    def __hash__(self) -> int:
        return hash(frozenset(self._data.items()))

    def __reduce__(self) -> tuple[type[Document], tuple[dict[str, str]]]:
        return Document, (dict(self._data),)

    @property
    def _title(self) -> str:
        return ", ".join(f"{key}: {len(text):,} characters" for key, text in self._data.items()) or "no data"

    @property
    def _rows(self) -> list[dict[str, object]]:
        return [
            {"key": key, "principal": m.principal or m.sso, "username": m.username, "groups": m.groups}
            for key in KEYS
            for m in self.reading(key).mapped
        ]


def check_document(value: Any) -> None:
    """Raise a UsageError for a value that is not a document, such as its data."""
    if not isinstance(value, Document):
        raise UsageError(f"{quoted_value(value)} is not a Document.", hint="Pass Document(data).")


def _checked(data: Any) -> dict[str, str]:
    if not isinstance(data, (dict, MappingProxyType, Mapping)):
        raise UsageError(f"data is {type(data).__name__}.", hint='Give a mapping, such as {"mapRoles": text}.')
    for key, text in data.items():
        if not isinstance(key, str) or not isinstance(text, str):
            is_named = isinstance(key, str)
            problem = f"data[{key!r}] is {type(text).__name__}" if is_named else f"data has the key {quoted_value(key)}"
            raise UsageError(f"{problem}.", hint="Pass text for every key and every value.")
    return dict(data)


def _sso(mapped: MappingEntry) -> SsoMatch | None:
    if not (sso := mapped.sso):
        return None
    from awsauth.core.mappings import SsoMatch

    return SsoMatch(permission_set_name=sso.permission_set, account_id=sso.account, partition=sso.partition)


Mappings = dict[PrincipalKey, tuple[MappingEntry, ...]]  # the entries of each principal, in order


def mappings_of(document: Document, key: Key) -> Mappings | None:
    """Return the entries of each principal, in order.

    Returns None if the authenticator drops the whole text.
    """
    reading = document.reading(key)
    if reading.layout.style == "other" and reading.is_unreadable:
        return None
    found = grouped((mapped.identity, mapped) for mapped in reading.mapped)
    return {identity: tuple(entries) for identity, entries in found.items()}
