"""Committing: whatever stops it, or comes in between, the state is the old or the new one and the history true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.document.document import Document
from awsauth.core.edit.changes import Change, EnsureAccount, EnsureRole, RemoveRole
from awsauth.core.edit.merge import merge
from awsauth.core.findings import Severity
from awsauth.core.revisions.revision import draft
from awsauth.errors import (
    AwsAuthError,
    ConflictError,
    EditError,
    ForbiddenError,
    HistoryError,
    OutcomeUnknownError,
    PlanOutdatedError,
    RevisionNotFoundError,
    UnprovenHistoryError,
)
from awsauth.history.commit import CommitOutcome, commit
from awsauth.history.log import UNPROVEN_HISTORY, log
from awsauth.history.proposal import applying, changing
from awsauth.history.rollback import RollbackProposal
from awsauth.stores.file import FileStore
from tests.support.going_back import by
from tests.support.memory_store import SharedMemoryStore
from tests.support.stopping import Interrupted, Unanswered, Wrapped
from tests.support.timed_backoff import TimedBackoff

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from awsauth.core.revisions.revision import Revision
    from awsauth.history.proposal import PendingChange
    from awsauth.stores.store import RevisionList, Snapshot, Store
    from awsauth.system.backoff import Backoff

NODE: Final = """- rolearn: arn:aws:iam::111122223333:role/node
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
"""
BEFORE: Final = {"mapRoles": NODE}
ADMIN: Final = EnsureRole(role_arn="arn:aws:iam::111122223333:role/admin", username="admin", groups=["system:masters"])
OTHER: Final = EnsureRole(role_arn="arn:aws:iam::111122223333:role/other", username="other", groups=["view"])


def quick(seconds: float = 5) -> Backoff:
    """Return patience that does not really wait: its clock goes on by a tenth of a second with every look at it."""
    ticks = iter(range(100_000))
    return TimedBackoff(seconds, clock=lambda: next(ticks) / 10, sleep=lambda _: None)


def ensure(store: Store, *changes: Change, author: str = "alice", history: bool = True) -> CommitOutcome:
    return commit(store, changing(changes), writer=by(author), history=history, patience=quick())


def with_changes(data: Mapping[str, str], *changes: Change) -> dict[str, str]:
    return dict(merge(Document(data), changes).data)


def assert_true_history(store: Store) -> None:
    """Every revision is intact, the chain is whole, and what is live is in it if anything is."""
    found = log(store)
    assert {finding.code for finding in found.findings} <= {UNPROVEN_HISTORY}
    assert [entry.findings for entry in found.entries] == [()] * len(found.entries)
    for entry in found.entries:
        assert not entry.info.number or store.read_revision(entry.info.number).is_intact
    assert [entry.live for entry in found.entries] == [index == 0 for index in range(len(found.entries))]
    for entry in found.entries:
        if entry.live and entry.info.number:
            assert store.read_revision(entry.info.number).data == store.read().data


@pytest.fixture(params=["cluster-like", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Return a store with one node role: one that carries its head, and a manifest file."""
    if request.param == "file":
        return file_store(tmp_path, BEFORE)
    return SharedMemoryStore(BEFORE)


def file_store(folder: Path, data: Mapping[str, str]) -> FileStore:
    path = folder / "aws-auth.yaml"
    lines = "".join(f"    {line}" for line in data["mapRoles"].splitlines(keepends=True))
    path.write_text(
        f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\n  namespace: kube-system\n"
        f"data:\n  mapRoles: |\n{lines}"
    )
    return FileStore(path)


def kept_first(store: Store, outcome: CommitOutcome) -> Revision | None:
    """Return the revision of another tool's state that a change was recorded on top of."""
    parent = outcome.revision.info.parent if outcome.revision else 0
    kinds = {entry.info.number: entry.info.kind for entry in log(store).entries}
    return store.read_revision(parent) if kinds.get(parent) == "outside" else None


def outside(store: Store, data: Mapping[str, str], *, keep_head: bool = True) -> None:
    """Write as another tool does."""
    if isinstance(store, SharedMemoryStore):
        store.overwrite(data, keep_head=keep_head)
    else:
        store.write(data, store.read(), None)


