"""Texts that take long where work grows with the square of their length, by how many pieces they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

ARN: Final = "arn:aws:iam::111122223333:role/ci"


def _roles(line: str, head: str = "") -> Callable[[int], dict[str, str]]:
    return lambda count: {"mapRoles": head + "".join(line.format(number, _letters(number)) for number in range(count))}


def _letters(number: int) -> str:
    """Return a number in letters alone."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


_ENTRY: Final = f"- rolearn: {ARN}\n  username: ci\n  groups:\n"
SHAPES: Final[dict[str, Callable[[int], dict[str, str]]]] = {
    "no mappings": _roles("- x\n"),
    "nothing": _roles("-\n"),
    "empty in brackets": lambda count: {"mapRoles": f"[{'{}, ' * count}]"},
    "questions in brackets": lambda count: {"mapRoles": f"[{'{? a : b}, ' * count}]"},
    "dropped, of the caller": _roles(f"- username: u{{0}}\n  role_arn: {ARN}\n"),
    "one role": _roles(f"- rolearn: {ARN}\n  username: u{{0}}\n"),
    "spellings of a user": lambda count: {
        "mapUsers": "".join(f"- userarn: arn:aws:iam::111122223333:user/{_case(number)}\n" for number in range(count))
    },
    "a path in many spellings": lambda count: {
        "mapUsers": "".join(
            f"- userarn: arn:aws:iam::111122223333:role/{_case(number)}/ci\n" for number in range(count)
        )
    },
    "not to be edited": _roles("- rolearn: arn:aws:iam::111122223333:role/{1}/ci\n", "# \x85\n"),
    "one account": lambda count: {"mapAccounts": '- "111122223333"\n' * count},
    "groups": _roles("  - group-{0}\n", _ENTRY),
    "groups that resemble well-known ones": _roles("  - system:mast{1}ers\n", _ENTRY),
    "texts that are none": _roles("  - 1{0}\n", _ENTRY),
    "fields": _roles("  usernam{1}: x\n", f"- rolearn: {ARN}\n"),
    "merged": _roles("- <<: *a\n  username: u{0}\n", f"- &a\n  rolearn: {ARN}\n  username: ci\n"),
    "data keys": lambda count: {f"mapRole{_letters(number)}": "" for number in range(count)},
}
"""What makes the data of such a document."""


def _case(number: int) -> str:
    """Return a name with the bits of a number as its capitals."""
    return "".join(letter.upper() if number >> bit & 1 else letter for bit, letter in enumerate("abcdefghijkl"))
