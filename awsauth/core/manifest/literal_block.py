"""Literal blocks of the outer text: new ones, and edits by line.

Such a block is ``mapRoles: |`` and its lines.

Source of the rules for indentation and indicators: libyaml ``scanner.c``, which goyaml translates.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Final

from awsauth.core.goyaml.nodes import BOM, Node
from awsauth.core.manifest.source import manifest_error
from awsauth.core.text.display import quoted
from awsauth.core.text.lines import ODD_BREAK, Splice, line_end, line_start, newline_of, odd_character
from awsauth.core.text.unified_diff import changed_lines

STEP: Final = 2  # the extra indentation of a new block, unless a neighbor has another one

_HEADER: Final = re.compile(r"[|>](?:([1-9])([-+]?)|([-+]?)([1-9]?))")
_BLANK_LINES: Final = re.compile(r"(?:[ \t]*\r?\n)*")


def column_of(text: str, offset: int) -> int:
    """Return the column of `offset`, counted from 0; a byte order mark takes none."""
    start = line_start(text, offset)
    return offset - start - text.startswith(BOM, start)


def header_of(text: str, node: Node) -> tuple[int, str, str]:
    """Return the end of a block's header, its indentation and its chomping."""
    match = _HEADER.match(text, node.start)
    if match is None:
        return node.start, "", ""
    return match.end(), match[1] or match[4] or "", match[2] or match[3] or ""


def new_literal(text: str, offset: int, value: str, column: int, step: int = STEP) -> tuple[str, str]:
    """Return the header (without its line break) and the lines of a block.

    Args:
        text: The outer text.
        offset: The place of the block, for the error.
        value: The inner text, not empty.
        column: The column of the key, counted from 0.
        step: The extra indentation of the lines below the key, in columns.

    Raises:
        ManifestError: the value holds a character that cannot be in a literal block.
    """
    lines = inner_lines(value)
    _check_characters(text, offset, value)
    digit = str(step) if _needs_indicator(lines) else ""
    return f"|{digit}{_chomping(value)}", _indented(lines, column + step, newline_of(text))


def place_below(text: str, position: int, value: str) -> int:
    """Return the first place for a new block with `value`.

    It is not above blank lines that the block would keep.
    """
    if _chomping(value) != "+":
        return position
    match = _BLANK_LINES.match(text, position)
    return match.end() if match else position


def edit_literal(text: str, key: Node, node: Node, wanted: str) -> list[Splice]:
    """Return the splices that change a literal block to `wanted`.

    `node` is the block of `key`. Other lines stay.

    Raises:
        ManifestError: a literal block cannot hold a line break or character.
    """
    _check_breaks(text, key, node)
    header_end, digit, _ = header_of(text, node)
    lines, new_lines = inner_lines(node.value), inner_lines(wanted)
    start, column = line_end(text, header_end), column_of(text, key.start)
    raw_lines = text[start : node.end].split("\n", len(lines))[: len(lines)]
    # The offset of each line in the text, and of the blank lines below the block.
    starts = list(accumulate((len(raw) + 1 for raw in raw_lines), initial=start))
    depths = (len(raw.removesuffix("\r")) - len(line) for raw, line in zip(raw_lines, lines, strict=True) if line)
    indent = next(depths, column + int(digit or STEP))
    splices = []
    for change in changed_lines(lines, new_lines):
        added = new_lines[change.new_start : change.new_end]
        _check_characters(text, node.start, "".join(added))
        eol = "\r\n" if text.endswith("\r\n", 0, starts[min(change.old_start + 1, change.old_end)]) else "\n"
        splices.append(Splice(starts[change.old_start], starts[change.old_end], _indented(added, indent, eol)))
    splices = _header_splices(text, node, wanted, indent - column) + splices
    # Blank lines below the block would become part of its text.
    blank = text[starts[-1] : node.end]
    counts = _chomping(wanted) == "+" or (not lines and blank.strip("\r\n"))
    return [*splices, Splice(starts[-1], node.end, "")] if wanted and counts and blank else splices


def _header_splices(text: str, node: Node, wanted: str, depth: int) -> list[Splice]:
    """Return the splices in the header, mostly none.

    The lines of the block are `depth` columns deeper than its key.
    """
    header_end, digit, chomp = header_of(text, node)
    if not wanted:
        return [Splice(node.start, header_end, '""')]
    new_digit = digit
    new_chomp = _chomping(wanted) or ("+" if chomp == "+" else "")
    if not digit and _needs_indicator(inner_lines(wanted)):
        new_digit = str(depth)
        if new_digit not in "123456789":
            message = "The new text begins with a space, and the block is too deep below its key for that."
            raise manifest_error(message, text, node.start, "Indent the block by 1 to 9 columns and try again.")
    if (new_digit, new_chomp) == (digit, chomp):
        return []
    return [Splice(node.start, header_end, f"|{new_digit}{new_chomp}")]


def inner_lines(value: str) -> list[str]:
    """Return the lines of an inner text, without line breaks."""
    return value.removesuffix("\n").split("\n") if value else []


def _indented(lines: list[str], indent: int, eol: str) -> str:
    return "".join([(" " * indent + line if line else "") + eol for line in lines])


def _chomping(value: str) -> str:
    """Return the chomping indicator for the end of `value`."""
    if not value.endswith("\n"):
        return "-"
    return "+" if value.endswith("\n\n") or value == "\n" else ""


def _needs_indicator(lines: list[str]) -> bool:
    """Whether the first line that is not blank does not show the indentation."""
    first = next((number for number, line in enumerate(lines) if line.strip(" ")), len(lines) - 1)
    return any(line.startswith((" ", "\t")) for line in lines[: first + 1])


def _check_breaks(text: str, key: Node, node: Node) -> None:
    """Refuse YAML's line breaks other than LF and CRLF."""
    raw = text[node.start : node.end]
    if raw.count("\r") == raw.count("\r\n") and not any(odd in raw for odd in "\x85\u2028\u2029"):
        return  # faster than the expression
    if odd := ODD_BREAK.search(text, node.start, node.end):
        message = f"{quoted(key.value)} has an unusual line break ({quoted(odd.group())})."
        raise manifest_error(message, text, odd.start(), "Replace it with an ordinary line break and try again.")


def _check_characters(text: str, offset: int, value: str) -> None:
    if match := odd_character(value):
        message = f"The new text holds {quoted(match.group())}, which a literal block cannot hold."
        raise manifest_error(message, text, offset, "Remove the character, or escape it in double quotes.")