def test_a_change_makes_a_revision_and_the_first_one_a_baseline_too(store: Store) -> None:
    outcome = commit(store, changing([ADMIN]), reason="release 42", writer=by("alice"), patience=quick())
    assert outcome.changed
    assert kept_first(store, outcome) is not None
    assert outcome.revision is not None
    assert store.read().data == outcome.snapshot.data == outcome.revision.data == with_changes(BEFORE, ADMIN)
    newest, baseline = log(store).entries
    assert (newest.info.number, newest.info.reason, newest.info.writer.author) == (2, "release 42", "alice")
    assert newest.live
    assert not newest.unconfirmed
    assert (baseline.info.kind, baseline.info.writer.author, baseline.unconfirmed) == ("outside", "", False)
    assert store.read_revision(1).data == BEFORE
    assert_true_history(store)


def test_a_second_run_writes_nothing(store: Store) -> None:
    ensure(store, ADMIN)
    again = ensure(store, ADMIN)
    assert not again.changed
    assert again.revision is None
    assert len(log(store).entries) == 2


def test_a_cluster_is_asked_as_little_as_is_promised() -> None:
    memory = SharedMemoryStore(BEFORE)
    for changes, calls in (
        ([ADMIN], ["read", "list", "record", "record", "write"]),
        ([ADMIN], ["read"]),
        ([OTHER], ["read", "record", "write"]),
    ):
        store = Wrapped(memory)
        ensure(store, *changes)
        assert store.calls == calls
    memory.overwrite(BEFORE)
    store = Wrapped(memory)
    ensure(store, ADMIN)
    assert store.calls == ["read", "record", "record", "write"]


def test_what_another_tool_wrote_is_recorded_before_it_is_changed(store: Store) -> None:
    ensure(store, ADMIN)
    theirs = with_changes(BEFORE, EnsureAccount(account="111122223333"))
    outside(store, theirs)
    assert not log(store).is_recorded
    outcome = ensure(store, OTHER)
    before = kept_first(store, outcome)
    assert before is not None
    assert before.data == theirs
    assert [entry.info.kind for entry in log(store).entries] == ["change", "outside", "change", "outside"]
    assert [entry.info.parent for entry in log(store).entries] == [3, 2, 1, 0]
    assert_true_history(store)


def test_what_another_tool_wrote_is_recorded_once_for_all_tries() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, ADMIN)
    theirs = with_changes(BEFORE, EnsureAccount(account="111122223333"))
    store.overwrite(theirs)
    ensure(Interrupted(store, "write", lambda: store.overwrite(theirs)), OTHER)
    assert [entry.info.kind for entry in log(store).entries] == ["change", "outside", "change", "outside"]


def test_a_state_put_back_from_a_revision_with_kubectl_is_a_state_of_its_own_that_came_from_none() -> None:
    """The object does not name its revision any more: what is listed as the newest may be anybody's."""
    store = SharedMemoryStore(BEFORE)
    ensure(store, ADMIN)
    ensure(store, OTHER)
    store.overwrite(with_changes(BEFORE, ADMIN), keep_head=False)
    assert [(entry.info.number, entry.live) for entry in log(store).entries] == [
        (0, True),
        (3, False),
        (2, False),
        (1, False),
    ]
    outcome = ensure(store, EnsureAccount(account="111122223333"))
    before = kept_first(store, outcome)
    assert before is not None
    assert (before.number, before.info.parent) == (4, 0)
    assert_true_history(store)
    assert [(entry.info.number, entry.proven, entry.unconfirmed) for entry in log(store).entries] == [
        (5, True, False),
        (4, True, False),
        (3, False, False),
        (2, False, False),
        (1, False, False),
    ]


def test_a_change_that_another_tool_undid_in_place_is_a_change_from_outside() -> None:
    """That tool left our annotations alone: the object was at revision 2 and is not at revision 1 again by us."""
    store = SharedMemoryStore(BEFORE)
    ensure(store, ADMIN)
    store.overwrite(BEFORE)
    assert not log(store).is_recorded
    ensure(store, OTHER)
    assert [(entry.info.kind, entry.info.parent) for entry in log(store).entries][:2] == [("change", 3), ("outside", 2)]


def test_a_change_from_outside_came_from_what_the_object_names_not_from_what_nothing_came_of() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, ADMIN)
    store.record(draft(3, store.read().head, {"mapRoles": "left over"}, uid="in-memory"))
    store.overwrite({})
    ensure(store, OTHER)
    assert [(entry.info.number, entry.info.parent) for entry in log(store).entries] == [
        (5, 4),
        (4, 2),
        (3, 2),
        (2, 1),
        (1, 0),
    ]
    assert_true_history(store)


