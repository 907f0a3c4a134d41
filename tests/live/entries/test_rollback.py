"""The history of access entries, and rollbacks."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.cluster_context import ClusterContext
from awsauth.core.edit.changes import EnsureEntry, RemoveEntry, SetEntryPolicy
from awsauth.core.revisions.info import Writer
from awsauth.errors import (
    AwsServiceError,
    ConflictError,
    ForbiddenError,
    GuardError,
    HistoryError,
    PlanOutdatedError,
    RevisionNotFoundError,
    UsageError,
)
from tests.support.entry_changes import DEV, EDIT, VIEW
from tests.support.recovery_stage import REVISIONS

if TYPE_CHECKING:
    from tests.support.entry_changes import Entries

OTHER: Final = f"{DEV}-2"
NEW: Final = EnsureEntry(principal_arn=DEV, groups=["new"], policies=[EDIT])
SET: Final = EnsureEntry(principal_arn=DEV, groups=["new"], policies=[EDIT], if_exists="replace")


def test_a_rollback_brings_the_state_before_back(entries: Entries) -> None:
    entries.make(DEV, f"{VIEW}=a,b", groups=["old"], tags={"team": "x"})
    before = entries.state()
    with entries.client() as client:
        client.apply(SET)
        result = client.rollback_entries(reason="too early")
        assert (result.changed, result.revision, entries.state()) == (True, 2, before)
        newest, first = client.entry_history()
        assert (newest.kind, newest.undoes, newest.reason, first.kind) == ("rollback", (1,), "too early", "change")
        with pytest.raises(RevisionNotFoundError, match="nothing to undo"):
            client.rollback_entries()
        entries.shown.entries.entries[DEV].tags["aws:cloudformation:stack-name"] = "only AWS sets it"
        client.apply(RemoveEntry(principal_arn=DEV))
        client.rollback_entries()
    assert entries.state() == before
    assert entries.shown.entries.entries[DEV].tags == {"team": "x"}


def test_rollbacks_go_back_one_change_after_the_other_or_to_a_revision(entries: Entries) -> None:
    with entries.client() as client:
        client.apply(NEW)
        client.apply(SetEntryPolicy(principal_arn=DEV, policy=VIEW))
        client.apply(EnsureEntry(principal_arn=OTHER))
        client.rollback_entries()
        assert entries.state(OTHER) is None
        client.rollback_entries()
        assert entries.state() == ("STANDARD", entries.default, {"new"}, {EDIT: ()})
        client.rollback_entries()
        assert entries.state() is None
        client.rollback_entries(to=3)
        state = entries.state()
        assert state
        assert state[3] == {EDIT: (), VIEW: ()}
        assert entries.state(OTHER)
        assert not client.rollback_entries(to=3).changed
        with pytest.raises(RevisionNotFoundError, match="no revision 99"):
            client.rollback_entries(to=99)


def test_an_entry_of_another_writer_is_not_taken_back(entries: Entries) -> None:
    with entries.client() as client:
        client.apply([SET, EnsureEntry(principal_arn=OTHER)])
        entries.shown.entries.update(DEV, {"kubernetesGroups": ["theirs"]})
        with pytest.raises(ConflictError, match="theirs"):
            client.rollback_entries()
        assert entries.state(OTHER)
        assert entries.recorded() == [1]


@pytest.mark.parametrize("call", ["DisassociateAccessPolicy", "UpdateAccessEntry", "AssociateAccessPolicy"])
@pytest.mark.parametrize("after", [False, True])
def test_a_stopped_rollback_is_made_by_the_same_call(entries: Entries, call: str, *, after: bool) -> None:
    entries.make(DEV, f"{VIEW}=a,b", groups=["old"])
    before = entries.state()
    with entries.client() as client:
        client.apply([SET, EnsureEntry(principal_arn=OTHER)])
        with entries.stopping(call, after=after):
            client.rollback_entries()
    with entries.client() as client, suppress(RevisionNotFoundError):
        client.rollback_entries()
        assert not (after and call == "DisassociateAccessPolicy")  # after the last call nothing is left to undo
    assert (entries.state(), entries.state(OTHER)) == (before, None)


@pytest.mark.parametrize("call", ["DisassociateAccessPolicy", "UpdateAccessEntry", "DeleteAccessEntry"])
def test_a_refused_rollback_is_made_by_the_same_call(entries: Entries, call: str) -> None:
    entries.make(DEV, f"{VIEW}=a,b", groups=["old"])
    before = entries.state()
    with entries.client() as client:
        client.apply([SET, EnsureEntry(principal_arn=OTHER)])
        entries.eks.fail(call, "InvalidRequestException", "Not now.")
        with pytest.raises(AwsServiceError, match="Not now") as caught:
            client.rollback_entries()
        assert caught.value.changed is True
        client.rollback_entries()
    assert (entries.state(), entries.state(OTHER)) == (before, None)


@pytest.mark.parametrize("call", ["AssociateAccessPolicy", "UpdateAccessEntry", "DisassociateAccessPolicy"])
def test_a_stopped_change_is_rolled_back(entries: Entries, call: str) -> None:
    entries.make(DEV, f"{VIEW}=a,b", groups=["old"])
    before = entries.state()
    with entries.client() as client:
        with entries.stopping(call, after=True):
            client.apply(SET)
        client.rollback_entries()
    assert entries.state() == before


def test_only_the_approved_rollback_is_made(entries: Entries) -> None:
    with entries.client() as client:
        client.apply(NEW)
        shown = client.rollback_entries(dry_run=True)
        assert entries.state()
        client.apply(EnsureEntry(principal_arn=OTHER))
        with pytest.raises(PlanOutdatedError):
            client.rollback_entries(approved=shown.diff)
        with pytest.raises(UsageError, match="always recorded"):
            client.rollback_entries(history=False)
        client.rollback_entries(to=1, approved=client.rollback_entries(to=1, dry_run=True).diff)
    assert entries.state(OTHER) is None


def test_access_that_another_writer_took_is_only_given_back_if_that_is_allowed(entries: Entries) -> None:
    entries.make(DEV, EDIT)
    with entries.client(as_user="boss", as_groups=["system:masters"]) as boss:
        boss.apply(RemoveEntry(principal_arn=DEV))
    with entries.client() as client:
        with pytest.raises(GuardError, match="regrant"):
            client.rollback_entries()
        assert entries.state() is None
        client.rollback_entries(allow=["regrant"])
    assert entries.state()


def test_two_writers_without_identity_may_be_two(entries: Entries, monkeypatch: pytest.MonkeyPatch) -> None:
    entries.make(DEV, EDIT)
    monkeypatch.setattr(ClusterContext, "writer", lambda _: Writer())
    with entries.client() as client:
        client.apply(RemoveEntry(principal_arn=DEV))
        with pytest.raises(GuardError, match="regrant"):
            client.rollback_entries()


# The journal.


def objects(entries: Entries) -> list[dict[str, Any]]:
    listed = entries.stage.api.must("GET", REVISIONS)["items"]
    return [one for one in listed if one["metadata"]["name"].startswith("aws-auth-entries-")]


def test_an_altered_record_is_shown_and_not_used(entries: Entries) -> None:
    with entries.client() as client:
        client.apply(NEW)
        client.apply(EnsureEntry(principal_arn=OTHER))
        client.apply(RemoveEntry(principal_arn=OTHER))
        [first] = [one for one in objects(entries) if one["revision"] == 1]
        # Its data cannot be changed, but it can be made anew.
        entries.stage.api.must("DELETE", f"{REVISIONS}/aws-auth-entries-1")
        first["data"]["reason"] = "another one"
        del first["metadata"]["resourceVersion"], first["metadata"]["uid"]
        entries.stage.api.must("POST", REVISIONS, first)
        found = client.entry_history()
        assert [one.number for one in found if one.problem] == [1]
        client.rollback_entries()
        assert entries.state(OTHER)
        client.rollback_entries()
        with pytest.raises(HistoryError, match="Revision 1 of access entries cannot be read"):
            client.rollback_entries()
    assert entries.state()


@pytest.mark.parametrize("data", [{}, {"cluster": "arn:aws:eks:eu-west-1:123456789012:cluster/other"}, {"x": ["y"]}])
def test_foreign_objects_do_not_stop_the_history(entries: Entries, data: dict[str, Any]) -> None:
    foreign = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {"name": "aws-auth-entries-x", "labels": {"awsauth/history": "access-entries"}},
        "revision": 0,
        "data": data,
    }
    entries.stage.api.must("POST", REVISIONS, foreign)
    try:
        with entries.client() as client:
            client.apply(NEW)
            newest, odd = client.entry_history()
            assert (newest.problem, odd.number, bool(odd.problem)) == ("", 0, True)
            client.rollback_entries()
    finally:
        entries.stage.api.must("DELETE", f"{REVISIONS}/aws-auth-entries-x")


def test_a_number_that_is_taken_is_passed_over(entries: Entries) -> None:
    taken = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"name": "aws-auth-entries-1"}}
    entries.stage.api.must("POST", REVISIONS, {**taken, "revision": 1, "data": {}})
    try:
        with entries.client() as client:
            assert client.apply(NEW).revision == 2
    finally:
        entries.stage.api.must("DELETE", f"{REVISIONS}/aws-auth-entries-1")


def test_the_newest_hundred_records_stay(entries: Entries, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("awsauth.entries.journal.KEPT", 3)
    with entries.client() as client:
        for policy in (EDIT, VIEW, f"{EDIT}=a", f"{VIEW}=a", f"{EDIT}=b"):
            client.apply(EnsureEntry(principal_arn=DEV, policies=[policy], if_exists="replace"))
    assert entries.recorded() == [3, 4, 5]


def test_without_history_nothing_is_recorded(entries: Entries) -> None:
    with entries.client() as client:
        assert client.apply(NEW, history=False).revision is None
    assert (entries.recorded(), bool(entries.state())) == ([], True)


def test_who_may_not_record_changes_nothing(entries: Entries) -> None:
    with entries.client(as_user="nobody") as client, pytest.raises(ForbiddenError) as caught:
        client.apply(NEW)
    assert "history=False" in caught.value.hint
    assert (caught.value.changed, entries.writes()) == (False, [])


def test_the_history_of_aws_auth_is_another_one(entries: Entries) -> None:
    entries.mode("API_AND_CONFIG_MAP")
    entries.stage.map_caller()
    with entries.client() as client:
        mapped = client.history()
        client.apply(NEW)
        assert client.history() == mapped
        assert client.check() is not None
        client.rollback_entries()
        assert client.history() == mapped
