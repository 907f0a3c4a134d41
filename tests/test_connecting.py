"""Connecting: what kubectl would use, every way to credentials, and what is said when there are none."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import traceback
from base64 import b64encode
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import incluster_config

from awsauth import connecting
from awsauth.errors import AuthenticationError, KubeconfigError, UnreachableError, UsageError
from awsauth.kube import client_server, direct_server, kubeconfig
from awsauth.kube.proxy import proxy_for
from tests.connections import WAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from awsauth.connecting import Connection
    from tests.controlplane.cluster import Cluster

REVIEWS: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
SECRET: Final = "s3cret"  # noqa: S105 - looked for in errors
NAMES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide what this machine has of kubeconfigs, proxies and service accounts."""
    for name in (*NAMES, *(name.lower() for name in NAMES), "KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture(params=WAYS)
def by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return by way of which library kubeconfigs are used: all that connects here does the same by both."""
    if request.param == "kubernetes":
        monkeypatch.setattr(direct_server, "is_enough", lambda *_: False)
    way: str = request.param
    return way


both_ways = pytest.mark.usefixtures("by")


def config(cluster: Cluster | None, user: dict[str, Any], name: str = "it", **more: Any) -> dict[str, Any]:
    """Return a kubeconfig with one context."""
    server = {"server": cluster.server, "certificate-authority": str(cluster.ca_file)} if cluster else {}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": server | more}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def written(path: Path, value: Any) -> Path:
    """Write a kubeconfig."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else yaml.safe_dump(value), encoding="utf-8")
    return path


def who(connection: Connection) -> str:
    """Return whom the API server takes us for."""
    review = connection.transport.post(REVIEWS, {}, changes=False)
    connection.close()
    return str(review["status"]["userInfo"]["username"])


@both_ways
def test_a_named_context_of_a_named_file_is_used(cluster: Cluster) -> None:
    connection = connecting.from_kubeconfig(cluster.context, cluster.kubeconfig)
    assert connection.description == f"context {cluster.context} at {cluster.server}"
    assert who(connection) == "admin"
    assert who(connecting.from_kubeconfig(path=str(cluster.kubeconfig))) == "admin"


@both_ways
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
    assert who(connecting.usual()) == alice.name
    assert who(connecting.from_kubeconfig("two")) == bob.name
    assert who(connecting.from_kubeconfig("shared")) == alice.name
    for context, user in (("one", alice), ("two", bob), ("shared", alice)):
        said = cluster.kubectl(
            "--context", context, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}",
            kubeconfig=Path(os.environ["KUBECONFIG"]),
        )  # fmt: skip
        assert said.stdout == user.name


