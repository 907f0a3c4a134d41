"""Rolling back: the earlier text comes back, and what others have added since stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, strategies as st

from awsauth.core.diff import diff
from awsauth.core.document.document import Document
from awsauth.core.document.model import KEYS
from awsauth.core.edit.changes import (
    Change,
    EnsureAccount,
    EnsureRole,
    EnsureUser,
    RemoveAccount,
    RemoveGroups,
    RemoveRole,
    RemoveUser,
    ReplaceText,
)
from awsauth.core.edit.merge import merge
from awsauth.core.revisions.info import Writer
from awsauth.core.revisions.revision import Revision, draft
from awsauth.errors import EditError, HistoryError, PlanOutdatedError, RevisionNotFoundError, UnprovenHistoryError
from awsauth.history.commit import CommitOutcome, commit, take_snapshot
from awsauth.history.log import log
from awsauth.history.proposal import changing
from awsauth.history.rollback import RollbackProposal, revision_line
from tests.support.documents.strategies import documents, examples
from tests.support.going_back import by, rollback
from tests.support.memory_store import SharedMemoryStore
from tests.support.stopping import Interrupted

if TYPE_CHECKING:
    from awsauth.core.revisions.restore import PrincipalEffect

NODE: Final = "arn:aws:iam::111122223333:role/node"
BEFORE: Final = {"mapRoles": f"# nodes\n- rolearn: {NODE}\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n"}
BROKEN: Final = {"mapRoles": "- rolearn: [\n"}


def role(name: str, *groups: str) -> EnsureRole:
    return EnsureRole(role_arn=f"arn:aws:iam::111122223333:role/{name}", username=name, groups=groups)


def ensure(store: SharedMemoryStore, *changes: Change, author: str = "alice") -> CommitOutcome:
    return commit(store, changing(changes), writer=by(author))


def back(
    store: SharedMemoryStore, to: int | None = None, *, exact: bool = False, author: str = "alice"
) -> CommitOutcome:
    return rollback(store, to, exact=exact, author=author)


def text(store: SharedMemoryStore) -> str:
    return store.read().data["mapRoles"]


def names(effects: tuple[PrincipalEffect, ...]) -> list[tuple[str, str]]:
    """Return who is concerned, and whose it was."""
    return [(effect.principal.rpartition("/")[2], effect.by.writer.author or effect.by.kind) for effect in effects]


def kept(outcome: CommitOutcome) -> list[tuple[str, str]]:
    assert outcome.proposal.restoration is not None
    return names(outcome.proposal.restoration.kept)


def reverted(outcome: CommitOutcome) -> list[tuple[str, str]]:
    assert outcome.proposal.restoration is not None
    return names(outcome.proposal.restoration.reverted)


def test_the_earlier_text_comes_back_as_a_new_revision() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, role("a"))
    ensure(store, role("b"))
    outcome = back(store, 1)
    assert store.read().data == BEFORE
    assert outcome.revision is not None
    assert (outcome.revision.number, outcome.revision.info.kind, outcome.revision.info.restores) == (4, "rollback", 1)
    assert (kept(outcome), reverted(outcome)) == ([], [("a", "alice"), ("b", "alice")])
    assert [entry.info.number for entry in log(store).entries] == [4, 3, 2, 1]


def test_what_others_have_added_stays_and_what_they_did_otherwise_goes() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, role("a", "view"), role("b"))
    ensure(store, role("mine"))
    ensure(store, role("theirs", "edit"), role("a", "admin"), RemoveRole(role_arn=role("b").role_arn), author="bob")
    store.overwrite(merge(store.read().document, [role("outside")]).data)
    outcome = back(store, 2)
    assert kept(outcome) == [("theirs", "bob"), ("outside", "outside")]
    assert reverted(outcome) == [("a", "bob"), ("mine", "alice"), ("b", "bob")]
    assert [line.rpartition("/")[2] for line in str(outcome.proposal.restoration).splitlines()[1:]] == [
        "theirs (written by `bob` in revision 4)",
        "outside (written by another tool)",
        "a (written by `bob` in revision 4)",
        "mine (written by `alice` in revision 3)",
        "b (removed by `bob` in revision 4)",
    ]
    assert store.read().document == merge(
        Document(BEFORE), [role("a", "view"), role("b"), role("theirs", "edit"), role("outside")]
    )


def test_exact_keeps_nothing() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, role("a"))
    ensure(store, role("theirs"), author="bob")
    outcome = back(store, 1, exact=True)
    assert store.read().data == BEFORE
    assert reverted(outcome) == [("a", "alice"), ("theirs", "bob")]


def test_what_others_have_added_is_kept_as_they_left_it() -> None:
    """The caller's own change to it is undone with everything else that the caller did."""
    store = SharedMemoryStore(BEFORE)
    ensure(store, role("x"))
    ensure(store, role("theirs", "view"), author="bob")
    ensure(store, role("theirs", "view", "system:masters"))
    outcome = back(store, 1)
    assert kept(outcome) == [("theirs", "alice")]
    assert [mapping.groups for mapping in store.read().document.roles] == [(), ("view",)]


