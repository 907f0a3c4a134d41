"""Lock-outs, shown to be real: what a guard refuses does shut people out, on a real API server with the real authenticator.

Every look at who is let in uses a new token, signed by boto3, that the authenticator has checked with STS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from awsauth.client import AwsAuthClient
from awsauth.core.access.node_mappings import PRESETS
from awsauth.core.document.document import MAX_BYTES
from awsauth.core.edit.changes import EnsureAccount, RemoveRole, ReplaceText
from awsauth.errors import ApiError, AuthenticationError, GuardError
from awsauth.kube.rbac import missing
from tests.support.connections import connected
from tests.support.rbac_manifests import EDITOR, READER
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from awsauth.core.report.rbac import RbacRule
    from tests.support.controlplane.aws import AwsCredentials
    from tests.support.controlplane.cluster import Cluster

PREFIX: Final = "arn:aws:iam::123456789012:role"
BROKEN: Final = f"- rolearn: {PREFIX}/x\n  username: {{{{SessionName}}}}\n"
"""A template that is not in quotes: a mapping for YAML, in the place of a key."""


def mapped(name: str, username: str, *groups: str) -> dict[str, Any]:
    return {"rolearn": f"{PREFIX}/{name}", "username": username, "groups": list(groups)}


class People:
    """Sessions of roles, who are let in as long as aws-auth maps them."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster = cluster
        self._folder = folder
        self._sessions: dict[str, AwsCredentials] = {}

    def join(self, role: str, session_name: str = "laptop") -> None:
        """Wait until a role's session is let in."""
        self._sessions[role] = self._cluster.aws.assume_role(role, session_name=session_name)
        self._cluster.await_identity(self.token(role), lambda identity: identity is not None)

    def is_let_in(self, role: str) -> bool:
        return self._cluster.identity(self.token(role)()) is not None

    def await_shut_out(self, *roles: str) -> None:
        """Wait until a new token of each role is answered 401."""
        for role in roles:
            self._cluster.await_identity(self.token(role), lambda identity: identity is None)

    def kubeconfig(self, role: str) -> Path:
        """Return a kubeconfig with a new token."""
        path = self._folder / f"{role}.kubeconfig"
        return self._cluster.api.write_kubeconfig(path, context=self._cluster.context, token=self.token(role)())

    def client(self, role: str) -> AwsAuthClient:
        return AwsAuthClient.from_kubeconfig(path=self.kubeconfig(role), context=self._cluster.context)

    def lacks(self, role: str, *rules: RbacRule) -> tuple[RbacRule, ...]:
        return missing(connected(self.kubeconfig(role)), rules)

    def token(self, role: str) -> Callable[[], str]:
        """Return what makes new tokens."""
        return lambda: self._cluster.eks_token(self._sessions[role])


@pytest.fixture
def people(cluster: Cluster, tmp_path: Path) -> People:
    return People(cluster, tmp_path)


def administrator(cluster: Cluster) -> AwsAuthClient:
    """Return a client for somebody who comes in by something else."""
    return AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig, context=cluster.context)


def put(cluster: Cluster, *roles: dict[str, Any]) -> dict[str, Any]:
    return cluster.put_aws_auth({"mapRoles": yaml.safe_dump(list(roles), sort_keys=False)})


def guards_of(error: GuardError) -> set[str]:
    return {finding.code for finding in error.findings}


def test_own_access(cluster: Cluster, people: People) -> None:
    before = put(cluster, mapped("own-me", "me", "system:masters"), mapped("own-other", "other", "system:masters"))
    people.join("own-me")
    people.join("own-other")
    me = people.client("own-me")
    with pytest.raises(GuardError) as refused:
        me.remove_role_mapping(f"{PREFIX}/own-me")
    assert guards_of(refused.value) == {"own-access"}
    assert cluster.aws_auth() == before
    assert people.is_let_in("own-me")

    assert me.remove_role_mapping(f"{PREFIX}/own-me", allow=["own-access"]).changed
    people.await_shut_out("own-me")
    assert people.is_let_in("own-other")
    with pytest.raises(AuthenticationError):
        people.client("own-me").read()


def test_losing_ones_own_groups(cluster: Cluster, people: People) -> None:
    """Who stays in, but no longer as an administrator, cannot take it back either."""
    put(cluster, mapped("groups-me", "me", "system:masters"), mapped("groups-other", "other", "system:masters"))
    people.join("groups-me")
    me = people.client("groups-me")
    with pytest.raises(GuardError) as refused:
        me.remove_groups(f"{PREFIX}/groups-me", ["system:masters"])
    assert guards_of(refused.value) == {"own-access"}
    assert me.remove_groups(f"{PREFIX}/groups-me", ["system:masters"], allow=["own-access"]).changed
    cluster.await_identity(people.token("groups-me"), lambda identity: identity is not None and identity.groups == ())
    assert people.lacks("groups-me", *READER) == READER


