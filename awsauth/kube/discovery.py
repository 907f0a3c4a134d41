"""The resources of an API server: their groups, short names and subresources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from awsauth.core.entries.model import NOT_LOOKED_AT
from awsauth.core.findings import Finding, note
from awsauth.core.report.rbac import ANY, NAMELESS, RbacRule
from awsauth.core.text.display import quoted
from awsauth.kube.resources import Fields
from awsauth.kube.transport import Transport

# The ``Accept`` header for all resources in one answer. Kubernetes has v2 since 1.30, and v2beta1 since 1.26.
_ALL: Final = ",".join(
    f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1")
)


def request_of(
    transport: Transport, verb: str, resource: str, namespace: str | None
) -> tuple[RbacRule, tuple[Finding, ...]]:
    """Return the request of a question, and notes about it.

    That takes one request to the server or two.

    Args:
        transport: To the API server.
        verb: The verb, such as ``get``.
        resource: Such as ``pods``, ``deployments.apps/web`` or ``pods/exec``; or a path such as ``/metrics``. After a slash
            stands a subresource if the resource has it, otherwise the name of an object.
        namespace: The namespace; None for any.

    Raises:
        ApiError: the answer is not a list of resources.
        AwsAuthError: the transport raises it.
    """
    if resource.startswith("/"):
        return RbacRule(verb, resource), ()
    kind, _, rest = resource.partition("/")
    plural, _, group = kind.partition(".")
    name, _, part = rest.partition("/")
    where, notes = namespace or ANY, tuple[Finding, ...]()
    if plural == ANY:
        group, name, part = group or ANY, "", name
    elif verb == "impersonate" and kind in ("users", "groups"):  # of no API; other resources may have these names
        where = ""
    elif found := next(_found(transport, plural, group), None):
        group, listed = found
        plural = listed.text("resource")
        if not part and any(one.text("subresource") == name for one in listed.objects("subresources")):
            name, part = "", name
        if (group, plural) == ("", "namespaces") and verb not in NAMELESS:
            where = name or where  # the server judges it as a request in the namespace itself
        elif listed.text("scope") != "Namespaced":
            where = ""
    else:
        message = f"Not checked: whether the cluster has a resource {quoted(kind, 200)}."
        impact = "Its discovery does not list it, so the name is taken as written."
        notes = (note(NOT_LOOKED_AT, message, impact, "Write the plural, with its API group after a dot."),)
    return RbacRule(verb, f"{plural}/{part}" if part else plural, group, name, where), notes


def _found(transport: Transport, name: str, group: str) -> Iterator[tuple[str, Fields]]:
    """Yield the resources with a name as kubectl takes it, each with its API group.

    Args:
        transport: To the API server.
        name: The plural, the singular or a short name.
        group: The API group; empty for all, beginning with the core group.
    """
    for path in ("/api", "/apis"):
        for one in Fields(transport.get(path, accept=_ALL), "list of resources", path).objects("items"):
            api_group = one.object("metadata").text("name")
            for resource in (found for version in one.objects("versions") for found in version.objects("resources")):
                names = (resource.text("resource"), resource.text("singularResource"), *resource.texts("shortNames"))
                if name in names and group in ("", api_group):
                    yield api_group, resource
