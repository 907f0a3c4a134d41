"""A connection that is cut, delayed or refused at any request ends in an outcome that is known, or said to be unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from awsauth import AwsAuthClient, AwsAuthError, EnsureRole, OutcomeUnknownError
from awsauth.connections.kubernetes import from_kubeconfig
from awsauth.history.commit import commit
from awsauth.history.proposal import changing
from awsauth.options import ConnectionOptions
from awsauth.stores.cluster import ClusterStore
from awsauth.system.backoff import Backoff
from tests.support.controlplane.cluster import AWS_AUTH, REVISIONS
from tests.support.servers.faulty_server import FAULTS, FaultyServer
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.controlplane.cluster import Cluster

ROLE = "arn:aws:iam::111122223333:role/{}"
NODE = (
    "- rolearn: arn:aws:iam::111122223333:role/node\n"
    "  username: system:node:{{EC2PrivateDNSName}}\n"
    "  groups: [system:bootstrappers, system:nodes]  # keep\n"
)


@pytest.fixture
def faulty(cluster: Cluster) -> Iterator[FaultyServer]:
    with FaultyServer(cluster) as server:
        yield server


@pytest.fixture
def straight(cluster: Cluster) -> Iterator[AwsAuthClient]:
    """Return a client that nothing stands in the way of."""
    with AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig, author="tests") as client:
        yield client


@pytest.fixture
def client(faulty: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsAuthClient]:
    """Return a client before the faulty server, that waits for no answer that comes too late."""
    faulty.end_requests(monkeypatch)
    path = faulty.write_kubeconfig(tmp_path / "faulty.kubeconfig")
    with AwsAuthClient.from_kubeconfig(path=path, timeout=PATIENCE, author="tests") as client:
        yield client


def add(client: AwsAuthClient, number: int) -> None:
    name = f"role{number}"
    client.add_role_mapping(ROLE.format(name), username=name, groups=["team"], reason=name)


def back_or_forth(client: AwsAuthClient, number: int) -> None:
    client.rollback(to=2 - number % 2)


OPERATIONS: dict[str, Callable[[AwsAuthClient, int], None]] = {
    "first change": add,
    "second change": add,
    "rollback": back_or_forth,
}
REFUSALS: Final = [fault for fault in FAULTS if fault.isdigit()]
"""Answered before the API server sees the request, so one operation shows how they are taken."""
CASES: Final = [
    (operation, fault)
    for operation in OPERATIONS
    for fault in FAULTS
    if operation == "rollback" or fault not in REFUSALS
]


@pytest.mark.parametrize(("operation", "fault"), CASES)
def test_one_fault_at_any_request_never_applies_twice_and_is_never_lied_about(
    faulty: FaultyServer, client: AwsAuthClient, straight: AwsAuthClient, operation: str, fault: str
) -> None:
    """For every request in turn: done and told so, or refused with nothing changed; and a second try ends well.

    One object goes through all of it, except where the change has to be the first one.
    """
    cluster = faulty.cluster
    begin(cluster)
    add(straight, 100)
    requests = requests_of(operation, cluster, faulty, client)
    for step, number in enumerate(hit_by(fault, operation, requests)):
        if operation == "first change":
            begin(cluster)
        old = texts(cluster)
        faulty.order({number: fault})
        try:
            OPERATIONS[operation](client, step)
            told = "done"
        except OutcomeUnknownError:
            told = "unknown"
        except AwsAuthError:
            told = "refused"
        faulty.settle()
        is_changed = texts(cluster) != old
        assert told == "unknown" or is_changed == (told == "done"), (number, told, faulty.requests)
        applied_once(straight, cluster)
        if not is_changed:
            OPERATIONS[operation](straight, step)
            assert texts(cluster) != old
            applied_once(straight, cluster)


def begin(cluster: Cluster) -> None:
    """Make an object that no revision was ever recorded of."""
    if cluster.aws_auth():
        cluster.api.must("DELETE", AWS_AUTH)
    cluster.api.must("DELETE", REVISIONS)
    cluster.put_aws_auth({"mapRoles": NODE})


def requests_of(operation: str, cluster: Cluster, faulty: FaultyServer, client: AwsAuthClient) -> list[str]:
    """Return what an operation asks of the server when nothing goes wrong."""
    if operation == "first change":
        begin(cluster)
    faulty.order()
    OPERATIONS[operation](client, 101)
    return faulty.requests


def hit_by(fault: str, operation: str, requests: list[str]) -> list[int]:
    """Return which requests to try a fault on: late ones on reads of one operation only."""
    all_of_them = "late" not in fault or operation == "first change"
    return [number for number, request in enumerate(requests) if all_of_them or not request.startswith("GET")]


def texts(cluster: Cluster) -> dict[str, str]:
    found = cluster.aws_auth()
    assert found is not None
    data: dict[str, str] = found["data"]
    return data


def applied_once(client: AwsAuthClient, cluster: Cluster) -> None:
    """The object is the state of the revision that it names, every chain is whole, and no mapping is there twice."""
    log = client.history(described=0)
    assert [finding for entry in log.entries for finding in entry.findings] == []
    assert list(log.findings) == []
    live = [entry for entry in log.entries if entry.live]
    if live:
        assert client.show(live[0].info.number).data == texts(cluster)
    roles = [role.role_arn for role in client.read().roles]
    assert len(roles) == len(set(roles))
    applied = [entry.info.reason for entry in log.entries if not entry.unconfirmed and entry.info.kind == "change"]
    assert len(applied) == len(set(applied))


@pytest.mark.parametrize("fault", ["cut before", "cut after", "500", "503"])
def test_a_server_that_never_answers_a_write_ends_in_an_error_that_names_what_is_unknown(
    cluster: Cluster, faulty: FaultyServer, straight: AwsAuthClient, tmp_path: Path, fault: str
) -> None:
    """Past the deadline nothing is guessed: what was sent may have been done, and the error says how to find out."""
    begin(cluster)
    add(straight, 0)
    connection = from_kubeconfig(
        path=faulty.write_kubeconfig(tmp_path / "faulty.kubeconfig"), options=ConnectionOptions(PATIENCE)
    )
    store = ClusterStore(connection.transport)
    change = EnsureRole(role_arn=ROLE.format("other"), username="other")
    snapshot = store.read()
    put_and_later = dict.fromkeys(range(2, 1000), fault)
    faulty.order(put_and_later)
    with pytest.raises(OutcomeUnknownError, match="revision 3"):
        commit(store, changing([change]), patience=Backoff(1))
    connection.close()
    is_done = texts(cluster) != snapshot.data
    assert is_done == (fault == "cut after")
    assert any(entry.info.number == 3 and entry.live == is_done for entry in straight.history().entries)
