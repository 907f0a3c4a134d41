"""Repairs of a text in which only one thing can be meant, written as the authenticator reads it.

Of an entry: fields under the names that other tools give them, and groups that are a text and not a list. Of a text that
cannot be read: characters of a word processor in place of the ones of YAML, and lines that are indented too far.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.core.document.model import ARN_FIELD, Key
from awsauth.core.goyaml import nodes
from awsauth.core.goyaml.decode import decode
from awsauth.core.goyaml.scalars import plain_type, write_scalar
from awsauth.core.text.display import quoted
from awsauth.core.text.lines import Splice, indent_of, spliced

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from awsauth.core.goyaml.decode import Value
    from awsauth.core.goyaml.nodes import Node

DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2022\u2043\u2212\ufe58\ufe63\uff0d"
SPACES: Final = "\xa0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
NOTHING: Final = "\xad\u200b\u200c\u200d\u2060\ufeff"
DOUBLE_QUOTES: Final = "\u201c\u201d\u201e\u201f\u2033\uff02"
SINGLE_QUOTES: Final = "\u2018\u2019\u201a\u201b\u2032\uff07"
MEANT: Final = {
    **dict.fromkeys(DASHES, "-"),
    **dict.fromkeys(SPACES, " "),
    **dict.fromkeys(NOTHING, ""),
    **dict.fromkeys(DOUBLE_QUOTES, '"'),
    **dict.fromkeys(SINGLE_QUOTES, "'"),
    **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
}
"""By typographic character, the ASCII that is meant: dashes, quotes, spaces, characters without a width, full width."""

_SETS: Final = {"d": DASHES, "s": SPACES + NOTHING, "q": DOUBLE_QUOTES + SINGLE_QUOTES}
_STRUCTURE: Final = (
    re.compile("^[ {s}]*[{s}]".format(**_SETS), re.MULTILINE),
    re.compile("^[ {s}]*[{d}](?=[ {s}]|$)".format(**_SETS), re.MULTILINE),
    re.compile("(?<=[-{d}:\uff1a])[ {s}]*[{s}]".format(**_SETS)),
    re.compile(
        "(?:(?<=[-:,\\[{{] )|(?<=[\\[{{{s}]))[{q}][^{q}\n]*[{q}](?=[ {s}]*(?:$|[,:\uff1a\\]}}#]))".format(**_SETS),
        re.MULTILINE,
    ),
    re.compile("(?<=\\w)\uff1a(?=[ {s}]|$)".format(**_SETS), re.MULTILINE),
    re.compile("[\uff3b\uff3d\uff5b\uff5d]"),
)
"""Where such a character stands for one of YAML's: in the indentation, as a dash, around a value, behind a key."""

_ALIASES: Final = {
    "arn": ("rolearn", "userarn", "arn", "iamarn", "iamrolearn", "iamuserarn", "principalarn", "role", "iamrole"),
    "groups": ("groups", "group", "kubernetesgroups", "k8sgroups"),
    "username": ("username", "user", "name", "kubernetesusername"),
}
"""By field, the names that Terraform modules, CDK, eksctl and Ansible give it, in letters alone."""
_FIELD_OF: Final = {alias: field for field, aliases in _ALIASES.items() for alias in aliases}
LONGEST: Final = 50_000
"""Characters of a text that cannot be read and is looked at: it is read anew for each way in which it may be meant."""
_ONE_GROUP: Final = re.compile(r"[^\s,;]+")
_DASH_ALONE: Final = re.compile(r"^ *-(?=[A-Za-z\"'])", re.MULTILINE)
_REST: Final = re.compile(r"(?:\s|#.*|\.\.\.)*")
"""What may stand behind a list that ends where it seems to."""
_MOST_TRIED: Final = 16
_MOST_COLUMNS: Final = 4
_LINES_ABOVE: Final = 20


class Respelt(NamedTuple):
    """A field of an entry as it should be.

    Attributes:
        name: The name of the field as it is written.
        right: The field as it should be, in one line.
        start: The offset of the field's name.
        splices: The edits that make it so.
    """

    name: str
    right: str
    start: int
    splices: tuple[Splice, ...]


class Repaired(NamedTuple):
    """A text that cannot be read, as it should be.

    Attributes:
        text: The text as it should be.
        start: The offset of the first fault.
        end: The end of it.
        message: The fault, in a sentence.
        hint: The hint.
    """

    text: str
    start: int
    end: int
    message: str
    hint: str


def in_ascii(text: str) -> str:
    """Return a text with the ASCII characters that are meant by typographic ones."""
    return text if text.isascii() else "".join(MEANT.get(c, c) for c in text)


def named(character: str) -> str:
    """Return a character with its code point and name: `—` (U+2014 EM DASH)."""
    return f"{quoted(character)} (U+{ord(character):04X} {unicodedata.name(character, 'without a name')})"


