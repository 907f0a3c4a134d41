"""Kubeconfigs for tests, the programs that they name, and whom the API server takes their users for."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from awsauth.connections.kubernetes import Connection
    from tests.support.controlplane.cluster import Cluster

WAYS: Final = ("urllib3", "kubernetes")
"""The libraries by way of which a server is reached."""

both_ways = pytest.mark.usefixtures("by")
"""Lets a test run once by each of them."""

REVIEWS: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
SECRET: Final = "s3cret"  # noqa: S105 - looked for in errors


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
