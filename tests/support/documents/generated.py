"""Makes `aws-auth` texts in every shape that people, and the tools they use, write them in.

All choices come from the `random.Random` that is passed in, so a seed names a text, and Hypothesis, which can stand in
for one, can shrink it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

KEYS: Final = ("mapRoles", "mapUsers", "mapAccounts")

_ACCOUNTS: Final = ("111122223333", "012345678901", "968802670493", "000000000000")
_NAMES: Final = ("admin", "build", "deployer", "eks-worker", "ci_1", "équipe", "Team.A", "ops+x", "x", "系统")
_USERNAMES: Final = (
    "system:node:{{EC2PrivateDNSName}}", "system:node:{{SessionName}}", "admin:{{SessionName}}", "admin", "build",
    "{{SessionName}}", "user@example.com", "sso:{{SessionNameRaw}}", "été", "a b", "12", "yes", "null", "x: y", "#x",
    "<name>", "${user}", "it's", 'say "x"', "a\\b", "- x", "*", "1e3", "0x1F", "~", "@x", "a #b", "trailing ",
)  # fmt: skip
_GROUPS: Final = (
    "system:masters", "system:bootstrappers", "system:nodes", "system:node-proxier", "eks:kube-proxy-windows",
    "view", "team-{{AccountID}}", "développeurs", "on", "123", "a:b", "{{SessionName}}", "x y", "*",
)  # fmt: skip
_UNKNOWN: Final = ("userid: AIDAEXAMPLE", "owner: team-a", "arn: x", "note: [a, {b: c}]", "data:", "1: 2", "yes: no")
_COMMENTS: Final = ("# nodes", "#", "# - rolearn: arn:aws:iam::1:role/old", "#x: [", "# éà ← ok", "#\ttab", "# 'a \"b")
_ODD: Final = (
    "123", "012", "1.5", "1_000", "0b1", "1e3", ".inf", ".NaN", "-.5", "+1", "0o17", "190:20:30", "2001-01-01", "yes",
    "No", "on", "y", "TRUE", "null", "~", "Null", "", '""', "''", "[]", "{}", "[a, b]", "{a: b}", "[[a], ~, 1]", "=",
    "!!str 12", "!!int 12", '!!int "3"', "!!bool yes", "!!null x", "!x a", "! 12", "!!binary aGk=", "!!float 1", "!!int x",
    "&anchor v", "|\n#  two\n#  lines", ">-\n#  folded\n#  text", "|+\n#  kept\n\n", '"a\n#   b"', "a\n#  b", "<<",
)  # fmt: skip
"""Values as they stand in a text; ``#`` at the start of a line stands for the indentation it needs."""


@dataclass(frozen=True, slots=True)
class _Style:
    """What one author keeps to within a text."""

    root: int
    gap: str
    groups_offset: int
    order: tuple[str, ...]
    key_quote: str
    value_quote: str
    camel: bool
    flow_groups: bool
    blank: float
    comment: float
    odd: float


def data(random: Random) -> dict[str, str]:
    """Make the ``data`` of a ConfigMap, with any of the three keys, and at times another."""
    made = {key: text(random, key) for key in KEYS if random.random() < 0.6}
    if random.random() < 0.05:
        made[random.choice(("maproles", "MapUsers", "other"))] = text(random, "mapRoles")
    return made or {"mapRoles": text(random, "mapRoles")}


def text(random: Random, key: str) -> str:
    """Make the text of one data key."""
    kind = random.random()
    if kind < 0.05:
        return random.choice(
            ("", "\n", "[]", "[]\n", "null", "~\n", '""', "''", "``", "# none\n", "  \n", "---\n", "[ ]")
        )
    if kind < 0.15:
        body = _json(random, key)
    elif kind < 0.25:
        body = _flow_entries(random, key)
    else:
        body = _block(random, key)
    return _surroundings(random, body)


def _surroundings(random: Random, body: str) -> str:
    """Put before and after a list what does not belong to it, and choose the line ends."""
    for chance, change in _AROUND:
        if random.random() < chance:
            body = change(random, body)
    return body