def test_what_others_have_added_and_is_gone_again_does_not_come_back() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, role("theirs"), author="bob")
    ensure(store, RemoveRole(role_arn=role("theirs").role_arn), role("a"), author="carol")
    outcome = back(store, 1)
    assert kept(outcome) == [("a", "carol")]
    assert store.read().document == merge(Document(BEFORE), [role("a")])


def test_the_words_of_who_added_it_are_kept_where_the_text_only_grew() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, EnsureUser(user_arn="arn:aws:iam::111122223333:user/u", username="u"))
    grown = BEFORE["mapRoles"] + "# by the node group\n- rolearn: arn:aws:iam::111122223333:role/ng\n  userid: x\n"
    store.overwrite({**store.read().data, "mapRoles": grown})
    back(store, 1)
    assert store.read().data == {"mapRoles": grown}


def test_a_text_that_cannot_be_read_is_no_obstacle_and_hides_nothing_that_others_added() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, role("a"))
    ensure(store, role("theirs"), author="bob")
    store.overwrite(BROKEN)
    outcome = back(store, 2)
    assert kept(outcome) == [("theirs", "outside")]
    assert store.read().document == merge(Document(BEFORE), [role("a"), role("theirs")])
    assert [entry.info.kind for entry in log(store).entries][:2] == ["rollback", "outside"]


def test_an_object_that_was_deleted_comes_back() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, role("a"))
    again = SharedMemoryStore(None)
    for number in (1, 2):
        again.record(store.read_revision(number))
    back(again, 2)
    assert again.read().data == store.read().data


def test_other_data_keys_come_back_too_and_those_that_others_added_stay() -> None:
    store = SharedMemoryStore({**BEFORE, "note": "old"})
    ensure(store, role("a"))
    store.overwrite({**store.read().data, "note": "new", "theirs": "x"})
    back(store, 1)
    assert store.read().data == {**BEFORE, "note": "old", "theirs": "x"}


def test_without_a_number_it_goes_one_further_back_each_time_and_forward_by_number() -> None:
    store = SharedMemoryStore(BEFORE)
    texts = {1: BEFORE["mapRoles"]}
    for number, name in enumerate("abc", 2):
        ensure(store, role(name))
        texts[number] = text(store)
    for number in (3, 2, 1):
        back(store)
        assert text(store) == texts[number]
    with pytest.raises(RevisionNotFoundError, match="no earlier revision"):
        back(store)
    back(store, 4)
    assert text(store) == texts[4]
    back(store)
    assert text(store) == texts[3]


def test_without_a_number_a_change_from_outside_is_gone_back_on() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, role("a"))
    expected = text(store)
    store.overwrite(BROKEN)
    back(store)
    assert text(store) == expected
    back(store)
    assert text(store) == BEFORE["mapRoles"]


def test_the_revision_gone_back_to_stays_the_same_when_somebody_writes_meanwhile() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, role("a"))
    ensure(store, role("b"))
    rollback(Interrupted(store, "write", lambda: ensure(store, role("theirs"), author="bob")), author="alice")
    assert store.read().document == merge(Document(BEFORE), [role("a"), role("theirs")])


