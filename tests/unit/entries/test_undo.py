"""What a rollback of access entries wants."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

import awsauth
from awsauth.core.edit.validation import BRIDGE_GROUP
from awsauth.core.entries.merge import EntryRevision, Undo, undo
from awsauth.core.guards.entries import taken
from tests.support.access_entries import ADMIN_POLICY, EDIT, ROLE, VIEW, change, entry, nodes

if TYPE_CHECKING:
    from awsauth.core.entries.merge import EntryDiff
    from awsauth.core.entries.model import AccessEntry

A, B = entry("a"), entry("b")
A2, A3 = entry("a", VIEW), entry("a", EDIT)


def recorded(number: int, *diff: EntryDiff, undoes: tuple[int, ...] = ()) -> EntryRevision:
    return EntryRevision(number, undoes=undoes, diff=diff)


ADDED = recorded(1, change(None, A))
WIDENED = recorded(2, change(A, A2))


def test_the_newest_change_is_undone() -> None:
    assert undo([WIDENED, ADDED], [A2, B]) == Undo((change(A2, A),), (2,))


def test_rollbacks_go_back_one_by_one() -> None:
    back = recorded(3, change(A2, A), undoes=(2,))
    assert undo([back, WIDENED, ADDED], [A, B]) == Undo((change(A, None),), (1,))
    again = recorded(4, change(A, None), undoes=(1,))
    with pytest.raises(awsauth.RevisionNotFoundError, match="nothing to undo"):
        undo([again, back, WIDENED, ADDED], [B])


def test_a_change_that_is_made_again_is_undone_again() -> None:
    back = recorded(3, change(A2, A), undoes=(2,))
    assert undo([back, WIDENED, ADDED], [A2]) == Undo((change(A2, A),), (2,))


def test_an_undone_change_is_not_undone_again_when_older_ones_are() -> None:
    gone, back = recorded(2, change(A, None)), recorded(3, change(None, A), undoes=(2,))
    again = recorded(4, change(A, None), undoes=(1,))
    with pytest.raises(awsauth.RevisionNotFoundError, match="nothing to undo"):
        undo([again, back, gone, ADDED], [])


@pytest.mark.parametrize("left", [entry("a", VIEW), entry("a", EDIT), entry("a"), entry("a", VIEW, EDIT)])
def test_an_interrupted_rollback_is_ended(left: AccessEntry) -> None:
    """Each way takes the policies in its own order."""
    made = recorded(1, change(A, entry("a", VIEW, EDIT)))
    back = recorded(2, change(entry("a", VIEW, EDIT), A), undoes=(1,))
    if left == A:
        with pytest.raises(awsauth.RevisionNotFoundError):
            undo([back, made], [left])
    else:
        assert undo([back, made], [left]) == Undo((change(left, A),), (1,))


def test_a_principal_that_is_as_before_stays() -> None:
    both = recorded(1, change(None, A), change(None, B))
    assert undo([both], [B]) == Undo((change(B, None),), (1,))


@pytest.mark.parametrize(("present", "shown"), [([A3, B], EDIT), ([B], "deleted")])
def test_a_principal_that_has_changed_since_is_a_conflict(present: list[AccessEntry], shown: str) -> None:
    both = recorded(3, change(A, A2), change(None, B))
    with pytest.raises(awsauth.ConflictError, match=shown) as caught:
        undo([both, ADDED], present)
    assert A.principal_arn in str(caught.value)
    assert "revision 3" in str(caught.value)


def test_an_older_change_is_not_undone_under_a_newer_one_that_others_changed() -> None:
    with pytest.raises(awsauth.ConflictError, match="revision 2"):
        undo([WIDENED, recorded(1, change(None, B))], [A3, B])


def test_an_undone_change_that_others_changed_since_is_not_in_the_way() -> None:
    back = recorded(3, change(A2, A), undoes=(2,))
    assert undo([back, WIDENED, recorded(1, change(None, B))], [A3, B]) == Undo((change(B, None),), (1,))


@pytest.mark.parametrize(
    ("diff", "left"),
    [
        (change(None, entry("a", VIEW, EDIT)), A),
        (change(None, entry("a", VIEW, EDIT)), A2),
        (change(None, entry("a", ADMIN_POLICY)), entry("a", groups=(BRIDGE_GROUP,))),
        (change(None, entry("a", ADMIN_POLICY)), entry("a", ADMIN_POLICY, groups=(BRIDGE_GROUP,))),
        (change(entry("a", VIEW), entry("a", EDIT, groups=("g",))), entry("a", VIEW, EDIT)),
    ],
)
def test_an_interrupted_change_is_undone(diff: EntryDiff, left: AccessEntry) -> None:
    found = undo([recorded(1, diff)], [left])
    assert found.diff == (change(left, diff.before),)


def test_the_group_of_the_bridge_is_never_wanted() -> None:
    resumed = recorded(2, change(entry("a", groups=("g", BRIDGE_GROUP)), entry("a", ADMIN_POLICY, groups=("g",))))
    found = undo([resumed], [entry("a", ADMIN_POLICY, groups=("g",))])
    assert [one.after for one in found.diff] == [entry("a", groups=("g",))]


def test_an_order_of_groups_is_not_a_change() -> None:
    made = recorded(1, change(None, entry("a", f"{VIEW}=x,y", groups=("g", "h"))))
    assert undo([made], [entry("a", f"{VIEW}=y,x", groups=("h", "g"))]).undoes == (1,)


def test_all_later_changes_are_undone() -> None:
    back = recorded(3, change(A2, A), undoes=(2,))
    new = recorded(4, change(None, B), change(A, A3))
    history = [new, back, WIDENED, ADDED]
    assert undo(history, [A3, B], to=3) == Undo((change(A3, A), change(B, None)), (4,))
    assert undo(history, [A3, B], to=2) == Undo((change(A3, A2), change(B, None)), (4, 3))
    assert undo(history, [A3, B], to=1) == Undo((change(A3, A), change(B, None)), (4, 3, 2))
    assert undo(history, [A3, B], to=4) == Undo((), ())
    with pytest.raises(awsauth.RevisionNotFoundError, match="revision 7"):
        undo(history, [A3, B], to=7)


def test_a_deleted_entry_comes_back_as_it_was() -> None:
    gone = recorded(2, change(A2, None))
    assert undo([gone, ADDED], []) == Undo((change(None, A2),), (2,))


def test_a_revision_that_cannot_be_read_is_in_the_way() -> None:
    broken = EntryRevision(2, problem="altered")
    for to in (None, 1):
        with pytest.raises(awsauth.HistoryError, match="Revision 2"):
            undo([broken, ADDED], [A], to=to)
    assert undo([replace(WIDENED, number=3), broken, ADDED], [A2]).undoes == (3,)
    assert undo([recorded(3, undoes=(2,)), broken, ADDED], [A]).undoes == (1,)


def test_a_type_cannot_be_rolled_back() -> None:
    history = [recorded(3, change(None, nodes("a"))), recorded(2, change(A, None)), ADDED]
    with pytest.raises(awsauth.ConflictError, match="STANDARD"):
        undo(history, [nodes("a")], to=1)
    assert undo(history, [nodes("a")]).diff == (change(nodes("a"), None),)


STATES = st.sampled_from([None, A, A2, A3, entry("a", VIEW, groups=("g",))])


@given(st.lists(STATES, max_size=6), st.data())
def test_a_rollback_returns_to_the_state_after_any_revision(states: list[Any], data: st.DataObject) -> None:
    path = [None, *states]
    history = [
        recorded(number, change(before, after))
        for number, (before, after) in enumerate(itertools.pairwise(path), 1)
        if before != after
    ]
    if not history:
        return
    to = data.draw(st.sampled_from([one.number for one in history]))
    found = undo(history[::-1], [path[-1]] if path[-1] else [], to=to)
    assert (found.diff[0].after if found.diff else path[-1]) == path[to]


def test_the_access_that_changes_took() -> None:
    assert taken([
        change(entry("a", f"{VIEW}=x,y", groups=("g", "h")), entry("a", f"{VIEW}=x", groups=("h",))),
        change(entry("team/b", ADMIN_POLICY), entry("team/b")),
        change(entry("c"), None),
        change(None, entry("d")),
        change(nodes("e"), None),
        change(entry("f", VIEW), entry("f", EDIT)),
    ]) == {
        f"{ROLE}/a": (f"{VIEW} in y", "g"),
        f"{ROLE}/b": ("system:masters",),
        f"{ROLE}/c": (),
    }  # fmt: skip


def test_the_access_that_several_changes_took_from_one_principal() -> None:
    first, second = entry("a", groups=("g", "h")), entry("a", groups=("g",))
    newest_first = [change(first, second), change(entry("a", groups=("h", "x")), first)]
    assert taken(newest_first) == {f"{ROLE}/a": ("h", "x")}
    for gone in (change(second, None), change(None, second)):
        assert taken([gone, *newest_first]) == {f"{ROLE}/a": () if gone.before else ("h", "x")}
    assert taken([*newest_first, change(second, None)]) == {f"{ROLE}/a": ()}


def test_a_change_that_was_never_made_is_passed_over() -> None:
    assert undo([WIDENED, ADDED], [A]) == Undo((change(A, None),), (1,))
    with pytest.raises(awsauth.RevisionNotFoundError):
        undo([WIDENED], [A])
