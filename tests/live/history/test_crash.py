"""Killed at any step, on a real API server: the state is the old or the new one, the history true, a second run ends well.

A process is killed (SIGKILL) before its first request, before its second one, and so on until it gets through.
"""

from __future__ import annotations

import itertools
import os
import signal
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import EnsureRole, RemoveRole
from awsauth.kube.transport import Transport
from awsauth.stores.cluster import ClusterStore
from tests.support.connections import connected
from tests.support.forked import ended, started
from tests.support.stopping import Interrupted, Wrapped
from tests.support.true_history import assert_true_history, live, names, revisions, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from awsauth.kube.transport import Answer
    from awsauth.stores.store import RevisionList, Store
    from tests.support.controlplane.cluster import Cluster

ROLE: Final = "arn:aws:iam::111122223333:role/"
BEFORE: Final = {
    "mapRoles": f"- rolearn: {ROLE}admin  # ours\n  username: admin\n  groups: [system:masters]\n"
    f"- rolearn: {ROLE}old\n  username: old\n"
}
KILLED: Final = -signal.SIGKILL


@pytest.fixture
def client(cluster: Cluster) -> Iterator[AwsAuthClient]:
    with AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig, author="tests") as client:
        yield client


def add(client: AwsAuthClient, name: str = "new") -> None:
    client.apply(EnsureRole(role_arn=ROLE + name, username=name, groups=["team"]))


def remove(client: AwsAuthClient) -> None:
    """Take somebody out, which the guards have more questions about."""
    client.apply(RemoveRole(role_arn=f"{ROLE}old"))


def back(client: AwsAuthClient) -> None:
    client.rollback(to=1)


def nothing(_client: AwsAuthClient, _cluster: Cluster) -> None:
    """Leave everything as it is."""


def first(client: AwsAuthClient, _cluster: Cluster) -> None:
    add(client, "first")


def first_and_theirs(client: AwsAuthClient, cluster: Cluster) -> None:
    """Make a change, and another one as another tool does that keeps annotations."""
    add(client, "first")
    read = live(cluster)
    read["data"]["mapRoles"] += f"- rolearn: {ROLE}theirs\n  username: theirs\n"
    cluster.api.must("PUT", "/api/v1/namespaces/kube-system/configmaps/aws-auth", read)


ACTIONS: Final[dict[str, tuple[Callable[[AwsAuthClient, Cluster], None], Callable[[AwsAuthClient], None], int]]] = {
    "first change": (nothing, add, 5),
    "change": (first, add, 3),
    "change after somebody else": (first_and_theirs, add, 4),
    "removal": (first, remove, 5),
    "rollback": (first, back, 5),
    "rollback after somebody else": (first_and_theirs, back, 6),
}
"""What comes before, what is killed, and how many requests that makes at least."""


def act(kubeconfig: Path, action: str, killed_before: int) -> None:
    """Do it, and be killed before the request with this number, counted from 0."""
    die_before(killed_before)
    with AwsAuthClient.from_kubeconfig(path=kubeconfig, author="tests") as client:
        ACTIONS[action][1](client)


def die_before(request: int) -> None:
    """Have this process killed before a request."""
    numbers = itertools.count()
    send = Transport.request

    def sent(self: Transport, *arguments: Any, **options: Any) -> Answer:
        if next(numbers) == request:
            os.kill(os.getpid(), signal.SIGKILL)
        return send(self, *arguments, **options)

    Transport.request = sent  # type: ignore[method-assign]


@pytest.mark.parametrize("action", ACTIONS)
def test_killed_at_any_step_of_a_change_the_state_is_old_or_new_and_the_next_run_ends_well(
    cluster: Cluster, client: AwsAuthClient, action: str
) -> None:
    before, run, requests = ACTIONS[action]
    for step in itertools.count():
        begin_anew(cluster)
        before(client, cluster)
        old = text_of(cluster)
        code = ended(started(act, cluster.kubeconfig, action, step))
        left = text_of(cluster)
        log = assert_true_history(client, cluster)
        run(client)
        new = text_of(cluster)
        assert new != old
        assert left in (old, new)
        add(client, "later")
        assert assert_true_history(client, cluster).is_recorded
        if code == 0:
            assert left == new
            assert step >= requests
            return
        assert code == KILLED
        # What is left over is a revision that nothing came of.
        assert [entry.info.kind for entry in log.entries if entry.unconfirmed] in ([], ["change"], ["rollback"])


