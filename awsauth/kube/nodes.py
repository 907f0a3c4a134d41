"""The nodes that are registered in a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

from awsauth.core.cluster_facts import ClusterNode, ComputeType
from awsauth.kube.fields import Fields
from awsauth.kube.listing import objects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.kube.transport import Transport

_PATH: Final = "/api/v1/nodes"
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
    return tuple(node_of(item) for item in objects(transport, _PATH))


def node_of(item: Mapping[str, Any]) -> ClusterNode:
    """Return a node, from its object.

    Raises:
        ApiError: it is none; left out, it would be missed where its role is to be in no use.
    """
    node = Fields(item, "Node", _PATH)
    metadata = node.object("metadata")
    found = metadata.object("labels").text(_COMPUTE_TYPE)
    return ClusterNode(
        metadata.name(),
        node.object("spec").text("providerID"),
        next((known for known in _TYPES if known == found), "ec2"),
    )
