"""The roles of nodes, from several sources: in use, proven unused, or unknown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from awsauth.core.access.matching import principal_of
from awsauth.core.access.node_mappings import node_principals
from awsauth.core.document.index import grouped
from awsauth.core.serialization import json_object
from awsauth.core.text.display import listed, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from awsauth.core.document.document import Document
    from awsauth.core.entries.model import AccessEntry
    from awsauth.core.guards.context import NodeUse


# The kind of a node's machine. Nodes of EKS Auto Mode (``auto``) join by an access entry, never by a mapping.
ComputeType = Literal["ec2", "fargate", "hybrid", "auto"]


RBAC_GROUP: Final = "rbac.authorization.k8s.io"  # the API group of roles and bindings


@json_object
class Binding(NamedTuple):
    """A RoleBinding or ClusterRoleBinding.

    Attributes:
        kind: Its kind.
        name: Its name.
        namespace: Its namespace; empty for a ClusterRoleBinding.
        role_kind: ``Role`` or ``ClusterRole``.
        role: The role that it binds.
    """

    kind: str
    name: str
    namespace: str
    role_kind: str
    role: str


@dataclass(frozen=True, slots=True)
class Bindings:
    """The usernames and groups in a cluster's RoleBindings and ClusterRoleBindings.

    Attributes:
        usernames: By username, the bindings that name it.
        groups: By group, the same.
        admin_usernames: The usernames that a ClusterRoleBinding binds to ``cluster-admin``.
        admin_groups: The groups that a ClusterRoleBinding binds to ``cluster-admin``.
    """

    usernames: Mapping[str, tuple[Binding, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[Binding, ...]] = field(default_factory=dict)
    admin_usernames: frozenset[str] = frozenset()
    admin_groups: frozenset[str] = frozenset()


class ClusterNode(NamedTuple):
    """A registered node.

    Attributes:
        name: The name; its username is ``system:node:NAME``.
        provider_id: Its id in AWS, such as ``aws:///eu-west-1a/i-0123456789abcdef0``; empty if unknown.
        compute_type: The kind of its machine.
    """

    name: str
    provider_id: str = ""
    compute_type: ComputeType = "ec2"

    @property
    def instance_id(self) -> str:
        """The id of its EC2 instance; empty without an instance, as on Fargate."""
        last = self.provider_id.rpartition("/")[2]
        return last if last.startswith("i-") else ""


class RoleUser(NamedTuple):
    """A node group, profile or other object that gives a role to nodes.

    Attributes:
        role_arn: The role, with or without its path.
        who: The object, such as ``node group ng-1 (3 nodes)``.
    """

    role_arn: str
    who: str


class RoleUsage(NamedTuple):
    """Whether nodes join by the mapping of a role.

    Attributes:
        role_arn: The role, as in the question.
        use: ``unused`` only if that is proven.
        reasons: The users of the role, or the questions that could not be asked.
    """

    role_arn: str
    use: NodeUse
    reasons: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """The reasons, at most three of them."""
        return listed(list(map(visible, self.reasons)), 3, "; ", "; and ")


@dataclass(frozen=True, slots=True)
class NodeEvidence:
    """The roles of a cluster's nodes, as far as they are known.

    Attributes:
        users: The users of each role, by ARN without path and in lower case.
        entries: The access entries for nodes, by the same ARN; their nodes need no mapping.
        notes: The questions that could not be asked, and why. Only without any is a role without users proven unused.
    """

    users: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    entries: Mapping[str, AccessEntry] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, told: Iterable[RoleUser | str], entries: Iterable[AccessEntry] = ()) -> NodeEvidence:
        """Return the evidence of all sources.

        Args:
            told: The answers of all sources of roles: the users, and why an answer is incomplete, such as a missing
                right. Without one of the sources nothing is proven.
            entries: The access entries of a cluster that uses them.
        """
        answers = list(told)
        users = grouped((principal_of(one.role_arn), one.who) for one in answers if isinstance(one, RoleUser))
        by_role = {role: tuple(dict.fromkeys(found)) for role, found in users.items()}
        of_nodes = {entry.principal: entry for entry in entries if entry.lets_nodes_in}
        return cls(by_role, of_nodes, tuple(dict.fromkeys(one for one in answers if isinstance(one, str))))

    def use_of(self, role_arn: str) -> RoleUsage:
        """Return whether nodes join by the mapping of a role.

        With an access entry for nodes they do not need it.
        """
        role = principal_of(role_arn)
        users = self.users.get(role, ())
        if entry := self.entries.get(role):
            by_entry = f"its nodes join by its access entry of type {entry.type}, not by aws-auth"
            return RoleUsage(role_arn, "unused", (by_entry, *users))
        if users:
            return RoleUsage(role_arn, "in use", users)
        return RoleUsage(role_arn, "unknown" if self.notes else "unused", self.notes)

    def is_managed(self, role_arn: str) -> bool:
        """Whether a node group or Fargate profile uses a role: EKS makes its access entry."""
        users = self.users.get(principal_of(role_arn), ())
        return any(who.startswith(("node group ", "Fargate profile ")) for who in users)

    def of_document(self, document: Document) -> tuple[RoleUsage, ...]:
        """Return the usage of each node mapping of a document, in its order."""
        return tuple(map(self.use_of, node_principals(document)))
