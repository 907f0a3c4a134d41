"""A YAML text's node tree, as goyaml v2 builds it, with all places.

The authenticator reads with goyaml v2, a translation of libyaml to Go, so libyaml itself provides the events here.
Where the two are known to differ, this module copies goyaml or declares the text untrusted.
`awsauth.core.goyaml.decode` turns the nodes into values.

Source of the rules: ``go.yaml.in/yaml/v2`` ``decode.go`` (type ``parser``) and ``scannerc.go``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import yaml

from awsauth.core.goyaml.nodes import BOM, DEEPEST, Kind, Node, NotReadFurtherError, UntrustedYamlError, YamlSyntaxError
from awsauth.core.text.lines import line_end

# The most nodes of a text; real texts have fewer. That is one for eight characters of the largest ConfigMap.
_MOST: Final = 2**17
_MANY: Final = 20_000
# The least average number of characters for each of many nodes. Real entries have about 10. A node takes hundreds
# of bytes. Without this bound a text of tiny nodes takes hundreds of times its length in memory.
_LEAST_LENGTH: Final = 5

_COMMENT: Final = "#[^\n\r\x85\u2028\u2029]*"
_LINE_END: Final = r"(?![^\n\r\x85\u2028\u2029])"
_BLANK: Final = r"[ \t\r\n\x85\u2028\u2029]"
_LINES: Final = rf"(?: *(?:{_COMMENT})?\r?\n)*"
_EMPTY_LIST: Final = rf"{BOM}?{_LINES}(?:---(?: +| *(?:{_COMMENT})?\r?\n{_LINES} *)| *)(\[{_BLANK}*\])"
# Must not follow an empty list. A colon makes it a key. Outside of comments, goyaml scans the others differently.
_ANOTHER_END: Final = rf"[ \t]*:|(?:[^#!%\\]|(?<!{_BLANK})#|(?<={_BLANK}){_COMMENT}{_LINE_END})*[!%\\]"
_FORGOTTEN_BRACKET: Final = re.compile(r"[\[{]\s*(?:[\]}][ \t]*[^\s,\]}#]|[:?,])")
_LINE_START: Final = r"(?:\A|[\n\r\x85\u2028\u2029])[ \t]*"
_ON_LINE: Final = r"[^\n\r\x85\u2028\u2029]*"
_BEFORE_BRACKET: Final = rf"(?:(?:[!&*]\S*[ \t]+)+|[\"']{_ON_LINE}[\"'][ \t]*)?"
# A bracket at the start of a line, or behind a tag or text there. There may be a tag, an anchor, an alias or a
# quoted text.
_LINE_OF_BRACKET: Final = rf"{_LINE_START}{_BEFORE_BRACKET}[\[{{]"
_NOTHING: Final = rf"(?:\s|{_COMMENT}{_LINE_END})*"
_BRACKET_FIRST: Final = rf"{_LINE_OF_BRACKET}{_NOTHING}[\]}}:?,]"
# Such a bracket, closed at once, at the end of the text.
_EMPTY_LAST: Final = rf"{_LINE_OF_BRACKET}{_NOTHING}[\]}}]{_NOTHING}\Z"
_TAG: Final = re.compile(r"(?:&\S+\s+)?(!\S*)")
_MAY_DIFFER: Final = re.compile(r"[?!]|\\/")  # without one of these, goyaml and libyaml agree on every scalar
_ESCAPED_SLASH: Final = re.compile(r"(?<!\\)(?:\\\\)*\\/")
_ESCAPED_SLASH_AHEAD: Final = re.compile(r'"(?:[^"\\]|\\.)*?\\/', re.DOTALL)
_QUESTION_AHEAD: Final = rf"(?s)(?:{_BLANK}|{_COMMENT}{_LINE_END})*[\[{{!&*\"'].*\?"
_FORBIDDEN: Final = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_READ_AT_ONCE: Final = 512  # goyaml reads and checks this many bytes at a time, before it scans any of them
_YAML_1_1: Final = (1, 1)


def parse_first(text: str) -> Node | None:
    """Return the root of the first document, or None without a document.

    The rest of the text is ignored.

    Raises:
        YamlSyntaxError: goyaml cannot read the text.
        UntrustedYamlError: goyaml may or may not read it.
        NotReadFurtherError: the text holds too many nodes for its length.
    """
    if empty := re.match(_EMPTY_LIST, text):
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
    """Return an empty list as root.

    goyaml ends the document there. libyaml sometimes takes the list for a key.
    """
    if re.compile(_ANOTHER_END).match(text, end):
        raise UntrustedYamlError("something follows the brackets of an empty list", end)
    # goyaml scans on until the document is over, as it does behind a text in quotes.
    try:
        _Builder('""' + text[end:]).document()
    except YamlSyntaxError as error:  # libyaml looks further ahead than goyaml does here
        raise UntrustedYamlError(error.problem, end) from error
    return Node("sequence", start, end, style="flow")


class _Builder:
    """Turns libyaml's events into nodes, without recursion.

    A hostile text may be nested deeply.
    """

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
            raise YamlSyntaxError("half of a surrogate pair is not a character", error.start) from error
        self._may_escape_slashes = "\\/" in text
        self._may_differ = _MAY_DIFFER.search(text) is not None
        self._open: list[Node] = []
        self.document_end = 0
        with self._own_errors():
            self._parser.get_event()  # the start of the stream

    def at_end(self) -> bool:
        with self._own_errors():
            return bool(self._parser.check_event(yaml.StreamEndEvent))

    def document(self) -> Node:
        with self._own_errors():
            start: Any = self._parser.get_event()
        if start.version is not None and start.version != _YAML_1_1:
            raise YamlSyntaxError("a directive asks for another YAML than 1.1", self._span(start)[0])
        if start.tags:
            raise UntrustedYamlError("a directive for tags", self._span(start)[0])
        with self._own_errors():
            root = self._tree()
            self.document_end = end = self._span(self._parser.get_event())[1]
        if self._may_escape_slashes and _ESCAPED_SLASH_AHEAD.match(self._text, end):
            raise YamlSyntaxError(r"found unknown escape character \/", end)
        # goyaml looks ahead for a colon after the brackets, and stumbles over a question mark in them.
        if self._text.find("?", end) >= 0 and re.compile(_QUESTION_AHEAD).match(self._text, end):
            raise UntrustedYamlError("a question mark stands in brackets behind the document", end)
        return root

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except yaml.MarkedYAMLError as error:
            raise self._marked(error) from error
        except yaml.reader.ReaderError as error:
            raise self._forbidden(error) from error

    def _span(self, event: Any) -> tuple[int, int]:
        return event.start_mark.index + self._shift, event.end_mark.index + self._shift

    def _tree(self) -> Node:
        anchors: dict[str, Node] = {}
        open_nodes, next_event = self._open, self._parser.get_event
        while True:
            event = next_event()
            if isinstance(event, yaml.CollectionEndEvent):
                node = open_nodes.pop()
                node.end = self._span(event)[1]
                if node.style == "flow":
                    self._check_flow_collection(node)
            else:
                node = self._node(event, anchors)
                if self._may_differ:
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
        start, end = self._span(event)
        self._nodes += 1
        if self._nodes > _MANY and self._least_length:
            self._check_size(start)
        if isinstance(event, yaml.ScalarEvent):
            style = event.style if event.style in ("'", '"', "|", ">") else ""
            return Node("scalar", start, end, event.value, event.tag or "", event.implicit[0], style, event.anchor)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchors:
                raise YamlSyntaxError(f"the anchor {event.anchor!r} is not defined", start)
            return Node("alias", start, end, event.anchor, target=anchors[event.anchor])
        kind: Kind = "sequence" if isinstance(event, yaml.SequenceStartEvent) else "mapping"
        style = "flow" if event.flow_style else ""
        return Node(kind, start, end, tag=event.tag or "", style=style, anchor=event.anchor, children=[])

    def _check_size(self, offset: int) -> None:
        if offset < self._nodes * self._least_length:
            few = f"fewer than {self._least_length} characters for each"
            raise NotReadFurtherError(f"it has more than {_MANY:,} values, with {few}, and is not read further", offset)
        if self._nodes > _MOST:
            raise NotReadFurtherError(f"it has more than {_MOST:,} values, and is not read further", offset)

    def _check_node(self, node: Node, *, in_flow: bool) -> None:
        """Refuse nodes that libyaml accepts and goyaml rejects, or reads differently."""
        if in_flow and node.kind == "scalar" and not node.style and "?" in node.value:
            raise YamlSyntaxError("a question mark in brackets has to stand in quotes", node.start)
        if node.style == '"' and self._may_escape_slashes and _ESCAPED_SLASH.search(self._text, node.start, node.end):
            raise YamlSyntaxError(r"found unknown escape character \/", node.start)
        tag = _TAG.match(self._text, node.start)
        if tag is not None and set(tag[1]) & set(",[]{}%"):
            raise UntrustedYamlError("a tag that ends in a bracket, a brace or a comma", node.start)

    def _check_flow_collection(self, node: Node) -> None:
        text = self._text
        # After a question mark goyaml takes the closing bracket for the key, and looks for another bracket.
        if text.startswith("?", node.start):
            key = node.children[0]
            if key.start == key.end and text.startswith("]", key.start):
                raise UntrustedYamlError("nothing stands between a question mark and the end of a list", node.start)
        # goyaml forgets some brackets as possible keys, and then the rest of their line.
        if _FORGOTTEN_BRACKET.match(text, node.start):
            rest = text[node.end : line_end(text, node.end)].strip(" \t\r\n")
            if rest[:1] not in ("", ",", "]", "}", "#"):
                raise UntrustedYamlError("something follows on the line of a bracket", node.end)

    def _marked(self, error: yaml.MarkedYAMLError) -> YamlSyntaxError:
        mark = error.problem_mark or error.context_mark
        offset = mark.index + self._shift if mark else 0
        problem = error.problem or "something is wrong"
        token = error.context_mark.index + self._shift if error.context_mark else offset
        # goyaml has its document by now, or may have, and never meets the problem that libyaml reports.
        may_be_over = re.compile(_EMPTY_LAST).search(self._text, 0, token) or (
            _FORGOTTEN_BRACKET.search(self._text) and (not self._open or re.compile(_BRACKET_FIRST).search(self._text))
        )
        follows = self._text[offset + 1 : offset + 2]
        may_be_key = follows not in ("[", "{", "?") or re.compile(_LINE_OF_BRACKET).search(self._text)
        is_uncertain = (
            may_be_over
            or (problem == "found unexpected ':'" and may_be_key)
            or (problem == "found unknown escape character" and "\\'" in self._text)
            or "whitespace or line break" in problem
            or "nesting depth" in problem  # goyaml goes ten times as deep
            or "tag" in (error.context or "")
        )
        return (UntrustedYamlError if is_uncertain else YamlSyntaxError)(problem, offset)

    def _forbidden(self, error: yaml.reader.ReaderError) -> YamlSyntaxError:
        # libyaml gives the position in bytes or not at all, and reads further ahead than goyaml.
        bad = re.compile(_FORBIDDEN).search(self._text)
        offset = bad.start() if bad else 0
        before = self._text[:offset]
        is_uncertain = len(before.encode()) >= _READ_AT_ONCE and _ends_early(before)
        return (UntrustedYamlError if is_uncertain else YamlSyntaxError)(error.reason, offset)


def _ends_early(text: str) -> bool:
    """Whether the first document ends before the text does."""
    builder = _Builder(text)
    try:
        builder.at_end() or builder.document()
    except YamlSyntaxError as error:
        return isinstance(error, UntrustedYamlError)
    return builder.document_end < len(text)


def _check_marks(text: str) -> None:
    """Refuse inner byte order marks and deep nesting.

    The marks are uncertain, and libyaml's time grows with the square of the depth.
    """
    # goyaml skips a mark at the start of a line or of its buffer, and the whole text before decides where that is.
    if (mark := text.find(BOM, 1)) >= 0:
        raise UntrustedYamlError("a byte order mark stands inside the text", mark)
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    depth = 0
    for bracket in re.finditer(r"[\[\]{}]", text):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > DEEPEST:
            raise UntrustedYamlError(f"more than {DEEPEST} brackets are open", bracket.start())
