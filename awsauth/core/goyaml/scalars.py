"""The types of scalars in YAML 1.1, and the texts that need quotes.

Source of the rules: ``go.yaml.in/yaml/v2`` ``resolve.go``, the reader of the authenticator.
"""

from __future__ import annotations

import math
import re
from typing import Final, Literal

from awsauth.core.text.display import is_visible, quoted, visible
from awsauth.errors import InvalidValueError

# The type of a scalar. ``unmarshalable``: infinity and NaN. JSON has neither, so the authenticator rejects the whole
# text.
Type = Literal["string", "null", "bool", "number", "unmarshalable"]

Style = Literal["plain", "single", "double"]

MERGE_TAG: Final = "tag:yaml.org,2002:merge"
# The short names of tags that a scalar has to fit. Every other tag makes a scalar text.
_CHECKED: Final = ("null", "bool", "int", "float", "timestamp", "binary")
CHECKED_TAGS: Final = {f"tag:yaml.org,2002:{name}": name for name in _CHECKED}

_YES_OR_NO: Final = ("y", "yes", "true", "on", "n", "no", "false", "off")
_BOOLS: Final = [form for word in _YES_OR_NO for form in (word, word.capitalize(), word.upper())]
_INFINITY: Final = [sign + form for sign in ("", "+", "-") for form in (".inf", ".Inf", ".INF")]
# The plain scalars without digits that are not text.
WORDS: Final[dict[str, Type]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), "null"),
    **dict.fromkeys(_BOOLS, "bool"),
    **dict.fromkeys((".nan", ".NaN", ".NAN", *_INFINITY), "unmarshalable"),
}

_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DOT_FLOAT: Final = re.compile(r"\.[0-9]+(?:[eE][-+]?[0-9]+)?")
_INTEGER: Final = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|([1-9][0-9]*|0))")

# Texts written without quotes: printable ASCII that starts like a word, with single spaces inside. YAML allows more; every
# reader of YAML 1.1 or 1.2, strict or lax, agrees on these.
_PLAIN: Final = re.compile(r"[A-Za-z0-9/$<(.+-][!-~]*(?: [!-~]+)*")
# Most texts: they begin with a letter or a slash, and have no blank. So only `WORDS` have another type.
_WORD_LIKE: Final = re.compile(r"[A-Za-z/][!-~]*(?<!:)")
_LIKE_ANOTHER_TYPE: Final = (
    r"[-+]?(?:\.?[0-9][0-9_.,:]*(?:[eE][-+]?[0-9]*)?|0[xX][0-9a-fA-F_]+|0[oObB][0-9_]+)"  # numbers, times
    r"|[0-9]{4}-[0-9]+-[0-9].*"  # dates
    r"|[-.+](?![A-Za-z0-9]).*|--.*|<<"  # markers, indicators, a merge key
)
_FLOW_INDICATOR: Final = re.compile(r"[,\[\]{}]")


def plain_type(text: str) -> Type:
    """Return the type of a plain scalar without a tag.

    ``012`` is a number, ``yes`` a bool, ``2001-01-01`` text.
    """
    word = WORDS.get(text)
    if word is not None:
        return word
    if text[0] == ".":
        return "number" if _is_float(_DOT_FLOAT, text) else "string"
    if text[0] not in "+-0123456789":
        return "string"
    digits = text.replace("_", "")
    return "number" if _is_float(_FLOAT, digits) or _integer(digits) is not None else "string"


def number(text: str) -> float:
    """Return the value of a scalar whose type is ``number``."""
    digits = text.replace("_", "")
    integer = _integer(digits)
    return float(digits) if integer is None else integer


def fits_tag(name: str, text: str) -> bool:
    """Whether a scalar fits the tag ``null``, ``bool``, ``int`` or ``float``.

    Otherwise goyaml fails.
    """
    found = plain_type(text)
    if found != "number":
        return name == ("float" if found == "unmarshalable" else found)
    integer = _integer(text.replace("_", ""))
    if name == "int":
        return integer is not None
    # goyaml converts an int to a float, but not an integer that needs 64 unsigned bits.
    return name == "float" and (integer is None or integer < 2**63)


def _is_float(form: re.Pattern[str], digits: str) -> bool:
    # Go refuses a number that does not fit 64 bits, and then takes it as text.
    return form.fullmatch(digits) is not None and not math.isinf(float(digits))


def _integer(digits: str) -> int | None:
    """Return the integer that Go reads; None for other texts and above 64 bits.

    It is in base 10, or has a prefix.
    """
    if not (match := _INTEGER.fullmatch(digits)):
        return None
    sign, *values = match.groups()
    value, base = next((value, base) for value, base in zip(values, (16, 2, 8, 10), strict=True) if value)
    value = value.lstrip("0") or "0"
    if len(value) > 80:  # far more than 64 bits; Python converts only numbers of limited length
        return None
    number = int(value, base) * (-1 if sign == "-" else 1)
    return number if -(2**63) <= number < (2**63 if sign else 2**64) else None


def write_scalar(text: str, style: Style = "plain", *, flow: bool = False) -> str:
    """Return `text` as a YAML scalar: plain if possible, otherwise in quotes.

    It is possible if YAML 1.1 reads it back as this text.

    Args:
        text: One line without control characters (see `check_text`).
        style: The quotes to use; ``plain`` adds double quotes only if the text needs them.
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
        and re.fullmatch(_LIKE_ANOTHER_TYPE, text) is None
        and not text.endswith(":")
        and ": " not in text
        and " #" not in text
        and not (flow and _FLOW_INDICATOR.search(text))
    )


def fits_one_line(text: str) -> bool:
    """Whether a text fits on one visible line of a document (see `check_text`)."""
    return text != "" and text == visible(text.strip())


def check_text(name: str, text: str) -> str:
    """Return a text that fits on one visible line of a document.

    Raises:
        InvalidValueError: `text` is empty, begins or ends with white space, or holds an invisible character (see
            `visible`). The error calls it `name`.
    """
    if fits_one_line(text):
        return text
    if not text or text != text.strip():
        problem = "is empty" if not text else "begins or ends with white space"
    else:
        bad = next(c for c in text if not is_visible(c))
        problem = f"holds the character U+{ord(bad):04X} at position {text.index(bad) + 1}"
    shown = f" {quoted(text)}" if text else ""
    hint = "Give it as one line of visible characters."
    raise InvalidValueError(f"{name[0].upper()}{name[1:]}{shown} {problem}.", hint=hint)
