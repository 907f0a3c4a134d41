"""Who may create revisions, and not write the object, gets nobody to restore them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.core.document.document import Document
from awsauth.core.edit.changes import EnsureAccount, EnsureRole, RemoveRole
from awsauth.core.edit.merge import merge
from awsauth.core.revisions.info import Head, Writer
from awsauth.core.revisions.revision import HIGHEST, draft
from awsauth.errors import HistoryError, UnprovenHistoryError
from awsauth.history.commit import commit
from awsauth.history.log import log
from awsauth.history.proposal import changing
from tests.support.going_back import by, rollback
from tests.support.memory_store import SharedMemoryStore
from tests.support.stopping import Wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping

NODE: Final = "arn:aws:iam::111122223333:role/node"
BEFORE: Final = {"mapRoles": f"- rolearn: {NODE}\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n"}
EVIL: Final = "arn:aws:iam::111122223333:role/evil"
FORGED: Final = {"mapRoles": BEFORE["mapRoles"] + f"- rolearn: {EVIL}\n  username: evil\n  groups: [system:masters]\n"}
CI: Final = EnsureRole(role_arn="arn:aws:iam::111122223333:role/ci", username="ci")
VICTIM: Final = Writer("", "admin", "arn:aws:iam::111122223333:role/admin")


def used() -> SharedMemoryStore:
    """Return a store with revisions 1 and 2, by the victim."""
    store = SharedMemoryStore(BEFORE)
    commit(store, changing([CI]), writer=lambda: VICTIM)
    return store


def forge(store: SharedMemoryStore, number: int, parent: Head | None = None, **fields: Any) -> None:
    store.record(draft(number, parent, FORGED, uid="in-memory", **{"writer": VICTIM, **fields}))


def principals(data: Mapping[str, str]) -> list[str]:
    return [role.role_arn for role in Document(data).roles]


def test_forged_behind_the_head_they_are_passed_over() -> None:
    store = used()
    head = store.read().head
    good = store.read().data
    for number, kind in enumerate(("change", "outside", "rollback"), 3):
        forge(store, number, head, kind=kind, restores=2 if kind == "rollback" else 0)
    store.overwrite(merge(store.read().document, [EnsureAccount(account="111122223333")]).data)
    assert rollback(store).snapshot.data == good
    assert rollback(store).snapshot.data == BEFORE
    assert [(entry.info.number, entry.state) for entry in log(store).entries if entry.info.number in (3, 4, 5)] == [
        (5, "unconfirmed"),
        (4, "unproven"),
        (3, "unconfirmed"),
    ]


@pytest.mark.parametrize("number", [3, 899_999_999, 900_000_000, HIGHEST])
def test_forged_before_the_next_change_under_any_number_they_are_no_part_of_the_chain(number: int) -> None:
    store = used()
    good = store.read().data
    forge(store, number, store.read().head)
    outcome = commit(store, changing([EnsureAccount(account="111122223333")]))
    assert outcome.revision is not None
    assert (outcome.revision.number, outcome.revision.info.parent) == (4 if number == 3 else 3, 2)
    assert rollback(store).snapshot.data == good


@pytest.mark.parametrize("number", [899_999_999, 900_000_000, HIGHEST])
def test_whatever_number_is_taken_there_is_one_behind_all_that_count(number: int) -> None:
    """The object names none, so that the number has to come from the list."""
    store = used()
    forge(store, number)
    store.overwrite(BEFORE, keep_head=False)
    good = store.read().data
    for account in ("111122223333", "222222222222"):
        good = store.read().data
        assert commit(store, changing([EnsureAccount(account=account)])).changed
    assert rollback(store).snapshot.data == good


def test_an_object_that_names_none_is_taken_to_no_revision_that_is_not_named() -> None:
    store = used()
    forge(store, 3, store.read().head)
    store.overwrite({"mapRoles": "[]"}, keep_head=False)
    with pytest.raises(UnprovenHistoryError) as caught:
        rollback(store)
    assert caught.value.revisions == (3, 2, 1)
    assert store.read().data == {"mapRoles": "[]"}
    # Neither is it later, when the change that was recorded since is undone, and the state before it.
    commit(store, changing([CI]))
    assert rollback(store).snapshot.data == {"mapRoles": "[]"}
    with pytest.raises(UnprovenHistoryError):
        rollback(store)
    assert EVIL not in principals(store.read().data)


def test_named_it_is_restored_without_vouching_for_the_one_before_it() -> None:
    """A forger can put a harmless state on top of a harmful one."""
    store = used()
    good = store.read().data
    harmful = draft(3, None, FORGED, uid="in-memory")
    store.record(harmful)
    store.record(draft(4, harmful.info.head, good, uid="in-memory"))
    store.overwrite({"mapRoles": "[]"}, keep_head=False)
    assert rollback(store, 4).snapshot.data == good
    with pytest.raises(UnprovenHistoryError) as caught:
        rollback(store)
    assert caught.value.revisions == (3, 1)
    assert store.read().data == good


def test_one_that_was_pruned_and_recorded_anew_by_another_hand_is_none_of_the_chain() -> None:
    store = used()
    first = store.read_revision(1)
    store.discard_revision(1, first.digest)
    made: Any = draft(1, None, FORGED, uid="in-memory").to_object()
    made["metadata"]["annotations"]["awsauth/digest"] = first.digest
    store.record_object(1, made)
    with pytest.raises(HistoryError):
        rollback(store)
    with pytest.raises(HistoryError, match="was altered"):
        rollback(store, 1)
    assert EVIL not in principals(store.read().data)


def test_forged_steps_do_not_decide_what_others_have_added() -> None:
    """A step that maps a present principal to more would bring that back as what others had made of it."""
    store = SharedMemoryStore(BEFORE)
    commit(store, changing([CI]), writer=by("alice"))
    commit(store, changing([EnsureRole(role_arn=EVIL, username="evil", groups=["view"])]), writer=by("bob"))
    forge(store, 4, store.read().head, kind="outside", writer=Writer())
    commit(store, changing([RemoveRole(role_arn=CI.role_arn)]), writer=by("alice"))
    outcome = rollback(store, 2, author="alice")
    assert [(role.role_arn, role.groups) for role in outcome.snapshot.document.roles][2:] == [(EVIL, ("view",))]


@pytest.mark.parametrize("squatted", [1, 45, 400])
def test_squatted_numbers_cost_one_list_however_many_there_are(squatted: int) -> None:
    store = used()
    for number in range(3, 3 + squatted):
        store.record_object(number, {"metadata": {"name": f"aws-auth-{number}"}})
    counted = Wrapped(store)
    outcome = commit(counted, changing([EnsureAccount(account="111122223333")]))
    assert outcome.revision is not None
    assert outcome.revision.number == 3 + squatted
    assert counted.calls == ["read", "record", "read", "list", "record", "write"]


@pytest.mark.parametrize("number", [HIGHEST - 1, HIGHEST])
def test_of_a_head_with_another_number_the_digest_tells_its_own(number: int) -> None:
    store = used()
    forge(store, 50)
    head = store.read().head
    assert head
    store._state = store._state._replace(head=head._replace(number=number))
    outcome = commit(store, changing([EnsureAccount(account="111122223333")]))
    assert outcome.revision
    assert outcome.revision.number == 3


def test_a_rollback_that_says_to_restore_itself_is_gone_back_from() -> None:
    store = used()
    before = store.read().data
    forged = store.record(draft(3, store.read().head, FORGED, kind="rollback", restores=3, uid="in-memory"))
    store._state = store._state._replace(document=Document(FORGED), head=forged.info.head)
    with pytest.raises(UnprovenHistoryError):
        rollback(store)
    assert rollback(store, 2).snapshot.data == before