def test_a_state_whose_object_names_no_revision_is_not_recorded_on_top_of_the_newest() -> None:
    store = SharedMemoryStore(BEFORE)
    forged = store.record(draft(1, None, {"mapRoles": "[]"}, uid="in-memory"))
    outcome = ensure(store, ADMIN)
    before = kept_first(store, outcome)
    assert before is not None
    assert (before.number, before.info.parent) == (2, 0)
    assert [info.number for info in store.list_revisions().chain(store.read().head)] == [3, 2]
    assert forged.number not in [entry.info.number for entry in log(store).entries if entry.proven]


def test_an_object_that_does_not_exist_is_made() -> None:
    store = SharedMemoryStore(None)
    outcome = ensure(store, ADMIN)
    assert store.read().exists
    assert kept_first(store, outcome) is None
    assert [entry.info.number for entry in log(store).entries] == [1]


def test_without_history_no_revision_is_made_and_the_next_change_records_it(store: Store) -> None:
    ensure(store, ADMIN)
    ensure(store, OTHER, history=False)
    assert [entry.info.number for entry in log(store).entries] == [0, 2, 1]
    outcome = ensure(store, EnsureAccount(account="111122223333"))
    before = kept_first(store, outcome)
    assert before is not None
    assert before.data == with_changes(BEFORE, ADMIN, OTHER)
    assert_true_history(store)


def test_two_writers_lose_nothing_of_each_other(store: Store) -> None:
    ensure(store, RemoveRole(role_arn="arn:aws:iam::111122223333:role/absent"), ADMIN)
    for call in ("record", "write"):
        account = EnsureAccount(account="000000000000" if call == "record" else "111111111111")
        theirs = EnsureAccount(account="222222222222" if call == "record" else "333333333333")
        rival = Interrupted(store, call, lambda theirs=theirs: ensure(store, theirs, author="bob"))  # type: ignore[misc]
        assert ensure(rival, account).changed
    assert sorted(Document(store.read().data).accounts) == [n * 12 for n in "0123"]
    assert_true_history(store)
    assert not any(entry.unconfirmed for entry in log(store).entries)


def test_checks_see_every_proposal_again_and_what_they_refuse_leaves_nothing_behind(store: Store) -> None:
    ensure(store, ADMIN)
    seen: list[int] = []

    def refuse_the_second(proposal: PendingChange) -> None:
        seen.append(len(proposal.merged.before.roles))
        if len(seen) == 2:
            raise EditError("The object has changed; nothing was changed.")

    rival = Interrupted(store, "write", lambda: ensure(store, OTHER))
    with pytest.raises(EditError):
        commit(rival, changing([EnsureAccount(account="111122223333")]), checks=[refuse_the_second], patience=quick())
    assert seen == [2, 3]
    assert store.read().data == with_changes(BEFORE, ADMIN, OTHER)
    assert not any(entry.unconfirmed for entry in log(store).entries)
    assert_true_history(store)


def test_when_another_tool_writes_the_very_same_text_the_state_is_theirs(store: Store) -> None:
    ensure(store, ADMIN)
    same = with_changes(store.read().data, OTHER)
    outcome = ensure(Interrupted(store, "write", lambda: outside(store, same)), OTHER)
    assert not outcome.changed
    if isinstance(store, SharedMemoryStore):
        assert [(entry.info.number, entry.live) for entry in log(store).entries] == [(0, True), (2, False), (1, False)]
    assert_true_history(store)


def test_an_endless_rival_ends_in_a_conflict_at_the_deadline() -> None:
    store = SharedMemoryStore(BEFORE)

    class Rival(Wrapped):
        def write(self, *args: object) -> Snapshot:
            store.overwrite({**BEFORE, "note": str(len(self.calls))})
            return super().write(*args)  # type: ignore[arg-type]

    with pytest.raises(ConflictError):
        commit(Rival(store), changing([ADMIN]), patience=quick())
    assert len(store.read().document.roles) == 1
    assert not [entry for entry in log(store).entries if entry.info.kind == "change"]
    assert not any(entry.unconfirmed for entry in log(store).entries)


def test_a_definite_refusal_removes_the_revision_and_is_passed_on(store: Store) -> None:
    class Refusing(Wrapped):
        def write(self, *_: object) -> Snapshot:
            raise AwsAuthError("Forbidden; nothing was changed.")

    ensure(store, ADMIN)
    with pytest.raises(AwsAuthError, match="Forbidden"):
        ensure(Refusing(store), OTHER)
    assert [entry.info.number for entry in log(store).entries] == [2, 1]


