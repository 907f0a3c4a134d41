"""Findings about access entries, and about the mappings beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from awsauth.core.access.matching import casefold_arn
from awsauth.core.access.node_mappings import is_node_mapping
from awsauth.core.document.document import Document
from awsauth.core.document.model import KEYS, PRINCIPAL_KEYS, SYSTEM_MASTERS, MappingEntry, principal_location
from awsauth.core.entries.model import NOT_LOOKED_AT, AccessEntry, EntriesState
from awsauth.core.findings import AUTHENTICATION_MODE, SHADOWS, Finding, Location, Severity, note, warning
from awsauth.core.text.display import command_line, listed, quoted, visible

_REMOVE: Final = ("awsauth", "entry", "remove")


class FoundPrincipal(NamedTuple):
    """A role or user in IAM.

    Attributes:
        arn: The ARN with the path.
        created: When it was made.
        last_used: When a role was last used, as far back as IAM tells; None for a user.
    """

    arn: str
    created: datetime
    last_used: datetime | None = None


class IamFacts(NamedTuple):
    """What IAM says about principals of access entries and mappings.

    Attributes:
        created: By ARN with its path, when the principal was made; None if IAM has no such principal.
        unknown: By ARN, why IAM could not be asked.
        real: By ARN as asked, with or without path, the principal that has its name.
    """

    created: Mapping[str, datetime | None] = MappingProxyType({})
    unknown: Mapping[str, str] = MappingProxyType({})
    real: Mapping[str, FoundPrincipal] = MappingProxyType({})

    def is_stale(self, entry: AccessEntry) -> bool:
        """Whether IAM lacks the principal of an entry, or made it after the entry."""
        arn = entry.principal_arn
        made, since = self.created.get(arn), entry.created
        return (arn in self.created and made is None) or bool(made and since and made > since)


def entry_findings(
    document: Document, state: EntriesState, iam: IamFacts, node_roles: Collection[str] = ()
) -> Iterator[Finding]:
    """Yield the findings about a cluster's authentication mode and access entries.

    Args:
        document: The document.
        state: The access entries.
        iam: The facts about their principals.
        node_roles: The principals, in lower case, that node groups, profiles or instances use as roles of nodes.
    """
    if state.mode == "CONFIG_MAP":
        message = "The cluster's authentication mode is CONFIG_MAP, which AWS calls deprecated."
        impact = "Its creator is an administrator whom no object shows, and new features of EKS need access entries."
        hint = "See what a move to access entries changes with `awsauth migrate plan`."
        yield note("mode-config-map", message, impact, hint)
        yield from _not_looked_at(iam)
        return
    if state.mode == "API" and any(document.reading(key).mapped for key in KEYS):
        message = "The cluster's authentication mode is API: it does not use aws-auth."
        hint = "Create access entries with `awsauth entry add ARN`; the mode cannot be changed back."
        yield warning(AUTHENTICATION_MODE, message, "No mapping grants access.", hint)
    entries = state.by_principal
    # As written: a mapping with a role's path never matches, so an entry takes nothing from it. Roles decide before users.
    readings = [document.reading(key) for key in reversed(PRINCIPAL_KEYS)] if entries else []
    places = ((entry.mapped, principal_location(reading, entry)) for reading in readings for entry in reading.entries)
    mapped = {casefold_arn(one.principal): (one, at) for one, at in places if one}
    for principal, entry in entries.items():
        yield from _by_iam(entry, iam)
        if state.mode != "API" and principal in mapped:
            yield _beside(*mapped[principal], entry)
        elif principal in node_roles and entry.type == "STANDARD":
            yield _nodes_as_standard(entry)
    yield from _not_looked_at(iam)


def _by_iam(entry: AccessEntry, iam: IamFacts) -> Iterator[Finding]:
    arn, named = entry.principal_arn, quoted(entry.principal_arn, 200)
    made, since = iam.created.get(arn), entry.created
    if arn in iam.created and made is None:
        message = f"IAM has no {named}, which has an access entry."
        impact = "The entry grants no access. It stays without effect if a principal is made again with this name."
        hint = f"Delete the entry with `{command_line(*_REMOVE, arn)}`."
        yield Finding("entry-orphan", Severity.ERROR, message, impact, hint, principal=arn)
    elif made and since and made > since:
        times = f"{made:%Y-%m-%d %H:%M:%S} UTC, after its access entry of {since:%Y-%m-%d %H:%M:%S} UTC"
        impact = "The entry belongs to an earlier principal of this name, and grants no access (401)."
        hint = f"Delete it with `{command_line(*_REMOVE, arn)}`, and make it again with `awsauth entry rollback`."
        yield Finding("entry-stale", Severity.ERROR, f"{named} was made on {times}.", impact, hint, principal=arn)


def _not_looked_at(iam: IamFacts) -> Iterator[Finding]:
    for why, count in Counter(iam.unknown.values()).items():
        shown = listed([quoted(arn, 200) for arn, reason in iam.unknown.items() if reason == why], 3)
        what = f"{count} principal{'s' * (count > 1)}: {shown}"
        message = f"Not checked: whether IAM still has {what}. {visible(why)}"
        yield note(NOT_LOOKED_AT, message, "They may be deleted or made anew, and then an access entry has no effect.")


def _beside(mapped: MappingEntry, at: Location | None, entry: AccessEntry) -> Finding:
    """Return the finding about a mapping that an access entry overrides."""
    named = quoted(mapped.principal, 200)
    groups = f" in {', '.join(map(quoted, mapped.groups))}" if mapped.groups else ""
    code, severity, hint = SHADOWS, Severity.WARNING, ""
    message = f"{named} has an access entry, which overrides its mapping."
    impact = f"The mapping to {quoted(mapped.username)}{groups} has no effect. The entry gives: {entry.gives}."
    is_admin, is_node = SYSTEM_MASTERS in mapped.groups, is_node_mapping(mapped)
    if is_node and entry.type == "STANDARD":
        return _nodes_as_standard(entry, at)
    if entry.lets_nodes_in and not is_node:
        code = "node-entry-people"
        message = f"{named} is mapped to {quoted(mapped.username)}, and has an access entry for nodes."
    elif entry.lets_nodes_in or _is_equal(mapped, entry):
        severity, hint = Severity.NOTE, "Remove the mapping; it is not needed."
    elif is_admin and entry.type and not entry.is_administrator:
        code, message = "entry-narrower", f"The mapping makes {named} an administrator, and its access entry does not."
    elif entry.policies and not is_admin:
        code = "entry-wider"
        message = f"The access entry of {named} has policies, and its mapping is no administrator's."
    remove = command_line(*_REMOVE, entry.principal_arn)
    hint = hint or f"Change the access entry, delete it so that the mapping counts (`{remove}`), or remove the mapping."
    return Finding(code, severity, message, impact, hint, at, mapped.principal)


def _is_equal(mapped: MappingEntry, entry: AccessEntry) -> bool:
    """Whether an entry gives what a mapping gives.

    The cluster-admin policy stands for ``system:masters``.
    """
    if not entry.type or (mapped.username, bool(entry.policies)) != (entry.username, entry.is_administrator):
        return False
    return set(mapped.groups) == {*entry.groups, *([SYSTEM_MASTERS] if entry.is_administrator else [])}


def _nodes_as_standard(entry: AccessEntry, at: Location | None = None) -> Finding:
    arn = entry.principal_arn
    message = f"{quoted(arn, 200)} is the role of nodes, and has an access entry of type STANDARD."
    impact = "The entry overrides the mapping, and gives no node its username: nodes with this role cannot join."
    add = command_line("awsauth", "entry", "add", arn, "--type", "EC2_LINUX")
    hint = f"Delete it with `{command_line(*_REMOVE, arn)}`, and make it with the type of the nodes, such as `{add}`."
    return Finding("node-entry-standard", Severity.ERROR, message, impact, hint, at, arn)
