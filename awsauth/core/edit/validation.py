"""Checks of the fields of a change.

Each returns the value that the change keeps, or raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any, Final, get_args

from awsauth.core import arn as arns
from awsauth.core.document.model import KEYS
from awsauth.core.goyaml.scalars import check_text
from awsauth.core.text.display import quoted, quoted_value
from awsauth.errors import AwsAuthError, InvalidValueError, UsageError

# The group of an administrator whose access entry is made, until its policy counts. No wanted entry has it.
BRIDGE_GROUP: Final = "awsauth:administrators"

_LARGEST: Final = 10**20  # a larger number is not an account or a name that lost its quotes

Check = Callable[[str, Any], Any]  # takes a field's name and value, and returns the value to keep or raises


def hint_for_missing(value: Any, otherwise: str) -> str:
    """Return the hint for a wrong value.

    An empty one may come from a variable that is not set.
    """
    is_empty = value is None or (isinstance(value, str) and not value.strip())
    return "Check that the variable with the value is set." if is_empty else otherwise


def as_text(value: Any, *, digits: int = 0) -> str:
    """Return the hint to pass a value as text.

    A number gets back its leading zeros, up to `digits`.
    """
    is_number = isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST
    return f'Pass it as text: "{str(value).zfill(digits)}".' if is_number else "Pass a text."


def problems_as_error(problems: Sequence[AwsAuthError]) -> AwsAuthError:
    """Return one error for several."""
    if len(problems) == 1:
        return problems[0]
    hints = dict.fromkeys(hint for problem in problems for hint in problem.hint.split("\n"))
    kind = UsageError if all(isinstance(problem, UsageError) for problem in problems) else InvalidValueError
    return kind("\n".join(problem.message for problem in problems), hint="\n".join(hints))


def checked(checks: Iterable[tuple[str, Check, Any]]) -> tuple[dict[str, Any], dict[str, AwsAuthError]]:
    """Run checks of named values; return the values to keep and the errors.

    Both are by name.
    """
    kept: dict[str, Any] = {}
    problems: dict[str, AwsAuthError] = {}
    for name, check, value in checks:
        try:
            kept[name] = check(name, value)
        except AwsAuthError as error:
            problems[name] = error
    return kept, problems


def wrong(name: str, value: Any, wanted: str, hint: str) -> UsageError:
    """Return the error for a value of the wrong kind, or an empty one."""
    return UsageError(f"{name} is {quoted_value(value, 60)}, not {wanted}.", hint=hint_for_missing(value, hint))


def require(is_right: object, name: str, value: Any, hint: str) -> None:
    """Refuse the value of an argument, unless it is right.

    Raises:
        UsageError: it is not.
    """
    if not is_right:
        raise UsageError(f"{name} is {quoted_value(value)}.", hint=hint)


def check_texts(*, required: Collection[str] = (), digits: int = 0, **given: Any) -> None:
    """Refuse an argument that is empty, or is not a text.

    None passes unless the argument is required.

    Args:
        required: The names of the required arguments.
        digits: How many digits a text has that a user may write as a number, such as an account.
        given: The arguments, by name.

    Raises:
        UsageError: an argument is refused.
    """
    for name, value in given.items():
        if isinstance(value, str) and not value.strip():
            raise UsageError(f"{name} is empty.", hint=hint_for_missing(value, ""))
        if not isinstance(value, str) and (value is not None or name in required):
            raise wrong(name, value, "text", as_text(value, digits=digits))


def _text(keep: Callable[[str], str], digits: int = 0) -> Check:
    def check(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise wrong(name, value, "text", as_text(value, digits=digits))
        return keep(value)

    return check


def _one_of(choices: Sequence[str]) -> Check:
    def check(name: str, value: Any) -> Any:
        if not isinstance(value, str) or value not in choices:
            raise wrong(name, value, "one of its values", f"Pass one of {', '.join(map(json.dumps, choices))}.")
        return value

    return check


def _list(each: Check) -> Check:
    def check(name: str, value: Any) -> tuple[Any, ...]:
        hint = "Pass a list, even for one group."
        if isinstance(value, str):
            raise UsageError(f"{name} is the text {quoted(value)}, not a list.", hint=hint)
        if isinstance(value, (set, frozenset)):  # in an order that does not depend on the run
            value = sorted(value, key=lambda item: item if isinstance(item, str) else quoted_value(item))
        if not isinstance(value, (list, tuple, Sequence)) or isinstance(value, (bytes, bytearray, memoryview)):
            raise wrong(name, value, "a list", hint)
        try:
            return tuple(dict.fromkeys([each(name, item) for item in value]))
        except AwsAuthError:
            _, problems = checked((f"{name}[{index}]", each, item) for index, item in enumerate(value))
        raise problems_as_error(list(problems.values()))

    return check


def _written(name: str, value: Any) -> Any:
    if value == "":
        raise UsageError(f"{name} is empty.", hint=hint_for_missing(value, ""))
    return _any_text(name, value)


def _flag(name: str, value: Any) -> Any:
    if not isinstance(value, bool):
        raise wrong(name, value, "True or False", "Pass True or False.")
    return value


def _or_none(check: Check) -> Check:
    return lambda name, value: None if value is None else check(name, value)


def _entry_text(name: str, refused: tuple[str, ...], hint: str, text: str) -> str:
    check_text(f"the {name}", text)
    session = text.find("{{SessionName")
    if text.startswith(refused) or (session >= 0 and ":" not in text[:session]):
        raise InvalidValueError(f"EKS accepts no {name} {quoted(text)} in an access entry.", hint=hint)
    return text


def policy_parts(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the name or ARN of an access policy, and its namespaces.

    Args:
        text: ``NAME`` or ``NAME=NAMESPACE,…``, with a name or an ARN.

    Raises:
        InvalidValueError: it is neither.
    """
    name, equals, rest = text.partition("=")
    is_policy = re.fullmatch(r"(arn:[a-z-]+:eks::aws:cluster-access-policy/)?[A-Za-z0-9._-]{1,128}", name)
    namespaces = tuple(dict.fromkeys(rest.split(","))) if equals else ()
    if is_policy and all(re.fullmatch("[a-z0-9*-]{1,63}", namespace) for namespace in namespaces):
        return name, namespaces
    hint = "Write it as AmazonEKSViewPolicy or AmazonEKSViewPolicy=NAMESPACE,NAMESPACE."
    message = f"{quoted(text)} is not an access policy, or has a namespace that cannot exist."
    raise InvalidValueError(message, hint=hint_for_missing(rest if equals else name, hint))


