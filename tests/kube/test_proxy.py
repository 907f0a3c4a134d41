"""The proxy on the way to the API server: the one that kubectl would use."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from awsauth.connections import kubernetes as connecting
from awsauth.errors import KubeconfigError, UnreachableError
from awsauth.kube.address import proxy_for
from tests.support.kubeconfigs import SECRET, both_ways, config, who, written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.servers.refusing_proxy import RefusingProxy

pytestmark = pytest.mark.usefixtures("nothing_around")


def reached(file: Path) -> str:
    """Try to get through, and return what is said."""
    connection = connecting.from_kubeconfig(path=file)
    with pytest.raises(UnreachableError) as caught:
        who(connection)
    return str(caught.value)


def test_a_proxy_may_want_a_password(tmp_path: Path, proxy: RefusingProxy) -> None:
    """The kubernetes client sends none."""
    address = proxy.url.replace("//", f"//me:{SECRET}@")
    content = config(None, {"token": "x"}, server="https://nowhere.invalid", **{"proxy-url": address})
    assert SECRET not in reached(written(tmp_path / "config", content))
    assert f"Basic {b64encode(f'me:{SECRET}'.encode()).decode()}" in proxy.heard[0]


@pytest.mark.parametrize("address", ["ftp://proxy:1", "http://[::1", "://"])
@both_ways
def test_a_proxy_that_is_none_is_told(tmp_path: Path, address: str) -> None:
    content = config(None, {"token": "x"}, server="https://nowhere.invalid", **{"proxy-url": address})
    with pytest.raises(KubeconfigError, match="cannot be used"):
        connecting.from_kubeconfig(path=written(tmp_path / "config", content))


@pytest.mark.parametrize(
    ("excepted", "address", "is_proxied"),
    [
        ("", "https://a.example.com", True),
        ("*", "https://a.example.com", False),
        ("example.com", "https://a.example.com", False),
        ("example.com", "https://example.com", False),
        (".example.com", "https://example.com", True),
        (".example.com, *.b.org", "https://a.b.org", False),
        ("ample.com", "https://example.com", True),
        ("EXAMPLE.com:443", "https://a.example.com", False),
        ("example.com:6443", "https://a.example.com", True),
        ("10.0.0.0/8", "https://10.1.2.3", False),
        ("10.0.0.0/8,x/y", "https://11.1.2.3", True),
        ("10.1.2.3:443", "https://10.1.2.3", False),
        ("10.1.2.3", "https://10.1.2.3:6443", False),
        ("10.1.2", "https://10.1.2.3", True),
        ("[fd00::1]:443", "https://[fd00::1]", False),
        ("fd00::1", "https://[fd00::1]", False),
        ("fd00::/8", "https://[fd00::1]", False),
        (", ,", "https://a.example.com", True),
        ("", "https://localhost", False),
        ("", "https://127.9.9.9:6443", False),
        ("", "https://[::1]", False),
        ("", "http://a.example.com", False),
        ("", "https://[", False),
    ],
)
def test_who_is_excepted_from_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, excepted: str, address: str, *, is_proxied: bool
) -> None:
    """As Go does it."""
    monkeypatch.setenv("https_proxy", "proxy:3128")
    monkeypatch.setenv("no_proxy", excepted)
    assert proxy_for(address) == ("http://proxy:3128" if is_proxied else None)
