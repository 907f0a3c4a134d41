"""The programs of the control plane: from the folder that ``KUBEBUILDER_ASSETS`` names, or else built once from go.mod."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.go_programs import GoProgram, built

MODULE = Path(__file__).parent.parent / "go"

# The Go package of each.
_PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "aws-iam-authenticator": "sigs.k8s.io/aws-iam-authenticator/cmd/aws-iam-authenticator",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}
_KUBERNETES = re.compile(r"^\tk8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)", re.MULTILINE)


def _flags() -> tuple[str, ...]:
    pinned = _KUBERNETES.search((MODULE / "go.mod").read_text(encoding="utf-8"))
    assert pinned is not None
    # What the server and kubectl say of themselves; clients look at it.
    said = {"gitVersion": pinned[1], "gitMajor": pinned[2], "gitMinor": pinned[3]}
    version = " ".join(f"-X k8s.io/component-base/version.{key}={value}" for key, value in said.items())
    return ("-trimpath", "-buildvcs=false", f"-ldflags=-s -w {version}")


FLAGS = _flags()


class AssetsError(FileNotFoundError):
    """The folder named by ``KUBEBUILDER_ASSETS`` lacks a program."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Where each program is."""

    etcd: Path
    kube_apiserver: Path
    aws_iam_authenticator: Path
    kubectl: Path


def programs() -> Programs:
    """Return the programs; those that were never built are built now, which takes minutes and is told on stderr.

    ``KUBEBUILDER_ASSETS`` names a folder with ``etcd`` and ``kube-apiserver``, and perhaps ``kubectl``, to use instead.

    Raises:
        AssetsError: that folder lacks one of the first two.
        NoGoError: there is no Go to build the others.
        RuntimeError: one cannot be built.
    """
    found = _assets()
    missing = [GoProgram(name, MODULE, package, FLAGS) for name, package in _PACKAGES.items() if name not in found]
    found |= zip([one.name for one in missing], built(missing, "the control plane that the tests run on"), strict=True)
    return Programs(
        etcd=found["etcd"],
        kube_apiserver=found["kube-apiserver"],
        aws_iam_authenticator=found["aws-iam-authenticator"],
        kubectl=found["kubectl"],
    )


def _assets() -> dict[str, Path]:
    named = os.environ.get("KUBEBUILDER_ASSETS")
    if not named:
        return {}
    found = {name: Path(named) / name for name in ("etcd", "kube-apiserver", "kubectl")}
    for name in ("etcd", "kube-apiserver"):
        if not found[name].is_file():
            raise AssetsError(f"KUBEBUILDER_ASSETS names {named}, and there is no {name} in it: unset it to build one")
    return {name: path for name, path in found.items() if path.is_file()}
