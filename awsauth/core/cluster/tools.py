"""Other tools that write ``aws-auth``: the marks they leave, and how they write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from awsauth.core.findings import Severity
from awsauth.core.revisions.info import NAME
from awsauth.core.text.display import quoted


class Tool(NamedTuple):
    """A tool that writes ``aws-auth``.

    Attributes:
        name: Its name.
        severity: The severity of a finding about it.
        impact: Its effect on a change made with awsauth.
        hint: Where to make the change instead.
    """

    name: str
    severity: Severity
    impact: str
    hint: str


def _declares(name: str, when: str, location: str) -> Tool:
    impact = f"{when}, it overwrites the object from its source, and the change is lost."
    return Tool(name, Severity.WARNING, impact, f"Make the change {location} instead, or in both places.")


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


CROSSPLANE: Final = _declares("Crossplane", "When it reconciles next", "in the resource of the object")


EKS: Final = _edits(
    "EKS itself",
    "It adds the role of a new managed node group or Fargate profile. It removes the role with the last one that used it. "
    "Other entries stay.",
)


EKSCTL: Final = _edits("eksctl", "It adds and removes single entries; others stay, in its own layout.")


AWS_AUTH: Final = _edits("keikoproj's aws-auth", "It adds and removes single entries; others stay, in its layout.")


BY_HAND: Final = _edits("kubectl", "A person or a script edits it, and can overwrite it from a copy.")


UNKNOWN: Final = Tool(
    "an unknown tool",
    Severity.WARNING,
    "If it writes the text of another source, the change is lost the next time.",
    "Find out which tool it is, and make the change in its source.",
)


# The name of a manager is set by its program, or is the first word of its user agent, often with a version.
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


# Flux ignores objects with these marks.
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
    """Return the tool of a manager in ``managedFields``."""
    return next((tool for pattern, tool in _MANAGERS if pattern.fullmatch(manager)), UNKNOWN)


def ownership_markers(labels: Mapping[str, str], annotations: Mapping[str, str]) -> Iterator[tuple[Tool, str]]:
    """Yield the tools with a mark on the object, and the mark."""
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
    """Whether the mark is of another object, so that Argo CD ignores it.

    It looks like ``APP:GROUP/KIND:NAMESPACE/NAME``.
    """
    parts = tracking_id.split(":")
    return len(parts) == 3 and parts[2] != f"kube-system/{NAME}"
