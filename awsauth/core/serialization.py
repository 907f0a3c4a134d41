"""The JSON of this library's values, by pydantic from their fields.

The JSON of a `JsonValue` has the properties marked `in_json`, then the fields; a field's metadata may leave it out,
rename or spread it. pydantic is imported on first use: a change to a file does not need it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, Final, Literal, TypeVar, get_args, get_type_hints

from awsauth.boundary import public
from awsauth.core.text.display import quoted, quoted_value, visible
from awsauth.errors import UsageError

_F = TypeVar("_F", bound="Callable[..., Any]")
_T = TypeVar("_T")

LEFT_OUT: Final = {"json": ""}  # metadata of a field that is not in the JSON

FLAT: Final = {"json": "*"}  # metadata of a field whose members are members of the value's own JSON

OWN_NAME: Final = "own name"  # annotates the type of a property that returns the name of its class


def renamed(name: str) -> dict[str, str]:
    """Return the metadata of a field that has another name in JSON."""
    return {"json": name}


def in_json(name: str = "") -> Callable[[_F], _F]:
    """Mark a property's getter for the JSON, under its own or another name."""

    def mark(function: _F) -> _F:
        vars(function)["in_json"] = name or function.__name__
        return function

    return mark


@public
class JsonValue:
    """A value with a JSON form; its class is guarded like a `public` one."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        """Guard the methods of the class, but not those that `dataclass` adds.

        To add slots, `dataclass` makes the class a second time.
        """
        super().__init_subclass__()
        if "__dataclass_fields__" not in vars(cls):
            public(cls)

    def to_json(self) -> dict[str, Any]:
        """Return the value as dictionaries, lists, texts and numbers for JSON."""
        kind: Any = type(self)
        shown: dict[str, Any] = _adapter(kind).dump_python(self, mode="json")
        return shown

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return _as_object(cls, source, handler)


def json_object(kind: _T) -> _T:
    """Decorate a named tuple to make it an object in JSON.

    A named tuple cannot have a base class.
    """
    hooked: Any = kind
    hooked.__get_pydantic_core_schema__ = classmethod(_as_object)
    return kind


def _as_object(kind: Any, _source: Any, handler: Any) -> Any:
    """Return pydantic's schema of a value that is an object in JSON.

    The value is a dataclass or a named tuple.
    """
    from pydantic_core import core_schema
    from typing_extensions import TypedDict

    members = list(_members(kind))
    getters = [(name, attrgetter(path)) for name, path, _ in members]
    made_of = {path: name for name, path, _ in members if path in _own_fields(kind)}
    make_type: Any = TypedDict
    typed = make_type(kind.__name__, {name: hint for name, _, hint in members})
    typed.__module__ = kind.__module__
    form = handler.generate_schema(typed)
    return core_schema.no_info_after_validator_function(
        lambda values: kind(**{field_name: values[name] for field_name, name in made_of.items()}),
        form,
        serialization=core_schema.plain_serializer_function_ser_schema(
            lambda value: {name: getter(value) for name, getter in getters}, return_schema=form
        ),
    )


class NoneForZero:
    """Annotates a number whose 0 is null in JSON."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Return pydantic's schema."""
        from pydantic import PlainSerializer

        as_json = PlainSerializer(lambda number: number or None, return_type=int | None)
        return as_json.__get_pydantic_core_schema__(source, handler)


def from_json(kind: Any, values: Any) -> Any:
    """Return a value of a type, such as `tuple[Finding, ...]`, from its JSON.

    Raises:
        pydantic.ValidationError: the JSON does not fit the type.
    """
    return _adapter(kind).validate_python(values)