# Answers are lost.


@pytest.mark.parametrize("lost", [[True], [False], [False, False, True], [True, True], [False, None]])
@pytest.mark.parametrize("name", ["write", "record"])
def test_a_lost_answer_is_settled(store: Store, name: str, lost: list[bool | None]) -> None:
    ensure(store, ADMIN)
    outcome = ensure(Unanswered(store, name, list(lost)), OTHER)
    assert outcome.changed
    assert store.read().data == with_changes(BEFORE, ADMIN, OTHER)
    assert_true_history(store)
    assert not any(entry.unconfirmed for entry in log(store).entries)
    assert [entry.info.number for entry in log(store).entries if entry.live] == [
        outcome.revision and outcome.revision.number
    ]


@pytest.mark.parametrize("is_carried_out", [True, False])
def test_a_lost_answer_before_somebody_else_writes_is_settled_by_the_history(*, is_carried_out: bool) -> None:
    """With our change applied below theirs there is nothing more to do; otherwise it is made again, on top."""
    store = SharedMemoryStore(BEFORE)
    ensure(store, ADMIN)
    account = EnsureAccount(account="111122223333")
    cut = Unanswered(store, "write", [is_carried_out], then=lambda: ensure(store, account, author="bob"))
    outcome = ensure(cut, OTHER)
    assert outcome.revision is not None
    # With ours not carried out, theirs got the number behind it: ours was recorded already.
    assert outcome.revision.number == (3 if is_carried_out else 5)
    assert outcome.snapshot == store.read()
    assert store.read().data == with_changes(BEFORE, ADMIN, OTHER, account)
    assert len([entry for entry in log(store).entries if entry.info.writer.author == "alice"]) == 2
    assert not any(entry.unconfirmed for entry in log(store).entries)
    assert_true_history(store)


@pytest.mark.parametrize("is_carried_out", [True, False])
def test_a_lost_answer_before_another_tool_replaces_the_object_is_not_taken_for_a_success(
    *, is_carried_out: bool
) -> None:
    """Nothing tells any more what became of the write: it is made again, and its revision kept, in case it was live."""
    store = SharedMemoryStore(BEFORE)
    ensure(store, ADMIN)
    theirs = with_changes(BEFORE, EnsureAccount(account="111122223333"))
    cut = Unanswered(store, "write", [is_carried_out], then=lambda: store.overwrite(theirs, keep_head=False))
    outcome = ensure(cut, OTHER)
    before = kept_first(store, outcome)
    assert before is not None
    assert before.data == theirs
    assert store.read().data == with_changes(theirs, OTHER)
    assert [entry.info.number for entry in log(store).entries] == [5, 4, 3, 2, 1]
    assert_true_history(store)


def test_a_lost_answer_before_another_tool_writes_in_place_keeps_its_revision() -> None:
    """The object still names the revision before: nothing shows that the lost write was never made."""
    store = SharedMemoryStore(BEFORE)
    ensure(store, ADMIN)
    theirs = with_changes(BEFORE, ADMIN, EnsureAccount(account="111122223333"))
    ensure(Unanswered(store, "write", [False], then=lambda: store.overwrite(theirs)), OTHER)
    assert [(entry.info.number, entry.unconfirmed) for entry in log(store).entries][:3] == [
        (5, False),
        (4, False),
        (3, True),
    ]


def test_a_lost_answer_below_a_replacement_that_holds_the_change_is_not_nothing() -> None:
    """With ``revert_after``, what is taken for nothing would not be looked at."""
    store = SharedMemoryStore(BEFORE)
    ensure(store, ADMIN)
    theirs = {**with_changes(BEFORE, ADMIN, OTHER), "note": "replaced"}
    cut = Unanswered(store, "write", [True], then=lambda: store.overwrite(theirs, keep_head=False))
    outcome = ensure(cut, OTHER)
    assert (outcome.changed, outcome.snapshot.data) == (True, theirs)
    assert outcome.revision is not None
    assert store.read_revision(outcome.revision.number).data == with_changes(BEFORE, ADMIN, OTHER)


