"""The decision of a sync for each principal.

It compares the wanted, the live and the last applied entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from awsauth.core.desired.records import Applied, is_as_applied
from awsauth.core.document.model import MappingEntry
from awsauth.core.edit.merge import gives_the_same

OnDrift = Literal["restore", "keep", "fail"]
"""What to do with an entry that another writer has changed or removed."""

ActKind = Literal[
    "create", "update", "restore", "adopt", "extend", "take", "prune",  # change the text, or the record of an owner
    "record", "forget", "release",  # change the record alone
    "same", "kept", "unowned", "untouched",  # change nothing
    "conflict",
]  # fmt: skip
"""The action on a principal."""


@dataclass(frozen=True, slots=True)
class Choices:
    """How conflicts are resolved.

    Attributes:
        adopt: Take over entries that no owner recorded, with the username and groups that are wanted.
        extend: Add the groups that are wanted to entries that no owner recorded, and leave them without an owner.
        take_from: Owners whose entries may be taken over.
        on_drift: The effect on entries that another writer changed or removed.
        force_prune: Remove entries that are not wanted any more although another writer changed them.
        release: Principals, by their name in records, that are forgotten and stay mapped.
    """

    adopt: bool = False
    extend: bool = False
    take_from: tuple[str, ...] = ()
    on_drift: OnDrift = "restore"
    force_prune: bool = False
    release: frozenset[str] = frozenset()


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
    is_same = gives_the_same(case.live[-1], case.wanted)
    if case.recorded is None:
        return "adopt" if choices.adopt else "unowned" if is_same else _extended(case.live[-1], case.wanted, choices)
    if is_same:
        return "same" if is_as_applied(case.wanted, case.recorded) else "record"
    if is_as_applied(case.live[-1], case.recorded):
        return "update"
    return _ON_DRIFT[choices.on_drift]


def _extended(live: MappingEntry, wanted: MappingEntry, choices: Choices) -> ActKind:
    if not choices.extend or live.username != wanted.username:
        return "conflict"
    return "unowned" if set(wanted.groups) <= set(live.groups) else "extend"


def _unwanted(case: Case, choices: Choices) -> ActKind:
    if case.recorded is None:
        return "untouched"
    if case.claimed_by or case.other or not case.live:
        return "forget"
    if case.principal in choices.release:
        return "release"
    if case.elsewhere:
        return "conflict"
    if case.is_restored:
        return "kept"
    is_unchanged = all(is_as_applied(mapped, case.recorded) for mapped in case.live)
    return "prune" if choices.force_prune or (is_unchanged and case.is_proven) else "conflict"


_ON_DRIFT: dict[OnDrift, ActKind] = dict(zip(get_args(OnDrift), ("restore", "kept", "conflict"), strict=True))
