"""Servers reached without the kubernetes client: whom they trust, what they show, and that nothing goes elsewhere."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import traceback
from base64 import b64encode
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from awsauth.connections import kubernetes as connecting
from awsauth.errors import KubeconfigError, OutcomeUnknownError, UnreachableError
from awsauth.kube.address import address_problem
from awsauth.kube.server import KubeServer
from awsauth.kube.transport import Transport
from awsauth.options import ConnectionOptions
from tests.support.controlplane.authority import Authority
from tests.support.kubeconfigs import SECRET, config, written
from tests.support.servers.tls_servers import Proxy, TlsServer
from tests.support.waiting import PATIENCE, wait_for

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return made(tmp_path / "authority")


def made(folder: Path, **how: Any) -> Authority:
    folder.mkdir()
    return Authority(folder, **how)


def encoded(*parts: bytes) -> str:
    return b64encode(b"".join(parts)).decode()


def shown(url: str, proxy: str | None = None, **said: Any) -> str:
    """Connect as a kubeconfig says, and return whose certificate the server was shown."""
    user = {name: said.pop(name) for name in list(said) if name.startswith("client_")}
    cluster, user = ({key.replace("_", "-"): value for key, value in part.items()} for part in (said, user))
    transport = Transport(KubeServer({"server": url, **cluster}, user, None, proxy), ConnectionOptions(PATIENCE))
    try:
        return str(transport.get("/api")["shown"])
    finally:
        transport.close()


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_what_is_trusted_is_what_kubectl_trusts(authority: Authority, tmp_path: Path) -> None:
    """Text around certificates does not matter, nor one that is broken; and a server's own certificate is enough."""
    ca = authority.certificate_file.read_bytes()
    broken = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    with TlsServer(authority) as server:
        own = (tmp_path / "authority" / "127.0.0.1.crt").read_bytes()
        comment = "# Autorité de certification\n".encode()
        for pem in (ca, comment + ca, broken + ca, ca + broken, ca.replace(b"\n", b"\r\n"), own):
            assert shown(server.url, certificate_authority_data=encoded(pem)) == ""
        (tmp_path / "ca.crt").write_bytes(broken + comment + ca)
        assert shown(server.url, certificate_authority=str(tmp_path / "ca.crt")) == ""
        assert shown(server.url, insecure_skip_tls_verify=True) == ""


def test_keys_need_no_identifiers(tmp_path: Path) -> None:
    """As with some EKS clusters, which Python 3.13 and later would refuse."""
    authority = made(tmp_path / "plain", identifies=False)
    with TlsServer(authority) as server:
        assert shown(server.url, certificate_authority=str(authority.certificate_file)) == ""


def test_nobody_else_is_trusted(authority: Authority, tmp_path: Path) -> None:
    other = made(tmp_path / "other")
    ca = encoded(authority.certificate_file.read_bytes())
    with TlsServer(authority) as server:
        for said in (
            {},
            {"certificate_authority_data": encoded(other.certificate_file.read_bytes())},
            {"certificate_authority": str(other.certificate_file)},
            {"certificate_authority_data": ca, "tls_server_name": "example.com"},
        ):
            with pytest.raises(UnreachableError, match="certificate is not trusted") as caught:
                shown(server.url, **said)
            assert "certificate-authority-data" in caught.value.hint
        assert server.heard == []
    for pem in (b"", b"no certificate", other.certificate_file.read_bytes()[:-40]):
        with pytest.raises(KubeconfigError, match="certificate-authority-data cannot be used"):
            shown("https://127.0.0.1:1", certificate_authority_data=encoded(pem) or "====")


