"""The tools that write ``aws-auth`` besides this library: by which marks they are known, and how they go about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.core.findings import Severity
from awsauth.core.revisions.info import NAME
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Tool(NamedTuple):
    """Somebody who writes ``aws-auth``.

    Attributes:
        name: What it is called.
        severity: Of the finding that it is there.
        impact: What it does to a change of ours.
        hint: Where to make the change instead.
    """

    name: str
    severity: Severity
    impact: str
    hint: str


def _declares(name: str, when: str, location: str) -> Tool:
    return Tool(
        name,
        Severity.WARNING,
        f"{when}, it writes what its source says, and the change is lost.",
        f"Make the change {location} instead, or there as well.",
    )


def _edits(name: str, impact: str) -> Tool:
    return Tool(name, Severity.NOTE, impact, "")


ARGO_CD: Final = _declares("Argo CD", "When it syncs next", "in the repository of the application")


FLUX: Final = _declares("Flux", "When it reconciles next, every few minutes", "in the repository that it follows")


HELM: Final = _declares("Helm", "When the release is upgraded next", "in the chart's values")


TERRAFORM: Final = _declares("Terraform", "When it is applied next", "in its configuration")


PULUMI: Final = _declares("Pulumi", "When it runs next", "in its program")


KUBECTL_APPLY: Final = _declares("kubectl apply", "When its manifest is applied next", "in the manifest")


KAPP: Final = _declares("kapp", "When the app is deployed next", "in its configuration")


FLEET: Final = _declares("Rancher Fleet", "When it reconciles next", "in the repository that it follows")


CROSSPLANE: Final = _declares("Crossplane", "When it reconciles next", "in the resource that it makes the object of")


EKS: Final = _edits(
    "EKS itself",
    "It adds the role of a new managed node group or Fargate profile, and takes it out with the last one that used it; "
    "other entries stay.",
)


EKSCTL: Final = _edits("eksctl", "It adds and takes out single entries; others stay, in its own layout.")


AWS_AUTH: Final = _edits("keikoproj's aws-auth", "It adds and takes out single entries; others stay, in its layout.")


BY_HAND: Final = _edits("kubectl", "Somebody changes it by hand or in a script: it may be written again from a copy.")


UNKNOWN: Final = Tool(
    "a tool that is not known here",
    Severity.WARNING,
    "If it writes the text as it has it elsewhere, the change is lost when it does so next.",
    "Find out what it is, and make the change there if so.",
)


# A manager is called what its program says, or the first word of its user agent; some put a version or digits behind.
_MANAGERS: Final[tuple[tuple[re.Pattern[str], Tool], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), tool)
    for pattern, tool in (
        (r"argocd-.*", ARGO_CD),
        (r"(kustomize|helm)-controller|flux(-.*)?|fluxd", FLUX),
        (r"(terraform-provider-)?helm(_v.*)?", HELM),
        (r"terraform(-provider-.*)?|hashicorp", TERRAFORM),
        (r"pulumi(-.*)?", PULUMI),
        (r"kubectl-client-side-apply|kubectl", KUBECTL_APPLY),
        (r"kapp(-.*)?", KAPP),
        (r"fleet-?agent", FLEET),
        (r"crossplane(-.*)?", CROSSPLANE),
        (r"vpcLambda", EKS),
        (r"eksctl", EKSCTL),
        (r"aws-auth", AWS_AUTH),
        (r"kubectl-(edit|patch|replace|create)|before-first-apply", BY_HAND),
    )
)


# Flux leaves alone what is marked so.
_FLUX_OFF: Final = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled", "kustomize.toolkit.fluxcd.io/ssa": "ignore"}


_LABELS: Final = {
    "argocd.argoproj.io/instance": ARGO_CD,
    "kustomize.toolkit.fluxcd.io/name": FLUX,
    "helm.toolkit.fluxcd.io/name": FLUX,
    "fluxcd.io/sync-gc-mark": FLUX,
    "kapp.k14s.io/app": KAPP,
}


_ANNOTATIONS: Final = {
    "argocd.argoproj.io/tracking-id": ARGO_CD,
    "meta.helm.sh/release-name": HELM,
    "objectset.rio.cattle.io/id": FLEET,
}


_MANAGED_BY: Final = "app.kubernetes.io/managed-by"


def tool_of(manager: str) -> Tool:
    """Return the tool that writes under this name in ``managedFields``."""
    return next((tool for pattern, tool in _MANAGERS if pattern.fullmatch(manager)), UNKNOWN)


def ownership_markers(labels: Mapping[str, str], annotations: Mapping[str, str]) -> Iterator[tuple[Tool, str]]:
    """Yield the tools that have left their mark on an object, with the mark."""
    off = any(annotations.get(key, labels.get(key, "")).lower() == value for key, value in _FLUX_OFF.items())
    for key, tool in _LABELS.items():
        if key in labels and not (tool is FLUX and off):
            yield tool, f"label {key}={quoted(labels[key], 100)[1:-1]}"
    for key, tool in _ANNOTATIONS.items():
        text = annotations.get(key)
        if text is not None and not (tool is ARGO_CD and _tracks_another(text)):
            yield tool, f"annotation {key}={quoted(text, 100)[1:-1]}"
    by = tool_of(labels.get(_MANAGED_BY, ""))
    if by is not UNKNOWN:
        yield by, f"label {_MANAGED_BY}={quoted(labels[_MANAGED_BY], 100)[1:-1]}"


def _tracks_another(tracking_id: str) -> bool:
    """Whether the mark came with a copy of another object: Argo CD passes such a one over.

    It looks like ``APP:GROUP/KIND:NAMESPACE/NAME``.
    """
    parts = tracking_id.split(":")
    return len(parts) == 3 and parts[2] != f"kube-system/{NAME}"
