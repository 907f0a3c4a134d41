"""The policy of an organization: a small file that lint and every change check.

::

    accounts: ["111122223333"]            # principals may be of these accounts only
    partitions: [aws]                     # and of these partitions
    forbidden_groups: ["system:nodes-*"]  # no mapping may have these groups
    required_groups: ["break-glass"]      # each of these groups needs a member
    username_prefixes: ["team-", "sso:"]  # every username, except those of nodes, begins with one of these
    most_administrators: 3                # at most this many principals in system:masters
    administrators: ["arn:aws:iam::111122223333:role/admin-*"]  # and only these
    quiet_notes: [extra-groups]           # notes with these codes are acknowledged, and not shown

A field that is left out allows everything. In `forbidden_groups` and `administrators`, ``*`` stands for any text,
``?`` for any character, and ``[ab]`` for either letter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, ClassVar, Final, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from awsauth.boundary import public
from awsauth.core.arn import ACCOUNT_ID, PARTITIONS
from awsauth.core.findings import Finding, Severity
from awsauth.core.serialization import model_problem
from awsauth.core.text.display import quoted_value
from awsauth.errors import PolicyError, UsageError

_CODE: Final = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")


def _list(value: Any) -> Any:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError("is not a list")  # noqa: TRY004 - what pydantic wants of a validator
    return tuple(value)


def must_fit(is_fit: Callable[[str], object], problem: str) -> AfterValidator:
    """Return the check of a text; `problem` continues a sentence about it."""

    def check(text: str) -> str:
        if not is_fit(text):
            raise ValueError(problem)
        return text

    return AfterValidator(check)


def _whole(value: Any) -> Any:
    is_text_of_one = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10
    number = int(value) if is_text_of_one else value
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ValueError("is not a whole number, 0 or more")
    return number


_T = TypeVar("_T")
_ListOf = Annotated[tuple[_T, ...], BeforeValidator(_list)]
_Text = Annotated[str, Field(min_length=1)]
_Account = Annotated[str, must_fit(ACCOUNT_ID.fullmatch, "is not an account: write 12 digits, in quotes")]
_NO_PARTITION: Final = f"is not a partition: the partitions are {', '.join(PARTITIONS)}"
_Partition = Annotated[str, must_fit(PARTITIONS.__contains__, _NO_PARTITION)]
_Code = Annotated[str, must_fit(_CODE.fullmatch, "is not the code of a finding, such as extra-groups")]
_HAS_PATH: Final = "has a path, but the authenticator knows a role without it: remove the path behind `role/`"
_Role = Annotated[_Text, must_fit(lambda pattern: not re.search("(?i):role/[^/]*/", pattern), _HAS_PATH)]


@public
class Policy(BaseModel):
    """The mappings that are allowed.

    A field that is left out or None allows everything.

    Attributes:
        accounts: The accounts that principals may be in, also as entries of ``mapAccounts``.
        partitions: The partitions that principals may be in.
        forbidden_groups: Patterns of groups that no mapping may have.
        required_groups: Groups that each need a member, such as one for emergencies.
        username_prefixes: The prefixes that usernames may have. Those that EKS gives to nodes need none.
        most_administrators: The largest number of principals in ``system:masters``.
        administrators: Patterns of the ARNs that may be in ``system:masters``, without a role's path and in any case;
            an empty list allows none.
        quiet_notes: Codes of notes that results, plans and checks leave out. Findings of a higher severity stay.

    Raises:
        PolicyError: a field is unknown, or has an invalid value.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    accounts: _ListOf[_Account] | None = None
    partitions: _ListOf[_Partition] | None = None
    forbidden_groups: _ListOf[_Text] = ()
    required_groups: _ListOf[_Text] = ()
    username_prefixes: _ListOf[_Text] | None = None
    most_administrators: Annotated[int, BeforeValidator(_whole)] | None = None
    administrators: _ListOf[_Role] | None = None
    quiet_notes: _ListOf[_Code] = ()

    def __init__(self, /, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            problems = [model_problem(one, one["loc"]) for one in error.errors(include_url=False)]
            raise _invalid("; ".join(problems)) from error

    def unacknowledged(self, found: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return findings without the notes in `quiet_notes`."""
        return tuple(one for one in found if one.severity is not Severity.NOTE or one.code not in self.quiet_notes)

    @classmethod
    def from_text(cls, text: str) -> Policy:
        """Read the text of a policy file, in YAML or JSON.

        Accounts may be written with or without quotes.

        Raises:
            PolicyError: the text cannot be read, or a field is unknown or has an invalid value.
            UsageError: `text` is not text.
        """
        if not isinstance(text, str):
            message = f"The policy is {quoted_value(text, 60)}, which is not text."
            raise UsageError(message, hint="Pass the decoded text of the file.")
        from awsauth.core.yaml_input import YamlInputError, parse_input

        try:
            written = parse_input(text)
        except YamlInputError as error:
            raise _invalid(error.problem, error.location) from error
        if not isinstance(written.value, dict):
            raise _invalid("is not a mapping with fields")
        try:
            # A field without a value is an error: one that is left out allows everything.
            return cls(**{name: {} if value is None else value for name, value in written.value.items()})
        except PolicyError as error:
            cause: Any = error.__cause__
            wrong = dict.fromkeys(problem["loc"][0] for problem in cause.errors())
            error.location = " and ".join(written.locations[(name,)] for name in wrong)
            raise


def check_policy(policy: Any) -> None:
    """Check that this is a policy or None.

    Raises:
        UsageError: it is something else, such as the name of a file.
    """
    if policy is not None and not isinstance(policy, Policy):
        hint = "Pass a Policy, such as Policy.from_text(text) of a file."
        raise UsageError(f"policy is {quoted_value(policy)}, which is not a Policy.", hint=hint)


def _invalid(problem: str, location: str = "") -> PolicyError:
    hint = f"The fields of a policy are {', '.join(Policy.model_fields)}."
    return PolicyError(f"The policy {problem}.", location=location, hint=hint)
