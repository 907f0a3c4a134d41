"""Edits of the outer text: of a string in its place, and of the keys of a mapping.

The string is a literal block, a quoted or a plain scalar. Unchanged lines keep their bytes; the form changes only if
the new text needs it. The mappings are block mappings, flow mappings and JSON objects.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from itertools import accumulate
from typing import Final

from awsauth.core.edit.entry_writer import delimiters
from awsauth.core.goyaml.nodes import Node
from awsauth.core.goyaml.scalars import plain_type
from awsauth.core.manifest import literal_block as block
from awsauth.core.manifest.source import manifest_error
from awsauth.core.text.display import quoted, visible
from awsauth.core.text.lines import ODD_CHARACTERS, Splice, line_end, line_start, newline_of, same_end, same_start
from awsauth.core.text.unified_diff import changed_lines

_ESCAPED_IN_DOUBLE: Final = r"(?s)\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|x..|u....|U........|.)"
_ESCAPED_IN_SINGLE: Final = "''"
_NOT_PLAIN_IN_DOUBLE: Final = "[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
_ONE_LINE: Final = rf"[^\n{ODD_CHARACTERS}]*"


def double_escaped(value: str) -> str:
    """Return `value` escaped for double quotes, in YAML and JSON."""
    escaped = json.dumps(value, ensure_ascii=False)[1:-1]
    return re.sub(_NOT_PLAIN_IN_DOUBLE, lambda match: f"\\u{ord(match.group()):04x}", escaped)


def _single_escaped(value: str) -> str:
    return value.replace("'", "''")


def quoted_scalar(value: str) -> str:
    """Return `value` as a quoted scalar of one line, in single quotes if possible."""
    return f"'{_single_escaped(value)}'" if re.fullmatch(_ONE_LINE, value) else f'"{double_escaped(value)}"'


def edit_scalar(text: str, key: Node, node: Node, wanted: str, *, flow: bool, is_json: bool) -> list[Splice]:
    """Return the splices that change the value `node` of `key` to `wanted`.

    Args:
        text: The outer text.
        key: The key's node.
        node: The value's node, a scalar or an alias.
        wanted: The new inner text.
        flow: Whether the value is in a flow mapping, which has no literal blocks.
        is_json: Whether the outer text is JSON.

    Raises:
        ManifestError: the form of the value cannot be edited alone.
    """
    _check_form(text, key, node, text[node.start : node.end], is_json=is_json)
    if node.style == "|":
        return block.edit_literal(text, key, node, wanted)
    one_line = "\n" not in wanted
    if node.style == '"' and (flow or one_line or "\n" in node.value):
        return _edit_between_quotes(text, node, wanted)
    if node.style == "'" and re.fullmatch(_ONE_LINE, wanted):
        return _edit_between_quotes(text, node, wanted)
    if flow:
        return [_replaced(text, node, f'"{double_escaped(wanted)}"')]
    if one_line:
        return [_replaced(text, node, quoted_scalar(wanted))]
    return _become_literal(text, key, node, wanted)


def to_literal(text: str, key: Node, node: Node) -> list[Splice]:
    """Return the splices that make a value a literal block, if necessary.

    They are necessary if `edit_scalar` refuses its form.

    Raises:
        ManifestError: a literal block cannot hold one of its characters.
    """
    is_shared = node.kind != "scalar" or node.anchor is not None or node.tag
    if is_shared or not node.value or not _form(node, text[node.start : node.end]):
        return []
    return _become_literal(text, key, node, node.value)


def _form(node: Node, raw: str) -> str:
    """Return the form if the file's line breaks are not the text's, or ""."""
    if node.style == ">":
        return "a folded block (`>`)"
    has_more_lines = node.style != "|" and re.search("[\r\n\x85\u2028\u2029]", raw)
    return "a scalar that goes over several lines" if has_more_lines else ""


def _check_form(text: str, key: Node, node: Node, raw: str, *, is_json: bool) -> None:
    if node.kind == "alias" or node.anchor is not None or node.tag:
        form = "an alias" if node.kind == "alias" else "an anchor" if node.anchor is not None else "a tag"
        hint = f"Write the value of {quoted(key.value)} without it, and try again."
        message = f"{quoted(key.value)} is written with {form}, so that an edit may change other values too."
        raise manifest_error(message, text, node.start, hint)
    if not is_json and (form := _form(node, raw)):
        hint = f"Run `awsauth fmt`, which turns {visible(key.value)} into a literal block, or pass --normalize with the change."
        message = f"{quoted(key.value)} is {form}: the line breaks of the file are not those of its text."
        raise manifest_error(message, text, node.start, hint)


def _edit_between_quotes(text: str, node: Node, wanted: str) -> list[Splice]:
    """Return the splices of the characters that differ; other escapes stay."""
    escape, escaped = double_escaped, _ESCAPED_IN_DOUBLE
    if node.style == "'":
        escape, escaped = _single_escaped, _ESCAPED_IN_SINGLE
    value_at, raw_at = [0], [node.start + 1]
    for match in re.compile(escaped).finditer(text, node.start + 1, node.end - 1):
        value_at.append(value_at[-1] + match.start() - raw_at[-1] + 1)
        raw_at.append(match.end())

    def raw_offset(offset: int) -> int:
        known = bisect_right(value_at, offset) - 1
        return raw_at[known] + offset - value_at[known]

    changed = _changed_characters(node.value, wanted)
    return [Splice(raw_offset(start), raw_offset(end), escape(new)) for start, end, new in changed]


def _changed_characters(old: str, new: str) -> list[tuple[int, int, str]]:
    """Return the parts of `old` to replace, as start, end and new text."""
    # Lines, and the parts between two commas: a list in JSON is often a single line.
    old_pieces, new_pieces = (re.findall(r"[^,\n]*(?:[,\n]|\Z)", text) for text in (old, new))
    old_at = list(accumulate(map(len, old_pieces), initial=0))
    changes = []
    for change in changed_lines(old_pieces, new_pieces):
        before = "".join(old_pieces[change.old_start : change.old_end])
        after = "".join(new_pieces[change.new_start : change.new_end])
        same = same_start(before, after)
        tail = same_end(before[same:], after[same:])
        start, end = old_at[change.old_start] + same, old_at[change.old_end] - tail
        changes.append((start, end, after[same : len(after) - tail]))
    return changes


def _replaced(text: str, node: Node, new: str) -> Splice:
    """Return the splice that replaces a scalar.

    After a bare ``mapRoles:`` it begins with a space.
    """
    apart = " " if text[node.start - 1] == ":" and node.start == node.end else ""
    return Splice(node.start, node.end, apart + new)


def _become_literal(text: str, key: Node, node: Node, wanted: str) -> list[Splice]:
    """Return the splices that put a literal block in the scalar's place.

    A comment stays on the line of the header.
    """
    header, body = block.new_literal(text, node.start, wanted, block.column_of(text, key.start))
    if node.style == ">":
        end = block.header_of(text, node)[0]
        return [Splice(node.start, end, header), Splice(line_end(text, end), node.end, body)]
    end = block.place_below(text, line_end(text, node.end), wanted)
    return [_replaced(text, node, header), Splice(end, end, body)]


def insert_key(text: str, mapping: Node, name: str, value: str | None) -> list[Splice]:
    """Return the splices that insert a key behind the last one of a mapping.

    Args:
        text: The outer text.
        mapping: The mapping; it has keys.
        name: The key.
        value: Its value; None for an empty mapping.

    Raises:
        ManifestError: a literal block cannot hold a character.
    """
    if mapping.style != "flow":
        column = block.column_of(text, mapping.children[-2].start)
        position = _end_of_lines(text, mapping.last())
        return [_block_lines(text, position, name, value, column=column, step=_step(text, mapping))]
    key, last = mapping.children[-2:]
    between = text[key.end : last.start]
    colon = between if re.fullmatch(r"[ \t]*:[ \t]*", between) and last.end > last.start else ": "
    spans = [(one.start, other.end) for one, other in mapping.pairs()]
    comma = delimiters(text, (mapping.start + 1, mapping.end - 1), spans, ", " if " " in colon else ",").comma
    return [Splice(last.end, last.end, comma + _pair(name, value, colon, quote=text[key.start] == '"'))]


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
        ManifestError: a literal block cannot hold a character.
    """
    if parent.style == "flow":
        return [_replaced(text, node, _object(text, parent, key, _pair(name, value, quote=is_json), is_json=is_json))]
    start = len(text[: node.start].rstrip(" \t"))
    column = block.column_of(text, key.start) + block.STEP
    added = _block_lines(text, line_end(text, node.end), name, value, column=column, step=block.STEP)
    return [Splice(start, node.end, ""), added] if node.end > node.start else [added]


