"""The rows of an access report, one for each principal."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from awsauth.core.access.matching import account_of, casefold_arn, counting, is_canonical
from awsauth.core.access.node_mappings import PRESETS, admits_nodes
from awsauth.core.arn import is_user
from awsauth.core.cluster.facts import Binding
from awsauth.core.document.document import Document
from awsauth.core.document.index import grouped
from awsauth.core.document.model import KEYS, Key, MappingEntry
from awsauth.core.entries.findings import IamFacts
from awsauth.core.entries.model import NOT_LOOKED_AT, AccessView, AuthenticationMode, PrincipalAccess
from awsauth.core.explain.candidates import entry_location
from awsauth.core.findings import Finding, Location, note
from awsauth.core.report.rbac import UNDEFINED, Rbac, Right, rights
from awsauth.core.report.summary import ADMIN, NODES, UNCHECKED, RightSummary, summarized
from awsauth.core.revisions.info import NumberOrNone
from awsauth.core.serialization import FLAT, JsonValue
from awsauth.core.text.display import visible

# The bindings that Kubernetes makes for every caller.
_OF_EVERYONE: Final = ("system:basic-user", "system:discovery", "system:public-info-viewer")
COLUMNS: Final = (
    *("principal", "kind", "source", "username", "groups", "policies", "roles", "rights"),
    *("node", "owner", "last change", "IAM", "findings"),
)

NO_CLUSTER: Final = note(
    NOT_LOOKED_AT,
    "Not checked: access entries, RBAC, nodes and IAM. The report is of a file, without a cluster.",
    "An access entry may override a mapping, and rights are unknown.",
    "Make the report of the cluster: pass --cluster or --context.",
)


@dataclass(frozen=True, slots=True)
class LastChange(JsonValue):
    """The last change of a principal that the history knows.

    Attributes:
        revision: The number of its revision; None if no revision holds it.
        time: When it was recorded, in UTC; None if unknown.
        by: Who made it; empty if unknown.
        reason: Why, in the writer's words.
    """

    revision: NumberOrNone
    time: datetime | None = None
    by: str = ""
    reason: str = ""

    def __str__(self) -> str:
        revision = f"revision {self.revision}" if self.revision else "not recorded"
        time = f"{self.time:%Y-%m-%d %H:%M} UTC" if self.time else ""
        return ", ".join(filter(None, [revision, time, f"by {self.by or 'an unknown writer'}", visible(self.reason)]))


@dataclass(frozen=True, slots=True)
class IamStatus(JsonValue):
    """A principal in IAM.

    Attributes:
        exists: Whether IAM has it.
        created: When it was made, in UTC; None if it does not exist.
        last_used: When a role was last used, in UTC. None if not in the last 400 days, and for a user, of whom IAM
            does not tell it.
    """

    exists: bool
    created: datetime | None = None
    last_used: datetime | None = None


@dataclass(frozen=True, slots=True)
class BoundRole(JsonValue):
    """A role that a principal has by a binding.

    Attributes:
        subject: The username or group in the binding, such as ``group viewers``.
        binding: The binding.
        conditions: The conditions under which the principal has that username or group, one sentence each.
    """

    subject: str
    binding: Binding = field(metadata=FLAT)
    conditions: tuple[str, ...] = ()

    def __str__(self) -> str:
        binding = self.binding
        where = f" in {visible(binding.namespace)}" if binding.namespace else ""
        return f"{binding.role_kind} {visible(binding.role)}{where}{' (under a condition)' if self.conditions else ''}"


@dataclass(frozen=True, slots=True)
class ReportRow(JsonValue):
    """The access of one principal.

    Attributes:
        access: The access, and the source that decides.
        kind: ``role``, ``user`` or ``account``.
        location: The place of the mapping; None for a principal without one.
        roles: The roles that RBAC binds to its username and groups. Those that Kubernetes binds to every caller are left
            out. None if RBAC, or the access entry, was not read.
        rights: A summary of the rights by RBAC and access policies. ``not checked`` is one of them if there may be more.
        node: The kind of nodes that it admits, such as ``ec2`` or ``EC2_LINUX``; otherwise empty.
        last_change: Its last change; None if the history does not hold it.
        iam: Its state in IAM; None if that was not checked.
        findings: The findings of `check` about it.
    """

    access: PrincipalAccess = field(metadata=FLAT)
    kind: str
    location: Location | None
    roles: tuple[BoundRole, ...] | None
    rights: tuple[RightSummary, ...]
    node: str
    last_change: LastChange | None
    iam: IamStatus | None
    findings: tuple[Finding, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells of a table with the columns `COLUMNS`."""
        access, entry = self.access, self.access.entry
        source = "access entry" if access.decided_by == "entry" else str(self.location)
        if access.decided_by in ("nothing", "unknown"):
            source = f"{access.decided_by}: {access.reason}"
        named = (access.username, ", ".join(group or "(empty)" for group in access.groups))
        is_read = entry is None or entry.type
        policies = ", ".join(map(str, entry.policies)) if entry else ""
        return (
            access.principal,
            self.kind,
            source,
            *(named if is_read else (UNCHECKED, UNCHECKED)),
            policies if is_read and access.decided_by != "unknown" else UNCHECKED,
            UNCHECKED if self.roles is None else ", ".join(dict.fromkeys(map(str, self.roles))),
            ", ".join(map(str, self.rights)) or "none",
            self.node,
            access.owner,
            str(self.last_change) if self.last_change else "not in the history",
            self._iam_text,
            ", ".join(dict.fromkeys(f"{one.severity.value} {one.code}" for one in self.findings)),
        )

    @property
    def _iam_text(self) -> str:
        if self.kind == "account":
            return ""
        if not self.iam:
            return UNCHECKED
        if not self.iam.exists:
            return "does not exist"
        used = f"last used {self.iam.last_used:%Y-%m-%d}" if self.iam.last_used else "not used in 400 days"
        made = f"created {self.iam.created:%Y-%m-%d}"
        return made if self.kind == "user" else f"{made}, {used}"


