"""Count the tics of this project's English, and fail above the budget.

python .ci/tics.py            prints matches per 1,000 lines of each part
python .ci/tics.py --list     also prints each match with its place

A tic is a word or clause that hides who does what. CONTRIBUTING.md has the rules. Python's `is None` is not one. In a page, the
parts that are made from the code and the output of commands do not count: their words are the package's.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

BUDGET = {"package": 1.0, "README and docs": 0.5}
"""At most so many matches per 1,000 lines. A budget only goes down."""

TIC = re.compile(
    r"\b(whoever|whatever|somebody|nobody|is no [a-z]|(?-i:is none)|there is none|comes of"
    r"|what (?:is|it|there|they|that|came|comes|goes|stands)\b|by which|of which|likewise)\b",
    re.IGNORECASE,
)
GENERATED = re.compile(r"^<!-- (.+): made .+ -->$.*?^<!-- end of \1 -->$", re.MULTILINE | re.DOTALL)
OUTPUT = re.compile(r"^(?!\$ |```).*\n", re.MULTILINE)
PRINTED = re.compile(r"(?<=^```\n\n)```text\n.*?^```$", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n.*?^```$", re.MULTILINE | re.DOTALL)
PROJECT = Path(__file__).parents[1]


def texts(part: str) -> dict[str, str]:
    """Return the files of a part with the text that counts."""
    if part == "package":
        files = sorted((PROJECT / "awsauth").rglob("*.py"))
    else:
        files = [*sorted(PROJECT.glob("*.md")), *sorted((PROJECT / "docs").rglob("*.md"))]
    return {str(file.relative_to(PROJECT)): _written_by_hand(file.read_text(encoding="utf-8")) for file in files}


def _written_by_hand(text: str) -> str:
    return CONSOLE.sub(lambda block: OUTPUT.sub("", block[0]), PRINTED.sub("", GENERATED.sub("", text)))


def main() -> int:
    """Print the count of each part; return 1 if one is above its budget."""
    failed = False
    for part, budget in BUDGET.items():
        found = [
            (name, number, match[0])
            for name, text in texts(part).items()
            for number, line in enumerate(text.splitlines(), 1)
            for match in TIC.finditer(line)
        ]
        lines = sum(len(text.splitlines()) for text in texts(part).values())
        rate = 1000 * len(found) / lines
        failed |= rate > budget
        print(f"{part}: {len(found)} in {lines} lines, {rate:.1f} per 1,000 (budget {budget})")
        if "--list" in sys.argv[1:] or rate > budget:
            print(*(f"    {name}:{number}: {word}" for name, number, word in found), sep="\n")
    return failed


if __name__ == "__main__":
    sys.exit(main())
