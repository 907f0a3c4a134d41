"""Programs that a kubeconfig names for credentials: run as kubectl runs them, and told when they give none."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from awsauth.connections import kubernetes as connecting
from awsauth.errors import KubeconfigError, UnreachableError
from awsauth.options import ConnectionOptions
from tests.support.kubeconfigs import SECRET, both_ways, config, plugin, printing, written
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("nothing_around")


def test_a_program_is_looked_for_where_kubectl_looks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path beside the kubeconfig; a name in the folders of PATH, but never just here."""
    here = tmp_path / "here"
    (tmp_path / "bin").mkdir()
    here.mkdir()
    script = f"#!{sys.executable}\nimport os; assert os.getcwd() == {str(here)!r}\n" + printing({"token": "x"})
    for file in (tmp_path / "bin" / "it", here / "it"):
        file.write_text(script, encoding="utf-8")
        file.chmod(0o755)
    monkeypatch.chdir(here)

    def connect(command: str, path: str) -> None:
        monkeypatch.setenv("PATH", path)
        user = plugin(tmp_path, "", command=command, args=None)
        content = config(None, user, server="https://127.0.0.1:1")
        connecting.from_kubeconfig(path=written(tmp_path / "config", content))

    connect("bin/it", "")
    connect("it", str(tmp_path / "bin"))
    for path in (".", "", f":{os.defpath}"):
        with pytest.raises(KubeconfigError, match=r"in the current folder|no such program"):
            connect("it", path)
    with pytest.raises(KubeconfigError, match="no such program"):
        connect("./it", "")


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"interactiveMode": "Always"}, "needs a terminal"),
        ({"interactiveMode": "Sometimes"}, "`interactiveMode` is not one of"),
        ({"apiVersion": "v1"}, "`apiVersion` is not one of"),
        ({"command": ""}, "names no `command`"),
        ({"command": 5}, "names no `command`"),
        ({"args": "x"}, "`args` are not a list"),
        ({"args": [5]}, "`args` are not a list"),
        ({"env": {"a": "b"}}, "`env` is not a list"),
        ({"env": ["a"]}, "`env` is not a list"),
        ({"env": [{"name": "a=\0", "value": "b"}]}, "null byte|illegal environment"),
    ],
)
def test_a_program_that_cannot_be_run_is_told(tmp_path: Path, more: dict[str, Any], problem: str) -> None:
    user = plugin(tmp_path, printing({"token": "x"}), **more)
    file = written(tmp_path / "config", config(None, user, server="https://127.0.0.1:1"))
    with pytest.raises(KubeconfigError, match=f"gave no credentials: .*(?:{problem})"):
        connecting.from_kubeconfig(path=file)


def test_what_a_failed_program_says_is_in_no_error(tmp_path: Path) -> None:
    user = plugin(tmp_path, "import sys; sys.exit('password=hunter2')")
    file = written(tmp_path / "config", config(None, user, server="https://127.0.0.1:1"))
    with pytest.raises(KubeconfigError, match="it ended with 1, and its message is not shown") as caught:
        connecting.from_kubeconfig(path=file)
    told = "".join(traceback.format_exception(caught.value))
    assert ("hunter2" in told, "kubectl version" in caught.value.hint) == (False, True)


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ("extensions: 5", "`extensions`, which it gets, are not a list"),
        ("extensions: {a: b}", "`extensions`, which it gets, are not a list"),
    ],
)
def test_a_program_that_cannot_be_told_of_the_cluster_is_told(tmp_path: Path, told: str, problem: str) -> None:
    user = plugin(tmp_path, printing({"token": "x"}), provideClusterInfo=True)
    text = yaml.safe_dump(config(None, user, server="https://127.0.0.1:1"))
    text = text.replace("    server:", f"    {told}\n    server:")
    with pytest.raises(KubeconfigError, match=f"gave no credentials: .*{problem}"):
        connecting.from_kubeconfig(path=written(tmp_path / "config", text))


@pytest.mark.parametrize(
    "pair",
    [{"clientCertificateData": 5, "clientKeyData": [1]}, {"clientCertificateData": "\ud800", "clientKeyData": "x"}],
)
def test_a_program_whose_certificate_is_no_text_is_told(tmp_path: Path, pair: dict[str, Any]) -> None:
    value = config(None, plugin(tmp_path, printing(pair)), server="https://127.0.0.1:1")
    with pytest.raises(KubeconfigError, match="neither a token nor a certificate"):
        connecting.from_kubeconfig(path=written(tmp_path / "config", value))


def test_a_token_that_has_expired_since_the_year_1_is_one_that_has_expired(tmp_path: Path) -> None:
    status = {"token": SECRET, "expirationTimestamp": "0001-01-01T00:00:00Z"}
    value = config(None, plugin(tmp_path, printing(status)), server="https://127.0.0.1:1")
    connection = connecting.from_kubeconfig(path=written(tmp_path / "config", value))
    with pytest.raises(UnreachableError):
        connection.transport.get("/api")


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("import time; time.sleep(600)", r"it did not end within 0\.3 seconds"),
        ("import os; os.close(1); os.close(2); import time; time.sleep(600)", r"it did not end within 0\.3 seconds"),
        (
            "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(9)'])",
            "did not end",
        ),
        ("while True: print('x' * 65_536)", "it prints more than 1 MiB"),
        ("import sys\nwhile True: sys.stderr.write('x' * 65_536)", "it did not end within"),
        ("print('[' * 100_000)", "it is not YAML|nested"),
        ("print('9' * 5_000)", "is not an ExecCredential"),
    ],
)
@both_ways
def test_a_program_that_hangs_or_floods_is_ended_and_told(tmp_path: Path, script: str, problem: str) -> None:
    value = config(
        None,
        plugin(tmp_path, f"import os; open(__file__ + '.pid', 'w').write(str(os.getpid()))\n{script}"),
        server="https://127.0.0.1:1",
    )
    timeout = 0.3 if "did not end" in problem else PATIENCE
    with pytest.raises(KubeconfigError, match=f"gave no credentials: .*(?:{problem})"):
        connecting.from_kubeconfig(path=written(tmp_path / "config", value), options=ConnectionOptions(timeout))
    # On a busy machine it may be ended before it has written its number.
    started = tmp_path / "plugin.py.pid"
    number = started.read_text() if started.exists() else ""
    if number:
        with pytest.raises(ProcessLookupError):
            os.kill(int(number), 0)
