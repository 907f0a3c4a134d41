"""The whole control plane: starting it in the right order, and ending it whatever happens."""

from __future__ import annotations

import atexit
import base64
import fcntl
import itertools
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import urllib3
import yaml

from tests.support.controlplane.api_server import ApiServer
from tests.support.controlplane.authority import Authority, write_new_key
from tests.support.controlplane.aws import connected, start_aws
from tests.support.controlplane.processes import LOOPBACK, Child, free_port, listens, start
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

    from tests.support.controlplane.programs import Programs

CLUSTER = "awsauth-test"
USERS = tuple(f"user-{number}" for number in range(20))
_PREFIX = "awsauth-control-plane-"
# Where the authenticator answers whether it is well. It would listen to the whole world, and cannot be told otherwise,
# but it goes on when somebody else is there.
_AUTHENTICATORS_HEALTH_PORT = 21363


@dataclass(frozen=True, slots=True)
class Process:
    """A process of the control plane, as a test may look at it."""

    name: str
    pid: int
    log: Path


class ControlPlane:
    """etcd, kube-apiserver with aws-iam-authenticator as its webhook, and AWS; a context manager.

    Attributes:
        api: the API server; a change of ``aws-auth`` counts at once there, tokens are not cached.
        aws: where the authenticator asks STS.
        kubeconfig: of the administrator, with the one context `cluster_name`.
        cluster_name: what tokens have to be signed for.
        user_tokens: bearer tokens of the users ``user-0`` to ``user-19``, who are in no group and may do nothing.
        of_the_system: where in etcd there is something after cleaning.
        turns: the names of those users, one after the other, for ever: a right that one had lingers for a moment.
        programs: for example `programs.kubectl`.
        folder: where everything is kept; gone after `close`.
    """

    def __init__(self, programs: Programs) -> None:
        self.programs = programs
        self.cluster_name = CLUSTER
        self.user_tokens = {user: secrets.token_hex(16) for user in USERS}
        self.turns = itertools.cycle(USERS)
        self.of_the_system: set[str] = set()
        self._etcd = urllib3.PoolManager()
        self.folder, self._lock = _new_folder()
        self._children: list[Child] = []
        atexit.register(self.close)
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def processes(self) -> list[Process]:
        """What is running."""
        return [Process(child.name, child.process.pid, child.log) for child in self._children]

    @property
    def webhook(self) -> Path:
        """The kubeconfig by which an API server finds the authenticator."""
        return self.folder / "authenticator" / "aws-iam-authenticator.kubeconfig"

    @property
    def environment(self) -> dict[str, str]:
        """What a program has to be given to use kubectl, the cluster and AWS as this control plane has them."""
        return {
            "PATH": os.pathsep.join([str(self.folder / "bin"), os.environ.get("PATH", os.defpath)]),
            "KUBECONFIG": str(self.kubeconfig),
            "KUBECACHEDIR": str(self.folder / "kubectl-cache"),
            "NO_PROXY": "127.0.0.1,localhost",
            **self.aws.environment,
        }

    def stored(self) -> set[str]:
        """Return where in etcd the API server keeps its objects: ``/registry/``, the kind, and the name."""
        first, behind = (base64.b64encode(key).decode() for key in (b"/registry/", b"/registry0"))
        asked = {"key": first, "range_end": behind, "keys_only": True}
        answer = self._etcd.request("POST", f"{self._etcd_url}/v3/kv/range", json=asked, timeout=PATIENCE)
        return {base64.b64decode(one["key"]).decode() for one in answer.json()["kvs"]}

    @contextmanager
    def second_api_server(self, *, cache_ttl: str = "2m", webhook: Path | None = None) -> Iterator[ApiServer]:
        """Run another API server on the same etcd, which remembers for `cache_ttl` whom a token belongs to.

        Two minutes are kube-apiserver's default, and what EKS has. It asks the authenticator, or whoever the kubeconfig
        `webhook` names.
        """
        child, api = self._launch_api_server("kube-apiserver-2", cache_ttl, webhook)
        try:
            child.wait_until(api.ready)
            yield api
        finally:
            self._children.remove(child)
            child.stop()

    def close(self) -> None:
        """End every process and remove the folder; more than once does no harm."""
        atexit.unregister(self.close)
        # The last first: nobody complains about somebody who is gone.
        while self._children:
            self._children.pop().stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()

    def _start(self) -> None:
        aws = self._keep(start_aws(self.folder / "aws"))
        self._etcd_url = self._start_etcd()
        self.authority = Authority(self.folder)
        self._prepare()
        server, self.api = self._launch_api_server("kube-apiserver", "0s")
        self.kubeconfig = self.api.write_kubeconfig(self.folder / "kubeconfig", context=CLUSTER)
        self.aws = connected(aws)
        server.wait_until(self.api.ready)
        # Its watch fails, and sleeps for five seconds, where the API server does not answer yet.
        self._start_authenticator()

    def _keep(self, child: Child) -> Child:
        self._children.append(child)
        return child

    def _start_etcd(self) -> str:
        client, peer = (f"http://{LOOPBACK}:{free_port()}" for _ in range(2))
        command: list[str | Path] = [
            self.programs.etcd,
            "--unsafe-no-fsync",
            "--data-dir",
            self.folder / "etcd",
            "--log-level",
            "warn",
        ]
        command += ["--listen-client-urls", client, "--advertise-client-urls", client]
        command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
        command += ["--initial-cluster", f"default={peer}"]
        etcd = self._keep(start(command, name="etcd", folder=self.folder, environment=_environment()))
        port = int(client.rpartition(":")[2])
        etcd.wait_until(lambda: listens(port))
        return client

    def _prepare(self) -> None:
        """Write what the API server reads when it starts."""
        self._admin_token = secrets.token_hex(16)
        lines = [f'{self._admin_token},admin,admin,"system:masters"']
        lines += [f"{token},{user},{user}" for user, token in self.user_tokens.items()]
        tokens = self.folder / "tokens.csv"
        tokens.touch(mode=0o600)
        tokens.write_text("\n".join(lines) + "\n", encoding="utf-8")
        write_new_key(self.folder / "service-accounts.key")
        (self.folder / "bin").mkdir()
        (self.folder / "bin" / "kubectl").symlink_to(self.programs.kubectl)
        self._prepare_authenticator()

    def _prepare_authenticator(self) -> None:
        """Let it write its certificate, and the kubeconfig by which the API server finds it."""
        state = self.folder / "authenticator"
        state.mkdir()
        self._authenticator_port = free_port()
        server = {
            "port": self._authenticator_port,
            "address": LOOPBACK,
            "stateDir": str(state),
            "generateKubeconfig": str(state / "aws-iam-authenticator.kubeconfig"),
            "backendMode": ["EKSConfigMap"],
            "kubeconfig": str(self.folder / "kubeconfig"),
            "partition": "aws",
        }
        content = yaml.safe_dump({"clusterID": CLUSTER, "server": server})
        (state / "config.yaml").write_text(content, encoding="utf-8")
        subprocess.run(
            [self.programs.aws_iam_authenticator, "init", "--config", "config.yaml"],
            cwd=state,
            env=_environment(),
            capture_output=True,
            check=True,
        )

    def _launch_api_server(self, name: str, cache_ttl: str, webhook: Path | None = None) -> tuple[Child, ApiServer]:
        port = free_port()
        certificate, key = self.authority.issue(LOOPBACK, "localhost", "kubernetes.default.svc")
        service_accounts = self.folder / "service-accounts.key"
        flags = {
            "etcd-servers": self._etcd_url,
            "bind-address": LOOPBACK,
            "advertise-address": LOOPBACK,
            "external-hostname": LOOPBACK,
            "secure-port": port,
            "tls-cert-file": certificate,
            "tls-private-key-file": key,
            "cert-dir": self.folder,
            "authorization-mode": "RBAC",
            "token-auth-file": self.folder / "tokens.csv",
            "client-ca-file": self.authority.certificate_file,
            "authentication-token-webhook-config-file": webhook or self.webhook,
            "authentication-token-webhook-cache-ttl": cache_ttl,
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": service_accounts,
            "service-account-signing-key-file": service_accounts,
            "service-cluster-ip-range": "10.96.0.0/16",
            # Nobody routes to this server from inside a cluster.
            "endpoint-reconciler-type": "none",
            # No controller makes the service account that it asks of every pod.
            "disable-admission-plugins": "ServiceAccount",
        }
        command: list[str | Path] = [
            self.programs.kube_apiserver,
            *(f"--{flag}={value}" for flag, value in flags.items()),
        ]
        child = self._keep(start(command, name=name, folder=self.folder, environment=_environment()))
        return child, ApiServer(f"https://{LOOPBACK}:{port}", self.authority.certificate_file, self._admin_token)

    def _start_authenticator(self) -> None:
        state = self.folder / "authenticator"
        # It asks EC2 for the names of nodes, for which it has to sign; moto does not look with what.
        keys = {"AWS_ACCESS_KEY_ID": "authenticator", "AWS_SECRET_ACCESS_KEY": "authenticator"}
        environment = _environment() | self.aws.proxy_environment | keys
        command: list[str | Path] = [self.programs.aws_iam_authenticator, "server", "--config", state / "config.yaml"]
        with closing(socket.socket()) as occupied:
            # Several control planes may do so at the same time. Should somebody else be there, that serves as well.
            occupied.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            with suppress(OSError):
                occupied.bind((LOOPBACK, _AUTHENTICATORS_HEALTH_PORT))
                occupied.listen()
            child = self._keep(start(command, name="authenticator", folder=state, environment=environment))
            child.wait_until(lambda: listens(self._authenticator_port))
            child.wait_until(lambda: "healthz server exited" in child.said())


def _environment() -> dict[str, str]:
    """Return what a process of the control plane is given of our own environment: almost nothing."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}


def _new_folder() -> tuple[Path, IO[str]]:
    """Make a folder, locked as long as this process lives, and remove those of processes that were killed."""
    parent = Path(tempfile.gettempdir())
    for left in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError), (left / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = (folder / "new-lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    # From now on another process may look at it.
    (folder / "new-lock").rename(folder / "lock")
    return folder, lock
