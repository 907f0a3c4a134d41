"""Other writers that are likely to undo a change.

They show by marks on the object, its field managers and its history. A table says how each known tool writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from awsauth.core.diff import MappingDiff, diff
from awsauth.core.document.document import Document
from awsauth.core.document.model import KIND
from awsauth.core.findings import Finding, Severity, warning
from awsauth.core.guards.content import MANAGED_BY_TOOL
from awsauth.core.revisions.info import FIELD_MANAGER, OBSERVED, FieldManager, Head, RevisionInfo, data_digest
from awsauth.core.revisions.revision import LAST_APPLIED_ANNOTATION
from awsauth.core.text.display import listed, quoted, visible
from awsauth.errors import UsageError


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
KUBECTL_APPLY: Final = _declares("kubectl apply", "When its manifest is applied next", "in the manifest")
KAPP: Final = _declares("kapp", "When the app is deployed next", "in its configuration")
FLEET: Final = _declares("Rancher Fleet", "When it reconciles next", "in the repository that it follows")
EKS: Final = _edits(
    "EKS itself",
    "It adds the role of a new managed node group or Fargate profile. It removes the role with the last one that used it. "
    "Other entries stay.",
)
BY_HAND: Final = _edits("kubectl", "A person or a script edits it, and can overwrite it from a copy.")
UNKNOWN: Final = Tool(
    "an unknown tool",
    Severity.WARNING,
    "If it writes the text of another source, the change is lost the next time.",
    "Find out which tool it is, and make the change in its source.",
)


# The name of a manager is set by its program, or is the first word of its user agent, often with a version.
_MANAGERS: Final = (
    (r"argocd-.*", ARGO_CD),
    (r"(kustomize|helm)-controller|flux(-.*)?|fluxd", FLUX),
    (r"(terraform-provider-)?helm(_v.*)?", HELM),
    (r"terraform(-provider-.*)?|hashicorp", _declares("Terraform", "When it is applied next", "in its configuration")),
    (r"pulumi(-.*)?", _declares("Pulumi", "When it runs next", "in its program")),
    (r"kubectl-client-side-apply|kubectl", KUBECTL_APPLY),
    (r"kapp(-.*)?", KAPP),
    (r"fleet-?agent", FLEET),
    (r"crossplane(-.*)?", _declares("Crossplane", "When it reconciles next", "in the resource of the object")),
    (r"vpcLambda", EKS),
    (r"eksctl", _edits("eksctl", "It adds and removes single entries; others stay, in its own layout.")),
    (r"aws-auth", _edits("keikoproj's aws-auth", "It adds and removes single entries; others stay, in its layout.")),
    (r"kubectl-(edit|patch|replace|create)|before-first-apply", BY_HAND),
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


def tool_of_manager(manager: str) -> Tool:
    """Return the tool of a manager in ``managedFields``."""
    return next((tool for form, tool in _MANAGERS if re.fullmatch(form, manager, re.IGNORECASE)), UNKNOWN)


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
    by = tool_of_manager(labels.get(_MANAGED_BY, ""))
    if by is not UNKNOWN:
        yield by, f"label {_MANAGED_BY}={quoted(labels[_MANAGED_BY], 100)[1:-1]}"


def _tracks_another(tracking_id: str) -> bool:
    """Whether the mark is of another object, so that Argo CD ignores it.

    It looks like ``APP:GROUP/KIND:NAMESPACE/NAME``.
    """
    parts = tracking_id.split(":")
    return len(parts) == 3 and parts[2] != "kube-system/aws-auth"


class Reversal(NamedTuple):
    """A change made with awsauth that another writer reverted.

    Attributes:
        ours: The number of its revision.
        outside: The number of the revision with the reverted state; 0 for the present state, which has none yet.
    """

    ours: int
    outside: int


def reversals(history: Sequence[RevisionInfo], head: Head | None, present: str) -> tuple[Reversal, ...]:
    """Return the reverted changes in the order of their numbers.

    A change is reverted if another writer has restored the data of an earlier state, byte for byte.

    Args:
        history: The revisions in the order of their numbers.
        head: The revision that the object names, or None.
        present: The digest of the object's data (see `data_digest`).
    """
    by_number = {info.number: info for info in history}
    found = []
    for info in history:
        ours = by_number.get(info.parent) if info.parent < info.number else None
        if info.kind in OBSERVED and _takes_back(by_number, ours, info.data_digest):
            found.append(Reversal(info.parent, info.number))
    newest = by_number.get(head.number) if head else history[-1] if history else None
    if newest and _takes_back(by_number, newest, present) and _was_written(by_number, newest, head):
        found.append(Reversal(newest.number, 0))
    return tuple(found)


def _was_written(by_number: dict[int, RevisionInfo], info: RevisionInfo, head: Head | None) -> bool:
    """Whether the object once had the state of the newest revision.

    A tool that replaces the whole object removes our annotations. Without them, a first change may be one that was
    stopped before its write.
    """
    if head:
        return info.head == head
    parent = by_number.get(info.parent)
    return parent is not None and parent.kind not in OBSERVED


def _takes_back(by_number: dict[int, RevisionInfo], ours: RevisionInfo | None, digest: str) -> bool:
    if ours is None or ours.kind in OBSERVED or ours.data_digest == digest:
        return False
    return any(info.data_digest == digest for info in _before(by_number, ours))


def _before(by_number: dict[int, RevisionInfo], info: RevisionInfo) -> Iterator[RevisionInfo]:
    """Yield the ancestors of a revision, back to the first one that is kept."""
    while 0 < info.parent < info.number and (earlier := by_number.get(info.parent)):
        yield earlier
        info = earlier


LAST_APPLIED: Final = "last-applied"

_VERBS: Final = {"removed": "takes out", "added": "brings back", "changed": "changes", "shadowed": "changes"}


class ObjectMetadata(NamedTuple):
    """What an object and its history show of who writes it.

    Attributes:
        managers: By data key, the clients that own it according to ``managedFields``.
        labels: The object's labels.
        annotations: Its annotations.
        owners: Its owners (``ownerReferences``), each as kind and name.
        head: The revision that the object names, or None.
        history: The revisions that are kept, in the order of their numbers. They remember managers from before our
            first write, which takes the fields over.
    """

    managers: Mapping[str, tuple[FieldManager, ...]] = MappingProxyType({})
    labels: Mapping[str, str] = MappingProxyType({})
    annotations: Mapping[str, str] = MappingProxyType({})
    owners: tuple[str, ...] = ()
    head: Head | None = None
    history: tuple[RevisionInfo, ...] = ()


def other_writers(traces: ObjectMetadata, before: Document, after: Document) -> Iterator[Finding]:
    """Yield the writers that are likely to undo a change between two documents.

    Without a change, there are none. Warnings are about tools that write the text of another source, notes about tools
    that edit the present text.
    """
    changed = [key for key in dict.fromkeys([*before.data, *after.data]) if before.data.get(key) != after.data.get(key)]
    if not changed:
        return
    marked: dict[Tool, str] = {}
    for tool, mark in ownership_markers(traces.labels, traces.annotations):
        marked.setdefault(tool, mark)
    applied = traces.annotations.get(LAST_APPLIED_ANNOTATION)
    known = {*marked, *([KUBECTL_APPLY] if applied is not None else [])}
    for tool, mark in marked.items():
        message = f"{tool.name} owns the object: it has the {mark}."
        yield Finding(MANAGED_BY_TOOL, tool.severity, message, tool.impact, tool.hint)
    yield from map(_owner, traces.owners)
    yield from _last_applied(applied, after) if applied is not None else ()
    yield from _managers(traces, changed, known)
    yield from _reverted(traces, reversals(traces.history, traces.head, data_digest(before.data)))


def _owner(owner: str) -> Finding:
    message = f"The object belongs to {quoted(owner, 200)}."
    impact = "The controller of the owner can overwrite it, and Kubernetes deletes it together with its owner."
    hint = "Make the change in the owner, or remove a wrong entry from metadata.ownerReferences."
    return warning("owner-reference", message, impact, hint)


def _managers(traces: ObjectMetadata, changed: list[str], known: set[Tool]) -> Iterator[Finding]:
    """Yield the finding about the newest other writer of the changed keys.

    Keys that awsauth wrote last are left out.
    """
    last = {key: owner for key in changed if (owner := _last_writer(traces.managers.get(key, ())))}
    newest = _last_writer([owner for owner in last.values() if tool_of_manager(owner.client) not in known])
    if not newest:
        return
    keys = [key for key, owner in last.items() if owner.client == newest.client]
    tool = tool_of_manager(newest.client)
    shown = quoted(newest.client, 100)
    who = shown if tool is UNKNOWN else f"{tool.name} ({shown})"
    message = f"{who} was the last to write {', '.join(map(visible, keys))}."
    principal = keys[0] if len(keys) == 1 else ""
    yield Finding("field-manager", tool.severity, message, tool.impact, tool.hint, principal=principal)


def _last_writer(owners: Iterable[FieldManager]) -> FieldManager | None:
    """Return the owner that wrote last.

    Returns None if awsauth was the last, or if the owners are unknown.
    """
    written = sorted(
        (owner for owner in owners if owner.client != "…"),
        key=lambda owner: (owner.time.timestamp() if owner.time else 0.0, owner.client != FIELD_MANAGER),
    )
    return written[-1] if written and written[-1].client != FIELD_MANAGER else None


def _last_applied(applied: str, after: Document) -> Iterator[Finding]:
    """Yield the effect of ``kubectl apply`` of the last applied manifest."""
    try:
        again = Document({**after.data, **json.loads(applied)["data"]})
    except (ValueError, TypeError, KeyError, UsageError, RecursionError):
        message = f"kubectl apply made the object, and its annotation {LAST_APPLIED_ANNOTATION} cannot be read."
        yield warning(LAST_APPLIED, message, "Applying that manifest again can undo the change.", KUBECTL_APPLY.hint)
        return
    if found := diff(after, again):
        message = "kubectl apply made the object from a manifest that differs."
        impact = f"Applying that manifest again {_effects(found.mappings, list(found.texts))}."
        yield warning(LAST_APPLIED, message, impact, KUBECTL_APPLY.hint)


def _effects(mappings: tuple[MappingDiff, ...], texts: list[str]) -> str:
    if not mappings:
        return f"writes other text with the same mappings into {', '.join(map(visible, texts))}"
    parts = []
    for verb in dict.fromkeys(_VERBS.values()):
        hit = [mapping for mapping in mappings if _VERBS[mapping.kind] == verb]
        named = [f"{KIND[mapping.key]} {quoted(mapping.principal, 200)}" for mapping in hit]
        parts += [f"{verb} {listed(named, 5)}"] if hit else []
    return "; ".join(parts)


def _reverted(traces: ObjectMetadata, found: tuple[Reversal, ...]) -> Iterator[Finding]:
    """Yield the finding about the last reverted change."""
    if not found:
        return
    last = found[-1]
    seen = next((info.managers for info in traces.history if info.number == last.outside), traces.managers)
    writer = _last_writer(owner for owners in seen.values() for owner in owners)
    who = f" ({visible(str(writer))})" if writer else ""
    by = f", as revision {last.outside} shows" if last.outside else ""
    often = f" That happened {len(found)} times in this history." if len(found) > 1 else ""
    message = f"Another writer undid revision {last.ours}{who}{by}.{often}"
    hint = "Find the writer with `kubectl get --show-managed-fields` or the audit log, and make the change there."
    yield warning("reverted-before", message, "It may do so again.", hint)
