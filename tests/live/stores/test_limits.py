"""Maps as large as can be, on a real API server: everything works, or is refused before anything is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.document.document import MAX_BYTES
from awsauth.core.edit.changes import EnsureRole, RemoveRole
from awsauth.core.plan import Plan
from awsauth.errors import ApiError, GuardError
from tests.support.true_history import assert_true_history, live, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.controlplane.cluster import Cluster

ROLE: Final = "arn:aws:iam::111122223333:role/"
NEW: Final = EnsureRole(role_arn=f"{ROLE}new", username="new", groups=["team"])
ANNOTATIONS: Final = {"note": "x" * 250_000}
"""All annotations of an object together may have 256 KiB."""


@pytest.fixture
def client(cluster: Cluster) -> Iterator[AwsAuthClient]:
    with AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig, author="tests") as client:
        yield client


def seven_thousand() -> str:
    """Return a map of seven thousand entries, in the plain style; about 0.9 MB."""
    entry = (
        "# team {0}\n- rolearn: {1}team-{0:05}\n  username: team-{0:05}:{{{{SessionName}}}}\n"
        "  groups:\n  - team-{0:05}\n  - everybody\n"
    )
    return "".join(entry.format(number, ROLE) for number in range(7_000))


def in_json(size: int, groups: int = 2) -> str:
    """Return a map in the style of JSON, on one line, of so many bytes.

    Args:
        size: In bytes.
        groups: Of each entry: the more there are, the more of the text is quotation marks.
    """
    entry = {"rolearn": f"{ROLE}r00000", "username": "u", "groups": ["a"] * groups}
    length = len(json.dumps(entry)) + 2
    entries = [{**entry, "rolearn": f"{ROLE}r{number:05}"} for number in range((size - 2) // length)]
    text = json.dumps(entries)
    return text + " " * (size - len(text))


def goes_through(cluster: Cluster, client: AwsAuthClient) -> None:
    """Plan, apply, list, compare, go back and forth."""
    before = dict(text_of(cluster))
    plan = Plan.from_text(client.plan([NEW]).to_text())
    assert text_of(cluster) == before
    assert client.apply(plan).revision == 2
    after = text_of(cluster)
    assert after != before
    assert len(after["mapRoles"]) < len(before["mapRoles"]) + 200
    assert [mapping.principal for mapping in client.diff(1, 2).mappings] == [f"{ROLE}new"]
    assert client.rollback(to=1).changed
    assert text_of(cluster) == before
    assert client.rollback(to=2).changed
    assert text_of(cluster) == after
    assert client.apply(RemoveRole(role_arn=f"{ROLE}new")).changed
    assert text_of(cluster) == before
    log = assert_true_history(client, cluster)
    assert [entry.info.kind for entry in log.entries] == ["change", "rollback", "rollback", "change", "outside"]


def test_seven_thousand_entries(cluster: Cluster, client: AwsAuthClient) -> None:
    text = seven_thousand()
    assert 880_000 < len(text) < 1024 * 1024
    cluster.put_aws_auth({"mapRoles": text})
    goes_through(cluster, client)


def test_as_much_json_as_a_revision_can_hold_beside_long_annotations(cluster: Cluster, client: AwsAuthClient) -> None:
    cluster.put_aws_auth({"mapRoles": in_json(800_000)}, annotations=ANNOTATIONS)
    goes_through(cluster, client)
    assert live(cluster)["metadata"]["annotations"]["note"] == ANNOTATIONS["note"]


def test_json_of_one_mebibyte_beside_long_annotations_is_refused_before_anything_is_written(
    cluster: Cluster, client: AwsAuthClient
) -> None:
    """It is legal as a ConfigMap. A revision holds it as text in JSON, where each quotation mark takes two bytes."""
    before = cluster.put_aws_auth({"mapRoles": in_json(MAX_BYTES - 200, groups=200)}, annotations=ANNOTATIONS)
    assert client.plan([NEW]).diff.mappings
    with pytest.raises(ApiError, match=r"(?s)too large.*history=False"):
        client.apply(NEW)
    with pytest.raises(ApiError, match="too large"):
        client.apply(RemoveRole(role_arn=f"{ROLE}r00000"))
    assert live(cluster) == before
    assert cluster.revisions() == []
    assert client.history().entries == ()
    # The way out that the error names.
    assert client.apply(RemoveRole(role_arn=f"{ROLE}r00000"), history=False).changed
    assert f"{ROLE}r00000" not in text_of(cluster)["mapRoles"]
    assert live(cluster)["metadata"]["annotations"] == ANNOTATIONS


def test_what_the_server_would_not_take_is_refused_by_the_guard_and_planned_all_the_same(
    cluster: Cluster, client: AwsAuthClient
) -> None:
    before = cluster.put_aws_auth({"mapRoles": in_json(MAX_BYTES - 20)})
    assert "too-large" in {finding.code for finding in client.plan([NEW]).findings}
    with pytest.raises(GuardError, match="too-large"):
        client.apply(NEW)
    assert live(cluster) == before
    assert cluster.revisions() == []
    # Smaller it may become.
    assert client.apply(RemoveRole(role_arn=f"{ROLE}r00000")).changed
    assert client.rollback(to=1).changed
    assert text_of(cluster) == before["data"]
