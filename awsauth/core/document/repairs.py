"""Repairs of mistakes that have only one possible meaning.

In an entry, these are fields with other tools' names, and groups that are a text, not a list. In an unreadable text,
these are a word processor's characters instead of YAML's, and lines with a wrong indentation.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from awsauth.core.document.model import ARN_FIELD, Key
from awsauth.core.goyaml import nodes
from awsauth.core.goyaml.decode import Value, decode
from awsauth.core.goyaml.scalars import plain_type, write_scalar
from awsauth.core.text.display import listed, quoted
from awsauth.core.text.lines import Splice, indent_of, same_start, spliced

DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2022\u2043\u2212\ufe58\ufe63\uff0d"
SPACES: Final = "\xa0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
NOTHING: Final = "\xad\u200b\u200c\u200d\u2060\ufeff"
DOUBLE_QUOTES: Final = "\u201c\u201d\u201e\u201f\u2033\uff02"
SINGLE_QUOTES: Final = "\u2018\u2019\u201a\u201b\u2032\uff07"
# The ASCII for each typographic character. They are dashes, quotes, spaces, characters without a width, full width.
MEANT: Final = {
    **dict.fromkeys(DASHES, "-"),
    **dict.fromkeys(SPACES, " "),
    **dict.fromkeys(NOTHING, ""),
    **dict.fromkeys(DOUBLE_QUOTES, '"'),
    **dict.fromkeys(SINGLE_QUOTES, "'"),
    **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
}

_SETS: Final = {"d": DASHES, "s": SPACES + NOTHING, "q": DOUBLE_QUOTES + SINGLE_QUOTES}
# Places of such a character in YAML's own syntax. They are indentation, dashes, quotes, colons and brackets.
_STRUCTURE: Final = (
    "(?m)^[ {s}]*[{s}]".format(**_SETS),
    "(?m)^[ {s}]*[{d}](?=[ {s}]|$)".format(**_SETS),
    "(?<=[-{d}:\uff1a])[ {s}]*[{s}]".format(**_SETS),
    "(?m)(?:(?<=[-:,\\[{{] )|(?<=[\\[{{{s}]))[{q}][^{q}\n]*[{q}](?=[ {s}]*(?:$|[,:\uff1a\\]}}#]))".format(**_SETS),
    "(?m)(?<=\\w)\uff1a(?=[ {s}]|$)".format(**_SETS),
    "[\uff3b\uff3d\uff5b\uff5d]",
)

# The names of each field in other tools, reduced to letters. The tools are Terraform modules, CDK, eksctl and
# Ansible.
_ALIASES: Final = {
    "arn": ("rolearn", "userarn", "arn", "iamarn", "iamrolearn", "iamuserarn", "principalarn", "role", "iamrole"),
    "groups": ("groups", "group", "kubernetesgroups", "k8sgroups"),
    "username": ("username", "user", "name", "kubernetesusername"),
}
_FIELD_OF: Final = {alias: field for field, aliases in _ALIASES.items() for alias in aliases}
# The length up to which an unreadable text is repaired. Each possible repair reads the whole text.
_LONGEST: Final = 50_000
# The text that may follow a complete list.
_REST: Final = r"(?:\s|#.*|\.\.\.)*"
_MOST_TRIED: Final = 48
_SHOWN: Final = 5
_MOST_COLUMNS: Final = 4
_LINES_ABOVE: Final = 20


class Respelt(NamedTuple):
    """A corrected field of an entry.

    Attributes:
        name: The name of the field as written.
        right: The corrected field, in one line.
        start: The offset of the field's name.
        splices: The edits that correct it.
    """

    name: str
    right: str
    start: int
    splices: tuple[Splice, ...]


class Repaired(NamedTuple):
    """A corrected text.

    Attributes:
        text: The corrected text.
        start: The offset of the first mistake.
        end: The end of its line.
        message: The mistake, in one sentence.
        hint: The hint for a person.
    """

    text: str
    start: int
    end: int
    message: str
    hint: str


def in_ascii(text: str) -> str:
    """Return a text with ASCII instead of typographic characters."""
    return text if text.isascii() else "".join(MEANT.get(c, c) for c in text)


def typography(text: str) -> str:
    """Return a description of the first typographic character, if any."""
    if text.isascii() or not (found := next((c for c in text if c in MEANT), "")):
        return ""
    right = MEANT[found]
    meant = quoted(right) if right.strip() else "a blank" if right else "nothing"
    name = unicodedata.name(found, "without a name")
    return f"the character {quoted(found)} (U+{ord(found):04X} {name}) where {meant} is meant"


def respelt(key: Key, text: str, entry: nodes.Node) -> tuple[Respelt, ...]:
    """Return corrections for an entry's ignored or rejected fields."""
    arn_field = ARN_FIELD.get(key)
    if not arn_field or entry.kind != "mapping" or entry.anchor is not None:
        return ()
    pairs = [pair for pair in entry.pairs() if pair[0].kind == "scalar"]
    written = {name.value.lower() for name, _ in pairs}
    if "<<" in written:
        return ()
    meant = [_meant(name.value, value) for name, value in pairs]
    counts = Counter(meant)
    found = []
    for field, (name, value) in zip(meant, pairs, strict=True):
        right = arn_field if field == "arn" else field
        is_unclear = counts[field] > 1 or (name.value.lower() != right and right in written)
        if right and not is_unclear and (one := _respelt(text, name, value, right, in_flow=entry.style == "flow")):
            found.append(one)
    return tuple(found)


