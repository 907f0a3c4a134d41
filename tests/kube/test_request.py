"""Answers without an end, too large, compressed or too slow: each request ends, and says why."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import socket
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest

import awsauth
from awsauth.aws.access_entries import AccessEntries
from awsauth.aws.eks import EksCluster
from awsauth.aws.errors import MOST_AWS_PAGES
from awsauth.aws.session import AwsSession
from awsauth.errors import ApiError, AwsServiceError, FileError, KubeconfigError, OutcomeUnknownError, UnreachableError
from awsauth.kube import resources as listing
from awsauth.kube.request import LARGEST_ANSWER
from awsauth.system.read_limits import LARGEST_FILE
from tests.support.command_line import manifest_in, run
from tests.support.connections import transport_to
from tests.support.controlplane.authority import Authority
from tests.support.kubeconfigs import config, written
from tests.support.servers.tls_servers import context_of
from tests.support.waiting import PATIENCE, wait_for

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from typing_extensions import Self

PATH: Final = "/api/v1/namespaces"
HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Server:
    """A server on loopback whose every answer a function sends, in a ``with`` block.

    Args:
        answer: Sends an answer; it is called with what sends bytes, and with the request's path.
        context: For TLS.

    Attributes:
        url: Its address.
        paths: What was asked for.
        sent: How many bytes were sent.
    """

    def __init__(
        self, answer: Callable[[Callable[[bytes], None], str], None], context: ssl.SSLContext | None = None
    ) -> None:
        self.paths: list[str] = []
        self.sent = 0
        self._answer = answer
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            self._context.wrap_socket(connection, server_side=True) if self._context else connection as encrypted,
        ):

            def send(data: bytes) -> None:
                encrypted.sendall(data)
                self.sent += len(data)

            while asked := encrypted.recv(65_536):
                if asked.startswith((b"GET ", b"POST ")):  # a body comes by itself
                    self.paths.append(asked.split()[1].decode())
                    self._answer(send, self.paths[-1])


def whole(body: bytes, head: bytes = HEAD) -> bytes:
    """Return an answer."""
    return head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def endlessly(send: Callable[[bytes], None], _: str) -> None:
    """Send blanks for ever, before an object that never comes."""
    send(HEAD + b"Connection: close\r\n\r\n")
    while True:
        send(b" " * 2**20)


def dripping(first: bytes, part: bytes) -> Callable[[Callable[[bytes], None], str], None]:
    """Return what sends a part again and again, more often than a timeout of the socket would notice."""

    def answer(send: Callable[[bytes], None], _: str) -> None:
        send(first)
        while True:
            time.sleep(0.05)
            send(part)

    return answer


def end_once_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time of each request begin when the server has received it, and be short; so no machine is too slow."""

    class OnceAsked(threading.Timer):
        def __init__(self, _: float, function: Callable[[], None]) -> None:
            super().__init__(0.1, function)
            self._before = len(server.paths)

        def run(self) -> None:
            wait_for(lambda: self.finished.is_set() or len(server.paths) > self._before)
            super().run()

    monkeypatch.setattr("awsauth.kube.request.threading", SimpleNamespace(**vars(threading) | {"Timer": OnceAsked}))


@pytest.fixture(params=["urllib3", "kubernetes"], autouse=True)
def _by_either_library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, nothing_around: None) -> None:  # noqa: ARG001
    monkeypatch.setattr("tests.support.connections.way", request.param)


def test_an_answer_without_an_end_is_read_up_to_the_limit() -> None:
    with Server(endlessly) as server:
        with pytest.raises(UnreachableError, match=r"The answer is larger than 32 MiB\."):
            transport_to(server.url).get(PATH)
        with pytest.raises(OutcomeUnknownError, match=r"The answer is larger than 32 MiB\."):
            transport_to(server.url).post(PATH, {})
        assert server.sent < 3 * LARGEST_ANSWER


def test_a_compressed_answer_is_refused_and_never_unpacked() -> None:
    bomb = gzip.compress(bytes(64 * 2**20), compresslevel=1)

    def answer(send: Callable[[bytes], None], _: str) -> None:
        send(whole(bomb, HEAD + b"Content-Encoding: gzip\r\n"))

    with Server(answer) as server, pytest.raises(UnreachableError, match=r"The answer is compressed, although"):
        transport_to(server.url).get(PATH)


