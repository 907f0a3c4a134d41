"""The rights of a principal, by Kubernetes RBAC and by access policies of EKS.

Source of the rules: Kubernetes ``plugin/pkg/auth/authorizer/rbac/rbac.go`` (``RuleAllows``),
``pkg/apis/rbac/v1/evaluation_helpers.go`` (``ResourceMatches``), ``pkg/registry/rbac/validation/rule.go``
(``VisitRulesFor``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from typing import Final, NamedTuple

from awsauth.boundary import public
from awsauth.core.access.matching import names_for
from awsauth.core.cluster.facts import Binding, Bindings
from awsauth.core.document.model import SYSTEM_AUTHENTICATED, SYSTEM_MASTERS, MappingEntry
from awsauth.core.entries.model import AccessPolicy
from awsauth.core.serialization import json_object
from awsauth.core.text.display import double_quoted, listed, visible

ANY: Final = "*"  # stands for all verbs, groups or resources in a rule, and for any namespace in a question

# The condition of a user that is mapped in several spellings.
UNDEFINED: Final = "It is undefined whether this spelling of the ARN counts."

# The fields of a rule in the API, in the order of the fields of `PolicyRule`.
RULE_FIELDS: Final = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")

# Verbs that a rule with ``resourceNames`` does not grant. The server judges them without an object's name.
NAMELESS: Final = frozenset({"create", "deletecollection", "list", "watch"})


class RbacRule(NamedTuple):
    """A rule that grants one kind of request.

    Attributes:
        verb: Such as ``update``.
        resource: Such as ``configmaps`` or ``pods/exec``; or a path that is not a resource, such as ``/metrics``.
        group: The API group; empty for the core group.
        name: The object's name; empty for all objects.
        namespace: The namespace; empty for resources of the whole cluster. In a question, ``*`` is any namespace.
        user: The user who was refused; empty if the server does not say.
    """

    verb: str
    resource: str
    group: str = ""
    name: str = ""
    namespace: str = ""
    user: str = ""

    def __str__(self) -> str:
        kind = _with_group(self.resource, self.group)
        return f"{self.verb} {kind}" + (f" in {self.namespace}" if self.namespace else "")

    @property
    def yaml(self) -> str:
        """The rule, as one item of a role's ``rules``."""
        lines = [f"- apiGroups: [{double_quoted(self.group)}]", f"  resources: [{double_quoted(self.resource)}]"]
        # A rule for one revision would be too narrow for the next, which has another number.
        if self.name and self.verb not in NAMELESS and self.resource != "controllerrevisions":
            lines.append(f"  resourceNames: [{double_quoted(self.name)}]")
        return "\n".join([*lines, f"  verbs: [{double_quoted(self.verb)}]"])


def _with_group(resource: str, group: str) -> str:
    name, slash, subresource = resource.partition("/")
    return f"{name}.{group}{slash}{subresource}" if group and group != ANY else resource


@public
@json_object
class PolicyRule(NamedTuple):
    """A rule of a role or of an access policy.

    ``*`` stands for all verbs, groups or resources.

    Attributes:
        verbs: The verbs.
        groups: The API groups; an empty text is the core group.
        resources: The resources, such as ``pods``, ``pods/exec`` or ``*/scale``.
        names: The names of the objects; empty for all objects, also for those without a name yet.
        paths: Paths that are not resources, such as ``/metrics`` or ``/healthz/*``.
    """

    verbs: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    def allows(self, asked: RbacRule) -> bool:
        """Whether it allows a request, regardless of the namespace."""
        if {ANY, asked.verb}.isdisjoint(self.verbs):
            return False
        path, (_, slash, part) = asked.resource, asked.resource.partition("/")
        if path.startswith("/"):
            return any(path == one or (one[-1:] == ANY and path.startswith(one.rstrip(ANY))) for one in self.paths)
        wanted = {ANY, path, f"*/{part}"} if slash else {ANY, path}
        fits = not wanted.isdisjoint(self.resources) and not {ANY, asked.group}.isdisjoint(self.groups)
        return fits and (not self.names or asked.name in self.names)

    def __str__(self) -> str:
        resources = [_with_group(one, group) for one in self.resources for group in self.groups]
        names = f" named {', '.join(map(visible, self.names))}" if self.names else ""
        shown = listed([visible(one) for one in (*resources, *self.paths)], 20)
        return f"{', '.join(map(visible, self.verbs))} {shown}{names}"


# A member of ``system:masters`` may do everything.
EVERYTHING: Final = (PolicyRule((ANY,), (ANY,), (ANY,)), PolicyRule((ANY,), paths=(ANY,)))

# A Role or ClusterRole: its kind, its namespace (empty for a ClusterRole) and its name.
RoleKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Rbac:
    """The RBAC objects of a cluster.

    Attributes:
        bindings: The bindings, by username and by group.
        rules: The rules of each role as the API server lists them. Only these count for it: the cluster's controller writes
            into an aggregated role the rules of the roles that it selects.
    """

    bindings: Bindings = field(default_factory=Bindings)
    rules: Mapping[RoleKey, tuple[PolicyRule, ...]] = field(default_factory=dict)

    def rules_of(self, binding: Binding) -> tuple[PolicyRule, ...]:
        """Return the rules of a binding's role; none if the role does not exist."""
        namespace = binding.namespace if binding.role_kind == "Role" else ""
        return self.rules.get((binding.role_kind, namespace, binding.role), ())


