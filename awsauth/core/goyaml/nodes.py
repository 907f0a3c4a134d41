"""The node tree of a YAML text, with the place of every node, as goyaml v2 builds it.

The authenticator reads with goyaml v2, which is libyaml translated to Go, so the events come from libyaml itself.
Where the two are known to part ways, the difference is copied here or the text is declared untrusted.
What goyaml makes of the nodes is in `awsauth.core.goyaml.decode`.

Source of the rules: ``go.yaml.in/yaml/v2`` ``decode.go`` (type ``parser``) and ``scannerc.go``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import yaml

from awsauth.core.text.lines import line_end

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["scalar", "sequence", "mapping", "alias"]

BOM: Final = "\ufeff"

DEEPEST: Final = 100
"""Levels of nesting that are followed; an ``aws-auth`` needs three, goyaml allows ten thousand."""

_MANY: Final = 20_000
_LEAST_LENGTH: Final = 5
"""How many characters a node has to have on average in a text of many: real entries have some 15 for each.

A node takes hundreds of bytes, so without this bound a text of the least ones takes hundreds of times its length.
"""

_COMMENT: Final = "#[^\n\r\x85\u2028\u2029]*"
_LINE_END: Final = r"(?![^\n\r\x85\u2028\u2029])"
_BLANK: Final = r"[ \t\r\n\x85\u2028\u2029]"
_LINES: Final = rf"(?: *(?:{_COMMENT})?\r?\n)*"
_EMPTY_LIST: Final = re.compile(rf"{BOM}?{_LINES}(?:---(?: +| *(?:{_COMMENT})?\r?\n{_LINES} *)| *)(\[{_BLANK}*\])")
_ANOTHER_END: Final = re.compile(rf"[ \t]*:|(?:[^#!%\\]|(?<!{_BLANK})#|(?<={_BLANK}){_COMMENT}{_LINE_END})*[!%\\]")
"""What may not follow an empty list: a colon, which makes it a key, and outside of comments what goyaml scans otherwise."""
_FORGOTTEN_BRACKET: Final = re.compile(r"[\[{]\s*(?:[\]}][ \t]*[^\s,\]}#]|[:?,])")
_LINE_START: Final = r"(?:\A|[\n\r\x85\u2028\u2029])[ \t]*"
_ON_LINE: Final = r"[^\n\r\x85\u2028\u2029]*"
_BEFORE_BRACKET: Final = rf"(?:(?:[!&*]\S*[ \t]+)+|[\"']{_ON_LINE}[\"'][ \t]*)?"
_LINE_OF_BRACKET: Final = re.compile(rf"{_LINE_START}{_BEFORE_BRACKET}[\[{{]")
"""A bracket that begins a line, or stands behind what may be before it: a tag, an anchor, an alias, a text in quotes."""
_NOTHING: Final = rf"(?:\s|{_COMMENT}{_LINE_END})*"
_BRACKET_FIRST: Final = re.compile(rf"{_LINE_OF_BRACKET.pattern}{_NOTHING}[\]}}:?,]")
_EMPTY_LAST: Final = re.compile(rf"{_LINE_OF_BRACKET.pattern}{_NOTHING}[\]}}]{_NOTHING}\Z")
"""Such a bracket, closed at once, and nothing behind it."""
_BRACKET: Final = re.compile(r"[\[\]{}]")
_TAG: Final = re.compile(r"(?:&\S+\s+)?(!\S*)")
_ESCAPED_SLASH: Final = re.compile(r"(?<!\\)(?:\\\\)*\\/")
_ESCAPED_SLASH_AHEAD: Final = re.compile(r'"(?:[^"\\]|\\.)*?\\/', re.DOTALL)
_QUESTION_AHEAD: Final = re.compile(rf"(?:{_BLANK}|{_COMMENT}{_LINE_END})*[\[{{!&*\"'].*\?", re.DOTALL)
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_READ_AT_ONCE: Final = 512
"""How many bytes goyaml takes at a time, and checks, before it looks at any of them."""
_YAML_1_1: Final = (1, 1)


class YamlSyntaxError(ValueError):
    """The text cannot be read; `offset` is where that was noticed."""

    def __init__(self, problem: str, offset: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.offset = offset


class UntrustedYamlError(YamlSyntaxError):
    """goyaml and libyaml part ways here, or may: it cannot be said what the authenticator reads."""

    hint = "Write it plainly."


class NotReadFurtherError(UntrustedYamlError):
    """The text holds too much that maps nothing; the rest of it is not looked at."""

    hint = "Leave only real mappings in the text, or roll back to a revision that could be read."


@dataclass(slots=True, eq=False)
class Node:
    """One node of the tree.

    Attributes:
        kind: What it is.
        start: Its offset in the text, with its anchor and tag.
        end: Where it ends, exclusive. For block collections and block scalars that is where libyaml noticed the end,
            which may be far behind their last character.
        value: The text of a scalar; the name of an alias.
        tag: Its tag, resolved, or empty.
        implicit: Whether the text of a scalar decides its type: it is plain, or has the tag ``!``.
        style: ``"``, ``'``, ``|``, ``>`` or empty for scalars; ``flow`` or empty for collections.
        anchor: The anchor's name, or None.
        children: Items of a sequence; keys and values of a mapping in turn.
        target: What an alias stands for.
    """

    kind: Kind
    start: int
    end: int
    value: str = ""
    tag: str = ""
    implicit: bool = True
    style: str = ""
    anchor: str | None = None
    children: list[Node] = field(default_factory=list)
    target: Node | None = None

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Yield keys and values of a mapping, in the order of the text, repeated keys included."""
        return zip(self.children[::2], self.children[1::2], strict=True)


