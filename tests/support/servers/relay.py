"""A relay in front of an API server: it keeps what was sent, and does harm where it is told to."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import urllib3

from tests.support.waiting import wait_for_end

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from typing_extensions import Self


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came in.

    Attributes:
        method: Of HTTP.
        path: Without the query.
        query: What stands behind the question mark.
        headers: Name, in lower case, and value, in order.
        connection: The same for requests on the same connection.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    connection: tuple[str, int]

    def all(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for key, value in self.headers if key == name]


@dataclass(frozen=True, slots=True)
class Harm:
    """What is done to one request.

    Attributes:
        status: Answer this; 0 cuts the connection instead, None answers what the server does.
        headers: Of that answer.
        body: Of that answer.
        is_passed_on: Whether the server gets the request all the same.
        is_late: Whether no answer comes before the client goes away.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_passed_on: bool = True
    is_late: bool = False


CUT = Harm(0, is_passed_on=False)
CUT_AFTER = Harm(0)


class Relay:
    """A relay on loopback, in a ``with`` block.

    Attributes:
        url: Its address; plain HTTP.
        seen: The requests so far.
        harm: What to do to the next requests, one after the other; None for nothing.
    """

    def __init__(self, server: str, ca_file: Path) -> None:
        self.seen: list[Seen] = []
        self.harm: list[Harm | None] = []
        self._lock = threading.Lock()
        self._server = server
        self._pool = urllib3.PoolManager(ca_certs=str(ca_file), maxsize=8)
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body are two writes, and the second one would wait for the first one's acknowledgement.
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                relay._handle(self)

            do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - names of http.server

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._pool.clear()

    @property
    def calls(self) -> list[str]:
        """The requests so far: method, and the kind of thing that was asked for."""
        return [f"{seen.method} {_kind(seen.path)}" for seen in self.seen]

    def forget(self) -> None:
        """Begin to count anew."""
        self.seen.clear()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        path, _, query = handler.path.partition("?")
        headers = tuple((name.lower(), value) for name, value in handler.headers.items())
        with self._lock:
            self.seen.append(Seen(handler.command, path, query, headers, handler.client_address))
            harm = (self.harm.pop(0) if self.harm else None) or Harm()
        status, sent, answer = harm.status or 0, dict(harm.headers), harm.body
        if harm.is_passed_on:
            passed = [(name, value) for name, value in headers if name not in {"host", "connection"}]
            response = self._pool.request(
                handler.command,
                self._server + handler.path,
                body=body or None,
                headers=urllib3.HTTPHeaderDict(passed),
                retries=False,
                redirect=False,
            )
            if harm.status is None:
                status, answer = response.status, response.data
                sent = {name: response.headers[name] for name in ("Content-Type", "Date")}
        if harm.is_late:
            wait_for_end(handler.connection)
            handler.close_connection = True
            return
        if not status:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.send_response_only(status)
        for name, value in {**sent, "Content-Length": str(len(answer))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(answer)


def _kind(path: str) -> str:
    """Return the part of a path that tells what it leads to."""
    parts = path.split("/")
    location = parts.index("namespaces") + 2 if "namespaces" in parts else len(parts) - 1
    return "/".join(parts[location : location + 2])
