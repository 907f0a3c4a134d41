"""One request to an API server and its answer: what is told of it, and how it goes over the wire."""

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
    """What was asked for, as far as errors tell of it.

    Attributes:
        method: The HTTP method.
        path: The path, without the query.
        host: The API server's address.
        changes: Whether it is meant to change something.
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
    """What the API server answered.

    Attributes:
        value: The object, parsed.
        stamp: The header ``Date``, if any.
    """

    value: dict[str, Any]
    stamp: str | None

    @property
    def date(self) -> datetime | None:
        """The server's clock; None where it does not tell."""
        return http_date(self.stamp)


def without_userinfo(address: str) -> str:
    """Return an address without the user and password that may stand in it, such as in ``https://me:secret@host``."""
    return _USERINFO.sub("//", address, count=1)


def has_stray_at(address: str) -> bool:
    """Whether an address has an ``@`` behind its host.

    A password with a slash in it makes one: what comes before the slash is then the host, and would be shown.
    """
    return "@" in without_userinfo(address)


class AnswerError(ValueError):
    """An answer came that no Kubernetes API server gives; its text is a sentence that says so."""


def object_of(body: bytes) -> dict[str, Any]:
    """Return the object that an answer holds.

    Raises:
        AnswerError: it holds none.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError, MemoryError) as error:
        raise AnswerError(
            "The answer is no JSON: it was cut, or something else than a Kubernetes API server gave it."
        ) from error
    if not isinstance(value, dict):
        raise AnswerError("The answer is JSON but no object: something else than a Kubernetes API server gave it.")
    return value


def encoded(body: Any) -> bytes:
    """Return a body as it is sent."""
    # Half a surrogate pair, which a Python text may hold, has no UTF-8: as an escape, the server says what it makes of it.
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(body, separators=(",", ":")).encode()


def impersonation(user: str | None, groups: Sequence[str]) -> list[tuple[str, str]]:
    """Return the headers by which a request acts as somebody else; none for nobody.

    Raises:
        UsageError: the user or the groups are none.
    """
    if isinstance(groups, str):
        raise UsageError("as_groups is a text; nothing was sent.", hint='Give a list, such as ["viewers"].')
    if user is None and not groups:
        return []
    if not user:
        raise UsageError("as_user names nobody; nothing was sent.", hint="Is the variable that it comes from set?")
    pairs = [("Impersonate-User", user), *(("Impersonate-Group", group) for group in groups)]
    for name, value in pairs:
        named: Any = value
        if not isinstance(named, str) or not named.strip() or not named.isprintable():
            raise UsageError(f"{name} cannot be {quoted_value(value)}; nothing was sent.", hint="Give a name.")
    return [(name, value.encode().decode("latin-1")) for name, value in pairs]
