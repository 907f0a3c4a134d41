"""What only a cluster can tell about a mapping: whom RBAC mentions, and which nodes there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

ComputeType = Literal["ec2", "fargate", "hybrid", "auto"]
"""What runs a node. ``auto``: EKS Auto Mode, whose nodes come in by an access entry and never by a mapping."""


@dataclass(frozen=True, slots=True)
class Bindings:
    """Whom the RoleBindings and ClusterRoleBindings of a cluster mention.

    Attributes:
        usernames: By username, the bindings that mention it, each as kind and name (``RoleBinding apps/viewers``).
        groups: By group, the same.
        admin_usernames: Those that a ClusterRoleBinding binds to ``cluster-admin``.
        admin_groups: Groups that one does.
    """

    usernames: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    admin_usernames: frozenset[str] = frozenset()
    admin_groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """A node that is registered.

    Attributes:
        name: Its name; the API server knows it as the user ``system:node:NAME``.
        provider_id: What AWS calls it, such as ``aws:///eu-west-1a/i-0123456789abcdef0``; empty where nothing says so.
        compute_type: What runs it.
    """

    name: str
    provider_id: str = ""
    compute_type: ComputeType = "ec2"

    @property
    def instance_id(self) -> str:
        """The id of its EC2 instance; empty where it is none, as on Fargate."""
        last = self.provider_id.rpartition("/")[2]
        return last if last.startswith("i-") else ""
