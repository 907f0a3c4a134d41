"""Reading kubeconfigs: what kubectl reads in them, and what is said of those that lead nowhere."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.client import ApiClient, Configuration

from awsauth.connections import kubernetes as connecting
from awsauth.errors import KubeconfigError, UsageError
from awsauth.kube import kubeconfig, official_client as client_server
from tests.support.kubeconfigs import SECRET, config, written

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("nothing_around")


def test_a_list_of_no_kubeconfigs_is_one_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where all variables are empty that it was made of: kubectl does not look into the home folder then."""
    monkeypatch.setenv("KUBECONFIG", os.pathsep)
    assert kubeconfig.default_paths() == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"users:\n- name: a\n  user: {{token: {SECRET}\n", r"it is not YAML at line \d+, column \d+"),
        ("- a\n", "it is not a mapping"),
        ("clusters: {a: b}\n", "its list of clusters"),
        (f"users:\n- name: 5\n  user: {{token: {SECRET}}}\n", "its list of users"),
        (f"users:\n- name: a\n  user: {{token: !!int {SECRET}}}\n", r"it is not YAML at line 3, column \d+\."),
        (f"users:\n- name: a\n  user: {{token: *{SECRET}}}\n", r"it is not YAML at line 3, column \d+\."),
        ("users: 5\n", "its list of users"),
        (f"users: [{{name: a, user: {{token: {SECRET}}}}}, {{name: a}}]\n", "its list of users holds `a` twice"),
        ("users: [5]\n", "its list of users"),
        ("contexts:\n- {name: a, context: b}\n", "its list of contexts"),
        ("\0", "it is not YAML"),
    ],
)
def test_a_kubeconfig_that_cannot_be_read_is_told_and_not_shown(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(KubeconfigError, match=message) as caught:
        connecting.from_kubeconfig(path=written(tmp_path / "config", content))
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert str(tmp_path / "config") in str(caught.value)


def test_a_kubeconfig_that_is_nested_without_end_does_not_end_the_process(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="it is not YAML at line 1, column 101"):
        kubeconfig.read_kubeconfig([written(tmp_path / "config", "[" * 50_000)])


def test_a_tag_that_does_not_fit_its_value_is_told(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="it is not YAML") as error:
        kubeconfig.read_kubeconfig([written(tmp_path / "config", f"users: [!!bool {SECRET}]")])
    assert SECRET not in str(error.value)


def test_the_check_of_certificates_is_not_turned_off_by_a_text(tmp_path: Path) -> None:
    value = config(None, {}, server="https://127.0.0.1:1", **{"insecure-skip-tls-verify": "false"})
    with pytest.raises(KubeconfigError, match="is not a boolean"):
        connecting.from_kubeconfig(path=written(tmp_path / "config", value))


def test_a_folder_in_place_of_a_kubeconfig_is_told(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="Is a directory"):
        connecting.from_kubeconfig(path=tmp_path)


def test_a_kubeconfig_that_cannot_even_be_looked_for_is_told() -> None:
    with pytest.raises(KubeconfigError, match="File name too long"):
        connecting.from_kubeconfig(path="x" * 5000)


def test_an_account_without_a_home_has_no_kubeconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under a number without a name."""
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    with pytest.raises(KubeconfigError, match="There is no kubeconfig with a context"):
        connecting.from_default_kubeconfig()


def test_without_anything_it_is_told_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KubeconfigError, match=r"\.kube/config: There is no kubeconfig with a context"):
        connecting.from_default_kubeconfig()
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))
    with pytest.raises(KubeconfigError, match="nowhere: There is no kubeconfig with a context"):
        connecting.from_default_kubeconfig()
    with pytest.raises(KubeconfigError, match="nowhere: There is no kubeconfig"):
        connecting.from_kubeconfig()
    with pytest.raises(KubeconfigError, match="elsewhere: There is no kubeconfig"):
        connecting.from_kubeconfig(path=tmp_path / "elsewhere")


@pytest.mark.parametrize("options", [{"context": ""}, {"path": " "}, {"context": "\t", "path": "x"}])
def test_an_empty_name_is_no_name(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="is empty"):
        connecting.from_kubeconfig(**options)


@pytest.mark.parametrize(
    ("cluster_says", "user_says", "is_known"),
    [
        ({}, {"token": "x", "as": "alice"}, True),
        ({"proxy-url": "http://127.0.0.1:1"}, {"token": "x"}, True),
        ({}, {"auth-provider": {"name": "oidc"}}, False),
        ({}, {"username": "a", "password": "b"}, False),
        ({}, {"token": 5}, False),
        ({"proxy-url": 5}, {}, False),
        ({"a-field-of-tomorrow": {}}, {"another": "x"}, True),
        ({"proxy-url": "socks5://127.0.0.1:1"}, {}, False),
        ({"proxy-url": "127.0.0.1:1"}, {}, False),
    ],
)
def test_what_is_not_known_is_left_to_the_kubernetes_client(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cluster_says: dict[str, Any],
    user_says: dict[str, Any],
    *,
    is_known: bool,
) -> None:
    left: list[kubeconfig.ResolvedContext] = []

    def of_kubeconfig(destination: kubeconfig.ResolvedContext, *_: object) -> client_server.OfficialClientServer:
        left.append(destination)
        return client_server.OfficialClientServer(ApiClient(Configuration(host=destination.cluster["server"])))

    monkeypatch.setattr(client_server, "of_kubeconfig", of_kubeconfig)
    said = {"server": "https://example.com", **cluster_says}
    connection = connecting.from_kubeconfig(path=written(tmp_path / "config", config(None, user_says, **said)))
    assert connection.transport.host == "https://example.com"
    assert len(left) == (not is_known)