def test_threads_share_a_server_while_certificates_are_renewed(authority: Authority, tmp_path: Path) -> None:
    """What encrypts connections is replaced then, never changed: OpenSSL would end the process."""
    certificate, key = tmp_path / "it.crt", tmp_path / "it.key"
    pairs = [[file.read_bytes() for file in authority.issue_to_user(name)] for name in ("alice", "bob")]

    def renew(pair: list[bytes]) -> None:
        for file, content in zip((key, certificate), reversed(pair), strict=True):
            file.with_suffix(".new").write_bytes(content)
            file.with_suffix(".new").replace(file)

    renew(pairs[0])
    answers: list[str] = []
    over = threading.Event()
    others: list[BaseException] = []
    with TlsServer(authority, clients=authority.certificate_file) as server:
        files = {"client-certificate": str(certificate), "client-key": str(key)}
        cluster = {"server": server.url, "certificate-authority": str(authority.certificate_file)}
        transport = Transport(KubeServer(cluster, files, None, None), ConnectionOptions(PATIENCE))

        def ask() -> None:
            while not over.is_set():
                try:
                    answers.append(transport.get("/api")["shown"])
                except KubeconfigError:
                    continue  # the one is renewed, and the other not yet
                except BaseException as error:  # noqa: BLE001 - a thread keeps what it raises to itself
                    others.append(error)
                    return

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for turn in range(20):
            renew(pairs[turn % 2])
            so_far = len(answers)
            wait_for(lambda: others or len(answers) > so_far + len(threads))  # noqa: B023 - called at once
        over.set()
        for thread in threads:
            thread.join()
        assert (set(answers), others) == ({"alice", "bob"}, [])
        transport.close()


def test_a_renewed_certificate_that_cannot_be_used_is_told_before_anything_is_sent(
    authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.issue_to_user("alice")
    with TlsServer(authority, clients=authority.certificate_file) as server:
        ca = tmp_path / "ca.crt"
        ca.write_bytes(authority.certificate_file.read_bytes())
        cluster = {"server": server.url, "certificate-authority": str(ca)}
        user = {"client-certificate": str(certificate), "client-key": str(key)}
        transport = Transport(KubeServer(cluster, user, None, None), ConnectionOptions(PATIENCE))
        assert transport.get("/api")["shown"] == "alice"
        for file in (certificate, key, ca):
            content = file.read_bytes()
            file.unlink()
            with pytest.raises(KubeconfigError, match=r"No such file") as caught:
                transport.post("/api", {})
            assert str(file) in caught.value.location
            file.write_bytes(content)
        assert transport.post("/api", {})["shown"] == "alice"
        # Nobody is trusted any longer who was before.
        ca.write_bytes(made(tmp_path / "other").certificate_file.read_bytes())
        with pytest.raises(UnreachableError, match="is not trusted"):
            transport.get("/api")


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_proxy_is_trusted_as_the_cluster_is(authority: Authority, tmp_path: Path) -> None:
    ca = encoded(authority.certificate_file.read_bytes())
    other = made(tmp_path / "other")
    with TlsServer(authority) as server, Proxy(authority) as proxy, Proxy(other) as stranger:
        assert shown(server.url, proxy.url, certificate_authority_data=ca) == ""
        assert shown(server.url, stranger.url, insecure_skip_tls_verify=True) == ""
        with pytest.raises(UnreachableError):
            shown(server.url, stranger.url, certificate_authority_data=ca)


def test_without_a_place_for_temporary_files_a_certificate_is_told_not_to_be_usable(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))
    certificate, key = (encoded(file.read_bytes()) for file in authority.issue_to_user("alice"))
    with pytest.raises(KubeconfigError, match="client-certificate and client-key cannot be used"):
        shown("https://127.0.0.1:1", client_certificate_data=certificate, client_key_data=key)


