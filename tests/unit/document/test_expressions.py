"""No expression of the package goes back so often that a text could make it take much longer than its length."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections import defaultdict
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import awsauth
from awsauth.cli import errors
from awsauth.core.access import matching
from awsauth.core.cluster import other_writers
from awsauth.core.desired import records
from awsauth.core.desired.records import OWNER_NAME
from awsauth.core.document import fast_patterns as plain_forms, repairs
from awsauth.core.document.document import Document
from awsauth.core.explain import candidates
from awsauth.core.goyaml import libyaml_nodes as nodes, plain_nodes, scalars
from awsauth.core.lint import arn_problems, context
from awsauth.core.lint.rules import arns, nodes as rules, structure, templates
from awsauth.core.manifest import locate, outer_edits, source
from awsauth.core.text import display, lines
from awsauth.report import formats
from tests.support.backtracking import MOST_STEPS, Program, hostile
from tests.support.steps import steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_METHODS: Final = {"match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
_FOLDER: Final = Path(awsauth.__file__).parent


def _alike(source: str) -> tuple[re.Pattern[str], str]:
    """Return the expression for entries that are written as `source`; it is run from the end of each to the next one."""
    match = plain_forms.block_entry("mapRoles", "").match(source)
    assert match is not None
    return plain_forms.alike("mapRoles", "", match), "match"


_BLOCKS: Final = [
    (plain_forms.block_entry("mapRoles", ""), "match"),
    (plain_forms.block_entry("mapUsers", "  "), "match"),
    (plain_forms.block_entry("mapAccounts", " "), "match"),
]
_JSON: Final = [(plain_forms.json_entry("mapRoles"), "match"), (plain_forms.json_entry("mapAccounts"), "match")]
_ITEMS: Final = (plain_forms.BLOCK_ITEM, plain_forms.FLOW_ITEM)
MADE: Final[dict[str, list[tuple[re.Pattern[str], str]]]] = {
    "cli.errors._safe": [(re.compile(errors._HIDDEN), "sub")],
    "core.document.fast_patterns.block_entry": _BLOCKS,
    "core.document.fast_patterns.json_entry": _JSON,
    "core.document.fast_patterns._compiled": [*_BLOCKS, *_JSON],
    "core.document.fast_patterns._alike": [
        _alike("- rolearn: a\n  username: b\n  groups:\n  - c\n"),
        _alike("-   groups:\n      - c\n    'rolearn': a\n"),
        _alike("- groups: [a]\n  username: b\n  rolearn: a"),
    ],
    "core.document.fast_reader.read_fast": [
        (re.compile(expression), "match") for expression in (plain_forms.EMPTY, plain_forms.OPENING)
    ],
    "core.document.fast_reader._items": [(re.compile(expression), "finditer") for expression in _ITEMS],
    "core.document.fast_reader._texts": [(re.compile(expression), "findall") for expression in _ITEMS],
    "core.text.lines.odd_character": [(re.compile(f"[{lines.ODD_CHARACTERS}]"), "search")],
    "core.goyaml.plain_nodes.parse_json": [(re.compile(plain_nodes._JSON_PIECE), "match")],
    "core.goyaml.plain_nodes._is_json": [(re.compile(plain_nodes._BEFORE_NEXT), "match")],
    "core.goyaml.plain_nodes._json_node": [(re.compile(plain_nodes._LONE_SURROGATE), "sub")],
    "core.goyaml.plain_nodes._literal": [(re.compile(r"\n(?!    |\n)"), "search")],
    "aws.session.regional_host": [(re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)\-\w+\-\d+"), "fullmatch")],
    "core.access.matching.is_canonical": [(re.compile(matching._CANONICAL), "fullmatch")],
    "core.access.matching.placeholders": [(re.compile(matching._IN_ARN), "findall")],
    "core.access.matching.filled": [(re.compile(matching._IN_ARN), "subn")],
    "core.cluster.other_writers.tool_of_manager": [
        (re.compile(form, re.IGNORECASE), "fullmatch") for form, _ in other_writers._MANAGERS
    ],
    "core.desired.records.read_records": [(re.compile(OWNER_NAME), "fullmatch")],
    "core.goyaml.scalars._may_be_plain": [(re.compile(scalars._LIKE_ANOTHER_TYPE), "fullmatch")],
    "core.goyaml.libyaml_nodes.parse_first": [(re.compile(nodes._EMPTY_LIST), "match")],
    "core.goyaml.libyaml_nodes.document": [(re.compile(nodes._QUESTION_AHEAD), "match")],
    "core.goyaml.libyaml_nodes._empty_list": [(re.compile(nodes._ANOTHER_END), "match")],
    "core.goyaml.libyaml_nodes._marked": [
        (re.compile(expression), "search")
        for expression in (nodes._EMPTY_LAST, nodes._BRACKET_FIRST, nodes._LINE_OF_BRACKET)
    ],
    "core.goyaml.libyaml_nodes._forbidden": [(re.compile(nodes._FORBIDDEN), "search")],
    "cli.errors._expressions": [(expression, "sub") for expression in errors._expressions()],
    "core.document.repairs._without_typography": [(re.compile(expression), "sub") for expression in repairs._STRUCTURE],
    "core.lint.context._without_escapes": [
        (re.compile(context._ESCAPED), "search"),
        (re.compile(context._ESCAPED), "sub"),
    ],
    "core.desired.records._read": [(re.compile(records._PRINCIPAL), "match")],
    "core.document.repairs._reads": [(re.compile(repairs._REST), "fullmatch")],
    "core.lint.arn_problems.arn_problem": [(re.compile(arn_problems._WITH_PATH), "fullmatch")],
    "core.lint.arn_problems.bare": [
        (re.compile(expression), "fullmatch") for expression in (arn_problems._WITH_PATH, arn_problems._IN_DISORDER)
    ],
    "core.lint.rules.arns.not_an_arn": [(re.compile(arns._RESOURCE), "match")],
    "core.lint.rules.nodes._callers": [
        (re.compile(expression), "search") for expression in (rules._FOR_NODES, rules._FOR_OTHERS)
    ],
    "core.lint.rules.nodes._is_for_people": [(re.compile(rules._FOR_NODES), "search")],
    "core.lint.rules.nodes.node_kind": [
        (re.compile(expression), "search") for expression in (rules._AUTO_MODE, rules._WINDOWS)
    ],
    "core.lint.rules.nodes.session_node": [
        (re.compile(expression), "search") for expression in (rules._ELSEWHERE, rules._INSTANCES)
    ],
    "core.lint.rules.structure.ignored_rest": [(re.compile(structure._CONTENT), "search")],
    "core.lint.rules.templates.misspelt": [(re.compile(templates._IN_BRACES), "finditer")],
    "core.lint.rules.templates.placeholder": [(re.compile(templates._IN_BRACKETS), "fullmatch")],
    "core.lint.rules.templates.unfilled": [(re.compile(matching.PLACEHOLDER), "findall")],
    "core.manifest.locate._other_text": [(re.compile(expression), "search") for expression, *_ in locate._OTHER_TEXTS],
    "core.manifest.source.template_tool": [(re.compile(expression), "search") for expression, *_ in source._TOOLS],
    "core.manifest.source._blocks": [(re.compile(source._CONTROL), "finditer")],
    "core.manifest.outer_edits._edit_between_quotes": [
        (re.compile(expression), "finditer")
        for expression in (outer_edits._ESCAPED_IN_DOUBLE, outer_edits._ESCAPED_IN_SINGLE)
    ],
    "core.manifest.outer_edits.double_escaped": [(re.compile(outer_edits._NOT_PLAIN_IN_DOUBLE), "sub")],
    "core.manifest.outer_edits.quoted_scalar": [(re.compile(outer_edits._ONE_LINE), "fullmatch")],
    "core.manifest.outer_edits.edit_scalar": [(re.compile(outer_edits._ONE_LINE), "fullmatch")],
    "core.explain.candidates._mention": [(candidates._mention("arn:aws:iam::111122223333:role/a"), "search")],
    "core.text.display.visible": [(re.compile(display._INVISIBLE), "search")],
    "core.text.display.is_visible": [(re.compile(display._INVISIBLE), "match")],
    "report.formats.report_as_csv": [(re.compile(formats._FORMULA), "match")],
    "stores.atomic_write._clear": [(re.compile(re.escape(".aws-auth.yaml.") + r"[0-9a-f]{16}\.tmp"), "fullmatch")],
}
"""The expressions that a function makes of its arguments, and the method that runs them."""


@cache
def _nodes() -> Sequence[tuple[str, Sequence[ast.AST]]]:
    """Return the nodes of each module."""
    return [
        (
            ".".join(path.relative_to(_FOLDER).with_suffix("").parts).removesuffix(".__init__"),
            list(ast.walk(ast.parse(path.read_text(encoding="utf-8")))),
        )
        for path in sorted(_FOLDER.rglob("*.py"))
    ]


def _used() -> dict[str, set[str]]:
    """Return by the name of a constant which methods of it the package calls."""
    used = defaultdict(set)
    for _, found in _nodes():
        for node in found:
            if isinstance(node, ast.Attribute) and node.attr in _METHODS:
                owner = node.value
                name = (
                    owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
                )
                used[name].add(node.attr)
    return used


def _constants() -> Iterator[tuple[str, re.Pattern[Any], str]]:
    used = _used()
    for module in pkgutil.walk_packages(awsauth.__path__, "awsauth."):
        if module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            for expression in _patterns(value):
                for method in sorted(used[name] or {"finditer"}):
                    yield f"{module.name}.{name}", expression, method


def _patterns(value: Any) -> Iterable[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        return [value]
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [found for one in value for found in _patterns(one)]
    return []


def _calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Yield all calls of `re` in functions: in which, of what, and the call."""
    for module, found in _nodes():
        for function in found:
            if isinstance(function, ast.FunctionDef):
                for node in ast.walk(function):
                    match node:
                        case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=method)) if method != "escape":
                            yield f"{module}.{function.name}", method, node


