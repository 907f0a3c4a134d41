"""A proxy in front of a real API server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from awsauth.connections import kubernetes as connecting
from awsauth.errors import UnreachableError
from tests.support.kubeconfigs import both_ways, config, who, written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.controlplane.cluster import Cluster
    from tests.support.servers.refusing_proxy import RefusingProxy

pytestmark = pytest.mark.usefixtures("nothing_around")


def reached(file: Path) -> str:
    """Try to get through, and return what is said."""
    connection = connecting.from_kubeconfig(path=file)
    with pytest.raises(UnreachableError) as caught:
        who(connection)
    return str(caught.value)


@both_ways
def test_the_proxy_is_the_one_that_kubectl_would_use(
    cluster: Cluster, tmp_path: Path, proxy: RefusingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    file = written(tmp_path / "config", config(None, {"token": "x"}, server="https://nowhere.invalid"))
    assert "The proxy does not lead to the API server: Tunnel connection failed: 403 Forbidden" in reached(file)
    assert proxy.asked == ["CONNECT nowhere.invalid:443"]
    monkeypatch.setenv("NO_PROXY", "example.com,.invalid")
    assert "cannot be resolved" in reached(file)
    assert len(proxy.asked) == 1
    # The kubeconfig's own is used in any case.
    content = config(None, {"token": "x"}, server="https://nowhere.invalid", **{"proxy-url": proxy.url})
    assert "The proxy does not lead" in reached(written(tmp_path / "config", content))
    assert len(proxy.asked) == 2
    # And to this machine, none of the environment's.
    assert who(connecting.from_kubeconfig(path=cluster.kubeconfig)) == "admin"
    assert len(proxy.asked) == 2
