"""Changes of access entries that other writers, EKS or a kill disturb."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.core.edit.changes import EnsureEntry, RemoveEntry, SetEntryPolicy
from awsauth.entries.engine import SETTLES
from awsauth.errors import AwsAuthError, AwsServiceError, ConflictError, InvalidValueError, OutcomeUnknownError
from awsauth.system.backoff import Backoff
from tests.support.aws.eks_fake import NoAnswer
from tests.support.command_line import PROGRAM
from tests.support.entry_changes import ADMIN, DEV, EDIT, VIEW

if TYPE_CHECKING:
    from awsauth.core.edit.changes import EntryChange
    from tests.support.entry_changes import Entries

NEW: Final = EnsureEntry(principal_arn=DEV, groups=["new"], policies=[EDIT, f"{VIEW}=a"])
SET: Final = EnsureEntry(principal_arn=DEV, groups=["new"], policies=[EDIT], if_exists="replace")
GONE: Final = RemoveEntry(principal_arn=DEV)
# Each change with its calls.
PATHS: Final = [
    (NEW, ("CreateAccessEntry", "AssociateAccessPolicy")),
    (SET, ("AssociateAccessPolicy", "UpdateAccessEntry", "DisassociateAccessPolicy")),
    (GONE, ("DeleteAccessEntry",)),
]
CALLS: Final = [pytest.param(change, call, id=f"{change.kind} {call}") for change, calls in PATHS for call in calls]


def begin(entries: Entries, change: EntryChange) -> None:
    """Let there be an entry, unless the change makes it."""
    if change is not NEW:
        entries.make(DEV, f"{VIEW}=a,b", groups=["old"])


def wanted(entries: Entries, change: EntryChange) -> bool:
    """Whether EKS has what the change wants."""
    state, policies = entries.state(), {EDIT: (), VIEW: ("a",)} if change is NEW else {EDIT: ()}
    return state is None if change is GONE else bool(state and state[2:] == ({"new"}, policies))


def is_first(change: EntryChange, call: str) -> bool:
    return next(calls[0] for one, calls in PATHS if one is change) == call


@pytest.mark.parametrize(("change", "call"), CALLS)
def test_a_refused_call_says_what_is_done_and_is_made_again(entries: Entries, change: EntryChange, call: str) -> None:
    begin(entries, change)
    entries.eks.fail(call, "InvalidRequestException", "Not now.")
    with entries.client() as client:
        with pytest.raises(AwsServiceError, match="Not now") as caught:
            client.apply(change)
        assert caught.value.changed is (not is_first(change, call))
        assert ("Done before: " in caught.value.hint) is bool(caught.value.changed)
        # Nothing was done: the record is gone again.
        assert entries.recorded() == ([1] if caught.value.changed else [])
        assert client.apply(change).changed
    assert wanted(entries, change)


@pytest.mark.parametrize(("change", "call"), CALLS)
def test_throttling_only_takes_longer(entries: Entries, change: EntryChange, call: str) -> None:
    begin(entries, change)
    entries.eks.fail(call, "ThrottlingException", "Rate exceeded", 429, times=7)
    with entries.client() as client:
        assert client.apply(change).changed
    assert wanted(entries, change)


@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize(("change", "call"), CALLS)
def test_an_unanswered_call_is_looked_after(
    entries: Entries, monkeypatch: pytest.MonkeyPatch, change: EntryChange, call: str, *, done: bool
) -> None:
    begin(entries, change)
    hits = [0]

    def cut(called: str, _: dict[str, Any]) -> None:
        hits[0] += called == call
        if called == call and hits[0] <= 3:
            raise NoAnswer

    setattr(entries.eks, "after" if done else "before", cut)
    with entries.client() as client:
        if done:
            assert client.apply(change).changed
        else:
            with monkeypatch.context() as patch:
                patch.setattr("awsauth.aws.access_entries.SHOWN_WITHIN", 0.1)
                with pytest.raises(OutcomeUnknownError) as caught:
                    client.apply(change)
            assert caught.value.changed is (None if is_first(change, call) else True)
            assert entries.recorded() == [1]
            assert client.apply(change).changed
    assert wanted(entries, change)


@pytest.mark.parametrize("lag", ["lag", "write_lag", "change_lag"])
@pytest.mark.parametrize(("change", "_calls"), PATHS, ids=["new", "set", "gone"])
def test_parts_of_eks_that_are_late_are_waited_for(
    entries: Entries, change: EntryChange, _calls: object, lag: str
) -> None:
    begin(entries, change)
    setattr(entries.shown.entries, lag, 2)
    with entries.client() as client:
        assert client.apply(change).changed
        setattr(entries.shown.entries, lag, 0)
        assert not client.apply(change).changed
    assert wanted(entries, change)


def test_a_role_that_was_just_made_is_waited_for(entries: Entries, monkeypatch: pytest.MonkeyPatch) -> None:
    message = "The specified principalArn is invalid: invalid principal."
    entries.eks.fail("CreateAccessEntry", "InvalidParameterException", message, times=2)
    with entries.client() as client:
        client.apply(NEW)
        assert wanted(entries, NEW)
        entries.eks.fail("CreateAccessEntry", "InvalidParameterException", message, times=100)
        monkeypatch.setattr("awsauth.entries.engine.NEW_PRINCIPAL", 0.0)
        with pytest.raises(AwsServiceError, match="invalid principal") as caught:
            client.apply(EnsureEntry(principal_arn=f"{DEV}-2"))
    assert caught.value.changed is False
    assert "has its path" in caught.value.hint
    assert entries.recorded() == [1]


def second_reading(entries: Entries, act: Any) -> None:
    """Act before the entry is described for the second time: between the reading of the change and its first call."""
    seen = [0]

    def hook(called: str, parameters: dict[str, Any]) -> None:
        seen[0] += called == "DescribeAccessEntry" and parameters["principalArn"] == DEV
        if seen[0] == 2:
            seen[0] += 1
            act()

    entries.eks.before = hook


def test_a_second_writer_between_reading_and_acting_is_not_overwritten(entries: Entries) -> None:
    begin(entries, SET)
    other = f"{DEV}-2"
    second_reading(entries, lambda: entries.shown.entries.update(DEV, {"kubernetesGroups": ["theirs"]}))
    with entries.client() as client:
        with pytest.raises(ConflictError, match="Another writer changed") as caught:
            client.apply(SET)
        assert caught.value.changed is False
        assert "theirs" in caught.value.message
        assert (entries.writes(), entries.recorded()) == ([], [])
        second_reading(entries, lambda: entries.shown.entries.delete(DEV))
        with pytest.raises(ConflictError, match="It is gone") as caught:
            client.apply([SET, EnsureEntry(principal_arn=other)])
    # The other principal came first, because it only gains.
    assert caught.value.changed is True
    assert f"made the access entry of {other}" in caught.value.hint
    assert entries.recorded() == [1]


def test_a_second_writer_during_the_wait_is_not_overwritten(entries: Entries, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(entries, SET)

    real = Backoff.wait

    def wait(backoff: Backoff, at_least: float = 0.0) -> bool:
        if at_least != SETTLES:
            return real(backoff, at_least)
        entries.shown.entries.update(DEV, {"kubernetesGroups": ["theirs"]})
        return True

    monkeypatch.setattr("awsauth.entries.engine.SETTLES", SETTLES)
    monkeypatch.setattr(Backoff, "wait", wait)
    with entries.client() as client, pytest.raises(ConflictError, match="theirs") as caught:
        client.apply(SET)
    assert caught.value.changed is True
    assert entries.writes() == ["AssociateAccessPolicy"]


def test_an_entry_that_another_client_makes_meanwhile_is_adopted_if_it_is_the_same(entries: Entries) -> None:
    entries.once("CreateAccessEntry", lambda: entries.make(DEV, EDIT, groups=["new"]))
    with entries.client() as client:
        assert client.apply(NEW).changed
        assert wanted(entries, NEW)
        other = f"{DEV}-2"
        entries.once("CreateAccessEntry", lambda: entries.make(other, username="theirs"))
        with pytest.raises(ConflictError, match="Another writer changed"):
            client.apply(EnsureEntry(principal_arn=other, username="ours"))
    assert entries.state(other) == ("STANDARD", "theirs", set(), {})


def test_two_clients_with_the_same_change_both_succeed(entries: Entries) -> None:
    results: list[Any] = []

    def run() -> None:
        try:
            with entries.client() as client:
                results.append(client.apply(NEW).changed)
        except AwsAuthError as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert True in results
    assert not [one for one in results if isinstance(one, AwsAuthError)]
    assert wanted(entries, NEW)


def test_an_unknown_policy_is_found_before_anything_is_made(entries: Entries) -> None:
    with entries.client() as client, pytest.raises(InvalidValueError, match="no access policy") as caught:
        client.apply(EnsureEntry(principal_arn=DEV, policies=[EDIT, "AmazonEKSVeiwPolicy"]))
    assert caught.value.hint.startswith(f"Use one of {VIEW}")
    assert (entries.writes(), entries.recorded()) == ([], [])


def test_the_entries_of_a_recovery_are_left_alone(entries: Entries) -> None:
    entries.make(DEV, ADMIN, tags={"awsauth/temporary": "2026-11-30T06:00:00Z"})
    other = f"{DEV}-2"
    entries.make(other, ADMIN, tags={"awsauth/temporary-policy": "2026-11-30T06:00:00Z"})
    with entries.client() as client:
        for change in (GONE, SetEntryPolicy(principal_arn=other, policy=VIEW)):
            with pytest.raises(ConflictError, match="A recovery") as caught:
                client.apply(change)
            assert "`awsauth recover --cluster" in caught.value.hint
    assert entries.writes() == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("change", "call"), CALLS)
def test_a_stopped_change_is_made_by_the_same_call(
    entries: Entries, change: EntryChange, call: str, *, after: bool
) -> None:
    begin(entries, change)
    with entries.client() as client, entries.stopping(call, after=after):
        client.apply(change)
    with entries.client() as client:
        client.apply(change)
    assert wanted(entries, change)


def test_a_killed_command_is_made_by_the_same_command(entries: Entries) -> None:
    where = ["--cluster", entries.stage.cluster.name, "--region", entries.stage.cluster.aws.region]
    given = ["--group", "new", "--access-policy", EDIT, "--access-policy", f"{VIEW}=a"]
    words = [str(PROGRAM), "entry", "add", DEV, *given, "--yes", *where]
    killed = []
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def kill() -> None:
        killed.append(True)
        os.kill(child.pid, signal.SIGKILL)
        raise NoAnswer

    entries.once("AssociateAccessPolicy", kill)
    out, _ = child.communicate()
    assert (killed, child.returncode) == ([True], -signal.SIGKILL), out
    assert entries.state() == ("STANDARD", entries.default, {"new"}, {})
    again = subprocess.run(words, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again
    assert wanted(entries, NEW)
