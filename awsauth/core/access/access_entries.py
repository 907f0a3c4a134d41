"""Access entries of an EKS cluster: what they give, and for whom they win over ``aws-auth``.

Once a cluster looks at both (authentication mode ``API_AND_CONFIG_MAP``), an access entry wins for its principal,
whatever the two say. An entry has the principal's real path, ``aws-auth`` has roles without.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from awsauth.core.access.matching import principal_of
from awsauth.core.document.model import KEYS, PRINCIPAL_KEYS, principal_location
from awsauth.core.findings import Finding, Severity
from awsauth.core.text.display import quoted, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from awsauth.core.document.document import Document
    from awsauth.core.document.model import MappingEntry
    from awsauth.core.findings import Location

AuthenticationMode = Literal["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"]
"""What a cluster looks at: ``aws-auth`` alone, both, access entries alone. It only ever goes forward."""

NODE_TYPES: Final = frozenset({"EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "EC2", "HYBRID_LINUX", "HYPERPOD_LINUX"})
"""Types of entries that let nodes in; every other entry is ``STANDARD``."""

WINS: Final = "access-entry-wins"
AUTHENTICATION_MODE: Final = "authentication-mode"

_CLUSTER_ADMIN: Final = ":cluster-access-policy/AmazonEKSClusterAdminPolicy"
_SERVICE_LINKED: Final = ":role/aws-service-role/"


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """An access policy of an entry.

    Attributes:
        policy_arn: ``arn:PARTITION:eks::aws:cluster-access-policy/NAME``.
        namespaces: Where it holds, wildcards allowed; empty for the whole cluster.
    """

    policy_arn: str
    namespaces: tuple[str, ...] = ()

    def __str__(self) -> str:
        name = visible(self.policy_arn.rpartition("/")[2])
        return f"{name} in {', '.join(map(visible, self.namespaces))}" if self.namespaces else name


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """An access entry.

    EKS ties it to the unique id of its principal: when the role is made anew under the same name, the entry lets
    nobody in any more, and nothing in it shows that.

    Attributes:
        principal_arn: Whose it is, with the real path.
        type: ``STANDARD``, or one of `NODE_TYPES`; empty where it could not be read.
        username: The username it gives.
        groups: The groups it gives.
        policies: What it allows beside what RBAC binds to username and groups.
    """

    principal_arn: str
    type: str = ""
    username: str = ""
    groups: tuple[str, ...] = ()
    policies: tuple[AccessPolicy, ...] = ()

    @property
    def principal(self) -> str:
        """The ARN as the authenticator sees it, in lower case: by it entries and mappings are compared."""
        return principal_of(self.principal_arn)

    @property
    def lets_nodes_in(self) -> bool:
        """Whether it is an entry for nodes, so that they need no mapping."""
        return self.type in NODE_TYPES

    @property
    def is_administrator(self) -> bool:
        """Whether its policies make somebody an administrator of the whole cluster.

        Roles that only an AWS service can assume are nobody.
        """
        return _SERVICE_LINKED not in self.principal_arn and any(
            policy.policy_arn.endswith(_CLUSTER_ADMIN) and not policy.namespaces for policy in self.policies
        )

    @property
    def gives(self) -> str:
        """What it gives, in words."""
        if not self.type:
            return "what it gives could not be read"
        if self.lets_nodes_in:
            return f"lets nodes in (type {self.type})"
        parts = [f"username {quoted(self.username)}"]
        if self.groups:
            parts.append(f"groups {', '.join(map(quoted, self.groups))}")
        parts += [str(policy) for policy in self.policies]
        return "; ".join(parts)


def entry_for(arn: str, entries: Iterable[AccessEntry]) -> AccessEntry | None:
    """Return the entry that wins for a caller or a mapping with this ARN; None where there is none."""
    principal = principal_of(arn)
    return next((entry for entry in entries if entry.principal == principal), None)


def without_effect(
    document: Document, mode: AuthenticationMode | None, entries: Iterable[AccessEntry]
) -> tuple[Finding, ...]:
    """Return what of a document has no effect, because the cluster does not look at it, or an access entry wins.

    Args:
        document: The document.
        mode: What the cluster looks at; None if unknown.
        entries: Its access entries.
    """
    if mode != "API":
        return () if mode == "CONFIG_MAP" else tuple(_overruled_by(document, entries))
    mapped = any(document.reading(key).mapped for key in KEYS)
    unread = Finding(
        AUTHENTICATION_MODE,
        Severity.WARNING,
        "The cluster's authentication mode is API: it does not look at aws-auth.",
        "Nobody gets in by any of its mappings.",
        "Give whoever is to get in an access entry; the mode cannot be changed back.",
    )
    return (unread,) if mapped else ()


def _overruled_by(document: Document, entries: Iterable[AccessEntry]) -> Iterator[Finding]:
    by_principal = {entry.principal: entry for entry in entries}
    for key in PRINCIPAL_KEYS if by_principal else ():
        reading = document.reading(key)
        for entry in reading.entries:
            # Compared as it is written: the authenticator never matches a role's path, so nothing is lost there.
            winner = entry.mapped and by_principal.get(entry.mapped.principal.lower())
            if entry.mapped and winner:
                yield _overruled(entry.mapped, winner, principal_location(reading, entry))


def _overruled(mapped: MappingEntry, winner: AccessEntry, location: Location | None) -> Finding:
    groups = f" in {', '.join(map(quoted, mapped.groups))}" if mapped.groups else ""
    hint = (
        "The mapping is not needed."
        if winner.lets_nodes_in
        else "Change the access entry, or delete it to let the mapping count; or take the mapping out."
    )
    return Finding(
        WINS,
        Severity.NOTE if winner.lets_nodes_in else Severity.WARNING,
        f"{quoted(mapped.principal, 200)} has an access entry, and that wins over its mapping.",
        f"The mapping to {quoted(mapped.username)}{groups} has no effect. The entry: {winner.gives}.",
        hint,
        location,
        mapped.principal,
    )
