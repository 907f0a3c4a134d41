"""What every allowed release of the kubernetes client and of urllib3 has to do, tried in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.support.kubeconfigs import config, plugin, printing, written
from tests.support.paths import PROJECT
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.controlplane.cluster import Cluster, User
    from tests.support.servers.refusing_proxy import RefusingProxy

LIBRARIES: Final = ("kubernetes", "urllib3")
"""The libraries whose releases are tried."""


def tried(
    cluster: Cluster, folder: Path, proxy: RefusingProxy, libraries: Path | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the result of `tests.releases.job`, and the right one but for the releases.

    Args:
        cluster: The cluster to connect to.
        folder: Where to write kubeconfigs.
        proxy: A proxy that must be asked, and refuses.
        libraries: The folder with the releases; None for the installed ones.

    Raises:
        RuntimeError: the process fails.
    """
    user = cluster.user()
    _write_kubeconfigs(cluster, user, folder, proxy)
    environment = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
    path = os.pathsep.join([*([str(libraries)] if libraries else []), str(PROJECT)])
    environment |= {"PYTHONPATH": path, "NO_PROXY": "nowhere.invalid"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.releases.job", str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout), _right(user.name)


def _write_kubeconfigs(cluster: Cluster, user: User, folder: Path, proxy: RefusingProxy) -> None:
    (folder / "failing").mkdir(parents=True)
    (folder / "token").write_text(user.token, encoding="utf-8")
    users: dict[str, dict[str, Any]] = {
        "admin": {"token": cluster.admin_token},
        "exec": plugin(folder, printing({"token": user.token})),
        "file": {"tokenFile": "token"},
        "failing": plugin(folder / "failing", "raise SystemExit('no')"),
        "impersonating": {"token": cluster.admin_token, "as": "alice"},
        "refused": {"token": "nobody's"},
        "without": {},
    }
    for name, content in users.items():
        written(folder / f"{name}.kubeconfig", config(cluster, content))
    proxied = {"server": "https://nowhere.invalid", "proxy-url": proxy.url}
    written(folder / "proxied.kubeconfig", config(None, {"token": "x"}, **proxied))
    named = {"server": cluster.server.replace("127.0.0.1", "localhost"), "tls-server-name": "127.0.0.1"}
    written(folder / "named.kubeconfig", config(cluster, {"token": user.token}, **named))
    embedded = yaml.safe_load(cluster.kubectl("config", "view", "--raw", "--flatten").stdout)
    written(folder / "embedded.kubeconfig", embedded)


def _right(user: str) -> dict[str, Any]:
    whom = {
        "admin": "admin",
        "embedded": "admin",
        "exec": user,
        "failing": "KubeconfigError",
        "file": user,
        "impersonating": "alice",
        "named": user,
        "proxied": "UnreachableError",
        "refused": "AuthenticationError",
        "without": "ForbiddenError",
    }
    return {
        "who without client": whom,
        "who": whom,
        "changed": [[3, 2, 1], ["one"]],
        "own client": "admin",
        "unmapped": [],
    }