@cache
def _all() -> Sequence[Any]:
    """Return each expression with each method that runs it; those for bytes as the same for text."""
    found: dict[tuple[str, int, str], Any] = {}
    named = [(name, pattern, method) for name, patterns in MADE.items() for pattern, method in patterns]
    literal: list[tuple[str, re.Pattern[Any], str]] = [
        (name, re.compile(call.args[0].value), method)
        for name, method, call in _calls()
        if call.args and isinstance(call.args[0], ast.Constant)
    ]
    for name, expression, method in [*_constants(), *named, *literal]:
        if isinstance(expression.pattern, bytes):
            expression = re.compile(expression.pattern.decode("ascii"), expression.flags | re.ASCII)  # noqa: PLW2901
        key = (expression.pattern, expression.flags, method)
        found.setdefault(key, pytest.param(expression, method, id=f"{name}-{method}"))
    return list(found.values())


def test_every_expression_is_known() -> None:
    """One that is made of a function's arguments has examples here."""
    made = {name for name, _, call in _calls() if call.args and not isinstance(call.args[0], ast.Constant)}
    assert made == MADE.keys()
    assert len(_all()) > 80


@pytest.mark.parametrize(("expression", "method"), _all())
def test_twice_the_text_takes_twice_the_steps(expression: re.Pattern[str], method: str) -> None:
    program = Program(expression)
    for before, pump, after in hostile(expression):
        few, more, most = (program.steps(before + pump * times + after, method)[0] for times in (6, 12, 24))
        assert most < MOST_STEPS, (before, pump, after)
        assert most - more <= 2.6 * (more - few) + 40 or most <= 1.5 * few, (before, pump, after)