def parse_first(text: str) -> Node | None:
    """Return the root of the first document, or None where there is none. What follows it is not looked at.

    Raises:
        YamlSyntaxError: goyaml cannot read the text.
        UntrustedYamlError: it may or may not.
        NotReadFurtherError: the text holds too many nodes for its length.
    """
    empty = _EMPTY_LIST.match(text)
    if empty is not None:
        return _empty_list(text, *empty.span(1))
    builder = _Builder(text, least_length=_LEAST_LENGTH)
    return None if builder.at_end() else builder.document()


def parse_all(text: str) -> list[Node]:
    """Return the roots of all documents of a stream.

    Raises:
        YamlSyntaxError: a document cannot be read, or not for certain.
    """
    builder = _Builder(text)
    roots = []
    while not builder.at_end():
        roots.append(builder.document())
    return roots


def _empty_list(text: str, start: int, end: int) -> Node:
    """Return a root that is an empty list: goyaml ends the document there, where libyaml takes it for a key at times."""
    if _ANOTHER_END.match(text, end):
        raise UntrustedYamlError("something follows the brackets of an empty list", end)
    # What follows is looked at until the document is over, as it is behind a text in quotes.
    try:
        _Builder('""' + text[end:]).document()
    except YamlSyntaxError as error:  # libyaml looks further ahead than goyaml does here
        raise UntrustedYamlError(error.problem, end) from error
    return Node("sequence", start, end, style="flow")


