"""The fields of what an API server answers: each is of the type that it has in Kubernetes, or is told as none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from awsauth.core.text.display import quoted, visible
from awsauth.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_T = TypeVar("_T", str, bool, list[Any], dict[str, Any])

_NOUNS: Final[dict[type, str]] = {str: "text", bool: "boolean", list: "list", dict: "object"}


class Fields:
    """The fields of an object in an answer.

    One that is null or left out is empty, as it is to Kubernetes. One of another type is never passed over: what was
    read without it could prove what nobody has said, such as that a role is in no use.

    Args:
        value: The object.
        message: What was asked for, for errors: a kind, or a list of objects.
        location: Where it was asked for, for errors.

    Raises:
        ApiError: it is no object. Its methods raise this for a field of another type.
    """

    __slots__ = ("_fields", "_what", "_where")

    def __init__(self, value: Any, message: str, location: str) -> None:
        self._what = message
        self._where = location
        if not isinstance(value, dict):
            raise self.refusal("There is no object where one has to be.")
        self._fields: dict[str, Any] = value

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def text(self, name: str) -> str:
        """Return a text."""
        return self._read(name, str)

    def name(self, name: str = "name") -> str:
        """Return a text that cannot be empty."""
        if found := self._read(name, str):
            return found
        raise self.refusal(f"It has no {quoted(name)}.")

    def flag(self, name: str) -> bool:
        """Return a boolean."""
        return self._read(name, bool)

    def object(self, name: str) -> Fields:
        """Return the fields of an object."""
        return Fields(self._read(name, dict), self._what, self._where)

    def objects(self, name: str) -> list[Fields]:
        """Return the fields of each object in a list."""
        return [Fields(value, self._what, self._where) for value in self._read(name, list)]

    def texts(self, name: str) -> list[str]:
        """Return the texts in a list."""
        found = self._read(name, list)
        return self._only_texts(name, found, found)

    def texts_by_name(self, name: str) -> dict[str, str]:
        """Return the texts that an object holds."""
        found = self._read(name, dict)
        return self._only_texts(name, found, found.values())

    def refusal(self, why: str) -> ApiError:
        """Return the error for an answer that is not what was asked for."""
        return ApiError(
            f"The server answered with something that is no {self._what}; nothing was changed. {why}",
            location=visible(self._where),
            hint="See that the address is that of a Kubernetes API server.",
        )

    def _read(self, name: str, kind: type[_T]) -> _T:
        value = self._fields.get(name)
        if value is None:
            return kind()
        if not isinstance(value, kind):
            raise self.refusal(f"Its {quoted(name)} is no {_NOUNS[kind]}.")
        return value

    def _only_texts(self, name: str, found: _T, values: Iterable[Any]) -> _T:
        if not all(isinstance(value, str) for value in values):
            raise self.refusal(f"Its {quoted(name)} holds what is no text.")
        return found


def fields_of(answer: Any, kind: str, location: str) -> Fields:
    """Return the fields of an object of a kind, which an answer may leave out.

    Raises:
        ApiError: it is none, or of another kind.
    """
    fields = Fields(answer, kind, location)
    if fields.text("kind") not in ("", kind):
        raise fields.refusal("It is of another kind.")
    return fields
