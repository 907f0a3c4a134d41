"""The lowest releases of the kubernetes client and of urllib3 that are allowed do what the installed ones do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from packaging.requirements import Requirement

from tests.kubeconfigs import config, plugin, printing, written

if TYPE_CHECKING:
    from tests.controlplane.cluster import Cluster
    from tests.refusing_proxy import RefusingProxy

from tests.paths import PROJECT

LIBRARIES: Final = ("kubernetes", "urllib3")


def lowest() -> dict[str, str]:
    """Return the lowest releases that the distribution allows."""
    wanted = [
        one for one in map(Requirement, requires("eks-aws-auth") or []) if one.name in LIBRARIES and not one.marker
    ]
    bounds = {one.name: part.version for one in wanted for part in one.specifier if part.operator == ">="}
    return {name: bound if bound.count(".") == 2 else f"{bound}.0.0" for name, bound in sorted(bounds.items())}


def installed(releases: dict[str, str]) -> Path:
    """Return a folder with these releases and nothing else; pip puts them there once, in a second or two."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "awsauth-tests"
    pinned = [f"{name}=={release}" for name, release in releases.items()]
    folder = cache / "-".join(pinned)
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        target = Path(temporary) / "target"
        wanted = ["--no-deps", "--only-binary=:all:", "--target", str(target), *pinned]
        # Without an index, pip asks for minutes.
        quick = ["--quiet", "--disable-pip-version-check", "--retries=1", "--timeout=10"]
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", *quick, *wanted], capture_output=True, text=True, check=False
        )
        if done.returncode:
            if os.environ.get("CI"):
                raise RuntimeError(done.stderr)
            pytest.skip(f"{pinned} cannot be installed: {done.stderr.strip()[-300:]}")
        try:
            target.rename(folder)
        except OSError:
            # Another process was quicker.
            assert folder.exists()
    return folder


@pytest.mark.parametrize("which", ["lowest", "installed"])
def test_every_release_connects_changes_and_fails_alike(
    which: str, cluster: Cluster, tmp_path: Path, proxy: RefusingProxy
) -> None:
    user = cluster.user()
    folder = tmp_path / "kubeconfigs"
    folder.mkdir()
    (folder / "token").write_text(user.token)
    users: dict[str, dict[str, Any]] = {
        "admin": {"token": cluster.admin_token},
        "exec": plugin(folder, printing({"token": user.token})),
        "file": {"tokenFile": "token"},
        "failing": plugin(tmp_path, "raise SystemExit('no')"),
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

    path = [str(installed(lowest()))] if which == "lowest" else []
    environment = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
    environment |= {"PYTHONPATH": os.pathsep.join([*path, str(PROJECT)]), "NO_PROXY": "nowhere.invalid"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.kubernetes_release", str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    whom = {
        "admin": "admin",
        "embedded": "admin",
        "exec": user.name,
        "failing": "KubeconfigError",
        "file": user.name,
        "impersonating": "alice",
        "named": user.name,
        "proxied": "UnreachableError",
        "refused": "AuthenticationError",
        "without": "ForbiddenError",
    }
    assert json.loads(done.stdout) == {
        "releases": lowest() if which == "lowest" else {name: version(name) for name in LIBRARIES},
        "who without client": whom,
        "who": whom,
        "changed": [[3, 2, 1], ["one"]],
        "own client": "admin",
        "unmapped": [],
    }
    assert proxy.asked == ["CONNECT nowhere.invalid:443"] * 2
