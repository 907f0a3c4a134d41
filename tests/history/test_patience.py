"""Waiting: as long as the server asks for, never past the deadline, and only for what may pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from awsauth.core.edit.changes import EnsureAccount
from awsauth.errors import (
    AdmissionError,
    ApiError,
    AwsAuthError,
    ForbiddenError,
    HistoryError,
    OutcomeUnknownError,
    UnavailableError,
    UnreachableError,
    UsageError,
)
from awsauth.history.commit import CommitOutcome, RetryingStore, commit
from awsauth.history.log import log
from awsauth.history.proposal import changing
from awsauth.system.backoff import Backoff
from tests.support.going_back import by
from tests.support.memory_store import SharedMemoryStore
from tests.support.stopping import Unanswered, Wrapped
from tests.support.timed_backoff import TimedBackoff

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from awsauth.core.revisions.revision import Revision
    from awsauth.stores.store import Snapshot, Store

    _T = TypeVar("_T")

DATA: Final = {"mapAccounts": '- "111122223333"\n'}
CALLS: Final = ("read", "list", "record", "write")


class Time:
    """A clock that goes on when somebody sleeps, and by a thousandth of a second with every look at it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        self.now += 0.001
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def patience(self, seconds: float = 60) -> Backoff:
        return TimedBackoff(seconds, clock=self.clock, sleep=self.sleep)


class Failing(Wrapped):
    """Raises these errors in place of the first calls of a name; each may carry the call out all the same."""

    def __init__(self, store: Store, name: str, errors: list[AwsAuthError], *, carries_out: bool = False) -> None:
        super().__init__(store)
        self._name = name
        self._errors = errors
        self._carries_out = carries_out

    def for_change(self, name: str, call: Callable[[], _T]) -> _T:
        if name != self._name or not self._errors:
            return super().for_change(name, call)
        error = self._errors.pop(0)
        if self._carries_out:
            super().for_change(name, call)
        else:
            self.calls.append(name)
        raise error


def busy(retry_after: float = 0) -> UnavailableError:
    error = UnavailableError("The server is busy; nothing was changed.", status=429)
    error.retry_after = retry_after
    return error


def unanswered(retry_after: float) -> OutcomeUnknownError:
    """Return the error for a write that was answered with an error of the server's own."""
    error = OutcomeUnknownError("It answered 503.")
    error.__cause__ = busy(retry_after)
    return error


def ensure(store: Store, time: Time, seconds: float = 60) -> CommitOutcome:
    changes = [EnsureAccount(account="444455556666")]
    return commit(store, changing(changes), writer=by("alice"), patience=time.patience(seconds))


@pytest.mark.parametrize("name", CALLS)
def test_a_busy_server_is_asked_again_after_the_time_that_it_wants(name: str) -> None:
    time = Time()
    memory = SharedMemoryStore(DATA)
    store = Failing(memory, name, [busy(7), busy(), busy(2)])
    assert ensure(store, time).changed
    assert [slept >= wanted for slept, wanted in zip(time.slept, (7, 0, 2), strict=True)] == [True] * 3
    assert sum(time.slept) < 7 + 2 + 3 * 2
    assert store.calls.count(name) == 3 + (2 if name == "record" else 1)
    assert [entry.info.number for entry in log(memory).entries] == [2, 1]


def test_those_who_wait_as_long_do_not_come_back_at_the_same_moment() -> None:
    slept = set()
    for _ in range(10):
        time = Time()
        ensure(Failing(SharedMemoryStore(DATA), "read", [busy(5)]), time)
        slept.add(time.slept[0])
    assert len(slept) == 10


@pytest.mark.parametrize("name", CALLS)
def test_what_would_take_longer_than_the_deadline_is_not_waited_for(name: str) -> None:
    time = Time()
    with pytest.raises(UnavailableError):
        ensure(Failing(SharedMemoryStore(DATA), name, [busy(61)]), time)
    assert time.slept == []


