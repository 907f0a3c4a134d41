"""RBAC rules that a refused request needs, or that the caller lacks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from awsauth.core.revisions.info import NAME
from awsauth.core.revisions.revision import NAMESPACE
from awsauth.core.text.display import double_quoted, quoted
from awsauth.errors import UsageError
from awsauth.kube.fields import fields_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from awsauth.kube.transport import Transport

# Verbs that a rule with ``resourceNames`` does not grant. The server judges them without an object's name.
_NAMELESS: Final = frozenset({"create", "deletecollection", "list", "watch"})

_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

_RULE_PATH: Final = re.compile(
    r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<resource>[^/]+)(?:/(?P<name>[^/]+))?"
)

# k8s.io/apiserver pkg/endpoints/handlers/responsewriters/errors.go, forbiddenMessage
_REFUSAL: Final = re.compile(
    r'User (?P<user>"(?:[^"\\]|\\.)*") cannot (?P<verb>[a-z]+) resource "(?P<resource>[^"]+)"'
    r' in API group "(?P<group>[^"]*)"(?: in the namespace "(?P<namespace>[^"]+)")?'
)

_NAMED: Final = re.compile(
    r"(?P<verb>[a-z]+|\*) (?P<resource>[a-z0-9]+|\*)(?:\.(?P<group>[a-z0-9.-]+))?(?P<part>/[a-z]+)?"
    r"(?: in (?P<namespace>[a-z0-9-]+))?"
)


class RbacRule(NamedTuple):
    """A rule that grants one kind of request.

    Attributes:
        verb: Such as ``update``.
        resource: Such as ``configmaps``.
        group: The API group; empty for the core group.
        name: The object's name; empty for all objects.
        namespace: The namespace; empty for resources of the whole cluster.
        user: The user who was refused; empty if the server does not say.
    """

    verb: str
    resource: str
    group: str = ""
    name: str = ""
    namespace: str = ""
    user: str = ""

    def __str__(self) -> str:
        resource, slash, subresource = self.resource.partition("/")
        kind = f"{resource}.{self.group}" if self.group and self.group != "*" else resource
        return f"{self.verb} {kind}{slash}{subresource}" + (f" in {self.namespace}" if self.namespace else "")

    @property
    def role(self) -> str:
        """The kind of role that the rule goes into."""
        return "Role" if self.namespace else "ClusterRole"

    @property
    def yaml(self) -> str:
        """The rule, as one item of a role's ``rules``."""
        lines = [f"- apiGroups: [{double_quoted(self.group)}]", f"  resources: [{double_quoted(self.resource)}]"]
        # A rule for one revision would be too narrow for the next, which has another number.
        if self.name and self.verb not in _NAMELESS and self.resource != "controllerrevisions":
            lines.append(f"  resourceNames: [{double_quoted(self.name)}]")
        return "\n".join([*lines, f"  verbs: [{double_quoted(self.verb)}]"])


def rule_of(text: str) -> RbacRule:
    """Parse a rule such as ``list nodes`` or ``create deployments.apps in web``.

    A dot separates a resource from its group (none for the core group), a slash separates a subresource. ``*`` stands
    for all verbs, or for all resources of all groups.

    Raises:
        UsageError: the text is not a rule.
    """
    match = _NAMED.fullmatch(" ".join(text.split()))
    if not match:
        hint = "Write VERB RESOURCE, such as `list nodes`, `create deployments.apps in web` or `get pods/log in web`."
        raise UsageError(f"{quoted(text)} is not a permission.", hint=hint)
    resource = match["resource"] + (match["part"] or "")
    group = "*" if match["resource"] == "*" else match["group"] or ""
    return RbacRule(match["verb"], resource, group, "", match["namespace"] or "")


def missing_rule(message: str, details: Mapping[str, Any], method: str, path: str) -> RbacRule | None:
    """Return the rule that a refused request lacks; None if RBAC did not refuse it.

    The server's message counts more than the request: under impersonation, another right may be missing.

    Args:
        message: The message of the ``Status``.
        details: The details of the ``Status``.
        method: The request's method.
        path: The request's path.
    """
    refused = _REFUSAL.search(message)
    if not refused:
        return None
    verb, resource, group = refused["verb"], refused["resource"], refused["group"]
    name = details.get("name")
    if match := _RULE_PATH.fullmatch(path):
        requested = _VERBS.get(method) or ("get" if match["name"] else "list")
        if (requested, match["resource"], match["group"] or "") == (verb, resource, group):
            name = match["name"]
    user = refused["user"][1:-1]
    return RbacRule(verb, resource, group, name if isinstance(name, str) else "", refused["namespace"] or "", user)


# The rules for changing an existing ``aws-auth``, in addition to reading.
CHANGER: Final = (
    RbacRule("update", "configmaps", "", NAME, NAMESPACE),
    RbacRule("create", "controllerrevisions", "apps", "", NAMESPACE),
)

_KIND: Final = "SelfSubjectAccessReview"
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
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": _KIND, "spec": spec}
    answer = transport.post(_REVIEWS_PATH, review, changes=False)
    return fields_of(answer, _KIND, _REVIEWS_PATH).object("status").flag("allowed")
