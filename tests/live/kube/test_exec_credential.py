"""Exec credential plugins of kubeconfigs, with a real API server."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from awsauth.connections import kubernetes as connecting
from awsauth.errors import AuthenticationError, KubeconfigError
from tests.support.kubeconfigs import SECRET, both_ways, config, plugin, printing, runs, who, written
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.controlplane.cluster import Cluster

pytestmark = pytest.mark.usefixtures("nothing_around")


@both_ways
def test_a_programs_token_is_used_until_it_expires(cluster: Cluster, tmp_path: Path) -> None:
    user = cluster.user()
    for lasts, expected in ((timedelta(hours=1), 1), (timedelta(seconds=-1), 3), (None, 1)):
        (tmp_path / "plugin.py.runs").unlink(missing_ok=True)
        end = {"expirationTimestamp": (datetime.now(timezone.utc) + lasts).isoformat()} if lasts is not None else {}
        content = config(cluster, plugin(tmp_path, printing({"token": user.token, **end})))
        connection = connecting.from_kubeconfig(path=written(tmp_path / "config", content))
        assert [who(connection), who(connection)] == [user.name] * 2
        assert runs(tmp_path) == expected


@both_ways
def test_a_programs_token_that_is_refused_is_asked_for_once_more(cluster: Cluster, tmp_path: Path) -> None:
    content = config(cluster, plugin(tmp_path, printing({"token": SECRET})))
    connection = connecting.from_kubeconfig(path=written(tmp_path / "config", content))
    with pytest.raises(AuthenticationError) as caught:
        who(connection)
    assert runs(tmp_path) == 2
    assert SECRET not in f"{caught.value!r}{caught.value}{connection!r}"


@both_ways
def test_a_programs_certificate_is_used(cluster: Cluster, tmp_path: Path) -> None:
    certificate, key = (file.read_text() for file in cluster.plane.authority.issue_to_user("alice"))
    pair = {"clientCertificateData": certificate, "clientKeyData": key}
    content = config(cluster, plugin(tmp_path, printing(pair)))
    assert who(connecting.from_kubeconfig(path=written(tmp_path / "config", content))) == "alice"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import sys; sys.exit('no \\x1b[31msession\\nlog in')", r"ended with 1, and its message is not shown"),
        ("print('oops')", "is not an ExecCredential"),
        ("print('{}')", "is not an ExecCredential"),
        ("print('{')", "it is not YAML at line 2"),
        ("print(chr(0))", "it is not YAML"),
        ("import sys; sys.stdout.buffer.write(b'\\xff')", "it is not text in UTF-8"),
        (printing({}), "neither a token nor a certificate"),
        (printing({"token": 5}), "neither a token nor a certificate"),
        (printing({"token": "x", "expirationTimestamp": "soon"}), "`expirationTimestamp` that is not a time"),
        (printing({"token": "x"}).replace("/v1", "/v1beta1"), "another `apiVersion`"),
    ],
)
def test_a_program_that_gives_no_credentials_is_told_with_what_it_says(
    cluster: Cluster, tmp_path: Path, script: str, message: str
) -> None:
    file = written(tmp_path / "config", config(cluster, plugin(tmp_path, script)))
    with pytest.raises(KubeconfigError, match=message):
        connecting.from_kubeconfig(path=file)


def test_a_program_that_is_not_there_is_told_with_how_to_get_it(cluster: Cluster, tmp_path: Path) -> None:
    user = plugin(tmp_path, "", command="no-such-program", installHint="Install it from here.\n")
    with pytest.raises(
        KubeconfigError, match=r"`no-such-program`, gave no credentials: there is no such program"
    ) as caught:
        connecting.from_kubeconfig(path=written(tmp_path / "config", config(cluster, user)))
    assert str(caught.value).endswith("\nInstall it from here.")


def test_a_program_is_told_what_kubectl_tells_it(cluster: Cluster, tmp_path: Path) -> None:
    user = cluster.user()
    tell = (
        "import json, os\n"
        "told = json.loads(os.environ['KUBERNETES_EXEC_INFO']), os.environ['MORE']\n"
        "open(__file__ + '.told', 'a').write(json.dumps(told) + '\\n')\n"
    )
    stanza = plugin(tmp_path, tell + printing({"token": user.token}))["exec"]
    stanza |= {"provideClusterInfo": True, "interactiveMode": "Never", "env": [{"name": "MORE", "value": "x"}]}
    extensions = [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "a"}}, {"name": "b"}]
    more: dict[str, Any] = {"tls-server-name": "127.0.0.1", "extensions": extensions}
    file = written(tmp_path / "config", config(cluster, {"exec": stanza}, **more))
    assert who(connecting.from_kubeconfig(path=file)) == user.name
    cluster.kubectl("auth", "whoami", kubeconfig=file)
    ours, kubectls = (tmp_path / "plugin.py.told").read_text().splitlines()[:2]
    assert json.loads(ours) == json.loads(kubectls)
    assert json.loads(ours)[1] == "x"


def test_what_is_piped_into_this_process_is_not_for_a_program(cluster: Cluster, tmp_path: Path) -> None:
    """Nor is the kubernetes package needed to run one."""
    user = plugin(tmp_path, "import sys; sys.stdin.read()\n" + printing({"token": "x"}), interactiveMode="IfAvailable")
    file = written(tmp_path / "config", config(cluster, user))
    code = (
        "import sys; from awsauth.connections.kubernetes import from_kubeconfig; from_kubeconfig(path=sys.argv[1])\n"
        "print(sys.stdin.read(), 'kubernetes' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(file)]
    done = subprocess.run(command, input="for us", capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert (done.stdout, runs(tmp_path)) == ("for us False\n", 1)
