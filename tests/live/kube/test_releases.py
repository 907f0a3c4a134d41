"""The installed releases of the libraries that connect do what every allowed release has to do."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from tests.releases.trial import LIBRARIES, tried

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.controlplane.cluster import Cluster
    from tests.support.servers.refusing_proxy import RefusingProxy


def test_the_installed_releases_connect_change_and_fail_as_they_should(
    cluster: Cluster, tmp_path: Path, proxy: RefusingProxy
) -> None:
    result, right = tried(cluster, tmp_path / "kubeconfigs", proxy)
    assert result == right | {"releases": {name: version(name) for name in LIBRARIES}}
    assert proxy.asked == ["CONNECT nowhere.invalid:443"] * 2
