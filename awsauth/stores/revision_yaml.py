"""A revision's object as YAML that people can read, that kubectl takes, and that loses no character.

Every change to a file writes one, through libyaml: ruamel.yaml takes some hundred times as long for a large map.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

from awsauth.core.goyaml.scalars import plain_type
from awsauth.errors import HistoryError

_DATA: Final = "\ndata:"
"""Where the data begins; what stands before it is small, and enough for a list."""

_FIRST_KEYS: Final = ("apiVersion:", "data:", "kind:", "metadata:", "revision:")
_DEEPEST: Final = 20


class _Dumper(yaml.CSafeDumper):
    """Writes several lines as a block, and quotes what Go's YAML would not take for text."""


class _QuotingDumper(yaml.CSafeDumper):
    """Writes every text in double quotes, where any character can be written."""


def to_yaml(value: dict[str, Any]) -> str:
    """Return an object as YAML; its ``data`` comes last, behind `_DATA`.

    Raises:
        HistoryError: it holds half of a surrogate pair, which no file can hold.
    """
    ordered = {key: part for key, part in value.items() if key != "data"} | {"data": value["data"]}
    try:
        text = _dumped(ordered, _Dumper)
    except UnicodeEncodeError as error:
        raise HistoryError(
            f"The text holds U+{ord(error.object[error.start]):04X}, which is no character, and no file can hold it. "
            "The manifest was not changed.",
            hint="Leave it out and try again.",
        ) from error
    # A block cannot hold every text: next-line characters, for one, come back as line feeds.
    return text if yaml.load(text, yaml.CSafeLoader) == ordered else _dumped(ordered, _QuotingDumper)


def from_yaml(raw: bytes, name: str) -> Any:
    """Return the object in a file's bytes.

    Raises:
        HistoryError: it is no YAML.
    """
    try:
        text = raw.decode("utf-8")
        _check_simple(text)
        return yaml.load(text, yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError) as error:
        raise HistoryError(
            "This file is no YAML that can be read, so it was not written, or not left, by awsauth. It is not used.",
            location=name,
            hint="Delete it if nobody needs it.",
        ) from error


def _check_simple(text: str) -> None:
    """Refuse what is none of ours before it is loaded: loading follows tags, aliases and any depth, on the C stack."""
    if not text.startswith(_FIRST_KEYS):
        raise ValueError("it does not begin as an object does")
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST or isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None):
            raise ValueError("it holds more than texts and numbers in a few levels")


def metadata_from_yaml(raw: bytes, name: str) -> Any:
    """Return the object in a file's bytes without its data.

    Raises:
        HistoryError: it is no YAML.
    """
    return from_yaml(raw.split(_DATA.encode(), 1)[0] + b"\n", name)


def _dumped(value: dict[str, Any], dumper: type[yaml.CSafeDumper]) -> str:
    dumped: str = yaml.dump(
        value, Dumper=dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=2**31 - 1
    )
    return dumped


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    if "\n" in text:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
    style = '"' if not text or plain_type(text) != "string" else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _quoted_text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')


_Dumper.add_representer(str, _text)
_QuotingDumper.add_representer(str, _quoted_text)