@pytest.mark.parametrize(("expression", "method"), _all())
def test_the_steps_are_those_to_the_same_match(expression: re.Pattern[str], method: str) -> None:
    """What is counted finds what the expression itself finds."""
    program = Program(expression)
    for before, pump, after in hostile(expression, tries=5):
        text = before + pump + after
        found = getattr(expression, method if method in ("match", "fullmatch") else "search")(text)
        assert program.steps(text, method)[1] == (found.span() if found else None), text


_ENDS: Final = {
    "no rolearn": "",
    "another spelling": "  roleArn: arn:aws:iam::111122223333:role/ci\n",
    "an empty rolearn": "  rolearn: ''\n",
    "sso": "  sso:\n    permissionSetName: ci\n    accountID: '111122223333'\n",
    "a field more": "  rolearn: arn:aws:iam::111122223333:role/ci\n  team: ci\n",
    "a field that is unknown": "  team: ci\n",
}


@pytest.mark.parametrize("name", _ENDS)
def test_an_entry_that_is_refused_in_the_end_is_read_at_once(name: str) -> None:
    program = Program(plain_forms.block_entry("mapRoles", ""))

    def text(groups: int) -> str:
        lines = "".join(f"    - group-{number}\n" for number in range(groups))
        return f"- username: ci\n  groups:\n{lines}{_ENDS[name]}"

    assert program.steps(text(20), "match")[0] < MOST_STEPS
    readings = [Document({"mapRoles": text(groups)}).reading("mapRoles") for groups in (20, 200, 2_000)]
    assert all(reading.trusted and len(reading.entries) == 1 for reading in readings)
    assert len(readings[2].mapped) == (name in ("another spelling", "sso", "a field more"))
    few, more = (steps(partial(Document({"mapRoles": text(groups)}).reading, "mapRoles")) for groups in (200, 400))
    assert more < few * 3
