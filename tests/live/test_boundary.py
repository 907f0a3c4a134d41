"""No odd answer of a real API server leaves the package as an exception of another package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import awsauth

if TYPE_CHECKING:
    from tests.support.controlplane.cluster import Cluster

ROLE: Final = "arn:aws:iam::111122223333:role/ci"
HOSTILE: Final = '- {"": x, y: .nan}'
"""A text that the authenticator cannot read, as JSON has no such number."""


def test_a_cluster_whose_text_cannot_be_read_is_repaired_and_rolled_back(cluster: Cluster) -> None:
    """What other tools have stored there: each way out works, and the way back as well."""
    with awsauth.connect(kubeconfig=str(cluster.kubeconfig)) as client:
        client.add_role_mapping(ROLE, username="ci")
        for text in (HOSTILE, "- " * 10_000, "[" * 10_000, "- \ufffe", "- {a: &a [*a]}"):
            cluster.put_aws_auth({"mapRoles": text})
            assert client.read().problems
            repaired = client.apply(awsauth.ReplaceText(key="mapRoles", text="[]\n"), allow=["unreadable"])
            assert repaired.changed
            cluster.put_aws_auth({"mapRoles": text})
            assert client.rollback(repaired.revision, exact=True).changed
            assert not client.read().problems
