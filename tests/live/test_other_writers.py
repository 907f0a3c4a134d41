"""Other writers of aws-auth, found by the fields that a real API server says they own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from awsauth.core.cluster.other_writers import ObjectMetadata, other_writers
from awsauth.core.edit.changes import EnsureRole
from awsauth.core.findings import Finding, Severity
from awsauth.history.commit import commit
from awsauth.history.proposal import changing
from awsauth.stores.cluster import ClusterStore
from tests.support.changed import role, roles
from tests.support.connections import connected

if TYPE_CHECKING:
    from awsauth.core.document.document import Document
    from tests.support.controlplane.cluster import Cluster

BEFORE = roles(role("old"))
AFTER = roles(role("old"), role("new"))
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def applied(document: Document, **others: str) -> ObjectMetadata:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "data": {**document.data, **others}}
    return ObjectMetadata(annotations={LAST_APPLIED: json.dumps(manifest) + "\n"})


class TestOnARealApiServer:
    """What kubectl, server-side apply and our own writes leave behind, as the API server records it."""

    @pytest.fixture
    def store(self, cluster: Cluster) -> ClusterStore:
        return ClusterStore(connected(cluster.kubeconfig))

    def found(self, store: ClusterStore, after: Document) -> list[Finding]:
        snapshot = store.read()
        traces = ObjectMetadata(
            managers=snapshot.managers,
            labels=snapshot.labels,
            annotations=snapshot.annotations,
            head=snapshot.head,
            history=store.list_revisions().revisions,
        )
        return list(other_writers(traces, snapshot.document, after))

    def change(self, store: ClusterStore, name: str) -> None:
        arn = f"arn:aws:iam::111122223333:role/{name}"
        made = commit(store, changing([EnsureRole(role_arn=arn, username="x", groups=[])]))
        assert made.changed

    def manifest(self, document: Document) -> str:
        metadata = {"name": "aws-auth", "namespace": "kube-system"}
        return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(document.data)})

    def test_kubectl_apply_puts_back_what_the_finding_says(self, cluster: Cluster, store: ClusterStore) -> None:
        cluster.kubectl("apply", "-f", "-", input=self.manifest(BEFORE))
        self.change(store, "new")
        after = roles(role("old"), role("new"), role("third"))
        [found] = self.found(store, after)
        assert found.code == "last-applied"
        assert "takes out role `arn:aws:iam::111122223333:role/new`, role" in found.impact
        cluster.kubectl("apply", "-f", "-", input=self.manifest(BEFORE))
        assert store.read().document == BEFORE

    def test_after_it_was_taken_back_the_second_change_says_so(self, cluster: Cluster, store: ClusterStore) -> None:
        cluster.kubectl("apply", "-f", "-", input=self.manifest(BEFORE))
        self.change(store, "new")
        cluster.kubectl("apply", "-f", "-", input=self.manifest(BEFORE))
        said = [finding for finding in self.found(store, AFTER) if finding.code == "reverted-before"]
        [message] = [finding.message for finding in said]
        assert message.startswith("Another writer undid revision 2 (kubectl-client-side-apply at 20")
        self.change(store, "new")
        said = [finding for finding in self.found(store, BEFORE) if finding.code == "reverted-before"]
        [message] = [finding.message for finding in said]
        assert message.startswith("Another writer undid revision 2 (kubectl-client-side-apply at 20")
        assert message.endswith("), as revision 3 shows.")

    def test_a_manager_is_named_until_awsauth_is_the_last_to_write(self, cluster: Cluster, store: ClusterStore) -> None:
        apply = ["apply", "--server-side", "--field-manager=Terraform", "-f", "-"]
        cluster.kubectl(*apply, input=self.manifest(BEFORE))
        assert [finding.message for finding in self.found(store, AFTER)] == [
            "Terraform (`Terraform`) was the last to write mapRoles."
        ]
        self.change(store, "new")
        assert [owner.client for owner in store.read().managers["mapRoles"]] == ["awsauth"]
        assert self.found(store, BEFORE) == []

    def test_a_tool_that_replaces_the_whole_object_is_noticed(self, cluster: Cluster, store: ClusterStore) -> None:
        """Our annotations are gone with it; after a second change of ours it is certain what happened."""
        cluster.kubectl("create", "-f", "-", input=self.manifest(BEFORE))
        self.change(store, "new")
        self.change(store, "third")
        cluster.kubectl("replace", "-f", "-", input=self.manifest(BEFORE))
        severities = {finding.code: finding.severity for finding in self.found(store, AFTER)}
        assert severities == {"field-manager": Severity.NOTE, "reverted-before": Severity.WARNING}

    def test_who_is_alone_hears_nothing(self, store: ClusterStore) -> None:
        self.change(store, "new")
        self.change(store, "third")
        assert self.found(store, BEFORE) == []
