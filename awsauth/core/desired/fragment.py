"""Fragments: the mappings that one owner wants, in files of the owner's own."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Discriminator, Field, PrivateAttr, Tag, ValidationError

from awsauth.boundary import public
from awsauth.core import arn as arns
from awsauth.core.desired.records import OWNER_NAME, principal_name
from awsauth.core.document.document import Document
from awsauth.core.document.model import ARN_FIELD, KEYS, Key, ListKey, MappingEntry
from awsauth.core.edit.changes import EnsureEntry, EntryType
from awsauth.core.entries.merge import new_entry
from awsauth.core.entries.model import as_mapped
from awsauth.core.goyaml.scalars import check_text
from awsauth.core.lint.policy import must_fit
from awsauth.core.manifest.manifest import document_in
from awsauth.core.serialization import model_problem, unique_fields
from awsauth.core.text.display import listed, quoted, quoted_value, visible
from awsauth.errors import FragmentError, ManifestError, UsageError

if TYPE_CHECKING:
    from typing_extensions import Self

    from awsauth.core.yaml_input import Path

_F = TypeVar("_F", bound="Fragment")
_T = TypeVar("_T")

# Characters of a fragment in JSON. A ConfigMap may have 1 MiB.
_LARGEST_JSON: Final = 4 * 2**20

# How many problems of one fragment are shown.
_SHOWN: Final = 10

_SPLIT: Final = "Split it: several files may have one owner."
_HINT: Final = "Use only the fields `owner`, `reason`, `mapRoles`, `mapUsers`, `mapAccounts` and `accessEntries`."


def _list(value: Any) -> Any:
    if not isinstance(value, (list, tuple, type(None))):
        raise ValueError("is not a list")  # noqa: TRY004 - what pydantic wants of a validator
    return value or ()


def _role(role: str) -> str:
    if not role.startswith("arn:") and arns.IAM_NAME.fullmatch(role):
        return role
    return arns.writable_role(role)


_owner = must_fit(
    re.compile(OWNER_NAME).fullmatch,
    "is not 1 to 50 lower-case letters, digits, dots and hyphens, with a letter or digit first and last",
)

_Username = Annotated[str, AfterValidator(partial(check_text, "the username"))]
_ListOf = Annotated[tuple[_T, ...], BeforeValidator(_list)]
_Groups = _ListOf[Annotated[str, AfterValidator(partial(check_text, "the group"))]]


class _Part(BaseModel):
    model_config = {"frozen": True, "extra": "forbid", "populate_by_name": True}


class WantedRole(_Part):
    """A role that is to be mapped.

    Attributes:
        rolearn: The role's ARN, or its name, which is looked up in the caller's account.
        username: The Kubernetes username; may hold templates such as ``{{SessionName}}``.
        groups: The Kubernetes groups.
    """

    rolearn: Annotated[str, AfterValidator(_role)]
    username: _Username
    groups: _Groups = ()


class WantedSsoRole(_Part):
    """The role of a permission set, looked up in the caller's account.

    Attributes:
        permissionset: The name of the permission set.
        username: The Kubernetes username.
        groups: The Kubernetes groups.
    """

    permissionset: Annotated[str, AfterValidator(partial(check_text, "the permission set"))]
    username: _Username
    groups: _Groups = ()


def _kind(role: Any) -> str:
    is_named = isinstance(role, WantedSsoRole) or (isinstance(role, dict) and "permissionset" in role)
    return "permission set" if is_named else "role"


# What pydantic adds to the path of a role.
_KINDS: Final = ("role", "permission set")

_Tagged = Annotated[WantedRole, Tag(_KINDS[0])] | Annotated[WantedSsoRole, Tag(_KINDS[1])]
# A role, by its ARN or name or by its permission set.
AnyRole = Annotated[_Tagged, Discriminator(_kind)]


class WantedUser(_Part):
    """A user that is to be mapped.

    Attributes:
        userarn: The user's ARN, with its path.
        username: The Kubernetes username.
        groups: The Kubernetes groups.
    """

    userarn: Annotated[str, AfterValidator(arns.canonical_user)]
    username: _Username
    groups: _Groups = ()


class WantedEntry(_Part):
    """An access entry that is to be there (see `awsauth.EnsureEntry`).

    Attributes:
        principal_arn: The ARN in IAM, with its path.
        type: The type, which cannot be changed later.
        username: The Kubernetes username; by default the one that EKS makes.
        groups: The Kubernetes groups.
        policies: The access policies, each ``NAME`` or ``NAME=NAMESPACE,…``.
    """

    principal_arn: str
    type: EntryType = "STANDARD"
    username: str | None = None
    groups: _ListOf[str] = ()
    policies: _ListOf[str] = ()

    def model_post_init(self, _: Any) -> None:
        """Check the fields together."""
        _ = self.change

    @property
    def change(self) -> EnsureEntry:
        """The change that makes the entry, or sets all its fields."""
        made = EnsureEntry(**self.__dict__, if_exists="replace")
        return dataclasses.replace(made, username=new_entry(made).username or None)


class Wanted(NamedTuple):
    """An entry that an owner wants, and the fragment that has it."""

    key: ListKey
    mapped: MappingEntry
    fragment: Fragment
    position: int

    @property
    def place(self) -> str:
        """The file, line and column of the entry."""
        return self.fragment.place_of_item(self.key, self.position)


# The entries that owners want, by owner and by name of the principal.
Desired = dict[str, dict[str, Wanted]]


@public
class Fragment(_Part):
    """The mappings that one owner wants.

    Attributes:
        owner: The owner's name: 1 to 50 lower-case letters, digits, dots and hyphens.
        reason: Why; kept with the revision.
        roles: In a file, ``mapRoles``.
        users: In a file, ``mapUsers``.
        accounts: In a file, ``mapAccounts``.
        entries: In a file, ``accessEntries``.

    Raises:
        FragmentError: a field is unknown, or holds a value that it may not hold.
    """

    owner: Annotated[str, _owner, Field(json_schema_extra={"pattern": f"^{OWNER_NAME}$"})]
    reason: str = ""
    roles: _ListOf[AnyRole] = Field(default=(), alias="mapRoles")
    users: _ListOf[WantedUser] = Field(default=(), alias="mapUsers")
    accounts: _ListOf[Annotated[str, AfterValidator(arns.account_id)]] = Field(default=(), alias="mapAccounts")
    entries: _ListOf[WantedEntry] = Field(default=(), alias="accessEntries")
    _name: str = PrivateAttr(default="")
    _places: Any = PrivateAttr(default_factory=dict)

    def __init__(self, /, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            found = error.errors(include_url=False)
            problems = (model_problem(one, [part for part in one["loc"] if part not in _KINDS]) for one in found)
            text = listed([*dict.fromkeys(problems)], _SHOWN, "; ")
            raise FragmentError(f"The fragment {text}.", hint=_HINT) from error

    def __eq__(self, other: object) -> bool:
        # Without the places that it was read from.
        return isinstance(other, Fragment) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))

    @classmethod
    def from_text(cls, text: str | bytes, name: str = "", *, owner: str | None = None) -> Self:
        """Return the fragment in a file, in UTF-8.

        YAML may have 256 KiB, and JSON 4 MiB.

        Args:
            text: What the file holds.
            name: The file's name, for errors.
            owner: The owner of a manifest of ``aws-auth``, which names none. A fragment may name no other one.

        Raises:
            UsageError: it is neither text nor bytes.
            FragmentError: it cannot be read; `location` names the file, the line and the column.
        """
        try:
            return cls._parsed(text, name, owner)
        except (FragmentError, ManifestError) as error:
            location = ", ".join(filter(None, [visible(name), error.location]))
            raise FragmentError(error.message, location=location, hint=error.hint) from error

    @classmethod
    def _parsed(cls, text: str | bytes, name: str, owner: str | None) -> Self:
        written = decode_text(text)
        if owner is not None and (document := document_in(written)):
            return placed(cls.from_document(document, owner), name, {})
        values, places = _values(written)
        if not isinstance(values, dict):
            raise FragmentError("The fragment holds no mapping with fields.", location=places.get((), ""), hint=_HINT)
        if owner is not None and values.setdefault("owner", owner) != owner:
            message = f"The fragment is of the owner {quoted_value(values['owner'], 60)}, not of {quoted(owner)}."
            raise FragmentError(message, location=places.get(("owner",), ""), hint="Leave the owner out of the call.")
        try:
            return placed(cls(**values), name, places)
        except FragmentError as error:
            with contextlib.suppress(FragmentError):  # JSON may be too large for the reader that knows places.
                places = places or _values(written, is_json=False)[1]
            cause: Any = error.__cause__
            wrong = dict.fromkeys(nearest_place(places, problem["loc"]) for problem in cause.errors())
            error.location = listed([*filter(None, wrong)], _SHOWN, " and ")
            raise

    @classmethod
    def from_document(cls, document: Document, owner: str) -> Self:
        """Return the mappings of a document as those that an owner wants.

        Raises:
            FragmentError: the document has entries that cannot be read, or that a fragment cannot hold.
        """
        if document.problems:
            message = f"The document cannot be read whole: {document.problems[0]}"
            raise FragmentError(message, hint="Run `awsauth check`.")
        fields = {key: [fragment_item(key, mapped) for mapped in document.reading(key).mapped] for key in KEYS}
        return cls(owner=owner, **fields)

    def wanted(self, role_arn: Callable[[AnyRole], str]) -> Iterator[Wanted]:
        """Yield the entries; `role_arn` returns the ARN of a role given by name."""
        for index, role in enumerate(self.roles):
            yield Wanted("mapRoles", MappingEntry(role_arn(role), role.username, role.groups), self, index)
        for index, user in enumerate(self.users):
            yield Wanted("mapUsers", MappingEntry(user.userarn, user.username, user.groups), self, index)
        for index, account in enumerate(self.accounts):
            yield Wanted("mapAccounts", MappingEntry(account), self, index)

    def wanted_entries(self) -> Iterator[Wanted]:
        """Yield the access entries."""
        for index, entry in enumerate(self.entries):
            yield Wanted("accessEntries", as_mapped(new_entry(entry.change)), self, index)

    def place_of_item(self, key: ListKey, index: int) -> str:
        """Return the file, line and column of an entry."""
        return ", ".join(filter(None, [visible(self._name), self._places.get((key, index), f"{key}[{index}]")]))


def placed(fragment: _F, name: str, places: Mapping[Path, str]) -> _F:
    """Return the fragment with its file and the places of its values."""
    fragment._name, fragment._places = name, places  # noqa: SLF001 - of this module
    return fragment


def given_name(role: AnyRole) -> str:
    """Return the ARN or the name of a role in a fragment, without a lookup."""
    return role.rolearn if isinstance(role, WantedRole) else f"permission-set/{role.permissionset}"


def combined(
    fragments: Iterable[Fragment], role_arn: Callable[[AnyRole], str] = given_name, *, entries: bool = False
) -> Desired:
    """Return the entries that owners want, by owner and `principal_name`.

    With `entries`, they are access entries; otherwise mappings.

    Raises:
        FragmentError: a principal is listed twice, by one owner or by two.
    """
    found: Desired = {}
    claims: dict[str, tuple[str, Wanted]] = {}
    for fragment in fragments:
        mine = found.setdefault(fragment.owner, {})
        for wanted in fragment.wanted_entries() if entries else fragment.wanted(role_arn):
            name = principal_name(wanted.key, wanted.mapped.principal)
            if name in claims:
                raise _listed_twice(fragment.owner, wanted, *claims[name])
            claims[name] = fragment.owner, wanted
            mine[name] = wanted
    return found


def _listed_twice(owner: str, wanted: Wanted, other_owner: str, other: Wanted) -> FragmentError:
    by = f"by the owner {owner}" if owner == other_owner else f"by the owners {other_owner} and {owner}"
    message = f"{quoted(wanted.mapped.principal, 200)} is listed twice, {by}."
    hint = "Leave one of the two entries out: a principal has one entry and one owner."
    return FragmentError(message, location=f"{other.place} and {wanted.place}", hint=hint)


def fragment_item(key: Key, mapped: MappingEntry) -> Any:
    """Return an entry as a fragment has it.

    Raises:
        FragmentError: a fragment cannot hold it.
    """
    if mapped.sso is not None:
        message = "An `sso` entry has no ARN, so a fragment cannot hold it."
        raise FragmentError(message, hint="Name the role by `permissionset`.")
    if key == "mapAccounts":
        return mapped.principal
    return {ARN_FIELD[key]: mapped.principal, "username": mapped.username, "groups": mapped.groups}


def decode_text(text: str | bytes) -> str:
    """Return the text in the bytes of a file.

    Raises:
        UsageError: it is neither text nor bytes.
        FragmentError: it is not UTF-8.
    """
    if isinstance(text, str):
        return text
    if not isinstance(text, bytes):
        raise UsageError(f"text is {quoted_value(text, 60)}.", hint="Pass text or bytes.")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FragmentError(f"The file is not text in UTF-8: byte {error.start + 1} is not.", hint=_HINT) from error


def _values(text: str, *, is_json: bool = True) -> tuple[Any, Mapping[Path, str]]:
    from awsauth.core.yaml_input import YamlInputError, parse_input

    if is_json and text.lstrip()[:1] == "{":
        if len(text) > _LARGEST_JSON:
            raise FragmentError(f"The fragment is too large: JSON may have {_LARGEST_JSON // 2**20} MiB.", hint=_SPLIT)
        # A flow mapping of YAML looks alike, and the other reader names the place.
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(text, object_pairs_hook=unique_fields), {}
    try:
        return parse_input(text)
    except YamlInputError as error:
        hint = _SPLIT if "too large" in error.problem else _HINT
        raise FragmentError(f"The fragment {error.problem}.", location=error.location, hint=hint) from error


def nearest_place(places: Mapping[Path, str], path: tuple[Any, ...]) -> str:
    """Return the place of a value, or of the nearest one around it."""
    written = tuple(part for part in path if part not in _KINDS)
    return next((places[written[:end]] for end in range(len(written), -1, -1) if written[:end] in places), "")


def check_fragments(desired: Any, owner: Any = None) -> tuple[Fragment, ...]:
    """Return the fragments that a caller passes.

    The caller passes one, several, or a document with its owner.

    Raises:
        UsageError: it is something else.
        FragmentError: as for `Fragment.from_document`.
    """
    if isinstance(desired, Document) and isinstance(owner, str):
        return (Fragment.from_document(desired, owner),)
    is_one = isinstance(desired, (Fragment, Document)) or not isinstance(desired, Iterable)
    found = (desired,) if is_one else tuple(desired)
    if not found or owner is not None or not all(isinstance(one, Fragment) for one in found):
        hint = "Pass Fragment.from_text(text), or a Document together with owner=."
        raise UsageError(f"{quoted_value(desired)} is not a fragment or a list of fragments.", hint=hint)
    return found