def test_after_a_restore_by_other_means_what_it_brought_counts_as_added_by_others() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, role("a"))
    ensure(store, RemoveRole(role_arn=role("a").role_arn), role("b"))
    store.overwrite(store.read_revision(2).data, keep_head=False)
    ensure(store, role("c"))
    outcome = back(store, 3)
    assert kept(outcome) == [("a", "outside")]
    assert store.read().document == merge(Document(BEFORE), [role("b"), role("a")])


def test_behind_a_break_in_the_chain_too_much_is_kept_rather_than_too_little() -> None:
    store = SharedMemoryStore(BEFORE)
    for name in "abc":
        ensure(store, role(name))
    store.discard_revision(3, store.read_revision(3).digest)
    outcome = back(store, 2)
    assert kept(outcome) == [("b", "alice"), ("c", "alice")]


def test_to_a_revision_that_was_never_applied_what_the_present_comes_from_stays() -> None:
    """Nobody is known to have taken it away."""
    store = SharedMemoryStore(BEFORE)
    ensure(store, role("a"))
    store.record(draft(3, store.read().head, BEFORE, uid="in-memory", writer=by("alice")()))
    ensure(store, role("b"))
    back(store, 3)
    assert [one.username for one in store.read().document.roles[1:]] == ["a"]


def test_of_many_unproven_states_the_newest_are_shown_and_the_others_are_counted() -> None:
    store = SharedMemoryStore(BEFORE)
    for name in "abcdef":
        ensure(store, role(name))
    store.overwrite(BROKEN, keep_head=False)
    with pytest.raises(UnprovenHistoryError) as caught:
        back(store)
    assert caught.value.revisions == (7, 6, 5, 4, 3, 2, 1)
    assert [line for line in caught.value.message.split("\n") if line.startswith("- and")] == ["- and 2 older ones"]
    store = SharedMemoryStore(BEFORE)
    for name in "abcd":
        ensure(store, role(name))
    store.overwrite(BROKEN, keep_head=False)
    with pytest.raises(UnprovenHistoryError) as caught:
        back(store)
    assert (len(caught.value.revisions), "- and" in caught.value.message) == (5, False)


def test_nothing_changes_where_the_revision_is_the_present_state() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, role("a"))
    assert not back(store, 2).changed
    assert len(log(store).entries) == 2


def test_a_revision_that_is_not_there_or_was_altered_is_refused() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, role("a"))
    for number in (9, 0):
        with pytest.raises(RevisionNotFoundError, match=f"There is no revision {number}"):
            back(store, number)
    altered: dict[str, Any] = store.read_revision(1).to_object()
    altered["data"]["data"]["mapRoles"] = "- rolearn: arn:aws:iam::111122223333:role/evil\n"
    store.record_object(1, altered)
    before = store.read()
    with pytest.raises(HistoryError, match="Revision 1 was altered after it was recorded"):
        back(store, 1)
    assert store.read() == before


def test_what_cannot_be_kept_stops_the_rollback_and_names_the_way_out() -> None:
    """An earlier text that cannot be read takes no entry."""
    store = SharedMemoryStore(BROKEN)
    ensure(store, ReplaceText(key="mapRoles", text=BEFORE["mapRoles"]), author="bob")
    before = store.read()
    with pytest.raises(EditError, match="1 of the entries that others added") as caught:
        back(store, 1)
    assert "exact=True" in str(caught.value)
    assert store.read() == before
    back(store, 1, exact=True)
    assert store.read().data == BROKEN


def test_an_entry_of_a_form_that_is_never_written_is_kept_by_its_own_words_or_not_at_all() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, role("a"))
    sso = "- sso:\n    permissionSetName: x\n    accountID: '111122223333'\n  username: x\n"
    grown = text(store) + sso
    store.overwrite({"mapRoles": grown})
    with pytest.raises(EditError, match="cannot be written into its earlier text"):
        back(store, 1)
    assert text(store) == grown
    ensure(store, RemoveRole(role_arn=role("a").role_arn))
    back(store, 1)
    assert text(store) == BEFORE["mapRoles"] + sso


