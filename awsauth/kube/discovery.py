"""The resources of an API server: their groups, short names and subresources."""

from __future__ import annotations

from typing import Final, NamedTuple

from awsauth.core.entries.view import NOT_LOOKED_AT
from awsauth.core.findings import Finding, note
from awsauth.core.report.rbac import ANY, RbacRule
from awsauth.core.text.display import quoted
from awsauth.kube.resources import Fields
from awsauth.kube.transport import Transport

# The ``Accept`` header for all resources in one answer. Kubernetes has v2 since 1.30, and v2beta1 since 1.26.
_ALL: Final = ",".join(
    f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1")
)


class ApiResource(NamedTuple):
    """A resource.

    Attributes:
        name: Its name, in the plural.
        group: Its API group; empty for the core group.
        is_namespaced: Whether its objects are in namespaces.
        subresources: Its subresources, such as ``exec``.
    """

    name: str
    group: str
    is_namespaced: bool = True
    subresources: frozenset[str] = frozenset()


def find_resource(transport: Transport, name: str, group: str) -> ApiResource | None:
    """Return the resource of a name as kubectl takes it, or None.

    That takes one request or two.

    Args:
        transport: To the API server.
        name: The plural, the singular or a short name.
        group: The API group; empty for the first one that has such a resource. The core group is the first.

    Raises:
        ApiError: the answer is not a list of resources.
        AwsAuthError: the transport raises it.
    """
    for path in ("/api", "/apis"):
        for one in Fields(transport.get(path, accept=_ALL), "list of resources", path).objects("items"):
            found_group = one.object("metadata").text("name")
            for resource in (found for version in one.objects("versions") for found in version.objects("resources")):
                plural = resource.text("resource")
                names = {plural, resource.text("singularResource"), *resource.texts("shortNames")}
                if name in names and group in ("", found_group):
                    parts = frozenset(part.text("subresource") for part in resource.objects("subresources"))
                    return ApiResource(plural, found_group, resource.text("scope") == "Namespaced", parts)
    return None


def request_of(
    transport: Transport, verb: str, resource: str, namespace: str | None
) -> tuple[RbacRule, tuple[Finding, ...]]:
    """Return the request of a question, and notes about it.

    Args:
        transport: To the API server.
        verb: The verb, such as ``get``.
        resource: Such as ``pods``, ``deployments.apps/web`` or ``pods/exec``; or a path such as ``/metrics``. After a slash
            stands a subresource if the resource has it, otherwise the name of an object.
        namespace: The namespace; None for any.

    Raises:
        AwsAuthError: the transport raises it.
    """
    if resource.startswith("/"):
        return RbacRule(verb, resource), ()
    kind, _, rest = resource.partition("/")
    typed, _, group = kind.partition(".")
    name, _, part = rest.partition("/")
    found = ApiResource(ANY, group or ANY) if typed == ANY else find_resource(transport, typed, group)
    known = found or ApiResource(typed, group)
    if not part and name in known.subresources:
        name, part = "", name
    where = (namespace or ANY) if known.is_namespaced else ""
    asked = RbacRule(verb, f"{known.name}/{part}" if part else known.name, known.group, name, where)
    if found:
        return asked, ()
    message = f"Not checked: whether the cluster has a resource {quoted(kind, 200)}."
    impact = "Its discovery does not list it, so the name is taken as written."
    return asked, (note(NOT_LOOKED_AT, message, impact, "Write the plural, with its API group after a dot."),)
