"""What a field of a change may hold: each check returns the value as it is kept, and notes what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, get_args

from awsauth.core import arn as arns
from awsauth.core.document.model import KEYS
from awsauth.core.goyaml.scalars import check_text
from awsauth.core.text.display import quoted, quoted_value
from awsauth.errors import AwsAuthError, InvalidValueError, UsageError


def hint_for_missing(value: Any, otherwise: str) -> str:
    """Return the cure for a value that cannot be taken: where it is nothing, it may come from a variable that is not set."""
    is_nothing = value is None or (isinstance(value, str) and not value.strip())
    return "Is the variable that it comes from set?" if is_nothing else otherwise


_LARGEST: Final = 10**20
"""Numbers from here on are not accounts or names that lost their quotes."""


def as_text(value: Any, *, digits: int = 0) -> str:
    """Return how to give as text what is none; a number with the zeros that it has lost in front, up to `digits`."""
    is_number = isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST
    return f'Pass it as text: "{str(value).zfill(digits)}".' if is_number else "Pass a text."


Check = Callable[[str, Any, list[AwsAuthError]], Any]
"""Takes a field's name, its value, and the list of problems to add to."""


def problems_as_error(problems: Sequence[AwsAuthError]) -> AwsAuthError:
    """Return one error for all that is wrong with a change."""
    if len(problems) == 1:
        return problems[0]
    cures = dict.fromkeys(problem.hint for problem in problems)
    kind = UsageError if all(isinstance(problem, UsageError) for problem in problems) else InvalidValueError
    return kind("\n".join(problem.message for problem in problems), hint="\n".join(cures))


def wrong(name: str, value: Any, hint: str) -> UsageError:
    """Return the error for a value of another type than the field's, with `hint` unless it is nothing at all."""
    return UsageError(f"{name} is {quoted_value(value, 60)}; nothing was changed.", hint=hint_for_missing(value, hint))


def _text(keep: Callable[[str], str], digits: int = 0) -> Check:
    def check(name: str, value: Any, problems: list[AwsAuthError]) -> Any:
        if not isinstance(value, str):
            problems.append(wrong(name, value, as_text(value, digits=digits)))
            return value
        try:
            return keep(value)
        except AwsAuthError as error:
            problems.append(error)
            return value

    return check


def _visible(message: str) -> Callable[[str], str]:
    def keep(text: str) -> str:
        check_text(message, text)
        return text

    return keep


def _one_of(choices: Sequence[str]) -> Check:
    def check(name: str, value: Any, problems: list[AwsAuthError]) -> Any:
        if not isinstance(value, str) or value not in choices:
            problems.append(wrong(name, value, f"Pass one of {', '.join(map(json.dumps, choices))}."))
        return value

    return check


def _list(each: Check) -> Check:
    def check(name: str, value: Any, problems: list[AwsAuthError]) -> Any:
        if isinstance(value, str):
            problems.append(
                UsageError(
                    f"{name} is the text {quoted(value)}, and has to be a list; nothing was changed.",
                    hint="Pass a list, for one group too.",
                )
            )
            return value
        if isinstance(value, (set, frozenset)):  # in an order that does not depend on the run
            value = sorted(value, key=lambda item: item if isinstance(item, str) else quoted_value(item))
        if not isinstance(value, Sequence) or isinstance(value, (bytes, bytearray, memoryview)):
            problems.append(wrong(name, value, "Pass a list, for one group too."))
            return value
        kept = [each(f"{name}[{index}]", item, problems) for index, item in enumerate(value)]
        return tuple(kept) if problems else tuple(dict.fromkeys(kept))

    return check


def _written(name: str, value: Any, problems: list[AwsAuthError]) -> Any:
    if value == "":
        problems.append(wrong(name, value, ""))
    return _any_text(name, value, problems)


def _optional_text(name: str, value: Any, problems: list[AwsAuthError]) -> Any:
    return value if value is None else _any_text(name, value, problems)


def _flag(name: str, value: Any, problems: list[AwsAuthError]) -> Any:
    if not isinstance(value, bool):
        problems.append(wrong(name, value, "Pass True or False."))
    return value


_any_text = _text(str)


_GROUP: Final = _text(_visible("the group"))


# As `metadata` of a dataclass's field.
ROLE_ARN: Final = {"check": _text(arns.writable_role)}


USER_ARN: Final = {"check": _text(arns.canonical_user)}


PRINCIPAL_ARN: Final = {"check": _text(arns.canonical_principal)}


ACCOUNT: Final = {"check": _text(arns.account_id, digits=12)}


WRITTEN: Final = {"check": _written}
"""A principal as it may stand in a document, right or wrong: what is to be taken out need not be valid."""


USERNAME: Final = {"check": _text(_visible("the username"))}


GROUPS: Final = {"check": _list(_GROUP)}


ANY_GROUPS: Final = {"check": _list(_any_text)}


TEXT: Final = {"check": _optional_text}


FLAG: Final = {"check": _flag}


KEY: Final = {"check": _one_of(KEYS)}


def choice(literal: Any) -> dict[str, Check]:
    """Return the metadata of a field that holds one of the values of a `Literal`."""
    return {"check": _one_of(get_args(literal))}