@dataclass(frozen=True, slots=True)
class AccessReport(JsonValue):
    """Who has access to a cluster, as whom, and with which rights.

    A part that was not checked is None or ``not checked``, never empty, and `not_checked` says why.

    Attributes:
        target: The cluster or file.
        made: When the report was made, in UTC.
        mode: The authentication mode; None if unknown, or for a file.
        principals: A row for each principal, those of the document first.
        findings: The findings of `check` that are not about one principal.
        not_checked: What was not checked, and why.
    """

    target: str
    made: datetime
    mode: AuthenticationMode | None
    principals: tuple[ReportRow, ...]
    findings: tuple[Finding, ...]
    not_checked: tuple[Finding, ...]

    @property
    def table(self) -> list[tuple[str, ...]]:
        """The columns that a row fills: first their names, then the cells of each row."""
        columns = zip(map(str.upper, COLUMNS), *(row.cells for row in self.principals), strict=True)
        return [*zip(*(column for column in columns if not self.principals or any(column[1:])), strict=True)]


class ReportFacts(NamedTuple):
    """The facts beside the access of principals.

    Attributes:
        findings: The findings of `check`.
        changes: The last changes: of mappings by principal as `casefold_arn`, of access entries by their ARN.
        iam: The facts of IAM.
        rbac: The RBAC of the cluster; None if it was not checked.
        notes: What could not be checked, and why.
    """

    findings: tuple[Finding, ...]
    changes: Mapping[str, LastChange]
    iam: IamFacts = IamFacts()
    rbac: Rbac | None = None
    notes: tuple[Finding, ...] = ()


def access_report(
    target: str, made: datetime, document: Document, view: AccessView, facts: ReportFacts
) -> AccessReport:
    """Return the report of the access that a document and access entries give."""
    found = grouped((casefold_arn(one.principal), one) for one in facts.findings)
    locations = _locations(document)
    known = {one.entry.principal if one.entry else casefold_arn(one.principal) for one in view.principals}
    spelled = {arn: (*entries.values(),) for arn, (_, entries) in counting(document).items() if len(entries) > 1}
    rows = []
    for access in view.principals:
        keys = dict.fromkeys([casefold_arn(access.principal), access.entry.principal if access.entry else ""])
        findings = tuple(one for key in keys if key for one in found.pop(key, ()))
        several = () if access.entry else spelled.get(casefold_arn(access.principal), ())
        found_rights = list(_rights(access, facts.rbac, known, several))
        rows.append(_row(access, locations.get(casefold_arn(access.principal)), findings, found_rights, facts))
    others = grouped((one.code == NOT_LOOKED_AT, one) for findings in found.values() for one in findings)
    lost = [_unread(key) for key in KEYS if document.reading(key).is_unreadable]
    unchecked = dict.fromkeys([*lost, *view.notes, *facts.notes, *others[True]])
    return AccessReport(target, made, view.mode, tuple(rows), tuple(others[False]), tuple(unchecked))