def test_node_mapping(cluster: Cluster, people: People) -> None:
    username, groups = PRESETS["ec2"]
    before = put(cluster, mapped("node-workers", username, *groups), mapped("node-admin", "a", "system:masters"))
    [instance] = cluster.aws.client("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"]
    people.join("node-workers", session_name=instance["InstanceId"])
    client = administrator(cluster)
    with pytest.raises(GuardError) as refused:
        client.remove_role_mapping(f"{PREFIX}/node-workers")
    assert guards_of(refused.value) == {"node-mapping"}
    assert cluster.aws_auth() == before
    assert people.is_let_in("node-workers")

    assert client.remove_role_mapping(f"{PREFIX}/node-workers", allow=[f"node-mapping={PREFIX}/node-workers"]).changed
    people.await_shut_out("node-workers")


def test_unreadable(cluster: Cluster, people: People) -> None:
    """One mistake, and every role that is mapped is shut out at once, nodes included."""
    username, groups = PRESETS["fargate"]
    roles = [
        mapped("yaml-admin", "a", "system:masters"),
        mapped("yaml-dev", "d"),
        mapped("yaml-pods", username, *groups),
    ]
    before = put(cluster, *roles)
    names = [str(role["rolearn"]).rpartition("/")[2] for role in roles]
    for name in names:
        people.join(name)
    client = administrator(cluster)
    breaking = ReplaceText(key="mapRoles", text=before["data"]["mapRoles"] + BROKEN)
    with pytest.raises(GuardError) as refused:
        client.apply(breaking)
    assert guards_of(refused.value) == {"unreadable", "node-mapping", "last-admin"}
    assert cluster.aws_auth() == before
    assert all(map(people.is_let_in, names))

    assert client.apply(breaking, allow=["unreadable", "node-mapping", "last-admin"]).changed
    people.await_shut_out(*names)
    assert client.rollback(to=1).changed
    for name in names:
        people.join(name)


def test_last_admin(cluster: Cluster, people: People) -> None:
    """Afterwards nobody who is mapped may write aws-auth any more."""
    before = put(cluster, mapped("last-admin", "a", "system:masters"), mapped("last-dev", "d", "developers"))
    for name in ("last-admin", "last-dev"):
        people.join(name)
    update = next(rule for rule in EDITOR if rule.verb == "update")
    assert people.lacks("last-admin", update) == ()
    client = administrator(cluster)
    with pytest.raises(GuardError) as refused:
        client.apply(RemoveRole(role_arn=f"{PREFIX}/last-admin"))
    assert guards_of(refused.value) == {"last-admin"}
    assert cluster.aws_auth() == before

    assert client.apply(RemoveRole(role_arn=f"{PREFIX}/last-admin"), allow=["last-admin"]).changed
    people.await_shut_out("last-admin")
    assert people.is_let_in("last-dev")
    assert people.lacks("last-dev", update) == (update,)


def test_who_is_bound_to_cluster_admin_is_an_administrator_too(cluster: Cluster, people: People) -> None:
    """Then the last member of system:masters may go: the other one can still write aws-auth."""
    put(cluster, mapped("bound-admin", "a", "system:masters"), mapped("bound-ops", "o", "ops"))
    cluster.kubectl("create", "clusterrolebinding", "ops", "--clusterrole=cluster-admin", "--group=ops")
    people.join("bound-ops")
    assert administrator(cluster).apply(RemoveRole(role_arn=f"{PREFIX}/bound-admin")).changed
    wait_for(lambda: people.lacks("bound-ops", *EDITOR), lambda lacking: lacking == ())


def test_too_large(cluster: Cluster) -> None:
    """Allowed by name, the server itself refuses: nothing is changed, and no revision is left."""
    text = "# " + "x" * (MAX_BYTES - 100) + "\n[]\n"
    before = cluster.put_aws_auth({"mapRoles": text})
    client = administrator(cluster)
    more = [EnsureAccount(account=f"{number:012}") for number in range(100)]
    with pytest.raises(GuardError) as refused:
        client.apply(more)
    assert guards_of(refused.value) == {"too-large"}
    with pytest.raises(ApiError, match="too large") as by_server:
        client.apply(more, allow=["too-large"])
    assert by_server.value.status in (413, 422)
    assert cluster.aws_auth() == before
    assert [entry.info.kind for entry in client.history().entries if entry.info.number] == ["outside"]