ROLES: Final = [role(name, *groups) for name in "abc" for groups in ((), ("view",), ("view", "edit"))]
CHANGES: Final[list[Change]] = [
    *ROLES,
    *(RemoveRole(role_arn=change.role_arn) for change in ROLES[::3]),
    *(RemoveGroups(principal_arn=change.role_arn, groups=["view"]) for change in ROLES[::3]),
    EnsureUser(user_arn="arn:aws:iam::111122223333:user/u", username="u", groups=["g"]),
    RemoveUser(user_arn="arn:aws:iam::111122223333:user/u"),
    EnsureAccount(account="111122223333"),
    RemoveAccount(account="111122223333"),
    ReplaceText(key="mapRoles", text=BROKEN["mapRoles"]),
    ReplaceText(key="mapRoles", text=BEFORE["mapRoles"]),
    ReplaceText(key="mapUsers", text=None),
]
steps = st.lists(st.tuples(st.sampled_from(["alice", "bob", "outside"]), st.sampled_from(CHANGES)), max_size=8)


def history_of(data: dict[str, str], made: list[tuple[str, Change]]) -> SharedMemoryStore:
    """Return a store after some changes; those that are refused are left out."""
    store = SharedMemoryStore(data)
    commit(store, changing([ReplaceText(key="mapAccounts", text="- '000000000000'\n")]), writer=by("alice"))
    for author, change in made:
        try:
            if author == "outside":
                store.overwrite(merge(store.read().document, [change]).data)
            else:
                ensure(store, change, author=author)
        except ValueError:  # An edit of a text that cannot be read.
            continue
    return store


def recorded(store: SharedMemoryStore) -> list[int]:
    """Return the numbers of the revisions."""
    return [info.number for info in store.list_revisions().revisions]


@examples(150)
@given(documents, steps, st.data())
def test_with_nothing_added_by_others_the_bytes_are_those_of_the_revision(
    data: dict[str, str], made: list[tuple[str, Change]], draw: st.DataObject
) -> None:
    store = history_of(data, [("alice", change) for _, change in made])
    target = draw.draw(st.sampled_from(recorded(store)))
    back(store, target)
    assert store.read().data == store.read_revision(target).data


@examples(150)
@given(documents, steps, st.data())
def test_exact_bytes_are_those_of_the_revision_whoever_did_what(
    data: dict[str, str], made: list[tuple[str, Change]], draw: st.DataObject
) -> None:
    store = history_of(data, made)
    target = draw.draw(st.sampled_from(recorded(store)))
    outcome = back(store, target, exact=True)
    assert store.read().data == store.read_revision(target).data
    assert kept(outcome) == []


@examples(200)
@given(documents, steps, st.data())
def test_a_rollback_maps_what_the_revision_maps_and_of_the_rest_only_what_others_added(
    data: dict[str, str], made: list[tuple[str, Change]], draw: st.DataObject
) -> None:
    store = history_of(data, made)
    target = draw.draw(st.sampled_from(recorded(store)))
    before = store.read().document
    earlier = Document(store.read_revision(target).data)
    try:
        outcome = back(store, target)
    except EditError:
        return
    after = store.read().document
    restoration = outcome.proposal.restoration
    assert restoration is not None
    extra = {(effect.key, effect.principal) for effect in restoration.kept}
    for key in KEYS:
        now, then = after.reading(key).mapped, earlier.reading(key).mapped
        assert now[: len(then)] == then
        assert {(key, mapped.principal) for mapped in now[len(then) :]} == {e for e in extra if e[0] == key}
        gone = {m.principal.lower() for m in before.reading(key).mapped} - {m.principal.lower() for m in now}
        assert gone <= {effect.principal.lower() for effect in restoration.reverted if effect.key == key}
    if outcome.revision:
        assert not back(store, outcome.revision.number).changed


