"""What all tests share: the real documents, the authenticator's own reader, and a real control plane.

A machine without Go runs the rest of the tests, and says what it skipped and why; in CI (where ``CI`` or
``AWSAUTH_REQUIRE_ORACLE`` is set to something) that is an error.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support.authenticator.authenticator import Authenticator
from tests.support.authenticator.oracle_binary import oracle_binary
from tests.support.go_programs import NoGoError
from tests.support.kubeconfigs import WAYS
from tests.support.missing import skip_but_in_ci
from tests.support.paths import PROJECT
from tests.support.servers.refusing_proxy import RefusingProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.document.model import Key, ParsedList
    from awsauth.kube.transport import Transport
    from tests.support.controlplane.cluster import Cluster
    from tests.support.controlplane.metadata import InstanceMetadata
    from tests.support.controlplane.plane import ControlPlane
    from tests.support.named_cluster import NamedCluster
    from tests.support.servers.relay import Relay

_BUILT = {"live": "control_plane", "oracle": "authenticator"}
"""By marker, the fixture that needs programs in Go."""

_LONG = (
    *("test_concurrent_writers.py", "test_controlplane.py"),
    *("test_migration.py", "test_migration_kills.py", "test_pages.py", "test_team_examples.py"),
)

# Without bytecode, each of the many processes that tests start would compile the package anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# No law is about the speed of the machine, so no example has a deadline.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", _UNTIMED, max_examples=100)
settings.register_profile("ci", _UNTIMED, max_examples=500, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Take the options of pytest-xdist that pyproject.toml gives, also where that is switched off."""
    if not pluginmanager.hasplugin("xdist"):
        parser.addoption("--numprocesses", help="ignored without pytest-xdist")
        parser.addoption("--dist", help="ignored without pytest-xdist")


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a long text in the name of a test by its beginning and its length."""
    return f"{val[:40]!r} and so on, {len(val)}" if isinstance(val, (str, bytes)) and len(val) > 200 else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests by their fixtures, and sort them by what has to be built for them.

    One process does the fast tests first. Of several, the first one begins to build at once, and the others do the fast
    tests in the meantime. What takes longest comes first then: at the end, a process would wait for it.
    """
    for item in items:
        for marker, fixture in _BUILT.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)
    items.sort(key=_work, reverse=hasattr(config, "workerinput"))


def _work(item: pytest.Item) -> int:
    if item.get_closest_marker("live"):
        return 3 if item.path.name in _LONG else 2
    return 1 if item.get_closest_marker("oracle") else 0


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Return the folder of real documents, named by AWSAUTH_CORPUS or beside the clone."""
    folder = Path(os.environ.get("AWSAUTH_CORPUS") or PROJECT.parent / "shared" / "corpus")
    if not (folder / "INDEX.tsv").is_file():
        skip_but_in_ci(f"no corpus of real documents in {folder}: name it in AWSAUTH_CORPUS")
    return folder


@pytest.fixture(scope="session")
def readable(corpus: Path) -> list[tuple[str, dict[Key, ParsedList]]]:
    """Return the real documents that the authenticator reads without complaint, by file."""
    from awsauth.core.document.document import parse_list
    from awsauth.core.document.model import KEYS

    lines = (corpus / "expected.jsonl").read_text(encoding="utf-8").split("\n")
    answered = [line for line in map(json.loads, filter(None, lines)) if "result" in line]
    return [
        (line["file"], {key: parse_list(key, line["data"].get(key)) for key in KEYS})
        for line in answered
        if "error" not in line["result"]
    ]


@pytest.fixture(scope="session")
def cases() -> Path:
    """Return the folder of reported documents, named by AWSAUTH_CASES or beside the clone."""
    folder = Path(os.environ.get("AWSAUTH_CASES") or PROJECT.parent / "shared" / "cases")
    if not (folder / "CASES.md").is_file():
        skip_but_in_ci(f"no documents from reports in {folder}: name it in AWSAUTH_CASES")
    return folder


@pytest.fixture(scope="session")
def authenticator(request: pytest.FixtureRequest) -> Iterator[Authenticator]:
    """Yield the authenticator's own reader; skip where there is no Go to build it, other than in CI."""
    with _building(request, "the authenticator cannot be built to compare with"):
        binary = oracle_binary()
    with Authenticator(binary) as authenticator:
        yield authenticator


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """Yield a control plane for the tests of this process; skip where there is no Go to build it, other than in CI."""
    # They take a second to import, and most runs of a few tests do not need them.
    from tests.support.controlplane.plane import ControlPlane
    from tests.support.controlplane.programs import programs

    with _building(request, "the control plane cannot be built"):
        built = programs()
    with ControlPlane(built) as plane:
        yield plane


@pytest.fixture
def cluster(control_plane: ControlPlane, tmp_path: Path) -> Cluster:
    """Return the control plane's cluster as it was in the beginning: without ``aws-auth`` and anything of tests."""
    from tests.support.controlplane.cluster import Cluster

    return Cluster(control_plane, tmp_path)


@pytest.fixture
def instance(control_plane: ControlPlane) -> Iterator[InstanceMetadata]:
    """Yield the metadata service of an EC2 instance that wears no role yet."""
    from tests.support.controlplane.metadata import InstanceMetadata

    with InstanceMetadata(control_plane.aws) as instance:
        yield instance


@pytest.fixture
def named(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[NamedCluster]:
    """Yield the cluster as EKS knows it, by its name."""
    from tests.support.named_cluster import named_cluster

    with named_cluster(cluster, monkeypatch, tmp_path) as known:
        yield known


@pytest.fixture
def relay(cluster: Cluster) -> Iterator[Relay]:
    """Yield a relay in front of the cluster's API server."""
    from tests.support.servers.relay import Relay

    with Relay(cluster.server, cluster.ca_file) as relay:
        yield relay


@pytest.fixture
def transport(relay: Relay, cluster: Cluster) -> Iterator[Transport]:
    """Yield a transport that goes through the relay, as an administrator."""
    from tests.support.connections import transport_to

    transport = transport_to(relay.url, cluster.admin_token)
    yield transport
    transport.close()


@pytest.fixture
def nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide what this machine has of kubeconfigs, proxies and service accounts."""
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
    for name in (*proxies, *map(str.lower, proxies), "KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture(params=WAYS)
def by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return by way of which library kubeconfigs are used: all that connects does the same by both."""
    from awsauth.connections import kubernetes as connecting

    if request.param == "kubernetes":
        monkeypatch.setattr(connecting, "can_serve_kubeconfig", lambda *_: False)
    way: str = request.param
    return way


@pytest.fixture
def proxy() -> Iterator[RefusingProxy]:
    """Yield a proxy that refuses everything."""
    proxy = RefusingProxy()
    yield proxy
    proxy.close()


@contextmanager
def _building(request: pytest.FixtureRequest, without_go: str) -> Iterator[None]:
    capture = request.config.pluginmanager.getplugin("capturemanager")
    try:
        # The first build takes minutes: whoever waits should see why.
        with capture.global_and_fixture_disabled():
            yield
    except NoGoError as error:
        if os.environ.get("AWSAUTH_REQUIRE_ORACLE"):
            raise
        skip_but_in_ci(f"{without_go}: {error}")
