"""The objects of an API server: their fields, and lists that are read in pages."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

from awsauth.core.revisions.info import CONFIG_MAP_NAME
from awsauth.core.revisions.revision import LABEL, NAMESPACE
from awsauth.core.text.display import quoted, visible
from awsauth.errors import ApiError, UnreachableError
from awsauth.kube.transport import JSON, Transport
from awsauth.system.backoff import retry_unavailable

if TYPE_CHECKING:
    from awsauth.core.cluster.facts import ClusterNode

_T = TypeVar("_T", str, bool, list[Any], dict[str, Any])

_NOUNS: Final[dict[type, str]] = {str: "a text", bool: "a boolean", list: "a list", dict: "an object"}

PAGE_LIMIT: Final = "500"  # objects in a page, as for kubectl; it bounds the size of an answer

# The most pages of a list. That is 100,000 objects: 20 times the nodes that a cluster may have, and 200 times the
# revisions that are kept.
MOST_PAGES: Final = 200

LIST_TIMEOUTS: Final = 10  # the time for a whole list, in timeouts of one request; 5,000 nodes are 10 pages

# The ``Accept`` header for a list of objects without their contents.
METADATA: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

REVISIONS_PATH: Final = f"/apis/apps/v1/namespaces/{NAMESPACE}/controllerrevisions"

SELECTOR: Final = f"{LABEL}={CONFIG_MAP_NAME}"  # the label selector for the revisions of `aws-auth`

_NODES_PATH: Final = "/api/v1/nodes"


class Fields(dict[str, Any]):
    """The fields of an object in an answer.

    As in Kubernetes, a field that is null or missing counts as empty. A field of another type raises an error: a reader
    that skipped it could draw a wrong conclusion, such as that a role is unused.

    Args:
        value: The object.
        kind: The requested kind, for errors; or "list of objects".
        location: The requested path, for errors.

    Raises:
        ApiError: `value` is not an object. The methods raise it for a field of another type.
    """

    __slots__ = ("_kind", "_location")

    def __init__(self, value: Any, kind: str, location: str) -> None:
        self._kind = kind
        self._location = location
        if not isinstance(value, dict):
            raise self.refusal("It holds another value where an object has to be.")
        super().__init__(value)

    def text(self, name: str) -> str:
        """Return a text."""
        return self._read(name, str)

    def name(self, name: str = "name") -> str:
        """Return a text that must not be empty."""
        if found := self._read(name, str):
            return found
        raise self.refusal(f"It has no {quoted(name)}.")

    def flag(self, name: str) -> bool:
        """Return a boolean."""
        return self._read(name, bool)

    def object(self, name: str) -> Fields:
        """Return the fields of an object."""
        return Fields(self._read(name, dict), self._kind, self._location)

    def objects(self, name: str) -> list[Fields]:
        """Return the fields of each object in a list."""
        return [Fields(value, self._kind, self._location) for value in self._read(name, list)]

    def texts(self, name: str) -> list[str]:
        """Return a list of texts."""
        return self._texts(name, list)

    def texts_by_name(self, name: str) -> dict[str, str]:
        """Return the texts of an object by their names."""
        return self._texts(name, dict)

    def refusal(self, problem: str) -> ApiError:
        """Return the error for an answer that is not of the requested kind."""
        message = f"The server's answer is not a valid {self._kind}. {problem}"
        hint = "Check that the address is the one of a Kubernetes API server."
        return ApiError(message, location=visible(self._location), hint=hint)

    def _read(self, name: str, kind: type[_T]) -> _T:
        value = self.get(name)
        if value is None:
            return kind()
        if not isinstance(value, kind):
            raise self.refusal(f"Its {quoted(name)} is not {_NOUNS[kind]}.")
        return value

    def _texts(self, name: str, kind: type[_T]) -> _T:
        found: Any = self._read(name, kind)
        if not all(isinstance(value, str) for value in (found.values() if kind is dict else found)):
            raise self.refusal(f"Its {quoted(name)} holds a value that is not a text.")
        return found  # type: ignore[no-any-return]


def fields_of(answer: Any, kind: str, location: str) -> Fields:
    """Return the fields of an object.

    The answer may lack the kind, but not have another one.
    """
    fields = Fields(answer, kind, location)
    if fields.text("kind") not in ("", kind):
        raise fields.refusal("It is of another kind.")
    return fields


def create_object(transport: Transport, path: str, value: dict[str, Any], *, dry_run: bool = False) -> bool:
    """Create an object, and return False if one of its name exists.

    Args:
        transport: To the API server.
        path: The path of the list that gets it.
        value: The object.
        dry_run: Whether the server only checks that the caller may create it.

    Raises:
        AwsAuthError: the transport raises it.
    """
    query = {"dryRun": "All"} if dry_run else {}
    try:
        retry_unavailable(lambda: transport.post(path, value, query, changes=not dry_run))
    except ApiError as error:
        if error.status != 409:
            raise
        return False
    return True


def list_objects(transport: Transport, path: str, *, accept: str = JSON, **query: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list.

    Raises:
        ApiError: the answer is not a list of objects.
        AwsAuthError: the transport raises it.
    """
    for page, _date in pages(transport, path, accept=accept, **query):
        yield from page