def typography(text: str) -> str:
    """Return the first typographic character of a text, and the ASCII that is meant; empty where there is none."""
    found = next((c for c in text if c in MEANT), "")
    right = MEANT.get(found, "")
    meant = (
        f"where {quoted(right)} is meant"
        if right.strip()
        else "where a blank is meant"
        if right
        else "that means nothing"
    )
    return found and f"the character {named(found)} {meant}"


def respelt(key: Key, text: str, entry: Node) -> tuple[Respelt, ...]:
    """Return the fields of an entry that are not read, and can only mean one that is."""
    arn_field = ARN_FIELD.get(key)
    if arn_field is None or entry.kind != "mapping" or entry.anchor is not None:
        return ()
    pairs = [pair for pair in entry.pairs() if pair[0].kind == "scalar"]
    if any(name.value == "<<" for name, _ in pairs):
        return ()
    right_names = {"arn": arn_field, "groups": "groups", "username": "username"}
    written = [name.value.lower() for name, _ in pairs]
    found = []
    for name, value in pairs:
        field = _meant(name.value, value)
        right = right_names.get(field, "")
        if not right or (name.value.lower() != right and (right in written or _count(pairs, field) > 1)):
            continue
        if one := _respelt(text, name, value, right, in_flow=entry.style == "flow"):
            found.append(one)
    return tuple(found)


def _count(pairs: Sequence[tuple[Node, Node]], field: str) -> int:
    return sum(_meant(name.value, value) == field for name, value in pairs)


def _meant(name: str, value: Node) -> str:
    """Return which field a name means; empty for none of them."""
    field = _FIELD_OF.get(re.sub("[^a-z]", "", in_ascii(name[:50]).lower()), "")
    is_arn = value.kind == "scalar" and value.value.lower().startswith("arn:")
    if is_arn and name.lower() == "user":
        return "arn"
    if (field == "arn") != is_arn:
        return ""
    return field


def _respelt(text: str, name: Node, value: Node, right: str, *, in_flow: bool) -> Respelt | None:
    splices = []
    if name.value.lower() != right:
        if not _is_plain(text, name):
            return None
        splices.append(Splice(name.start, name.end, right))
    shown = text[value.start : value.end].split("\n", 1)[0]
    if right == "groups" and value.kind == "scalar":
        group = in_ascii(value.value).removeprefix("- ").strip()
        if not _is_plain(text, value) or not _is_text(value) or not _ONE_GROUP.fullmatch(group):
            return None
        shown = f"[{write_scalar(group, 'double', flow=True)}]"
        splices.append(Splice(value.start, value.end, shown))
    elif not (value.kind == "sequence" if right == "groups" else value.kind == "scalar" and value.value):
        return None
    elif value.kind == "sequence":
        shown = "" if value.style != "flow" or in_flow else shown
    return Respelt(name.value, f"{right}: {shown}".rstrip(), name.start, tuple(splices)) if splices else None


def _is_plain(text: str, node: Node) -> bool:
    return (
        node.anchor is None
        and not node.tag
        and node.style in ("", '"', "'")
        and "\n" not in text[node.start : node.end]
    )


def _is_text(node: Node) -> bool:
    return bool(node.style) or plain_type(node.value) == "string" if node.value else False


def readable(key: Key, text: str, offset: int) -> Repaired | None:
    """Return a text that cannot be read as it should be; None where that is not certain, or the text is long.

    Args:
        key: The data key.
        text: The text.
        offset: The offset at which reading stopped.
    """
    if len(text) > LONGEST or "&" in text:  # aliases of anchors may stand for far more than the text has
        return None
    return _without_typography(key, text) or _with_blanks(key, text) or _indented(key, text, offset)


def repaired(key: Key, text: str) -> str:
    """Return a text with all of its repairs."""
    try:
        root = nodes.parse_first(text)
        if root is not None:
            decode(root)
    except nodes.UntrustedYamlError:
        return text
    except nodes.YamlSyntaxError as error:
        better = readable(key, text, error.offset)
        return text if better is None else repaired(key, better.text)
    items = root.children if root is not None and root.kind == "sequence" else []
    splices = [splice for item in items for one in respelt(key, text, item) for splice in one.splices]
    return spliced(text, sorted(splices))


def _without_typography(key: Key, text: str) -> Repaired | None:
    if text.isascii():
        return None
    better = text
    for pattern in _STRUCTURE:
        better = pattern.sub(lambda match: in_ascii(match[0]), better)
    if better == text or not _reads(key, better):
        return None
    start = next(i for i, c in enumerate(text) if c in MEANT and text[: i + 1] != better[: i + 1])
    line = text[start:].split("\n", 1)[0]
    others = sum(one != other for one, other in zip(text.split("\n"), better.split("\n"), strict=True)) - 1
    more = f" Lines with such characters: {others + 1}." if others else ""
    number = text.count("\n", 0, start)
    hint = f"Write the line as {quoted(better.split(chr(10))[number], 200)}.{more}"
    return Repaired(better, start, start + len(line), f"There is {typography(text[start])}.", hint)


