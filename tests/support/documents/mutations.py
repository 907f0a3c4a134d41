"""Breaks texts as hands, editors, templates and bad luck do, and as only a fuzzer would."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

_COMMON: Final = (
    ": ", ":", "- ", "-", "? ", "?", "#", " #", "&a ", "*a", "*a ", "!", "!!str ", "!!int ", "!x ", "|", ">", "|2", "|-",
    ">+", "'", '"', "''", '""', "%", "@", "`", "[", "]", "{", "}", ",", "[a]", "{a: b}", "{{a}}", "- - ", "- ? ", "<<: ",
    "\t", " ", "  ", "\n", "\n\n", "\r\n", "\n---\n", "\n...\n", "---", "--- ", "...", "\\", "\\n", "\\\n", "~", "null",
    "yes", "No", "012", "0x1", "1.5", "é", "\u0085", "\u2028", "\u00a0",
)  # fmt: skip
_RARE: Final = (
    "|0", "!<x> ", "[]", "{}", "[a:b]", "{a:}", "[?a]", "[a?]", "[,]", "<<", "<<: *a\n", "\r", "%YAML 1.1\n---\n",
    "%YAML 1.2\n---\n", "%TAG ! x\n---\n", '"\\x41"', '"\\u00e9"', '"\\/"', "1_0", ".inf", "1e3", "!!binary ", "\u2029",
    "\ufeff", "\u200b", "\u017f", "\u212a", "\U0001f600", "\0", "\x01", "\x0b", "\x0c", "\x1b", "\x7f", "\x80", "\ufffe",
)  # fmt: skip
_SNIPPETS: Final = _COMMON * 10 + _RARE
_LINES: Final = (
    "\n", "  \n", "\t\n", "# c\n", "   # c\n", "---\n", "...\n", "- \n", "-\n", "?\n", ": a\n", "- - b\n", "  ? k\n",
    "%X\n", "  username: twice\n", "  groups: []\n", "- rolearn: x\n", "rolearn: x\n", "groups:\n", "<<: *a\n", "}\n",
)  # fmt: skip
_INDICATOR: Final = re.compile(r"[-:\[\]{},\"'#&*!|>?]")
_GAP: Final = re.compile(r"[: \n] ?")


def mutated(random: Random, texts: Sequence[str]) -> str:
    """Return one of the texts with one to eight things done to it."""
    text = random.choice(texts)
    if len(text) > 300 and random.random() < 0.3:  # a few lines of a long one: what breaks is read further
        lines = text.splitlines(keepends=True)
        start = random.randrange(len(lines))
        text = "".join(lines[start : start + random.randrange(1, 12)])
    for _ in range(random.choice((1, 1, 1, 1, 2, 2, 3, 8))):
        text = random.choice(_MUTATIONS)(random, text, texts)
    return text


def _delete(random: Random, text: str, _: Sequence[str]) -> str:
    start = random.randrange(len(text) + 1)
    return text[:start] + text[start + random.choice((1, 1, 1, 2, 5)) :]


def _duplicate(random: Random, text: str, _: Sequence[str]) -> str:
    start = random.randrange(len(text) + 1)
    return text[: start + random.choice((1, 1, 2, 5))] + text[start:]


def _swap(random: Random, text: str, _: Sequence[str]) -> str:
    start = random.randrange(len(text) + 1)
    return text[:start] + text[start + 1 : start + 2] + text[start : start + 1] + text[start + 2 :]


def _insert(random: Random, text: str, _: Sequence[str]) -> str:
    start = random.randrange(len(text) + 1)
    return text[:start] + random.choice(_SNIPPETS) + text[start:]


def _replace_indicator(random: Random, text: str, _: Sequence[str]) -> str:
    found = [match.span() for match in _INDICATOR.finditer(text)]
    if not found:
        return text
    start, end = random.choice(found)
    return text[:start] + random.choice(_SNIPPETS) + text[end:]


def _insert_in_gap(random: Random, text: str, _: Sequence[str]) -> str:
    ends = [match.end() for match in _GAP.finditer(text)] or [0]
    start = random.choice(ends)
    return text[:start] + random.choice(_SNIPPETS) + text[start:]


def _delete_line(random: Random, text: str, _: Sequence[str]) -> str:
    lines = text.splitlines(keepends=True) or [""]
    del lines[random.randrange(len(lines))]
    return "".join(lines)


def _insert_line(random: Random, text: str, _: Sequence[str]) -> str:
    lines = text.splitlines(keepends=True)
    lines.insert(random.randrange(len(lines) + 1), random.choice((*_LINES, *lines)))
    return "".join(lines)


def _swap_lines(random: Random, text: str, _: Sequence[str]) -> str:
    lines = text.splitlines(keepends=True) or [""]
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return "".join(lines)


def _indent(random: Random, text: str, _: Sequence[str]) -> str:
    lines = text.splitlines(keepends=True) or [""]
    index = random.randrange(len(lines))
    by = random.choice((1, 1, 2, 2, 4))
    lines[index] = " " * by + lines[index] if random.random() < 0.5 else lines[index][by:]
    return "".join(lines)


def _splice(random: Random, text: str, texts: Sequence[str]) -> str:
    other = random.choice(texts)
    start = random.randrange(len(text) + 1)
    other = other.lstrip("\ufeff")
    taken = other[random.randrange(len(other) + 1) :][: random.choice((5, 50, 10_000))]
    return text[:start] + taken + (text[start:] if random.random() < 0.5 else "")


def _cut(random: Random, text: str, _: Sequence[str]) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] if random.random() < 0.5 else text[at:]


def _whole(random: Random, text: str, _: Sequence[str]) -> str:
    return random.choice(
        (
            text.replace("\n", "\r\n"),
            text.rstrip("\n"),
            "\ufeff" + text.lstrip("\ufeff"),
            "---\n" + text,
            "--- " + text,
            "\n" + text,
        )
    )


_MUTATIONS: Final[tuple[Callable[[Random, str, Sequence[str]], str], ...]] = (
    _delete, _duplicate, _swap, _insert, _insert, _replace_indicator, _insert_in_gap, _insert_in_gap, _delete_line,
    _insert_line, _swap_lines, _indent, _splice, _cut, _whole,
)  # fmt: skip
