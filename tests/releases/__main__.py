"""``python -m tests.releases``: tries the lowest releases of the kubernetes client and of urllib3 that are allowed.

pip installs them into a temporary folder. They must give the results that the tests expect of the installed ones.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import closing
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

from tests.releases.trial import LIBRARIES, tried
from tests.support.controlplane.cluster import Cluster
from tests.support.controlplane.plane import ControlPlane
from tests.support.controlplane.programs import programs
from tests.support.servers.refusing_proxy import RefusingProxy


def lowest() -> dict[str, str]:
    """Return the lowest releases that the distribution allows, by library."""
    wanted = [
        one for one in map(Requirement, requires("eks-aws-auth") or []) if one.name in LIBRARIES and not one.marker
    ]
    bounds = {one.name: part.version for one in wanted for part in one.specifier if part.operator == ">="}
    return {name: bound if bound.count(".") == 2 else f"{bound}.0.0" for name, bound in sorted(bounds.items())}


def main() -> int:
    """Try them; return the exit code."""
    releases = lowest()
    pinned = [f"{name}=={release}" for name, release in releases.items()]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        wanted = ["--no-deps", "--only-binary=:all:", "--target", str(folder / "libraries"), *pinned]
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *wanted], check=True)
        with ControlPlane(programs()) as plane, closing(RefusingProxy()) as proxy:
            result, right = tried(Cluster(plane, folder), folder / "kubeconfigs", proxy, folder / "libraries")
    right["releases"] = releases
    wrong = [f"{name}: {result[name]}, not {value}" for name, value in right.items() if result[name] != value]
    print("\n".join(wrong) or f"{' and '.join(pinned)} do what the installed releases do")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
