"""Many write at once, on a real API server: nothing of anybody is lost, and the history tells what was done."""

from __future__ import annotations

import itertools
import json
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.document.document import Document
from awsauth.core.edit.changes import EnsureRole
from awsauth.core.edit.merge import merge
from awsauth.errors import GuardError
from awsauth.stores.cluster import ClusterStore
from tests.support.connections import connected
from tests.support.forked import all_running, ended
from tests.support.stopping import Interrupted
from tests.support.true_history import assert_true_history, live, names, revisions, states_from_now_on, text_of
from tests.support.waiting import PATIENCE, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from typing_extensions import Self

    from awsauth.core.revisions.revision import Revision
    from tests.support.controlplane.cluster import Cluster

WRITERS: Final = 8
CHANGES: Final = 25
ROLE: Final = "arn:aws:iam::111122223333:role/"
NODE: Final = (
    f"- rolearn: {ROLE}node  # ours\n"
    "  username: system:node:{{EC2PrivateDNSName}}\n"
    "  groups: [system:bootstrappers, system:nodes]\n"
)
ENTRY: Final = f"- rolearn: {ROLE}{{0}}\n  username: {{0}}\n  groups: [theirs]\n"


@pytest.fixture
def client(cluster: Cluster) -> Iterator[AwsAuthClient]:
    with AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig, author="tests") as client:
        yield client


def change(name: str) -> EnsureRole:
    return EnsureRole(role_arn=ROLE + name, username=name, groups=["team"])


def write(kubeconfig: Path, writer: str, changes: int) -> None:
    """Make changes, each with its name for a reason: what one of eight processes does."""
    with AwsAuthClient.from_kubeconfig(path=kubeconfig, author=writer) as client:
        for number in range(changes):
            name = f"{writer}-{number}"
            assert client.apply(change(name), reason=name).changed


class Rival:
    """Another tool: it reads, appends, and replaces what it has read, again and again."""

    def __init__(self, cluster: Cluster) -> None:
        self.written: set[str] = set()
        self.conflicts = 0
        self._cluster = cluster
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        # What was read before the first write of others cannot be replaced.
        first = live(self._cluster)
        wait_for(lambda: live(self._cluster) != first)
        self._replace(first, "rival-late")
        while not self._done.wait(0.1):
            self._append(f"rival-{len(self.written)}")

    def _append(self, name: str) -> None:
        """Try until nobody has come in between."""
        while not self._replace(live(self._cluster), name):
            pass

    def _replace(self, read: dict[str, Any], name: str) -> bool:
        """Append an entry to what was read, unless somebody has written since."""
        read["data"]["mapRoles"] += ENTRY.format(name)
        done = self._cluster.kubectl("replace", "--validate=false", "-f", "-", input=json.dumps(read), check=False)
        if done.returncode == 0:
            self.written.add(name)
            return True
        assert "Conflict" in done.stderr, done.stderr
        self.conflicts += 1
        return False


def test_eight_processes_and_a_rival_lose_nothing_of_each_other(cluster: Cluster, client: AwsAuthClient) -> None:
    cluster.put_aws_auth({"mapRoles": NODE})
    ours = {f"writer{writer}-{number}" for writer in range(WRITERS) for number in range(CHANGES)}
    states = states_from_now_on(cluster)
    calls = [(cluster.kubeconfig, f"writer{number}", CHANGES) for number in range(WRITERS)]
    with Rival(cluster) as rival, all_running(write, calls) as processes:
        wait_for(lambda: rival.written)
        assert [ended(process) for process in processes] == [0] * WRITERS
    assert rival.conflicts
    assert names(text_of(cluster)) == {"node", *ours, *rival.written}
    assert NODE in text_of(cluster)["mapRoles"]

    newest, *_ = entries = assert_true_history(client, cluster).entries
    # What the rival wrote last is not recorded yet.
    assert newest.live or names(text_of(cluster)) - names(revisions(cluster)[newest.info.number].data) <= rival.written
    assert not any(entry.unconfirmed for entry in entries if entry is not newest)
    assert {entry.info.reason for entry in entries if entry.info.kind == "change"} == ours
    assert sum(entry.info.kind == "change" for entry in entries) == len(ours)
    kept = revisions(cluster)
    for revision in kept.values():
        assert_is_its_parent_and_its_change(revision, kept.get(revision.info.parent), rival.written)
    recorded = {revision.data["mapRoles"] for revision in kept.values()}
    for before, after in itertools.pairwise(states()):
        # Of two writes of the rival in a row, nobody has seen the first one's state.
        is_ours = names(after["data"]) - names(before["data"]) <= ours
        assert not is_ours or {before["data"]["mapRoles"], after["data"]["mapRoles"]} <= recorded


def assert_is_its_parent_and_its_change(revision: Revision, parent: Revision | None, theirs: set[str]) -> None:
    before: Mapping[str, str] = parent.data if parent else {"mapRoles": NODE}
    if revision.info.kind == "change":
        assert revision.data == merge(Document(before), [change(revision.info.reason)]).data
        return
    added = revision.data["mapRoles"].removeprefix(before["mapRoles"])
    assert before["mapRoles"] + added == revision.data["mapRoles"]
    assert names({"mapRoles": added}) <= theirs


