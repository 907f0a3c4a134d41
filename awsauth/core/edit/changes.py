"""Changes that can be asked for: frozen values with a JSON form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Annotated, Any, Final, Literal, get_args

from awsauth.core.document.model import Key  # noqa: TC001 - the JSON looks at the annotations
from awsauth.core.edit import validation as hold
from awsauth.core.serialization import OWN_NAME, JsonValue, in_json
from awsauth.core.text.display import quoted_value
from awsauth.errors import AwsAuthError, UsageError

IfMapped = Literal["extend", "replace", "fail"]
"""What becomes of a principal that is mapped already.

``extend`` adds groups, and fails where the username is another one or where ``system:masters`` would stay unasked for;
``replace`` makes username and groups what is asked for; ``fail`` fails unless they are already.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseChange(JsonValue):
    """A change. ARNs are normalised to what the authenticator sees: role paths stripped, sessions turned into roles.

    Raises:
        InvalidValueError: a value may not be written.
        UsageError: a value is of another type.
        TypeError: a field is missing or unknown, or is given without its name.
    """

    def __post_init__(self) -> None:
        # By hand, not by pydantic: importing that takes longer than everything else that a change to a file takes.
        kind: Any = type(self)
        problems: list[AwsAuthError] = []
        for name, check in _checks(kind):
            object.__setattr__(self, name, check(name, getattr(self, name), problems))
        if problems:
            raise hold.problems_as_error(problems)

    @property
    @in_json("change")
    def kind(self) -> Annotated[str, OWN_NAME]:
        """Which change it is: in JSON its ``change``."""
        return type(self).__name__


@cache
def _checks(kind: Any) -> list[tuple[str, hold.Check]]:
    return [(one.name, one.metadata["check"]) for one in fields(kind)]


@dataclass(frozen=True, kw_only=True, slots=True)
class EnsureRole(BaseChange):
    """Map a role to a username and groups, or extend what it is mapped to. Merging it again changes nothing.

    Attributes:
        role_arn: The role's ARN. Its path is stripped, as the authenticator needs; a session's ARN stands for its role.
        username: The Kubernetes username; may hold templates such as ``{{SessionName}}``.
        groups: The Kubernetes groups.
        if_mapped: The effect on a role that is mapped already: ``extend`` adds groups, and fails on another username
            or where ``system:masters`` would stay unasked for; ``replace`` makes the mapping the one that is asked
            for; ``fail`` fails unless it is that already.
    """

    role_arn: str = field(metadata=hold.ROLE_ARN)
    username: str = field(metadata=hold.USERNAME)
    groups: Sequence[str] = field(default=(), metadata=hold.GROUPS)
    if_mapped: IfMapped = field(default="extend", metadata=hold.choice(IfMapped))


@dataclass(frozen=True, kw_only=True, slots=True)
class EnsureUser(BaseChange):
    """Map a user to a username and groups, or extend what it is mapped to (as `EnsureRole`).

    Attributes:
        user_arn: The user's ARN, with its path.
        username: The Kubernetes username.
        groups: The Kubernetes groups.
        if_mapped: The effect on a user that is mapped already.
    """

    user_arn: str = field(metadata=hold.USER_ARN)
    username: str = field(metadata=hold.USERNAME)
    groups: Sequence[str] = field(default=(), metadata=hold.GROUPS)
    if_mapped: IfMapped = field(default="extend", metadata=hold.choice(IfMapped))


@dataclass(frozen=True, kw_only=True, slots=True)
class EnsureAccount(BaseChange):
    """Let all principals of an account in, each with its own ARN as username and without groups.

    Attributes:
        account: The account's 12 digits, as text.
    """

    account: str = field(metadata=hold.ACCOUNT)


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoveRole(BaseChange):
    """Remove every mapping of a role: by its ARN as given, and as the authenticator sees it (without the path)."""

    role_arn: str = field(metadata=hold.WRITTEN)


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoveUser(BaseChange):
    """Remove every mapping of a user."""

    user_arn: str = field(metadata=hold.WRITTEN)


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoveAccount(BaseChange):
    """Remove an account."""

    account: str = field(metadata=hold.WRITTEN)


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoveUsername(BaseChange):
    """Remove every mapping of a role or user to a username, exactly as the username is written there."""

    username: str = field(metadata=hold.WRITTEN)


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoveGroups(BaseChange):
    """Remove groups from a role or user, and leave it mapped."""

    principal_arn: str = field(metadata=hold.WRITTEN)
    groups: Sequence[str] = field(metadata=hold.ANY_GROUPS)


@dataclass(frozen=True, kw_only=True, slots=True)
class RenamePrincipal(BaseChange):
    """Give every mapping of a role or user to another one: the username and groups stay."""

    principal_arn: str = field(metadata=hold.WRITTEN)
    new_arn: str = field(metadata=hold.PRINCIPAL_ARN)


@dataclass(frozen=True, kw_only=True, slots=True)
class Deduplicate(BaseChange):
    """Remove every mapping that another one of the same principal keeps the authenticator from seeing.

    With `only_equal`, those alone that give the same username and groups as the one that counts.
    """

    only_equal: bool = field(default=False, metadata=hold.FLAG)


@dataclass(frozen=True, kw_only=True, slots=True)
class Repair(BaseChange):
    """Write what can only mean one thing in the text of a data key as the authenticator reads it.

    Fields with other tools' names (``role_arn``, ``group``), groups that are a text and not a list; and in a text that
    cannot be read, typographic characters and lines that are indented too far.
    """

    key: Key = field(metadata=hold.KEY)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplaceText(BaseChange):
    """Replace the whole text of a data key: for an editor, a repair, an exact restore. None takes the key out."""

    key: Key = field(metadata=hold.KEY)
    text: str | None = field(metadata=hold.TEXT)


Change = (
    EnsureRole
    | EnsureUser
    | EnsureAccount
    | RemoveRole
    | RemoveUser
    | RemoveAccount
    | RemoveUsername
    | RemoveGroups
    | RenamePrincipal
    | Deduplicate
    | Repair
    | ReplaceText
)
"""Any change; `change` tells which one in JSON."""


KINDS: Final[dict[str, type[BaseChange]]] = {kind.__name__: kind for kind in get_args(Change)}


def as_list(changes: Any) -> list[Change]:
    """Return changes as a list, a single one too.

    Raises:
        UsageError: these are no changes.
    """
    made: list[Any] = (
        [changes] if isinstance(changes, BaseChange) or not isinstance(changes, Iterable) else list(changes)
    )
    for change in made:
        if not isinstance(change, BaseChange):
            raise UsageError(
                f"{quoted_value(change)} is no change; nothing was changed.",
                hint="Pass a list of changes, such as [awsauth.EnsureRole(…)].",
            )
    return made


def asked_for(change: Change) -> dict[str, Any]:
    """Return the fields of a change that were said, or say something else than they would by themselves."""
    values = ((one, getattr(change, one.name)) for one in fields(change))
    return {one.name: value for one, value in values if value != one.default}
