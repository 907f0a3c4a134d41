"""YAML or JSON that people write for awsauth: its values, and their places.

Scalars stay text, except unquoted booleans and nulls: YAML 1.1 reads some accounts as octal numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from awsauth.core.text.display import quoted, visible

# The most characters of a text. ruamel.yaml reads about 100,000 in a second.
LARGEST_INPUT: Final = 256 * 2**10

_DEEPEST: Final = 100
_CORE: Final = "tag:yaml.org,2002:"
_TYPES: Final = "str", "int", "float", "bool", "null", "timestamp", "seq", "map", "merge", "value"
_TAGS: Final = frozenset(_CORE + name for name in _TYPES)

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
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _Composer
    try:
        root = yaml.compose(text)
    except ReaderError as error:
        lines = text[: error.position].split("\n")
        problem = f"is not YAML: it holds the character U+{ord(text[error.position]):04X}"
        raise YamlInputError(problem, f"line {len(lines)}, column {len(lines[-1]) + 1}") from error
    except MarkedYAMLError as error:
        is_late = error.context == "while scanning a simple key"  # noticed on a line below the key
        location = _location(error.context_mark if is_late else error.problem_mark)
        if error.problem == "but found another document":
            raise YamlInputError("has more than one document", location) from error
        raise YamlInputError(f"is not YAML: {visible(str(error.problem))}", location) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise YamlInputError(f"is not YAML: {visible(str(error))}") from error
    if root is None:
        raise YamlInputError("is empty")
    locations: dict[Path, str] = {}
    return YamlInput(_value(root, (), root, locations), locations)


class _Composer(Composer):
    """Refuses aliases, which can expand beyond the memory, and excessive nesting."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.parser.peek_event()
        if isinstance(event, AliasEvent):
            problem = f"*{event.anchor} is an alias, which awsauth does not read: write the value itself"
            raise MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        if self._depth == _DEEPEST:
            raise MarkedYAMLError(problem=f"nested more than {_DEEPEST} deep", problem_mark=event.start_mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _value(node: Any, path: Path, named: Any, locations: dict[Path, str]) -> Any:
    """Return the value of a node, and note where `named` is: its key, or itself."""
    locations[path] = _location(named.start_mark)
    if node.tag not in _TAGS:
        raise YamlInputError(f"has the tag {quoted(node.tag)}, which awsauth does not read", _location(node.start_mark))
    if isinstance(node, ScalarNode):
        return _scalar(node)
    if isinstance(node, SequenceNode):
        return [_value(item, (*path, index), item, locations) for index, item in enumerate(node.value)]
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            raise YamlInputError("has a list or a mapping where a field should be", _location(key.start_mark))
        if key.value in found:
            raise YamlInputError(f"has the field {quoted(key.value)} twice", _location(key.start_mark))
        found[key.value] = _value(value, (*path, key.value), key, locations)
    return found


def _scalar(node: ScalarNode) -> Any:
    if node.tag == f"{_CORE}null" and not node.style:
        return None
    if node.tag == f"{_CORE}bool" and not node.style:
        return node.value.lower() == "true"
    return node.value


def _location(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"