def _with_blanks(key: Key, text: str) -> Repaired | None:
    """Return the text with a blank behind every dash that begins a line, where that is all that is missing."""
    better = _DASH_ALONE.sub(r"\g<0> ", text)
    if better == text or not _reads(key, better):
        return None
    start = next(_DASH_ALONE.finditer(text)).end() - 1
    line = text[start:].split("\n", 1)[0]
    hint = f"Write {quoted(f'- {line[1:]}', 200)}, and so wherever a line begins like that."
    return Repaired(better, start, start + len(line), "A blank is missing behind the dash.", hint)


def _indented(key: Key, text: str, offset: int) -> Repaired | None:
    """Return the text with some lines moved to the column of their neighbours, where only one meaning makes it readable."""
    lines = text.split("\n")
    fault = text.count("\n", 0, offset)
    outcomes: dict[str, tuple[str, int, int, int]] = {}
    for first, end, by in islice(_moves(lines, fault), _MOST_TRIED):
        moved = [line[-by:] if by < 0 else " " * by + line for line in lines[first:end]]
        better = "\n".join([*lines[:first], *moved, *lines[end:]])
        if meaning := _reads(key, better):
            outcomes.setdefault(meaning, (better, first, end, by))
    if len(outcomes) != 1:
        return None
    [(better, first, end, by)] = outcomes.values()
    count = abs(by)
    columns = f"{'one column' if count == 1 else f'{count} columns'} too far to the {'right' if by < 0 else 'left'}"
    start = sum(map(len, lines[:first])) + first + indent_of(lines[first])
    length = len(lines[first]) - indent_of(lines[first])
    others = end - first - 1
    below = (
        f" Move the {others} lines below it by as much." if others > 1 else " Move the next line too." if others else ""
    )
    hint = f"Write the line as {quoted(better.split(chr(10))[first], 200)}.{below}"
    return Repaired(better, start, start + length, f"This line is indented {columns}.", hint)


def _moves(lines: Sequence[str], fault: int) -> Iterator[tuple[int, int, int]]:
    """Yield lines that may be moved: the first, the end, and by how many columns, to the left below zero."""
    for first in (fault, fault - 1):
        line = lines[first] if 0 < first < len(lines) else ""
        if not line.strip() or line.lstrip(" ")[:1] in ("#", "\t"):
            continue
        column = indent_of(line)
        end = first + 1
        while end < len(lines) and lines[end].strip() and indent_of(lines[end]) >= column:
            end += 1
        for target in islice(_columns(lines[:first]), _MOST_COLUMNS):
            if target != column:
                yield from ((first, last, target - column) for last in dict.fromkeys((end, first + 1)))


def _columns(above: Sequence[str]) -> Iterator[int]:
    """Yield the columns at which lines above begin, and what stands behind their dashes; the nearest first."""
    seen: set[int] = set()
    for line in reversed(above[-_LINES_ABOVE:]):
        content = line.lstrip(" ")
        column = indent_of(line)
        while content:
            if column not in seen:
                seen.add(column)
                yield column
            if not content.startswith("- "):
                break
            content = content[1:].lstrip(" ")
            column = len(line) - len(content)


def _reads(key: Key, text: str) -> str:
    """Return the meaning of a text that is a list of mappings with an ARN each, or of accounts; empty for others."""
    try:
        root = nodes.parse_first(text)
        value = None if root is None else decode(root)
    except nodes.YamlSyntaxError:
        return ""
    if root is None or value is None or value.type != "list" or not _REST.fullmatch(text, root.end):
        return ""
    is_list = key == "mapAccounts" or all(_is_entry(key, text, item.node) for item in value.items)
    return repr(_meaning(value)) if is_list and not _runs_on(text, value) else ""


def _meaning(value: Value) -> object:
    if value.type == "list":
        return [_meaning(item) for item in value.items]
    fields = value.fields
    return value.text if fields is None else [(key, _meaning(child)) for key, (_, child) in fields.items()]


def _runs_on(text: str, value: Value) -> bool:
    """Whether a value goes on in the next line: there it is more likely a mistake than meant."""
    node = value.node
    children = [*value.items, *(child for _, child in (value.fields or {}).values())]
    if node.kind == "scalar":
        return "\n" in text[node.start : node.end].rstrip()
    return any(_runs_on(text, child) for child in children)


def _is_entry(key: Key, text: str, node: Node) -> bool:
    names = [name.value.lower() for name, _ in node.pairs()] if node.kind == "mapping" else []
    is_whole = len(names) == len(set(names))
    known = (
        ARN_FIELD[key] in names
        or "sso" in names
        or any(one.right.startswith(ARN_FIELD[key]) for one in respelt(key, text, node))
    )
    return is_whole and known