class _Builder:
    """Turns libyaml's events into nodes, without recursion: the depth of a text is its author's choice."""

    def __init__(self, text: str, least_length: int = 0) -> None:
        _check_marks(text)
        self._text = text
        self._least_length = least_length
        self._nodes = 0
        # libyaml swallows a byte order mark without counting it.
        self._shift = int(text.startswith(BOM))
        try:
            self._parser = yaml.CSafeLoader(text)
        except UnicodeEncodeError as error:
            raise YamlSyntaxError("half of a surrogate pair is no character", error.start) from error
        self._may_escape_slashes = "\\/" in text
        self._event: Any = None
        self._open: list[Node] = []
        self.document_end = 0
        self._expect(yaml.StreamStartEvent)

    def at_end(self) -> bool:
        return isinstance(self._peek(), yaml.StreamEndEvent)

    def document(self) -> Node:
        start = self._expect(yaml.DocumentStartEvent)
        if start.version is not None and start.version != _YAML_1_1:
            raise YamlSyntaxError("a directive asks for another YAML than 1.1", self._start(start))
        if start.tags:
            raise UntrustedYamlError("a directive for tags", self._start(start))
        root = self._tree()
        end = self._expect(yaml.DocumentEndEvent)
        self.document_end = int(end.end_mark.index) + self._shift
        if self._may_escape_slashes and _ESCAPED_SLASH_AHEAD.match(self._text, self.document_end):
            raise YamlSyntaxError(r"found unknown escape character \/", self.document_end)
        # goyaml looks ahead for a colon that would make a key of the brackets, and stumbles over a question mark in them.
        if _QUESTION_AHEAD.match(self._text, self.document_end):
            raise UntrustedYamlError("a question mark stands in brackets behind the document", self.document_end)
        return root

    def _expect(self, kind: type[yaml.Event]) -> Any:
        event = self._peek()
        if not isinstance(event, kind):
            raise YamlSyntaxError(f"found {type(event).__name__}", self._start(event))
        self._event = None
        return event

    def _start(self, event: Any) -> int:
        return int(event.start_mark.index) + self._shift

    def _end(self, event: Any) -> int:
        return int(event.end_mark.index) + self._shift

    def _tree(self) -> Node:
        anchors: dict[str, Node] = {}
        open_nodes = self._open
        while True:
            event = self._peek()
            self._event = None
            if isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
                node = open_nodes.pop()
                node.end = self._end(event)
                self._check_collection(node)
            else:
                node = self._node(event, anchors)
                self._check_node(node, in_flow=bool(open_nodes) and open_nodes[-1].style == "flow")
                if node.anchor is not None:
                    anchors[node.anchor] = node
                if open_nodes:
                    open_nodes[-1].children.append(node)
                if node.kind in ("sequence", "mapping"):
                    open_nodes.append(node)
            if not open_nodes:
                return node

    def _node(self, event: Any, anchors: dict[str, Node]) -> Node:
        start, end = self._start(event), self._end(event)
        self._nodes += 1
        if self._nodes > _MANY and start < self._nodes * self._least_length:
            few = f"fewer than {self._least_length} characters for each"
            problem = f"it has more than {_MANY:,} values, with {few}, and is not read further"
            raise NotReadFurtherError(problem, start)
        if isinstance(event, yaml.ScalarEvent):
            style = event.style if event.style in ("'", '"', "|", ">") else ""
            return Node("scalar", start, end, event.value, event.tag or "", event.implicit[0], style, event.anchor)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchors:
                raise YamlSyntaxError(f"there is no anchor {event.anchor!r}", start)
            return Node("alias", start, end, event.anchor, target=anchors[event.anchor])
        kind: Kind = "sequence" if isinstance(event, yaml.SequenceStartEvent) else "mapping"
        style = "flow" if event.flow_style else ""
        return Node(kind, start, end, tag=event.tag or "", style=style, anchor=event.anchor)

    def _check_node(self, node: Node, *, in_flow: bool) -> None:
        """Find what libyaml accepts and goyaml does not, or reads otherwise."""
        if in_flow and node.kind == "scalar" and not node.style and "?" in node.value:
            raise YamlSyntaxError("a question mark in brackets has to stand in quotes", node.start)
        first = self._text[node.start : node.start + 1]
        if node.style == '"' and self._may_escape_slashes and _ESCAPED_SLASH.search(self._text, node.start, node.end):
            raise YamlSyntaxError(r"found unknown escape character \/", node.start)
        if first in ("!", "&"):
            tag = _TAG.match(self._text, node.start)
            if tag is not None and set(tag[1]) & set(",[]{}%"):
                raise UntrustedYamlError("a tag that ends in a bracket, a brace or a comma", node.start)

    def _check_collection(self, node: Node) -> None:
        # goyaml takes the bracket behind a question mark for what that asks for, and looks for another one.
        if node.style == "flow" and self._text.startswith("?", node.start) and self._ends_list(node.children[0]):
            raise UntrustedYamlError("nothing stands between a question mark and the end of a list", node.start)
        # goyaml loses sight of some brackets as possible keys, and then of what follows on their line.
        if node.style == "flow" and _FORGOTTEN_BRACKET.match(self._text, node.start):
            rest = self._text[node.end : line_end(self._text, node.end)].strip(" \t\r\n")
            if rest[:1] not in ("", ",", "]", "}", "#"):
                raise UntrustedYamlError("something follows on the line of a bracket", node.end)

    def _ends_list(self, key: Node) -> bool:
        """Whether a key is empty, and stands before the end of a list."""
        return key.start == key.end and self._text.startswith("]", key.start)

    def _peek(self) -> Any:
        if self._event is None:
            try:
                self._event = self._parser.get_event()
            except yaml.MarkedYAMLError as error:
                raise self._marked(error) from error
            except yaml.reader.ReaderError as error:
                raise self._forbidden(error) from error
        return self._event

    def _marked(self, error: yaml.MarkedYAMLError) -> YamlSyntaxError:
        mark = error.problem_mark or error.context_mark
        offset = mark.index + self._shift if mark else 0
        problem = error.problem or "something is wrong"
        token = error.context_mark.index + self._shift if error.context_mark else offset
        # Either goyaml has its document by now, or it may have, and never comes to what libyaml stumbles over.
        may_be_over = _EMPTY_LAST.search(self._text, 0, token) or (
            _FORGOTTEN_BRACKET.search(self._text) and (not self._open or _BRACKET_FIRST.search(self._text))
        )
        follows = self._text[offset + 1 : offset + 2]
        liberal = (
            may_be_over
            or (
                problem == "found unexpected ':'"
                and (follows not in ("[", "{", "?") or _LINE_OF_BRACKET.search(self._text))
            )
            or (problem == "found unknown escape character" and "\\'" in self._text)
            or "whitespace or line break" in problem
            or "nesting depth" in problem  # goyaml goes ten times as deep
            or "tag" in (error.context or "")
        )
        return UntrustedYamlError(problem, offset) if liberal else YamlSyntaxError(problem, offset)

    def _forbidden(self, error: yaml.reader.ReaderError) -> YamlSyntaxError:
        # libyaml gives the position in bytes or not at all, and reads further ahead than goyaml.
        bad = _FORBIDDEN.search(self._text)
        offset = bad.start() if bad else 0
        before = self._text[:offset]
        if len(before.encode()) >= _READ_AT_ONCE and _ends_early(before):
            return UntrustedYamlError(error.reason, offset)
        return YamlSyntaxError(error.reason, offset)


def _ends_early(text: str) -> bool:
    """Whether the first document is over before the end of the text."""
    builder = _Builder(text)
    try:
        builder.at_end() or builder.document()
    except YamlSyntaxError as error:
        return isinstance(error, UntrustedYamlError)
    return builder.document_end < len(text)


def _check_marks(text: str) -> None:
    """Refuse what could not be read for certain, or not in bounded time: libyaml's time grows with depth squared."""
    # goyaml skips one that begins a line, or what it has in its buffer: where that is depends on all that stands before.
    mark = text.find(BOM, 1)
    if mark >= 0:
        raise UntrustedYamlError("a byte order mark stands inside the text", mark)
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    depth = 0
    for bracket in _BRACKET.finditer(text):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > DEEPEST:
            raise UntrustedYamlError(f"more than {DEEPEST} brackets are open", bracket.start())
