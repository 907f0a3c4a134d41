"""What a rescue may do on a real cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import EnsureRole
from awsauth.errors import GuardError
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from tests.support.controlplane.cluster import Cluster

ROLE: Final = "arn:aws:iam::111122223333:role/"
NODE: Final = f"""- rolearn: {ROLE}node
  username: system:node:{{{{EC2PrivateDNSName}}}}
  groups: [system:bootstrappers, system:nodes]
"""


def test_one_that_may_update_the_object_anyway_may_go_back_to_a_state_without_administrators(cluster: Cluster) -> None:
    """The administrator of the cluster comes in by a certificate, which no change of the object touches."""
    cluster.put_aws_auth({"mapRoles": NODE})
    with AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig) as client:
        client.apply(EnsureRole(role_arn=f"{ROLE}ci", username="ci"))
        good = client.read().data
        client.apply(EnsureRole(role_arn=f"{ROLE}intruder", username="x", groups=["system:masters"]))
        result = client.rollback()
        assert [found.code for found in result.findings if "without an administrator" in found.message] == [
            "last-admin"
        ]
        assert client.read().data == good


def test_one_that_may_update_the_object_by_a_mapping_that_goes_may_not(cluster: Cluster) -> None:
    """The username is one that the mapping gives, whatever it came in by."""
    cluster.put_aws_auth({"mapRoles": NODE})
    rules = [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "update"]},
        {"apiGroups": ["apps"], "resources": ["controllerrevisions"], "verbs": ["get", "list", "create"]},
    ]
    user = cluster.user(rules)
    with AwsAuthClient.from_kubeconfig(path=user.kubeconfig) as client:
        client.apply(EnsureRole(role_arn=f"{ROLE}intruder", username=user.name, groups=["system:masters"]))
        wait_for(lambda: client.read().roles)
        with pytest.raises(GuardError, match="last-admin"):
            client.rollback()
