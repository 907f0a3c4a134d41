"""The transport: what it sends to a real API server, and what comes of it when something goes wrong."""

from __future__ import annotations

import contextlib
import inspect
import socket
import ssl
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import kubernetes.client.exceptions
import kubernetes.config.config_exception
import pytest
import urllib3.exceptions
from kubernetes.client import ApiClient, Configuration

from awsauth.errors import AwsAuthError, KubeconfigError, OutcomeUnknownError, UnreachableError, UsageError
from awsauth.kube.official_client import OfficialClientServer
from awsauth.kube.transport import Transport
from awsauth.options import ConnectionOptions
from awsauth.system.backoff import http_date
from tests.support import connections
from tests.support.connections import transport_to
from tests.support.controlplane.authority import Authority
from tests.support.kubeconfigs import WAYS
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path


MAPS: Final = "/api/v1/namespaces/kube-system/configmaps"
ONE: Final = f"{MAPS}/one"


def config_map(name: str = "one", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@pytest.fixture(params=WAYS, autouse=True)
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach the server by way of urllib3 alone, and by way of the kubernetes client, in everything here."""
    monkeypatch.setattr(connections, "way", request.param)


@pytest.mark.parametrize(
    "options",
    [
        {"as_groups": ["one"]},
        {"as_user": ""},
        {"as_user": "a\r\nX-Other: b"},
        {"as_user": "a", "as_groups": "one"},
        {"as_user": "a", "as_groups": [""]},
        {"timeout": 0},
        {"timeout": "30"},
        {"timeout": True},
    ],
)
def test_nonsense_is_refused_before_anything_is_sent(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        transport_to("https://127.0.0.1:1", **options)


def test_a_connection_that_does_not_come_about_in_time_is_given_up() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(address)
            hasty = transport_to(f"http://127.0.0.1:{address[1]}", timeout=0.3)
            with pytest.raises(UnreachableError, match="The connection to the API server timed out"):
                hasty.post(MAPS, config_map())
        finally:
            for one in waiting:
                one.close()


def test_a_certificate_that_has_expired_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setattr("tests.support.controlplane.authority._LIFETIME", timedelta(minutes=-30))
    certificate, key = authority.issue("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                context.wrap_socket(connection, server_side=True)

        threading.Thread(target=refuse, daemon=True).start()
        transport = transport_to(f"https://127.0.0.1:{server.getsockname()[1]}", ca_file=authority.certificate_file)
        with pytest.raises(UnreachableError, match="certificate is not trusted: certificate has expired"):
            transport.post(MAPS, config_map())


@pytest.mark.parametrize("stamp", ["Fri, 31 Dec 9999 23:59:59 -1200", "tomorrow", "", None])
def test_a_time_that_is_none_is_no_time(stamp: str | None) -> None:
    assert http_date(stamp) is None


def test_an_answer_behind_an_interim_one_is_not_taken_for_the_next() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        raised, sent = threading.Event(), threading.Event()

        def serve() -> None:
            for number in (1, 2):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65_536)
                    if number == 1:
                        connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
                        raised.wait(PATIENCE)
                    body = b'{"n": %d}' % number
                    with contextlib.suppress(OSError):
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                        sent.set()
                        connection.recv(1)

        threading.Thread(target=serve, daemon=True).start()
        transport = transport_to(f"http://{'127.0.0.1'}:{listening.getsockname()[1]}")
        with pytest.raises(OutcomeUnknownError):
            transport.put(ONE, {})
        raised.set()
        sent.wait(PATIENCE)
        assert transport.get(ONE) == {"n": 2}


def exceptions_of(*modules: Any) -> list[type[Exception]]:
    """Return every exception that modules define."""
    return [
        one
        for module in modules
        for _, one in inspect.getmembers(module, inspect.isclass)
        if issubclass(one, Exception) and one.__module__ == module.__name__
    ]


def made(kind: type[Exception]) -> Exception:
    """Return an exception of any class, whatever its constructor wants."""
    error = kind.__new__(kind)
    error.args = ("text",)
    error.__dict__.update(partial=0, expected=0, length=b"", reason="text", original_error=OSError("text"))
    return error


@pytest.mark.parametrize("kind", [*exceptions_of(urllib3.exceptions), OSError, TimeoutError, ValueError])
def test_no_exception_of_the_connection_escapes(kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    transport = transport_to("https://127.0.0.1:1")

    def fail(*_: Any, **__: Any) -> None:
        raise made(kind)

    monkeypatch.setattr(transport._server.pool, "request", fail)
    with pytest.raises(UnreachableError) as read:
        transport.get(MAPS)
    assert type(read.value.__cause__) is kind
    with pytest.raises((UnreachableError, OutcomeUnknownError)):
        transport.post(MAPS, {})


@pytest.mark.parametrize(
    "kind",
    [
        *exceptions_of(kubernetes.client.exceptions, kubernetes.config.config_exception, urllib3.exceptions),
        RuntimeError,
    ],
)
def test_no_exception_of_the_credentials_escapes(kind: type[Exception]) -> None:
    def fail(_: Configuration) -> None:
        raise made(kind)

    configuration = Configuration()
    configuration.api_key["authorization"] = "Bearer t0ken"
    setattr(configuration, "refresh_api_key_hook", fail)  # noqa: B010 - annotated as never set
    with pytest.raises(KubeconfigError, match="cannot be used") as caught:
        Transport(OfficialClientServer(ApiClient(configuration)), ConnectionOptions()).get(MAPS)
    assert isinstance(caught.value, AwsAuthError)
    assert caught.value.__cause__ is caught.value.__context__ is None
