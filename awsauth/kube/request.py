"""A request and its limits: its deadline, and the answer's size and form.

The timeout of a socket starts anew with every byte. So a server that sends one now and then could hold a request
forever. A `Deadline` shuts the connection down instead, while it connects, sends, or reads headers or a body.
"""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from awsauth.core.text.display import visible

if TYPE_CHECKING:
    import urllib3
    from typing_extensions import Self

# The largest answer, in bytes. The largest expected one is a page of 500 nodes, about 10 MiB with their lists of
# images. A ConfigMap or revision of 1 MiB takes up to 6 MiB if every character is escaped.
LARGEST_ANSWER: Final = 32 * 2**20

_PART: Final = 2**18  # bytes that are read at a time

_running = threading.local()


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


class Deadline:
    """Ends the request in a ``with`` block after a time.

    Args:
        seconds: How long the request may take, including its answer.

    Attributes:
        is_over: Whether the time has passed.
        is_sent: Whether the request may have been sent: there was a connection.
    """

    def __init__(self, seconds: float) -> None:
        self.is_over = self.is_sent = False
        self._connection: Any = None
        self._socket: Any = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        _running.deadline = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        _running.deadline = None

    def watch(self, connection: Any) -> None:
        """Watch the connection that the request uses.

        Its socket is kept here, because the connection may forget it.
        """
        with self._lock:
            self._connection, self._socket = connection, connection.sock
            connection.deadline = self
            if self.is_over:
                self._shut()

    def _end(self) -> None:
        with self._lock:
            self.is_over = True
            # Another request may have taken over the connection meanwhile.
            if self._connection is not None and self._connection.deadline is self:
                self._shut()

    def _shut(self) -> None:
        held = self._connection.sock or self._socket
        # As a plain socket: another thread must not change the TLS state of an encrypted one.
        found = getattr(held, "socket", held)
        if isinstance(found, socket.socket):
            with suppress(OSError):
                socket.socket.shutdown(found, socket.SHUT_RDWR)


class _Watched:
    """A mixin for connections that report their use to the request's deadline."""

    sock: Any

    def connect(self) -> None:
        self._report()
        super().connect()  # type: ignore[misc]
        self._report()

    def putrequest(self, *args: Any, **named: Any) -> None:
        if self.sock is None:
            self.connect()
        self._report(is_sent=True)
        super().putrequest(*args, **named)  # type: ignore[misc]

    def _report(self, *, is_sent: bool = False) -> None:
        deadline: Deadline | None = getattr(_running, "deadline", None)
        if deadline is not None:
            deadline.is_sent |= is_sent
            deadline.watch(self)


@cache
def _watched(kind: type) -> type:
    return type(kind.__name__, (_Watched, kind), {})


def let_watch(pool: urllib3.PoolManager, url: str) -> None:
    """Have the deadline of the running request watch the connections to an address."""
    connections: Any = pool.connection_from_url(url)
    if not issubclass(connections.ConnectionCls, _Watched):
        connections.ConnectionCls = _watched(connections.ConnectionCls)
        for made in filter(None, list(connections.pool.queue)):
            kind: type = type(made)
            made.__class__ = _watched(kind)


class AnswerError(ValueError):
    """An answer that a Kubernetes API server never gives; its text is a sentence."""


def body_of(response: urllib3.BaseHTTPResponse) -> bytes:
    """Return the body of an answer, and give its connection back to the pool.

    An `AnswerError` reports an answer that is compressed, although the request does not allow it, or too large.
    """
    try:
        return _read(response)
    except BaseException:
        response.close()
        raise
    finally:
        response.release_conn()


def _read(response: urllib3.BaseHTTPResponse) -> bytes:
    if response.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity"):
        # Two megabytes of a compressed answer may hold two gigabytes.
        raise AnswerError("The answer is compressed, although the request does not allow that.")
    body = bytearray()
    while part := response.read(_PART, decode_content=False):
        body += part
        if len(body) > LARGEST_ANSWER:
            raise AnswerError(f"The answer is larger than {LARGEST_ANSWER // 2**20} MiB.")
    return bytes(body)


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
