"""What has to be true of the history of a live cluster, whoever did what to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awsauth.core.document.document import Document
from awsauth.core.revisions.revision import Revision
from awsauth.history.log import UNPROVEN_HISTORY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.client import AwsAuthClient
    from awsauth.history.log import Log
    from tests.support.controlplane.cluster import Cluster


def assert_true_history(client: AwsAuthClient, cluster: Cluster, *, allowed: frozenset[str] = frozenset()) -> Log:
    """Return the history: every revision is intact, every chain whole, and what is live is in it if anything is.

    Args:
        client: A client of the cluster.
        cluster: The cluster.
        allowed: The codes of findings that may be there.
    """
    found = client.history(described=0)
    findings = [*found.findings, *(finding for entry in found.entries for finding in entry.findings)]
    wrong = [str(finding) for finding in findings if finding.code not in {*allowed, UNPROVEN_HISTORY}]
    assert not wrong, wrong
    kept = revisions(cluster)
    assert sorted(kept) == sorted(entry.info.number for entry in found.entries if entry.info.number)
    assert [number for number, revision in kept.items() if not revision.is_intact] == []
    assert [entry.live for entry in found.entries] == [index == 0 for index in range(len(found.entries))]
    for entry in found.entries:
        if entry.live and entry.info.number:
            assert kept[entry.info.number].data == text_of(cluster)
    return found


def revisions(cluster: Cluster) -> dict[int, Revision]:
    """Return the revisions with their data, by number."""
    return {int(item["revision"]): Revision.from_object(item) for item in cluster.revisions()}


def live(cluster: Cluster) -> dict[str, Any]:
    """Return the object, which has to be there."""
    found = cluster.aws_auth()
    assert found is not None
    return found


def states_since(cluster: Cluster, version: str) -> list[dict[str, Any]]:
    """Return every state that the object has been in since a version of it, oldest first, as the API server tells."""
    last = live(cluster)["metadata"]["resourceVersion"]
    states: list[dict[str, Any]] = []
    if version == last:
        return states
    query = f"watch=true&fieldSelector=metadata.name=aws-auth&resourceVersion={version}"
    for event in cluster.api.watch(f"/api/v1/namespaces/kube-system/configmaps?{query}"):
        assert event["type"] in {"ADDED", "MODIFIED"}
        states.append(event["object"])
        if event["object"]["metadata"]["resourceVersion"] == last:
            break
    return states


def text_of(cluster: Cluster) -> Mapping[str, str]:
    """Return the object's data; none where there is no object."""
    found = cluster.aws_auth() or {}
    data: dict[str, str] = found.get("data") or {}
    return data


def names(data: Mapping[str, str]) -> set[str]:
    """Return the names of the roles in some data, which all are in there once."""
    found = [role.role_arn.rpartition("/")[2] for role in Document(data).roles]
    assert len(found) == len(set(found))
    return set(found)
