"""A revision's object as YAML for people and kubectl, without any loss.

Every change to a file writes one, so neither libyaml nor ruamel.yaml is imported for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from awsauth.core.goyaml.decode import loaded
from awsauth.core.goyaml.scalars import write_scalar
from awsauth.core.manifest.literal_block import NOT_LITERAL, new_literal
from awsauth.core.manifest.outer_edits import double_escaped
from awsauth.core.text.display import visible
from awsauth.errors import HistoryError

# The beginning of the data. The part before it is small, and enough for a list.
_DATA: Final = "\ndata:"


def to_yaml(value: dict[str, Any]) -> str:
    """Return an object as YAML, with its ``data`` last, after `_DATA`.

    Raises:
        HistoryError: it holds half of a surrogate pair, which no file can hold.
    """
    ordered = {key: part for key, part in value.items() if key != "data"} | {"data": value["data"]}
    try:
        return "".join(_lines(ordered, 0))
    except UnicodeEncodeError as error:
        code = f"U+{ord(error.object[error.start]):04X}"
        message = f"The text holds {code}, which is not a character, so no file can hold it."
        raise HistoryError(message, hint="Remove the character and try again.") from error


def from_yaml(raw: bytes, name: str) -> Any:
    """Return the object in a file's bytes.

    Raises:
        HistoryError: the file is not YAML.
    """
    try:
        return loaded(raw.decode("utf-8"))
    except ValueError as error:
        message = "This file cannot be read as a revision: awsauth did not write it, or it was edited. It is not used."
        raise HistoryError(message, location=name, hint="Delete it if you do not need it.") from error


def metadata_from_yaml(raw: bytes, name: str) -> Any:
    """Return the object in a file's bytes without its data (see `from_yaml`)."""
    return from_yaml(raw.split(_DATA.encode(), 1)[0] + b"\n", name)


def _lines(value: Mapping[str, Any], column: int) -> Iterator[str]:
    """Yield the lines of a mapping whose keys begin in this column."""
    for key, part in value.items():
        start = f"{' ' * column}{_scalar(key)}:"
        if part and isinstance(part, dict):
            yield f"{start}\n"
            yield from _lines(part, column + 2)
        elif isinstance(part, str) and "\n" in part and not NOT_LITERAL.search(part):
            header, lines = new_literal("", 0, part, column)
            yield f"{start} {header}\n"
            yield from (f"{line}\n" for line in lines)
        else:
            yield f"{start} {_scalar(part)}\n"


def _scalar(value: Any) -> str:
    """Return one line with a value; Go would misread some texts without quotes."""
    if not isinstance(value, str):
        return json.dumps(value)
    if value and value == visible(value):
        return write_scalar(value)
    value.encode()  # half of a surrogate pair has no form in a file
    return f'"{double_escaped(value)}"'
