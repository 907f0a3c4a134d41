"""The expressions for the plain forms that almost all documents have.

Each may refuse any text. Tests show that the full reader agrees with the meaning of every text that matches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Final

from awsauth.core.document.model import ARN_FIELD, Key
from awsauth.core.goyaml.scalars import WORDS
from awsauth.core.text.lines import odd_character

# Pieces of the expressions. Each occurs as rarely as possible, because every process compiles them. Beyond ASCII they allow
# every character: `is_plain` looks for odd ones once for a whole text.
# The sets are negated, because that compiles much faster than a set that names characters beyond ASCII.
_COMMENT: Final = "#.*"
_LINES: Final = rf"(?: *(?:{_COMMENT})?\n)*"
_TRAIL: Final = rf"(?:\n| +(?:{_COMMENT})?(?:\n|\Z)|\Z)"
# The same before further text; the look ahead avoids the loop if there are no such lines, which is usual.
_LINES_BETWEEN: Final = rf"(?:(?! *[#\n])|(?: *(?:{_COMMENT})?\n)+)"
REST: Final = re.compile(rf"{_LINES} *(?:{_COMMENT})?\Z")
_WORDS: Final = [word for word in WORDS if word.isalpha()]
# The first letter decides for most values that they are not one of the words.
_NO_WORD: Final = rf"(?!(?=[{''.join(sorted({word[0] for word in _WORDS}))}])(?:{'|'.join(_WORDS)})(?:[ ,\]\n]|\Z))"
_DOUBLE: Final = r'"[^\0-\x1f"\\\x7f]*"'
_SINGLE: Final = r"'[^\0-\x1f'\x7f]*'"
_FIRST: Final = r"[^\0-#%-.0-;=-@\[-`{-\x7f]"  # a letter, `/`, `$` or `<`
_WORD: Final = rf"{_NO_WORD}{_FIRST}[^\0- \x7f]*(?<!:)"
_FLOW_WORD: Final = rf"{_NO_WORD}{_FIRST}[^\0- ,?\[\]{{}}\x7f]*(?<!:)"
_VALUE: Final = rf"(?:{_WORD}|{_DOUBLE}|{_SINGLE})"
_FLOW_VALUE: Final = rf"(?:{_FLOW_WORD}|{_DOUBLE}|{_SINGLE})"
_ITEM: Final = rf"- +{_VALUE}{_TRAIL}"
# A value follows each comma. Two runs of blanks never meet: the engine would try every way to divide a long one.
_FLOW_LIST: Final = rf"\[ *(?:{_FLOW_VALUE} *(?:, *(?!\])|(?=\])))*\]"
_GAP: Final = r"[ \n]*"

_ASCII_DOUBLE: Final = r'"[ !#-\[\]-~]+"'
# A principal or account. Only in ASCII do upper and lower case have the same length, as the search in a text needs.
_ASCII_VALUE: Final = rf"(?:{_NO_WORD}[A-Za-z/$<][!-~]*(?<!:)|{_ASCII_DOUBLE}|'[ -&(-~]+')"
_MUST_HAVE: Final = "(?(key_{})|(?!))"

FIRST_DASH: Final = re.compile(rf"{_LINES}( *)- ")
EMPTY: Final = rf"{_LINES}( *)(\[\]) *(?P<comment> {_COMMENT})?(?:\n{_LINES} *(?:{_COMMENT})?)?\Z"
OPENING: Final = rf"[ \n]*\[{_GAP}"
NEXT_OR_CLOSING: Final = re.compile(rf"{_GAP}(?:,{_GAP}(?=\S)|(?P<closing>\])[ \n]*\Z)")

# By data key, the fields of an entry.
FIELDS: Final = {key: (arn, "username", "groups") for key, arn in ARN_FIELD.items()}
BLOCK_ITEM: Final = rf"(?m)^ *- +({_VALUE})"
FLOW_ITEM: Final = rf"[\[,]{_GAP}({_FLOW_VALUE})"


def is_plain(text: str) -> bool:
    """Whether a text has none of the characters that it must not hold.

    Some must not be in comments, or in parts beyond ASCII.
    """
    return ("#" not in text and text.isascii()) or not odd_character(text)


@lru_cache(maxsize=64)
def block_entry(key: Key, indent: str) -> re.Pattern[str]:
    """Return the expression for an entry of a block list, and lines before it.

    Those are blank and comment lines. Its groups are `entry`, and the key and value of each field; `PlainEntry` reads
    them.
    """
    if key == "mapAccounts":
        return re.compile(rf"{_LINES_BETWEEN}(?P<entry>{indent}- +(?P<account>{_ASCII_VALUE}|[0-9]+){_TRAIL})")
    column = rf"{indent} (?P=gap)"
    groups = (
        rf"(?:{_TRAIL}{_LINES_BETWEEN}(?P<groups>(?=(?P<dashes>{column} *)-)(?:{_LINES_BETWEEN}(?P=dashes){_ITEM})+)"
        rf"| +(?P<flow_groups>{_FLOW_LIST}){_TRAIL})"
    )
    values = rf" +(?P<{ARN_FIELD[key]}>{_ASCII_VALUE}){_TRAIL}", rf" +(?P<username>{_VALUE}){_TRAIL}", groups
    between = rf"(?:{_LINES_BETWEEN}{column}(?=\S)|(?P<last>))"
    fields = _fields(key, lambda name: rf"{name}|{name.replace('arn', 'ARN')}|\"{name}\"|'{name}'", values, between)
    return _compiled(rf"{_LINES_BETWEEN}(?P<entry>{indent}-(?P<gap> +){fields}){_MUST_HAVE.format(ARN_FIELD[key])}")


def alike(key: Key, indent: str, entry: re.Match[str]) -> re.Pattern[str]:
    """Return the expression for entries like one that `block_entry` has matched.

    It also matches an empty text. Almost all entries of a text have the same form, and this expression needs a third of
    the time. It never matches more than `block_entry`. Blank lines and comments may precede such an entry, but not
    interrupt it. Further fields may follow the match.
    """
    starts = sorted((start, name) for name in FIELDS[key] if (start := entry.start(f"key_{name}")) >= 0)
    keys = tuple([(name, entry[f"key_{name}"]) for _, name in starts])
    # The expression of a value in ASCII is faster, and matches less than the other one.
    value = _ASCII_VALUE if entry.string.isascii() else _VALUE
    return _alike(indent, entry["gap"], keys, entry["dashes"], value)


@lru_cache(maxsize=64)
def _alike(indent: str, gap: str, keys: tuple[tuple[str, str], ...], dashes: str | None, value: str) -> re.Pattern[str]:
    """Return the expression for entries with these keys.

    Args:
        indent: The spaces before the dash.
        gap: The spaces after the dash.
        keys: The keys in their order, each by name and as written.
        dashes: The spaces before a group's dash; None for groups in brackets, and without groups.
        value: The expression of a username or group.
    """
    values = {
        "username": rf" +{value}{_TRAIL}",
        "groups": rf"{_TRAIL}(?:{dashes}- +{value}{_TRAIL})+" if dashes else rf" +{_FLOW_LIST}{_TRAIL}",
    }
    arn = rf" +{_ASCII_VALUE}{_TRAIL}"
    fields = f"{indent} {gap}".join([f"{key}:{values.get(name, arn)}" for name, key in keys])
    return re.compile(f"{_LINES_BETWEEN}{indent}-{gap}{fields}|")


@cache
def json_entry(key: Key) -> re.Pattern[str]:
    """Return the expression for one entry of a JSON list, as the CDK writes it."""
    if key == "mapAccounts":
        return re.compile(rf"(?P<entry>(?P<account>{_ASCII_DOUBLE}))")
    texts = rf"\[{_GAP}(?:{_DOUBLE}(?:{_GAP},{_GAP}{_DOUBLE})*{_GAP})?\]"
    pairs = zip((ARN_FIELD[key], "username", "flow_groups"), (_ASCII_DOUBLE, _DOUBLE, texts), strict=True)
    values = [rf"{_GAP}(?P<{group}>{value})" for group, value in pairs]
    fields = _fields(key, '"{}"'.format, values, rf"{_GAP}(?:,{_GAP}|(?P<last>))")
    never = "(?P<groups>(?!))?"  # so that both expressions have the same groups
    return _compiled(rf"(?P<entry>\{{{_GAP}{fields}\}}){_MUST_HAVE.format(ARN_FIELD[key])}{never}")


def _fields(key: Key, written: Callable[[str], str], values: Sequence[str], between: str) -> str:
    """Return the expression for fields in any order, each once.

    The full reader has to judge repeated ones.
    """
    named = zip(FIELDS[key], values, strict=True)
    fields = "|".join(rf"(?(key_{name})(?!))(?P<key_{name}>{written(name)}):{value}" for name, value in named)
    return rf"(?:(?(last)(?!))(?:{fields}){between})+(?(last)|(?!))"


def _compiled(expression: str) -> re.Pattern[str]:
    """Compile an expression with conditions on later groups.

    `re` knows those by number only.
    """
    for number, name in enumerate(re.findall(r"\(\?P<(\w+)>", expression), 1):
        expression = expression.replace(f"(?({name})", f"(?({number})")
    return re.compile(expression)