def _entry_policy(text: str) -> str:
    policy_parts(text)
    return text


def check_entry(principal_arn: str, kind: str, named: object, policies: Iterable[str]) -> None:
    """Check the fields of an access entry together.

    Args:
        principal_arn: The principal.
        kind: The type of the entry.
        named: The username or groups; false without them.
        policies: The policies.

    Raises:
        InvalidValueError: EKS does not accept them together.
    """
    names = [policy_parts(policy)[0].rpartition("/")[2] for policy in policies]
    if len(set(names)) < len(names):
        hint = "Give each policy once, with all its namespaces."
        raise InvalidValueError(f"The access entry of {quoted(principal_arn, 200)} has a policy twice.", hint=hint)
    if kind != "STANDARD" and (arns.is_user(principal_arn) or named or (names and kind != "EC2")):
        message = f"An access entry of type {kind} is for a role, and has neither username nor groups nor policies."
        raise InvalidValueError(message, hint="Use the type STANDARD for people and programs.")


# The beginnings of usernames that EKS keeps for itself.
_OF_AWS: Final = ("system:", "eks:", "aws:", "amazon:", "iam:")
_NO_USERNAME: Final = f"It may not begin with {', '.join(_OF_AWS)}, and needs a colon before the session's name."
_FOR_MASTERS: Final = "For system:masters, give the policy AmazonEKSClusterAdminPolicy."
_NO_GROUP: Final = f"{_FOR_MASTERS} For others, bind a group of your own."

_any_text = _text(str)
_entry_group = _text(partial(_entry_text, "group", ("system:", BRIDGE_GROUP), _NO_GROUP))


# Each is the `metadata` of a dataclass's field.
ROLE_ARN: Final = {"check": _text(arns.writable_role)}
USER_ARN: Final = {"check": _text(arns.canonical_user)}
PRINCIPAL_ARN: Final = {"check": _text(arns.canonical_principal)}
ACCOUNT: Final = {"check": _text(arns.account_id, digits=12)}
# A principal as a document may hold it, valid or not. Users have to be able to remove wrong ones.
WRITTEN: Final = {"check": _written}
USERNAME: Final = {"check": _text(partial(check_text, "the username"))}
GROUP_LIST: Final = {"check": _list(_text(partial(check_text, "the group")))}
ANY_GROUPS: Final = {"check": _list(_any_text)}
TEXT: Final = {"check": lambda name, value: value if value is None else _any_text(name, value)}
FLAG: Final = {"check": _flag}
ENTRY_PRINCIPAL: Final = {"check": _text(arns.entry_principal)}
ENTRY_USERNAME: Final = {"check": _or_none(_text(partial(_entry_text, "username", _OF_AWS, _NO_USERNAME)))}
ENTRY_GROUPS: Final = {"check": _or_none(_list(_entry_group))}
ENTRY_POLICY: Final = {"check": _text(_entry_policy)}
ENTRY_POLICIES: Final = {"check": _or_none(_list(ENTRY_POLICY["check"]))}
KEY: Final = {"check": _one_of(KEYS)}


def value_of(literal: Any) -> dict[str, Check]:
    """Return the metadata of a field that holds one of the values of a `Literal`."""
    return {"check": _one_of(get_args(literal))}
