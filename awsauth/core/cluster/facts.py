"""Which roles nodes have, from what several sources tell: in use, proven unused, or unknown."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from awsauth.core.access.matching import Access, principal_of
from awsauth.core.access.node_mappings import admits_nodes
from awsauth.core.text.display import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from awsauth.core.access.access_entries import AccessEntry
    from awsauth.core.document.document import Document
    from awsauth.core.guards.context import NodeUse


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


_SHOWN: Final = 3
"""How many reasons are shown."""


@dataclass(frozen=True, slots=True)
class RoleUser:
    """Something that gives a role to nodes.

    Attributes:
        role_arn: The role, with or without its path.
        who: What it is, such as ``node group ng-1 (3 nodes)``.
    """

    role_arn: str
    who: str


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What one source told.

    Attributes:
        users: Who has which role, as far as the source knows.
        notes: Why it could not tell all of it, such as the right that is missing; empty where it could.
    """

    users: tuple[RoleUser, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RoleUsage:
    """Whether nodes come in by the mapping of a role.

    Attributes:
        role_arn: The role, as it was asked for.
        use: ``unused`` only where that is proven.
        reasons: Why: who has the role, or what could not be asked.
    """

    role_arn: str
    use: NodeUse
    reasons: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """The reasons, at most three of them."""
        return _listed(self.reasons)


@dataclass(frozen=True, slots=True)
class NodeEvidence:
    """What is known of the roles of a cluster's nodes.

    Attributes:
        users: By role, without path and in lower case, who has it.
        entries: By role, likewise, the access entry that lets its nodes in, so that they need no mapping.
        notes: What could not be asked, and why. Unless it is empty, no role that nobody has is proven unused.
    """

    users: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    entries: Mapping[str, AccessEntry] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, told: Iterable[SourceReport], entries: Iterable[AccessEntry] = ()) -> NodeEvidence:
        """Return what all sources together tell.

        Args:
            told: What each source told: all of those that can give a role to nodes, or nothing can be proven.
            entries: The access entries of a cluster that looks at them.
        """
        users: defaultdict[str, list[str]] = defaultdict(list)
        notes: list[str] = []
        for one in told:
            notes += one.notes
            for user in one.users:
                users[principal_of(user.role_arn)].append(user.who)
        return cls(
            {role: tuple(dict.fromkeys(found)) for role, found in users.items()},
            {entry.principal: entry for entry in entries if entry.lets_nodes_in},
            tuple(dict.fromkeys(notes)),
        )

    def use_of(self, role_arn: str) -> RoleUsage:
        """Return whether nodes come in by the mapping of a role.

        A role with an access entry for nodes is unused in that sense, even where nodes have it: the entry lets them in.
        """
        role = principal_of(role_arn)
        users = self.users.get(role, ())
        if entry := self.entries.get(role):
            by_entry = f"its access entry of type {entry.type} lets its nodes in, not aws-auth"
            return RoleUsage(role_arn, "unused", (by_entry, *users))
        if users:
            return RoleUsage(role_arn, "in use", users)
        return RoleUsage(role_arn, "unknown" if self.notes else "unused", self.notes)

    def of_document(self, document: Document) -> tuple[RoleUsage, ...]:
        """Return whether nodes come in by each mapping of a document that lets nodes in, in its order."""
        return tuple(
            self.use_of(outcomes[-1].principal)
            for outcomes in Access.of(document).by_principal.values()
            if any(map(admits_nodes, outcomes))
        )


def _listed(texts: tuple[str, ...]) -> str:
    more = f"; and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return "; ".join(map(visible, texts[:_SHOWN])) + more