def model_problem(problem: Any, path: Sequence[str | int]) -> str:
    """Return a problem that pydantic found, as the end of a sentence about the input.

    Args:
        problem: One of ``ValidationError.errors()``.
        path: Where the value is: the names of fields, and positions in lists.
    """
    name = quoted("".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix("."))
    error = problem.get("ctx", {}).get("error")
    match problem["type"]:
        case "missing":
            return f"lacks {name}"
        case "extra_forbidden":
            return f"has an unknown field {name}"
        case "string_too_short":
            return f"has an empty {name}"
        case "value_error" if hasattr(error, "message"):  # an error of this library, which is a sentence
            return f"holds a wrong {name}: {error.message.removesuffix('.')}"
        case "value_error":
            reason = f", which {error}"
        case "model_type":
            reason = ", which is not a mapping with fields"
        case "string_type":
            reason = ", which is not text"
        case _:
            reason = f": {visible(problem['msg'])}"
    return f"has {quoted_value(problem['input'], 60)} as {name}{reason}"


def check_types(value: Any, of: str) -> None:
    """Check that the fields of a dataclass have values of their types.

    Args:
        value: The value.
        of: The call whose arguments the fields are, such as ``sync``.

    Raises:
        UsageError: a field has a value of another type.
    """
    given = ((one.name, getattr(value, one.name)) for one in fields(value))
    as_json = {name: one.to_json() if isinstance(one, JsonValue) else one for name, one in given}
    try:
        from_json(type(value), as_json)
    except ValueError as error:  # pydantic's
        problem: Any = error
        first = problem.errors(include_url=False)[0]
        hint = f"{first['msg'].replace('Input should be', 'Pass')}."
        raise UsageError(f"The {of} {model_problem(first, first['loc'])}.", hint=hint) from None


def json_text(values: Any) -> str:
    """Return values, including those of this library, as JSON in ASCII."""
    return json.dumps(values, indent=2, default=lambda value: value.to_json()) + "\n"


def compact_json(values: Any) -> str:
    """Return JSON values in ASCII, on one line without spaces, with sorted keys."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def sha256_of(values: Any) -> str:
    """Return the SHA-256, in hex, of JSON values; the order of keys does not matter."""
    import hashlib

    # In ASCII, so that half a surrogate pair has a digest too.
    return hashlib.sha256(compact_json(values).encode("ascii")).hexdigest()


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _members(kind: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield the name, the attribute and the type of each member of the JSON."""
    found: dict[str, tuple[str, Any]] = {}
    for base in kind.__mro__:
        for attribute, member in vars(base).items():
            getter: Any = getattr(member, "fget", None)
            if hasattr(getter, "in_json"):
                found[attribute] = getter.in_json, getter.__annotations__["return"]
    found |= {attribute: (name, hint) for attribute, (name, hint) in _own_fields(kind).items() if name}
    types = {attribute: hint for attribute, (_, hint) in found.items()}
    module = vars(sys.modules[kind.__module__])
    hints = get_type_hints(SimpleNamespace(__annotations__=types), module, _PublicTypes(), include_extras=True)
    for attribute, hint in hints.items():
        member_name, _ = found[attribute]
        if member_name == FLAT["json"]:
            yield from ((name, f"{attribute}.{path}", inner) for name, path, inner in _members(hint))
        else:
            yield member_name, attribute, Literal[kind.__name__] if OWN_NAME in get_args(hint) else hint


def _own_fields(kind: Any) -> dict[str, tuple[str, Any]]:
    """Return the name in JSON and the type of each field.

    ``*`` spreads a field, and an empty name leaves it out.
    """
    if is_dataclass(kind):
        return {one.name: (one.metadata.get("json", one.name), one.type) for one in fields(kind)}
    return {name: (name, kind.__annotations__[name]) for name in kind._fields}


class _PublicTypes(dict[str, Any]):
    """The names that modules import only for types.

    They are public ones of this library, and of two standard modules.
    """

    def __missing__(self, name: str) -> Any:
        import collections.abc
        import datetime as dt

        for module in (sys.modules["awsauth"], collections.abc, dt):
            if hasattr(module, name):
                return getattr(module, name)
        raise KeyError(name)


def unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields of a JSON object, for `json.loads`.

    Raises:
        ValueError: a field is written twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field is written twice")
    return found
