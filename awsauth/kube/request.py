"""Requests to an API server and its answers: how errors name them, and their encoding on the wire."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from awsauth.core.text.display import quoted_value, visible
from awsauth.errors import UsageError
from awsauth.retry import http_date

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_USERINFO: Final = re.compile(r"//[^/?#]*@")


class Request(NamedTuple):
    """A request, as far as errors describe it.

    Attributes:
        method: The HTTP method.
        path: The path, without the query.
        host: The API server's address.
        changes: Whether the request is meant to change an object.
    """

    method: str
    path: str
    host: str
    changes: bool

    @property
    def location(self) -> str:
        """The request and the server, for an error."""
        return visible(f"{self.method} {self.path} at {self.host}")


class Answer(NamedTuple):
    """An answer of the API server.

    Attributes:
        value: The object, parsed.
        stamp: The ``Date`` header, or None.
    """

    value: dict[str, Any]
    stamp: str | None

    @property
    def date(self) -> datetime | None:
        """The server's clock; None if the answer does not give it."""
        return http_date(self.stamp)


def without_userinfo(address: str) -> str:
    """Return an address without its user and password, as in ``https://me:secret@host``."""
    return _USERINFO.sub("//", address, count=1)


def has_stray_at(address: str) -> bool:
    """Whether an address has an ``@`` behind its host.

    A slash in a password causes that: the part before the slash then counts as the host, and errors would show it.
    """
    return "@" in without_userinfo(address)


class AnswerError(ValueError):
    """An answer that a Kubernetes API server never gives; its text is a sentence."""


def object_of(body: bytes) -> dict[str, Any]:
    """Return the object in the body of an answer."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError, MemoryError) as error:
        message = "The answer is not JSON: it was cut off, or it does not come from a Kubernetes API server."
        raise AnswerError(message) from error
    if not isinstance(value, dict):
        raise AnswerError("The answer is JSON but not an object: it does not come from a Kubernetes API server.")
    return value


def encoded(body: Any) -> bytes:
    """Return a body as it is sent."""
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half a surrogate pair: as an escape it reaches the server, which refuses it
        return json.dumps(body, separators=(",", ":")).encode()


def impersonation(user: str | None, groups: Sequence[str]) -> list[tuple[str, str]]:
    """Return the impersonation headers; none without a user and groups.

    Raises:
        UsageError: The user or a group is not a name, or there are groups without a user.
    """
    if isinstance(groups, str):
        raise UsageError("as_groups is a string.", hint='Pass a list, such as ["viewers"].')
    if user is None and not groups:
        return []
    if not user:
        raise UsageError("as_user is missing or empty.", hint="Is the environment variable set?")
    pairs = [("Impersonate-User", user), *(("Impersonate-Group", group) for group in groups)]
    for name, value in pairs:
        named: Any = value
        if not isinstance(named, str) or not named.strip() or not named.isprintable():
            raise UsageError(f"{name} cannot be {quoted_value(value)}.", hint="Pass a name.")
    return [(name, value.encode().decode("latin-1")) for name, value in pairs]