def test_an_object_that_is_deleted_meanwhile_is_not_made_again_with_this_change_alone(store: Store) -> None:
    class Deleting(Wrapped):
        def write(self, *_: Any) -> Snapshot:
            raise ConflictError("The object is no longer what it was.")

        def read(self) -> Snapshot:
            snapshot = super().read()
            gone = "record" in self.calls
            return snapshot._replace(document=Document({}), exists=False, head=None) if gone else snapshot

    ensure(store, ADMIN)
    with pytest.raises(ConflictError, match="Another writer deleted aws-auth while"):
        ensure(Deleting(store), OTHER)
    assert store.read().data == with_changes(BEFORE, ADMIN)


def test_what_a_server_makes_of_it_is_told() -> None:
    class Mutating(SharedMemoryStore):
        def write(self, data: Mapping[str, str], base: Snapshot, revision: Revision | None) -> Snapshot:
            return super().write({**data, "mapRoles": "[]"}, base, revision)

    assert ensure(Mutating(BEFORE), ADMIN).is_altered
    result = AwsAuthClient(Mutating(BEFORE)).add_role_mapping(ADMIN.role_arn, username="admin")
    assert result.document.data == {"mapRoles": "[]"}
    assert (result.findings[0].code, result.findings[0].severity) == ("altered-by-server", Severity.ERROR)
    assert "stored other data than awsauth sent: -role " in result.findings[0].message


@pytest.mark.parametrize("change", [RemoveRole(role_arn=ADMIN.role_arn), OTHER], ids=["takes away", "adds"])
def test_where_the_revision_of_the_state_was_deleted_what_is_taken_away_is_recorded_first(change: Change) -> None:
    store = SharedMemoryStore(BEFORE)
    kept = ensure(store, ADMIN).revision
    assert kept is not None
    store.discard_revision(kept.number, kept.digest)
    assert not log(store).is_recorded
    outcome = ensure(store, change)
    before = kept_first(store, outcome)
    assert (before is not None) == isinstance(change, RemoveRole)
    if before is not None:
        assert before.data == with_changes(BEFORE, ADMIN)
        assert before.info.number == kept.number + 1
        assert [entry.findings for entry in log(store).entries[:1]] == [()]
        assert commit(store, RollbackProposal(store).propose, patience=quick()).snapshot.data == with_changes(
            BEFORE, ADMIN
        )


def test_going_back_to_what_nothing_proves_takes_its_number_and_says_so() -> None:
    """A writer was stopped before its first write; or another hand has added the revisions."""
    store = SharedMemoryStore(with_changes(BEFORE, ADMIN))
    state = store.record(draft(1, None, store.read().data, kind="outside", uid="in-memory"))
    store.record(draft(2, state.info.head, BEFORE, uid="in-memory"))
    store.overwrite(with_changes(BEFORE, ADMIN, OTHER))
    client = AwsAuthClient(store)
    with pytest.raises(UnprovenHistoryError, match="so it does not prove these states") as caught:
        client.rollback(dry_run=True)
    assert caught.value.revisions == (2, 1)
    assert caught.value.message.splitlines()[1].endswith(": nodes 1, administrators 0, entries 1")
    assert "pass to=2" in caught.value.hint
    assert "with diff(2)" in caught.value.hint
    [found] = client.rollback(to=2, dry_run=True, allow=["last-admin"]).findings[:1]
    assert (found.code, found.severity) == ("unproven-revision", Severity.WARNING)
    assert "ever at revision 2" in found.message


def test_an_identical_change_of_another_writer_is_not_taken_for_ours() -> None:
    """Both make the same revision of the same parent: digests are equal, and still each knows its own."""
    store = SharedMemoryStore(BEFORE)
    ensure(store, ADMIN)
    rival = Interrupted(store, "record", lambda: ensure(store, OTHER, author="bob"))
    outcome = ensure(rival, OTHER)
    assert not outcome.changed
    assert log(store).entries[0].info.writer.author == "bob"


def test_nor_when_our_own_record_of_it_was_not_answered() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, ADMIN)
    cut = Unanswered(store, "record", [False], then=lambda: ensure(store, OTHER, author="bob"))
    assert not ensure(cut, OTHER).changed
    assert [(entry.info.writer.author, entry.live) for entry in log(store).entries] == [
        ("bob", True),
        ("alice", False),
        ("", False),
    ]


def test_without_any_answer_until_the_deadline_the_outcome_is_unknown_and_the_revision_named(store: Store) -> None:
    ensure(store, ADMIN)
    with pytest.raises(OutcomeUnknownError, match=r"revision 3 was sent and not answered"):
        ensure(Unanswered(store, "write", [False] * 10_000), OTHER)
    assert [entry.info.number for entry in log(store).entries if entry.unconfirmed] == [3]
    ensure(store, OTHER)
    assert_true_history(store)