def test_nothing_of_certificates_is_left_behind(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    certificate, key = (encoded(file.read_bytes()) for file in authority.issue_to_user("alice"))
    for data in (key, encoded(b"x")):
        with suppress(KubeconfigError, UnreachableError):
            shown("https://127.0.0.1:1", client_certificate_data=certificate, client_key_data=data)
        assert os.listdir(folder) == []  # noqa: PTH208


def test_a_token_goes_nowhere_but_to_the_host_of_the_address(tmp_path: Path, authority: Authority) -> None:
    with TlsServer(authority) as server, TlsServer(authority) as other:
        elsewhere = other.url.removeprefix("https://")
        said = {
            "server": f"{server.url}/u/me%40{elsewhere}/x",
            "certificate-authority": str(authority.certificate_file),
        }
        file = written(tmp_path / "config", config(None, {"token": SECRET}, **said))
        connecting.from_kubeconfig(path=file).transport.get("/api")
        assert other.heard == []
        assert server.heard == [(f"Bearer {SECRET}", f"/u/me%40{elsewhere}/x/api")]


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1:1\\@localhost:2",
        "https://127.0.0.1:1/?@localhost:2",
        "https://127.0.0.1:1/#@localhost:2",
        "https://127.0.0.1:1/ a",
        "https://[::1",
        "http://[::1",
        "https://",
        "https:///api",
        "127.0.0.1:1",
        "ftp://127.0.0.1:1",
        "https://127.0.0.1:99999",
        f"https://me:{SECRET}/x@127.0.0.1:1",
        f"https://me:1{SECRET}@x@127.0.0.1:1/@",
        f"https://{SECRET}/x@127.0.0.1:1",
    ],
)
def test_what_is_no_address_is_refused(tmp_path: Path, address: str) -> None:
    """What comes of such a one differs from client to client: the token could go elsewhere, or a password be shown."""
    file = written(tmp_path / "config", config(None, {"token": SECRET}, server=address))
    with pytest.raises(KubeconfigError, match="with a malformed address") as caught:
        connecting.from_kubeconfig(path=file)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("address", "has_credentials", "is_proxied", "refused"),
    [
        ("https://api.example.com:6443/path", True, False, ""),
        ("https://me:secret@api.example.com", True, False, ""),
        ("http://api.example.com", True, False, "anyone on the network"),
        ("http://api.example.com", False, False, ""),
        ("http://localhost:1", True, False, ""),
        ("http://localhost:1", True, True, "anyone on the network"),
        ("https://api.example.com/?x", True, False, "a malformed address"),
        ("https://me:secret/x@api.example.com", False, False, "a malformed address"),
        (None, True, False, "no cluster with an address"),
    ],
)
def test_whether_anything_is_sent_to_an_address(
    address: str | None, refused: str, *, has_credentials: bool, is_proxied: bool
) -> None:
    problem = address_problem(address, has_credentials=has_credentials, is_proxied=is_proxied)
    assert bool(problem) is bool(refused)
    if problem:
        assert refused in problem[0]
        assert "secret" not in f"{problem}"


@pytest.mark.parametrize("name", ["certificate-authority", "client-certificate", "tokenFile"])
def test_a_path_that_can_be_none_is_refused(tmp_path: Path, name: str) -> None:
    named = {name: "/no\0where"}
    server = {"server": "https://127.0.0.1:1"} | (named if name == "certificate-authority" else {})
    user = {"token": "x"} if name == "certificate-authority" else {**named, "client-key": "/no/key"}
    file = written(tmp_path / "config", config(None, user, **server))
    with pytest.raises(KubeconfigError, match="cannot be"):
        connecting.from_kubeconfig(path=file)


def test_credentials_do_not_go_over_the_network_for_all_to_read(tmp_path: Path) -> None:
    """Kubectl sends none to an address with http://; to this machine they may go, as to a proxy that listens there."""
    for user in ({"token": SECRET}, {"tokenFile": "/no/such"}, {"exec": {"command": "/no/such"}}):
        for said in ({"server": "http://api.example.com"}, {"server": "http://127.0.0.1:1", "proxy-url": "http://b:1"}):
            file = written(tmp_path / "config", config(None, user, **said))
            with pytest.raises(KubeconfigError, match="anyone on the network"):
                connecting.from_kubeconfig(path=file)
    with TlsServer(None) as server:
        for user in ({"token": SECRET}, {}):
            file = written(tmp_path / "config", config(None, user, server=server.url))
            connecting.from_kubeconfig(path=file).transport.get("/api")
        assert server.heard == [(f"Bearer {SECRET}", "/api"), ("", "/api")]
    file = written(tmp_path / "config", config(None, {"as": "alice"}, server="http://api.example.com"))
    assert connecting.from_kubeconfig(path=file).description


