"""A sync: one change that applies the fragments of owners.

The object may have lost the records of owners: each revision has a copy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from awsauth.core.access.matching import principal_of
from awsauth.core.access.node_mappings import is_node_mapping
from awsauth.core.cluster.other_writers import ARGO_CD, FLUX, ownership_markers
from awsauth.core.desired import acts
from awsauth.core.desired.records import Records, has_hashes, principal_in, read_records, write_records
from awsauth.core.edit.merge import described, merge_with_report
from awsauth.core.findings import Finding, Severity, note, warning
from awsauth.core.guards.access import NODE_MAPPING
from awsauth.core.guards.content import MANAGED_BY_TOOL
from awsauth.core.guards.guards import allowed_by
from awsauth.core.revisions.info import FIELD_MANAGER, RevisionInfo, owners_of
from awsauth.core.text.display import listed, quoted, visible
from awsauth.errors import GuardError, PlanOutdatedError, UsageError
from awsauth.history.proposal import PendingChange
from awsauth.history.rollback import rollback_candidates
from awsauth.stores.store import Snapshot, Store, sound_revision

if TYPE_CHECKING:
    from awsauth.core.desired.acts import Live, SyncReport
    from awsauth.core.desired.decide import Choices
    from awsauth.core.desired.fragment import Desired


@dataclass(slots=True)
class SyncProposal:
    """Proposes a sync for any object; the acts are settled with the first proposal.

    Attributes:
        store: Where the revisions are.
        desired: The wanted entries, by owner and by name of the principal.
        choices: How conflicts are resolved.
        allow: The names of guards that are to let the sync pass.
        allow_empty: Whether an owner may want no entry at all.
        max_removals: How many entries of each owner may be removed, or a share of its recorded ones such as ``20%``; None
            for 5 or ``20%``, the larger.
        restores_ownership: Whether records that the object lost are taken from the revisions.
        is_plan: Whether conflicts are reported, and not raised.
        approved: The acts that are allowed; None for any.
        exclusive: Whether to report entries without an owner.
    """

    store: Store
    desired: Desired
    choices: Choices
    allow: Sequence[str] = ()
    allow_empty: bool = False
    max_removals: int | str | None = None
    restores_ownership: bool = False
    is_plan: bool = False
    approved: SyncReport | None = None
    exclusive: bool = False

    def propose(self, snapshot: Snapshot) -> PendingChange:
        """Return the change of one object.

        Raises:
            MappingConflictError: there is a conflict that no choice resolves.
            GuardError: the sync would remove too many entries, or node mappings.
            PlanOutdatedError: the acts differ from the approved ones, or from those of the first proposal.
        """
        snapshot.check_records()
        recorded, unreadable = read_records(snapshot.annotations)
        live = acts.live_entries(snapshot.document)
        kept = self._kept_records(snapshot, recorded, live)
        past = {**kept.newest, **kept.lost}
        back = {owner: past[owner] for owner in self.desired if owner in past} if self.restores_ownership else {}
        records = recorded | back
        lost = {owner: record for owner, record in kept.lost.items() if owner not in records}
        unknown = [owner for owner in unreadable if owner not in kept.lost]
        proven = {owner for owner in records if records[owner] == past.get(owner)}
        known = acts.KnownRecords(records, proven, back.keys() & kept.unproven, lost, unknown)
        changed_by = _outside_writer(snapshot)
        report = acts.acts_of(self.desired, live, known, self.choices, uid=snapshot.uid, changed_by=changed_by)
        after = acts.records_after(report, records)
        named = [owner for owner in (*self.desired, *unknown) if owner in lost or owner in unknown]
        gone = {owner: _lost(owner, is_there=owner in unreadable, is_kept=owner in lost) for owner in named}
        begun = [one for owner, one in gone.items() if owner in self.desired and after.get(owner)]
        self.settle(report, records, () if self.choices.adopt else begun)
        merged = merge_with_report(snapshot.document, acts.changes_of(report))
        owners = None if after == recorded else write_records(after, snapshot.annotations)
        findings = [*gone.values(), *_hashed(owners, snapshot), *_duplicates(report)]
        if self.exclusive:
            findings += _unmanaged(live, [*records.values(), *self.desired.values()])
        snapshot = snapshot._replace(findings=(*snapshot.findings, *_gitops(snapshot)))
        merged = merged._replace(findings=(*findings, *merged.findings))
        return PendingChange(snapshot, merged, sync=report, owners=owners, is_head_sound=kept.is_head_sound)

    def settle(self, report: SyncReport, records: Records, begun: Sequence[Finding] = ()) -> None:
        """Check the acts; another proposal has to have the same.

        Raises:
            AwsAuthError: as for `propose`.
        """
        self._check_releases(records)
        if self.approved is not None and report != self.approved:
            raise _other_acts(self.approved, report)
        if not self.is_plan:
            report.raise_for_conflicts()
        if refused := tuple(self._refusals(report, records, begun)):
            reasons = "\n".join(f"- {one.code}: {one.message} {one.impact}".rstrip() for one in refused)
            hint = "\n".join(dict.fromkeys(one.hint for one in refused))
            raise GuardError(f"The sync is refused.\n{reasons}", hint=hint, findings=refused)
        self.approved = report

    def _check_releases(self, records: Records) -> None:
        """Refuse to release a principal that no record holds.

        It may be a slip, and another entry would be removed.
        """
        known = {principal_of(principal_in(name)) for owner in self.desired for name in records.get(owner, ())}
        unknown = set(map(principal_of, self.choices.release)) - known
        if unknown and not self.restores_ownership:
            named = listed([quoted(one, 200) for one in sorted(unknown)], 5)
            message = f"release names principals that no record of these owners holds: {named}."
            raise UsageError(message, hint="Pass ARNs as the mappings have them.")

    def _kept_records(self, snapshot: Snapshot, records: Records, live: Live) -> KeptRecords:
        """Return the records of owners in the revisions.

        They are read if an entry may be removed or adopted, or a record may be lost.
        """
        takes = self.choices.takes

        def in_question(owner: str, wanted: Mapping[str, object]) -> Iterable[str]:
            if owner not in records:
                return live
            return records[owner].keys() ^ wanted.keys() if takes else records[owner].keys() - wanted.keys()

        matters = any(name in live for owner, wanted in self.desired.items() for name in in_question(owner, wanted))
        if not snapshot.exists or not (matters or self.restores_ownership):
            return KeptRecords({}, records)
        return kept_records(self.store, snapshot, records, live, self.desired, of_all=takes)

    def _refusals(self, report: SyncReport, records: Records, begun: Sequence[Finding]) -> Iterator[Finding]:
        """Yield the reasons to refuse: removals, and records that would begin anew."""
        for one in begun:
            yield replace(one, severity=Severity.ERROR, impact="The sync would begin a new one.")
        for owner, wanted in self.desired.items():
            recorded = len(records.get(owner, ()))
            if not wanted and recorded and not self.allow_empty:
                message = f"The fragment of the owner {owner} is empty, and {recorded} entries are recorded."
                hint = "To remove all of them, pass allow_empty=True."
                yield Finding("allow-empty", Severity.ERROR, message, "", hint)
            pruned = [act for act in report.of("prune") if act.owner == owner]
            most = max(5, recorded // 5) if self.max_removals is None else self.max_removals
            most = most if isinstance(most, int) else recorded * int(most.removesuffix("%")) // 100
            if len(pruned) > most:
                named = listed([quoted(act.principal, 200) for act in pruned], 5)
                count = f"{len(pruned)} entries of the owner {owner}"
                message = f"The sync would remove {count}, and the limit is {most}: {named}."
                hint = f"To allow as many, pass max_removals={len(pruned)}."
                yield Finding("max-removals", Severity.ERROR, message, "", hint)
        allowed = allowed_by(self.allow)
        for act in report.of("prune"):
            if any(map(is_node_mapping, act.case.live)) and (NODE_MAPPING, principal_of(act.principal)) not in allowed:
                message = f"{quoted(act.principal, 200)} has a node mapping, which the sync would remove."
                impact = "Nodes with this role become NotReady, and no new one can join."
                hint = f"To allow it, pass allow={[f'{NODE_MAPPING}={act.principal}']!r}."
                yield Finding(NODE_MAPPING, Severity.ERROR, message, impact, hint, principal=act.principal)


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
            message = f"{tool.name} owns the object: it has the {mark}."
            ignore = "Or let it ignore differences in `/data` and in the annotations that begin with `awsauth/`."
            hint = f"Let {tool.name} run the sync in a Job instead of writing the object. {ignore}"
            yield Finding(MANAGED_BY_TOOL, Severity.ERROR, message, tool.impact, hint)


def _unmanaged(live: Live, known: Sequence[Mapping[str, object]]) -> Iterator[Finding]:
    owned = {name for names in known for name in names}
    for mapped in (entries[-1] for name, entries in live.items() if name not in owned):
        if not is_node_mapping(mapped):
            outcome = described(mapped.username, mapped.groups)
            message = f"{quoted(mapped.principal, 200)} is mapped to {outcome}, without an owner."
            hint = "Add the entry to a fragment and sync with adopt=True, or remove it."
            impact = "No fragment shows this access."
            yield warning("unmanaged-entry", message, impact, hint, principal=mapped.principal)


def _duplicates(report: SyncReport) -> Iterator[Finding]:
    for act in report.acts:
        if len(act.case.live) > 1:
            message = f"{quoted(act.principal, 200)} has {len(act.case.live)} entries."
            impact = "The authenticator honors the last one, and the sync compares and changes that one."
            hint = "Remove the others with `awsauth check --fix`."
            yield warning("synced-duplicates", message, impact, hint, principal=act.principal)


def _hashed(owners: Mapping[str, str] | None, snapshot: Snapshot) -> Iterator[Finding]:
    """Yield a note with the first records that are hashes."""
    is_new = not any(map(has_hashes, owners_of(snapshot.annotations).values()))
    if is_new and any(map(has_hashes, (owners or {}).values())):
        sizes = "The records of owners are larger than 128 KiB"
        message = f"{sizes}, so awsauth keeps hashes instead of usernames and groups."
        yield note("hashed-records", message, "The sync finds the same changes.")


def _lost(owner: str, *, is_there: bool, is_kept: bool) -> Finding:
    unreadable, missing = f"The record of the owner {owner} cannot be read", f"The object lost the record of {owner}"
    message = f"{unreadable if is_there else missing}, and {'a' if is_kept else 'no'} revision holds it."
    impact = "Without it, entries that the owner no longer wants stay, and no sync adopts its entries."
    restore = "To restore it, pass restore_ownership=True. " if is_kept else ""
    hint = f"{restore}To begin a new record, sync the owner's fragment with adopt=True."
    return warning("lost-ownership", message, impact, hint)


def _other_acts(approved: SyncReport, found: SyncReport) -> PlanOutdatedError:
    problem = "Another writer changed the object, and the sync would do something else now."
    if approved.uid != found.uid:
        problem = "The sync was planned for another object."
    message = f"{problem}\nPlanned:\n{approved}\nNow:\n{found}"
    return PlanOutdatedError(message, hint="Look at what the sync does now, and run it again.")


class KeptRecords(NamedTuple):
    """What the revisions tell about the records of owners.

    Attributes:
        lost: The last records of owners without a readable record in the object.
        newest: The records in the revision of the object; those of a file are the present ones.
        unproven: The owners whose record comes from a revision that the object does not prove.
        is_head_sound: Whether the revision that the object names exists, and was not altered.
    """

    lost: Records
    newest: Records
    unproven: Collection[str] = ()
    is_head_sound: bool = False


def kept_records(
    store: Store, snapshot: Snapshot, recorded: Records, live: Collection[str], owners: Collection[str], *, of_all: bool
) -> KeptRecords:
    """Return the records of owners in revisions.

    The records of a file need no proof: they are in git, next to it.

    Args:
        store: Where the revisions are.
        snapshot: The object.
        recorded: The records that the object has.
        live: The present entries, by their name in records. A record without any of them does not count as lost.
        owners: The owners of the sync.
        of_all: Whether to look for the lost records of all other owners, too.
    """
    past, head, is_file = _Past(store), snapshot.head, bool(owners_of(snapshot.annotations) and not snapshot.uid)
    newest = past.read(head.number, head.digest) if head else None
    is_head_sound, copy = newest is not None, newest or {}
    chain, line = [], []
    if of_all or not (head or is_file) or {*owners} - recorded.keys() - copy.keys():
        listing = store.list_revisions()
        chain = list(listing.chain(head))
        line = [*_in_effect([*chain, *rollback_candidates(listing, below=chain[-1].number if chain else 0)])]
        copy = copy if head else past.of(line[0]) if line else {}
    lost = {owner: record for owner, record in copy.items() if owner not in recorded}
    unproven = set() if head else {*copy}
    named = {owner for info in line for owner in info.owner.split(", ")}
    for owner in (named if of_all else named & {*owners}) - recorded.keys() - lost.keys():
        if info := past.last_of(owner, line):
            lost[owner] = past.of(info)[owner]
            unproven |= {owner} if info not in chain else set()
    taken = {name for record in recorded.values() for name in record}
    lost = {owner: {name: last for name, last in lost[owner].items() if name not in taken} for owner in sorted(lost)}
    lost = {owner: record for owner, record in lost.items() if any(name in live for name in record)}
    return KeptRecords(lost, {**copy, **(recorded if is_file else {})}, unproven, is_head_sound)


def _in_effect(infos: Iterable[RevisionInfo]) -> Iterator[RevisionInfo]:
    """Yield revisions, newest first, without those that a later rollback undid."""
    restored = 0
    for info in infos:
        if not restored or info.number <= restored:
            yield info
            restored = info.restores or restored


class _Past:
    """Reads the records in revisions; each content once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[str, Records] = {"": {}}

    def read(self, number: int, digest: str) -> Records | None:
        """Return the records in a revision; None if the revision is gone or was altered."""
        if not (revision := sound_revision(self._store, number, digest)):
            return None
        return self._read.setdefault(revision.info.owners_digest, read_records(revision.annotations)[0])

    def of(self, info: RevisionInfo) -> Records:
        """Return the records in a revision; none if it is gone or was altered."""
        known = self._read.get(info.owners_digest)
        return (self.read(info.number, info.digest) or {}) if known is None else known

    def last_of(self, owner: str, line: list[RevisionInfo]) -> RevisionInfo | None:
        """Return the newest revision with a record of the owner.

        Returns None if the owner's last sync left none.
        """
        own = next((at for at, info in enumerate(line) if owner in info.owner.split(", ")), -1)
        if own < 0 or owner not in self.of(line[own]):
            return None
        return next(info for info in line[: own + 1] if owner in self.of(info))