_AROUND: Final[tuple[tuple[float, Callable[[Random, str], str]], ...]] = (
    (0.06, lambda _, body: body + "...\n"),
    (0.05, lambda random, body: body + "---\n" + random.choice(("[]\n", "a: b\n", "- rolearn: second\n", "}\n"))),
    (0.08, lambda _, body: "---\n" + body),
    (0.02, lambda _, body: "%YAML 1.1\n---\n" + body),
    (0.08, lambda random, body: random.choice(_COMMENTS) + "\n" + body),
    (0.06, lambda _, body: "\n" + body),
    (0.05, lambda _, body: body + "\n  \n"),
    (0.15, lambda _, body: body.rstrip("\n")),
    (0.08, lambda _, body: body.replace("\n", "\r\n")),
    (0.02, lambda _, body: "\ufeff" + body),
)


def _json(random: Random, key: str) -> str:
    entries = [_entry(random, key) for _ in range(random.choice((1, 1, 2, 3)))]
    separators = random.choice(((",", ":"), (", ", ": "), None))
    if key == "mapAccounts":
        return json.dumps(random.sample(_ACCOUNTS, random.choice((1, 2))), separators=separators)
    return json.dumps(
        entries, indent=random.choice((None, None, 2)), separators=separators, ensure_ascii=random.random() < 0.5
    )


def _entry(random: Random, key: str) -> dict[str, object]:
    name = random.choice(_NAMES)
    account = random.choice(_ACCOUNTS)
    arn = f"arn:aws:iam::{account}:{'user' if key == 'mapUsers' else 'role'}/{name}"
    entry: dict[str, object] = {"userarn" if key == "mapUsers" else "rolearn": arn}
    if random.random() < 0.95:
        entry["username"] = random.choice(_USERNAMES)
    if random.random() < 0.9:
        entry["groups"] = random.sample(_GROUPS, random.choice((0, 1, 1, 2, 2, 3)))
    if key == "mapRoles" and random.random() < 0.04:
        del entry["rolearn"]
        entry["sso"] = {"permissionSetName": name, "accountID": account}
        if random.random() < 0.3:
            entry["sso"] = {"permissionSetName": name, "accountID": account, "partition": "aws-cn"}
    return entry


def _flow_entries(random: Random, key: str) -> str:
    style = _style(random)
    if key == "mapAccounts":
        items = [_scalar(random, style, account, flow=True) for account in random.sample(_ACCOUNTS, 2)]
        return f"[{', '.join(items)}]\n"
    entries = [_flow(random, style, _entry(random, key)) for _ in range(random.choice((1, 2, 3)))]
    if random.random() < 0.5:
        return "".join(f"- {entry}\n" for entry in entries)
    space = random.choice(("", " ", "\n  "))
    return "[" + space + ("," + (space or " ")).join(entries) + space + "]\n"


def _flow(random: Random, style: _Style, value: object) -> str:
    """Write a value in brackets and braces."""
    space = random.choice(("", " "))
    if isinstance(value, dict):
        pairs = [f"{_key(style, name)}: {_flow(random, style, item)}" for name, item in value.items()]
        return f"{{{space}{', '.join(pairs)}{space}}}"
    if isinstance(value, list):
        items = [_flow(random, style, item) for item in value]
        return f"[{space}{', '.join(items)}{space}]"
    if random.random() < style.odd / 4:
        return random.choice(("~", "yes", "12", "", "[]", "{}", "a: b", "*x", "&x a"))
    return _scalar(random, style, str(value), flow=True)


def _style(random: Random) -> _Style:
    order = ["arn", "username", "groups"]
    random.shuffle(order)
    return _Style(
        root=random.choice((0, 0, 0, 0, 1, 2, 4)),
        gap=random.choice((" ", " ", " ", "  ", "   ")),
        groups_offset=random.choice((0, 0, 2, 2, 1, 4)),
        order=tuple(order) if random.random() < 0.5 else ("arn", "username", "groups"),
        key_quote=random.choice(("", "", "", "", '"', "'")),
        value_quote=random.choice(("", "", "", '"', "'")),
        camel=random.random() < 0.08,
        flow_groups=random.random() < 0.15,
        blank=random.choice((0, 0, 0.2, 0.8)),
        comment=random.choice((0, 0, 0.1, 0.4)),
        odd=random.choice((0, 0, 0, 0.05, 0.3)),
    )


