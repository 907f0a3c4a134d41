"""How the entries of a list are written, told by one of them, so that a new one can be written the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from awsauth.core.nothing import NOTHING
from awsauth.core.reading import ARN_FIELD, Groups, Scalar
from awsauth.core.text import line_start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.reading import Key, Reading, Shape
    from awsauth.core.scalars import Style

_NEIGHBOURS: Final = 20
"""How many entries, from the last one up, are looked at for one that shows how every field is written."""

ARN: Final = "arn"
"""The principal's field, whatever it is called under the key."""


class Enclosed(NamedTuple):
    """What stands inside braces or brackets around and between what they hold; line ends with it."""

    opening: str = ""
    comma: str = ", "
    closing: str = ""


_TIGHT: Final = Enclosed()


class Manner(NamedTuple):
    """How an entry is written."""

    style: Literal["block", "flow"] = "block"
    gap: int = 1
    """Spaces behind the dash."""
    order: tuple[str, ...] = (ARN, "username", "groups")
    key_quote: str = ""
    arn: Style = "plain"
    username: Style = "plain"
    group: Style = "plain"
    groups: Literal["block", "flow"] = "block"
    groups_offset: int = 2
    """Columns from the keys to the dashes of the groups."""
    groups_gap: int = 1
    """Spaces behind each of those."""
    blanks: Mapping[str, str] = NOTHING
    """By field, the spaces before its value on the line of its key; one where it says nothing."""
    colon: str = ": "
    braces: Enclosed = _TIGHT
    brackets: Enclosed = _TIGHT


BY_HAND: Final = Manner()
"""How ``kubectl`` users write where nothing shows another way."""


def example_of(reading: Reading) -> Shape | None:
    """Return the last entry with all fields and a group, or else the last one that is written plainly."""
    plain = None
    count = len(reading.entries)
    for position in range(count - 1, max(count - _NEIGHBOURS, 0) - 1, -1):
        shape = reading.entries[position].shape
        if shape.style == "other" or not shape.fields:
            continue
        if _is_complete(shape):
            return shape
        plain = plain or shape
    return plain


def _is_complete(shape: Shape) -> bool:
    """Whether an entry has all fields, and a group."""
    values = [field.value for field in shape.fields]
    return len(values) == 3 and any(isinstance(value, Groups) and value.items for value in values)


def manner_of(reading: Reading) -> Manner | None:
    """Return how the entry of `example_of` is written; None where there is none."""
    example = example_of(reading)
    return _manner(reading, example) if example else None


def _manner(reading: Reading, shape: Shape) -> Manner:
    text = reading.text
    first = shape.fields[0]
    styles = {field.name: style_of(field.value) for field in shape.fields}
    groups = shape.field("groups")
    value = groups.value if groups else None
    start = line_start(text, first.start)
    dash = text.find("-", start, first.start)
    quote = text[first.start] if first.name != "account" and text[first.start] in "\"'" else ""
    is_json = shape.style == "flow" and quote == '"'
    braces = _braces(text, shape)
    groups_offset, groups_gap = _dashes(text, shape, value)
    unknown: Style = "double" if is_json else "plain"
    return Manner(
        style="flow" if shape.style == "flow" else "block",
        gap=max(first.start - dash - 1, 1) if dash >= 0 and shape.style == "block" else 1,
        order=_order(reading.key, [field.name for field in shape.fields]),
        key_quote=quote,
        arn=styles.get(ARN_FIELD.get(reading.key, "account"), "plain"),
        username=styles.get("username", unknown),
        group=style_of(value.items[0]) if isinstance(value, Groups) and value.items else unknown,
        groups="flow" if shape.style == "flow" or (isinstance(value, Groups) and value.style == "flow") else "block",
        groups_offset=groups_offset,
        groups_gap=groups_gap,
        blanks=_blanks(text, shape) if shape.style == "block" else NOTHING,
        colon=_between(text, first.end, first.value.start, ":"),
        braces=braces,
        brackets=_brackets(text, value, "," if braces.comma == "," else ", "),
    )


def style_of(value: Scalar | Groups) -> Style:
    """Return how a value is quoted; plain where it is no scalar on one line."""
    return value.style if isinstance(value, Scalar) and value.style != "other" else "plain"


def _order(key: Key, names: list[str]) -> tuple[str, ...]:
    """Return all fields in the neighbour's order; what it has not comes last."""
    seen = [ARN if name == ARN_FIELD.get(key) else name for name in names if name != "account"]
    return (*seen, *(name for name in (ARN, "username", "groups") if name not in seen))


def _dashes(text: str, shape: Shape, groups: Scalar | Groups | None) -> tuple[int, int]:
    """Return how far from the keys the dashes of groups in lines stand, and how many spaces behind each."""
    if not isinstance(groups, Groups) or groups.style != "block":
        return BY_HAND.groups_offset, BY_HAND.groups_gap
    gap = text[groups.start + 1 : groups.items[0].start] if groups.items else ""
    return groups.column - shape.column, len(gap) if _is_spaces(gap) else BY_HAND.groups_gap


def _blanks(text: str, shape: Shape) -> dict[str, str]:
    found = {}
    for name, _, end, value in shape.fields:
        blank = text[end + 1 : value.start]
        if isinstance(value, Scalar) and text[end : end + 1] == ":" and _is_spaces(blank):
            found[name] = blank
    return found


def _is_spaces(text: str) -> bool:
    return bool(text) and not text.strip(" ")


def _between(text: str, start: int, end: int, sign: str) -> str:
    found = text[start:end]
    return found if found.strip() == sign and "\n" not in found else f"{sign} "


def _braces(text: str, shape: Shape) -> Enclosed:
    """Return what stands around the fields of a flow entry; nothing of fields that we do not know."""
    if shape.style != "flow" or shape.fields[0].name == "account":
        return _TIGHT
    opening = text[shape.start + 1 : shape.fields[0].start]
    alone = "," if text[shape.fields[0].end : shape.fields[0].value.start] == ":" else ", "
    closing = text[shape.fields[-1].value.end : shape.end - 1]
    comma = text[shape.fields[0].value.end : shape.fields[1].start] if len(shape.fields) > 1 else alone
    if (opening + closing).strip() or comma.strip() != ",":
        return _TIGHT
    return Enclosed(opening, comma, closing)


def _brackets(text: str, groups: Scalar | Groups | None, comma: str) -> Enclosed:
    """Return what stands around groups in brackets, with `comma` where there are not two of them."""
    if not isinstance(groups, Groups) or groups.style != "flow" or not groups.items:
        return Enclosed(comma=comma)
    items = groups.items
    opening = text[groups.start + 1 : items[0].start]
    closing = text[items[-1].end : groups.end - 1]
    if len(items) > 1:
        comma = text[items[0].end : items[1].start]
    elif "\n" in opening:
        comma = f",{opening}"
    if (opening + closing).strip() or comma.strip() != ",":
        return _TIGHT
    return Enclosed(opening, comma, closing)
