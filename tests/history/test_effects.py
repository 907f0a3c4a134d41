"""The history says what each revision changed, by comparing it with the one that it came from."""

from __future__ import annotations

from dataclasses import replace

import pytest

import awsauth
from tests.support.memory_store import SharedMemoryStore

ROLE = "arn:aws:iam::111122223333:role/{}"


def add(client: awsauth.AwsAuthClient, name: str) -> None:
    client.add_role_mapping(ROLE.format(name), username=name, groups=["team"])


@pytest.fixture
def store() -> SharedMemoryStore:
    return SharedMemoryStore({"mapRoles": "[]\n"})


def test_each_revision_tells_its_own_change(store: SharedMemoryStore) -> None:
    client = awsauth.AwsAuthClient(store)
    add(client, "one")
    add(client, "two")
    client.remove_role_mapping(ROLE.format("one"))
    shown = [entry.diff and entry.diff.summary for entry in client.history().entries]
    assert shown == ["-role one", "+role two", "+role one", None]
    assert "(-role one)" in str(client.history().entries[0])


def test_a_change_that_made_the_object_tells_all_of_it() -> None:
    client = awsauth.AwsAuthClient(SharedMemoryStore())
    add(client, "one")
    assert [entry.diff and entry.diff.summary for entry in client.history().entries] == ["+role one"]


def test_what_somebody_else_did_is_told_too(store: SharedMemoryStore) -> None:
    client = awsauth.AwsAuthClient(store)
    add(client, "one")
    store.overwrite({"mapRoles": ""})
    add(client, "two")
    shown = [(entry.info.kind, entry.diff and entry.diff.summary) for entry in client.history().entries]
    assert shown[:2] == [("change", "+role two"), ("outside", "-role one")]


def test_only_as_many_are_looked_at_as_were_asked_for(store: SharedMemoryStore) -> None:
    client = awsauth.AwsAuthClient(store)
    for name in ("one", "two", "three"):
        add(client, name)
    assert [entry.diff is None for entry in client.history(described=1).entries] == [False, True, True, True]
    assert [entry.diff for entry in client.history(described=0).entries] == [None] * 4


def test_an_altered_revision_tells_nothing(store: SharedMemoryStore) -> None:
    """What is not as it was recorded is no ground to say what changed."""
    client = awsauth.AwsAuthClient(store)
    add(client, "one")
    add(client, "two")
    there = client.show(2)
    store.record_object(2, replace(there, data={"mapRoles": ""}).to_object())
    assert [entry.diff is None for entry in client.history().entries] == [True, True, True]


def test_a_revision_is_not_compared_with_another_one_under_its_parents_number(store: SharedMemoryStore) -> None:
    client = awsauth.AwsAuthClient(store)
    add(client, "one")
    add(client, "two")
    other = SharedMemoryStore({"mapRoles": "# elsewhere\n[]\n"})
    add(awsauth.AwsAuthClient(other), "stranger")
    store.record_object(2, other.read_revision(2).to_object())
    assert client.history().entries[0].diff is None


def test_many_principals_are_counted(store: SharedMemoryStore) -> None:
    client = awsauth.AwsAuthClient(store)
    with client.transaction() as tx:
        for number in range(5):
            tx.add_role_mapping(ROLE.format(f"r{number}"), username="x")
    newest = client.history().entries[0]
    assert newest.diff is not None
    assert newest.diff.summary == "+role r0, +role r1, +role r2 and 2 more"


def test_other_text_with_the_same_mappings_is_said_so(store: SharedMemoryStore) -> None:
    client = awsauth.AwsAuthClient(store)
    client.apply(awsauth.ReplaceText(key="mapRoles", text="# nobody\n[]\n"))
    newest = client.history().entries[0]
    assert newest.diff is not None
    assert newest.diff.summary == "other text, same mappings"
