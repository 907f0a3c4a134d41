"""YAML or JSON that people write for awsauth: its values, and their places.

Scalars stay text, except unquoted booleans and nulls: YAML 1.1 reads some accounts as octal numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import yaml

from awsauth.core.text.display import quoted, visible

# The most characters of a text.
LARGEST_INPUT: Final = 256 * 2**10

_DEEPEST: Final = 100
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CORE: Final = "tag:yaml.org,2002:"
_TAGS: Final = frozenset(
    _CORE + name for name in ["str", "int", "float", "bool", "null", "timestamp", "seq", "map", "merge", "value"]
)
# The plain scalars of YAML 1.2 that are not text.
_VALUES: Final = dict.fromkeys(("", "~", "null", "Null", "NULL")) | {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}

Path = tuple[str | int, ...]


class YamlInputError(Exception):
    """The text cannot be read.

    `problem` continues a sentence about it, `location` is a line and a column.
    """

    def __init__(self, problem: str, location: str = "") -> None:
        super().__init__(problem, location)
        self.problem = problem
        self.location = location


class YamlInput(NamedTuple):
    """The values of a text, with their places.

    Attributes:
        value: Texts, booleans, None, lists and dictionaries.
        locations: By the path to a value, the line and column of its key or list item.
    """

    value: Any
    locations: Mapping[Path, str]


def parse_input(text: str) -> YamlInput:
    """Return the values of a text: one document without aliases and repeated fields.

    Raises:
        YamlInputError: it cannot be read.
    """
    if len(text) > LARGEST_INPUT:
        raise YamlInputError(f"is too large: YAML may have {LARGEST_INPUT // 2**10} KiB")
    if odd := _FORBIDDEN.search(text):
        lines = text[: odd.start()].split("\n")
        problem = f"is not YAML: it holds the character U+{ord(odd[0]):04X}"
        raise YamlInputError(problem, f"line {len(lines)}, column {len(lines[-1]) + 1}")
    reader = _Reader(text)
    try:
        return YamlInput(reader.document(), reader.locations)
    except yaml.MarkedYAMLError as error:
        is_late = error.context == "while scanning a simple key"  # noticed on a line below the key
        location = _location(error.context_mark if is_late else error.problem_mark)
        raise YamlInputError(f"is not YAML: {visible(str(error.problem))}", location) from error
    except yaml.YAMLError as error:
        raise YamlInputError(f"is not YAML: {visible(str(error))}") from error


class _Reader:
    """Turns libyaml's events into values.

    It refuses aliases, which can expand beyond the memory, and excessive nesting.
    """

    def __init__(self, text: str) -> None:
        self._events: Any = yaml.parse(text, Loader=yaml.CSafeLoader)
        self.locations: dict[Path, str] = {}

    def document(self) -> Any:
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise YamlInputError("is empty")
        value = self._value(next(self._events), ())
        next(self._events)  # the end of the document
        if not isinstance(after := next(self._events), yaml.StreamEndEvent):
            raise YamlInputError("has more than one document", _location(after.start_mark))
        return value

    def _value(self, event: Any, path: Path) -> Any:
        location = _location(event.start_mark)
        self.locations.setdefault(path, location)
        if isinstance(event, yaml.AliasEvent):
            problem = f"*{event.anchor} is an alias, which awsauth does not read: write the value itself"
            raise YamlInputError(f"is not YAML: {visible(problem)}", location)
        if len(path) == _DEEPEST:
            raise YamlInputError(f"is not YAML: nested more than {_DEEPEST} deep", location)
        if event.tag not in (None, "!", *_TAGS):
            raise YamlInputError(f"has the tag {quoted(event.tag)}, which awsauth does not read", location)
        if isinstance(event, yaml.ScalarEvent):
            return _VALUES.get(event.value, event.value) if event.implicit[0] else event.value
        return self._items(path) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(path)

    def _items(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            location = _location(key.start_mark)
            if not isinstance(key, yaml.ScalarEvent):
                raise YamlInputError("has a list or a mapping where a field should be", location)
            if key.value in found:
                raise YamlInputError(f"has the field {quoted(key.value)} twice", location)
            place = (*path, key.value)
            self.locations[place] = location
            found[key.value] = self._value(next(self._events), place)
        return found


def _location(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"
