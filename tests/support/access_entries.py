"""Access entries for tests."""

from __future__ import annotations

from typing import Any

from awsauth.core.entries.merge import EntryDiff
from awsauth.core.entries.model import AccessEntry, AccessPolicy

ROLE = "arn:aws:iam::111122223333:role"
USER = "arn:aws:iam::111122223333:user"
POLICY = "arn:aws:eks::aws:cluster-access-policy"
ADMIN_POLICY = "AmazonEKSClusterAdminPolicy"
VIEW = "AmazonEKSViewPolicy"
EDIT = "AmazonEKSEditPolicy"


def policy(text: str) -> AccessPolicy:
    """Return the policy of ``NAME`` or ``NAME=NAMESPACE,…``."""
    name, _, namespaces = text.partition("=")
    return AccessPolicy(f"{POLICY}/{name}", tuple(namespaces.split(",")) if namespaces else ())


def entry(name: str, *policies: str, username: str = "x", groups: tuple[str, ...] = (), **fields: Any) -> AccessEntry:
    """Return the entry of a role, by name or ARN."""
    arn = name if ":" in name else f"{ROLE}/{name}"
    return AccessEntry(arn, fields.pop("type", "STANDARD"), username, groups, tuple(map(policy, policies)), **fields)


def nodes(name: str, kind: str = "EC2_LINUX") -> AccessEntry:
    """Return an entry for nodes, as EKS shows it."""
    return entry(name, type=kind, username="system:node:{{EC2PrivateDNSName}}", groups=("system:nodes",))


def changes(before: list[AccessEntry], after: list[AccessEntry]) -> tuple[EntryDiff, ...]:
    """Return the changes from some entries to others."""
    old, new = ({one.principal_arn: one for one in side} for side in (before, after))
    return tuple(EntryDiff(arn, old.get(arn), new.get(arn)) for arn in old | new if old.get(arn) != new.get(arn))


def change(before: AccessEntry | None, after: AccessEntry | None) -> EntryDiff:
    """Return the change of one entry."""
    shown = after or before
    assert shown
    return EntryDiff(shown.principal_arn, before, after)
