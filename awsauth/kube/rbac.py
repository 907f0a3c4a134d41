"""RBAC: rules that the caller lacks, and the cluster's roles and bindings."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from awsauth.core.cluster.facts import RBAC_GROUP, Binding, Bindings
from awsauth.core.report.rbac import RULE_FIELDS, PolicyRule, Rbac, RbacRule, RoleKey
from awsauth.core.revisions.info import CONFIG_MAP_NAME
from awsauth.core.revisions.revision import NAMESPACE
from awsauth.core.text.display import quoted
from awsauth.errors import UsageError
from awsauth.kube.resources import Fields, fields_of, list_objects
from awsauth.kube.transport import Transport

_NAMED: Final = re.compile(
    r"(?P<verb>[a-z]+|\*) (?P<resource>[a-z0-9]+|\*)(?:\.(?P<group>[a-z0-9.-]+))?(?P<part>/[a-z]+)?"
    r"(?: in (?P<namespace>[a-z0-9-]+))?"
)


def rule_of(text: str) -> RbacRule:
    """Parse a rule such as ``list nodes`` or ``create deployments.apps in web``.

    A dot separates a resource from its group (none for the core group), a slash separates a subresource. ``*`` stands
    for all verbs, or for all resources of all groups.

    Raises:
        UsageError: the text is not a rule.
    """
    if not (match := _NAMED.fullmatch(" ".join(text.split()))):
        hint = "Write VERB RESOURCE, such as `list nodes`, `create deployments.apps in web` or `get pods/log in web`."
        raise UsageError(f"{quoted(text)} is not a permission.", hint=hint)
    resource = match["resource"] + (match["part"] or "")
    group = "*" if match["resource"] == "*" else match["group"] or ""
    return RbacRule(match["verb"], resource, group, "", match["namespace"] or "")


# The rules for changing an existing ``aws-auth``, in addition to reading.
CHANGER: Final = (
    RbacRule("update", "configmaps", "", CONFIG_MAP_NAME, NAMESPACE),
    RbacRule("create", "controllerrevisions", "apps", "", NAMESPACE),
)

_RBAC_PATH: Final = f"/apis/{RBAC_GROUP}/v1/"
_REVIEWS_PATH: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def missing(transport: Transport, rules: Iterable[RbacRule]) -> tuple[RbacRule, ...]:
    """Return the rules that the caller lacks.

    Each takes one request (``SelfSubjectAccessReview``). All authenticated users may ask this. Unlike a
    ``SelfSubjectRulesReview``, it counts the grants of EKS access policies.

    Raises:
        ApiError: the answer is not such a review.
        AwsAuthError: the transport raises it.
    """
    return tuple(rule for rule in rules if not _is_allowed(transport, rule))


def _is_allowed(transport: Transport, rule: RbacRule) -> bool:
    resource, _, subresource = rule.resource.partition("/")
    attributes = {key: getattr(rule, key) for key in ("verb", "group", "namespace", "name")}
    attributes |= {"resource": resource, "subresource": subresource}
    spec = {"resourceAttributes": {key: text for key, text in attributes.items() if text}}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
    answer = transport.post(_REVIEWS_PATH, review, changes=False)
    return fields_of(answer, "SelfSubjectAccessReview", _REVIEWS_PATH).object("status").flag("allowed")


def read_bindings(transport: Transport) -> Bindings:
    """Return the users and groups in RBAC bindings.

    That takes two requests, and more for more than 500 bindings of a kind.

    Raises:
        ForbiddenError: the caller may not list bindings in the whole cluster.
        ApiError: the answers are not lists of bindings.
        AwsAuthError: the transport raises it.
    """
    cluster_wide = list_objects(transport, f"{_RBAC_PATH}clusterrolebindings")
    return bindings_of(cluster_wide, list_objects(transport, f"{_RBAC_PATH}rolebindings"))


def bindings_of(cluster_wide: Iterable[Mapping[str, Any]], in_namespaces: Iterable[Mapping[str, Any]]) -> Bindings:
    """Return the users and groups in bindings, from the objects.

    A binding in a namespace grants ``cluster-admin`` in that namespace only, so its subjects are not administrators.

    Raises:
        ApiError: an object is not a binding. If it were skipped, its subjects would count as bound to nothing.
    """
    bound: dict[str, defaultdict[str, list[Binding]]] = {"User": defaultdict(list), "Group": defaultdict(list)}
    admins: dict[str, set[str]] = {"User": set(), "Group": set()}
    for kind, bindings in (("ClusterRoleBinding", cluster_wide), ("RoleBinding", in_namespaces)):
        for item in bindings:
            binding = Fields(item, kind, f"{_RBAC_PATH}{kind.lower()}s")
            metadata = binding.object("metadata")
            role = binding.object("roleRef")
            found = Binding(kind, metadata.name(), metadata.text("namespace"), role.text("kind"), role.text("name"))
            for subject, name in _subjects(binding, found.namespace):
                bound[subject][name].append(found)
                if kind == "ClusterRoleBinding" and found.role == "cluster-admin":
                    admins[subject].add(name)
    users, groups = ({name: tuple(found) for name, found in names.items()} for names in bound.values())
    return Bindings(users, groups, frozenset(admins["User"]), frozenset(admins["Group"]))


def _subjects(binding: Fields, namespace: str) -> Iterator[tuple[str, str]]:
    """Yield the users and groups of a binding.

    A service account is a user with a name of its own. Without a namespace it is one of the binding's namespace.
    """
    for subject in binding.objects("subjects"):
        kind = subject.text("kind")
        if kind in ("User", "Group"):
            yield kind, subject.name()
        elif kind == "ServiceAccount":
            yield "User", f"system:serviceaccount:{subject.text('namespace') or namespace}:{subject.name()}"


def read_rbac(transport: Transport) -> Rbac:
    """Return the RBAC objects of a cluster.

    That takes four requests, and more for more than 500 objects of a kind.

    Raises:
        ForbiddenError: the caller may not list one of the kinds in the whole cluster.
        ApiError: an answer is not a list of such objects.
        AwsAuthError: the transport raises it.
    """
    roles = ((kind, list_objects(transport, f"{_RBAC_PATH}{kind.lower()}s")) for kind in ("ClusterRole", "Role"))
    return Rbac(read_bindings(transport), dict(rules_by_role(item, kind) for kind, items in roles for item in items))


def rules_by_role(item: Mapping[str, Any], kind: str) -> tuple[RoleKey, tuple[PolicyRule, ...]]:
    """Return a ``Role`` or ``ClusterRole`` and its rules, from its object.

    Raises:
        ApiError: the object is not one. If it were skipped, its rules would count as missing.
    """
    role = Fields(item, kind, f"{_RBAC_PATH}{kind.lower()}s")
    metadata = role.object("metadata")
    rules = (PolicyRule(*(tuple(rule.texts(name)) for name in RULE_FIELDS)) for rule in role.objects("rules"))
    return (kind, metadata.text("namespace"), metadata.name()), tuple(rules)
