"""What has to be true of the history of a live cluster, whoever did what to it."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import urllib3

from awsauth.core.document.document import Document
from awsauth.core.revisions.revision import Revision
from awsauth.history.log import UNPROVEN_HISTORY
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


def states_from_now_on(cluster: Cluster) -> Callable[[], list[dict[str, Any]]]:
    """Return a function that returns every state of the object since now, oldest first, as the API server tells.

    They are collected as they come: the API server forgets the older ones after a while.
    """
    states = [live(cluster)]
    query = f"watch=true&fieldSelector=metadata.name=aws-auth&resourceVersion={_version(states[0])}"

    def collect() -> None:
        # Until the object is deleted, or the server has ended.
        with suppress(urllib3.exceptions.HTTPError):
            for event in cluster.api.watch(f"/api/v1/namespaces/kube-system/configmaps?{query}"):
                if event["type"] != "MODIFIED":
                    return
                states.append(event["object"])

    threading.Thread(target=collect, daemon=True).start()

    def known() -> list[dict[str, Any]]:
        last = _version(live(cluster))
        wait_for(lambda: _version(states[-1]), lambda version: version == last)
        return states

    return known


def _version(state: Mapping[str, Any]) -> str:
    version: str = state["metadata"]["resourceVersion"]
    return version


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
