"""A sync: one change that makes the entries of owners what their fragments say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args

from awsauth.core.access.matching import canonical, principal_of
from awsauth.core.access.node_mappings import is_node_mapping
from awsauth.core.cluster.tools import ARGO_CD, FLUX, ownership_markers
from awsauth.core.desired.acts import acts_of, changes_of, live_entries, records_after
from awsauth.core.desired.decide import Choices, OnDrift
from awsauth.core.desired.records import holds_hashes, identity_of, principal_name, read_records, write_records
from awsauth.core.document.model import KEYS
from awsauth.core.edit.merge import merge_with_report
from awsauth.core.findings import Finding, Severity
from awsauth.core.guards.access import NODE_MAPPING
from awsauth.core.guards.content import MANAGED_BY_TOOL
from awsauth.core.guards.context import violation
from awsauth.core.guards.guards import allowed_by
from awsauth.core.revisions.annotations import owners_of
from awsauth.core.revisions.info import FIELD_MANAGER
from awsauth.core.text.display import listed, quoted, quoted_value, visible
from awsauth.errors import GuardError, HistoryError, PlanOutdatedError, UsageError
from awsauth.history.commit import PendingChange

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from awsauth.core.desired.acts import SyncReport
    from awsauth.core.desired.fragment import Wanted
    from awsauth.core.desired.records import Record
    from awsauth.stores.store import Snapshot, Store

LOST_OWNERSHIP: Final = "lost-ownership"
DUPLICATES: Final = "synced-duplicates"
MAX_REMOVALS: Final = "max-removals"
HASHED_RECORDS: Final = "hashed-records"
ALLOW_EMPTY: Final = "allow-empty"


@dataclass(slots=True)
class SyncProposal:
    """Proposes a sync for any object; the acts are settled with the first proposal.

    Attributes:
        store: Where the revisions are.
        desired: The wanted entries, by owner and by name of the principal.
        choices: How conflicts are resolved.
        allow: The names of guards that are to let the sync pass.
        allow_empty: Whether an owner may want no entry at all.
        max_removals: How many entries may be removed, or a share of the recorded ones such as ``20%``; None for 5 or ``20%``,
            the larger.
        restores_ownership: Whether records that the object lost are taken from the newest revision.
        is_plan: Whether conflicts are reported, and not raised.
        approved: The acts that are allowed; None for any.
    """

    store: Store
    desired: Mapping[str, Mapping[str, Wanted]]
    choices: Choices
    allow: Sequence[str] = ()
    allow_empty: bool = False
    max_removals: int | str | None = None
    restores_ownership: bool = False
    is_plan: bool = False
    approved: SyncReport | None = None

    def propose(self, snapshot: Snapshot) -> PendingChange:
        """Return the change of one object.

        Raises:
            MappingConflictError: there is a conflict that no choice resolves.
            GuardError: the sync would remove too many entries, or node mappings.
            PlanOutdatedError: the acts differ from the approved ones, or from those of the first proposal.
        """
        snapshot.check_records()
        recorded, _ = read_records(snapshot.annotations)
        live = live_entries(snapshot.document)
        self._check_releases(recorded)
        kept, is_held = self._kept_records(snapshot, recorded, live)
        found = {owner: kept[owner] for owner in self.desired if owner in kept} if kept else {}
        records = recorded | found if self.restores_ownership else recorded
        lost = tuple(owner for owner in found if owner not in records)
        report = acts_of(
            self.desired,
            live,
            records,
            self.choices,
            proven={owner for owner in self.desired if kept is None or records.get(owner) == kept.get(owner)},
            restored=found if self.restores_ownership and not is_held else (),
            changed_by=_outside_writer(snapshot),
            lost=lost,
        )
        if self.approved is not None and report != self.approved:
            raise _other_acts(self.approved, report)
        if not self.is_plan:
            report.raise_for_conflicts()
        self._check_removals(report, records)
        self.approved = report
        merged = merge_with_report(snapshot.document, changes_of(report))
        after = records_after(report, records)
        owners = None if after == recorded else write_records(after, snapshot.annotations)
        return PendingChange(
            snapshot._replace(findings=(*snapshot.findings, *_gitops(snapshot))),
            merged._replace(
                findings=(*map(_lost, lost), *_hashed(owners, snapshot), *_duplicates(live, report), *merged.findings)
            ),
            sync=report,
            owners=owners,
            is_held=is_held,
        )

    def _check_releases(self, records: Mapping[str, Record]) -> None:
        """Refuse to release a principal that no record holds.

        It may be a slip, and another entry would be removed.
        """
        known = {identity_of(name) for owner in self.desired for name in records.get(owner, ())}
        unknown = {identity_of(name) for name in self.choices.release} - known
        if unknown and not self.restores_ownership:
            raise UsageError(
                f"release names principals that no record of these owners holds: {listed([quoted(one, 200) for one in sorted(unknown)], 5)}.",
                hint="Pass ARNs as the mappings have them.",
            )

    def _kept_records(
        self, snapshot: Snapshot, records: Mapping[str, Record], live: Mapping[str, object]
    ) -> tuple[dict[str, Record] | None, bool]:
        """Return the last revision's records, and whether the object names it.

        It is looked up if an entry may be removed, or the record of an owner may be lost; otherwise the records are None.
        The records of a file are in git, beside it.
        """
        matters = self.restores_ownership or any(
            name in live
            for owner, wanted in self.desired.items()
            for name in (records[owner].keys() - wanted.keys() if owner in records else wanted or live)
        )
        if not matters or not snapshot.exists or (owners_of(snapshot.annotations) and not snapshot.uid):
            return None, False
        try:
            if snapshot.head:
                revision = self.store.read_revision(snapshot.head.number)
                is_held = revision.is_intact and revision.digest == snapshot.head.digest
            else:
                listed = self.store.list_revisions().revisions
                revision, is_held = self.store.read_revision(listed[-1].number if listed else 0), False
        except HistoryError:
            return {}, False
        is_used = is_held or (not snapshot.head and revision.is_intact)
        return (read_records(revision.annotations)[0] if is_used else {}), is_held

    def _check_removals(self, report: SyncReport, records: Mapping[str, Record]) -> None:
        """Refuse an empty wanted state, node mappings, and more removals than are allowed.

        Raises:
            GuardError: the wanted state is empty, or the sync would remove too much.
        """
        found = tuple(self._refused_removals(report, records))
        if found:
            listed = "\n".join(f"- {one.code}: {one.message} {one.impact}".rstrip() for one in found)
            hint = "\n".join(dict.fromkeys(one.hint for one in found))
            raise GuardError(f"The sync is refused.\n{listed}", hint=hint, findings=found)

    def _refused_removals(self, report: SyncReport, records: Mapping[str, Record]) -> Iterator[Finding]:
        for owner, wanted in self.desired.items():
            if not wanted and records.get(owner) and not self.allow_empty:
                message = f"The fragment of the owner {owner} is empty, and {len(records[owner])} entries are recorded."
                yield Finding(ALLOW_EMPTY, Severity.ERROR, message, "", "To remove all of them, pass allow_empty=True.")
        pruned = report.of("prune")
        recorded = sum(len(records.get(owner, ())) for owner in self.desired)
        most = max(5, recorded // 5) if self.max_removals is None else self.max_removals
        most = most if isinstance(most, int) else recorded * int(most.removesuffix("%")) // 100
        if len(pruned) > most:
            named = listed([quoted(act.principal, 200) for act in pruned], 5)
            message = f"The sync would remove {len(pruned)} entries, and the limit is {most}: {named}."
            hint = f"To allow as many, pass max_removals={len(pruned)}."
            yield Finding(MAX_REMOVALS, Severity.ERROR, message, "", hint)
        allowed = allowed_by(self.allow)
        for act in pruned:
            is_node = act.before is not None and is_node_mapping(act.before)
            if is_node and (NODE_MAPPING, principal_of(act.principal)) not in allowed:
                yield Finding(
                    NODE_MAPPING,
                    Severity.ERROR,
                    f"{quoted(act.principal, 200)} lets nodes in, and the sync would remove its mapping.",
                    "Nodes with this role become NotReady, and no new one can join.",
                    f"To allow it, pass allow={[f'{NODE_MAPPING}={act.principal}']!r}.",
                    principal=act.principal,
                )


def choices_of(*, adopt: bool, if_mapped: str, take_from: Any, on_drift: Any, prune: str, release: Any) -> Choices:
    """Return how conflicts are resolved, from the arguments of a call.

    Raises:
        UsageError: an argument has a value that is not allowed.
    """
    literals = {"if_mapped": (if_mapped, ("fail", "extend")), "on_drift": (on_drift, get_args(OnDrift))}
    for name, (value, known) in {**literals, "prune": (prune, ("unchanged", "force"))}.items():
        if value not in known:
            raise UsageError(f"{name} is {quoted_value(value)}.", hint=f"Pass one of {', '.join(map(repr, known))}.")
    for name, value in {"take_from": take_from, "release": release}.items():
        if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
            raise UsageError(f"{name} is {quoted_value(value)}.", hint="Pass a list of texts.")
    return Choices(
        adopt=adopt,
        extend=if_mapped == "extend",
        take_from=tuple(take_from),
        on_drift=on_drift,
        force_prune=prune == "force",
        release=frozenset(principal_name(key, canonical(principal)) for key in KEYS for principal in release),
    )


def _outside_writer(snapshot: Snapshot) -> str:
    """Return the clients that wrote the object after its last revision, and when.

    It is empty if that is unknown.
    """
    if snapshot.own_head:
        return ""
    owners = {owner for owners in snapshot.managers.values() for owner in owners}
    clients = sorted({str(owner) for owner in owners if owner.client not in (FIELD_MANAGER, "")})
    return f"the client {visible(', '.join(clients))}" if clients else ""


def _gitops(snapshot: Snapshot) -> Iterator[Finding]:
    for tool, mark in ownership_markers(snapshot.labels, snapshot.annotations):
        if tool in (ARGO_CD, FLUX):
            yield violation(
                MANAGED_BY_TOOL,
                f"{tool.name} owns the object: it has the {mark}.",
                f"{tool.impact}",
                f"Let {tool.name} run the sync in a Job instead of writing the object, or let it ignore differences in `/data` and "
                "in the annotations that begin with `awsauth/`.",
            )


def _duplicates(live: Mapping[str, Sequence[object]], report: SyncReport) -> Iterator[Finding]:
    for act in report.acts:
        if len(live.get(act.name, ())) > 1:
            yield Finding(
                DUPLICATES,
                Severity.WARNING,
                f"{quoted(act.principal, 200)} has {len(live[act.name])} entries.",
                "The authenticator honors the last one, and the sync compares and changes that one.",
                "Remove the others with `awsauth check --fix`.",
                principal=act.principal,
            )


def _hashed(owners: Mapping[str, str] | None, snapshot: Snapshot) -> Iterator[Finding]:
    """Yield a note with the first records that are hashes."""
    is_new = not any(map(holds_hashes, owners_of(snapshot.annotations).values()))
    if is_new and any(map(holds_hashes, (owners or {}).values())):
        yield Finding(
            HASHED_RECORDS,
            Severity.NOTE,
            "The records of owners are larger than 128 KiB, so awsauth keeps hashes instead of usernames and groups.",
            "The sync finds the same changes.",
            "",
        )


def _lost(owner: str) -> Finding:
    return Finding(
        LOST_OWNERSHIP,
        Severity.WARNING,
        f"The object lost the record of the owner {owner}, and a revision holds it.",
        "Without the record, the sync removes nothing and takes over nothing.",
        "To restore it, pass restore_ownership=True.",
    )


def _other_acts(approved: SyncReport, found: SyncReport) -> PlanOutdatedError:
    return PlanOutdatedError(
        f"Another writer changed the object, and the sync would do something else now.\nPlanned:\n{approved}\nNow:\n{found}",
        hint="Look at what the sync does now, and run it again.",
    )
