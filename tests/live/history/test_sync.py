"""Syncing on a real API server: the requests, the annotations, and two owners beside a rival with kubectl."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

import awsauth
from awsauth.core.revisions.info import owners_of
from tests.support.forked import all_running, ended
from tests.support.sync_model import World
from tests.support.true_history import live
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.controlplane.cluster import Cluster
    from tests.support.servers.relay import Relay

ROLE = "arn:aws:iam::111122223333:role/"
NODE = f"- rolearn: {ROLE}node  # ours\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n  groups: [system:bootstrappers, system:nodes]\n"
ROUNDS = 8


@pytest.fixture
def client(cluster: Cluster) -> Iterator[awsauth.AwsAuthClient]:
    cluster.put_aws_auth({"mapRoles": NODE, "mapUsers": "[]\n"})
    with awsauth.AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig) as client:
        yield client


def fragment(owner: str, **users: str) -> awsauth.Fragment:
    return awsauth.Fragment(
        owner=owner, roles=[{"rolearn": ROLE + name, "username": user} for name, user in users.items()]
    )


def acts(result: awsauth.Result) -> list[tuple[str, str]]:
    assert result.sync is not None
    return [(one.act, one.principal.removeprefix(ROLE)) for one in result.sync.acts]


def test_a_change_takes_three_requests_and_none_takes_one(
    cluster: Cluster, client: awsauth.AwsAuthClient, relay: Relay, tmp_path: Path
) -> None:
    client.sync(fragment("a", x="x"))
    server = replace(cluster.api, url=relay.url)
    kubeconfig = server.write_kubeconfig(tmp_path / "relay.kubeconfig", context=cluster.context)
    with awsauth.AwsAuthClient.from_kubeconfig(path=kubeconfig) as watched:
        watched.acting_as()
        relay.forget()
        watched.sync(fragment("a", x="x", y="y"))
        assert [call.split()[0] for call in relay.calls] == ["GET", "POST", "PUT"]
        relay.forget()
        assert not watched.sync(fragment("a", x="x", y="y")).changed
        assert [call.split()[0] for call in relay.calls] == ["GET"]


def test_records_live_in_annotations_and_a_copy_in_every_revision(
    cluster: Cluster, client: awsauth.AwsAuthClient
) -> None:
    client.sync(fragment("team-a", x="x"))
    found = live(cluster)["metadata"]["annotations"]
    assert json.loads(found["awsauth/owner.team-a"]) == {"v": 1, "entries": {f"role/{ROLE}x": {"u": "x", "g": []}}}
    client.add_account_mapping("222233334444")
    for revision in cluster.revisions()[1:]:
        assert revision["data"]["metadata"]["annotations"] == owners_of(found)
    client.sync(awsauth.Fragment(owner="team-a"), allow_empty=True)
    assert owners_of(live(cluster)["metadata"]["annotations"]) == {}
    client.rollback()
    assert owners_of(live(cluster)["metadata"]["annotations"]) == owners_of(found)


def test_drift_by_kubectl_is_found_with_its_author_and_put_back(
    cluster: Cluster, client: awsauth.AwsAuthClient
) -> None:
    client.sync(fragment("a", x="x"))
    changed = live(cluster)["data"]["mapRoles"].replace("username: x", "username: evil")
    cluster.kubectl(
        "-n", "kube-system", "patch", "configmap", "aws-auth", "-p", json.dumps({"data": {"mapRoles": changed}})
    )
    found = client.sync(fragment("a", x="x"), dry_run=True)
    assert acts(found) == [("restore", "x")]
    assert "by the client kubectl-patch at " in str(found.sync)
    assert acts(client.sync(fragment("a", x="x"))) == [("restore", "x")]
    assert "evil" not in live(cluster)["data"]["mapRoles"]


def test_a_removed_entry_is_drift_with_its_client(cluster: Cluster, client: awsauth.AwsAuthClient) -> None:
    before = live(cluster)["data"]["mapRoles"]
    client.sync(fragment("a", x="x"))
    cluster.kubectl(
        "-n", "kube-system", "patch", "configmap", "aws-auth", "-p", json.dumps({"data": {"mapRoles": before}})
    )
    found = client.sync(fragment("a", x="x"), dry_run=True)
    assert acts(found) == [("restore", "x")]
    assert "it was removed by the client kubectl-patch at " in str(found.sync)
    assert acts(client.sync(fragment("a", x="x"), on_drift="keep")) == [("kept", "x")]
    assert live(cluster)["data"]["mapRoles"] == before


def test_a_lost_record_deletes_nothing_and_can_be_restored(cluster: Cluster, client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x", y="y"))
    cluster.kubectl("-n", "kube-system", "annotate", "configmap", "aws-auth", "awsauth/owner.a-")
    found = client.sync(fragment("a", x="x"))
    assert (found.changed, [one.code for one in found.findings]) == (False, ["lost-ownership"])
    assert acts(client.sync(fragment("a", x="x"), restore_ownership=True)) == [("prune", "y")]


def test_an_object_that_kubectl_made_anew_lost_its_records(cluster: Cluster, client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x", y="y"))
    data = dict(live(cluster)["data"])
    cluster.delete_aws_auth()
    cluster.put_aws_auth(data)
    found = client.sync(fragment("a", x="x"))
    assert (found.changed, [one.code for one in found.findings]) == (False, ["lost-ownership"])
    assert f"{ROLE}y" in live(cluster)["data"]["mapRoles"]


def test_a_forged_record_deletes_nothing(cluster: Cluster, client: awsauth.AwsAuthClient) -> None:
    client.sync(fragment("a", x="x"))
    client.add_role_mapping(f"{ROLE}hand", username="hand")
    forged = {"v": 1, "entries": {f"role/{ROLE}{name}": {"u": name, "g": []} for name in ("x", "hand")}}
    cluster.kubectl(
        "-n", "kube-system", "annotate", "--overwrite", "configmap", "aws-auth", f"awsauth/owner.a={json.dumps(forged)}"
    )
    with pytest.raises(awsauth.MappingConflictError, match="not the one that awsauth wrote last"):
        client.sync(fragment("a", x="x"))


def test_many_entries_are_recorded_as_hashes(cluster: Cluster, client: awsauth.AwsAuthClient) -> None:
    many = {f"role-{number:04}": f"user-{number:04}-{'x' * 120}" for number in range(900)}
    made = client.sync(fragment("a", **many))
    assert "hashed-records" in [one.code for one in made.findings]
    assert '"h"' in live(cluster)["metadata"]["annotations"]["awsauth/owner.a"]
    assert not client.sync(fragment("a", **many)).changed
    many.pop("role-0000")
    assert acts(client.sync(fragment("a", **many))) == [("prune", "role-0000")]


def sync_again_and_again(kubeconfig: Path, owner: str) -> None:
    """Sync a set of entries that changes with every round: what each of two processes does."""
    with awsauth.AwsAuthClient.from_kubeconfig(path=kubeconfig, author=owner) as client:
        for number in range(ROUNDS):
            client.sync(fragment(owner, **{f"{owner}-{number}": owner, f"{owner}-x": str(number)}), reason=str(number))


def append_by_kubectl(cluster: Cluster, done: threading.Event, written: list[str]) -> None:
    """Append entries as a script with kubectl does: read, append, replace; again after a conflict."""
    while not done.wait(0.1):
        read = live(cluster)
        name = f"rival-{len(written)}"
        read["data"]["mapRoles"] += f"- rolearn: {ROLE}{name}\n  username: {name}\n"
        if (
            cluster.kubectl("replace", "--validate=false", "-f", "-", input=json.dumps(read), check=False).returncode
            == 0
        ):
            written.append(name)


def test_two_owners_and_a_rival_with_kubectl_lose_nothing(cluster: Cluster, client: awsauth.AwsAuthClient) -> None:
    done, written = threading.Event(), list[str]()
    rival = threading.Thread(target=append_by_kubectl, args=[cluster, done, written], daemon=True)
    rival.start()
    with all_running(sync_again_and_again, [(cluster.kubeconfig, owner) for owner in "ab"]) as processes:
        codes = [ended(process) for process in processes]
    wait_for(lambda: written)
    done.set()
    rival.join()
    assert codes == [0, 0]
    last = ROUNDS - 1
    expected = {f"{owner}-{last}": owner for owner in "ab"} | {f"{owner}-x": str(last) for owner in "ab"}
    expected |= {name: name for name in written}
    found = {role.role_arn.removeprefix(ROLE): role.username for role in client.read().roles}
    assert found.pop("node") == "system:node:{{EC2PrivateDNSName}}"
    assert found == expected
    assert client.read().data["mapRoles"].startswith(NODE)
    for owner in "ab":
        wanted = {f"{owner}-{last}": owner, f"{owner}-x": str(last)}
        assert not client.sync(fragment(owner, **wanted)).changed


class ClusterWorld(World):
    """The ``aws-auth`` of a cluster, which another tool edits with kubectl."""

    def __init__(self, cluster: Cluster, client: awsauth.AwsAuthClient) -> None:
        super().__init__(client)
        self._cluster = cluster

    def edit(self, change: Any) -> None:
        data = dict(awsauth.merge(self.client.read(), [change]).data)
        self._patch({"data": data})

    def lose(self, owner: str) -> None:
        self._patch({"metadata": {"annotations": {f"awsauth/owner.{owner}": None}}})

    def _patch(self, patch: dict[str, Any]) -> None:
        self._cluster.kubectl("-n", "kube-system", "patch", "configmap", "aws-auth", "-p", json.dumps(patch))


@pytest.mark.parametrize("seed", range(4))
def test_a_sync_of_a_cluster_does_what_the_model_does(
    cluster: Cluster, client: awsauth.AwsAuthClient, seed: int
) -> None:
    random, steps = Random(seed), list[Any]()
    for _ in range(8):
        wanted = {name: random.choice("123") for name in random.sample("uvw", random.randrange(3))}
        edits = ("edit", random.choice("uvw"), random.choice(["1", "2", None]))
        steps.append(random.choice([("a", wanted), ("b", wanted), edits, ("lose", random.choice("ab"))]))
    ClusterWorld(cluster, client).follow(steps)