def test_what_somebody_overwrites_blindly_can_be_restored(cluster: Cluster, client: AwsAuthClient) -> None:
    """The state before it is in a revision, whoever was at work, and no chain breaks."""
    cluster.put_aws_auth({"mapRoles": NODE})
    write(cluster.kubeconfig, "early", 3)
    states = states_from_now_on(cluster)
    with all_running(write, [(cluster.kubeconfig, f"writer{number}", 12) for number in range(4)]) as processes:
        wait_for(lambda: len(revisions(cluster)) >= 20)
        overwrite(cluster, "theirs")
        assert [ended(process) for process in processes] == [0] * 4
    # Nothing more is recorded of what is overwritten until the next change.
    write(cluster.kubeconfig, "last", 1)

    log = assert_true_history(client, cluster)
    kept = revisions(cluster)
    texts = [state["data"] for state in states()]
    before = texts[[names(text) for text in texts].index({"node", "theirs"}) - 1]
    number = max(number for number, revision in kept.items() if revision.data == before)
    # Not only that one: whatever there was before anybody else's write.
    assert [text for text in texts if text not in [revision.data for revision in kept.values()]] == []
    assert log.entries[0].live
    assert not {"early-0", "early-1", "early-2"} & names(text_of(cluster))
    client.rollback(to=number, allow=["regrant"])
    # What the other tool added stays. All writers have the same credentials, so they are no others.
    assert names(text_of(cluster)) == names(before) | {"theirs"}
    client.rollback(to=number, exact=True, allow=["regrant"])
    assert text_of(cluster) == before
    assert_true_history(client, cluster)


def overwrite(cluster: Cluster, name: str) -> None:
    """Put what somebody has in a file in place of whatever is there."""
    cluster.put_aws_auth({"mapRoles": NODE + ENTRY.format(name)})


def test_a_revision_that_was_never_applied_goes_and_all_that_were_stay(cluster: Cluster, client: AwsAuthClient) -> None:
    """Revision 3 waits for its write while others overwrite the object, record that, and go on from there."""
    cluster.put_aws_auth({"mapRoles": NODE})
    client.apply(change("first"))

    def overtake() -> None:
        overwrite(cluster, "theirs")
        client.apply(change("second"))
        client.apply(change("third"))

    store = ClusterStore(connected(cluster.kubeconfig))
    late = AwsAuthClient(Interrupted(store, "write", overtake), author="late")
    assert late.apply(change("fourth")).revision == 7
    assert names(text_of(cluster)) == {"node", "theirs", "second", "third", "fourth"}
    log = assert_true_history(client, cluster)
    assert [(entry.info.number, entry.info.parent) for entry in log.entries] == [
        (7, 6),
        (6, 5),
        (5, 4),
        (4, 0),
        (2, 1),
        (1, 0),
    ]


ADMINS: Final = NODE + "".join(
    f"- rolearn: {ROLE}{name}\n  username: {name}\n  groups: [system:masters]\n" for name in ("one", "two")
)


def test_of_two_who_remove_the_last_two_administrators_at_once_one_succeeds(
    cluster: Cluster, client: AwsAuthClient
) -> None:
    """A dozen rounds, as the race goes another way each time."""
    outcomes: list[str] = []
    with AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig, author="other") as other:
        for number in range(12):
            cluster.put_aws_auth({"mapRoles": f"# {number}\n{ADMINS}"})
            together = threading.Barrier(2)
            results: dict[str, str] = {}

            def remove(who: AwsAuthClient, name: str) -> None:
                together.wait(PATIENCE)  # noqa: B023 - the threads of a round end with it
                try:
                    who.remove_role_mapping(ROLE + name)
                    results[name] = "done"  # noqa: B023
                except GuardError as error:
                    results[name] = " ".join(finding.code for finding in error.findings)  # noqa: B023

            threads = [threading.Thread(target=remove, args=pair) for pair in ((client, "one"), (other, "two"))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(results.values()) == ["done", "last-admin"]
            [gone] = [name for name, result in results.items() if result == "done"]
            assert names(text_of(cluster)) == {"node", "one", "two"} - {gone}
            outcomes.append(gone)
    log = assert_true_history(client, cluster)
    assert not any(entry.unconfirmed for entry in log.entries)
    assert sum(entry.info.kind == "change" for entry in log.entries) == len(outcomes)


def test_an_administrator_who_became_the_last_before_the_write_is_not_removed(
    cluster: Cluster, client: AwsAuthClient
) -> None:
    """The guards look again at what is there after a conflict, and the refused revision goes."""
    cluster.put_aws_auth({"mapRoles": ADMINS})
    store = ClusterStore(connected(cluster.kubeconfig))
    late = AwsAuthClient(Interrupted(store, "write", lambda: client.remove_role_mapping(ROLE + "one")))
    with pytest.raises(GuardError, match="last-admin"):
        late.remove_role_mapping(ROLE + "two")
    assert names(text_of(cluster)) == {"node", "two"}
    log = assert_true_history(client, cluster)
    assert [(entry.info.kind, entry.live, entry.unconfirmed) for entry in log.entries] == [
        ("change", True, False),
        ("outside", False, False),
    ]
