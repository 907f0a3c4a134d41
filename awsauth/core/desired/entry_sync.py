"""A sync of access entries, whose tags hold their owners.

``awsauth/owner`` names the owner, and ``awsauth/applied`` holds a hash of the entry that the owner applied last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from awsauth.core.access.node_mappings import PRESETS
from awsauth.core.desired.records import Record, applied, hashed, principal_name
from awsauth.core.document.model import MappingEntry
from awsauth.core.edit.changes import EntryChange, RemoveEntry
from awsauth.core.entries.merge import EntryDiff, merge_entries
from awsauth.core.entries.model import APPLIED, OWNER_TAG, AccessEntry, unbridged

if TYPE_CHECKING:
    from awsauth.core.desired.acts import Live, SyncReport
    from awsauth.core.desired.fragment import Wanted

_NODE: Final = PRESETS["ec2"]


def as_mapped(entry: AccessEntry) -> MappingEntry:
    """Return an entry as a sync compares it: policies stand as groups.

    So does a type for nodes, whose username and groups are EKS's own.
    """
    if entry.lets_nodes_in:
        entry = replace(entry, username=_NODE.username, groups=(*_NODE.groups, f"type {entry.type}"))
    return (unbridged(entry) or entry).as_mapping


def live_and_records(entries: Iterable[AccessEntry]) -> tuple[Live, dict[str, Record]]:
    """Return the present access entries, and what their owners applied last.

    An owner without a hash has applied something else.
    """
    live: Live = {}
    records = defaultdict[str, Record](dict)
    for entry in entries:
        name = principal_name("accessEntries", entry.principal_arn)
        live[name] = (as_mapped(entry),)
        if entry.owner:
            records[entry.owner][name] = {"h": entry.owned[APPLIED]}
    return live, records


def diffs_of_acts(
    report: SyncReport, desired: Mapping[str, Mapping[str, Wanted]], entries: Sequence[AccessEntry]
) -> tuple[EntryDiff, ...]:
    """Return the changes of entries and tags that the acts come to.

    Raises:
        MappingConflictError: EKS cannot change an entry so.
    """
    owned = {act.principal: {OWNER_TAG: "", APPLIED: ""} for act in report.of("release")}
    changes: list[EntryChange] = [RemoveEntry(principal_arn=act.principal) for act in report.of("prune")]
    for act in report.of("create", "update", "restore", "adopt", "take", "record"):
        wanted = desired[act.owner][act.case.principal]
        change = wanted.fragment.entries[wanted.position].change
        changes.append(change)
        owned[change.principal_arn] = {OWNER_TAG: act.owner, APPLIED: hashed(applied(wanted.mapped))["h"]}
    merged = {diff.principal_arn: diff for diff in merge_entries(entries, changes)}
    present = {entry.principal_arn: entry for entry in entries}
    for arn, tags in owned.items():
        before = present.get(arn)
        after = merged[arn].after if arn in merged else before
        merged[arn] = EntryDiff(arn, before, after and replace(after, tags={**after.tags, **tags}))
    return tuple(diff for diff in merged.values() if diff.before != diff.after)
