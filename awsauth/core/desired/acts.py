"""The acts of a sync, one for each principal.

A sync compares the wanted, the live and the last applied entry. The acts change the text and the records of owners.
An access entry has its owner in the tag ``awsauth/owner``. The tag ``awsauth/applied`` holds a hash of the entry that
the owner applied last.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from awsauth.core.desired.decide import ActKind, Case, Choices, decide
from awsauth.core.desired.records import Record, Records, applied, hashed, principal_in, principal_name
from awsauth.core.document.document import Document
from awsauth.core.document.index import grouped
from awsauth.core.document.model import KEYS, KIND, ListKey, MappingEntry, same_access
from awsauth.core.edit import changes as c
from awsauth.core.edit.merge import described
from awsauth.core.edit.rewrite import check_editable
from awsauth.core.entries.merge import EntryDiff, merge_entries
from awsauth.core.entries.model import APPLIED, OWNER_TAG, AccessEntry, as_mapped
from awsauth.core.serialization import LEFT_OUT, JsonValue, from_json
from awsauth.core.text.display import quoted, visible
from awsauth.errors import MappingConflictError, PlanError

if TYPE_CHECKING:
    from awsauth.core.desired.fragment import Desired

_SIGNS: Final[dict[str, str]] = {
    **dict.fromkeys(("update", "restore", "extend"), "~"),
    **dict.fromkeys(("adopt", "take", "record"), "="),
    **dict.fromkeys(("unowned", "kept", "forget", "release"), "?"),
    "create": "+",
    "prune": "-",
    "conflict": "!",
}
_UNPROVEN: Final = "the record of the owner is not the one that awsauth wrote last"
_KEY_OF: Final = {noun: key for key, noun in KIND.items()}


@dataclass(frozen=True, slots=True)
class SyncAct(JsonValue):
    """The action of a sync on one principal.

    Attributes:
        act: ``create``, ``update``, ``restore`` (another writer changed or removed the entry), ``adopt``, ``extend``,
            ``take`` (from another owner), ``prune``; ``record``, ``forget`` and ``release`` change the record of the
            owner alone; ``kept`` (another writer changed or removed it), ``unowned`` (there already, and no owner
            applied it) and ``conflict`` change nothing.
        owner: The owner.
        key: The list of the fragment. In an access entry, each policy stands as a group.
        principal: The ARN or account.
        before: The entry that counts at present; None for none.
        after: The entry that the owner wants; None for none.
        other: The owner that applied the entry too; empty for none.
        reason: Why, in words; empty where the act says it.
    """

    act: ActKind
    owner: str
    key: ListKey
    principal: str
    before: MappingEntry | None
    after: MappingEntry | None
    other: str = ""
    reason: str = ""
    case: Case = field(default=Case("", None, (), None), metadata=LEFT_OUT, compare=False)

    def __str__(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        principal = f"{KIND[self.key]} {visible(self.principal)}"
        return f"{_SIGNS[self.act]} {self.act} {principal} for owner {self.owner}{reason}"


@dataclass(frozen=True, slots=True)
class SyncReport(JsonValue):
    """What a sync does, or did.

    Attributes:
        owners: The owners whose entries are wanted.
        acts: What becomes of principals, without those that stay as they are.
        lost: Owners whose record the object lost, or has in a form that cannot be read.
        uid: The uid of the ConfigMap; empty for a file. For access entries, the ARN of the cluster.
    """

    owners: tuple[str, ...]
    acts: tuple[SyncAct, ...]
    lost: tuple[str, ...] = ()
    uid: str = ""

    @classmethod
    def from_text(cls, text: str | bytes) -> SyncReport:
        """Return the report in the output of ``awsauth sync --plan -o json``.

        Raises:
            PlanError: the text is something else.
        """
        try:
            report: SyncReport = from_json(cls, json.loads(text)["sync"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            hint = "Pass the output of `awsauth sync --plan -o json`."
            raise PlanError("This is not a planned sync.", hint=hint) from error
        return report

    @property
    def conflicts(self) -> tuple[SyncAct, ...]:
        """The acts that no choice resolves."""
        return self.of("conflict")

    def raise_for_conflicts(self) -> None:
        """Raise the error for all conflicts, if there are any.

        Raises:
            MappingConflictError: there are conflicts; the hint names the arguments that resolve them.
        """
        if not (conflicts := self.conflicts):
            return
        found = [act for act in conflicts if not act.case.elsewhere]
        unowned = [act for act in found if act.after and not act.other and not act.case.recorded]
        drifted = [act for act in found if act.after and not act.other and act.case.recorded]
        unwanted = [act.principal for act in found if not act.after]
        others = sorted({act.other for act in found if act.other})
        may_extend = all(
            act.key in KEYS and act.before and act.after and act.before.username == act.after.username
            for act in unowned
        )
        unproven = any(_UNPROVEN in act.reason for act in found)
        hints: dict[str, object] = {
            "Edit aws-auth so that one data key maps such a principal, and not two.": len(found) < len(conflicts),
            "To use the record in the last revision, pass restore_ownership=True.": self.lost or unproven,
            'To take such an entry over, pass adopt=True; to only add its groups, pass if_mapped="extend".': unowned
            and may_extend,
            "Only adopt=True takes such an entry over, and replaces its username.": not may_extend,
            f"To take entries over from another owner, pass take_from={others!r}.": others,
            'To put the entry back, pass on_drift="restore"; to leave it so, pass on_drift="keep".': drifted,
            'To remove an entry that is not wanted any more, pass prune="force"; to keep and forget it, pass '
            f"release={unwanted!r}.": unwanted,
        }
        listed = "\n".join(f"- {act}" for act in conflicts)
        message = f"The sync has {len(conflicts)} conflict{'s' * (len(conflicts) > 1)}.\n{listed}"
        raise MappingConflictError(message, hint="\n".join(hint for hint, is_right in hints.items() if is_right))

    def of(self, *kinds: ActKind) -> tuple[SyncAct, ...]:
        """Return the acts of some kinds."""
        return tuple(one for one in self.acts if one.act in kinds)

    def __str__(self) -> str:
        return "\n".join(map(str, self.acts))


# The entries that an object has, by the name of the principal in records.
Live = dict[str, tuple[MappingEntry, ...]]


def live_entries(document: Document) -> Live:
    """Return the entries that an object has.

    Raises:
        EditError: a text cannot be read, so its entries are unknown.
    """
    for reading in map(document.reading, KEYS):
        if not reading.trusted or reading.is_unreadable:
            check_editable(reading)
    mapped = ((key, one) for key in KEYS for one in document.reading(key).mapped if one.principal)
    found = grouped((principal_name(key, one.principal), one) for key, one in mapped)
    return {name: tuple(entries) for name, entries in found.items()}


class KnownRecords(NamedTuple):
    """The records of owners, and what proves them.

    Attributes:
        records: What owners applied last, of all owners.
        proven: The owners whose record the revision of the object holds, too.
        restored: The owners whose record comes back from a revision that the object does not name.
        lost: Records that the object lost and a revision holds. They protect their entries.
        unknown: Owners whose record neither the object nor a revision shows. Any entry without an owner may be theirs.
    """

    records: Records
    proven: Collection[str]
    restored: Collection[str] = ()
    lost: Records = MappingProxyType({})
    unknown: Sequence[str] = ()


def acts_of(
    desired: Desired, live: Live, known: KnownRecords, choices: Choices, *, uid: str, changed_by: str = ""
) -> SyncReport:
    """Return the acts of a sync.

    Args:
        desired: The wanted entries, by owner and by name of the principal.
        live: The present entries.
        known: The records of owners.
        choices: How conflicts are resolved.
        uid: The uid of the object.
        changed_by: Who changed the present text after the last revision, if another tool did.
    """
    acts = []
    records, lost = known.records, known.lost
    known_records = {**(lost if choices.takes else {}), **records}
    holders = grouped((name, owner) for owner, record in known_records.items() for name in record)
    claims = {principal_in(name): owner for owner, wanted in desired.items() for name in wanted}
    for owner, wanted in desired.items():
        mine = records.get(owner, {})
        for name in [*wanted, *sorted(mine.keys() - wanted.keys())]:
            entry, principal = wanted.get(name), principal_in(name)
            others = [one for one in holders.get(name, ()) if one != owner]
            twins = [key for key in KEYS if (twin := f"{KIND[key]}/{principal}") != name and twin in live]
            is_free = choices.takes and entry and not others and name in live and name not in mine
            unreadable = [one for one in known.unknown if one != owner] if is_free else []
            case = Case(
                name,
                entry and entry.mapped,
                live.get(name, ()),
                mine.get(name),
                "".join((others or unreadable)[:1]),
                is_proven=owner in known.proven,
                claimed_by="" if entry else claims.get(principal, ""),
                is_restored=owner in known.restored,
                elsewhere=", ".join(twins),
                is_unknown=bool(unreadable),
            )
            kind = decide(case, choices)
            if kind == "forget" and not case.claimed_by:
                holders[name].remove(owner)  # Of several owners that recorded it, the last one removes it.
            if kind not in ("same", "untouched"):
                key, shown = _KEY_OF[name.partition("/")[0]], [*([case.wanted] if case.wanted else ()), *case.live[-1:]]
                reason = _reason(kind, case, changed_by)
                mapped = shown[0].principal if shown else principal
                before = case.live[-1] if case.live else None
                acts.append(SyncAct(kind, owner, key, mapped, before, case.wanted, case.other, reason, case))
    return SyncReport(tuple(desired), tuple(acts), tuple(one for one in desired if one in {*lost, *known.unknown}), uid)


def _reason(kind: ActKind, case: Case, changed_by: str) -> str:
    now = described(case.live[-1].username, case.live[-1].groups) if case.live else ""
    by, other = f" by {changed_by}" if changed_by else "", quoted(case.other)
    happened = f"it was {'changed' if now else 'removed'}{by} after the owner applied it{f', to {now}' if now else ''}"
    conflicts = {
        f"{case.elsewhere} maps it too": case.elsewhere,
        f"the record of the owner {other} cannot be read, so it may be that owner's": case.is_unknown,
        f"the owner {other} applied it": case.other,
        happened: case.wanted and case.recorded,
        f"it is mapped to {now}, and no owner applied that": case.wanted,
        f"it is not wanted any more, and {happened if case.is_proven else _UNPROVEN}": True,
    }
    look = "aws-auth does not name the revision that its record comes from; look at it, then sync again to remove it"
    reasons: dict[str, str] = {
        "conflict": next(reason for reason, is_so in conflicts.items() if is_so),
        "kept": happened if case.wanted else look,
        "restore": happened,
        "take": f"from the owner {other}",
        "forget": f"the owner {quoted(case.claimed_by)} wants it" if case.claimed_by else "",
        "unowned": "it is there already, and no owner applied it",
    }
    return reasons.get(kind, "")


def changes_of(report: SyncReport) -> list[c.Change]:
    """Return the changes of the text that the acts come to."""
    ensured = [
        _change("Ensure", act.key, act.after, if_mapped="extend" if act.act == "extend" else "replace")
        for act in report.of("create", "update", "restore", "adopt", "extend", "take")
        if act.after and not (act.before and same_access(act.before, act.after))
    ]
    return ensured + [_change("Remove", act.key, act.before) for act in report.of("prune") if act.before]


def _change(verb: str, key: ListKey, mapped: MappingEntry, **how: str) -> Any:
    noun = KIND[key]
    made: Any = c.KINDS[verb + noun.title()]
    if noun == "account":
        return made(account=mapped.principal)
    values = {"username": mapped.username, "groups": mapped.groups} if verb == "Ensure" else {}
    return made(**{f"{noun}_arn": mapped.principal, **values, **how})


def records_after(report: SyncReport, records: Records) -> dict[str, Record]:
    """Return the records of owners as they are after the acts."""
    found = {owner: dict(record) for owner, record in records.items()}
    for act in (act for act in report.acts if act.act not in ("extend", "kept", "unowned", "conflict")):
        mine = found.setdefault(act.owner, {})
        if act.after is None:
            mine.pop(act.case.principal, None)
        else:
            mine[act.case.principal] = applied(act.after)
            if act.act == "take":
                found.get(act.other, {}).pop(act.case.principal, None)
    return found


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


def diffs_of_acts(report: SyncReport, desired: Desired, entries: Sequence[AccessEntry]) -> tuple[EntryDiff, ...]:
    """Return the changes of entries and tags that the acts come to.

    Raises:
        MappingConflictError: EKS cannot change an entry so.
    """
    owned = {act.principal: {OWNER_TAG: "", APPLIED: ""} for act in report.of("release")}
    changes: list[c.EntryChange] = [c.RemoveEntry(principal_arn=act.principal) for act in report.of("prune")]
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