@pytest.mark.parametrize(
    ("first", "part"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b" "),
        (b"HTTP/1.1 500 Error\r\nContent-Length: 100000\r\n\r\n{", b" "),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("encrypted", [False, True])
def test_an_answer_that_drips_is_given_up_in_time(
    first: bytes,
    part: bytes,
    encrypted: bool,  # noqa: FBT001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority = Authority(tmp_path)
    context = context_of(authority, None) if encrypted else None
    with Server(dripping(first, part), context) as server:
        end_once_asked(server, monkeypatch)
        ca_file = authority.certificate_file if encrypted else None
        transport = transport_to(server.url, timeout=PATIENCE, ca_file=ca_file)
        with pytest.raises(UnreachableError, match="did not answer in time"):
            transport.get(PATH)
        with pytest.raises(OutcomeUnknownError, match="did not answer in time"):
            transport.post(PATH, {})
        assert len(server.paths) == 2


def test_a_request_after_one_that_was_given_up_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    drip = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{", b" ")

    def answer(send: Callable[[bytes], None], path: str) -> None:
        send(whole(b"{}")) if path == PATH else drip(send, path)

    with Server(answer) as server:
        transport = transport_to(server.url, timeout=PATIENCE)
        assert transport.get(PATH) == {}
        with monkeypatch.context() as patch:
            end_once_asked(server, patch)
            with pytest.raises(UnreachableError, match="did not answer in time"):
                transport.get("/drip")
        assert transport.get(PATH) == {}
    # No deadline goes on that could end a later request.
    wait_for(lambda: [one for one in threading.enumerate() if isinstance(one, threading.Timer)], lambda left: not left)


@pytest.mark.parametrize(
    "body",
    [b'{"a": %s}' % (b"9" * 5_000), b"[" * 100_000, b'{"a": ' * 100_000, b"\xff", b"", b"{} {}"],
    ids=["integer", "lists", "objects", "bytes", "empty", "two"],
)
def test_what_python_cannot_parse_is_told_as_no_answer(body: bytes) -> None:
    with Server(lambda send, _: send(whole(body))) as server:
        with pytest.raises(UnreachableError, match="The answer is not JSON"):
            transport_to(server.url).get(PATH)
        with pytest.raises(OutcomeUnknownError, match="The answer is not JSON"):
            transport_to(server.url).post(PATH, {})


def pages() -> Iterator[bytes]:
    """Yield the pages of a list that has no end."""
    number = 0
    while True:
        number += 1
        yield whole(b'{"items": [{}], "metadata": {"continue": "%d"}}' % number)


def test_a_list_without_an_end_is_followed_for_so_many_pages() -> None:
    endless = pages()
    with Server(lambda send, _: send(next(endless))) as server:
        with pytest.raises(ApiError, match=f"It goes on after {listing.MOST_PAGES} pages"):
            list(listing.list_objects(transport_to(server.url), PATH))
        assert len(server.paths) == listing.MOST_PAGES


def test_a_list_may_take_so_many_times_as_long_as_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock on which every page takes as long as a request may."""
    endless, clock = pages(), itertools.count(step=PATIENCE)
    monkeypatch.setattr(listing, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with Server(lambda send, _: send(next(endless))) as server:
        with pytest.raises(UnreachableError, match=f"not complete within {listing.LIST_TIMEOUTS} times"):
            list(listing.list_objects(transport_to(server.url, timeout=PATIENCE), PATH))
        assert len(server.paths) == listing.LIST_TIMEOUTS + 1


def sparse(path: Path) -> Path:
    """Make a file of 3 GiB that takes no room."""
    with path.open("wb") as file:
        file.truncate(3 * 2**30)
    return path


def test_files_that_are_too_large_are_told_and_not_read(tmp_path: Path) -> None:
    large = sparse(tmp_path / "large")
    manifest = str(manifest_in(tmp_path))
    with pytest.raises(FileError):
        awsauth.AwsAuthClient.from_file(large).read()
    with pytest.raises(KubeconfigError, match="it is larger than 16 MiB"):
        awsauth.connect(kubeconfig=str(large))
    for args in (
        ("apply", str(large), "--file", manifest, "-y"),
        ("plan", str(large), "--file", manifest),
        ("check", "--file", manifest, "--policy", str(large)),
    ):
        done = run(*args)
        assert (done.code, "larger than 16 MiB" in done.err) == (8 if args[0] != "check" else 2, True), done


def test_standard_input_that_is_too_large_is_told() -> None:
    done = run("check", "--file", "-", stdin=b" " * (LARGEST_FILE + 1))
    assert "standard input" in done.err
    assert "it is larger than 16 MiB" in done.err
    assert done.code == 8


@pytest.mark.parametrize("field", ["tokenFile", "certificate-authority"])
def test_files_of_a_kubeconfig_that_are_too_large_are_told(field: str, tmp_path: Path) -> None:
    large = str(sparse(tmp_path / "large"))
    cluster: dict[str, Any] = {"server": "https://127.0.0.1:1"}
    user: dict[str, Any] = {}
    (user if field == "tokenFile" else cluster)[field] = large
    file = written(tmp_path / "config", config(None, user, **cluster))
    with pytest.raises(KubeconfigError):
        awsauth.connect(kubeconfig=str(file)).read()


def test_a_client_of_the_callers_that_was_used_before_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connections were made before anything here could know of them."""
    drip = dripping(b"HTTP/1.1 200 OK\r\nX: ", b"x")

    def answer(send: Callable[[bytes], None], path: str) -> None:
        send(whole(b"{}")) if path == PATH else drip(send, path)

    with Server(answer) as server:
        transport = transport_to(server.url, timeout=PATIENCE)
        assert transport._server.pool.request("GET", server.url + PATH).status == 200
        end_once_asked(server, monkeypatch)
        with pytest.raises(UnreachableError, match="did not answer in time"):
            transport.get("/drip")


def test_a_list_of_eks_without_an_end_is_followed_for_so_many_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = itertools.count()

    def answer(send: Callable[[bytes], None], _: str) -> None:
        send(whole(b'{"accessEntries": [], "nextToken": "%d"}' % next(numbers)))

    cluster = EksCluster("prod", "arn:aws:eks:eu-west-1:111122223333:cluster/prod", "", "", "prod", "API", True)
    with Server(answer) as server:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_ENDPOINT_URL": server.url,
        }.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(AwsServiceError, match=f"The list goes on after {MOST_AWS_PAGES} pages"):
            AccessEntries(AwsSession(region="eu-west-1"), cluster).read()
        assert len(server.paths) in (MOST_AWS_PAGES, MOST_AWS_PAGES + 1)
