"""Kubeconfigs that lead to a real API server."""

from __future__ import annotations

import os
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from awsauth.connections import kubernetes as connecting
from awsauth.errors import KubeconfigError
from awsauth.kube import kubeconfig
from tests.support.kubeconfigs import SECRET, both_ways, config, who, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.controlplane.cluster import Cluster

pytestmark = pytest.mark.usefixtures("nothing_around")


def test_of_several_files_the_first_that_says_something_is_right(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in kubectl, which is asked the same."""
    alice, bob = cluster.user(), cluster.user()
    first = config(cluster, {"token": alice.token}, "one")
    first["users"].append({"name": "shared", "user": {"token": alice.token}})
    second = config(cluster, {"token": bob.token}, "two")
    second["users"].append({"name": "shared", "user": {"token": bob.token}})
    second["contexts"].append({"name": "shared", "context": {"cluster": "one", "user": "shared"}})
    files = [tmp_path / "missing", written(tmp_path / "a", first), written(tmp_path / "b", second)]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(["", *map(str, files)]))
    assert who(connecting.from_default_kubeconfig()) == alice.name
    assert who(connecting.from_kubeconfig("two")) == bob.name
    assert who(connecting.from_kubeconfig("shared")) == alice.name
    for context, user in (("one", alice), ("two", bob), ("shared", alice)):
        said = cluster.kubectl(
            "--context", context, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}",
            kubeconfig=Path(os.environ["KUBECONFIG"]),
        )  # fmt: skip
        assert said.stdout == user.name


def test_paths_are_relative_to_the_file_that_they_stand_in(cluster: Cluster, tmp_path: Path) -> None:
    user = cluster.user()
    written(tmp_path / "sub" / "token", user.token + "\n")
    (tmp_path / "sub" / "ca.crt").write_bytes(cluster.ca_file.read_bytes())
    content = config(cluster, {"tokenFile": "token"}, **{"certificate-authority": "ca.crt"})
    assert who(connecting.from_kubeconfig(path=written(tmp_path / "sub" / "config", content))) == user.name


@pytest.mark.parametrize(
    ("user", "problem"),
    [
        (
            {"client-certificate-data": b64encode(b"x").decode(), "client-key-data": b64encode(b"x").decode()},
            "client-certificate and client-key",
        ),
        ({"client-certificate-data": "x", "client-key-data": "x"}, "client-certificate-data"),
        ({"client-certificate": "/no/such/file", "client-key": "/no/such/file"}, "client-certificate and client-key"),
        ({"client-certificate": "/no/such/file"}, "client-key"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_told(
    cluster: Cluster, tmp_path: Path, user: dict[str, Any], problem: str
) -> None:
    """At once; by the kubernetes client only when it connects."""
    with pytest.raises(KubeconfigError, match=rf"(^|: ){problem} cannot be used: "):
        connecting.from_kubeconfig(path=written(tmp_path / "config", config(cluster, user)))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "---\n",
        lambda text: text + "---\nusers: 5\n",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text + "extensions:\n- {name: 12:30, extension: 2024-01-01}\n- {name: =}\n",
        lambda text: text.replace("it", "2024-01-01"),
        lambda text: text.replace("it", "12:30"),
        lambda text: text.replace("users:\n", "users:\n- user: {token: nobody}\n"),
        lambda text: text.replace("  cluster:\n    server", "  cluster:\n    a-field-of-tomorrow: {}\n    server"),
    ],
)
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_kubeconfig_that_kubectl_reads_is_read(
    cluster: Cluster, tmp_path: Path, change: Callable[[str], str], codec: str
) -> None:
    text = yaml.safe_dump(config(None, {"token": "x"}, server="https://127.0.0.1:1"), default_flow_style=False)
    (tmp_path / "config").write_bytes(change(text).encode(codec))
    assert connecting.from_kubeconfig(path=tmp_path / "config").transport.host == "https://127.0.0.1:1"
    assert "https://127.0.0.1:1" in cluster.kubectl("config", "view", "--minify", kubeconfig=tmp_path / "config").stdout


def test_a_context_that_is_not_there_is_told_with_those_that_are(cluster: Cluster, tmp_path: Path) -> None:
    file = written(tmp_path / "config", config(cluster, {}, "kind-dev"))
    with pytest.raises(KubeconfigError, match=r"no context `prod`(?s:.*)Name one of these contexts: `kind-dev`\."):
        connecting.from_kubeconfig("prod", file)
    content = config(cluster, {}, "kind-dev")
    del content["current-context"]
    with pytest.raises(KubeconfigError, match=r"No context is current(?s:.*)Name one of these contexts: `kind-dev`\."):
        connecting.from_kubeconfig(path=written(tmp_path / "config", content))


@pytest.mark.parametrize(("part", "message"), [("clusters", "leads to no cluster"), ("users", "names the user `it`")])
def test_a_context_that_leads_nowhere_is_told(cluster: Cluster, tmp_path: Path, part: str, message: str) -> None:
    content = config(cluster, {"token": "x"}) | {part: []}
    with pytest.raises(KubeconfigError, match=message):
        connecting.from_kubeconfig(path=written(tmp_path / "config", content))


@pytest.mark.parametrize("more", [{"certificate-authority": "/no/such/file"}, {"certificate-authority-data": "x"}])
@both_ways
def test_a_cluster_whose_certificates_cannot_be_read_is_told(
    cluster: Cluster, tmp_path: Path, more: dict[str, str]
) -> None:
    content = config(cluster, {"token": "x"}, **more)
    with pytest.raises(KubeconfigError, match="cannot be used"):
        connecting.from_kubeconfig(path=written(tmp_path / "config", content))


@both_ways
def test_nothing_of_a_kubeconfig_is_shown_by_accident(cluster: Cluster, tmp_path: Path) -> None:
    file = written(tmp_path / "config", config(cluster, {"token": SECRET}))
    merged = kubeconfig.read_kubeconfig([file])
    connection = connecting.from_kubeconfig(path=file)
    assert SECRET not in f"{merged!r} {merged.destination()!r} {connection!r}"