def remove_key(text: str, mapping: Node, name: str) -> list[Splice]:
    """Return the splices that remove every occurrence of a key from a mapping.

    Its line break or comma goes, too.

    Raises:
        ManifestError: the key does not begin its line.
    """
    pairs = list(mapping.pairs())
    splices = []
    for number, (key, value) in enumerate(pairs):
        if key.value != name:
            continue
        if mapping.style != "flow":
            start, end = line_start(text, key.start), _end_of_lines(text, value.last())
            if text[start : key.start].strip(" "):
                hint = f"Put {quoted(name)} on a line of its own and try again."
                raise manifest_error(f"{quoted(name)} shares its line with other text.", text, key.start, hint)
        else:
            before = pairs[number - 1][1].end if number else None
            behind = pairs[number + 1][0].start if number + 1 < len(pairs) else value.end
            start, end = (before, value.end) if before is not None else (key.start, behind)
        splices.append(Splice(start, end, ""))
    return splices


def _pair(name: str, value: str | None, colon: str = ": ", *, quote: bool) -> str:
    """Return a key and its value, in a flow mapping; None for an empty mapping."""
    written = "{}" if value is None else f'"{double_escaped(value)}"'
    return f"{_key(name, quote=quote)}{colon}{written}"


def _object(text: str, parent: Node, owner: Node, pair: str, *, is_json: bool) -> str:
    """Return a flow mapping with one pair.

    It goes over several lines if the key `owner` in `parent` begins a line.
    """
    indent = text[line_start(text, owner.start) : owner.start]
    if not is_json or indent.strip() or not indent:
        return "{" + pair + "}"
    line = text[line_start(text, parent.start) : line_end(text, parent.start)]
    deeper = indent + indent[len(line) - len(line.lstrip(" \t")) :]
    eol = newline_of(text)
    return "{" + eol + deeper + pair + eol + indent + "}"