@pytest.mark.parametrize("name", CALLS)
def test_a_server_that_stays_busy_is_given_up_at_the_deadline(name: str) -> None:
    time = Time()
    memory = SharedMemoryStore(DATA)
    with pytest.raises(UnavailableError):
        ensure(Failing(memory, name, [busy(9)] * 100), time)
    assert 40 < sum(time.slept) <= 60
    assert memory.read().data == DATA


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "error",
    [
        ForbiddenError("no", status=403),
        AdmissionError("no", status=422),
        ApiError("no", status=400),
        UnreachableError("no"),
    ],
)
def test_what_cannot_pass_is_not_tried_again(name: str, error: AwsAuthError) -> None:
    time = Time()
    memory = SharedMemoryStore(DATA)
    store = Failing(memory, name, [error])
    with pytest.raises(type(error)):
        ensure(store, time)
    assert time.slept == []
    assert store.calls.count(name) == 1
    assert memory.read().data == DATA
    assert {info.kind for info in memory.list_revisions().revisions} <= {"outside"}


@pytest.mark.parametrize("carries_out", [False, True])
@pytest.mark.parametrize("name", ["record", "write"])
def test_an_unknown_outcome_is_settled_after_the_time_that_the_server_wants(name: str, carries_out: bool) -> None:  # noqa: FBT001 - a parameter of pytest's
    time = Time()
    memory = SharedMemoryStore(DATA)
    errors: list[AwsAuthError] = [unanswered(7)]
    if not carries_out:
        errors += [unanswered(3), UnreachableError("refused"), busy(4)]
    assert ensure(Failing(memory, name, errors, carries_out=carries_out), time).changed
    assert time.slept[0] >= 7
    assert sum(time.slept) >= (7 if carries_out else 14)
    assert [entry.unconfirmed for entry in log(memory).entries] == [False, False]


def test_after_a_write_without_an_answer_a_read_that_is_forbidden_ends_it_at_once() -> None:
    """It cannot be found out, and a minute later neither."""
    time = Time()

    class Blinded(Failing):
        def for_change(self, name: str, call: Callable[[], _T]) -> _T:
            if name == "read" and self.calls.count("write") > 1:
                raise ForbiddenError("no", status=403)
            return super().for_change(name, call)

    with pytest.raises(OutcomeUnknownError) as caught:
        ensure(Blinded(SharedMemoryStore(DATA), "write", [unanswered(0)], carries_out=True), time)
    assert isinstance(caught.value.__cause__, ForbiddenError)
    assert len(time.slept) == 1


def test_a_revision_that_cannot_be_recorded_in_time_is_told_and_nothing_changed() -> None:
    time = Time()
    memory = SharedMemoryStore(DATA)
    with pytest.raises(HistoryError, match="could not be recorded in time"):
        ensure(Failing(memory, "record", [unanswered(9)] * 100), time)
    assert memory.read().data == DATA


def test_every_call_of_a_patient_store_has_a_minute_of_its_own() -> None:
    store = RetryingStore(Failing(SharedMemoryStore(DATA), "read", [busy()]))
    assert store.read().data == DATA
    with pytest.raises(UnavailableError):
        RetryingStore(Failing(SharedMemoryStore(DATA), "read", [busy(61)])).read()


def test_a_patient_store_can_do_what_the_one_behind_it_can() -> None:
    class Server(SharedMemoryStore):
        busy: Final = [busy()]

        def dry_run_store(self) -> Server:
            return Server(DATA)

        def write(self, data: Mapping[str, str], base: Snapshot, revision: Revision | None) -> Snapshot:
            if self.busy:
                raise self.busy.pop()
            return super().write(data, base, revision)

    with pytest.raises(UsageError, match="needs a cluster"):
        RetryingStore(SharedMemoryStore(DATA)).dry_run_store()
    store = RetryingStore(Server(DATA))
    rehearsal = store.dry_run_store()
    assert rehearsal.write({}, rehearsal.read(), None).data == {}
    assert store.read().data == DATA


def test_a_patient_store_around_another_one_waits_once() -> None:
    time = Time()
    inner = RetryingStore(Failing(SharedMemoryStore(DATA), "read", [busy(1)] * 2), Backoff(0))
    assert RetryingStore(inner, time.patience()).read().data == DATA
    assert len(time.slept) == 2


def test_a_write_whose_outcome_cannot_be_looked_up_in_time_is_unknown() -> None:
    class Gone(Unanswered):
        """Answers no request after the write that was not answered."""

        def read(self) -> Snapshot:
            if "write" in self.calls:
                raise UnreachableError("The connection was refused.")
            return super().read()

    store = SharedMemoryStore(DATA)
    change = changing([EnsureAccount(account="444455556666")])
    with pytest.raises(OutcomeUnknownError):
        commit(Gone(store, "write", [True]), change, patience=Time().patience())
    assert store.read().document.accounts == ("111122223333", "444455556666")
