"""Access entries of an EKS cluster, and the mappings that they override.

In the authentication mode ``API_AND_CONFIG_MAP`` the access entry of a principal overrides its mapping. An
entry has the real path of a role, and a mapping has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from awsauth.core.access.matching import casefold_arn, principal_of
from awsauth.core.document.model import KEYS, PRINCIPAL_KEYS, principal_location
from awsauth.core.findings import Finding, Severity
from awsauth.core.text.display import quoted, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from awsauth.core.document.document import Document
    from awsauth.core.document.model import MappingEntry
    from awsauth.core.findings import Location

AuthenticationMode = Literal["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"]
"""``aws-auth`` alone, both, or access entries alone. A cluster cannot change back."""

# Types of entries for nodes; every other entry is ``STANDARD``.
NODE_TYPES: Final = frozenset({"EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "EC2", "HYBRID_LINUX", "HYPERPOD_LINUX"})

WINS: Final = "access-entry-wins"
AUTHENTICATION_MODE: Final = "authentication-mode"

_CLUSTER_ADMIN: Final = ":cluster-access-policy/AmazonEKSClusterAdminPolicy"
_SERVICE_LINKED: Final = ":role/aws-service-role/"


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """An access policy of an entry.

    Attributes:
        policy_arn: ``arn:PARTITION:eks::aws:cluster-access-policy/NAME``.
        namespaces: The namespaces it applies to, with wildcards; empty for the whole cluster.
    """

    policy_arn: str
    namespaces: tuple[str, ...] = ()

    def __str__(self) -> str:
        name = visible(self.policy_arn.rpartition("/")[2])
        return f"{name} in {', '.join(map(visible, self.namespaces))}" if self.namespaces else name


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """An access entry.

    EKS ties it to the unique id of its principal. If the role is deleted and created again, the entry grants no access,
    and does not show that.

    Attributes:
        principal_arn: The ARN of its principal, with the real path.
        type: ``STANDARD``, or one of `NODE_TYPES`; empty if it could not be read.
        username: The username of the principal.
        groups: The groups of the principal.
        policies: The access policies, which add to the rights that RBAC gives to username and groups.
    """

    principal_arn: str
    type: str = ""
    username: str = ""
    groups: tuple[str, ...] = ()
    policies: tuple[AccessPolicy, ...] = ()

    @property
    def principal(self) -> str:
        """The ARN as the authenticator sees it, in lower case, like a mapping's."""
        return principal_of(self.principal_arn)

    @property
    def lets_nodes_in(self) -> bool:
        """Whether it is for nodes, which then need no mapping."""
        return self.type in NODE_TYPES

    @property
    def is_administrator(self) -> bool:
        """Whether its policies make an administrator of the cluster.

        Returns False for roles that only AWS services assume.
        """
        return _SERVICE_LINKED not in self.principal_arn and any(
            policy.policy_arn.endswith(_CLUSTER_ADMIN) and not policy.namespaces for policy in self.policies
        )

    @property
    def gives(self) -> str:
        """The access it gives, as text."""
        if not self.type:
            return "it could not be read"
        if self.lets_nodes_in:
            return f"nodes of type {self.type}"
        parts = [f"username {quoted(self.username)}"]
        if self.groups:
            parts.append(f"groups {', '.join(map(quoted, self.groups))}")
        parts += [str(policy) for policy in self.policies]
        return "; ".join(parts)


def entry_for(arn: str, entries: Iterable[AccessEntry]) -> AccessEntry | None:
    """Return the entry for the principal of a caller or mapping, or None."""
    principal = principal_of(arn)
    return next((entry for entry in entries if entry.principal == principal), None)


def without_effect(
    document: Document, mode: AuthenticationMode | None, entries: Iterable[AccessEntry]
) -> tuple[Finding, ...]:
    """Return the findings about mappings without effect.

    The cluster ignores all mappings, or an access entry overrides one.

    Args:
        document: The document.
        mode: The authentication mode; None if unknown.
        entries: The access entries of the cluster.
    """
    if mode != "API":
        return () if mode == "CONFIG_MAP" else tuple(_overruled_by(document, entries))
    mapped = any(document.reading(key).mapped for key in KEYS)
    unread = Finding(
        AUTHENTICATION_MODE,
        Severity.WARNING,
        "The cluster's authentication mode is API: it does not use aws-auth.",
        "No mapping grants access.",
        "Create access entries; the mode cannot be changed back.",
    )
    return (unread,) if mapped else ()


def _overruled_by(document: Document, entries: Iterable[AccessEntry]) -> Iterator[Finding]:
    by_principal = {entry.principal: entry for entry in entries}
    for key in PRINCIPAL_KEYS if by_principal else ():
        reading = document.reading(key)
        for entry in reading.entries:
            # As written: a mapping with a role's path never matches, so an entry takes nothing from it.
            winner = entry.mapped and by_principal.get(casefold_arn(entry.mapped.principal))
            if entry.mapped and winner:
                yield _overruled(entry.mapped, winner, principal_location(reading, entry))


def _overruled(mapped: MappingEntry, winner: AccessEntry, location: Location | None) -> Finding:
    groups = f" in {', '.join(map(quoted, mapped.groups))}" if mapped.groups else ""
    hint = (
        "Remove the mapping; it is not needed."
        if winner.lets_nodes_in
        else "Change the access entry, delete it so that the mapping counts, or remove the mapping."
    )
    return Finding(
        WINS,
        Severity.NOTE if winner.lets_nodes_in else Severity.WARNING,
        f"{quoted(mapped.principal, 200)} has an access entry, which overrides its mapping.",
        f"The mapping to {quoted(mapped.username)}{groups} has no effect. The entry gives: {winner.gives}.",
        hint,
        location,
        mapped.principal,
    )
