"""Small servers, most with certificates of their own, on loopback: one that answers, and a proxy that connects with it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typing_extensions import Self

    from tests.support.controlplane.authority import Authority

HOST = "127.0.0.1"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None) -> None:
        super().__init__((HOST, 0), handler)
        self.context = context

    def handle_error(self, *_: Any) -> None:
        """Say nothing: clients that go away are what is tested."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the thread of the request."""
        if self.context is None:
            super().finish_request(request, client_address)
            return
        with contextlib.suppress(OSError), self.context.wrap_socket(request, server_side=True) as encrypted:
            super().finish_request(encrypted, client_address)


class _Running:
    """A server that runs, in a ``with`` block, from the moment that it is made."""

    _server: _Server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class TlsServer(_Running):
    """A server that answers every GET and POST with whose certificate it was shown, and closes the connection.

    Args:
        authority: Of its own certificate; None for no encryption.
        clients: Whose certificates clients may show.
        answers: Whether it answers at all.

    Attributes:
        url: Its address.
        heard: The header `authorization` of each request, and the path.
    """

    def __init__(self, authority: Authority | None, *, clients: Path | None = None, answers: bool = True) -> None:
        heard: list[tuple[str, str]] = []

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                heard.append((self.headers.get("authorization", ""), self.path))
                self.rfile.read(int(self.headers.get("content-length", 0)))
                if not answers:
                    return
                shown: Any = self.connection.getpeercert() if authority else None
                names = [
                    value for part in (shown or {}).get("subject", ()) for key, value in part if key == "commonName"
                ]
                body = f'{{"shown": "{"".join(names)}"}}'.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                pass

        self.heard = heard
        self._server = _served(Answering, context_of(authority, clients) if authority else None)
        self.url = f"http{'s' if authority else ''}://{HOST}:{self._server.server_port}"


class Proxy(_Running):
    """A proxy that connects with whatever it is asked for; with an authority, it is itself reached over TLS."""

    def __init__(self, authority: Authority | None = None) -> None:
        class Connecting(BaseHTTPRequestHandler):
            def do_CONNECT(self) -> None:
                host, _, port = self.path.rpartition(":")
                with socket.create_connection((host, int(port)), timeout=PATIENCE) as there:
                    self.send_response(200)
                    self.end_headers()
                    threading.Thread(target=self.answer, args=(there,), daemon=True).start()
                    _pass_on(self.connection.recv, there.sendall)

            def answer(self, there: socket.socket) -> None:
                _pass_on(there.recv, self.wfile.write)
                with contextlib.suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = _served(Connecting, context_of(authority, None) if authority else None)
        self.url = f"http{'s' if authority else ''}://{HOST}:{self._server.server_port}"


def context_of(authority: Authority, clients: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(HOST))
    if clients:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(clients)
    return context


def _served(handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None) -> _Server:
    server = _Server(handler, context)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


def _pass_on(receive: Callable[[int], bytes], send: Callable[[bytes], object]) -> None:
    with contextlib.suppress(OSError, ValueError):
        while data := receive(65_536):
            send(data)
