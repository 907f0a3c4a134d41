"""The fields of an API server's answer, each with its type in Kubernetes."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from awsauth.core.text.display import quoted, visible
from awsauth.errors import ApiError

_T = TypeVar("_T", str, bool, list[Any], dict[str, Any])

_NOUNS: Final[dict[type, str]] = {str: "a text", bool: "a boolean", list: "a list", dict: "an object"}


class Fields(dict[str, Any]):
    """The fields of an object in an answer.

    As in Kubernetes, a field that is null or missing counts as empty. A field of another type raises an error: a reader
    that skipped it could draw a wrong conclusion, such as that a role is unused.

    Args:
        value: The object.
        kind: The requested kind, for errors; or "list of objects".
        location: The requested path, for errors.

    Raises:
        ApiError: `value` is not an object. The methods raise it for a field of another type.
    """

    __slots__ = ("_kind", "_location")

    def __init__(self, value: Any, kind: str, location: str) -> None:
        self._kind = kind
        self._location = location
        if not isinstance(value, dict):
            raise self.refusal("It holds another value where an object has to be.")
        super().__init__(value)

    def text(self, name: str) -> str:
        """Return a text."""
        return self._read(name, str)

    def name(self, name: str = "name") -> str:
        """Return a text that must not be empty."""
        if found := self._read(name, str):
            return found
        raise self.refusal(f"It has no {quoted(name)}.")

    def flag(self, name: str) -> bool:
        """Return a boolean."""
        return self._read(name, bool)

    def object(self, name: str) -> Fields:
        """Return the fields of an object."""
        return Fields(self._read(name, dict), self._kind, self._location)

    def objects(self, name: str) -> list[Fields]:
        """Return the fields of each object in a list."""
        return [Fields(value, self._kind, self._location) for value in self._read(name, list)]

    def texts(self, name: str) -> list[str]:
        """Return a list of texts."""
        return self._texts(name, list)

    def texts_by_name(self, name: str) -> dict[str, str]:
        """Return the texts of an object by their names."""
        return self._texts(name, dict)

    def refusal(self, problem: str) -> ApiError:
        """Return the error for an answer that is not of the requested kind."""
        message = f"The server's answer is not a valid {self._kind}. {problem}"
        hint = "Check that the address is the one of a Kubernetes API server."
        return ApiError(message, location=visible(self._location), hint=hint)

    def _read(self, name: str, kind: type[_T]) -> _T:
        value = self.get(name)
        if value is None:
            return kind()
        if not isinstance(value, kind):
            raise self.refusal(f"Its {quoted(name)} is not {_NOUNS[kind]}.")
        return value

    def _texts(self, name: str, kind: type[_T]) -> _T:
        found: Any = self._read(name, kind)
        if not all(isinstance(value, str) for value in (found.values() if kind is dict else found)):
            raise self.refusal(f"Its {quoted(name)} holds a value that is not a text.")
        return found  # type: ignore[no-any-return]


def fields_of(answer: Any, kind: str, location: str) -> Fields:
    """Return the fields of an object.

    The answer may lack the kind, but not have another one.
    """
    fields = Fields(answer, kind, location)
    if fields.text("kind") not in ("", kind):
        raise fields.refusal("It is of another kind.")
    return fields