@pytest.mark.parametrize("more", [{"certificate-authority": "ca.crt"}, {"certificate-authority-data": "eA=="}])
def test_an_authority_beside_skipped_verification_is_refused(tmp_path: Path, more: dict[str, Any]) -> None:
    """Both at once is a mistake, and kubectl takes it for one."""
    said = {"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": True, **more}
    file = written(tmp_path / "config", config(None, {"token": "x"}, **said))
    with pytest.raises(KubeconfigError, match="contradict each other"):
        connecting.from_kubeconfig(path=file)


@pytest.mark.parametrize(
    "user",
    [
        {"auth-provider": {"name": "oidc", "config": {"client-secret": SECRET, "refresh-token": SECRET}}},
        {"auth-provider": {"config": {"client-secret": SECRET}}},
        {"auth-provider": SECRET},
        {"auth-provider": {"name": "gcp", "config": {"access-token": SECRET, "expiry": SECRET}}},
        {"username": "a", "password": SECRET, "exec": [SECRET]},
    ],
)
def test_an_unusual_user_is_never_shown(tmp_path: Path, user: dict[str, Any]) -> None:
    """Neither in the error nor in what caused it."""
    file = written(tmp_path / "config", config(None, user, server="https://127.0.0.1:1"))
    with pytest.raises((KubeconfigError, UnreachableError)) as caught:
        connecting.from_kubeconfig(path=file).transport.get("/api")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_proxys_password_is_not_shown_where_its_address_is_none(tmp_path: Path) -> None:
    address = f"http://me:{SECRET}@proxy.example.com:99999"
    said = {"server": "https://api.example.com", "proxy-url": address}
    file = written(tmp_path / "config", config(None, {"token": "x"}, **said))
    with pytest.raises(KubeconfigError, match="The proxy cannot be used") as caught:
        connecting.from_kubeconfig(path=file)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


@pytest.mark.filterwarnings("ignore:SOCKS support")
def test_a_socks_proxy_needs_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socks", None)
    monkeypatch.delitem(sys.modules, "urllib3.contrib.socks", raising=False)
    said = {"server": "https://127.0.0.1:1", "proxy-url": "socks5://127.0.0.1:2"}
    file = written(tmp_path / "config", config(None, {"token": "x"}, **said))
    with pytest.raises(KubeconfigError, match="socks") as caught:
        connecting.from_kubeconfig(path=file)
    assert "pip install 'urllib3[socks]'" in caught.value.hint


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_a_write_whose_answer_is_lost_behind_a_proxy_may_have_been_made(
    authority: Authority, *, is_encrypted: bool
) -> None:
    """Urllib3 tells that as it does that a proxy leads nowhere."""
    with TlsServer(authority, answers=False) as server, Proxy(authority if is_encrypted else None) as proxy:
        cluster = {"server": server.url, "certificate-authority": str(authority.certificate_file)}
        transport = Transport(KubeServer(cluster, {}, None, proxy.url), ConnectionOptions(PATIENCE))
        with pytest.raises(OutcomeUnknownError, match="may or may not have been made"):
            transport.post("/api", {})
        assert len(server.heard) == 1
        with pytest.raises(UnreachableError, match="cut before the answer was complete"):
            transport.get("/api")
        assert len(server.heard) == 3  # a read is sent once more


def test_a_child_process_has_connections_of_its_own(authority: Authority) -> None:
    """Two that share one would get each other's answers, and break its encryption."""
    with TlsServer(authority) as server:
        said = {"server": server.url, "certificate-authority": str(authority.certificate_file)}
        there = KubeServer(said, {}, None, None)
        before = there.pool
        child = os.fork()
        if not child:
            os._exit(there.pool is before)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert there.pool is before
