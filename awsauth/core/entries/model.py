"""Access entries of an EKS cluster.

In the authentication mode ``API_AND_CONFIG_MAP`` the access entry of a principal overrides its mapping. An
entry has the real path of a role, and a mapping has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal, NamedTuple

from awsauth.core.access.matching import can_match, casefold_arn, counting, is_usable, principal_of
from awsauth.core.access.node_mappings import PRESETS
from awsauth.core.arn import SERVICE_LINKED
from awsauth.core.document.document import Document
from awsauth.core.document.model import KIND, MappingEntry
from awsauth.core.edit.validation import BRIDGE_GROUP
from awsauth.core.findings import Finding
from awsauth.core.serialization import JsonValue
from awsauth.core.text.display import quoted, visible

# ``aws-auth`` alone, both, or access entries alone. A cluster cannot change back.
AuthenticationMode = Literal["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"]

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
        by_policy = any(one.name == CLUSTER_ADMIN_POLICY and not one.namespaces for one in self.policies)
        return by_policy and SERVICE_LINKED not in self.principal_arn

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


def as_mapped(entry: AccessEntry) -> MappingEntry:
    """Return an entry as a sync compares it: policies stand as groups.

    So does a type for nodes, whose username and groups are EKS's own. Instead, all types have those of ``EC2_LINUX``.
    The hashes in the tags of clusters are of them.
    """
    if entry.lets_nodes_in:
        node = NODE_TYPES["EC2_LINUX"]
        entry = replace(entry, username=node.username, groups=(*node.groups, f"type {entry.type}"))
    return (unbridged(entry) or entry).as_mapping


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


# The code of the note that a request for facts was not allowed or failed.
NOT_LOOKED_AT: Final = "not-looked-at"


class EntriesState(NamedTuple):
    """The access entries of a cluster, as far as they are known.

    Attributes:
        mode: The authentication mode; None if unknown, or without an EKS cluster.
        entries: The entries; None if they could not be listed.
        notes: What could not be read, and why.
    """

    mode: AuthenticationMode | None = None
    entries: tuple[AccessEntry, ...] | None = ()
    notes: tuple[Finding, ...] = ()

    @property
    def by_principal(self) -> dict[str, AccessEntry]:
        """The entries that the cluster uses, by principal in lower case."""
        return {} if self.mode == "CONFIG_MAP" else {entry.principal: entry for entry in self.entries or ()}


# The source that decides for a principal; ``nothing`` if it has no access.
DecidedBy = Literal["entry", "mapping", "nothing", "unknown"]


@dataclass(frozen=True, slots=True)
class PrincipalAccess(JsonValue):
    """The access of one principal, and the source that decides.

    Attributes:
        principal: The ARN, with the real path for an access entry; or an account of ``mapAccounts``.
        decided_by: ``entry``, ``mapping``, ``nothing`` if it has no access, or ``unknown``.
        reason: Why, in one sentence.
        username: The username of the source that decides, with its templates.
        groups: The groups of that source.
        entry: The access entry with type, policies, times and tags; None without one.
        mapped: Whether ``aws-auth`` maps it.
        owner: The owner whose sync manages it; may be empty.
    """

    principal: str
    decided_by: DecidedBy
    reason: str
    username: str
    groups: tuple[str, ...]
    entry: AccessEntry | None = None
    mapped: bool = True
    owner: str = ""


@dataclass(frozen=True, slots=True)
class AccessView(JsonValue):
    """Who has access to a cluster.

    Attributes:
        mode: The authentication mode: ``CONFIG_MAP``, ``API_AND_CONFIG_MAP`` or ``API``; None if unknown, or for a file.
        principals: The principals, those of the document first.
        notes: What could not be read, and why.
    """

    mode: AuthenticationMode | None
    principals: tuple[PrincipalAccess, ...]
    notes: tuple[Finding, ...] = ()


def access_view(document: Document, state: EntriesState, owners: Mapping[str, str]) -> AccessView:
    """Return the access of all principals in a document and in access entries.

    Args:
        document: The document.
        state: The access entries.
        owners: By name of a mapping, such as ``role/arn:…`` with the ARN in lower case, its owner.
    """
    return AccessView(state.mode, tuple(_principals(document, state, owners)), state.notes)


def _principals(document: Document, state: EntriesState, owners: Mapping[str, str]) -> Iterator[PrincipalAccess]:
    left = state.by_principal
    for arn, (key, found) in counting(document).items():
        mapped = found[max(found)]
        # A mapping with the path of a role never matches, so an entry takes nothing from it.
        entry = left.pop(arn, None)
        owner = owners.get(f"{KIND[key]}/{casefold_arn(mapped.principal)}", "")
        yield _by_entry(entry, mapped=True) if entry else _by_mapping(mapped, state, owner)
    for account in document.accounts:
        yield _by_mapping(MappingEntry(account), state, owners.get(f"account/{account}", ""))
    yield from (_by_entry(entry, mapped=False) for entry in left.values())


def _by_entry(entry: AccessEntry, *, mapped: bool) -> PrincipalAccess:
    reason = "Its access entry overrides its mapping." if mapped else "It has an access entry."
    shown = entry.username, entry.groups, entry, mapped, entry.owner
    return PrincipalAccess(entry.principal_arn, "entry", reason, *shown)


def _by_mapping(mapped: MappingEntry, state: EntriesState, owner: str) -> PrincipalAccess:
    decided: DecidedBy = "mapping"
    reason = "It has no access entry." if state.mode == "API_AND_CONFIG_MAP" else "aws-auth maps it."
    if ":" in mapped.principal and not is_usable(mapped):
        why = "No user has an EC2 instance's private DNS name."
        decided, reason = "nothing", why if can_match(mapped.principal) else "No caller can have this ARN."
    elif state.mode == "API":
        decided, reason = "nothing", "The authentication mode is API: the cluster does not use aws-auth."
    elif state.entries is None:
        decided, reason = "unknown", "The access entries could not be read, and one would decide."
    given = ("", ()) if decided == "nothing" else (mapped.username, mapped.groups)
    return PrincipalAccess(mapped.principal, decided, reason, *given, owner=owner)
