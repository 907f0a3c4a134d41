"""The limits of one request to an API server: when it has to be over, and how large its answer may be.

The time-out of a socket starts anew with every byte, so that a server that sends one now and then is waited for without
end. A `Deadline` shuts the connection down instead, whether it connects, sends, or reads headers or a body.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from awsauth.kube.request import AnswerError

if TYPE_CHECKING:
    import urllib3
    from typing_extensions import Self

LARGEST_ANSWER: Final = 32 * 2**20
"""Bytes of an answer. The largest that is expected is a page of 500 nodes, about 10 MiB with their lists of images; a
ConfigMap or revision of 1 MiB takes up to 6 MiB where every character is escaped."""

_PART: Final = 2**18
"""Bytes that are read at a time."""

_running = threading.local()


class Deadline:
    """Ends the request of the ``with`` block after a time.

    Args:
        seconds: How long the request may take, its answer included.

    Attributes:
        is_over: Whether the time is over.
        is_sent: Whether the request may have been sent by then: there was a connection.
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
        """Take the connection that the request goes over now; it forgets its socket where the server will close it."""
        with self._lock:
            self._connection, self._socket = connection, connection.sock
            connection.deadline = self
            if self.is_over:
                self._shut()

    def _end(self) -> None:
        with self._lock:
            self.is_over = True
            # Another request may have taken the connection over in the meantime.
            if self._connection is not None and self._connection.deadline is self:
                self._shut()

    def _shut(self) -> None:
        held = self._connection.sock or self._socket
        # As a plain socket: the one of an encrypted connection would forget in another thread that it is one.
        found = getattr(held, "socket", held)
        if isinstance(found, socket.socket):
            with suppress(OSError):
                socket.socket.shutdown(found, socket.SHUT_RDWR)


class _Watched:
    """What connections do beside: they say that they are used to the deadline of the request that uses them."""

    sock: Any

    def connect(self) -> None:
        self._tell()
        super().connect()  # type: ignore[misc]
        self._tell()

    def putrequest(self, *args: Any, **named: Any) -> None:
        if self.sock is None:
            self.connect()
        self._tell(is_sent=True)
        super().putrequest(*args, **named)  # type: ignore[misc]

    def _tell(self, *, is_sent: bool = False) -> None:
        deadline: Deadline | None = getattr(_running, "deadline", None)
        if deadline is not None:
            deadline.is_sent |= is_sent
            deadline.watch(self)


@cache
def _watched(kind: type) -> type:
    return type(kind.__name__, (_Watched, kind), {})


def let_watch(pool: urllib3.PoolManager, url: str) -> None:
    """Have the connections to an address watched by the deadline of the request that uses them."""
    connections: Any = pool.connection_from_url(url)
    if not issubclass(connections.ConnectionCls, _Watched):
        connections.ConnectionCls = _watched(connections.ConnectionCls)
        for made in filter(None, list(connections.pool.queue)):
            kind: type = type(made)
            made.__class__ = _watched(kind)


def body_of(response: urllib3.BaseHTTPResponse) -> bytes:
    """Return the body of an answer, and give its connection back.

    Raises:
        AnswerError: it is compressed, which was not asked for, or larger than `LARGEST_ANSWER`.
    """
    try:
        return _read(response)
    except BaseException:
        response.close()
        raise
    finally:
        response.release_conn()


def _read(response: urllib3.BaseHTTPResponse) -> bytes:
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity"):
        # Two megabytes of it may hold two gigabytes.
        raise AnswerError("The answer is compressed, although the request does not allow that.")
    parts: list[bytes] = []
    size = 0
    while part := response.read(_PART, decode_content=False):
        size += len(part)
        if size > LARGEST_ANSWER:
            raise AnswerError(f"The answer is larger than {LARGEST_ANSWER // 2**20} MiB.")
        parts.append(part)
    return b"".join(parts)
