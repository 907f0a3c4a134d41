"""Access entries as the guards compare them.

Entries stand as mappings whose groups can be compared. An access policy is a group for each namespace. A stronger or
wider policy gives the groups of the weaker one too. So a policy that gets wider takes nothing away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from awsauth.core.document.model import SYSTEM_MASTERS, MappingEntry
from awsauth.core.edit.validation import BRIDGE_GROUP
from awsauth.core.entries.model import CLUSTER_ADMIN_POLICY, NODE_TYPES, AccessEntry, AccessPolicy, lasting

if TYPE_CHECKING:
    from awsauth.core.access.matching import Access
    from awsauth.core.entries.merge import EntryDiff

# Each has the rights of those before it, in the same scope. The last one has those of every policy.
_BY_STRENGTH: Final = ("AmazonEKSViewPolicy", "AmazonEKSEditPolicy", "AmazonEKSAdminPolicy", CLUSTER_ADMIN_POLICY)
_WEAKER: Final = {name: _BY_STRENGTH[:rank] for rank, name in enumerate(_BY_STRENGTH)}


def with_entries(
    written: tuple[Access, Access], entries: Iterable[AccessEntry], diffs: Sequence[EntryDiff], stale: Collection[str]
) -> tuple[Access, Access]:
    """Return the access before and after a change, by mappings and access entries.

    An entry stands in place of the mapping of its principal. Entries that are stale or could not be read do not count.
    Neither does access that a recovery removes.

    Args:
        written: The access by mappings, before and after the change.
        entries: The present entries to look at.
        diffs: The entries that change.
        stale: The ARNs of principals whose entries do not count.
    """
    compared = by_namespace(entry for diff in diffs for entry in (diff.before, diff.after) if entry)
    present: dict[str, AccessEntry | None] = {entry.principal_arn: entry for entry in entries}
    changed = {**present, **{diff.principal_arn: diff.after for diff in diffs}}
    sides = []
    for access, found in zip(written, (present, changed), strict=True):
        by_entry = defaultdict[str, tuple[MappingEntry, ...]](tuple)
        for entry in lasting(filter(None, found.values())):
            if entry.type and entry.principal_arn not in stale:
                by_entry[entry.principal] += (mapping_of(entry, compared),)
        sides.append(access._replace(by_principal={**access.by_principal, **by_entry}))
    return sides[0], sides[1]


def mapping_of(entry: AccessEntry, compared: Iterable[AccessPolicy]) -> MappingEntry:
    """Return a mapping of the same effect, with policies as groups.

    The cluster-admin policy of the whole cluster stands as ``system:masters``, and so does the group of the bridge.

    Args:
        entry: The entry.
        compared: The policies to compare, each with at most one namespace.
    """
    if entry.lets_nodes_in:
        preset = NODE_TYPES[entry.type]
        return MappingEntry(entry.principal_arn, entry.username or preset.username, preset.groups)
    given = sorted(str(one) for one in compared if any(_covers(policy, one) for policy in entry.policies))
    masters = [SYSTEM_MASTERS] if entry.is_administrator or BRIDGE_GROUP in entry.groups else []
    groups = (group for group in entry.groups if group != BRIDGE_GROUP)
    return MappingEntry(entry.principal_arn, entry.username, (*masters, *groups, *given))


def by_namespace(entries: Iterable[AccessEntry]) -> set[AccessPolicy]:
    """Return the policies of entries, one for each namespace.

    The policy that stands as ``system:masters`` is left out.
    """
    return {
        AccessPolicy(policy.policy_arn, (namespace,) if namespace else ())
        for policy in (policy for entry in entries for policy in entry.policies)
        for namespace in policy.namespaces or ("",)
        if namespace or policy.name != CLUSTER_ADMIN_POLICY
    }


def taken(changes: Iterable[EntryDiff]) -> dict[str, tuple[str, ...]]:
    """Return by principal the groups that changes of entries took, policies included.

    A principal whose entry was deleted has none. Entries for nodes are left out.
    """
    found: dict[str, tuple[str, ...]] = {}
    for change in changes:
        before, after = change.before, change.after
        if before is None or before.lets_nodes_in:
            continue
        compared = by_namespace([before])
        kept = set(mapping_of(after, compared).groups) if after else set()
        lost = sorted(set(mapping_of(before, compared).groups) - kept)
        if not after or found.get(before.principal) == ():
            found[before.principal] = ()
        elif lost:
            found[before.principal] = (*found.get(before.principal, ()), *lost)
    return found


def _covers(policy: AccessPolicy, other: AccessPolicy) -> bool:
    """Whether a policy gives the rights of another one of at most one namespace."""
    is_inside = any(fnmatchcase(namespace, pattern) for namespace in other.namespaces for pattern in policy.namespaces)
    if policy.namespaces and not is_inside:
        return False
    return policy.name in (other.name, CLUSTER_ADMIN_POLICY) or other.name in _WEAKER.get(policy.name, ())
