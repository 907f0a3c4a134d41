"""What an organisation allows in its maps: a small file, checked by lint and on every change.

::

    accounts: ["111122223333"]            # principals may be of these accounts only
    partitions: [aws]                     # and of these partitions
    forbidden_groups: ["system:nodes-*"]  # nobody may be in these
    required_groups: ["break-glass"]      # somebody has to be in each of these
    username_prefixes: ["team-", "sso:"]  # every username, but for those of nodes, begins with one of these
    most_administrators: 3                # so many principals may be in system:masters
    administrators: ["arn:aws:iam::111122223333:role/admin-*"]  # and these only
    quiet_notes: [extra-groups]           # notes with these codes are acknowledged, and not shown

What is left out is allowed. In `forbidden_groups` and `administrators`, ``*`` and ``?`` stand for any characters and
for any one, and ``[ab]`` for either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from awsauth.boundary import public
from awsauth.core.arn import ACCOUNT, PARTITIONS
from awsauth.core.findings import Finding, Severity
from awsauth.core.text.display import quoted, quoted_value, visible
from awsauth.errors import PolicyError, UsageError

_ROLE_WITH_PATH: Final = re.compile(":role/[^/]*/", re.IGNORECASE)

_CODE: Final = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")


def _list(value: Any) -> Any:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError("has to be a list")  # noqa: TRY004 - what pydantic wants of a validator
    return tuple(value)


def _known_account(account: str) -> str:
    if not ACCOUNT.fullmatch(account):
        raise ValueError("is no account: one is 12 digits, in quotes")
    return account


def _known_partition(partition: str) -> str:
    if partition not in PARTITIONS:
        raise ValueError(f"is no partition: they are {', '.join(PARTITIONS)}")
    return partition


def _whole(value: Any) -> Any:
    number = (
        int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10 else value
    )
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ValueError("has to be a whole number, 0 or more")
    return number


def _without_path(pattern: str) -> str:
    if _ROLE_WITH_PATH.search(pattern):
        raise ValueError("has a path, and a role is known without: write what follows the last slash behind `role/`")
    return pattern


def _code(code: str) -> str:
    if not _CODE.fullmatch(code):
        raise ValueError("is not the code of a finding, such as extra-groups")
    return code


Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_list)]
Accounts = Annotated[tuple[Annotated[str, AfterValidator(_known_account)], ...], BeforeValidator(_list)]
Partitions = Annotated[tuple[Annotated[str, AfterValidator(_known_partition)], ...], BeforeValidator(_list)]

Codes = Annotated[tuple[Annotated[str, AfterValidator(_code)], ...], BeforeValidator(_list)]

Administrators = Annotated[tuple[Annotated[Text, AfterValidator(_without_path)], ...], BeforeValidator(_list)]


@public
class Policy(BaseModel):
    """What is allowed in a map. Whatever is left out, or None, is.

    Attributes:
        accounts: Of which accounts principals may be, and which may stand in ``mapAccounts``.
        partitions: Of which partitions principals may be.
        forbidden_groups: Patterns of groups that nobody may be in.
        required_groups: Groups that each have to be given to somebody, such as one for emergencies.
        username_prefixes: What every username has to begin with, one of these. Those that EKS gives to nodes need not.
        most_administrators: How many principals may be in ``system:masters``.
        administrators: Patterns of the ARNs, without a role's path and whatever their case, that may be in
            ``system:masters``; an empty list for nobody.
        quiet_notes: Codes of notes that are acknowledged: results, plans and checks leave these notes out. Findings of
            a higher severity stay.

    Raises:
        PolicyError: a field is unknown, or holds what it may not.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    accounts: Accounts | None = None
    partitions: Partitions | None = None
    forbidden_groups: Texts = ()
    required_groups: Texts = ()
    username_prefixes: Texts | None = None
    most_administrators: Annotated[int, BeforeValidator(_whole)] | None = None
    administrators: Administrators | None = None
    quiet_notes: Codes = ()

    def __init__(self, /, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise _translated(error) from error

    def unacknowledged(self, found: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return findings without the notes in `quiet_notes`."""
        return tuple(one for one in found if one.severity is not Severity.NOTE or one.code not in self.quiet_notes)

    @classmethod
    def from_text(cls, text: str) -> Policy:
        """Read a policy as it stands in a file, in YAML or JSON. An account is taken by its digits, quoted or not.

        Raises:
            PolicyError: it cannot be read, or says what no policy can.
            UsageError: it is no text.
        """
        if not isinstance(text, str):
            raise UsageError(
                f"The text of the policy is {quoted_value(text, 60)}, and has to be text; nothing was changed.",
                hint="Pass what the file holds, decoded.",
            )
        from awsauth.core.yaml_input import YamlInputError, parse_input

        try:
            written = parse_input(text)
        except YamlInputError as error:
            raise _invalid(error.problem, error.location) from error
        if not isinstance(written.value, dict):
            raise _invalid("holds no mapping with fields")
        try:
            # A field without a value is not one that is left out, which would allow all.
            return cls(**{name: {} if value is None else value for name, value in written.value.items()})
        except PolicyError as error:
            cause: Any = error.__cause__
            wrong = dict.fromkeys(problem["loc"][0] for problem in cause.errors())
            error.location = " and ".join(written.locations[(name,)] for name in wrong)
            raise


def check_policy(policy: Any) -> None:
    """Check that this is a policy, or None for none.

    Raises:
        UsageError: it is something else, such as the name of a file.
    """
    if policy is not None and not isinstance(policy, Policy):
        raise UsageError(
            f"policy is {quoted_value(policy)}; nothing was changed.",
            hint="Pass a Policy; Policy.from_text(text) makes one of a file's text.",
        )


def _translated(error: ValidationError) -> PolicyError:
    return _invalid("; ".join(_problem(problem) for problem in error.errors(include_url=False)))


def _problem(problem: Any) -> str:
    field, *items = problem["loc"]
    name = f"{field}{''.join(f'[{item}]' for item in items)}"
    given = quoted_value(problem["input"], 60)
    match problem["type"]:
        case "extra_forbidden":
            return f"has a field {quoted(name)} that there is none of"
        case "value_error":
            return f"says {name} is {given}, which {problem['ctx']['error']}"
        case "string_type":
            return f"says {name} is {given}, which has to be text"
        case "string_too_short":
            return f"says {name} is empty"
        case _:
            return f"says {name} is {given}: {visible(problem['msg'])}"


def _invalid(problem: str, location: str = "") -> PolicyError:
    known = ", ".join(Policy.model_fields)
    return PolicyError(
        f"The policy {problem}; nothing was changed.", location=location, hint=f"The fields of a policy are {known}."
    )