def test_a_list_of_no_kubeconfigs_is_one_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where all variables are empty that it was made of: kubectl does not look into the home folder then."""
    monkeypatch.setenv("KUBECONFIG", os.pathsep)
    assert kubeconfig.usual_files() == ()


@both_ways
def test_the_file_in_the_home_folder_is_the_usual_one(cluster: Cluster, tmp_path: Path) -> None:
    user = cluster.user()
    written(tmp_path / "home" / ".kube" / "config", config(cluster, {"token": user.token}))
    assert who(connecting.usual()) == user.name


@both_ways
def test_paths_are_relative_to_the_file_that_they_stand_in(cluster: Cluster, tmp_path: Path) -> None:
    user = cluster.user()
    written(tmp_path / "sub" / "token", user.token + "\n")
    (tmp_path / "sub" / "ca.crt").write_bytes(cluster.ca_file.read_bytes())
    content = config(cluster, {"tokenFile": "token"}, **{"certificate-authority": "ca.crt"})
    assert who(connecting.from_kubeconfig(path=written(tmp_path / "sub" / "config", content))) == user.name


@both_ways
def test_a_token_file_is_read_again_when_it_was_renewed(cluster: Cluster, tmp_path: Path) -> None:
    first, second = cluster.user(), cluster.user()
    file = written(tmp_path / "token", first.token)
    content = config(cluster, {"tokenFile": str(file)})
    connection = connecting.from_kubeconfig(path=written(tmp_path / "config", content))
    assert who(connection) == first.name
    written(file, second.token + "\n")
    assert who(connection) == second.name
    written(file, " ")
    with pytest.raises(KubeconfigError, match="it is empty"):
        who(connection)
    file.unlink()
    with pytest.raises(KubeconfigError, match="cannot be read"):
        who(connection)


@both_ways
def test_of_a_users_several_credentials_the_same_count_as_for_kubectl(cluster: Cluster, tmp_path: Path) -> None:
    """A token file before a token, unless there is none in it; either, or a certificate, before a program."""
    one, other = cluster.user(), cluster.user()
    certificate, key = cluster.plane.authority.issue_to_user("alice")
    pair = {"client-certificate": str(certificate), "client-key": str(key)}
    file = written(tmp_path / "token", one.token)
    from_program = plugin(tmp_path, printing({"token": other.token}))

    def known_as(user: dict[str, Any]) -> str:
        connection = connecting.from_kubeconfig(path=written(tmp_path / "config", config(cluster, user)))
        return who(connection)

    assert known_as({"tokenFile": str(file), "token": other.token}) == one.name
    assert known_as({"tokenFile": "/no/such/file", "token": other.token}) == other.name
    assert known_as({"tokenFile": "", "token": other.token, "client-certificate": None}) == other.name
    assert known_as({"tokenFile": str(file), **from_program}) == one.name
    assert known_as({"token": one.token, **from_program}) == one.name
    assert known_as({**pair, **from_program}) == "alice"
    assert not (tmp_path / "plugin.py.runs").exists()
    assert known_as(from_program) == other.name
    # The API server asks for the certificate first.
    certificate_and_token = {
        "token": other.token,
        "clientCertificateData": certificate.read_text(),
        "clientKeyData": key.read_text(),
    }
    assert known_as(plugin(tmp_path, printing(certificate_and_token))) == "alice"


def plugin(tmp_path: Path, script: str, **more: Any) -> dict[str, Any]:
    """Return a user whose credentials a Python script prints."""
    file = tmp_path / "plugin.py"
    file.write_text(script, encoding="utf-8")
    api_version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": api_version, "command": sys.executable, "args": [str(file)], **more}}


def printing(status: dict[str, Any]) -> str:
    """Return a script that prints credentials and counts its runs in a file beside it."""
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return f"open(__file__ + '.runs', 'a').write('x')\nprint({json.dumps(credential)!r})\n"


def runs(tmp_path: Path) -> int:
    """Return how often the script was run."""
    return len((tmp_path / "plugin.py.runs").read_text())


def test_a_programs_token_is_used_until_it_expires(cluster: Cluster, tmp_path: Path, by: str) -> None:
    user = cluster.user()
    each_time = 3 if by == "urllib3" else 4  # the kubernetes client asks once more when it is configured
    for lasts, expected in ((timedelta(hours=1), 1), (timedelta(seconds=-1), each_time), (None, 1)):
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


@both_ways
def test_a_certificate_is_used_by_its_file_and_by_what_is_in_it(cluster: Cluster, tmp_path: Path) -> None:
    """As kubeadm and kind write it; what is in the kubeconfig wins over a file."""
    certificate, key = cluster.plane.authority.issue_to_user("alice", "team-a")
    (tmp_path / "alice.crt").write_bytes(certificate.read_bytes())
    files = {"client-certificate": "alice.crt", "client-key": str(key)}
    data = {
        "client-certificate-data": b64encode(certificate.read_bytes()).decode(),
        "client-key-data": b64encode(key.read_bytes()).decode(),
    }
    for user in (files, data, files | {"client-key-data": data["client-key-data"]}, data | {"client-key": "/no/such"}):
        file = written(tmp_path / "config", config(cluster, user))
        connection = connecting.from_kubeconfig(path=file)
        review = connection.transport.post(REVIEWS, {}, changes=False)["status"]["userInfo"]
        assert (review["username"], "team-a" in review["groups"]) == ("alice", True), user


@both_ways
def test_a_certificate_file_is_read_again_for_a_new_connection(cluster: Cluster, tmp_path: Path) -> None:
    certificate, key = tmp_path / "it.crt", tmp_path / "it.key"

    def renewed(username: str) -> None:
        for file, made in zip((certificate, key), cluster.plane.authority.issue_to_user(username), strict=True):
            file.write_bytes(made.read_bytes())

    renewed("alice")
    user = {"client-certificate": str(certificate), "client-key": str(key)}
    connection = connecting.from_kubeconfig(path=written(tmp_path / "config", config(cluster, user)))
    assert who(connection) == "alice"  # and the connection is closed
    renewed("bob")
    assert who(connection) == "bob"


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
    with pytest.raises(KubeconfigError, match=rf"(^|: ){problem} cannot be used: .*Nothing was sent"):
        connecting.from_kubeconfig(path=written(tmp_path / "config", config(cluster, user)))


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import sys; sys.exit('no \\x1b[31msession\\nlog in')", r"ended with 1\. no \\x1b\[31msession"),
        ("print('oops')", "is no ExecCredential"),
        ("print('{}')", "is no ExecCredential"),
        ("print('{')", "it is no YAML at line 2"),
        ("print(chr(0))", "it is no YAML"),
        ("import sys; sys.stdout.buffer.write(b'\\xff')", "it is no text in UTF-8"),
        (printing({}), "neither a token nor a certificate"),
        (printing({"token": 5}), "neither a token nor a certificate"),
        (printing({"token": "x", "expirationTimestamp": "soon"}), "`expirationTimestamp` that it prints is no time"),
        (printing({"token": "x"}).replace("/v1", "/v1beta1"), "another `apiVersion`"),
    ],
)
@both_ways
def test_a_program_that_gives_no_credentials_is_told_with_what_it_says(
    cluster: Cluster, tmp_path: Path, script: str, message: str
) -> None:
    file = written(tmp_path / "config", config(cluster, plugin(tmp_path, script)))
    with pytest.raises(KubeconfigError, match=message) as caught:
        connecting.from_kubeconfig(path=file)
    assert "Nothing was sent" in str(caught.value)


def test_a_program_that_is_not_there_is_told_with_how_to_get_it(cluster: Cluster, tmp_path: Path) -> None:
    user = plugin(tmp_path, "", command="no-such-program", installHint="Install it from here.\n")
    with pytest.raises(KubeconfigError, match=r"`no-such-program`, gives none: there is no such program") as caught:
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
        "import sys; from awsauth import connecting; connecting.from_kubeconfig(path=sys.argv[1])\n"
        "print(sys.stdin.read(), 'kubernetes' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(file)]
    done = subprocess.run(command, input="for us", capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, runs(tmp_path)) == ("for us False\n", 1)


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
        ({"interactiveMode": "Sometimes"}, "`interactiveMode` is none of"),
        ({"apiVersion": "v1"}, "`apiVersion` is none of"),
        ({"command": ""}, "names no `command`"),
        ({"command": 5}, "names no `command`"),
        ({"args": "x"}, "`args` is no list"),
        ({"args": [5]}, "`args` is no list"),
        ({"env": {"a": "b"}}, "`env` is no list"),
        ({"env": ["a"]}, "`env` is no list"),
        ({"env": [{"name": "a=\0", "value": "b"}]}, "null byte|illegal environment"),
    ],
)
def test_a_program_that_cannot_be_run_is_told(tmp_path: Path, more: dict[str, Any], problem: str) -> None:
    user = plugin(tmp_path, printing({"token": "x"}), **more)
    file = written(tmp_path / "config", config(None, user, server="https://127.0.0.1:1"))
    with pytest.raises(KubeconfigError, match=f"gives none: .*(?:{problem})"):
        connecting.from_kubeconfig(path=file)


@both_ways
def test_a_user_of_the_aws_cli_is_let_in_without_the_aws_cli(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = cluster.aws.assume_role("connecting", session_name="session")
    for name, value in (cluster.aws.environment | credentials.environment).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", str(tmp_path))
    mapped = f"- rolearn: {cluster_role(credentials.arn)}\n  username: connected\n  groups: [some]\n"
    cluster.put_aws_auth({"mapRoles": mapped})
    cluster.await_identity(lambda: cluster.eks_token(credentials), lambda identity: identity is not None)
    stanza = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": ["--region", "us-east-1", "eks", "get-token", "--cluster-name", cluster.name, "--output", "json"],
    }
    file = written(tmp_path / "config", config(cluster, {"exec": stanza}))
    assert who(connecting.from_kubeconfig(path=file)) == "connected"


def cluster_role(arn: str) -> str:
    """Return the role of an assumed one."""
    parts = arn.split(":")
    return f"arn:aws:iam::{parts[4]}:role/{parts[5].split('/')[1]}"


@both_ways
def test_the_kubeconfigs_own_impersonation_counts_unless_another_is_asked_for(cluster: Cluster, tmp_path: Path) -> None:
    user = {"token": cluster.admin_token, "as": "alice", "as-groups": ["one"]}
    file = written(tmp_path / "config", config(cluster, user))
    assert who(connecting.from_kubeconfig(path=file)) == "alice"
    assert who(connecting.from_kubeconfig(path=file, as_user="bob", as_groups=["two"])) == "bob"
    for more, problem in (
        ({"as-uid": "7"}, "as-uid"),
        ({"as-groups": 5}, "no list"),
        ({"as-groups": {"a": 1}}, "no list"),
    ):
        file = written(tmp_path / "config", config(cluster, user | more))
        with pytest.raises(KubeconfigError, match=problem):
            connecting.from_kubeconfig(path=file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"users:\n- name: a\n  user: {{token: {SECRET}\n", r"it is no YAML at line \d+, column \d+"),
        ("- a\n", "it is no mapping"),
        ("clusters: {a: b}\n", "its list of clusters"),
        (f"users:\n- name: 5\n  user: {{token: {SECRET}}}\n", "its list of users"),
        (f"users:\n- name: a\n  user: {{token: !{SECRET} x}}\n", r"it is no YAML at line 3, column \d+\."),
        (f"users:\n- name: a\n  user: {{token: *{SECRET}}}\n", r"it is no YAML at line 3, column \d+\."),
        ("users: 5\n", "its list of users"),
        (f"users: [{{name: a, user: {{token: {SECRET}}}}}, {{name: a}}]\n", "its list of users holds `a` twice"),
        ("users: [5]\n", "its list of users"),
        ("contexts:\n- {name: a, context: b}\n", "its list of contexts"),
        ("\0", "it is no YAML"),
    ],
)
def test_a_kubeconfig_that_cannot_be_read_is_told_and_not_shown(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(KubeconfigError, match=message) as caught:
        connecting.from_kubeconfig(path=written(tmp_path / "config", content))
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert str(tmp_path / "config") in str(caught.value)


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


def test_a_kubeconfig_that_is_nested_without_end_does_not_end_the_process(tmp_path: Path) -> None:
    # Newer releases of libyaml stop by themselves.
    with pytest.raises(KubeconfigError, match=r"nested more than 100 levels deep|exceeded maximum nesting depth"):
        kubeconfig.read([written(tmp_path / "config", "[" * 50_000)])


def test_a_tag_that_does_not_fit_its_value_is_told(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="it is no YAML") as error:
        kubeconfig.read([written(tmp_path / "config", f"users: [!!bool {SECRET}]")])
    assert SECRET not in str(error.value)


def test_the_check_of_certificates_is_not_turned_off_by_a_text(tmp_path: Path) -> None:
    value = config(None, {}, server="https://127.0.0.1:1", **{"insecure-skip-tls-verify": "false"})
    with pytest.raises(KubeconfigError, match="is no boolean"):
        connecting.from_kubeconfig(path=written(tmp_path / "config", value))


@both_ways
def test_a_password_in_the_address_is_never_shown(tmp_path: Path) -> None:
    file = written(tmp_path / "config", config(None, {}, server=f"https://me:{SECRET}@127.0.0.1:1"))
    connection = connecting.from_kubeconfig(path=file)
    assert connection.description == "context it at https://127.0.0.1:1"
    with pytest.raises(UnreachableError, match="cannot be reached") as error:
        connection.transport.get("/api")
    assert SECRET not in f"{error.value}{connection}{connection.transport!r}"


@pytest.mark.parametrize(
    "pair",
    [{"clientCertificateData": 5, "clientKeyData": [1]}, {"clientCertificateData": "\ud800", "clientKeyData": "x"}],
)
def test_a_program_whose_certificate_is_no_text_is_told(tmp_path: Path, pair: dict[str, Any]) -> None:
    value = config(None, plugin(tmp_path, printing(pair)), server="https://127.0.0.1:1")
    with pytest.raises(KubeconfigError, match="neither a token nor a certificate"):
        connecting.from_kubeconfig(path=written(tmp_path / "config", value))


@both_ways
def test_a_token_that_has_expired_since_the_year_1_is_one_that_has_expired(tmp_path: Path) -> None:
    status = {"token": SECRET, "expirationTimestamp": "0001-01-01T00:00:00Z"}
    value = config(None, plugin(tmp_path, printing(status)), server="https://127.0.0.1:1")
    connection = connecting.from_kubeconfig(path=written(tmp_path / "config", value))
    with pytest.raises(UnreachableError):
        connection.transport.get("/api")


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
        connecting.usual()


def test_a_context_that_is_not_there_is_told_with_those_that_are(cluster: Cluster, tmp_path: Path) -> None:
    file = written(tmp_path / "config", config(cluster, {}, "kind-dev"))
    with pytest.raises(KubeconfigError, match=r"no context `prod`(?s:.*)There are: `kind-dev`\."):
        connecting.from_kubeconfig("prod", file)
    content = config(cluster, {}, "kind-dev")
    del content["current-context"]
    with pytest.raises(KubeconfigError, match=r"No context is current(?s:.*)There are: `kind-dev`\."):
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


def test_without_anything_it_is_told_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KubeconfigError, match=r"\.kube/config: There is no kubeconfig with a context"):
        connecting.usual()
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))
    with pytest.raises(KubeconfigError, match="nowhere: There is no kubeconfig with a context"):
        connecting.usual()
    with pytest.raises(KubeconfigError, match="nowhere: There is no kubeconfig there"):
        connecting.from_kubeconfig()
    with pytest.raises(KubeconfigError, match="elsewhere: There is no kubeconfig there"):
        connecting.from_kubeconfig(path=tmp_path / "elsewhere")


@pytest.mark.parametrize("options", [{"context": ""}, {"path": " "}, {"context": "\t", "path": "x"}])
def test_an_empty_name_is_no_name(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="is empty; nothing was contacted"):
        connecting.from_kubeconfig(**options)


@pytest.fixture
def pod(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make this process look like one in a pod of the cluster, and return the file with its token."""
    host, port = cluster.server.removeprefix("https://").split(":")
    token = written(tmp_path / "pod" / "token", cluster.user().token)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(cluster.ca_file))
    return token


