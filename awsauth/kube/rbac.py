"""The RBAC rule that a refused request would have needed, in a form that can be pasted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.revisions.info import NAME
from awsauth.core.revisions.revision import NAMESPACE
from awsauth.core.text.display import double_quoted, quoted
from awsauth.errors import UsageError
from awsauth.kube.fields import fields_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from awsauth.kube.transport import Transport


_NAMELESS: Final = frozenset({"create", "deletecollection", "list", "watch"})
"""The verbs that a rule with ``resourceNames`` does not grant: the object's name is not known when they are judged."""


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


@dataclass(frozen=True, slots=True)
class RbacRule:
    """One rule that would let a request pass.

    Attributes:
        verb: Such as ``update``.
        resource: Such as ``configmaps``.
        group: The API group; empty for the core group.
        name: The object's name; empty for all.
        namespace: The namespace; empty for what belongs to the whole cluster.
        user: Who was refused, as far as the server says.
    """

    verb: str
    resource: str
    group: str = ""
    name: str = ""
    namespace: str = ""
    user: str = ""

    def __str__(self) -> str:
        resource, _, subresource = self.resource.partition("/")
        kind = f"{resource}.{self.group}" if self.group and self.group != "*" else resource
        part = f"/{subresource}" if subresource else ""
        return f"{self.verb} {kind}{part}" + (f" in {self.namespace}" if self.namespace else "")

    @property
    def role(self) -> str:
        """The kind of role that the rule goes into."""
        return "Role" if self.namespace else "ClusterRole"

    @property
    def yaml(self) -> str:
        """The rule, as one item of a role's ``rules``."""
        lines = [f"- apiGroups: [{double_quoted(self.group)}]", f"  resources: [{double_quoted(self.resource)}]"]
        # Revisions are numbered: a rule for one of them would be too narrow for the next.
        if self.name and self.verb not in _NAMELESS and self.resource != "controllerrevisions":
            lines.append(f"  resourceNames: [{double_quoted(self.name)}]")
        return "\n".join([*lines, f"  verbs: [{double_quoted(self.verb)}]"])


def rule_of(text: str) -> RbacRule:
    """Return the rule for what is written as ``list nodes``, ``create deployments.apps in web`` or ``get pods/log``.

    A resource of another group than the core one has its group behind a dot, a subresource stands behind a slash; ``*``
    is every verb, or every resource of every group.

    Raises:
        UsageError: it is written otherwise.
    """
    match = _NAMED.fullmatch(" ".join(text.split()))
    if match is None:
        raise UsageError(
            f"{quoted(text)} names nothing that could be allowed; nothing was contacted.",
            hint="Write VERB RESOURCE, such as `list nodes`, `create deployments.apps in web` or `get pods/log in web`.",
        )
    resource = match["resource"] + (match["part"] or "")
    group = "*" if match["resource"] == "*" else match["group"] or ""
    return RbacRule(match["verb"], resource, group, "", match["namespace"] or "")


def missing_rule(message: str, details: Mapping[str, Any], method: str, path: str) -> RbacRule | None:
    """Return the rule that a request was refused for want of; None where it was not RBAC that refused.

    What the server says counts more than what was asked for: with impersonation, another right may be missing.

    Args:
        message: The ``Status``'s message.
        details: The ``Status``'s details.
        method: The request's method.
        path: The request's path.
    """
    said = _REFUSAL.search(message)
    if said is None:
        return None
    asked = _asked_for(method, path)
    verb, resource, group = said["verb"], said["resource"], said["group"]
    same = asked is not None and (asked.verb, asked.resource, asked.group) == (verb, resource, group)
    name = asked.name if asked and same else details.get("name")
    user = said["user"][1:-1]
    return RbacRule(verb, resource, group, name if isinstance(name, str) else "", said["namespace"] or "", user)


def _asked_for(method: str, path: str) -> RbacRule | None:
    match = _RULE_PATH.fullmatch(path)
    if match is None:
        return None
    verb = _VERBS.get(method) or ("get" if match["name"] else "list")
    return RbacRule(verb, match["resource"], match["group"] or "", match["name"] or "", match["namespace"] or "")


_RBAC: Final = "rbac.authorization.k8s.io"


_KIND: Final = "SelfSubjectAccessReview"


_REVIEWS_PATH: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def _config_map(verb: str, name: str = NAME) -> RbacRule:
    return RbacRule(verb, "configmaps", "", name, NAMESPACE)


def _revisions(verb: str) -> RbacRule:
    return RbacRule(verb, "controllerrevisions", "apps", "", NAMESPACE)


READER: Final = (
    _config_map("get"),
    _revisions("get"),
    _revisions("list"),
    RbacRule("list", "clusterrolebindings", _RBAC),
    RbacRule("list", "rolebindings", _RBAC),
    RbacRule("list", "nodes"),
)
"""What reading, planning, the history and checks need; the last three are for what only the whole cluster can tell."""


CHANGER: Final = (_config_map("update"), _revisions("create"))
"""What a change of an ``aws-auth`` that is there needs beside reading."""


EDITOR: Final = (*READER, *CHANGER, _config_map("create", ""))
"""What changes and rollbacks need. ``create`` of ConfigMaps, which RBAC cannot narrow to one name, only where there is
no ``aws-auth``."""


def missing(transport: Transport, rules: Iterable[RbacRule]) -> tuple[RbacRule, ...]:
    """Return the rules that whoever asks does not have; one request (``SelfSubjectAccessReview``) for each.

    Everybody whom the API server knows may ask this. Unlike a ``SelfSubjectRulesReview`` it counts what EKS access
    policies grant.

    Raises:
        ApiError: what was answered is no such review.
        AwsAuthError: what the transport raises.
    """
    return tuple(rule for rule in rules if not _is_allowed(transport, rule))


def _is_allowed(transport: Transport, rule: RbacRule) -> bool:
    resource, _, subresource = rule.resource.partition("/")
    attributes = {
        "verb": rule.verb,
        "group": rule.group,
        "resource": resource,
        "subresource": subresource,
        "namespace": rule.namespace,
        "name": rule.name,
    }
    answer = transport.post(
        _REVIEWS_PATH,
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": _KIND,
            "spec": {"resourceAttributes": {key: text for key, text in attributes.items() if text}},
        },
        changes=False,
    )
    return fields_of(answer, _KIND, _REVIEWS_PATH).object("status").flag("allowed")
