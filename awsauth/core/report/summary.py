"""The rights of a principal in a few words: what an auditor looks for first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final

from awsauth.core.cluster.facts import RBAC_GROUP
from awsauth.core.report.rbac import ANY, PolicyRule, RbacRule, Right
from awsauth.core.serialization import JsonValue
from awsauth.core.text.display import visible

_READS: Final = frozenset({"get", "list", "watch"})
_WORKLOADS: Final = (
    *(("", "pods"), ("", "replicationcontrollers"), ("batch", "jobs"), ("batch", "cronjobs")),
    *(("apps", name) for name in ("deployments", "daemonsets", "statefulsets", "replicasets")),
)
_ROLES: Final = ((RBAC_GROUP, "roles"), (RBAC_GROUP, "clusterroles"))


def _requests(verbs: Iterable[str], objects: Iterable[tuple[str, str]]) -> list[RbacRule]:
    return [RbacRule(verb, resource, group) for verb in verbs for group, resource in objects]


# Rights that lead to more rights. A rule gives one if it allows any of the requests.
_RISKY: Final = {
    "secrets": _requests(sorted(_READS), [("", "secrets")]),
    "exec": _requests(["create", "get"], [("", "pods/exec"), ("", "nodes/proxy")]),
    "escalate": _requests(["escalate"], _ROLES),
    "bind": _requests(["bind"], _ROLES),
    "impersonate": _requests(["impersonate"], [("", "users"), ("", "groups"), ("", "serviceaccounts")]),
    "workloads": _requests(["create", "update", "patch", "delete", "deletecollection"], _WORKLOADS),
}
# The groups of requests about the caller's own rights, which everyone may make.
_OWN: Final = frozenset({"authorization.k8s.io", "authentication.k8s.io"})

ADMIN: Final = "cluster-admin"
NODES: Final = "nodes"
UNCHECKED: Final = "not checked"
_OTHER: Final = "other changes"
_READ_ONLY: Final = "read only"
_UNKNOWN: Final = "unknown"
# All kinds of rights, the strongest first.
KINDS: Final = (ADMIN, *_RISKY, _OTHER, _UNKNOWN, _READ_ONLY, NODES, UNCHECKED)


@dataclass(frozen=True, slots=True)
class RightSummary(JsonValue):
    """A kind of right of a principal.

    Attributes:
        right: The kind. ``secrets`` is to read them, and ``workloads`` is to change them. ``exec`` is to run a command in
            a pod, also by way of its node. Others are ``cluster-admin``, ``escalate``, ``bind``, ``impersonate``,
            ``other changes``, ``read only`` and ``nodes``. An access policy without published rules is ``unknown``.
            If there may be more rights, one is ``not checked``.
        namespaces: The namespaces, with wildcards; empty for the whole cluster.
        is_certain: Whether the principal has it without a condition, such as the name of its session.
    """

    right: str
    namespaces: tuple[str, ...] = ()
    is_certain: bool = True

    def __str__(self) -> str:
        where = f" in {', '.join(map(visible, self.namespaces))}" if self.namespaces else ""
        return f"{self.right}{where}{'' if self.is_certain else ' (under a condition)'}"


def summarized(rights: Iterable[Right]) -> list[RightSummary]:
    """Return the kinds of rights, the strongest first.

    An administrator of the cluster has no others. ``read only`` stands alone.
    """
    found: defaultdict[tuple[str, bool], set[tuple[str, ...]]] = defaultdict(set)
    for right in rights:
        for kind in {_UNKNOWN} if right.rules is None else kinds_of(right.rules):
            # In a namespace, the rights of an administrator of the cluster are those of the other kinds.
            if kind != ADMIN or not right.namespaces:
                found[kind, not right.conditions].add(right.namespaces)
    kinds = [ADMIN] if (ADMIN, True) in found else [*KINDS]
    if any(kind != _READ_ONLY for kind, _ in found):
        kinds = [kind for kind in kinds if kind != _READ_ONLY]
    shown = []
    for kind, is_certain in product(kinds, (True, False)):
        if places := found.get((kind, is_certain)):
            names = () if () in places else tuple(sorted({name for place in places for name in place}))
            shown.append(RightSummary(kind, names, is_certain))
    return shown


@lru_cache(maxsize=4096)
def kinds_of(rules: tuple[PolicyRule, ...]) -> frozenset[str]:
    """Return the kinds of rights that rules give; a rule for named objects counts too."""
    return frozenset(kind for rule in rules for kind in _kinds(rule._replace(names=())))


def _kinds(rule: PolicyRule) -> Iterator[str]:
    if rule.allows(RbacRule(ANY, ANY, ANY)):
        yield ADMIN
    given = [kind for kind, requests in _RISKY.items() if any(map(rule.allows, requests))]
    yield from given
    if rule.resources and not _OWN.issuperset(rule.groups):
        if _READS.issuperset(rule.verbs):
            yield _READ_ONLY
        elif not given:
            yield _OTHER
