"""The input of the guards for a change of access entries."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from awsauth.core.access.matching import Access, principal_of
from awsauth.core.edit.validation import BRIDGE_GROUP
from awsauth.core.entries.model import AccessPolicy, lasting
from awsauth.core.entries.rights import as_mapping, by_namespace
from awsauth.core.guards.access import is_administrator
from awsauth.core.guards.context import GuardContext, GuardInput

if TYPE_CHECKING:
    from collections.abc import Collection

    from awsauth.core.document.document import Document
    from awsauth.core.document.model import MappingEntry
    from awsauth.core.entries.merge import EntryDiff


def entries_input(document: Document, context: GuardContext) -> GuardInput:
    """Return the input for a change of the entries of a context."""
    altered = [entry for diff in context.entry_diffs for entry in (diff.before, diff.after) if entry]
    concerned = {entry.principal for entry in altered} | {principal_of(arn) for arn in [context.caller_arn] if arn}
    old, new = access_of(document, context, concerned, by_namespace(altered))
    nodes = {principal_of(arn): use for arn, use in context.nodes.items()}
    entries = {entry.principal: entry for entry in context.access_entries}
    return GuardInput(document, document, context, old, new, old, new, nodes, entries)


def access_of(
    document: Document,
    context: GuardContext,
    principals: Collection[str] | None = None,
    compared: Collection[AccessPolicy] = (),
) -> tuple[Access, Access]:
    """Return the access before and after a change of entries.

    An entry stands in place of the mapping of its principal. A stale entry does not count, and neither do entries that
    could not be read.

    Args:
        document: The document; it does not count in the mode ``API``.
        context: The facts around the change.
        principals: The principals to look at; None for all, and then without the access that a recovery removes.
        compared: The policies to compare, each with at most one namespace.
    """
    is_api = context.authentication_mode == "API"
    mapped = Access({}, frozenset()) if is_api else Access.of(document, principals)
    before = {entry.principal_arn: entry for entry in context.access_entries}
    after = {**before, **{diff.principal_arn: diff.after for diff in context.entry_diffs}}
    sides = []
    for entries in (before.values(), filter(None, after.values())):
        counted = (one for one in entries if one.type and one.principal_arn not in context.stale_entries)
        found: defaultdict[str, list[MappingEntry]] = defaultdict(list)
        for entry in lasting(counted) if principals is None else counted:
            if principals is None or entry.principal in principals:
                found[entry.principal].append(as_mapping(entry, compared))
        by_principal = {**mapped.by_principal, **{principal: tuple(each) for principal, each in found.items()}}
        sides.append(Access(by_principal, mapped.accounts, frozenset(found)))
    return sides[0], sides[1]


def needs_bridge(case: GuardInput, diff: EntryDiff) -> bool:
    """Whether an administrator has no rights before a new entry has its policy.

    It also is so if an interrupted change has left the group of the bridge.
    """
    before, after = diff.before, diff.after
    if after is None or not after.is_administrator:
        return False
    if before:
        return BRIDGE_GROUP in before.groups
    without = as_mapping(replace(after, policies=()), ())
    by_mapping = case.old.of_principal(after.principal)
    return is_administrator(after.principal, by_mapping, case) and not is_administrator(
        after.principal, (without,), case
    )