def begin_anew(cluster: Cluster) -> None:
    """Put the object back that there was in the beginning, without any history."""
    if cluster.aws_auth():
        cluster.delete_aws_auth()
    cluster.api.must("DELETE", "/apis/apps/v1/namespaces/kube-system/controllerrevisions")
    cluster.put_aws_auth(BEFORE)


class Aged(Wrapped):
    """A store whose revisions are two months older than they are, from those on that it had in the beginning."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._old = {info.number for info in store.list_revisions().revisions}

    def list_revisions(self) -> RevisionList:
        listing = super().list_revisions()
        aged = [
            replace(info, created=info.created - timedelta(days=60))
            if info.created and info.number in self._old
            else info
            for info in listing.revisions
        ]
        return listing._replace(revisions=tuple(aged))


def store(kubeconfig: Path) -> ClusterStore:
    return ClusterStore(connected(kubeconfig))


def prune(kubeconfig: Path, killed_before: int) -> None:
    """Prune what is two months old, and be killed before a request; one is made by the way, before them."""
    aged = Aged(store(kubeconfig))
    die_before(killed_before)
    AwsAuthClient(aged).prune()


@pytest.fixture
def restored(cluster: Cluster, client: AwsAuthClient) -> AwsAuthClient:
    """Return a client of a cluster with 63 revisions: with kubectl, somebody has gone back to the third."""
    cluster.put_aws_auth(BEFORE)
    for number in range(62):
        add(client, f"r{number}")
    restore(cluster, 3)
    return client


def restore(cluster: Cluster, number: int) -> None:
    """Go back to a revision with kubectl alone."""
    name = f"aws-auth-{number}"
    kept = cluster.kubectl("-n", "kube-system", "get", "controllerrevision", name, "-o", "jsonpath={.data}").stdout
    cluster.kubectl("replace", "--validate=false", "-f", "-", input=kept)


def test_killed_at_any_step_of_pruning_nothing_is_gone_that_is_needed(
    cluster: Cluster, restored: AwsAuthClient
) -> None:
    state = live(cluster)
    needed = set(range(14, 64))
    for step in itertools.count():
        code = ended(started(prune, cluster.kubeconfig, step))
        assert live(cluster) == state
        assert needed <= set(revisions(cluster))
        log = assert_true_history(restored, cluster)
        assert [entry.info.number for entry in log.entries if entry.live] == [0]
        if code == 0:
            break
        assert code == KILLED
    assert step > 3
    assert set(revisions(cluster)) == needed
    restored.rollback(to=14, exact=True)
    assert text_of(cluster) == revisions(cluster)[14].data
    assert_true_history(restored, cluster)


def test_a_prune_takes_nothing_from_a_writer_that_stands_before_its_write(
    cluster: Cluster, restored: AwsAuthClient
) -> None:
    """All that was there before is old, and goes as far as it may; the revision that is about to count stays."""
    old = Aged(store(cluster.kubeconfig))
    pruned: list[int] = []
    rival = Interrupted(store(cluster.kubeconfig), "write", lambda: pruned.extend(AwsAuthClient(old).prune()))
    AwsAuthClient(rival, author="tests").add_role_mapping(f"{ROLE}late", username="late")
    assert pruned == [*range(1, 16)]
    assert names(text_of(cluster)) == {"admin", "old", "r0", "r1", "late"}
    log = assert_true_history(restored, cluster)
    assert [(entry.info.number, entry.info.parent) for entry in log.entries if entry.live] == [(65, 64)]
    restored.rollback(to=64, exact=True)
    assert text_of(cluster) == revisions(cluster)[64].data
    assert_true_history(restored, cluster)


def test_a_lost_prune_by_the_way_takes_nothing_from_the_change(cluster: Cluster, client: AwsAuthClient) -> None:
    """The twenty-fifth revision is pruned after: killed there, the change is made."""
    cluster.put_aws_auth(BEFORE)
    for number in range(23):
        add(client, f"r{number}")
    assert ended(started(act, cluster.kubeconfig, "change", 4)) == KILLED
    assert "new" in names(text_of(cluster))
    log = assert_true_history(client, cluster)
    assert (log.entries[0].info.number, log.entries[0].live) == (25, True)
    assert log.entries[0].info.parent == 24
