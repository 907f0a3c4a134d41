"""The decision of a sync for each principal.

It compares the wanted, the live and the last applied entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from awsauth.core.access.matching import casefold_arn, principal_of
from awsauth.core.desired.records import Applied, is_as_applied, principal_in
from awsauth.core.document.model import MappingEntry, same_access
from awsauth.core.serialization import JsonValue

# What to do with an entry that another writer has changed or removed.
OnDrift = Literal["restore", "keep", "fail"]

# The action on a principal.
ActKind = Literal[
    "create", "update", "restore", "adopt", "extend", "take", "prune",  # change the text, or the record of an owner
    "record", "forget", "release",  # change the record alone
    "same", "kept", "unowned", "untouched",  # change nothing
    "conflict",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choices(JsonValue):
    """How conflicts are resolved.

    Attributes:
        adopt: Take over entries that no owner recorded, with the username and groups that are wanted.
        if_mapped: With ``extend``, add the groups that are wanted to entries that no owner recorded, and leave them
            without an owner.
        take_from: Owners whose entries may be taken over.
        on_drift: The effect on entries that another writer changed or removed.
        prune: With ``force``, remove entries that are not wanted any more although another writer changed them.
        release: ARNs and accounts that are forgotten and stay mapped.
    """

    adopt: bool = False
    if_mapped: Literal["fail", "extend"] = "fail"
    take_from: Sequence[str] = ()
    on_drift: OnDrift = "restore"
    prune: Literal["unchanged", "force"] = "unchanged"
    release: Sequence[str] = ()

    @property
    def takes(self) -> bool:
        """Whether entries that no owner recorded may change."""
        return self.adopt or self.if_mapped == "extend"

    def releases(self, name: str) -> bool:
        """Whether a principal is to be forgotten, by its name in records."""
        # Mappings have no path, and access entries have one.
        return principal_in(name) in {form for arn in self.release for form in (casefold_arn(arn), principal_of(arn))}


class Case(NamedTuple):
    """The state of one principal for one owner.

    Attributes:
        principal: Its name in records.
        wanted: The entry that the owner wants; None for none.
        live: The entries that the object has, in the order of the text; the last one counts.
        recorded: What the owner applied last; None without a record of the principal.
        other: Another owner that recorded the principal; empty for none.
        is_proven: Whether the revision that the object names holds the record, too.
        claimed_by: Another owner of the same sync that wants the principal; empty for none.
        elsewhere: Another data key that maps the principal too; empty for none. One removal would remove both entries.
        is_restored: Whether the record comes back from a revision that the object does not name, so anyone may have written it.
        is_unknown: Whether the record of the other owner cannot be read, so the entry may be that owner's.
    """

    principal: str
    wanted: MappingEntry | None
    live: tuple[MappingEntry, ...]
    recorded: Applied | None
    other: str = ""
    is_proven: bool = True
    claimed_by: str = ""
    elsewhere: str = ""
    is_restored: bool = False
    is_unknown: bool = False


def decide(case: Case, choices: Choices) -> ActKind:
    """Return the decision of a sync about a principal.

    It removes no entry that the owner did not record, or that another owner wants.
    """
    if case.wanted is None:
        return _unwanted(case, choices)
    if case.elsewhere:
        return "conflict"
    if case.other:
        return "take" if case.other in choices.take_from else "conflict"
    if not case.live:
        return "create" if case.recorded is None else _ON_DRIFT[choices.on_drift]
    is_same = same_access(case.live[-1], case.wanted)
    if case.recorded is None:
        return "adopt" if choices.adopt else "unowned" if is_same else _extended(case.live[-1], case.wanted, choices)
    if is_same:
        return "same" if is_as_applied(case.wanted, case.recorded) else "record"
    if is_as_applied(case.live[-1], case.recorded):
        return "update"
    return _ON_DRIFT[choices.on_drift]


def _extended(live: MappingEntry, wanted: MappingEntry, choices: Choices) -> ActKind:
    if choices.if_mapped != "extend" or live.username != wanted.username:
        return "conflict"
    return "unowned" if set(wanted.groups) <= set(live.groups) else "extend"


def _unwanted(case: Case, choices: Choices) -> ActKind:
    if case.recorded is None:
        return "untouched"
    if case.claimed_by or case.other or not case.live:
        return "forget"
    if choices.releases(case.principal):
        return "release"
    if case.elsewhere:
        return "conflict"
    if case.is_restored:
        return "kept"
    is_unchanged = all(is_as_applied(mapped, case.recorded) for mapped in case.live)
    return "prune" if choices.prune == "force" or (is_unchanged and case.is_proven) else "conflict"


_ON_DRIFT: dict[OnDrift, ActKind] = dict(zip(get_args(OnDrift), ("restore", "kept", "conflict"), strict=True))
