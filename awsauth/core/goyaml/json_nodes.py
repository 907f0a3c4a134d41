r"""The node tree of a JSON text, in the same nodes as YAML's.

kubectl first tries to read a file that begins with a brace as JSON (``k8s.io/apimachinery`` ``pkg/util/yaml``). JSON
allows two things that libyaml rejects: line separators inside of strings, and surrogate pairs such as ``\ud83d\ude00``.
Many programs write characters outside of the basic plane as such pairs.
"""

from __future__ import annotations

import json
import re
from typing import Final

from awsauth.core.goyaml.nodes import BOM, Node

_BEFORE_NEXT: Final = re.compile(r"[ \t\r\n]*(?=[^ \t\r\n])")
_TOKEN: Final = re.compile(r'[ \t\r\n,:]*([{}\[\]]|"[^"\\]*(?:\\.[^"\\]*)*"|[-+.\w]+)')
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def parse_json(text: str) -> list[Node] | None:
    """Return the roots of a stream of JSON objects; None for another text.

    A lone surrogate becomes U+FFFD, as in Go's encoding/json.
    """
    position = int(text.startswith(BOM))
    if not _is_stream(text, position):
        return None
    roots: list[Node] = []
    open_nodes: list[Node] = []
    while match := _TOKEN.match(text, position):
        position = match.end()
        if match[1] in ("}", "]"):
            open_nodes.pop().end = position
            continue
        node = _node(match[1], match.start(1), position)
        (open_nodes[-1].children if open_nodes else roots).append(node)
        if node.style == "flow":
            open_nodes.append(node)
    return roots or None


_DECODER: Final = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=int)  # NaN and Infinity are not JSON


def _is_stream(text: str, position: int) -> bool:
    try:
        while match := _BEFORE_NEXT.match(text, position):
            value, position = _DECODER.raw_decode(text, match.end())
            if not isinstance(value, dict):
                return False
    except (ValueError, RecursionError):  # nothing that Kubernetes reads is nested so deep
        return False
    return True


def _node(piece: str, start: int, end: int) -> Node:
    if piece in ("{", "["):
        return Node("mapping" if piece == "{" else "sequence", start, end, style="flow", children=[])
    if not piece.startswith('"'):
        return Node("scalar", start, end, piece)
    value = json.loads(piece) if "\\" in piece else piece[1:-1]
    return Node("scalar", start, end, _LONE_SURROGATE.sub("\ufffd", value), implicit=False, style='"')
