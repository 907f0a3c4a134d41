"""The log says what is live, what nothing came of, and what is wrong with the chain; pruning keeps what it must."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, strategies as st

from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import EnsureAccount
from awsauth.core.revisions.info import FieldManager, RevisionInfo
from awsauth.core.revisions.revision import draft
from awsauth.errors import UsageError
from awsauth.history.commit import commit
from awsauth.history.log import (
    KEEP_AT_MOST,
    KEEP_FOR,
    KEEP_LAST,
    TOO_YOUNG,
    expendable,
    last_changes,
    log,
    prune,
    with_diffs,
)
from awsauth.history.proposal import changing
from awsauth.stores.store import RevisionList
from tests.support.documents.strategies import examples
from tests.support.going_back import by
from tests.support.memory_store import SharedMemoryStore
from tests.support.stopping import Interrupted, Wrapped

if TYPE_CHECKING:
    from collections.abc import Callable

NOW: Final = datetime(2026, 6, 1, tzinfo=timezone.utc)


def grown(count: int, *, clock: Callable[[], datetime] = lambda: NOW) -> SharedMemoryStore:
    """Return a store with a baseline and some changes more."""
    store = SharedMemoryStore({}, clock=clock)
    for number in range(count):
        grow(store, number)
    return store


def grow(store: SharedMemoryStore, number: int) -> None:
    commit(store, changing([EnsureAccount(account=f"{number:012}")]), writer=by("alice"))


def codes(store: SharedMemoryStore) -> dict[int, list[str]]:
    """Return the findings by the number of their revision; 0 for those of the whole."""
    found = log(store)
    by_entry = {entry.info.number: [finding.code for finding in entry.findings] for entry in found.entries}
    return {number: names for number, names in by_entry.items() if names} | (
        {0: [finding.code for finding in found.findings]} if found.findings else {}
    )


def test_a_true_history_has_no_findings_and_one_live_revision() -> None:
    store = grown(3)
    assert codes(store) == {}
    assert [(entry.info.number, entry.live) for entry in log(store).entries] == [
        (4, True),
        (3, False),
        (2, False),
        (1, False),
    ]


def test_a_revision_that_nothing_came_of_is_unconfirmed_and_stays_out_of_the_chain() -> None:
    store = grown(1)
    store.record(draft(3, store.read().head, {"mapRoles": "left over"}, uid="in-memory"))
    grow(store, 7)
    assert [(entry.info.number, entry.info.parent, entry.unconfirmed) for entry in log(store).entries] == [
        (4, 2, False),
        (3, 2, True),
        (2, 1, False),
        (1, 0, False),
    ]
    assert codes(store) == {}


def test_a_revision_that_was_deleted_or_replaced_breaks_the_chain() -> None:
    store = grown(4)
    third = store.read_revision(3)
    store.discard_revision(3, third.digest)
    assert codes(store) == {0: ["broken-chain"]}
    store.record(draft(3, store.read_revision(2).info.head, {"mapRoles": "replaced"}, uid="in-memory"))
    assert codes(store) == {0: ["broken-chain"]}


def test_the_oldest_revision_that_is_kept_is_no_break() -> None:
    store = grown(4)
    store.discard_revision(1, store.read_revision(1).digest)
    assert codes(store) == {}


def test_a_parent_that_is_not_older_is_not_followed() -> None:
    store = grown(1)
    forged = draft(3, draft(5, None, {}).info.head, {"mapRoles": "x"}, uid="in-memory")
    store.record(forged)
    assert [info.number for info in store.list_revisions().chain(forged.info.head)] == [3]
    assert [entry.info.number for entry in log(store).entries if entry.unconfirmed] == [3]


def test_revisions_of_another_object_are_said_to_be() -> None:
    store = grown(1)
    other = SharedMemoryStore(store.read().data, uid="another")
    for number in (1, 2):
        other.record(store.read_revision(number))
    assert codes(other) == {0: ["unproven-history", "foreign-history"]}
    assert "2 revisions up to 2 are of another object (`in-memory`)" in log(other).findings[1].message


def test_a_head_that_is_in_no_revision_is_said_to_be() -> None:
    store = grown(2)
    store.discard_revision(3, store.read_revision(3).digest)
    assert codes(store) == {0: ["broken-chain"]}
    grow(store, 9)
    assert log(store).is_recorded


def test_objects_that_are_no_revisions_or_have_a_number_made_by_hand_are_reported_and_not_counted() -> None:
    store = grown(1)
    copied: dict[str, Any] = store.read_revision(2).to_object()
    copied["metadata"]["name"] = "aws-auth-900"
    store.record_object(900, copied)
    store.record_object(3, {"metadata": {"name": "aws-auth-3"}})
    store.record_object(4, {"metadata": {"name": "aws-auth-4", "annotations": {"awsauth/revision": "4"}}})
    found = log(store)
    assert [finding.code for finding in found.findings] == ["foreign-revision"] * 3
    assert "has none of the annotations" in found.findings[0].message
    assert "no annotation `awsauth/kind`" in found.findings[1].message
    assert "recorded as revision `2` and now has another number" in found.findings[2].message
    grow(store, 9)
    assert [entry.info.number for entry in log(store).entries] == [5, 2, 1]


@pytest.mark.parametrize(
    ("count", "said", "them"),
    [
        (1, "Revision 1 is not proven: aws-auth does not name its revision.", "it"),
        (3, "Revisions up to 3 are not proven: aws-auth does not name its revision.", "them"),
    ],
)
def test_how_many_revisions_are_not_proven_is_said(count: int, said: str, them: str) -> None:
    store = SharedMemoryStore({})
    for number in range(1, count + 1):
        store.record(draft(number, None, {"mapAccounts": f"- '{number:012}'\n"}, kind="outside", uid="in-memory"))
    [finding] = log(store).findings
    assert finding.message == said
    assert finding.impact == f"aws-auth was replaced or deleted, so it does not prove {them}."
    assert finding.hint.endswith(f"`awsauth diff {count}`.")


def test_a_state_from_outside_is_the_live_one_though_it_is_in_no_revision_yet() -> None:
    store = grown(1)
    store.overwrite({"mapRoles": "x"})
    found = log(store)
    assert not found.is_recorded
    assert [(entry.info.number, entry.info.parent, entry.live) for entry in found.entries] == [
        (0, 2, True),
        (2, 1, False),
        (1, 0, False),
    ]
    assert not any(entry.unconfirmed for entry in found.entries)


# Pruning


ages = st.lists(st.integers(0, 60 * 24), max_size=700).map(lambda hours: sorted(hours, reverse=True))


@examples(60)
@given(ages, st.sets(st.integers(1, 700), max_size=3))
def test_pruning_keeps_the_last_fifty_thirty_days_and_whatever_is_young_or_in_use(
    hours: list[int], in_use: set[int]
) -> None:
    infos = tuple(
        RevisionInfo(number, "", "", created=NOW - timedelta(hours=age)) for number, age in enumerate(hours, 1)
    )
    gone = expendable(RevisionList(infos, NOW), in_use)
    kept = [info for info in infos if info not in gone]
    assert [info.number for info in gone] == sorted(info.number for info in gone)
    assert kept[-KEEP_LAST:] == list(infos[-KEEP_LAST:]) or in_use
    assert not in_use & {info.number for info in gone}
    for info in gone:
        age = NOW - info.created if info.created else timedelta(0)
        rank = len(infos) - info.number
        assert age >= TOO_YOUNG
        assert rank >= KEEP_AT_MOST or (rank >= KEEP_LAST and age >= KEEP_FOR)
    for info in kept:
        age = NOW - info.created if info.created else timedelta(0)
        rank = len(infos) - info.number
        assert rank < KEEP_LAST or info.number in in_use or age < (KEEP_FOR if rank < KEEP_AT_MOST else TOO_YOUNG)


def test_a_live_revision_is_kept_however_old_it_is() -> None:
    """Numbers that others have taken do not make it go, nor what it came from."""
    now = [NOW]
    store = grown(3, clock=lambda: now[0])
    for number in range(5, 70):
        store.record(draft(number, None, {"mapRoles": str(number)}))
    now[0] += timedelta(days=60)
    pruned = prune(store)
    assert pruned == (1, 2, *range(5, 20))
    assert [(entry.info.number, entry.live) for entry in log(store).entries if entry.proven] == [(4, True), (3, False)]


def test_pruning_goes_by_the_way_with_every_twenty_fifth_revision() -> None:
    now = [NOW]
    store = grown(73, clock=lambda: now[0])
    now[0] += timedelta(days=60)
    outcome = commit(store, changing([EnsureAccount(account="999999999999")]))
    assert outcome.revision is not None
    assert outcome.revision.number == 75
    assert [entry.info.number for entry in log(store).entries] == [*range(75, 25, -1)]
    assert codes(store) == {}


def test_a_prune_while_a_writer_stands_before_its_write_takes_nothing_from_it() -> None:
    now = [NOW]
    store = grown(60, clock=lambda: now[0])
    now[0] += timedelta(days=60)
    commit(Interrupted(store, "write", lambda: prune(store)), changing([EnsureAccount(account="999999999999")]))
    assert codes(store) == {}
    assert log(store).entries[0].live


def test_times_are_local_with_the_offset_and_utc_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        client = AwsAuthClient(
            SharedMemoryStore({}, clock=lambda: datetime(2026, 3, 1, 20, 5, 59, tzinfo=timezone.utc))
        )
        client.add_account_mapping("111122223333")
        (newest, *_) = client.history().entries
        assert newest.time == "2026-03-02 01:35:59+05:30"
        assert newest.time in str(newest)
        assert newest.to_json()["created"] == "2026-03-01T20:05:59Z"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_limit_shows_the_newest_and_reads_no_more() -> None:
    store = Wrapped(SharedMemoryStore({}))
    client = AwsAuthClient(store)
    for number in range(4):
        client.add_account_mapping(f"{number:012}")
    store.calls.clear()
    found = client.history(limit=2)
    assert [entry.info.number for entry in found.entries] == [5, 4]
    assert store.calls.count("read_revision") == 3
    assert len(client.history().entries) == 5
    with pytest.raises(UsageError, match="limit is"):
        client.history(limit=-1)


def test_a_state_of_another_tool_shows_its_clients_and_when_they_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        store = SharedMemoryStore({})
        client = AwsAuthClient(store)
        client.add_account_mapping("111122223333")
        store.overwrite({"mapAccounts": "[]\n"})
        edited = FieldManager("kubectl-edit", datetime(2026, 3, 1, 20, 5, 59, tzinfo=timezone.utc))
        store.own(
            {"mapAccounts": (FieldManager("awsauth", NOW), edited), "mapUsers": (FieldManager("x", None, "status"),)}
        )
        client.add_account_mapping("222222222222")
        found = client.history()
        entry = found.entries[1]
        assert entry.by == "client kubectl-edit at 2026-03-02 01:35:59+05:30, x (status)"
        assert entry.by in str(found)
        assert entry.diff is not None
        assert entry.diff.summary == "-account 111122223333"
        shown = entry.to_json()
        assert shown["managers"]["mapUsers"] == [{"client": "x", "time": None, "subresource": "status"}]
        assert shown["managers"]["mapAccounts"][1] == {
            "client": "kubectl-edit",
            "time": "2026-03-01T20:05:59Z",
            "subresource": "",
        }
    finally:
        monkeypatch.undo()
        time.tzset()


def test_deletion_and_creation_are_entries_of_their_own() -> None:
    store = SharedMemoryStore({})
    client = AwsAuthClient(store)
    client.add_account_mapping("111122223333")
    store.delete()
    deleted = client.history().entries[0]
    assert (deleted.info.kind, deleted.info.number, deleted.live) == ("deleted", 0, True)
    assert deleted.diff is not None
    assert deleted.diff.summary == "-account 111122223333"
    client.rollback(to=2)
    client.add_account_mapping("222222222222")
    store.delete()
    store.overwrite({"mapAccounts": '["333333333333"]'}, keep_head=False)
    client.add_account_mapping("444444444444")
    shown = [(one.info.kind, one.info.number, one.diff and one.diff.summary) for one in client.history().entries]
    assert shown == [
        ("change", 6, "+account 444444444444"),
        ("outside", 5, "+account 333333333333"),
        ("deleted", 0, "-account 111122223333, -account 222222222222"),
        ("change", 4, "+account 222222222222"),
        ("rollback", 3, "+account 111122223333"),
        ("deleted", 0, "-account 111122223333"),
        ("change", 2, "+account 111122223333"),
        ("outside", 1, None),
    ]


def test_a_change_that_was_never_made_shows_no_deletion() -> None:
    store = grown(1)
    store.record(draft(3, None, {}, uid="in-memory", creates=True))
    assert [entry.info.kind for entry in log(store).entries] == ["change", "change", "outside"]


def test_a_time_without_an_object_before_the_newest_state_is_not_live() -> None:
    store = grown(1)
    store.delete()
    commit(store, changing([EnsureAccount(account="999999999999")]), writer=by("alice"))
    assert [(one.info.kind, one.live, one.proven) for one in log(store).entries] == [
        ("change", True, True),
        ("deleted", False, True),
        ("change", False, False),
        ("outside", False, False),
    ]


def test_a_break_says_whether_the_revision_is_gone_or_another_one() -> None:
    store = grown(4)
    store.discard_revision(3, store.read_revision(3).digest)
    assert log(store).findings[0].message == "Revision 4 came from revision 3, which is gone."
    store.record(draft(3, store.read_revision(2).info.head, {"mapRoles": "replaced"}, uid="in-memory"))
    problem = "Revision 4 came from another revision 3 than the one that exists."
    assert log(store).findings[0].message == problem


def test_of_revisions_without_a_time_none_is_pruned() -> None:
    infos = tuple(RevisionInfo(number, "", "") for number in range(1, KEEP_AT_MOST + 10))
    assert expendable(RevisionList(infos, NOW), set()) == []


def test_the_last_change_of_a_principal_is_the_newest_one_that_was_made() -> None:
    store = grown(3)
    store.record(draft(9, store.read().head, {"mapAccounts": '["000000000000"]'}, uid="in-memory"))
    found = last_changes(with_diffs(store, log(store), 10))
    assert {name: (one.revision, one.by) for name, one in found.items()} == {
        f"{number:012}": (number + 2, "alice") for number in range(3)
    }
    newest = last_changes(with_diffs(store, log(store), 2))
    assert newest.keys() == {"000000000002"}


@pytest.mark.parametrize(
    ("count", "age", "gone"),
    [
        (KEEP_LAST + 1, KEEP_FOR, [1]),
        (KEEP_LAST, KEEP_FOR, []),
        (KEEP_AT_MOST + 1, TOO_YOUNG, [1]),
        (KEEP_AT_MOST, TOO_YOUNG, []),
    ],
)
def test_pruning_at_its_limits(count: int, age: timedelta, gone: list[int]) -> None:
    infos = tuple(RevisionInfo(number, "", "", created=NOW - age) for number in range(1, count + 1))
    assert [info.number for info in expendable(RevisionList(infos, NOW), set())] == gone


def test_the_cells_and_lines_of_a_history() -> None:
    store = grown(1)
    store.overwrite({"mapRoles": "x"})
    found = with_diffs(store, log(store), 5)
    shown = [[cell for name, cell in entry.cells.items() if name != "time"] for entry in found.entries]
    assert shown == [
        ["-", "outside", "-", "", "-account 000000000000", "live"],
        ["2", "change", "alice", "", "+account 000000000000", ""],
        ["1", "outside", "-", "", "", ""],
    ]
    assert str(found).splitlines()[0] == "   -  -  outside   -  (-account 000000000000)  live"
    assert repr(found) == "<Log: 3 states, 0 findings>"
    assert found._repr_html_().count("<tr>") == 4


def test_behind_an_altered_revision_the_last_change_of_a_principal_is_unknown() -> None:
    store = grown(3)
    altered: dict[str, Any] = store.read_revision(3).to_object()
    altered["data"]["data"] = {}
    store.record_object(3, altered)
    found = with_diffs(store, log(store), 10)
    assert [entry.diff is None for entry in found.entries] == [True, True, False, True]
    assert last_changes(found) == {}
