"""Changes that can be asked for: frozen values with a JSON form."""

from __future__ import annotations

from collections.abc import Sequence
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
        msg = f"groups is the text {quoted(value)}, and has to be a list; nothing was changed."
        raise UsageError(msg, cure="Put it in a list, also where it is one.")
    if isinstance(value, (set, frozenset)):  # in an order that does not depend on the run
        return tuple(sorted(value, key=str))
    return tuple(value) if isinstance(value, list) else value


def _checked(what: str) -> AfterValidator:
    def check(text: str) -> str:
        check_text(what, text)
        return text

    return AfterValidator(check)


def _role_or_user(arn: str) -> str:
    is_user = ":user/" in arn or ":federated-user/" in arn or arn.endswith(":root")
    return arns.canonical_user(arn) if is_user else arns.canonical_role(arn)


def _without_repeats(groups: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(groups))


RoleArn = Annotated[str, AfterValidator(arns.canonical_role)]
UserArn = Annotated[str, AfterValidator(arns.canonical_user)]
Account = Annotated[str, AfterValidator(arns.account_id)]
WrittenArn = Annotated[str, Field(min_length=1)]
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
    """Take every mapping of a role out, whether it is written with or without its path."""

    change: Literal["RemoveRole"] = "RemoveRole"
    role_arn: WrittenArn


class RemoveUser(BaseChange):
    """Take every mapping of a user out."""

    change: Literal["RemoveUser"] = "RemoveUser"
    user_arn: WrittenArn


class RemoveAccount(BaseChange):
    """Take an account out."""

    change: Literal["RemoveAccount"] = "RemoveAccount"
    account: WrittenArn


class RemoveGroups(BaseChange):
    """Take groups from a role or user, and leave it mapped."""

    change: Literal["RemoveGroups"] = "RemoveGroups"
    principal_arn: WrittenArn
    groups: Annotated[Sequence[str], BeforeValidator(_texts)]


class RenamePrincipal(BaseChange):
    """Give every mapping of a role or user to another one: the username and groups stay."""

    change: Literal["RenamePrincipal"] = "RenamePrincipal"
    principal_arn: WrittenArn
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
    | RemoveGroups
    | RenamePrincipal
    | Deduplicate
    | ReplaceText
)
"""Any change; `change` tells which one in JSON."""

_CHANGES: TypeAdapter[list[Change]] = TypeAdapter(list[Annotated[Change, Field(discriminator="change")]])


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
    found = "; ".join(".".join(map(str, (name, *problem["loc"]))) + f": {problem['msg']}" for problem in problems)
    cure = f"See help(awsauth.{name})." if name[0].isupper() else "Give a list of changes as `to_json` makes it."
    return UsageError(f"This is not filled in right: {visible(found)}; nothing was changed.", cure=cure)