def _block_lines(text: str, position: int, name: str, value: str | None, *, column: int, step: int) -> Splice:
    """Return the splice that inserts the lines of a new key.

    They go to `position`, the begin of a line, or further down.
    """
    key, body = " " * column + _key(name), ""
    if value is None:
        written = "{}"
    elif "\n" in value:
        position = block.place_below(text, position, value)
        written, body = block.new_literal(text, position, value, column, step)
    else:
        written = quoted_scalar(value)
    return Splice(position, position, f"{key}: {written}{newline_of(text)}{body}")


def _key(name: str, *, quote: bool = False) -> str:
    plain = not quote and re.fullmatch("[A-Za-z_][-._A-Za-z0-9]*", name) and plain_type(name) == "string"
    return name if plain else f'"{double_escaped(name)}"'


def _step(text: str, mapping: Node) -> int:
    """Return the extra indentation of a mapping's literal blocks, in columns."""
    for key, value in mapping.pairs():
        if value.style == "|" and value.value.strip() and not block.header_of(text, value)[1]:
            first = text[line_end(text, value.start) : value.end].lstrip("\r\n")
            return min(max(len(first) - len(first.lstrip(" ")) - block.column_of(text, key.start), 1), 9)
    return block.STEP


def _end_of_lines(text: str, node: Node) -> int:
    """Return the begin of the line behind a node.

    Blank lines below a block are not part of it, unless they count.
    """
    if node.style == "|":
        lines = text[node.start : node.end].split("\n")
        return node.start + sum(len(line) + 1 for line in lines[: 1 + len(block.inner_lines(node.value))])
    return node.end if node.style == ">" else line_end(text, node.end)
