"""Every store keeps the protocol: one request each, and exactly what it says about it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.revisions.info import Writer
from awsauth.core.revisions.revision import draft
from awsauth.errors import ConflictError, HistoryError, RevisionNotFoundError, RevisionTakenError
from awsauth.stores.file import FileStore
from tests.support.memory_store import SharedMemoryStore
from tests.support.owners import owned_by

if TYPE_CHECKING:
    from pathlib import Path

    from awsauth.stores.store import Store

MANIFEST: Final = """apiVersion: v1
kind: ConfigMap
metadata:
  name: aws-auth
  namespace: kube-system
data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/node
"""
DATA: Final = {"mapRoles": "- rolearn: arn:aws:iam::111122223333:role/node\n"}
OTHER: Final = {"mapRoles": "- rolearn: arn:aws:iam::111122223333:role/other\n"}


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Return a store of each kind, with the same data."""
    if request.param == "memory":
        return SharedMemoryStore(DATA)
    path = tmp_path / "aws-auth.yaml"
    path.write_text(MANIFEST)
    return FileStore(path)


def test_what_was_written_is_read_and_is_another_version(store: Store) -> None:
    before = store.read()
    assert (before.data, before.exists, before.head) == (DATA, True, None)
    after = store.write(OTHER, before, None)
    assert after[:-1] == store.read()[:-1]  # all but the store's own value
    assert after.data == OTHER
    assert after.version != before.version


def test_a_write_over_another_one_conflicts_and_changes_nothing(store: Store) -> None:
    before = store.read()
    store.write(OTHER, before, None)
    with pytest.raises(ConflictError, match="since it was read"):
        store.write({"mapRoles": ""}, before, None)
    assert store.read().data == OTHER


def test_a_store_knows_the_revision_that_its_object_is_at_or_was_at_before_another_tool_wrote(store: Store) -> None:
    revision = store.record(draft(1, None, OTHER))
    after = store.write(OTHER, store.read(), revision)
    assert after.head == after.own_head == store.read().own_head == revision.info.head
    later = store.write(DATA, after, None)
    assert (later.head, later.own_head) == (revision.info.head, None)
    assert store.read()[:-1] == later[:-1]


def test_a_revision_comes_back_as_it_was_recorded_with_its_time(store: Store) -> None:
    revision = draft(
        1, None, {"mapRoles": "a: 'b'\r\n\tc  \n\x85\n", "": "012"}, reason="yes", managers={"x": owned_by("é")}
    )
    before = datetime.now(timezone.utc).replace(microsecond=0)
    recorded = store.record(revision)
    assert recorded.info.created is not None
    assert before <= recorded.info.created <= datetime.now(timezone.utc)
    assert store.read_revision(1) == recorded
    listing = store.list_revisions()
    assert listing.revisions == (recorded.info,)
    assert listing.invalid == ()
    assert listing.now >= recorded.info.created


def test_a_number_is_taken_once(store: Store) -> None:
    first = store.record(draft(1, None, DATA))
    with pytest.raises(RevisionTakenError, match="a revision 1 already"):
        store.record(draft(1, None, OTHER))
    assert store.read_revision(1) == first


def test_of_writers_at_the_same_moment_one_gets_the_number(store: Store) -> None:
    def record(author: int) -> bool:
        try:
            store.record(draft(1, None, DATA, writer=Writer(str(author))))
        except RevisionTakenError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(record, range(32))) == 1


def test_a_revision_is_discarded_only_by_its_digest(store: Store) -> None:
    revision = store.record(draft(1, None, DATA))
    store.discard_revision(1, "0" * 64)
    assert store.read_revision(1) == revision
    store.discard_revision(1, revision.digest)
    store.discard_revision(1, revision.digest)
    assert store.list_revisions().revisions == ()
    with pytest.raises(RevisionNotFoundError, match="There is no revision 1"):
        store.read_revision(1)
    store.record(draft(1, None, OTHER))
    assert [info.data_digest for info in store.list_revisions().revisions] == [draft(1, None, OTHER).info.data_digest]


def test_the_next_number_is_behind_all_and_taken_by_nobody(store: Store) -> None:
    assert store.list_revisions().number_behind(0) == 1
    store.record(draft(1, None, DATA))
    store.record(draft(12, None, DATA))
    assert store.list_revisions().number_behind(0) == 13


def test_an_object_that_is_no_revision_is_not_read_as_one() -> None:
    store = SharedMemoryStore(DATA)
    store.record_object(1, {"metadata": {"name": "aws-auth-1"}})
    with pytest.raises(HistoryError, match="did not record this as a revision"):
        store.read_revision(1)
    assert [stranger.number for stranger in store.list_revisions().invalid] == [1]
    store.record_object(2, {})
    store.record(draft(3, None, DATA))
    assert store.list_revisions().number_behind(0) == 4


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "not yaml: [",
        "a: !!bool x\n",
        "apiVersion: !!timestamp x\n",
        'apiVersion: !!int ""\n',
        "[" * 50_000,
        "- " * 50_000,
        "apiVersion: " + "[" * 200,
        "apiVersion: &a [*a]\n",
        (
            "apiVersion: apps/v1\nkind: ControllerRevision\nmetadata:\n  name: aws-auth-2\n"
            "  creationTimestamp: '0001-01-01T00:00:00+2359'\nrevision: 2\ndata: {}\n"
        ),
    ],
)
def test_junk_among_the_revisions_is_told_and_stops_nothing(tmp_path: Path, junk: str) -> None:
    """It is a stranger in the list; changes go on beside it, and reading it is a clear error."""
    path = tmp_path / "aws-auth.yaml"
    path.write_text(MANIFEST)
    client = AwsAuthClient.from_file(path)
    client.add_account_mapping("111122223333")
    (tmp_path / ".aws-auth.yaml.history" / "000003.revision").write_text(junk)
    assert client.add_account_mapping("444455556666").changed
    assert [finding.code for finding in client.history().findings] == ["foreign-revision"]
    with pytest.raises(HistoryError):
        client.show(3)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_among_the_revisions_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "aws-auth.yaml"
    path.write_text(MANIFEST)
    client = AwsAuthClient.from_file(path)
    client.add_account_mapping("111122223333")
    os.mkfifo(tmp_path / ".aws-auth.yaml.history" / "000003.revision")
    assert [finding.code for finding in client.history().findings] == ["foreign-revision"]
    with pytest.raises(HistoryError, match="not a regular file"):
        client.show(3)
