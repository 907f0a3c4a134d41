"""Access entries of an EKS cluster.

In the authentication mode ``API_AND_CONFIG_MAP`` the access entry of a principal overrides its mapping. An
entry has the real path of a role, and a mapping has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal

from awsauth.core.access.matching import principal_of
from awsauth.core.access.node_mappings import PRESETS
from awsauth.core.arn import SERVICE_LINKED
from awsauth.core.document.model import MappingEntry
from awsauth.core.edit.validation import BRIDGE_GROUP
from awsauth.core.serialization import JsonValue
from awsauth.core.text.display import quoted, visible

AuthenticationMode = Literal["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"]
"""``aws-auth`` alone, both, or access entries alone. A cluster cannot change back."""

# Types of entries for nodes, with the username and groups of the nodes; every other entry is ``STANDARD``.
NODE_TYPES: Final = {
    "EC2_LINUX": PRESETS["ec2"],
    "EC2_WINDOWS": PRESETS["windows"],
    "EC2": PRESETS["ec2"],
    "FARGATE_LINUX": PRESETS["fargate"],
    "HYBRID_LINUX": PRESETS["hybrid"],
    "HYPERPOD_LINUX": PRESETS["hybrid"],
}

# The access policy with the rights of ``system:masters`` in the whole cluster.
CLUSTER_ADMIN_POLICY: Final = "AmazonEKSClusterAdminPolicy"

# The tag of an access entry to delete; its value is the time of its making.
TEMPORARY: Final = "awsauth/temporary"

# The tag of an older access entry with a cluster-admin policy to remove.
TEMPORARY_POLICY: Final = "awsauth/temporary-policy"

# The tag of an access entry that a migration made for a mapping.
MIGRATED: Final = "awsauth/migrated-from"

# The tag of an access entry that names its owner.
OWNER_TAG: Final = "awsauth/owner"

# The tag with a hash of what the owner applied last.
APPLIED: Final = "awsauth/applied"


@dataclass(frozen=True, slots=True)
class AccessPolicy(JsonValue):
    """An access policy of an entry; the order of namespaces does not matter.

    Attributes:
        policy_arn: ``arn:PARTITION:eks::aws:cluster-access-policy/NAME``.
        namespaces: The namespaces it applies to, with wildcards; empty for the whole cluster.
    """

    policy_arn: str
    namespaces: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The policy's name, such as ``AmazonEKSViewPolicy``."""
        return self.policy_arn.rpartition("/")[2]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccessPolicy) and self._compared == other._compared

    def __hash__(self) -> int:
        return hash(self._compared)

    @property
    def _compared(self) -> tuple[object, ...]:
        return self.policy_arn, frozenset(self.namespaces)

    def __str__(self) -> str:
        name = visible(self.name)
        return f"{name} in {', '.join(map(visible, sorted(self.namespaces)))}" if self.namespaces else name


@dataclass(frozen=True, slots=True)
class AccessEntry(JsonValue):
    """An access entry. Equal ones give the same access, and have one owner.

    The order of groups and policies does not matter. Usernames and groups of nodes are not compared: EKS sets them.

    EKS ties it to the unique id of its principal. If the role is deleted and created again, the entry grants no access,
    and does not show that.

    Attributes:
        principal_arn: The ARN of its principal, with the real path.
        type: ``STANDARD``, or a type for nodes such as ``EC2_LINUX``; empty if it could not be read.
        username: The username of the principal.
        groups: The groups of the principal.
        policies: The access policies, which add to the rights that RBAC gives to username and groups.
        entry_arn: The ARN of the entry itself; empty if unknown, as are `created`, `modified` and `tags`.
        created: When it was made, in UTC.
        modified: When it was last changed, in UTC.
        tags: Its tags.
    """

    principal_arn: str
    type: str = ""
    username: str = ""
    groups: tuple[str, ...] = ()
    policies: tuple[AccessPolicy, ...] = ()
    entry_arn: str = ""
    created: datetime | None = None
    modified: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccessEntry) and self._compared == other._compared

    def __hash__(self) -> int:
        return hash(self._compared)

    @property
    def _compared(self) -> tuple[object, ...]:
        named = () if self.lets_nodes_in else (self.username, frozenset(self.groups))
        return self.principal_arn, self.type, named, frozenset(self.policies), *self.owned.values()

    @property
    def principal(self) -> str:
        """The ARN as the authenticator sees it, in lower case."""
        return principal_of(self.principal_arn)

    @property
    def lets_nodes_in(self) -> bool:
        """Whether it is for nodes, which then need no mapping."""
        return self.type in NODE_TYPES

    @property
    def takes_policies(self) -> bool:
        """Whether it may have policies; AWS's sources disagree about the type ``EC2``."""
        return self.type in ("STANDARD", "EC2")

    @property
    def is_administrator(self) -> bool:
        """Whether its policies make an administrator of the cluster.

        False for roles that only AWS services assume.
        """
        return SERVICE_LINKED not in self.principal_arn and any(
            policy.name == CLUSTER_ADMIN_POLICY and not policy.namespaces for policy in self.policies
        )

    @property
    def is_temporary(self) -> bool:
        """Whether a recovery made the entry, and has to delete it."""
        return TEMPORARY in self.tags

    @property
    def has_temporary_policy(self) -> bool:
        """Whether a recovery has to remove the cluster-admin policy from the entry."""
        return TEMPORARY_POLICY in self.tags

    @property
    def owned(self) -> dict[str, str]:
        """The tags of its owner; empty texts for none."""
        return {name: self.tags.get(name, "") for name in (OWNER_TAG, APPLIED)}

    @property
    def owner(self) -> str:
        """The owner in its tags; empty if it has none."""
        return self.tags.get(OWNER_TAG, "")

    @property
    def as_mapping(self) -> MappingEntry:
        """The entry as a mapping of the same effect; each access policy stands as a group."""
        policies = () if SERVICE_LINKED in self.principal_arn else map(str, self.policies)
        return MappingEntry(self.principal_arn, self.username, (*self.groups, *policies))

    @property
    def gives(self) -> str:
        """The access it gives, as text."""
        parts = [f"nodes of type {self.type}" if self.lets_nodes_in else f"username {quoted(self.username)}"]
        if self.groups and not self.lets_nodes_in:
            parts.append(f"groups {', '.join(map(quoted, self.groups))}")
        return "; ".join([*parts, *map(str, self.policies)]) if self.type else "it could not be read"


def unbridged(entry: AccessEntry | None) -> AccessEntry | None:
    """Return an entry without the group of the bridge."""
    return entry and replace(entry, groups=tuple(group for group in entry.groups if group != BRIDGE_GROUP))


def with_policy(entry: AccessEntry, policy_arn: str, policy: AccessPolicy | None) -> AccessEntry:
    """Return an entry with a policy in place of the one with this ARN, or without it."""
    others = tuple(one for one in entry.policies if one.policy_arn != policy_arn)
    return replace(entry, policies=(*others, policy) if policy else others)


def lasting(entries: Iterable[AccessEntry]) -> Iterator[AccessEntry]:
    """Yield the entries as they are without the access that a recovery removes."""
    for entry in entries:
        if entry.has_temporary_policy:
            yield replace(entry, policies=tuple(one for one in entry.policies if one.name != CLUSTER_ADMIN_POLICY))
        elif not entry.is_temporary:
            yield entry