def pages(
    transport: Transport, path: str, *, accept: str = JSON, **query: str
) -> Iterator[tuple[list[dict[str, Any]], datetime | None]]:
    """Yield the pages of a list with the server's time; raises like `list_objects`."""
    seen: set[str] = set()
    query["limit"] = PAGE_LIMIT
    end = time.monotonic() + LIST_TIMEOUTS * transport.timeout
    for _ in range(MOST_PAGES):
        answer = transport.request("GET", path, query, accept=accept)
        page = Fields(answer.value, "list of objects", path)
        if "items" not in page:
            raise page.refusal("It has no `items`.")
        page.objects("items")
        following = page.object("metadata").text("continue")
        if following in seen:
            raise page.refusal("It goes back to a page before.")
        if following and time.monotonic() > end:
            message = f"The list was not complete within {LIST_TIMEOUTS} times the timeout of one request."
            hint = "Try again, or with a longer timeout."
            raise UnreachableError(message, location=visible(f"GET {path} at {transport.host}"), hint=hint)
        seen.add(following)
        yield answer.value["items"] or [], answer.date  # null stands for an empty list
        if not following:
            return
        query["continue"] = following
    raise Fields({}, "list of objects", path).refusal(f"It goes on after {MOST_PAGES} pages.")


def read_nodes(transport: Transport) -> tuple[ClusterNode, ...]:
    """Return the nodes; one request, more for more than 500.

    An empty result proves nothing: a node group may be scaled to zero, and a Fargate profile may have no pod now. The
    cluster does not know a node's role; AWS does, by the instance's id.

    Raises:
        ForbiddenError: the caller may not list nodes.
        ApiError: the answer is not a list of nodes.
        AwsAuthError: the transport raises it.
    """
    return tuple(node_of(item) for item in list_objects(transport, _NODES_PATH))


def node_of(item: Mapping[str, Any]) -> ClusterNode:
    """Return a node, from its object.

    Raises:
        ApiError: the object is not a node. If it were skipped, its role could count as unused.
    """
    from awsauth.core.cluster.facts import ClusterNode, ComputeType  # most changes need no nodes

    node = Fields(item, "Node", _NODES_PATH)
    metadata = node.object("metadata")
    found = metadata.object("labels").text("eks.amazonaws.com/compute-type")
    compute_type: ComputeType = next((known for known in get_args(ComputeType) if known == found), "ec2")
    return ClusterNode(metadata.name(), node.object("spec").text("providerID"), compute_type)


def owner_references(metadata: Fields) -> tuple[str, ...]:
    """Return the owners in an object's metadata, each as kind and name."""
    return tuple(f"{owner.text('kind')} {owner.text('name')}" for owner in metadata.objects("ownerReferences"))


def read_revision_owners(transport: Transport) -> dict[str, tuple[str, ...]]:
    """Return the owners of revisions, by the name of the revision's object.

    That takes one request, without data.

    Raises:
        ForbiddenError: the caller may not list revisions.
        ApiError: the answer is not a list of revisions.
        AwsAuthError: the transport raises it.
    """
    items = list_objects(transport, REVISIONS_PATH, accept=METADATA, labelSelector=SELECTOR)
    revisions = (Fields(item, "ControllerRevision", REVISIONS_PATH).object("metadata") for item in items)
    found = {metadata.name(): owner_references(metadata) for metadata in revisions}
    return {name: owners for name, owners in found.items() if owners}
