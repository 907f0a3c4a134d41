r"""The node tree of a JSON text, in the same nodes as YAML's.

kubectl takes a file that begins with a brace for JSON first (``k8s.io/apimachinery`` ``pkg/util/yaml``), and JSON
has two things that libyaml rejects: surrogate pairs as ``\ud83d\ude00``, which many JSON writers make of anything
outside the basic plane, and line separators inside of strings.
"""

from __future__ import annotations

import json
import re
from typing import Final

from awsauth.core.goyaml.nodes import BOM, Node

_SPACE: Final = " \t\r\n"
_TOKEN: Final = re.compile(
    r"""[ \t\r\n]*(?:
        [{}\[\]:,]
      | (?P<string>"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*")
      | (?P<word>true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)
    )""",
    re.VERBOSE,
)
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def parse_json(text: str) -> list[Node] | None:
    """Return the roots of a stream of JSON objects, or None where the text is something else.

    A lone surrogate becomes U+FFFD, as Go's encoding/json has it.
    """
    position = 1 if text.startswith(BOM) else 0
    if not text[position:].lstrip(_SPACE).startswith("{"):
        return None
    builder = _Builder()
    while match := _TOKEN.match(text, position):
        position = match.end()
        if not builder.take(match):
            return None
    return builder.roots if not builder.open_nodes and not text[position:].strip(_SPACE) else None


class _Builder:
    """Makes nodes of tokens, without recursion: the depth of a text is its author's choice."""

    def __init__(self) -> None:
        self.roots: list[Node] = []
        self.open_nodes: list[Node] = []
        self._awaiting = "value"
        """``value``, ``key``, ``colon``, ``comma`` (or the end), or ``first`` (or the end at once)."""

    def take(self, match: re.Match[str]) -> bool:
        """Take one token; False where JSON does not allow it."""
        piece = match.group().lstrip(_SPACE)
        if piece == ":":
            return self._move("colon", "value")
        if piece == ",":
            return self._move("comma", "key" if self._in_mapping() else "value")
        if piece in ("}", "]"):
            return self._close("mapping" if piece == "}" else "sequence", match.end())
        return self._add(piece, match)

    def _in_mapping(self) -> bool:
        return bool(self.open_nodes) and self.open_nodes[-1].kind == "mapping"

    def _move(self, before: str, after: str) -> bool:
        allowed = self._awaiting == before
        self._awaiting = after
        return allowed

    def _close(self, kind: str, end: int) -> bool:
        if not self.open_nodes or self.open_nodes[-1].kind != kind or self._awaiting not in ("comma", "first"):
            return False
        self.open_nodes.pop().end = end
        self._awaiting = "comma" if self.open_nodes else "value"
        return True

    def _add(self, piece: str, match: re.Match[str]) -> bool:
        is_key = self._in_mapping() and self._awaiting in ("first", "key")
        if self._awaiting in ("colon", "comma") or (is_key and match["string"] is None):
            return False
        node = _node(piece, match)
        (self.open_nodes[-1].children if self.open_nodes else self.roots).append(node)
        if node.style == "flow":
            self.open_nodes.append(node)
            self._awaiting = "first"
        else:
            self._awaiting = "colon" if is_key else "comma" if self.open_nodes else "value"
        return True


def _node(piece: str, match: re.Match[str]) -> Node:
    end = match.end()
    start = end - len(piece)
    if match["string"] is not None:
        value = json.loads(piece) if "\\" in piece else piece[1:-1]
        return Node("scalar", start, end, _LONE_SURROGATE.sub("\ufffd", value), implicit=False, style='"')
    if match["word"] is not None:
        return Node("scalar", start, end, piece)
    return Node("mapping" if piece == "{" else "sequence", start, end, style="flow")
