"""A revision's object as YAML for people and kubectl, without any loss.

Every change to a file writes one. It uses libyaml, because ruamel.yaml takes a hundred times as long for a large map.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

from awsauth.core.goyaml.scalars import plain_type
from awsauth.errors import HistoryError

# The beginning of the data. The part before it is small, and enough for a list.
_DATA: Final = "\ndata:"

_DEEPEST: Final = 20
_TEXT: Final = "tag:yaml.org,2002:str"


class _Dumper(yaml.CSafeDumper):
    """Writes several lines as a block, and quotes texts that Go would misread.

    Go's YAML would take them for another type.
    """


class _QuotingDumper(yaml.CSafeDumper):
    """Writes every text in double quotes, which can hold any character."""


def to_yaml(value: dict[str, Any]) -> str:
    """Return an object as YAML, with its ``data`` last, after `_DATA`.

    Raises:
        HistoryError: it holds half of a surrogate pair, which no file can hold.
    """
    ordered = {key: part for key, part in value.items() if key != "data"} | {"data": value["data"]}
    try:
        text = _dumped(ordered, _Dumper)
    except UnicodeEncodeError as error:
        code = f"U+{ord(error.object[error.start]):04X}"
        message = f"The text holds {code}, which is not a character, so no file can hold it."
        raise HistoryError(message, hint="Remove the character and try again.") from error
    # A block cannot hold every text: next-line characters, for example, become line feeds.
    return text if yaml.load(text, yaml.CSafeLoader) == ordered else _dumped(ordered, _QuotingDumper)


def from_yaml(raw: bytes, name: str) -> Any:
    """Return the object in a file's bytes.

    Raises:
        HistoryError: the file is not YAML.
    """
    try:
        text = raw.decode("utf-8")
        _check_simple(text)
        return yaml.load(text, yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError) as error:
        message = "This file cannot be read as a revision: awsauth did not write it, or it was edited. It is not used."
        raise HistoryError(message, location=name, hint="Delete it if you do not need it.") from error


def _check_simple(text: str) -> None:
    """Refuse a foreign text before it is loaded.

    The loader follows tags, aliases and any depth, on the C stack.
    """
    if not text.startswith(("apiVersion:", "data:", "kind:", "metadata:", "revision:")):
        raise ValueError("it does not begin like an object")
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST or isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None):
            raise ValueError("it holds more than texts and numbers in a few levels")


def metadata_from_yaml(raw: bytes, name: str) -> Any:
    """Return the object in a file's bytes without its data (see `from_yaml`)."""
    return from_yaml(raw.split(_DATA.encode(), 1)[0] + b"\n", name)


def _dumped(value: dict[str, Any], dumper: type[yaml.CSafeDumper]) -> str:
    how: Any = {"sort_keys": False, "allow_unicode": True, "default_flow_style": False, "width": 2**31 - 1}
    return str(yaml.dump(value, Dumper=dumper, **how))


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None if text and plain_type(text) == "string" else '"'
    return dumper.represent_scalar(_TEXT, text, style=style)


_Dumper.add_representer(str, _text)
_QuotingDumper.add_representer(str, lambda dumper, text: dumper.represent_scalar(_TEXT, text, style='"'))