def test_a_revision_that_cannot_be_recorded_in_time_leaves_the_object_alone(store: Store) -> None:
    with pytest.raises(HistoryError, match="could not be recorded in time"):
        ensure(Unanswered(store, "record", [False] * 10_000), OTHER)
    assert store.read().data == BEFORE


def test_a_refused_repetition_does_not_hide_that_the_first_write_may_still_arrive() -> None:
    class Refusing(Unanswered):
        def write(self, *_: object) -> Snapshot:
            if "write" in self.calls:
                raise AwsAuthError("Forbidden; nothing was changed.")
            self.calls.append("write")
            raise OutcomeUnknownError("The connection was cut.")

    store = SharedMemoryStore(BEFORE)
    with pytest.raises(OutcomeUnknownError, match="Whether it was made is unknown"):
        ensure(Refusing(store, "write", []), OTHER)
    # It must stay: should the write arrive, this is its revision.
    assert [entry.info.kind for entry in log(store).entries] == ["outside", "change", "outside"]


@pytest.mark.parametrize("is_carried_out", [True, False])
def test_without_history_a_lost_answer_is_settled_or_said_to_be_unknown(*, is_carried_out: bool) -> None:
    store = SharedMemoryStore(BEFORE)
    settled = ensure(Unanswered(store, "write", [is_carried_out]), OTHER, history=False)
    assert (settled.changed, settled.is_altered) == (True, False)
    store = SharedMemoryStore(BEFORE)
    cut = Unanswered(store, "write", [is_carried_out], then=lambda: store.overwrite({}))
    with pytest.raises(OutcomeUnknownError, match="You can run the change again"):
        ensure(cut, OTHER, history=False)


def test_a_revision_that_is_missing_is_said_to_be(store: Store) -> None:
    with pytest.raises(RevisionNotFoundError, match="There is no revision 7"):
        store.read_revision(7)


def test_a_state_of_another_tool_that_two_writers_keep_at_once_is_kept_once() -> None:
    store = SharedMemoryStore(BEFORE)
    ensure(store, ADMIN)
    outside(store, with_changes(store.read().data, EnsureAccount(account="111122223333")))
    ensure(Interrupted(store, "write", lambda: ensure(store, RemoveRole(role_arn=ADMIN.role_arn), author="bob")), OTHER)
    assert [(one.info.number, one.info.kind) for one in log(store).entries] == [
        (7, "change"),
        (6, "change"),
        (5, "outside"),
        (2, "change"),
        (1, "outside"),
    ]
    assert_true_history(store)


class Unlisted(Interrupted):
    """Does something else before the write, and may not list revisions."""

    def list_revisions(self) -> RevisionList:
        raise ForbiddenError("It is not allowed.")


def test_a_state_of_another_tool_stays_if_no_other_writer_is_known_to_have_kept_it() -> None:
    for kind, keeps_it_too in ((Interrupted, False), (Unlisted, True)):
        store = SharedMemoryStore(BEFORE)
        ensure(store, ADMIN)
        ours = store.read().data
        store.overwrite(with_changes(ours, EnsureAccount(account="111122223333")))

        def rival(
            store: SharedMemoryStore = store, data: Mapping[str, str] | None = None if keeps_it_too else ours
        ) -> None:
            if data:
                store.overwrite(data)
            ensure(store, EnsureAccount(account="444455556666"), author="bob")

        ensure(kind(store, "write", rival), OTHER)
        assert store.read_revision(3).info.kind == "outside"


def test_a_plan_for_an_absent_object_is_made_with_one_that_another_writer_creates() -> None:
    store = SharedMemoryStore({})
    store.delete()
    plan = AwsAuthClient(store).plan([ADMIN])
    rival = Interrupted(store, "write", lambda: ensure(store, OTHER, author="bob"))
    outcome = commit(rival, applying(plan), patience=quick())
    assert outcome.snapshot.data == with_changes({}, OTHER, ADMIN)


def test_a_plan_for_another_object_is_outdated() -> None:
    store = SharedMemoryStore(BEFORE)
    plan = AwsAuthClient(store).plan([ADMIN])
    with pytest.raises(PlanOutdatedError):
        commit(SharedMemoryStore(BEFORE, uid="another"), applying(plan), patience=quick())
