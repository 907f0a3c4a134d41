"""Lists that are read in pages."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, get_args

from awsauth.core.cluster.facts import Bindings, ClusterNode, ComputeType
from awsauth.core.revisions.info import NAME
from awsauth.core.revisions.revision import LABEL, NAMESPACE
from awsauth.core.text.display import visible
from awsauth.errors import UnreachableError
from awsauth.kube.fields import Fields
from awsauth.kube.transport import JSON

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from awsauth.kube.transport import Transport


PAGE: Final = "500"
"""Objects in one answer: as many as kubectl asks for, so that none grows without bound."""


MOST_PAGES: Final = 200
"""Pages of a list: 100,000 objects, 20 times the nodes that a cluster may have, and 200 times the revisions that are kept."""


LIST_TIMEOUTS: Final = 10
"""How many times as long as one request a whole list may take; 5,000 nodes are 10 pages."""


METADATA: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Asks for objects without what is in them."""


def objects(transport: Transport, path: str, *, accept: str = JSON, **query: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list.

    Raises:
        ApiError: what is there is no list of objects.
        AwsAuthError: what else the transport raises.
    """
    for page, _date in pages(transport, path, accept=accept, **query):
        yield from page


def pages(
    transport: Transport, path: str, *, accept: str = JSON, **query: str
) -> Iterator[tuple[list[dict[str, Any]], datetime | None]]:
    """Yield the pages of a list, each with the server's time; raises what `objects` does."""
    asked = {**query, "limit": PAGE}
    seen: set[str] = set()
    end = time.monotonic() + LIST_TIMEOUTS * transport.timeout
    for _ in range(MOST_PAGES):
        answer = transport.request("GET", path, asked, accept=accept)
        page, following = _page_of(answer.value, path)
        if following in seen:
            raise Fields(answer.value, "list of objects", path).refusal("It goes on where it has been before.")
        if following and time.monotonic() > end:
            raise UnreachableError(
                f"The list was not complete within {LIST_TIMEOUTS} times the time-out of one request.",
                location=visible(f"GET {path} at {transport.host}"),
                hint="Nothing was changed. Try again, or with a longer time-out.",
            )
        seen.add(following)
        yield page, answer.date
        if not following:
            return
        asked["continue"] = following
    raise Fields({}, "list of objects", path).refusal(f"It goes on after {MOST_PAGES} pages.")


def _page_of(listed: dict[str, Any], path: str) -> tuple[list[dict[str, Any]], str]:
    """Return the objects on one page of a list, and where the next page begins; empty after the last one."""
    page = Fields(listed, "list of objects", path)
    if "items" not in page:
        raise page.refusal("It has no `items`.")
    page.objects("items")
    # An empty list is null there.
    return listed["items"] or [], page.object("metadata").text("continue")


_BINDINGS_PATH: Final = "/apis/rbac.authorization.k8s.io/v1/"


_ADMIN: Final = "cluster-admin"


def read_bindings(transport: Transport) -> Bindings:
    """Return whom RBAC mentions; two requests, more where there are more than 500 bindings of a kind.

    Raises:
        ForbiddenError: the right to list bindings in the whole cluster is missing.
        ApiError: what is listed are no bindings.
        AwsAuthError: what else the transport raises.
    """
    cluster_wide = objects(transport, f"{_BINDINGS_PATH}clusterrolebindings")
    in_namespaces = objects(transport, f"{_BINDINGS_PATH}rolebindings")
    return bindings_of(cluster_wide, in_namespaces)


def bindings_of(cluster_wide: Iterable[Mapping[str, Any]], in_namespaces: Iterable[Mapping[str, Any]]) -> Bindings:
    """Return whom bindings mention, from the objects.

    A binding in a namespace gives ``cluster-admin`` in that namespace only, so it makes nobody an administrator.

    Raises:
        ApiError: one is no binding. Left out, somebody could count as bound to nothing, or nobody as an administrator.
    """
    usernames: defaultdict[str, list[str]] = defaultdict(list)
    groups: defaultdict[str, list[str]] = defaultdict(list)
    admins: dict[str, set[str]] = {"User": set(), "Group": set()}
    for kind, bindings in (("ClusterRoleBinding", cluster_wide), ("RoleBinding", in_namespaces)):
        for item in bindings:
            binding = Fields(item, kind, f"{_BINDINGS_PATH}{kind.lower()}s")
            metadata = binding.object("metadata")
            shown = f"{kind} {'/'.join(filter(None, [metadata.text('namespace'), metadata.name()]))}"
            role = binding.object("roleRef").text("name")
            is_admin = kind == "ClusterRoleBinding" and role == _ADMIN
            for subject, name in _subjects(binding):
                (usernames if subject == "User" else groups)[name].append(shown)
                if is_admin:
                    admins[subject].add(name)
    return Bindings(
        {name: tuple(found) for name, found in usernames.items()},
        {name: tuple(found) for name, found in groups.items()},
        frozenset(admins["User"]),
        frozenset(admins["Group"]),
    )


def _subjects(binding: Fields) -> Iterator[tuple[str, str]]:
    """Yield the users and groups that a binding mentions; a service account is a user with a name of its own."""
    for subject in binding.objects("subjects"):
        kind = subject.text("kind")
        if kind in ("User", "Group"):
            yield kind, subject.name()
        elif kind == "ServiceAccount":
            yield "User", f"system:serviceaccount:{subject.text('namespace')}:{subject.name()}"


_NODES_PATH: Final = "/api/v1/nodes"


_COMPUTE_TYPE: Final = "eks.amazonaws.com/compute-type"


_TYPES: Final[tuple[ComputeType, ...]] = get_args(ComputeType)


def read_nodes(transport: Transport) -> tuple[ClusterNode, ...]:
    """Return the nodes; one request, more where there are more than 500.

    That there is none proves nothing: a node group may be scaled to zero, and a Fargate profile may have no pod just
    now. A cluster knows no node's role either: that takes AWS, by the instances' ids.

    Raises:
        ForbiddenError: the right to list nodes is missing.
        ApiError: what is listed are no nodes.
        AwsAuthError: what else the transport raises.
    """
    return tuple(node_of(item) for item in objects(transport, _NODES_PATH))


def node_of(item: Mapping[str, Any]) -> ClusterNode:
    """Return a node, from its object.

    Raises:
        ApiError: it is none; left out, it would be missed where its role is to be in no use.
    """
    node = Fields(item, "Node", _NODES_PATH)
    metadata = node.object("metadata")
    found = metadata.object("labels").text(_COMPUTE_TYPE)
    return ClusterNode(
        metadata.name(),
        node.object("spec").text("providerID"),
        next((known for known in _TYPES if known == found), "ec2"),
    )


REVISIONS: Final = f"/apis/apps/v1/namespaces/{NAMESPACE}/controllerrevisions"


SELECTOR: Final = f"{LABEL}={NAME}"
"""Of the revisions of ``aws-auth``."""


def owners_of(metadata: Fields) -> tuple[str, ...]:
    """Return the owners of an object, from its metadata, each as kind and name.

    Raises:
        ApiError: something else stands in their place.
    """
    return tuple(f"{owner.text('kind')} {owner.text('name')}" for owner in metadata.objects("ownerReferences"))


def read_revision_owners(transport: Transport) -> dict[str, tuple[str, ...]]:
    """Return the revisions that have owners, by the name of their object; one request, without their data.

    Raises:
        ForbiddenError: the right to list revisions is missing.
        ApiError: what is listed are no revisions.
        AwsAuthError: what else the transport raises.
    """
    items = objects(transport, REVISIONS, accept=METADATA, labelSelector=SELECTOR)
    revisions = (Fields(item, "ControllerRevision", REVISIONS).object("metadata") for item in items)
    found = {metadata.name(): owners_of(metadata) for metadata in revisions}
    return {name: owners for name, owners in found.items() if owners}
