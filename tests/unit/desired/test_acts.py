"""The acts of a sync together: no entry that an owner wants goes, and no entry outside of the sync changes."""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import given, strategies as st

from awsauth.core.access.matching import canonical, principal_of
from awsauth.core.desired.acts import KnownRecords, acts_of, changes_of, live_entries, records_after
from awsauth.core.desired.decide import Choices, OnDrift
from awsauth.core.desired.fragment import Fragment, combined
from awsauth.core.desired.records import applied, principal_name
from awsauth.core.document.document import Document
from awsauth.core.document.model import MappingEntry
from awsauth.core.edit.merge import merge
from tests.support.command_line import NODE

ROLES = "arn:aws:iam::111122223333:role/"
OWNERS = ("a", "b", "c")
SPELLINGS = st.sampled_from(["x", "X", "team/x", "y", "Y", "z", "team/Z"])
"""Roles that differ in case or path alone are one principal for a change."""
USERS = st.sampled_from("12")
RECORDS = st.dictionaries(st.sampled_from(OWNERS), st.dictionaries(SPELLINGS, USERS, max_size=4))
WANTED = st.lists(
    st.tuples(SPELLINGS, st.sampled_from(OWNERS), USERS), max_size=4, unique_by=lambda one: principal_of(ROLES + one[0])
)
CHOICES = st.builds(
    Choices,
    adopt=st.booleans(),
    if_mapped=st.sampled_from(["fail", "extend"]),
    take_from=st.sets(st.sampled_from(OWNERS)).map(tuple),
    on_drift=st.sampled_from(get_args(OnDrift)),
    prune=st.sampled_from(["unchanged", "force"]),
)


def entry(name: str, user: str) -> MappingEntry:
    return MappingEntry(ROLES + name, user, ())


def recorded(name: str) -> str:
    return principal_name("mapRoles", canonical(ROLES + name))


def present(document: Document) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for role in document.roles:
        found.setdefault(principal_of(role.role_arn), []).append(role.username)
    return found


def fragments(wanted: Any) -> list[Fragment]:
    return [
        Fragment(
            owner=owner,
            roles=[{"rolearn": ROLES + name, "username": user} for name, one, user in wanted if one == owner],
        )
        for owner in OWNERS
    ]


@given(RECORDS, WANTED, st.lists(st.tuples(SPELLINGS, USERS), max_size=6), CHOICES, st.sets(st.sampled_from(OWNERS)))
def test_no_wanted_entry_goes_and_no_other_entry_changes(
    records: Any, wanted: Any, live: Any, choices: Choices, proven: set[str]
) -> None:
    text = f"- rolearn: {NODE}\n  username: node\n"
    text += "".join(f"- rolearn: {ROLES}{name}\n  username: '{user}'\n" for name, user in live)
    before = Document({"mapRoles": text})
    known = {
        owner: {recorded(name): applied(entry(name, user)) for name, user in record.items()}
        for owner, record in records.items()
    }
    of_owners = KnownRecords(known, proven)
    report = acts_of(combined(fragments(wanted)), live_entries(before), of_owners, choices, uid="")
    after = merge(before, changes_of(report))
    names = {principal_of(ROLES + name) for name, *_ in wanted}
    assert names.isdisjoint(principal_of(act.principal) for act in report.of("prune"))
    there, now = present(before), present(after)
    excused = {principal_of(act.principal) for act in report.of("conflict", "kept")}
    assert names - excused <= now.keys()
    assert names & there.keys() <= now.keys()
    touched = names | {principal_of(ROLES + name) for record in records.values() for name in record}
    assert {name: users for name, users in there.items() if name not in touched} == {
        name: users for name, users in now.items() if name not in touched
    }
    owned = [name for record in records_after(report, known).values() for name in record]
    if len({name for record in known.values() for name in record}) == sum(map(len, known.values())):
        assert len(owned) == len(set(owned))