def test_a_pod_connects_with_its_service_account(cluster: Cluster, pod: Path) -> None:
    connection = connecting.in_cluster()
    assert connection.description == f"this pod's cluster at {cluster.server}"
    assert who(connection).startswith("user-")
    assert who(connecting.usual()) == who(connection)
    pod.unlink()
    with pytest.raises(KubeconfigError, match="Service token file does not exist"):
        connecting.in_cluster()


@both_ways
def test_a_kubeconfig_beats_the_pods_service_account(cluster: Cluster, pod: Path, tmp_path: Path) -> None:
    user = cluster.user()
    written(tmp_path / "home" / ".kube" / "config", config(cluster, {"token": user.token}))
    assert who(connecting.usual()) == user.name
    assert pod.exists()


def test_outside_a_pod_there_is_no_service_account() -> None:
    with pytest.raises(KubeconfigError, match="Service host/port is not set"):
        connecting.in_cluster()


def test_a_client_of_the_callers_own_is_used_and_left_open(cluster: Cluster) -> None:
    configuration = Configuration()
    configuration.host = cluster.server
    configuration.ssl_ca_cert = str(cluster.ca_file)
    configuration.proxy = None
    configuration.api_key["authorization"] = f"Bearer {cluster.admin_token}"
    api = ApiClient(configuration)
    connection = connecting.from_api_client(api)
    assert connection.description == f"the cluster at {cluster.server}"
    assert who(connection) == "admin"
    assert len(api.rest_client.pool_manager.pools) == 1
    with pytest.raises(UsageError, match="str is no client of an API server"):
        connecting.from_api_client("https://example.com")  # type: ignore[arg-type]


