"""A revision's object as YAML that people can read, that kubectl takes, and that loses no character."""

from __future__ import annotations

from typing import Any, Final

import yaml

from awsauth.core.scalars import plain_type
from awsauth.errors import HistoryError

_DATA: Final = "\ndata:"
"""Where the data begins; what stands before it is small, and enough for a list."""


class _Dumper(yaml.CSafeDumper):
    """Writes several lines as a block, and quotes what Go's YAML would not take for text."""


class _QuotingDumper(yaml.CSafeDumper):
    """Writes every text in double quotes, where any character can be written."""


def to_yaml(value: dict[str, Any]) -> str:
    """Return an object as YAML; its ``data`` comes last, behind `_DATA`."""
    ordered = {key: part for key, part in value.items() if key != "data"} | {"data": value["data"]}
    text = _dumped(ordered, _Dumper)
    # A block cannot hold every text: next-line characters, for one, come back as line feeds.
    return text if yaml.load(text, yaml.CSafeLoader) == ordered else _dumped(ordered, _QuotingDumper)


def from_yaml(raw: bytes, name: str) -> Any:
    """Return the object in a file's bytes.

    Raises:
        HistoryError: it is no YAML.
    """
    try:
        return yaml.load(raw.decode("utf-8"), yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise HistoryError(
            "This file is no YAML that can be read, so it was not written, or not left, by awsauth. It is not used.",
            where=name,
            cure="Delete it if nobody needs it.",
        ) from error


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
