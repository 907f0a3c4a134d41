"""The report of a client: with its history and owners, and without a cluster."""

from __future__ import annotations

from datetime import timedelta

from awsauth.client import AwsAuthClient
from awsauth.core.entries.merge import EntryRevision
from awsauth.core.report.rows import NO_CLUSTER, LastChange
from awsauth.entries.journal import last_entry_changes
from tests.support.access_entries import ROLE, changes, entry
from tests.support.fictional_cluster import DOCUMENT, MADE


def test_a_row_has_its_last_change_from_the_history() -> None:
    client = AwsAuthClient.in_memory(DOCUMENT.data, author="jane")
    client.add_role_mapping(f"{ROLE}/one", username="one", reason="first")
    client.add_role_mapping(f"{ROLE}/two", username="two", reason="second")
    client.add_role_mapping(f"{ROLE}/one", username="one", groups=["readers"], reason="third")
    client.remove_role_mapping(f"{ROLE}/monitoring")
    found = {row.access.principal.rpartition("/")[2]: row.last_change for row in client.report().principals}
    one, two = found["one"], found["two"]
    assert one
    assert two
    assert (one.reason, two.reason) == ("third", "second")
    assert one.by.endswith("(author jane)")
    assert found["deployer"] is None, "the first revision was found, and nothing tells who made it"
    assert "monitoring" not in found


def test_what_another_tool_changed_is_not_recorded() -> None:
    client = AwsAuthClient.in_memory(DOCUMENT.data)
    client.snapshot()
    assert not [row for row in client.report().principals if row.last_change]


def test_a_report_without_a_cluster_says_what_it_lacks() -> None:
    assert AwsAuthClient.in_memory(DOCUMENT.data).report().not_checked == (NO_CLUSTER,)


def test_an_access_entry_that_another_client_changed_since_has_no_known_writer() -> None:
    before, after = entry("a"), entry("a", groups=("x",), modified=MADE + timedelta(seconds=30))
    revisions = [
        EntryRevision(2, MADE, "why", "jane", "arn:jane", diff=changes([before], [after])),
        EntryRevision(1, MADE, "earlier", diff=changes([], [before])),
    ]
    assert last_entry_changes(revisions, [after]) == {f"{ROLE}/a": LastChange(2, MADE, "arn:jane", "why")}
    later = entry("a", modified=MADE + timedelta(days=1))
    assert last_entry_changes(revisions, [later]) == {f"{ROLE}/a": LastChange(0, later.modified)}
    assert last_entry_changes([], [after]) == {f"{ROLE}/a": LastChange(0, after.modified)}
