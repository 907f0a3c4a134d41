"""Texts of `mapRoles` in the forms that real documents have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_NODES: Final = ("system:bootstrappers", "system:nodes")


def _entry(number: int, account: int) -> tuple[str, str, tuple[str, ...]]:
    """Return ARN, username and groups of an entry: every tenth is a node role."""
    if number % 10 == 0:
        arn = f"arn:aws:iam::{account:012d}:role/nodegroup-{number:05d}-NodeInstanceRole"
        return arn, "system:node:{{EC2PrivateDNSName}}", _NODES
    arn = f"arn:aws:iam::{account:012d}:role/team-{number:05d}-deployer"
    return arn, f"team-{number:05d}", (f"team-{number:05d}-developers",)


def _groups_first(number: int, account: int) -> str:
    """As EKS and eksctl write: keys sorted, the groups' dashes below the key."""
    arn, username, groups = _entry(number, account)
    lines = "".join(f"  - {group}\n" for group in groups)
    return f"- groups:\n{lines}  rolearn: {arn}\n  username: {username}\n"


def _role_first(number: int, account: int) -> str:
    """As people write: the role first, the groups' dashes indented."""
    arn, username, groups = _entry(number, account)
    lines = "".join(f"    - {group}\n" for group in groups)
    return f"- rolearn: {arn}\n  username: {username}\n  groups:\n{lines}"


def _quoted(number: int, account: int) -> str:
    """As Terraform's `yamlencode` writes: keys and values in double quotes."""
    arn, username, groups = _entry(number, account)
    lines = "".join(f'  - "{group}"\n' for group in groups)
    return f'- "groups":\n{lines}  "rolearn": "{arn}"\n  "username": "{username}"\n'


def _commented(number: int, account: int) -> str:
    """With a comment above every entry and behind every ARN, and a blank line between entries."""
    arn, username, groups = _entry(number, account)
    lines = "".join(f"    - {group}\n" for group in groups)
    return f"# Team {number}\n- rolearn: {arn}  # since January\n  username: {username}\n  groups:\n{lines}" + (
        "\n" if number % 2 else ""
    )


def _not_ascii(number: int, account: int) -> str:
    """With a name beyond ASCII in every entry."""
    return _role_first(number, account).replace("username: ", "username: é")


FORMS: Final[dict[str, Callable[[int, int], str]]] = {
    "groups first": _groups_first,
    "role first, indented groups": _role_first,
    "quoted": _quoted,
    "with comments": _commented,
    "not ASCII": _not_ascii,
}
"""What writes an entry, by what the form is called."""

COMMON: Final = "groups first"


def document(entries: int, account: int, form: str = COMMON) -> str:
    """Return a text; `account` makes it one that no other run has seen."""
    return "".join(FORMS[form](number, account) for number in range(entries))
