"""Insert keys into mappings of the outer text, and remove them.

The mappings are block mappings, flow mappings and JSON objects.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from awsauth.core.goyaml.scalars import plain_type
from awsauth.core.manifest.literal_block import STEP, column_of, header_of, inner_lines, new_literal, place_below
from awsauth.core.manifest.scalar_edits import double_escaped, quoted_scalar
from awsauth.core.manifest.source import check_lines, check_spans, manifest_error
from awsauth.core.text.display import quoted
from awsauth.core.text.lines import Splice, line_end, line_start, newline_of

if TYPE_CHECKING:
    from awsauth.core.goyaml.nodes import Node

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][-._A-Za-z0-9]*")


def insert_key(text: str, mapping: Node, path: list[str], value: str, *, is_json: bool) -> list[Splice]:
    """Return the splices that insert a key behind the last one of a mapping.

    Args:
        text: The outer text.
        mapping: The mapping; it has keys.
        path: The key; or the key of a new mapping, and the key in it.
        value: The value of the key.
        is_json: Whether the outer text is JSON.

    Raises:
        ManifestError: a splice touches a template, or a literal block cannot hold a character.
    """
    if mapping.style == "flow":
        return _insert_flow(text, mapping, path, value, is_json=is_json)
    column = column_of(text, mapping.children[-2].start)
    position = _end_of_lines(text, _last_scalar(mapping))
    return [_block_lines(text, position, path, value, column=column, step=_step(text, mapping))]


def fill_empty(text: str, parent: Node, key: Node, node: Node, *, name: str, value: str, is_json: bool) -> list[Splice]:
    """Return the splices that insert a key into an empty mapping or null.

    Args:
        text: The outer text.
        parent: The mapping around it.
        key: Its key there.
        node: The empty mapping or null.
        name: The new key.
        value: The value of the new key.
        is_json: Whether the outer text is JSON.

    Raises:
        ManifestError: a splice touches a template, or a literal block cannot hold a character.
    """
    if parent.style == "flow":
        apart = "" if is_json or text[node.start - 1].isspace() else " "
        new = _object(text, parent, key, name=name, value=value, is_json=is_json)
        return [Splice(node.start, node.end, apart + new)]
    start = len(text[: node.start].rstrip(" \t"))
    column = column_of(text, key.start) + STEP
    block = _block_lines(text, line_end(text, node.end), [name], value, column=column, step=STEP)
    return [Splice(start, node.end, ""), block] if node.end > node.start else [block]


def remove_key(text: str, mapping: Node, name: str) -> list[Splice]:
    """Return the splices that remove every occurrence of a key from a mapping.

    Its line break or comma goes, too.

    Raises:
        ManifestError: the key does not begin its line, or a splice touches a template.
    """
    pairs = list(mapping.pairs())
    splices = []
    for number, (key, value) in enumerate(pairs):
        if key.value != name:
            continue
        if mapping.style != "flow":
            start, end = line_start(text, key.start), _end_of_lines(text, _last_scalar(value))
            if text[start : key.start].strip(" "):
                hint = f"Put {quoted(name)} on a line of its own and try again."
                raise manifest_error(f"{quoted(name)} shares its line with other text.", text, key.start, hint)
        else:
            before = pairs[number - 1][1].end if number else None
            behind = pairs[number + 1][0].start if number + 1 < len(pairs) else value.end
            start, end = (before, value.end) if before is not None else (key.start, behind)
        splices.append(Splice(start, end, ""))
    if mapping.style == "flow":
        check_spans(text, splices, (mapping.start, mapping.end))
    else:
        check_lines(text, splices)
    return splices


def _insert_flow(text: str, mapping: Node, path: list[str], value: str, *, is_json: bool) -> list[Splice]:
    key, last = mapping.children[-2:]
    before = key.start
    while text[before - 1].isspace():
        before -= 1
    apart = text[before : key.start] if text[before - 1] in "{," else " "
    if not apart and len(mapping.children) == 2:
        apart = " " if text[key.end : last.start].endswith(" ") else ""
    if len(path) == 1:
        new = f'"{double_escaped(value)}"'
    else:
        new = _object(text, mapping, key, name=path[1], value=value, is_json=is_json)
    pair = _key(path[0], quote=text[key.start] == '"') + _colon(text, key, last) + new
    splices = [Splice(last.end, last.end, f",{apart}{pair}")]
    check_spans(text, splices, (mapping.start, mapping.end))
    return splices


def _colon(text: str, key: Node, value: Node) -> str:
    between = text[key.end : value.start]
    return between if re.fullmatch(r"[ \t]*:[ \t]*", between) and value.end > value.start else ": "


def _object(text: str, parent: Node, owner: Node, *, name: str, value: str, is_json: bool) -> str:
    """Return a flow mapping with one key.

    It goes over several lines if the key `owner` in `parent` begins a line.
    """
    pair = f'{_key(name, quote=is_json)}: "{double_escaped(value)}"'
    indent = text[line_start(text, owner.start) : owner.start]
    if not is_json or indent.strip() or not indent:
        return "{" + pair + "}"
    line = text[line_start(text, parent.start) : line_end(text, parent.start)]
    deeper = indent + indent[len(line) - len(line.lstrip(" \t")) :]
    eol = newline_of(text)
    return "{" + eol + deeper + pair + eol + indent + "}"


def _block_lines(text: str, position: int, path: list[str], value: str, *, column: int, step: int) -> Splice:
    """Return the splice that inserts the lines of a new key.

    They go to `position`, the begin of a line, or further down.
    """
    position = place_below(text, position, value)
    eol = newline_of(text)
    lines = []
    for owner in path[:-1]:
        lines.append(" " * column + _key(owner) + ":")
        column += STEP
    name = " " * column + _key(path[-1]) + ": "
    if "\n" in value:
        header, body = new_literal(text, position, value, column, step)
        lines += [name + header, *body]
    else:
        lines.append(name + quoted_scalar(value))
    splice = Splice(position, position, "".join(line + eol for line in lines))
    check_lines(text, [splice])
    return splice


def _key(name: str, *, quote: bool = False) -> str:
    plain = not quote and _PLAIN_KEY.fullmatch(name) is not None and plain_type(name) == "string"
    return name if plain else f'"{double_escaped(name)}"'


def _step(text: str, mapping: Node) -> int:
    """Return the extra indentation of a mapping's literal blocks, in columns."""
    for key, value in mapping.pairs():
        if value.style == "|" and value.value.strip() and not header_of(text, value)[1]:
            first = text[line_end(text, value.start) : value.end].lstrip("\r\n")
            return min(max(len(first) - len(first.lstrip(" ")) - column_of(text, key.start), 1), 9)
    return STEP


def _last_scalar(node: Node) -> Node:
    """Return the last scalar or flow collection of a node."""
    while node.children and node.style != "flow":
        node = node.children[-1]
    return node


def _end_of_lines(text: str, node: Node) -> int:
    """Return the begin of the line behind a node.

    Blank lines below a block are not part of it, unless they count.
    """
    if node.style == "|":
        lines = text[node.start : node.end].split("\n")
        return node.start + sum(len(line) + 1 for line in lines[: 1 + len(inner_lines(node.value))])
    return node.end if node.style == ">" else line_end(text, node.end)
