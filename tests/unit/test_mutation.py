"""The mutations that judge the tests are what they should be: each changes what runs, and nothing else."""

from __future__ import annotations

import ast
import sys
import textwrap
from importlib import import_module
from typing import TYPE_CHECKING

from tests.mutation.mutants import install, mutations

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SOURCE = textwrap.dedent(
    '''
    """Text."""
    from typing import TYPE_CHECKING
    if TYPE_CHECKING:
        HIDDEN = 1 < 2
    def lowest(numbers: list[1], *, is_strict: bool = True) -> Literal[1]:
        for number in numbers:
            if number == 0 and not is_strict:
                break
        total = 0
        total += 2
        print(total)
        return min(n for n in numbers if n in numbers)
    '''
)


def test_what_runs_is_mutated_and_nothing_else() -> None:
    assert sorted((one.line, one.description) for one in mutations(ast.parse(SOURCE))) == sorted(
        [
            (6, "True becomes False"),
            (8, "number == 0 and (not is_strict) becomes not (number == 0 and (not is_strict))"),
            (8, "And becomes Or"),
            (8, "Eq becomes NotEq"),
            (8, "0 becomes 1"),
            (8, "is_strict becomes not is_strict"),
            (9, "break becomes continue"),
            (10, "0 becomes 1"),
            (11, "total += 2 becomes pass"),
            (11, "Add becomes Sub"),
            (11, "2 becomes 3"),
            (12, "print(total) becomes pass"),
            (13, "min((n for n in numbers if n in numbers)) becomes None"),
            (13, "min becomes max"),
            (13, "without the filter n in numbers"),
            (13, "In becomes NotIn"),
        ]
    )


def test_each_mutation_is_one_of_its_own() -> None:
    made = set()
    for number in range(len(mutations(ast.parse(SOURCE)))):
        tree = ast.parse(SOURCE)
        mutations(tree)[number].apply()
        made.add(ast.unparse(ast.fix_missing_locations(tree)))
    assert len(made - {ast.unparse(ast.parse(SOURCE))}) == len(mutations(ast.parse(SOURCE)))


def test_a_module_runs_the_mutated_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mutated_example.py").write_text("answer = 41", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", sys.meta_path.copy())
    install("mutated_example", ast.parse("answer = 42"))
    assert import_module("mutated_example").answer == 42