@given(documents, steps)
def test_every_revision_survives_its_object_form(data: dict[str, str], made: list[tuple[str, Change]]) -> None:
    store = history_of(data, made)
    for number in recorded(store):
        revision = store.read_revision(number)
        assert Revision.from_object(revision.to_object()) == revision
        assert revision.is_intact


def test_an_approved_rollback_does_nothing_else() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, role("a"))
    approved = diff(store.read().document, Document(BEFORE))
    ensure(store, role("b"))
    with pytest.raises(PlanOutdatedError):
        commit(store, RollbackProposal(store, 1, exact=True, approved=approved).propose)
    approved = diff(store.read().document, Document(BEFORE))
    assert commit(store, RollbackProposal(store, 1, exact=True, approved=approved).propose).changed


def test_a_further_step_back_is_told_after_a_rollback_alone() -> None:
    store = SharedMemoryStore(BEFORE)
    for name in "abc":
        ensure(store, role(name))
    assert back(store).proposal.merged.findings == ()
    assert [str(one) for one in back(store).proposal.merged.findings] == [
        (
            "Revision 5 is a rollback to revision 3, so this goes one state further back. "
            "It does not bring back the state before that rollback. To restore that state, name revision 4."
        )
    ]


def test_a_revision_on_one_line() -> None:
    info = draft(3, None, {}, kind="change", writer=Writer("alice")).info
    assert revision_line(info) == "revision 3, change, unknown time, for `alice`"
    moment = datetime(2026, 3, 1, 14, 5, 59, tzinfo=timezone.utc)
    recorded = replace(info, created=moment, writer=Writer(), recorded_by=("helm", "kubectl"))
    assert (
        revision_line(recorded)
        == "revision 3, change, 2026-03-01 14:05:59 UTC, created by the client `helm`, `kubectl`"
    )


def test_where_nothing_is_left_to_go_back_to_the_hint_names_the_way_that_there_is() -> None:
    store = SharedMemoryStore(BEFORE)
    take_snapshot(store, reason="", writer=by("alice"))
    with pytest.raises(RevisionNotFoundError) as refused:
        back(store)
    assert refused.value.hint
    assert refused.value.hint.startswith("awsauth has recorded no earlier state. Map the nodes again")
    store.record(draft(2, None, BEFORE, uid="in-memory"))
    with pytest.raises(RevisionNotFoundError) as refused:
        back(store)
    assert refused.value.hint == "Name the revision to restore, as the history lists them."
    ensure(store, role("a"))
    back(store, 1)
    with pytest.raises(RevisionNotFoundError) as refused:
        back(store)
    assert refused.value.hint == "Revision 4 is a rollback itself. To undo it, pass to=3."


def alter(store: SharedMemoryStore, number: int) -> None:
    """Alter the data of a revision as somebody else does."""
    altered: dict[str, Any] = store.read_revision(number).to_object()
    altered["data"]["data"]["mapRoles"] = "- rolearn: arn:aws:iam::111122223333:role/evil\n"
    store.record_object(number, altered)


def test_what_others_added_is_not_taken_from_an_altered_revision() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, role("a"))
    ensure(store, role("b"))
    alter(store, 2)
    with pytest.raises(HistoryError, match="Revision 2 was altered after it was recorded") as refused:
        back(store, 1)
    assert refused.value.hint == "Pass exact=True to roll back without keeping the additions of others."
    assert back(store, 1, exact=True).snapshot.data == BEFORE


def test_a_state_whose_revision_was_altered_is_kept_anew_before_a_removal() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, role("a"))
    alter(store, 2)
    present = store.read().data
    ensure(store, RemoveRole(role_arn=role("a").role_arn))
    assert [(one.info.number, one.info.kind) for one in log(store).entries[:2]] == [(4, "change"), (3, "outside")]
    assert back(store, 3).snapshot.data == present


def test_an_earlier_revision_of_the_present_state_is_not_gone_back_to() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, role("a"))
    alter(store, 2)
    assert take_snapshot(store, reason="", writer=by("alice")).changed
    restoration = RollbackProposal(store, exact=True).propose(store.read()).restoration
    assert restoration
    assert restoration.to == 1