def _meant(name: str, value: nodes.Node) -> str:
    """Return the field that a name means, or an empty text."""
    field = _FIELD_OF.get(re.sub("[^a-z]", "", in_ascii(name[:50]).lower()), "")
    is_arn = value.kind == "scalar" and value.value.lower().startswith("arn:")
    if is_arn and name.lower() == "user":
        return "arn"
    return field if (field == "arn") == is_arn else ""


def _respelt(text: str, name: nodes.Node, value: nodes.Node, right: str, *, in_flow: bool) -> Respelt | None:
    splices = []
    if name.value.lower() != right:
        if not _is_simple(text, name):
            return None
        splices.append(Splice(name.start, name.end, right))
    shown = text[value.start : value.end].split("\n", 1)[0]
    if right == "groups" and value.kind == "scalar":
        group = in_ascii(value.value).removeprefix("- ").strip()
        if group.startswith("-"):  # A blank after the dash is missing: the dash is no part of the group.
            return None
        is_text = bool(value.value) and (bool(value.style) or plain_type(value.value) == "string")
        if not is_text or not _is_simple(text, value) or not re.fullmatch(r"[^\s,;]+", group):
            return None
        shown = f"[{write_scalar(group, 'double', flow=True)}]"
        splices.append(Splice(value.start, value.end, shown))
    elif value.kind != ("sequence" if right == "groups" else "scalar") or (right != "groups" and not value.value):
        return None
    elif right == "groups" and (in_flow or value.style != "flow"):
        shown = ""
    return Respelt(name.value, f"{right}: {shown}".rstrip(), name.start, tuple(splices)) if splices else None


def _is_simple(text: str, node: nodes.Node) -> bool:
    has_extras = node.anchor is not None or node.tag or node.style not in ("", '"', "'")
    return not has_extras and "\n" not in text[node.start : node.end]


def readable(key: Key, text: str) -> Repaired | None:
    """Return the only possible correction of an unreadable text.

    Returns None if there are several, or the text is long.

    Args:
        key: The data key.
        text: The text.
    """
    if len(text) > _LONGEST or "&" in text:  # aliases may multiply the text
        return None
    for better, message in (
        (_without_typography(text), "There is {}."),
        (re.sub(r"(?m)^ *-(?=[A-Za-z\"'])", r"\g<0> ", text), "The blank after the dash is missing."),
    ):
        if better != text and (read := better if _reads(key, better) else _indented(key, better)):
            return _repair(text, read, message)
    read = _indented(key, text)
    return _repair(text, read) if read else None


def repaired(key: Key, text: str) -> str:
    """Return a text with all possible corrections."""
    try:
        root = _first_document(text)
        if root is not None:
            decode(root)
    except nodes.UntrustedYamlError:
        return text
    except nodes.YamlSyntaxError:
        better = readable(key, text)
        return repaired(key, better.text) if better else text
    items = root.children if root and root.kind == "sequence" else []
    return spliced(text, sorted(splice for item in items for one in respelt(key, text, item) for splice in one.splices))


def _repair(text: str, better: str, message: str = "") -> Repaired:
    """Return a correction; `message` may have a place for the wrong character."""
    old, new = text.split("\n"), better.split("\n")
    wrong = [number for number, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1]]
    by = [(indent_of(new[n]) - indent_of(old[n]), new[n].lstrip(" ") == old[n].lstrip(" ")) for n in wrong]
    first, more = wrong[0], len(wrong) - 1
    column = max(same_start(old[first], new[first]), indent_of(old[first]))
    start = sum(map(len, old[:first])) + first
    hint = f"Write the line as {quoted(new[first], 200)}."
    if more and len(set(by)) > 1:
        hint = f"Write these lines: {listed([quoted(new[n], 200) for n in wrong], _SHOWN)}."
    elif more:
        hint += f" Change {f'{more} more lines' if more > 1 else 'one more line'} in the same way."
    columns, is_moved = by[0]
    if is_moved:
        count = "one column" if abs(columns) == 1 else f"{abs(columns)} columns"
        message = f"This line is indented {count} too far to the {'left' if columns > 0 else 'right'}."
    message = message.format(typography(old[first][column:]))
    return Repaired(better, start + column, start + len(old[first]), message, hint)


