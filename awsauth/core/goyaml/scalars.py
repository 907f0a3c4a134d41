"""What YAML 1.1 makes of a scalar, and when a text needs quotes.

Source of the rules: ``go.yaml.in/yaml/v2`` ``resolve.go``, which is what the authenticator reads with.
"""

from __future__ import annotations

import math
import re
from typing import Final, Literal

from awsauth.core.text.display import is_visible, quoted, visible
from awsauth.errors import InvalidValueError

Type = Literal["string", "null", "bool", "number", "unmarshalable"]
"""``unmarshalable``: infinity and NaN, for which JSON has no word, so that the whole text is rejected."""

Style = Literal["plain", "single", "double"]

MERGE_TAG: Final = "tag:yaml.org,2002:merge"
CHECKED_TAGS: Final = {
    f"tag:yaml.org,2002:{name}": name for name in ("null", "bool", "int", "float", "timestamp", "binary")
}
"""Tags that a scalar has to fit, by their names; every other tag makes it a text, whatever it looks like."""

_NULLS: Final = ("", "~", "null", "Null", "NULL")
_BOOLS: Final = tuple(
    form
    for word in ("y", "yes", "true", "on", "n", "no", "false", "off")
    for form in (word, word.capitalize(), word.upper())
)
_UNMARSHALABLE: Final = (
    *(".nan", ".NaN", ".NAN"),
    *(sign + form for sign in ("", "+", "-") for form in (".inf", ".Inf", ".INF")),
)
WORDS: Final[dict[str, Type]] = {
    **dict.fromkeys(_NULLS, "null"),
    **dict.fromkeys(_BOOLS, "bool"),
    **dict.fromkeys(_UNMARSHALABLE, "unmarshalable"),
}
"""The plain scalars that are no text although they hold no digit."""

_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DOT_FLOAT: Final = re.compile(r"\.[0-9]+(?:[eE][-+]?[0-9]+)?")
_DECIMAL: Final = re.compile(r"([-+]?)(?:[1-9][0-9]*|0)")
_BASED_INT: Final = re.compile(r"([-+]?)0(?:[xX]([0-9a-fA-F]+)|[bB]([01]+)|[oO]?([0-7]+))")

# What is written without quotes: printable ASCII that starts like a word, single spaces inside. Narrower than what YAML
# allows, so that no reader of YAML 1.1 or 1.2, strict or lax, can take it for something else.
_PLAIN: Final = re.compile(r"[A-Za-z0-9/$<(.+-][!-~]*(?: [!-~]+)*")
_WORD_LIKE: Final = re.compile(r"[A-Za-z/][!-~]*(?<!:)")
"""Most of them. It begins with a letter or a slash and has no blank: of all other types only `WORDS` are left to look for."""
_LIKE_ANOTHER_TYPE: Final = re.compile(
    r"[-+]?(?:\.?[0-9][0-9_.,:]*(?:[eE][-+]?[0-9]*)?|0[xX][0-9a-fA-F_]+|0[oObB][0-9_]+)"  # numbers, times
    r"|[0-9]{4}-[0-9]+-[0-9].*"  # dates
    r"|[-.+](?![A-Za-z0-9]).*|--.*|<<"  # markers, indicators, a merge key
)
_FLOW_INDICATOR: Final = re.compile(r"[,\[\]{}]")


def plain_type(text: str) -> Type:
    """Return what an unquoted, untagged scalar is: ``012`` a number, ``yes`` a bool, ``2001-01-01`` text."""
    word = WORDS.get(text)
    if word is not None:
        return word
    if text[0] == ".":
        return "number" if _is_float(_DOT_FLOAT, text) else "string"
    if text[0] not in "+-0123456789":
        return "string"
    digits = text.replace("_", "")
    return "number" if _is_float(_FLOAT, digits) or _integer(digits) is not None else "string"


def fits_tag(name: str, text: str) -> bool:
    """Whether a scalar fits the tag ``null``, ``bool``, ``int`` or ``float``; where it does not, goyaml gives up."""
    found = plain_type(text)
    if found != "number":
        return name == ("float" if found == "unmarshalable" else found)
    integer = _integer(text.replace("_", ""))
    if name == "int":
        return integer is not None
    # goyaml makes a float of an int, but not of what only an unsigned one holds.
    return name == "float" and (integer is None or integer < 2**63)


def _is_float(form: re.Pattern[str], digits: str) -> bool:
    # Go refuses what does not fit 64 bits, and then takes it as text.
    return form.fullmatch(digits) is not None and not math.isinf(float(digits))


def _integer(digits: str) -> int | None:
    """Return the integer of at most 64 bits that Go reads, in base 10 or with a prefix, or None."""
    match = _DECIMAL.fullmatch(digits)
    base, value = 10, digits
    if match is None:
        match = _BASED_INT.fullmatch(digits)
        if match is None:
            return None
        value, base = next((match[group], base) for group, base in ((2, 16), (3, 2), (4, 8)) if match[group])
    sign = match[1]
    if len(value) > 80:  # Longer than 64 bits, and Python limits how many digits it converts.
        value = value.lstrip("0") or "0"
        if len(value) > 80:
            return None
    number = int(value, base) * (-1 if sign == "-" and base != 10 else 1)
    return number if -(2**63) <= number < (2**63 if sign else 2**64) else None


def write_scalar(text: str, style: Style = "plain", *, flow: bool = False) -> str:
    """Return `text` as a YAML scalar: as it is where YAML 1.1 reads it back as this text, otherwise in quotes.

    Args:
        text: One line without control characters (see `check_text`).
        style: The quotes to use; ``plain`` for none unless they are needed, and double ones then.
        flow: Whether it is to stand inside ``[]`` or ``{}``.
    """
    if style == "plain" and _may_be_plain(text, flow=flow):
        return text
    if style == "single" or (style == "plain" and ('"' in text or "\\" in text)):
        return "'" + text.replace("'", "''") + "'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _may_be_plain(text: str, *, flow: bool) -> bool:
    if _WORD_LIKE.fullmatch(text):
        return text not in WORDS and not (flow and _FLOW_INDICATOR.search(text))
    return (
        _PLAIN.fullmatch(text) is not None
        and plain_type(text) == "string"
        and _LIKE_ANOTHER_TYPE.fullmatch(text) is None
        and not text.endswith(":")
        and ": " not in text
        and " #" not in text
        and not (flow and _FLOW_INDICATOR.search(text))
    )


def check_text(message: str, text: str) -> None:
    """Refuse a text that cannot stand in a document on one visible line.

    Raises:
        InvalidValueError: `text` (called `message` in the message) is empty, begins or ends with white space, or holds a
            character that people cannot see (see `visible`).
    """
    if not text or text != text.strip():
        problem = "is empty" if not text else "begins or ends with white space"
    elif text == visible(text):
        return
    else:
        bad = next(c for c in text if not is_visible(c))
        problem = f"holds the character U+{ord(bad):04X} at position {text.index(bad) + 1}"
    shown = f" {quoted(text)}" if text else ""
    raise InvalidValueError(
        f"{message[0].upper()}{message[1:]}{shown} {problem}; nothing was changed.",
        hint="Give it as one line of visible characters.",
    )
