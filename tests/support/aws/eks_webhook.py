"""What decides about tokens in EKS: access entries first, then ``aws-auth``; for a kube-apiserver to ask.

STS says whose a token is, the stand-in for EKS whether there is an access entry, and everything else is left to the real
aws-iam-authenticator. Access policies, which EKS has an authorizer of its own for, are groups here that RBAC binds.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import urllib3
import yaml

from tests.support.aws.presigned import url_in

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

    from tests.support.aws.eks_fake import FakeCluster
    from tests.support.aws.eks_fake_entries import Entry
    from tests.support.controlplane.api_server import ApiServer
    from tests.support.controlplane.plane import ControlPlane

_POLICY_GROUP = "eks-access-policy:"
_BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"


class EksWebhook:
    """A webhook for token authentication on loopback; a context manager.

    Attributes:
        eks: The cluster whose access entries and mode count; None for the authenticator alone.
        ignores: How many times more an access entry does not count yet (the service is eventually consistent).
        late: Seconds for which a policy does not count after EKS shows it.
        is_unwell: Whether nobody gets in by ``aws-auth``, whatever that says.
        kubeconfig: By which an API server finds it.
    """

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.eks: FakeCluster | None = None
        self.ignores = 0
        self.late = 0.0
        self.is_unwell = False
        self._plane = plane
        content = yaml.safe_load(plane.webhook.read_text(encoding="utf-8"))
        authority = folder / "authenticator.crt"
        described = content["clusters"][0]["cluster"]
        authority.write_bytes(base64.b64decode(described["certificate-authority-data"]))
        self._authenticator: str = described["server"]
        self._to_authenticator = urllib3.PoolManager(ca_certs=str(authority), maxsize=4)
        aws = plane.aws
        self._to_sts = urllib3.ProxyManager(aws.proxy_url, ca_certs=str(aws.ca_file), maxsize=4)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.02), daemon=True)
        described = {"server": f"http://127.0.0.1:{self._server.server_port}/authenticate"}
        named = {"name": "eks", "cluster": described}
        user = {"name": "eks", "user": {}}
        context = {"name": "eks", "context": {"cluster": "eks", "user": "eks"}}
        written = {"clusters": [named], "users": [user], "contexts": [context], "current-context": "eks"}
        self.kubeconfig = folder / "webhook.yaml"
        self.kubeconfig.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config"} | written), encoding="utf-8")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def bind_policies(self, api: ApiServer) -> None:
        """Let RBAC give what access policies give, once that counts."""
        # A group of this call alone shows that the API server looks at this binding, and not at one from before.
        groups = [f"{_POLICY_GROUP}AmazonEKSClusterAdminPolicy", secrets.token_hex(8)]
        bind_administrators(api, "eks-policy", *groups)

    def review(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a ``TokenReview``."""
        eks = self.eks
        user = self._known(eks, asked["spec"]["token"]) if eks else None
        if user:
            return asked | {"status": {"authenticated": True, "user": user}}
        if self.is_unwell or (eks and not eks.reads_config_map):
            return asked | {"status": {"authenticated": False}}
        headers = {"Content-Type": "application/json"}
        answer = self._to_authenticator.request(
            "POST", self._authenticator, body=json.dumps(asked), headers=headers, retries=False
        )
        answered: dict[str, Any] = json.loads(answer.data)
        return answered

    def _known(self, eks: FakeCluster, token: str) -> dict[str, Any] | None:
        """Return the user that EKS makes of a token's holder without looking at ``aws-auth``; None for none."""
        if not eks.has_entries and not eks.creator:
            return None
        arn = self._caller(token)
        if not arn:
            return None
        canonical, session = arn, ""
        if ":assumed-role/" in arn:
            role, _, session = arn.rpartition("/")
            canonical = role.replace(":sts:", ":iam:").replace(":assumed-role/", ":role/")
        if not eks.has_entries:
            is_creator = canonical == eks.creator
            return {"username": "kubernetes-admin", "groups": ["system:masters"]} if is_creator else None
        entry = eks.entry_of(canonical)
        if entry and self.ignores:
            self.ignores -= 1
            return None
        return _user(entry, arn, canonical, session, time.time() - self.late) if entry else None

    def _caller(self, token: str) -> str:
        """Return whose a token is, as STS says; empty where it says that it is nobody's."""
        try:
            url = url_in(token)
        except ValueError:
            return ""
        headers = {"Accept": "application/json", "x-k8s-aws-id": self._plane.cluster_name}
        answer = self._to_sts.request("GET", url, headers=headers, retries=False)
        if answer.status != 200:
            return ""
        content = json.loads(answer.data)
        return str(content["GetCallerIdentityResponse"]["GetCallerIdentityResult"]["Arn"])


def bind_administrators(api: ApiServer, name: str, *groups: str) -> None:
    """Bind groups to ``cluster-admin``, and wait until the API server uses that for the last one."""
    subjects = [{"kind": "Group", "name": group, "apiGroup": "rbac.authorization.k8s.io"} for group in groups]
    role = {"kind": "ClusterRole", "name": "cluster-admin", "apiGroup": "rbac.authorization.k8s.io"}
    api.must("POST", _BINDINGS, {"metadata": {"name": name}, "subjects": subjects, "roleRef": role})
    everything = {"verb": "*", "group": "*", "resource": "*"}
    api.await_allowed(user="anyone", groups=[groups[-1]], resourceAttributes=everything)


def _user(entry: Entry, arn: str, canonical: str, session: str, by: float) -> dict[str, Any]:
    policies = [
        name.rpartition("/")[2]
        for name, scope in entry.policies.items()
        if scope["type"] == "cluster" and entry.since.get(name, 0.0) <= by
    ]
    return {
        "username": entry.username.replace("{{SessionName}}", session),
        "groups": [*entry.groups, *(f"{_POLICY_GROUP}{name}" for name in policies)],
        "extra": {"arn": [arn], "canonicalArn": [canonical], "sessionName": [session]},
    }


def _handler(webhook: EksWebhook) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and content go out together: the second of two packets would wait for the first one's acknowledgement.
        wbufsize = -1

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            content = json.dumps(webhook.review(asked)).encode()
            self.send_response_only(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server has
            """Say nothing: what comes in are credentials."""

    return Handler