def _block(random: Random, key: str) -> str:
    style = _style(random)
    lines: list[str] = []
    anchored = False
    for _ in range(random.choice((1, 1, 2, 2, 3, 4, 8))):
        if key == "mapAccounts":
            account = _maybe_odd(random, style, random.choice(_ACCOUNTS), style.root)
            lines.append(f"{' ' * style.root}-{style.gap}{account}{_comment(random, style)}")
        else:
            lines += _block_entry(random, style, _entry(random, key), anchored=anchored)
            anchored = anchored or any("&base" in line for line in lines)
        if random.random() < style.blank:
            lines.append(random.choice(("", "", "  ", " " * 9)))
        if random.random() < style.comment:
            lines.append(" " * random.choice((0, style.root, style.root + 2)) + random.choice(_COMMENTS))
    return "".join(line + "\n" for line in lines)


def _block_entry(random: Random, style: _Style, entry: dict[str, object], *, anchored: bool) -> list[str]:
    column = style.root + 1 + len(style.gap)
    fields = [line for name in _ordered(style, entry) for line in _field(random, style, name, entry[name], column)]
    if random.random() < style.odd / 2:  # a field that is there twice
        name = random.choice(sorted(entry))
        fields += _field(random, style, name, _entry(random, "mapRoles").get(name, []), column)
    if random.random() < 0.04:
        fields.append(" " * column + random.choice(_UNKNOWN))
    if anchored and random.random() < 0.3:
        fields.insert(random.choice((0, len(fields))), " " * column + random.choice(("<<: *base", "<<: [*base]")))
    dash = " " * style.root + "-" + style.gap
    if random.random() < 0.03:  # the dash on a line of its own, where an anchor can stand
        return [dash + ("" if anchored else "&base"), *fields]
    return [dash + fields[0][column:], *fields[1:]]


def _ordered(style: _Style, entry: dict[str, object]) -> Sequence[str]:
    ranks = {name: rank for rank, name in enumerate(style.order)}
    return sorted(entry, key=lambda name: ranks.get(name, ranks["arn"]))


def _field(random: Random, style: _Style, name: str, value: object, column: int) -> list[str]:
    start = " " * column + _key(style, name) + random.choice((":",) * 19 + (" :",))
    end = _comment(random, style)
    if isinstance(value, dict):
        return [
            start,
            *(f"{' ' * (column + 2)}{_key(style, k)}: {_scalar(random, style, v)}" for k, v in value.items()),
        ]
    if isinstance(value, list):
        if random.random() < style.odd / 2:
            return [f"{start} {_odd(random, column)}{end}"]
        if style.flow_groups or not value:
            return [f"{start} {_flow(random, style, value)}{end}"]
        dash = " " * (column + style.groups_offset) + "-" + (style.gap if random.random() < 0.1 else " ")
        return [
            start + end,
            *(dash + _maybe_odd(random, style, v, column + 2) + _comment(random, style) for v in value),
        ]
    return [f"{start} {_maybe_odd(random, style, str(value), column)}{end}"]


def _maybe_odd(random: Random, style: _Style, value: str, column: int) -> str:
    if random.random() < style.odd / 2:
        return _odd(random, column)
    return _scalar(random, style, value)


def _odd(random: Random, column: int) -> str:
    return random.choice(_ODD).replace("\n#", "\n" + " " * column)


def _comment(random: Random, style: _Style) -> str:
    if random.random() < style.comment / 3:
        return " " * random.choice((1, 1, 3)) + random.choice(_COMMENTS)
    return random.choice(("",) * 19 + (" ",))


def _key(style: _Style, name: str) -> str:
    if style.camel:
        name = {"rolearn": "roleARN", "userarn": "userARN", "username": "userName", "groups": "Groups"}.get(name, name)
    return f"{style.key_quote}{name}{style.key_quote}"


def _scalar(random: Random, style: _Style, value: str, *, flow: bool = False) -> str:
    """Write a text so that it mostly, not always, means itself."""
    quote = style.value_quote if random.random() < 0.9 else random.choice(("", '"', "'"))
    risky = value[0] in "{*#@-~ " or value[-1] in " :" or ": " in value or " #" in value or (flow and "{" in value)
    if quote == '"' or (risky and random.random() < 0.9):
        return json.dumps(value, ensure_ascii=random.random() < 0.1)
    if quote == "'":
        return "'" + value.replace("'", "''") + "'"
    return value
