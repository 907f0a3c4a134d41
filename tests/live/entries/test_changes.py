"""Changing access entries with the real API server: calls, order, history, faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from awsauth.core.edit.changes import EnsureEntry, RemoveEntry, RemoveEntryPolicy, SetEntryPolicy
from awsauth.errors import AwsServiceError
from tests.support.aws.eks_fake_entries import EksError
from tests.support.entry_changes import DEV, EDIT, VIEW

if TYPE_CHECKING:
    from tests.support.entry_changes import Entries


def test_an_entry_is_made_with_its_policies_and_recorded(entries: Entries) -> None:
    made = EnsureEntry(principal_arn=DEV, groups=["devs"], policies=[f"{VIEW}=a,b", EDIT])
    with entries.client(author="me") as client:
        planned = client.plan(made)
        assert str(planned.diff).startswith(
            f"+ entry {DEV}: username {entries.default}, group devs, {VIEW} in a, b, {EDIT}"
        )
        assert entries.writes() == []
        result = client.apply(planned, reason="a new team")
        assert (result.changed, result.revision, result.diff) == (True, 1, planned.diff)
        assert entries.state() == ("STANDARD", entries.default, {"devs"}, {VIEW: ("a", "b"), EDIT: ()})
        assert entries.writes() == ["CreateAccessEntry", "AssociateAccessPolicy", "AssociateAccessPolicy"]
        again = client.apply(made)
        assert (again.changed, again.revision, len(entries.writes())) == (False, None, 3)
        [revision] = client.entry_history()
    assert (revision.number, revision.kind, revision.reason, revision.author) == (1, "change", "a new team", "me")
    assert "role/recover-ops" in revision.identity
    assert revision.diff == result.diff.entries
    assert revision.created is not None


def test_several_changes_are_one_revision_and_the_losing_ones_are_last(entries: Entries) -> None:
    entries.make(DEV, VIEW)
    other = f"{DEV}-2"
    with entries.client() as client, client.transaction() as change:
        change.apply(RemoveEntry(principal_arn=DEV))
        change.apply(EnsureEntry(principal_arn=other))
        change.apply(SetEntryPolicy(principal_arn=other, policy=f"{EDIT}=a"))
    assert entries.writes() == ["CreateAccessEntry", "AssociateAccessPolicy", "DeleteAccessEntry"]
    assert entries.state() is None
    assert entries.recorded() == [1]


def test_policies_and_groups_are_given_before_others_are_taken(entries: Entries) -> None:
    entries.make(DEV, f"{VIEW}=a,b", groups=["old"])
    with entries.client() as client:
        client.apply(EnsureEntry(principal_arn=DEV, groups=["new"], policies=[EDIT], if_exists="replace"))
        assert entries.writes() == ["AssociateAccessPolicy", "UpdateAccessEntry", "DisassociateAccessPolicy"]
        assert entries.state() == ("STANDARD", entries.default, {"new"}, {EDIT: ()})
        client.apply(RemoveEntryPolicy(principal_arn=DEV, policy=EDIT))
        client.apply(EnsureEntry(principal_arn=DEV, groups=[], if_exists="replace"))
    assert entries.state() == ("STANDARD", entries.default, set(), {})


@pytest.mark.parametrize("mode", ["API_AND_CONFIG_MAP", "API"])
def test_a_dry_run_sends_nothing(entries: Entries, mode: str) -> None:
    entries.mode(mode)
    with entries.client() as client:
        result = client.apply(EnsureEntry(principal_arn=DEV), dry_run=True)
    assert (result.changed, result.revision) == (True, None)
    assert (entries.writes(), entries.recorded(), entries.state()) == ([], [], None)


def test_a_client_sees_its_own_changes_at_once(entries: Entries) -> None:
    with entries.client() as client:
        assert DEV not in {one.principal for one in client.access().principals}
        client.apply(EnsureEntry(principal_arn=DEV))
        assert DEV in {one.principal for one in client.access().principals}
        entries.shown.entries.update(DEV, {"kubernetesGroups": ["theirs"]})
        # The answers of EKS are kept for a minute, but not for a change.
        found = client.apply(EnsureEntry(principal_arn=DEV, groups=["ours"], if_exists="replace"))
    assert [one.before and one.before.groups for one in found.diff.entries] == [("theirs",)]


@pytest.mark.parametrize("unread", ["DescribeAccessEntry", "ListAssociatedAccessPolicies"])
def test_an_entry_that_cannot_be_read_is_not_changed(entries: Entries, unread: str) -> None:
    entries.make(DEV, VIEW)

    def deny(operation: str, parameters: dict[str, Any]) -> None:
        if operation == unread and parameters["principalArn"] == DEV:
            raise EksError("AccessDeniedException", f"is not authorized to perform: eks:{unread}", 403)

    entries.eks.before = deny
    with entries.client() as client:
        with pytest.raises(AwsServiceError, match="cannot be read") as caught:
            client.apply(RemoveEntry(principal_arn=DEV))
        assert f"perform: eks:{unread}" in str(caught.value)
        assert client.apply(EnsureEntry(principal_arn=f"{DEV}-2")).changed
    assert entries.recorded() == [1]


def test_the_order_of_groups_and_namespaces_is_no_change(entries: Entries) -> None:
    entries.make(DEV, f"{VIEW}=b,a", groups=["y", "x"])
    with entries.client() as client:
        made = EnsureEntry(principal_arn=DEV, groups=["x", "y"], policies=[f"{VIEW}=a,b"])
        assert not client.apply(made).changed
    assert entries.writes() == []
