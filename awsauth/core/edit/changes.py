"""The changes that a caller can ask for: frozen values with a JSON form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args

from awsauth.core.document.model import Key
from awsauth.core.edit import validation
from awsauth.core.serialization import OWN_NAME, JsonValue, in_json
from awsauth.core.text.display import quoted, quoted_value
from awsauth.errors import AwsAuthError, UsageError

if TYPE_CHECKING:
    from awsauth.core.yaml_input import Path

# The effect on a principal that is already mapped. ``extend`` adds groups; it fails if the username differs, or if
# ``system:masters`` would stay although the change does not name it. ``replace`` sets username and groups. ``fail``
# fails unless username and groups are already right.
IfMapped = Literal["extend", "replace", "fail"]


# The type of an access entry: ``STANDARD`` for people and programs, every other one for nodes.
EntryType = Literal["STANDARD", "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "EC2", "HYBRID_LINUX", "HYPERPOD_LINUX"]

# The effect on a principal that has an access entry. ``fail`` fails unless the entry is already right. ``replace``
# sets the fields that are given.
IfExists = Literal["fail", "replace"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class BaseChange(JsonValue):
    """A change. ARNs are kept as the authenticator sees them.

    Roles lose their path, and a session becomes its role.

    Raises:
        InvalidValueError: a value is not valid.
        UsageError: a value has the wrong type.
        TypeError: a field is missing or unknown, or is passed without its name.
    """

    def __post_init__(self) -> None:
        # Not by pydantic: importing that takes longer than the whole rest of a change to a file.
        kind: Any = type(self)
        checks = _checks(kind)
        try:
            kept = [(name, check(name, getattr(self, name))) for name, check in checks.items()]
        except AwsAuthError:
            _, problems = validation.checked((name, check, getattr(self, name)) for name, check in checks.items())
            raise validation.problems_as_error(list(problems.values())) from None
        for name, value in kept:
            object.__setattr__(self, name, value)

    # Written once: `dataclass` would compile them for each kind, when a process starts.
    def __eq__(self, other: object) -> bool:
        kind: Any = type(self)
        return isinstance(other, kind) and (other is self or _values(kind)(self) == _values(kind)(other))

    def __hash__(self) -> int:
        kind: Any = type(self)
        return hash((kind, _values(kind)(self)))

    def __repr__(self) -> str:
        kind: Any = type(self)
        return f"{kind.__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in _checks(kind))})"

    @property
    @in_json("change")
    def kind(self) -> Annotated[str, OWN_NAME]:
        """The kind of change; ``change`` in JSON."""
        return type(self).__name__


@cache
def _checks(kind: Any) -> dict[str, validation.Check]:
    return {one.name: one.metadata["check"] for one in fields(kind)}


@cache
def _values(kind: Any) -> attrgetter[Any]:
    return attrgetter(*_checks(kind))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class EnsureRole(BaseChange):
    """Map a role to a username and groups, or extend its mapping.

    A second merge changes nothing.

    Attributes:
        role_arn: The role's ARN. Its path is removed, as the authenticator needs; a session's ARN becomes its role's.
        username: The Kubernetes username; may hold templates such as ``{{SessionName}}``.
        groups: The Kubernetes groups.
        if_mapped: The effect on a role that is already mapped. ``extend`` adds groups; it fails if the username
            differs, or if ``system:masters`` would stay although `groups` does not name it. ``replace`` sets username
            and groups. ``fail`` fails unless they are already right.
    """

    role_arn: str = field(metadata=validation.ROLE_ARN)
    username: str = field(metadata=validation.USERNAME)
    groups: Sequence[str] = field(default=(), metadata=validation.GROUP_LIST)
    if_mapped: IfMapped = field(default="extend", metadata=validation.value_of(IfMapped))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class EnsureUser(BaseChange):
    """Map a user to a username and groups, or extend its mapping (see `EnsureRole`).

    Attributes:
        user_arn: The user's ARN, with its path.
        username: The Kubernetes username.
        groups: The Kubernetes groups.
        if_mapped: The effect on a user that is already mapped.
    """

    user_arn: str = field(metadata=validation.USER_ARN)
    username: str = field(metadata=validation.USERNAME)
    groups: Sequence[str] = field(default=(), metadata=validation.GROUP_LIST)
    if_mapped: IfMapped = field(default="extend", metadata=validation.value_of(IfMapped))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class EnsureAccount(BaseChange):
    """Give access to all principals of an account.

    The username of each is its ARN, and it has no groups.

    Attributes:
        account: The account's 12 digits, as text.
    """

    account: str = field(metadata=validation.ACCOUNT)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class RemoveRole(BaseChange):
    """Remove every mapping of a role, with and without its path."""

    role_arn: str = field(metadata=validation.WRITTEN)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class RemoveUser(BaseChange):
    """Remove every mapping of a user."""

    user_arn: str = field(metadata=validation.WRITTEN)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class RemoveAccount(BaseChange):
    """Remove an account."""

    account: str = field(metadata=validation.WRITTEN)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class RemoveUsername(BaseChange):
    """Remove every mapping of a role or user to exactly this username."""

    username: str = field(metadata=validation.WRITTEN)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class RemoveGroups(BaseChange):
    """Remove groups from a role or user, which stays mapped."""

    principal_arn: str = field(metadata=validation.WRITTEN)
    groups: Sequence[str] = field(metadata=validation.ANY_GROUPS)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class RenamePrincipal(BaseChange):
    """Give every mapping of a role or user to another principal.

    Username and groups stay.
    """

    principal_arn: str = field(metadata=validation.WRITTEN)
    new_arn: str = field(metadata=validation.PRINCIPAL_ARN)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class Deduplicate(BaseChange):
    """Remove every mapping that a later one for the same principal replaces.

    With `only_equal`, remove only those with the same username and groups as the later one.
    """

    only_equal: bool = field(default=False, metadata=validation.FLAG)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class Repair(BaseChange):
    """Correct the mistakes in a data key's text that have one possible meaning.

    These are fields with the names of other tools (``role_arn``, ``group``) and groups that are a text, not a list. In
    a text that cannot be read, these are typographic characters and lines with a wrong indentation.
    """

    key: Key = field(metadata=validation.KEY)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class ReplaceText(BaseChange):
    """Replace the whole text of a data key, or remove the key with None.

    It is for an editor, a repair or an exact restore.
    """

    key: Key = field(metadata=validation.KEY)
    text: str | None = field(metadata=validation.TEXT)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class EnsureEntry(BaseChange):
    """Give a role or user an access entry, or change its entry.

    Attributes:
        principal_arn: The ARN in IAM, with its path. EKS knows the principal by it.
        type: The type, which cannot be changed later. Nodes have neither `username` nor `groups`.
        username: The Kubernetes username. By default a new entry gets EKS's own: the ARN of the user or of the session.
        groups: The Kubernetes groups; by default a new entry has no groups.
        policies: The access policies, each ``NAME`` for the whole cluster or ``NAME=NAMESPACE,…``. The ARN of a policy
            may replace its name. By default a new entry has no policies.
        if_exists: The effect on a principal that has an entry. ``fail`` fails unless the entry is already right, or only
            lacks policies. ``replace`` sets the fields that are given.
    """

    principal_arn: str = field(metadata=validation.ENTRY_PRINCIPAL)
    type: EntryType = field(default="STANDARD", metadata=validation.value_of(EntryType))
    username: str | None = field(default=None, metadata=validation.ENTRY_USERNAME)
    groups: Sequence[str] | None = field(default=None, metadata=validation.ENTRY_GROUPS)
    policies: Sequence[str] | None = field(default=None, metadata=validation.ENTRY_POLICIES)
    if_exists: IfExists = field(default="fail", metadata=validation.value_of(IfExists))

    def __post_init__(self) -> None:
        BaseChange.__post_init__(self)  # `super()` fails in a dataclass with slots
        validation.check_entry(self.principal_arn, self.type, self.username or self.groups, self.policies or ())


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class SetEntryPolicy(BaseChange):
    """Give an access entry a policy in exactly these namespaces.

    Attributes:
        principal_arn: The ARN of the entry's principal, with its path.
        policy: ``NAME`` for the whole cluster, or ``NAME=NAMESPACE,…``. The policy's ARN may replace its name.
    """

    principal_arn: str = field(metadata=validation.ENTRY_PRINCIPAL)
    policy: str = field(metadata=validation.ENTRY_POLICY)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class RemoveEntryPolicy(BaseChange):
    """Take a policy from an access entry.

    Attributes:
        principal_arn: The ARN of the entry's principal, with its path.
        policy: ``NAME`` for the whole policy, or ``NAME=NAMESPACE,…`` for these namespaces alone.
    """

    principal_arn: str = field(metadata=validation.ENTRY_PRINCIPAL)
    policy: str = field(metadata=validation.ENTRY_POLICY)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class RemoveEntry(BaseChange):
    """Delete the access entry of a principal, given by its ARN with the path."""

    principal_arn: str = field(metadata=validation.ENTRY_PRINCIPAL)


# Any change of access entries.
EntryChange = EnsureEntry | SetEntryPolicy | RemoveEntryPolicy | RemoveEntry

_Ensure = EnsureRole | EnsureUser | EnsureAccount
_Remove = RemoveRole | RemoveUser | RemoveAccount | RemoveUsername | RemoveGroups
# Any change; in JSON, `change` holds its kind.
Change = _Ensure | _Remove | RenamePrincipal | Deduplicate | Repair | ReplaceText | EntryChange

KINDS: Final[dict[str, type[BaseChange]]] = {kind.__name__: kind for kind in get_args(Change)}


def as_list(changes: Any) -> list[Change]:
    """Return one change or several as a list.

    Raises:
        UsageError: a value is not a change.
    """
    is_one = isinstance(changes, BaseChange) or not isinstance(changes, (list, Iterable))
    made: list[Any] = [changes] if is_one else list(changes)
    for change in made:
        if not isinstance(change, BaseChange):
            hint = "Pass a list of changes, such as [awsauth.EnsureRole(…)]."
            raise UsageError(f"{quoted_value(change)} is not a change.", hint=hint)
    return made


def entry_changes(changes: Sequence[Change]) -> tuple[EntryChange, ...]:
    """Return the changes of access entries; nothing if they are of mappings.

    Raises:
        UsageError: there are both.
    """
    found = tuple([change for change in changes if isinstance(change, EntryChange)])
    if found and len(found) < len(changes):
        message = "Mappings and access entries are in two systems, and cannot change in one write."
        raise UsageError(message, hint="Make two changes.")
    return found


def asked_for(change: Change) -> dict[str, Any]:
    """Return the fields of a change that differ from their defaults."""
    values = ((one, getattr(change, one.name)) for one in fields(change))
    return {one.name: value for one, value in values if value != one.default}


def changes_from_json(values: Any, locations: Mapping[Path, str] = MappingProxyType({})) -> tuple[Change, ...]:
    """Return changes from the values that their `to_json` gives.

    Args:
        values: A list of dictionaries.
        locations: By the path to a value, the line and column in the file that it comes from.

    Raises:
        InvalidValueError: a value is not valid.
        UsageError: this is not a list of changes.
    """
    if not isinstance(values, (list, tuple)):
        raise validation.wrong("changes", values, "a list", 'Put them in a list: [{"change": …}].')
    return tuple([_from_json(index, value, locations) for index, value in enumerate(values)])


def _from_json(index: int, value: Any, locations: Mapping[Path, str]) -> Any:
    kind = value.get("change") if isinstance(value, dict) else None
    faulty: list[str] = []
    if not isinstance(value, dict):
        hint = 'Write one such as {"change": "EnsureRole", …}.'
        error: AwsAuthError = validation.wrong("A change", value, "an object", hint)
    elif not isinstance(kind, str) or kind not in KINDS:
        faulty = ["change"] if isinstance(kind, str) else []
        problem = f"There is no change {quoted(kind)}" if isinstance(kind, str) else "`change` has to name the change"
        error = UsageError(f"{problem}.", hint=f"The changes are {', '.join(KINDS)}.")
    else:
        given = {str(name): each for name, each in value.items() if name != "change"}
        faulty, problems = _problems(kind, given)
        try:
            if not problems:
                return KINDS[kind](**given)
            error = validation.problems_as_error(problems)
        except AwsAuthError as problem:  # of two fields together
            error = problem
    paths: list[Path] = [(index, name) for name in faulty] or [(index,)]
    error.location = ", ".join([*(locations[path] for path in paths if path in locations), f"change {index + 1}"])
    raise error


def _problems(kind: str, given: Mapping[str, Any]) -> tuple[list[str], list[AwsAuthError]]:
    """Return the unknown and wrong fields, and the errors of the change."""
    made: Any = KINDS[kind]
    known = {one.name: one for one in fields(made)}
    unknown = [quoted(name) for name in given if name not in known]
    missing = [quoted(name) for name, one in known.items() if one.default is MISSING and name not in given]
    checks = _checks(made)
    _, wrong = validation.checked((name, checks[name], value) for name, value in given.items() if name in known)
    names = [f"has no field {' and '.join(unknown)}"] if unknown else []
    names += [f"needs {' and '.join(missing)}"] if missing else []
    problems = list(wrong.values())
    if names:
        problems.insert(0, UsageError(f"{kind} {', and '.join(names)}.", hint=f"Fields of {kind}: {', '.join(known)}."))
    return [name for name in given if name in wrong or name not in known], problems
