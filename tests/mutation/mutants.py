"""Single mutations of a module: one operator, constant, condition or statement is another one."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_OPERATORS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_FUNCTIONS: Final = {"any": "all", "all": "any", "min": "max", "max": "min", "sorted": "list"}
_DISPLAY: Final = ("listed", "quoted", "quoted_value")
_ANNOTATIONS: Final = ("annotation", "returns", "type_params", "type_comment")


class Mutation(NamedTuple):
    """One mutation; `apply` makes it in the tree that it was found in."""

    line: int
    description: str
    apply: Callable[[], None]


def mutations(tree: ast.AST) -> list[Mutation]:
    """Return every mutation of a tree; the same source always gives the same list."""
    return [mutation for node in _running(tree) for mutation in _of_node(node)]


def install(module: str, tree: ast.Module) -> None:
    """Have a module that is not imported yet run a tree in place of its source."""
    sys.meta_path.insert(0, _Finder(module, tree))


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run: no annotations, nothing for type checkers alone, and not how much of a text is shown."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in _ANNOTATIONS:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_for_type_checkers(child) and not _is_shown(node, child):
                yield from _running(child)


def _is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _is_shown(node: ast.AST, child: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in _DISPLAY:
            return isinstance(child, ast.Constant)
    return False


def _of_node(node: ast.AST) -> Iterator[Mutation]:
    yield from _of_condition(node)
    yield from _of_value(node)
    for field in ("body", "orelse", "finalbody"):
        statements = getattr(node, field, None)
        if isinstance(statements, list):
            yield from _of_statements(statements)


def _of_condition(node: ast.AST) -> Iterator[Mutation]:
    match node:
        case ast.Compare(ops=operators):
            for number, operator in enumerate(operators):
                yield _replaced(node.lineno, operators, number, _COMPARISONS[type(operator)]())
        case ast.BoolOp(op=operator):
            yield _set(node, "op", ast.Or() if isinstance(operator, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield _set(node, "operand", ast.UnaryOp(ast.Not(), operand))
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield _set(node, "test", ast.UnaryOp(ast.Not(), test))
        case ast.comprehension(ifs=conditions):
            for condition in conditions:
                others = [other for other in conditions if other is not condition]
                description = f"without the filter {ast.unparse(condition)}"
                yield Mutation(condition.lineno, description, partial(setattr, node, "ifs", others))


def _of_value(node: ast.AST) -> Iterator[Mutation]:
    match node:
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator) if type(operator) in _OPERATORS:
            yield _set(node, "op", _OPERATORS[type(operator)]())
        case ast.Return(value=value) if value is not None and not _is_nothing(value):
            yield _set(node, "value", ast.Constant(None))
        case ast.Constant(value=bool(value)):
            yield _set(node, "value", not value)
        case ast.Constant(value=int(value)):
            yield _set(node, "value", value + 1)
        case ast.Call(func=ast.Name(id=name) as function) if name in _FUNCTIONS:
            yield _set(function, "id", _FUNCTIONS[name])


def _of_statements(statements: list[Any]) -> Iterator[Mutation]:
    for number, statement in enumerate(statements):
        match statement:
            case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise() | ast.Continue():
                yield _replaced(statement.lineno, statements, number, ast.Pass())
            case ast.Break():
                yield _replaced(statement.lineno, statements, number, ast.Continue())


def _is_nothing(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and (value.value is None or value.value is False)


def _set(node: ast.stmt | ast.expr, field: str, value: object) -> Mutation:
    description = f"{_shown(getattr(node, field))} becomes {_shown(value)}"
    return Mutation(node.lineno, description, partial(setattr, node, field, value))


def _replaced(line: int, nodes: list[Any], number: int, value: ast.AST) -> Mutation:
    description = f"{_shown(nodes[number])} becomes {_shown(value)}"
    return Mutation(line, description, partial(nodes.__setitem__, number, value))


def _shown(value: object) -> str:
    if isinstance(value, (ast.expr, ast.stmt)):
        return ast.unparse(ast.fix_missing_locations(value)).partition("\n")[0]
    return type(value).__name__ if isinstance(value, ast.AST) else str(value)


class _Finder:
    """Finds one module with other code."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self._module = module
        self._tree = ast.fix_missing_locations(tree)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._module:
            return None
        found = importlib.machinery.PathFinder.find_spec(name, path, target)
        assert found is not None
        assert found.origin is not None
        loader = _Loader(name, found.origin)
        loader.code = compile(self._tree, found.origin, "exec")
        return importlib.util.spec_from_file_location(name, found.origin, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    code: types.CodeType

    def get_code(self, fullname: str) -> types.CodeType:  # noqa: ARG002
        return self.code


def parsed(path: Path) -> ast.Module:
    """Return the tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))
