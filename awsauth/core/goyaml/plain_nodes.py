"""The node trees of JSON, and of a YAML text in a plain form, without libyaml.

To import libyaml takes longer than a change. Most manifests, kubeconfigs and revisions have this form: block mappings
and lists, with keys in plain text. A value is one line, plain or in quotes without escapes, or a literal block
(``|``). Other texts are refused. Tests show that libyaml builds the same tree of every text that is accepted.
"""

from __future__ import annotations

import json
import re
from typing import Final

from awsauth.core.goyaml.nodes import BOM, Kind, Node
from awsauth.core.text.lines import odd_character

_START: Final = "A-Za-z0-9/_<$"
# None of its words begins a comment or ends in a colon. An item of a list may be an option, as in the kubeconfigs of
# `aws eks update-kubeconfig`.
_PLAIN: Final = rf"(?:--)?[{_START}][!-~]*(?<!:)(?: (?!#)[!-~]+(?<!:))*"
_KEY: Final = "[A-Za-z_][A-Za-z0-9_./-]{0,200}"
_PLAIN_LINE: Final = re.compile(
    rf" *(?! )(?:#.*|(?P<dash>- +(?! ))?(?:(?P<key>{_KEY}):(?:(?= *\n)| +(?:\|(?P<chomping>[-+]?)(?= *\n)|(?=[\"'{_START}]))))?"
    rf"(?P<value>{_PLAIN}|\"[^\"\\\n]*\"|'[^'\n]*')?(?: +#.*| *))?\n"
)
_FIRST_OF_BLOCK: Final = re.compile(r"( +)(?=[^ \t\n])")
_SPACES_ALONE: Final = re.compile(" +\n")


# Of JSON, and not compiled: most texts are YAML.
_BEFORE_NEXT: Final = r"[ \t\r\n]*(?=[^ \t\r\n])"
_JSON_PIECE: Final = r'[ \t\r\n,:]*([{}\[\]]|"[^"\\]*(?:\\.[^"\\]*)*"|[-+.\w]+)'
_LONE_SURROGATE: Final = "[\ud800-\udfff]"
_DECODER: Final = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=int)  # NaN and Infinity are not JSON


_GROUPS: Final[tuple[tuple[str, Kind], ...]] = (("dash", "sequence"), ("key", "mapping"))


def parse_plain(text: str) -> Node | None:
    """Return the root of a text in a plain form; None for any other text."""
    if not text.endswith("\n") or odd_character(text):
        return None
    stream = Node("sequence", 0, 0, children=[])
    open_nodes = [(-1, stream)]  # with the column of each
    awaits_value = True
    position = len("---\n") if text.startswith("---\n") else 0
    while line := _PLAIN_LINE.match(text, position):
        for group, kind in _GROUPS:
            start = line.start(group)
            if start >= 0:
                if not _is_placed(open_nodes, kind, start, start - position, opens=awaits_value):
                    return None
                awaits_value = True
        children, position = open_nodes[-1][1].children, line.end()
        if line["key"]:
            children.append(_scalar(line, "key"))
        if line["chomping"] is not None:
            value = _literal(text, line, open_nodes[-1][0])
        elif line["value"]:
            value = _scalar(line, "value") if line["key"] or line["dash"] else None
        elif line["key"] or not line["dash"]:
            continue
        else:
            return None
        if value is None:
            return None
        children.append(value)
        awaits_value = False
        position = max(position, value.end)
    for _, node in open_nodes:
        node.end = position
    return stream.children[0] if position == len(text) and not awaits_value else None


def _is_placed(open_nodes: list[tuple[int, Node]], kind: Kind, start: int, column: int, *, opens: bool) -> bool:
    """Find or open the collection of an item or a key; return False if it has none."""
    outer, node = open_nodes[-1]
    if opens:
        if column < outer or (column == outer and kind == "mapping"):
            return False
        open_nodes.append((column, Node(kind, start, start, children=[])))
        node.children.append(open_nodes[-1][1])
        return True
    while column < outer or (column == outer and kind == "mapping" and node.kind == "sequence"):
        node.end = start
        open_nodes.pop()
        outer, node = open_nodes[-1]
    return column == outer and kind == node.kind


def _scalar(line: re.Match[str], group: str) -> Node:
    source, (start, end) = line[group], line.span(group)
    if source[0] in "\"'":
        return Node("scalar", start, end, source[1:-1], implicit=False, style=source[0])
    return Node("scalar", start, end, source)


def _literal(text: str, line: re.Match[str], column: int) -> Node | None:
    """Return the literal block below a key.

    Returns None unless its first line shows its indentation.
    """
    first = _FIRST_OF_BLOCK.match(text, line.end())
    if first is None or len(first[1]) <= column:
        return None
    behind = re.compile(rf"\n(?!{first[1]}|\n)").search(text, line.end())
    if behind is None or _SPACES_ALONE.match(text, behind.end()):
        return None
    value = text[line.end() - 1 : behind.end()].replace(f"\n{first[1]}", "\n")[1:]
    kept = value.rstrip("\n")
    value = kept + {"": "\n", "-": "", "+": value[len(kept) :]}[line["chomping"]]
    return Node("scalar", line.start("chomping") - 1, behind.end(), value, implicit=False, style="|")


def parse_json(text: str) -> list[Node] | None:
    r"""Return the roots of a stream of JSON objects; None for another text.

    kubectl first tries to read a file that begins with a brace as JSON (``k8s.io/apimachinery`` ``pkg/util/yaml``). JSON
    allows two things that libyaml rejects: line separators inside of strings, and surrogate pairs such as
    ``\ud83d\ude00``. Many programs write characters outside of the basic plane as such pairs. A lone surrogate becomes
    U+FFFD, as in Go's encoding/json.
    """
    position = int(text.startswith(BOM))
    if not _is_json(text, position):
        return None
    roots: list[Node] = []
    open_nodes: list[Node] = []
    piece = re.compile(_JSON_PIECE)
    while match := piece.match(text, position):
        position = match.end()
        if match[1] in ("}", "]"):
            open_nodes.pop().end = position
            continue
        node = _json_node(match[1], match.start(1), position)
        (open_nodes[-1].children if open_nodes else roots).append(node)
        if node.style == "flow":
            open_nodes.append(node)
    return roots or None


def _is_json(text: str, position: int) -> bool:
    try:
        while match := re.compile(_BEFORE_NEXT).match(text, position):
            value, position = _DECODER.raw_decode(text, match.end())
            if not isinstance(value, dict):
                return False
    except (ValueError, RecursionError):  # nothing that Kubernetes reads is nested so deep
        return False
    return True


def _json_node(piece: str, start: int, end: int) -> Node:
    if piece in ("{", "["):
        return Node("mapping" if piece == "{" else "sequence", start, end, style="flow", children=[])
    if not piece.startswith('"'):
        return Node("scalar", start, end, piece)
    value = json.loads(piece) if "\\" in piece else piece[1:-1]
    return Node("scalar", start, end, re.sub(_LONE_SURROGATE, "\ufffd", value), implicit=False, style='"')