class Proxy:
    """A proxy that refuses every connection, and keeps what it was asked for."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.asked: list[str] = []
        self.heard: list[str] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.heard.append(connection.recv(4096).decode())
                self.asked.append(self.heard[-1].partition(" HTTP/")[0])
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    def close(self) -> None:
        """Stop."""
        self._socket.close()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """Yield a proxy."""
    proxy = Proxy()
    yield proxy
    proxy.close()


def reached(file: Path) -> str:
    """Try to get through, and return what is said."""
    connection = connecting.from_kubeconfig(path=file, timeout=2)
    with pytest.raises(UnreachableError) as caught:
        who(connection)
    return str(caught.value)


@both_ways
def test_the_proxy_is_the_one_that_kubectl_would_use(
    cluster: Cluster, tmp_path: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
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


def test_a_proxy_may_want_a_password(tmp_path: Path, proxy: Proxy) -> None:
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
    left: list[kubeconfig.Destination] = []

    def of_kubeconfig(destination: kubeconfig.Destination, *_: object) -> client_server.ClientServer:
        left.append(destination)
        return client_server.ClientServer(ApiClient(Configuration(host=destination.server)))

    monkeypatch.setattr(client_server, "of_kubeconfig", of_kubeconfig)
    said = {"server": "https://example.com", **cluster_says}
    connection = connecting.from_kubeconfig(path=written(tmp_path / "config", config(None, user_says, **said)))
    assert connection.transport.host == "https://example.com"
    assert len(left) == (not is_known)


@both_ways
def test_nothing_of_a_kubeconfig_is_shown_by_accident(cluster: Cluster, tmp_path: Path) -> None:
    file = written(tmp_path / "config", config(cluster, {"token": SECRET}))
    merged = kubeconfig.read([file])
    connection = connecting.from_kubeconfig(path=file)
    assert SECRET not in f"{merged!r} {merged.destination()!r} {connection!r}"


def test_importing_it_is_cheap() -> None:
    code = "import sys, awsauth.connecting; print([n for n in ('kubernetes', 'urllib3', 'boto3', 'yaml') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
