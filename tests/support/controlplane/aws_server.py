"""AWS on loopback, as a process: moto behind one address for AWS_ENDPOINT_URL and another for HTTPS_PROXY.

``python -m tests.support.controlplane.aws_server FOLDER`` writes both addresses to ``FOLDER/addresses.json``, and the certificate
to trust behind the proxy to ``FOLDER/ca.crt``. Both have the same state.
"""

from __future__ import annotations

import json
import logging
import ssl
import sys
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import ClassVar

from moto.moto_proxy import logger
from moto.moto_proxy.proxy3 import ProxyRequestHandler
from moto.server import ThreadedMotoServer

from tests.support.controlplane import caller_identity
from tests.support.controlplane.authority import Authority
from tests.support.controlplane.aws import ADDRESSES
from tests.support.controlplane.processes import LOOPBACK


class _Tls:
    """Gives each of AWS's host names a certificate when it is first asked for.

    moto's own way starts openssl, which not every machine has, and writes into the installed package.
    """

    def __init__(self, folder: Path) -> None:
        self._authority = Authority(folder)
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = Lock()

    def context(self, host: str) -> ssl.SSLContext:
        with self._lock:
            if host not in self._contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*self._authority.issue(host))
                self._contexts[host] = context
            return self._contexts[host]


class _Proxy(ProxyRequestHandler):
    tls: ClassVar[_Tls]
    # Headers and content go out in two packets: else the second waits for the first one's acknowledgement.
    disable_nagle_algorithm = True

    def do_CONNECT(self) -> None:  # noqa: N802 - http.server finds it by this name
        self.send_response(200, "Connection Established")
        self.end_headers()
        context = self.tls.context(self.path.rpartition(":")[0])
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb", self.rbufsize)
        self.wfile = self.connection.makefile("wb", self.wbufsize)
        self.close_connection = False

    def do_GET(self) -> None:  # noqa: N802 - as above
        url = f"https://{self.headers['Host']}{self.path}"
        if not caller_identity.is_caller_identity(url):
            super().do_GET()
            return
        status, body = caller_identity.answer(url, dict(self.headers))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: a presigned URL is a credential."""


def main(folder: Path) -> None:
    """Serve until killed."""
    logger.setLevel(logging.WARNING)
    _Proxy.tls = _Tls(folder)
    proxy = ThreadingHTTPServer((LOOPBACK, 0), _Proxy)
    endpoint = ThreadedMotoServer(LOOPBACK, 0, verbose=False)
    endpoint.start()
    addresses = {
        "proxy": f"http://{LOOPBACK}:{proxy.server_address[1]}",
        "endpoint": "http://{}:{}".format(*endpoint.get_host_and_port()),
    }
    unfinished = folder / f"{ADDRESSES}.unfinished"
    unfinished.write_text(json.dumps(addresses), encoding="utf-8")
    unfinished.replace(folder / ADDRESSES)
    proxy.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