@public
@json_object
class Right(NamedTuple):
    """Rules that a principal has, by a binding of RBAC or by an access policy.

    Attributes:
        subject: The username or group that has the rules, such as ``group viewers``; empty for an access policy.
        rules: The rules. None if unknown: AWS does not publish the rules of the access policy, or it is a new one.
        binding: The binding; None for an access policy, and for ``system:masters``, which needs none.
        policy: The access policy, or None.
        conditions: The conditions of the principal for the subject, one sentence each; empty if it always is.
    """

    subject: str
    rules: tuple[PolicyRule, ...] | None
    binding: Binding | None = None
    policy: AccessPolicy | None = None
    conditions: tuple[str, ...] = ()

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces in which it counts; empty for the whole cluster.

        Those of an access policy may have wildcards.
        """
        if self.binding:
            return (self.binding.namespace,) if self.binding.namespace else ()
        return self.policy.namespaces if self.policy else ()

    def __str__(self) -> str:
        way = [f"access policy {self.policy}" if self.policy else visible(self.subject)]
        if bound := self.binding:
            name = f"{bound.namespace}/{bound.name}" if bound.namespace else bound.name
            way += [f"{bound.kind} {visible(name)}", f"{bound.role_kind} {visible(bound.role)}"]
        return " > ".join([*way, "; ".join(map(str, self.rules or ()))])

    def covers(self, namespace: str) -> bool:
        """Whether it counts in a namespace.

        ``*`` stands for any, and an empty text for the whole cluster. In the whole cluster, only a right without
        namespaces counts. An access policy for the namespace ``*`` has one, and AWS does not describe another effect.
        """
        is_inside = namespace == ANY or any(fnmatchcase(namespace, one) for one in self.namespaces)
        return not self.namespaces or (namespace != "" and is_inside)

    def allowing(self, asked: RbacRule) -> PolicyRule | None:
        """Return the first rule that allows a request, or None."""
        rules = self.rules if self.covers(asked.namespace) else None
        return next((rule for rule in rules or () if rule.allows(asked)), None)

    def allowing_named(self, asked: RbacRule) -> tuple[PolicyRule, ...]:
        """Return the rules that allow a request, but only for objects that they name."""
        if asked.name or (asked.verb == "create" and "/" not in asked.resource) or not self.covers(asked.namespace):
            return ()
        return tuple(rule for rule in self.rules or () if rule.names and rule._replace(names=()).allows(asked))


def rights(mapped: MappingEntry, rbac: Rbac, policies: Iterable[AccessPolicy] = ()) -> Iterator[Right]:
    """Yield the rights of a principal, also those that it has under a condition.

    Nodes have more: the API server's node authorizer does not use RBAC.

    Args:
        mapped: The principal with its username and groups; they may be templates.
        rbac: The cluster's RBAC.
        policies: The access policies of the principal's access entry.
    """
    from awsauth.core.access.caller import conditions_for  # only for a report

    bindings = rbac.bindings
    for kind, templates, bound in (
        ("username", (mapped.username,), bindings.usernames),
        ("group", (*mapped.groups, SYSTEM_AUTHENTICATED), {SYSTEM_MASTERS: (), **bindings.groups}),
    ):
        for name in dict.fromkeys(name for template in templates for name in names_for(template, bound)):
            conditions = conditions_for(mapped, templates, name)
            if conditions is None:
                continue
            subject = f"{kind} {name}"
            if subject == f"group {SYSTEM_MASTERS}":
                yield Right(subject, EVERYTHING, conditions=conditions)
            for binding in bound[name]:
                yield Right(subject, rbac.rules_of(binding), binding, conditions=conditions)
    for policy in policies:
        yield Right("", published_policies().rules.get(policy.name), policy=policy)


class PublishedPolicies(NamedTuple):
    """The rules of access policies, as AWS publishes them.

    Attributes:
        address: The page that they were read from.
        read: The day on which they were read.
        rules: The rules of each policy, by its name. AWS publishes none for policies of its own services.
    """

    address: str
    read: str
    rules: Mapping[str, tuple[PolicyRule, ...]]


@cache
def published_policies() -> PublishedPolicies:
    """Return the published rules of access policies."""
    from importlib.resources import files

    content = json.loads(files(__package__).joinpath("access_policies.json").read_text(encoding="utf-8"))
    rules = {name: tuple(map(_published_rule, found)) for name, found in content["policies"].items()}
    return PublishedPolicies(content["address"], content["read"], rules)


def _published_rule(found: Mapping[str, list[str]]) -> PolicyRule:
    return PolicyRule(*(tuple(found.get(name, ())) for name in RULE_FIELDS))
