"""A running kube-apiserver, and plain requests to it."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - a dataclass' field, and cheap
from typing import TYPE_CHECKING, Any

import urllib3
import yaml

from tests.support.waiting import PATIENCE, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MERGE_PATCH = "application/merge-patch+json"
_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Response:
    """What the API server answered: the status of HTTP, and the object or ``Status`` in the body."""

    status: int
    body: dict[str, Any]


@dataclass(frozen=True)
class ApiServer:
    """Where a kube-apiserver is, and how to get in as its administrator (``system:masters``)."""

    url: str
    ca_file: Path
    admin_token: str

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        content_type: str = "application/json",
    ) -> Response:
        """Send one request, with the administrator's token or another one; it is never repeated, nor redirected.

        Args:
            method: of HTTP.
            path: with the query, as ``/api/v1/namespaces/kube-system/configmaps/aws-auth``.
            body: is sent as JSON.
            token: of whoever asks; "" sends none.
            content_type: `MERGE_PATCH` and the like for a PATCH.
        """
        token = self.admin_token if token is None else token
        headers = {"Content-Type": content_type} | ({"Authorization": f"Bearer {token}"} if token else {})
        sent = None if body is None else json.dumps(body)
        answer = self._pool.request(
            method, self.url + path, body=sent, headers=headers, retries=False, redirect=False, timeout=PATIENCE
        )
        try:
            content = json.loads(answer.data)
        except ValueError:
            content = {"text": answer.data.decode(errors="replace")}
        return Response(answer.status, content)

    def must(self, method: str, path: str, body: Mapping[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """Send a request that has to succeed, and return what it answers.

        Raises:
            RuntimeError: it does not.
        """
        response = self.request(method, path, body, **options)
        if response.status >= 300:
            raise RuntimeError(f"{method} {path} was answered {response.status}: {response.body}")
        return response.body

    def await_allowed(self, **spec: Any) -> None:
        """Wait until the authorizer allows a request: it sees a new role or binding some milliseconds later.

        Args:
            spec: of a ``SubjectAccessReview``.
        """
        wait_for(lambda: self.must("POST", _REVIEWS, {"spec": spec})["status"]["allowed"])

    def watch(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the events of a watch, which goes on until the caller stops."""
        headers = {"Authorization": f"Bearer {self.admin_token}"}
        answer = self._pool.request(
            "GET", self.url + path, headers=headers, retries=False, timeout=PATIENCE, preload_content=False
        )
        try:
            for line in answer:
                yield json.loads(line)
        finally:
            answer.close()

    def ready(self) -> bool:
        """Say whether it serves."""
        try:
            return self.request("GET", "/readyz").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def write_kubeconfig(self, path: Path, *, context: str, token: str | None = None) -> Path:
        """Write a kubeconfig with one context, for the administrator or whoever has `token`."""
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": context, "cluster": {"server": self.url, "certificate-authority": str(self.ca_file)}}
            ],
            "users": [{"name": context, "user": {"token": token or self.admin_token}}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
            "current-context": context,
        }
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return path

    @functools.cached_property
    def _pool(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(ca_certs=str(self.ca_file), maxsize=8)