def _locations(document: Document) -> dict[str, Location]:
    """Return the places of the mappings that count, by principal as `casefold_arn`."""
    accounts = document.reading("mapAccounts")
    places = [(document.reading(key), arn, max(entries)) for arn, (key, entries) in counting(document).items()]
    places += [(accounts, mapped.principal, position) for position, mapped in accounts.positioned]
    return {principal: entry_location(document, reading, position) for reading, principal, position in places}


def _row(
    access: PrincipalAccess, at: Location | None, findings: tuple[Finding, ...], found: list[Right], facts: ReportFacts
) -> ReportRow:
    principal, entry = access.principal, access.entry
    kind = "account" if ":" not in principal else "user" if is_user(casefold_arn(principal)) else "role"
    node = _node_kind(MappingEntry(principal, access.username, access.groups))
    if entry:
        node = entry.type if entry.lets_nodes_in else ""
    change = facts.changes.get(principal if entry else casefold_arn(principal))
    bound = [BoundRole(one.subject, one.binding, one.conditions) for one in found if one.binding]
    is_read = entry is None or entry.type
    roles = tuple(one for one in bound if one.binding.name not in _OF_EVERYONE) if facts.rbac and is_read else None
    summary = [RightSummary(NODES)] * bool(node) + summarized(found)
    is_all = access.decided_by == "nothing" or (facts.rbac and is_read and access.decided_by != "unknown")
    if not is_all and ADMIN not in {one.right for one in summary if one.is_certain}:
        summary.append(RightSummary(UNCHECKED))
    return ReportRow(access, kind, at, roles, tuple(summary), node, change, _iam_status(access, facts.iam), findings)


def _rights(
    access: PrincipalAccess, rbac: Rbac | None, known: Collection[str], several: tuple[MappingEntry, ...]
) -> Iterator[Right]:
    """Yield the rights of a principal, as far as they are known.

    An account gives no access to its principals that have a row of their own (`known`). Of the mappings of `several`
    spellings it is undefined which one counts.
    """
    named = [*several] or [MappingEntry(access.principal, access.username, access.groups)]
    if rbac and ":" not in access.principal:  # each principal of an account has its ARN as username
        bound = (name for name in rbac.bindings.usernames if account_of(name) == access.principal)
        names = (name for name in bound if is_canonical(name) and casefold_arn(name) not in known)
        named = [MappingEntry(name, name) for name in names] or named
    for mapped in named if access.decided_by != "nothing" else ():
        for right in rights(mapped, rbac or Rbac(), access.entry.policies if access.entry else ()):
            yield right._replace(conditions=(UNDEFINED, *right.conditions)) if several else right


def _node_kind(mapped: MappingEntry) -> str:
    """Return the kind of nodes that a mapping admits.

    Kinds share groups; the one with the most of its groups counts.
    """
    if not admits_nodes(mapped):
        return ""
    kinds = sorted(PRESETS.items(), key=lambda item: -len(item[1].groups))
    fits = (kind for kind, (name, groups) in kinds if name == mapped.username and {*groups} <= {*mapped.groups})
    return next(fits, "other")


def _iam_status(access: PrincipalAccess, iam: IamFacts) -> IamStatus | None:
    """Return the state of a principal in IAM.

    A mapping has the ARN without path. An access entry belongs to the principal with exactly its ARN.
    """
    arn = access.principal
    found = iam.real.get(arn)
    if found and (access.entry is None or found.arn == arn):
        return IamStatus(exists=True, created=found.created, last_used=found.last_used)
    return IamStatus(exists=False) if arn in iam.created else None


def _unread(key: Key) -> Finding:
    message = f"Not checked: the principals in {key}. The authenticator cannot read it."
    return note(NOT_LOOKED_AT, message, "They may have access, and the report has no rows for them.")
