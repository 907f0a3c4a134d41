"""Changes that can be asked for: frozen values with a JSON form."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Annotated, Any, Final, Literal, get_args

from awsauth.core.document.model import Key  # noqa: TC001 - the JSON looks at the annotations
from awsauth.core.edit import validation as hold
from awsauth.core.serialization import OWN_NAME, JsonValue, in_json
from awsauth.core.text.display import quoted
from awsauth.errors import AwsAuthError, UsageError

IfMapped = Literal["extend", "replace", "fail"]
"""What becomes of a principal that is mapped already.

``extend`` adds groups, and fails where the username is another one or where ``system:masters`` would stay unasked for;
``replace`` makes username and groups what is asked for; ``fail`` fails unless they are already.
"""


class _Checking(ABCMeta):
    """Checks the fields of a change before it is made.

    By hand, not by pydantic: importing that takes longer than everything else that a change to a file takes.
    """

    def __call__(cls, /, *unnamed: Any, **given: Any) -> Any:
        checks = _checks(cls)
        if unnamed:
            raise UsageError(
                f"{cls.__name__} takes its fields by their names; nothing was changed.",
                hint=f"Write {cls.__name__}({', '.join(f'{name}=…' for name in checks)}).",
            )
        problems: list[AwsAuthError] = []
        kept = {name: check(name, given[name], problems) for name, (check, _) in checks.items() if name in given}
        missing = [name for name, (_, is_required) in checks.items() if is_required and name not in given]
        if missing or len(kept) < len(given):
            problems.insert(0, _wrong_names(cls, missing, [name for name in given if name not in checks]))
        if problems:
            raise hold.problems_as_error(problems)
        return super().__call__(**kept)


def _wrong_names(kind: type, missing: Sequence[str], unknown: Sequence[str]) -> UsageError:
    """Return the error for fields that a kind of change does not have, and for those that it needs."""
    wrong = [f"has no field {' and '.join(map(quoted, unknown))}"] if unknown else []
    wrong += [f"needs {' and '.join(map(quoted, missing))}"] if missing else []
    names = ", ".join(_checks(kind)) or "none"
    return UsageError(
        f"{kind.__name__} {', and '.join(wrong)}; nothing was changed.",
        hint=f"Fields of {kind.__name__}: {names}.",
    )


@cache
def _checks(kind: Any) -> dict[str, tuple[hold.Check, bool]]:
    return {one.name: (one.metadata["check"], one.default is MISSING) for one in fields(kind)}


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseChange(JsonValue, metaclass=_Checking):
    """A change. ARNs are normalised to what the authenticator sees: role paths stripped, sessions turned into roles.

    Raises:
        InvalidValueError: a value may not be written.
        UsageError: a field is missing, unknown or of another type.
    """

    @property
    @in_json("change")
    def kind(self) -> Annotated[str, OWN_NAME]:
        """Which change it is: in JSON its ``change``."""
        return type(self).__name__


@dataclass(frozen=True, kw_only=True, slots=True)
class EnsureRole(BaseChange):
    """Map a role, or extend what it is mapped to."""

    role_arn: str = field(metadata=hold.ROLE_ARN)
    username: str = field(metadata=hold.USERNAME)
    groups: Sequence[str] = field(default=(), metadata=hold.GROUPS)
    if_mapped: IfMapped = field(default="extend", metadata=hold.choice(IfMapped))


@dataclass(frozen=True, kw_only=True, slots=True)
class EnsureUser(BaseChange):
    """Map a user, or extend what it is mapped to."""

    user_arn: str = field(metadata=hold.USER_ARN)
    username: str = field(metadata=hold.USERNAME)
    groups: Sequence[str] = field(default=(), metadata=hold.GROUPS)
    if_mapped: IfMapped = field(default="extend", metadata=hold.choice(IfMapped))


@dataclass(frozen=True, kw_only=True, slots=True)
class EnsureAccount(BaseChange):
    """Let all principals of an account in, under their own ARN and without groups."""

    account: str = field(metadata=hold.ACCOUNT)


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoveRole(BaseChange):
    """Take every mapping of a role out: as its ARN is given, and as the authenticator sees it (without the path)."""

    role_arn: str = field(metadata=hold.WRITTEN)


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoveUser(BaseChange):
    """Take every mapping of a user out."""

    user_arn: str = field(metadata=hold.WRITTEN)


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoveAccount(BaseChange):
    """Take an account out."""

    account: str = field(metadata=hold.WRITTEN)


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoveUsername(BaseChange):
    """Take out every mapping of a role or user to a username, exactly as it is written there."""

    username: str = field(metadata=hold.WRITTEN)


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoveGroups(BaseChange):
    """Take groups from a role or user, and leave it mapped."""

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
                f"{quoted(repr(change))} is no change; nothing was changed.",
                hint="Pass a list of changes, such as [awsauth.EnsureRole(…)].",
            )
    return made


def asked_for(change: Change) -> dict[str, Any]:
    """Return the fields of a change that were said, or say something else than they would by themselves."""
    values = ((one, getattr(change, one.name)) for one in fields(change))
    return {one.name: value for one, value in values if value != one.default}
