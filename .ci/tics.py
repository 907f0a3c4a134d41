"""Count what makes this project's English hard to read, and fail above the budget.

python .ci/tics.py            prints the counts of each part
python .ci/tics.py --list     also prints each match with its place

CONTRIBUTING.md has the rules. A tic is a word or clause that hides who does what. Python's `is None` is not one. A sentence has at
most 20 words, where code counts as one, and the summary of a docstring at most 80 characters. In a page, the parts that are made
from the code and the output of commands do not count: their words are the package's.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BUDGET = 0
"""At most so many matches in all. A budget only goes down."""
MOST_WORDS = 20
LONGEST_SUMMARY = 80

TIC = re.compile(
    r"\b(whoever|whatever|somebody|nobody|is no [a-z]|(?-i:is none)|there is none|comes of"
    r"|what (?:is|it|there|they|that|came|comes|goes|stands)\b|by which|of which|likewise)\b",
    re.IGNORECASE,
)
GENERATED = re.compile(r"^<!-- (.+): made .+ -->$.*?^<!-- end of \1 -->$", re.MULTILINE | re.DOTALL)
OUTPUT = re.compile(r"^(?!\$ |```).*\n", re.MULTILINE)
PRINTED = re.compile(r"(?<=^```\n\n)```text\n.*?^```$", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n.*?^```$", re.MULTILINE | re.DOTALL)
NO_PROSE = re.compile(r"^```.*?^```$|^(?:\||#|!!!).*?$|::\n(?:\n| {4}.*\n)*|Fires::.*", re.MULTILINE | re.DOTALL)
BREAK = re.compile(r"\n\s*\n|\n\s*(?:[-*]|\d+\.|[\w*`., ]+:) ")
PROJECT = Path(__file__).parents[1]


def _written_by_hand(text: str) -> str:
    return CONSOLE.sub(lambda block: OUTPUT.sub("", block[0]), PRINTED.sub("", GENERATED.sub("", text)))


def _tics(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        yield from ((number, match[0]) for match in TIC.finditer(line))


def _long_sentences(text: str) -> Iterator[str]:
    """Yield the sentences that are too long, without tables, headings, code and links' addresses."""
    prose = re.sub(r"\]\([^)]*\)", "]", re.sub(r"`+[^`]*`+", "X", NO_PROSE.sub("\n\n", text)))
    for paragraph in BREAK.split(prose):
        for sentence in re.split(r"(?<=[.?!:;])\**\s+", " ".join(paragraph.split())):
            if len(sentence.split()) > MOST_WORDS:
                yield sentence


def _docstrings(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the line, the text and the summary of each docstring. A constant's summary is the first sentence."""
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        for one in body if isinstance(body, list) else ():
            if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str):
                docstring = one.value.value.strip()
                yield one.lineno, docstring, re.split("\n" if one is body[0] else r"(?<=[.:;])\s", docstring)[0]


def _matches_of_page(text: str) -> Iterator[tuple[int, str]]:
    yield from _tics(text)
    yield from ((1, sentence) for sentence in _long_sentences(text))


def _matches_of_module(text: str) -> Iterator[tuple[int, str]]:
    yield from _tics(text)
    for number, docstring, summary in _docstrings(text):
        if len(summary) > LONGEST_SUMMARY:
            yield number, summary
        yield from ((number, sentence) for sentence in _long_sentences(docstring))


def main() -> int:
    """Print the count of each part; return 1 if one is above the budget."""
    modules = sorted((PROJECT / "awsauth").rglob("*.py"))
    pages = [*sorted(PROJECT.glob("*.md")), *sorted((PROJECT / "docs").rglob("*.md"))]
    failed = False
    for part, files, matches in (
        ("package", modules, _matches_of_module),
        ("README and docs", pages, _matches_of_page),
    ):
        found = [
            (file.relative_to(PROJECT), number, match)
            for file in files
            for number, match in matches(_written_by_hand(file.read_text(encoding="utf-8")))
        ]
        failed |= len(found) > BUDGET
        print(f"{part}: {len(found)} (budget {BUDGET})")
        if "--list" in sys.argv[1:] or failed:
            print(*(f"    {name}:{number}: {match}" for name, number, match in found), sep="\n")
    return failed


if __name__ == "__main__":
    sys.exit(main())