def _without_typography(text: str) -> str:
    for pattern in () if text.isascii() else _STRUCTURE:
        text = re.sub(pattern, lambda match: in_ascii(match[0]), text)
    return text


def _indented(key: Key, text: str) -> str:
    """Return a text with lines moved to the column of their neighbors.

    It is empty unless all moves that help give the same meaning.
    """
    lines = text.split("\n")
    outcomes: dict[str, str] = {}
    for moved, by in islice(_moves(lines, _fault(text)), _MOST_TRIED):
        better = "\n".join(
            (line[-by:] if by < 0 else " " * by + line) if number in moved else line
            for number, line in enumerate(lines)
        )
        if meaning := _reads(key, better):
            outcomes.setdefault(meaning, better)
    return next(iter(outcomes.values())) if len(outcomes) == 1 else ""


def _fault(text: str) -> int:
    """Return the index of the line at which reading stops; -1 if it does not."""
    try:
        if root := _first_document(text):
            decode(root)
    except nodes.YamlSyntaxError as error:
        return text.count("\n", 0, error.offset)
    return -1


def _moves(lines: Sequence[str], fault: int) -> Iterator[tuple[frozenset[int], int]]:
    """Yield moves: the indices of the lines, and the columns to the right."""
    for first in dict.fromkeys((fault, fault - 1, _list_start(lines, fault))):
        line = lines[first] if 0 < first < len(lines) else ""
        if not line.strip() or line.lstrip(" ")[:1] in ("#", "\t"):
            continue
        column = indent_of(line)
        deep = [n for n in range(first, len(lines)) if lines[n].strip() and indent_of(lines[n]) >= column]
        end = next((n for n, number in enumerate(deep, first) if n != number), first + len(deep))
        entry = next((n for n in deep if n > fault and lines[n].startswith("-", column)), end)
        ranges = (range(first, end), range(first, first + 1), range(first, min(end, entry)), deep)
        for target in islice(_columns(lines[:first]), _MOST_COLUMNS):
            if target != column:
                yield from ((moved, target - column) for moved in dict.fromkeys(map(frozenset, ranges)))


def _list_start(lines: Sequence[str], fault: int) -> int:
    """Return the index of the first of the list items above, at a line's column."""
    first = fault
    while first > 0 and lines[first - 1].startswith("-", indent_of(lines[fault])) and lines[first - 1][-1:] != ":":
        first -= 1
    return first


def _columns(above: Sequence[str]) -> Iterator[int]:
    """Yield the columns of the lines above, and after their dashes, nearest first."""
    # The start of a line goes up to its first character, and includes the dashes of lists.
    starts = (re.match(r" *(?:- +)*[^ ]?", line) for line in reversed(above[-_LINES_ABOVE:]))
    yield from dict.fromkeys(column for match in starts if match for column, c in enumerate(match[0]) if c != " ")


def _reads(key: Key, text: str) -> str:
    """Return the meaning of a list of accounts or mappings; empty for others.

    Each mapping must have an ARN.
    """
    try:
        root = _first_document(text)
        value = decode(root) if root else None
    except nodes.YamlSyntaxError:
        return ""
    if (
        not root
        or not value
        or value.type != "list"
        or not re.fullmatch(_REST, text[root.end :])
        or _runs_on(text, value)
    ):
        return ""
    is_list = key == "mapAccounts" or all(_is_entry(key, text, item.node) for item in value.items)
    return repr(_meaning(value)) if is_list else ""


def _meaning(value: Value) -> object:
    if value.type == "list":
        return [_meaning(item) for item in value.items]
    fields = value.fields
    return value.text if fields is None else [(key, _meaning(child)) for key, (_, child) in fields.items()]


def _runs_on(text: str, value: Value) -> bool:
    """Whether a value continues in the next line, which is probably a mistake."""
    node = value.node
    if node.kind == "scalar":
        return "\n" in text[node.start : node.end].rstrip()
    return any(_runs_on(text, child) for child in (*value.items, *(one for _, one in (value.fields or {}).values())))


def _is_entry(key: Key, text: str, node: nodes.Node) -> bool:
    names = [name.value.lower() for name, _ in node.pairs()] if node.kind == "mapping" else []
    names += [one.right.partition(":")[0] for one in respelt(key, text, node) if one.right.startswith(ARN_FIELD[key])]
    return bool({ARN_FIELD[key], "sso"} & set(names)) and len(names) == len(set(names))


def _first_document(text: str) -> nodes.Node | None:
    from awsauth.core.goyaml.libyaml_nodes import parse_first  # the names in a plain text need no YAML

    return parse_first(text)
