"""Changes that can be asked for: frozen values with a JSON form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from awsauth.core import arn as arns
from awsauth.core.escaping import quoted, visible
from awsauth.core.reading import Key
from awsauth.core.scalars import check_text
from awsauth.errors import AwsAuthError, InvalidValueError, UsageError

IfMapped = Literal["extend", "replace", "fail"]
"""What becomes of a principal that is mapped already.

``extend`` adds groups, and fails where the username is another one or where ``system:masters`` would stay unasked for;
``replace`` makes username and groups what is asked for; ``fail`` fails unless they are already.
"""


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        raise UsageError(
            f"groups is the text {quoted(value)}, and has to be a list; nothing was changed.",
            cure="Pass a list, for one group too.",
        )
    if isinstance(value, (set, frozenset)):  # in an order that does not depend on the run
        return tuple(sorted(value, key=str))
    return tuple(value) if isinstance(value, list) else value


def _checked(what: str) -> AfterValidator:
    def check(text: str) -> str:
        check_text(what, text)
        return text

    return AfterValidator(check)


def _role_or_user(arn: str) -> str:
    return arns.canonical_user(arn) if arns.is_user(arn) else arns.canonical_role(arn)


def _without_repeats(groups: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(groups))


RoleArn = Annotated[str, AfterValidator(arns.canonical_role)]
UserArn = Annotated[str, AfterValidator(arns.canonical_user)]
Account = Annotated[str, AfterValidator(arns.account_id)]
Written = Annotated[str, Field(min_length=1)]
"""An ARN as it may stand in a document, right or wrong: what is to be taken out need not be valid."""
Username = Annotated[str, _checked("the username")]
GroupName = Annotated[str, _checked("the group")]
Groups = Annotated[Sequence[GroupName], BeforeValidator(_texts), AfterValidator(_without_repeats)]
"""Any sequence is taken; a tuple is kept."""


class BaseChange(BaseModel):
    """A change. ARNs are normalised to what the authenticator sees: role paths stripped, sessions turned into roles.

    Raises:
        InvalidValueError: a value may not be written.
        UsageError: a field is missing, unknown or of another type.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise _translated(type(self).__name__, error) from error


class EnsureRole(BaseChange):
    """Map a role, or extend what it is mapped to."""

    change: Literal["EnsureRole"] = "EnsureRole"
    role_arn: RoleArn
    username: Username
    groups: Groups = ()
    if_mapped: IfMapped = "extend"


class EnsureUser(BaseChange):
    """Map a user, or extend what it is mapped to."""

    change: Literal["EnsureUser"] = "EnsureUser"
    user_arn: UserArn
    username: Username
    groups: Groups = ()
    if_mapped: IfMapped = "extend"


class EnsureAccount(BaseChange):
    """Let all principals of an account in, under their own ARN and without groups."""

    change: Literal["EnsureAccount"] = "EnsureAccount"
    account: Account


class RemoveRole(BaseChange):
    """Take every mapping of a role out: as its ARN is given, and as the authenticator sees it (without the path)."""

    change: Literal["RemoveRole"] = "RemoveRole"
    role_arn: Written


class RemoveUser(BaseChange):
    """Take every mapping of a user out."""

    change: Literal["RemoveUser"] = "RemoveUser"
    user_arn: Written


class RemoveAccount(BaseChange):
    """Take an account out."""

    change: Literal["RemoveAccount"] = "RemoveAccount"
    account: Written


class RemoveUsername(BaseChange):
    """Take out every mapping of a role or user to a username, exactly as it is written there."""

    change: Literal["RemoveUsername"] = "RemoveUsername"
    username: Username


class RemoveGroups(BaseChange):
    """Take groups from a role or user, and leave it mapped."""

    change: Literal["RemoveGroups"] = "RemoveGroups"
    principal_arn: Written
    groups: Annotated[Sequence[str], BeforeValidator(_texts)]


class RenamePrincipal(BaseChange):
    """Give every mapping of a role or user to another one: the username and groups stay."""

    change: Literal["RenamePrincipal"] = "RenamePrincipal"
    principal_arn: Written
    new_arn: Annotated[str, AfterValidator(_role_or_user)]


class Deduplicate(BaseChange):
    """Take out every mapping that another one of the same principal keeps the authenticator from seeing."""

    change: Literal["Deduplicate"] = "Deduplicate"


class ReplaceText(BaseChange):
    """Replace the whole text of a data key: for an editor, a repair, an exact restore. None takes the key out."""

    change: Literal["ReplaceText"] = "ReplaceText"
    key: Key
    text: str | None


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
    | ReplaceText
)
"""Any change; `change` tells which one in JSON."""

_CHANGES: TypeAdapter[list[Change]] = TypeAdapter(list[Annotated[Change, Field(discriminator="change")]])


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
                cure="Pass a list of changes, such as [awsauth.EnsureRole(…)].",
            )
    return made


def to_json(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Return changes as values that JSON can hold."""
    return [change.model_dump(mode="json") for change in changes]


def from_json(values: Any) -> tuple[Change, ...]:
    """Return the changes of `to_json`.

    Raises:
        InvalidValueError: a value may not be written.
        UsageError: this is no list of changes.
    """
    try:
        return tuple(_CHANGES.validate_python(values))
    except ValidationError as error:
        raise _translated("changes", error) from error


def _translated(name: str, error: ValidationError) -> AwsAuthError:
    """Return the error of ours that a validator raised, or one that says what pydantic found."""
    problems = error.errors(include_url=False)
    causes = [problem.get("ctx", {}).get("error") for problem in problems]
    ours = [cause for cause in causes if isinstance(cause, AwsAuthError)]
    if len(ours) == 1:
        return ours[0]
    if ours:
        cures = dict.fromkeys(cause.cure for cause in ours)
        return InvalidValueError("\n".join(cause.what for cause in ours), cure=" ".join(cures))
    # A single change is named by the call already, one of a list is not.
    prefix = () if name[0].isupper() else (name,)
    found = "; ".join(_problem(problem, prefix) for problem in problems)
    return UsageError(
        f"{found[0].upper()}{found[1:]}; nothing was changed.", cure="Is the variable that it comes from set?"
    )


def _problem(problem: Any, prefix: tuple[str, ...]) -> str:
    """Return what pydantic found in our words, with the value that was given."""
    name = ".".join(str(part) for part in (*prefix, *problem["loc"]))
    given = quoted(repr(problem["input"]), 60)
    match problem["type"]:
        case "missing":
            return f"{name} is missing"
        case "extra_forbidden":
            return f"there is no field {quoted(name)}"
        case "string_type":
            return f"{name} is {given} and has to be text"
        case "is_instance_of" | "tuple_type" | "list_type":
            return f"{name} is {given} and has to be a list"
        case _:
            return f"{name} is {given}: {visible(problem['msg'])}"
