"""A server between a client and the real API server, that loses, delays, repeats and refuses requests on purpose."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.support.waiting import PATIENCE, wait_for, wait_for_end

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from typing_extensions import Self

    from tests.support.controlplane.cluster import Cluster

FAULTS = (
    "cut before",  # the connection ends before anything of the request was passed on
    "cut during",  # likewise, after the beginning of the request was read
    "cut after",  # the request was carried out, and its answer is lost
    "cut answer",  # likewise, after the beginning of the answer
    "answer late",  # the request was carried out, and the answer comes when nobody waits for it any more
    "deliver late",  # the request is carried out when nobody waits for it any more
    "409",
    "429",
    "500",
    "503",
)


@dataclass
class FaultyServer:
    """Passes requests on to the API server, except for those that a fault was ordered for.

    Attributes:
        cluster: whose API server.
        requests: what came in, as ``METHOD path``, faults included.
        faults: by the number of the request, counted from 0 since `order`.
    """

    cluster: Cluster
    requests: list[str] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)
    always: str = ""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._late: list[threading.Thread] = []
        self.held = threading.Semaphore(0)
        context = ssl.create_default_context(cafile=str(self.cluster.ca_file))
        target = urlsplit(self.cluster.server)

        def connect() -> http.client.HTTPSConnection:
            return http.client.HTTPSConnection(target.hostname or "", target.port, context=context, timeout=PATIENCE)

        self._server = _Server(self, connect)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.settle()

    def write_kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig of the administrator, by way of this server."""
        port = self._server.server_address[1]
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "faulty",
            "clusters": [{"name": "faulty", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
            "users": [{"name": "admin", "user": {"token": self.cluster.admin_token}}],
            "contexts": [{"name": "faulty", "context": {"cluster": "faulty", "user": "admin"}}],
        }
        path.write_text(json.dumps(config), encoding="utf-8")
        return path

    def order(self, faults: dict[int, str] | None = None, *, always: str = "") -> None:
        """Count from 0 again, with these faults, or with one and the same for every request."""
        with self._lock:
            self.requests = []
            self.faults = faults or {}
            self.always = always

    def settle(self) -> None:
        """Wait until what is to be delivered late has been."""
        while self._late:
            self._late.pop().join()

    def next_fault(self, request: str) -> str:
        """Return what is to happen to the request that has come in."""
        with self._lock:
            self.requests.append(request)
            return self.faults.get(len(self.requests) - 1, self.always)

    def will_be_late(self) -> None:
        """Have `settle` wait for the request that this thread handles."""
        self._late.append(threading.current_thread())

    def end_requests(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the time of a request of any client end when this server holds it, and no sooner."""
        held = self.held

        class WhenHeld(threading.Timer):
            def run(self) -> None:
                wait_for(lambda: self.finished.is_set() or held.acquire(blocking=False))
                self.interval = 0
                super().run()

        changed = SimpleNamespace(**vars(threading) | {"Timer": WhenHeld})
        monkeypatch.setattr("awsauth.kube.request.threading", changed)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, faulty: FaultyServer, connect: Any) -> None:
        self.faulty = faulty
        self.connect = connect
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        fault = self.server.faulty.next_fault(f"{self.command} {self.path}")
        if fault == "cut before":
            return self._cut()
        length = int(self.headers.get("Content-Length") or 0)
        if fault == "cut during":
            self.rfile.read(length // 2)
            return self._cut()
        body = self.rfile.read(length)
        if fault == "deliver late":
            self.server.faulty.will_be_late()
            self._hold()
            self._deliver(body)
            return self._cut()
        if fault.isdigit():
            return self._answer(int(fault), {"Retry-After": "0"}, _status(int(fault)))
        status, headers, content = self._deliver(body)
        if fault == "cut after":
            return self._cut()
        if fault == "cut answer":
            self._answer(status, headers, content, sent=len(content) // 2)
            return self._cut()
        if fault == "answer late":
            self._hold()
        return self._answer(status, headers, content)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names that the base class looks for

    def _hold(self) -> None:
        self.server.faulty.held.release()
        wait_for_end(self.connection)

    def _deliver(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = self.server.connect()
        try:
            kept = {key: value for key, value in self.headers.items() if key.lower() not in ("host", "connection")}
            connection.request(self.command, self.path, body=body, headers=kept)
            answer = connection.getresponse()
            headers = {key: value for key, value in answer.getheaders() if key in ("Content-Type", "Date")}
            return answer.status, headers, answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], content: bytes, *, sent: int | None = None) -> None:
        self.send_response_only(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content[:sent])

    def _cut(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def _status(code: int) -> bytes:
    reasons = {409: "Conflict", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}
    value = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": "on purpose",
        "reason": reasons[code],
        "code": code,
    }
    return json.dumps(value).encode()
