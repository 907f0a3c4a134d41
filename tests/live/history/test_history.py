"""The history with kubectl alone, and how many requests a client makes of a real API server."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import EnsureRole, RemoveRole
from awsauth.core.revisions.info import local_time
from awsauth.errors import AdmissionError, UnprovenHistoryError
from tests.live.kube.test_transport import deny
from tests.support.true_history import assert_true_history, live, names, revisions, text_of
from tests.support.waiting import PATIENCE, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.controlplane.cluster import Cluster
    from tests.support.servers.relay import Relay

ROLE: Final = "arn:aws:iam::111122223333:role/"
BEFORE: Final = {
    "mapRoles": f"- rolearn: {ROLE}admin  # ours\n  username: admin\n  groups: [system:masters]\n",
    "note": "theirs\n",
}
ONE: Final = "configmaps/aws-auth"
HISTORY: Final = "controllerrevisions"
REVIEW: Final = "selfsubjectreviews"
BINDINGS: Final = {"rolebindings", "clusterrolebindings"}


def added(name: str) -> EnsureRole:
    return EnsureRole(role_arn=ROLE + name, username=name, groups=["team"])


@pytest.fixture
def client(cluster: Cluster) -> Iterator[AwsAuthClient]:
    with AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig, author="tests") as client:
        yield client


@pytest.fixture
def watched(cluster: Cluster, relay: Relay, tmp_path: Path) -> Iterator[AwsAuthClient]:
    """Yield a client whose requests are kept."""
    server = replace(cluster.api, url=relay.url)
    kubeconfig = server.write_kubeconfig(tmp_path / "relay.kubeconfig", context=cluster.context)
    with AwsAuthClient.from_kubeconfig(path=kubeconfig, author="tests") as client:
        yield client


class TestKubectlAlone:
    """Three changes are made; whatever comes after them, anybody can do who has kubectl."""

    @pytest.fixture
    def texts(self, cluster: Cluster, client: AwsAuthClient) -> dict[int, dict[str, str]]:
        """Make the changes, and return the data of each revision."""
        cluster.put_aws_auth(BEFORE, labels={"team": "one"}, annotations={"note": "x"})
        texts = {1: dict(text_of(cluster))}
        for number, name in enumerate(("first", "second", "third"), start=2):
            client.apply(added(name), reason=f"because of {name}")
            texts[number] = dict(text_of(cluster))
        return texts

    def test_it_lists_and_reads_them(self, cluster: Cluster, texts: dict[int, dict[str, str]]) -> None:
        listed = cluster.kubectl("-n", "kube-system", "get", HISTORY, "-l", "awsauth/config-map=aws-auth").stdout
        header, *lines = (line.split() for line in listed.splitlines())
        column = header.index("REVISION")
        assert {line[0]: line[column] for line in lines} == {f"aws-auth-{number}": str(number) for number in texts}
        for number, data in texts.items():
            kept = json.loads(kept_by_kubectl(cluster, number))
            assert kept["data"] == data
            assert kept["metadata"] == {
                "name": "aws-auth",
                "namespace": "kube-system",
                "labels": {"team": "one"},
                "annotations": {"note": "x"},
            }

    @pytest.mark.parametrize("is_gone", [False, True], ids=["there", "gone"])
    @pytest.mark.parametrize("number", [1, 2, 3, 4])
    def test_it_restores_any_of_them_and_the_history_goes_on_from_there(
        self, cluster: Cluster, client: AwsAuthClient, texts: dict[int, dict[str, str]], number: int, *, is_gone: bool
    ) -> None:
        if is_gone:
            cluster.delete_aws_auth()
            assert not client.history().is_recorded
        restore(cluster, number, "create" if is_gone else "replace")
        assert text_of(cluster) == texts[number]
        assert live(cluster)["metadata"]["labels"] == {"team": "one"}
        known = frozenset({"unproven-history", *(["foreign-history"] if is_gone else [])})

        log = assert_true_history(client, cluster, allowed=known)
        assert not log.is_recorded
        assert client.prune() == ()
        client.apply(added("fourth"))
        log = assert_true_history(client, cluster, allowed=known)
        assert [(entry.info.number, entry.info.parent) for entry in log.entries[:2]] == [(6, 5), (5, 0)]
        assert names(text_of(cluster)) == {*names(texts[number]), "fourth"}
        client.rollback(to=3, exact=True, allow=["foreign-history", "regrant"])
        assert text_of(cluster) == texts[3]
        client.rollback(to=6, allow=["foreign-history", "regrant"])
        assert "fourth" in names(text_of(cluster))
        assert_true_history(client, cluster, allowed=known)
        assert set(texts) <= set(revisions(cluster))

    def test_what_it_applies_is_a_change_from_outside(
        self, cluster: Cluster, client: AwsAuthClient, texts: dict[int, dict[str, str]]
    ) -> None:
        """Unlike `replace`, `apply` leaves our annotations on the object, which then say where it came from."""
        cluster.kubectl("apply", "-f", "-", input=kept_by_kubectl(cluster, 2))
        assert text_of(cluster) == texts[2]
        assert not client.history().is_recorded
        client.apply(added("fourth"))
        log = assert_true_history(client, cluster)
        assert [(entry.info.kind, entry.info.parent) for entry in log.entries[:2]] == [("change", 5), ("outside", 4)]
        # With it the last-applied configuration came, which no revision may bring back.
        assert "kubectl.kubernetes.io/last-applied-configuration" in live(cluster)["metadata"]["annotations"]
        assert json.loads(kept_by_kubectl(cluster, 6))["metadata"]["annotations"] == {"note": "x"}


def kept_by_kubectl(cluster: Cluster, number: int) -> str:
    name = f"aws-auth-{number}"
    return cluster.kubectl("-n", "kube-system", "get", "controllerrevision", name, "-o", "jsonpath={.data}").stdout


def restore(cluster: Cluster, number: int, how: str) -> None:
    cluster.kubectl(how, "-f", "-", input=kept_by_kubectl(cluster, number))


class TestRequests:
    """How many there are, and of what kind."""

    def test_of_changes_that_add(self, cluster: Cluster, watched: AwsAuthClient, relay: Relay) -> None:
        cluster.put_aws_auth(BEFORE)
        watched.apply(added("first"))
        first = [f"GET {ONE}", f"GET {HISTORY}", f"POST {HISTORY}", f"POST {REVIEW}", f"POST {HISTORY}", f"PUT {ONE}"]
        assert taken(relay) == first
        watched.apply(added("second"))
        assert taken(relay) == [f"GET {ONE}", f"POST {HISTORY}", f"PUT {ONE}"]
        assert not watched.apply(added("second")).changed
        assert taken(relay) == [f"GET {ONE}"]
        edited = live(cluster)
        edited["data"]["mapUsers"] = "[]\n"
        cluster.kubectl("replace", "--validate=false", "-f", "-", input=json.dumps(edited))
        watched.apply(added("third"))
        assert taken(relay) == [f"GET {ONE}", f"POST {HISTORY}", f"POST {HISTORY}", f"PUT {ONE}"]
        with watched.transaction() as transaction:
            for number in range(5):
                transaction.add_role_mapping(f"{ROLE}many{number}", username="many")
        assert taken(relay) == [f"GET {ONE}", f"POST {HISTORY}", f"PUT {ONE}"]
        watched.apply(added("fourth"), history=False)
        assert taken(relay) == [f"GET {ONE}", f"PUT {ONE}"]

    def test_of_changes_that_take_away(self, cluster: Cluster, watched: AwsAuthClient, relay: Relay) -> None:
        """Who is asking was asked with the first change; whom RBAC makes an administrator may change, and is asked each time.

        So is whether the revision of what is there is still kept, which what is taken away would be lost without.
        """
        cluster.put_aws_auth(BEFORE)
        for name in ("first", "second"):
            watched.apply(added(name))
        relay.forget()
        watched.apply(RemoveRole(role_arn=f"{ROLE}first"))
        first = taken(relay)
        assert [call for call in first if kind(call) not in BINDINGS] == [
            f"GET {ONE}",
            f"GET {HISTORY}/aws-auth-3",
            f"POST {HISTORY}",
            f"PUT {ONE}",
        ]
        assert sorted(kind(call) for call in first if kind(call) in BINDINGS) == sorted(BINDINGS)
        watched.apply(RemoveRole(role_arn=f"{ROLE}second"))
        assert taken(relay) == [call.replace("-3", "-4") for call in first]
        assert not watched.apply(RemoveRole(role_arn=f"{ROLE}second")).changed
        assert taken(relay) == [f"GET {ONE}"]

    def test_of_a_plan(self, cluster: Cluster, watched: AwsAuthClient, relay: Relay) -> None:
        """To make it takes the history too, which knows who wrote before; to apply it no more than any change."""
        cluster.put_aws_auth(BEFORE)
        watched.apply(added("first"))
        relay.forget()
        plan = watched.plan(added("second"))
        assert taken(relay) == [f"GET {ONE}", f"GET {HISTORY}"]
        watched.apply(plan)
        assert taken(relay) == [f"GET {ONE}", f"POST {HISTORY}", f"PUT {ONE}"]

    def test_all_go_over_one_connection(self, cluster: Cluster, watched: AwsAuthClient, relay: Relay) -> None:
        """So a second change waits for no new TLS handshake."""
        cluster.put_aws_auth(BEFORE)
        watched.apply(added("first"))
        watched.apply(added("second"))
        watched.apply(RemoveRole(role_arn=f"{ROLE}first"))
        watched.rollback(to=2)
        watched.history()
        assert len(relay.seen) > 15
        assert len({seen.connection for seen in relay.seen}) == 1


def taken(relay: Relay) -> list[str]:
    """Return the requests since the last time."""
    calls = relay.calls
    relay.forget()
    return calls


def kind(call: str) -> str:
    return call.rpartition(" ")[2]


class TestTimeline:
    """Every state that the object had is an entry, with the clients that made it and when."""

    def test_of_another_tool_the_clients_and_their_times_are_told(
        self, cluster: Cluster, client: AwsAuthClient
    ) -> None:
        cluster.put_aws_auth(BEFORE)
        client.apply(added("first"))
        edit = json.dumps({"data": {"mapUsers": "[]\n"}})
        cluster.kubectl("-n", "kube-system", "patch", "configmap", "aws-auth", "--type=merge", "-p", edit)
        client.apply(added("second"))
        (outside,) = [entry for entry in client.history().entries if entry.info.number == 3]
        (owner,) = outside.info.managers["mapUsers"]
        assert owner.client == "kubectl-patch"
        assert owner.time is not None
        assert outside.info.created is not None
        assert 0 <= (outside.info.created - owner.time).total_seconds() < PATIENCE
        assert f"client kubectl-patch at {local_time(owner.time)}" in outside.by
        assert outside.diff
        assert set(outside.diff.texts) == {"mapUsers"}

    def test_deletion_and_creation_are_entries_and_all_of_the_object_returns(
        self, cluster: Cluster, client: AwsAuthClient
    ) -> None:
        cluster.put_aws_auth(BEFORE, labels={"team": "one"}, annotations={"note": "x"})
        made = {**live(cluster), "binaryData": {"blob": "AAEC"}}
        cluster.api.must("PUT", "/api/v1/namespaces/kube-system/configmaps/aws-auth", made)
        client.apply(added("first"))
        before = live(cluster)
        cluster.delete_aws_auth()
        assert [entry.info.kind for entry in client.history().entries] == ["deleted", "change", "outside"]
        client.rollback(to=2)
        after = live(cluster)
        assert (after["data"], after["binaryData"]) == (before["data"], {"blob": "AAEC"})
        assert after["metadata"]["labels"] == {"team": "one"}
        assert after["metadata"]["annotations"]["note"] == "x"
        client.apply(added("second"))
        cluster.delete_aws_auth()
        cluster.put_aws_auth(BEFORE)
        client.apply(added("third"))
        kinds = [(entry.info.kind, entry.info.number) for entry in client.history().entries]
        assert kinds[:4] == [("change", 6), ("outside", 5), ("deleted", 0), ("change", 4)]
        assert kinds[4:] == [("rollback", 3), ("deleted", 0), ("change", 2), ("outside", 1)]

    def test_a_backup_that_names_an_earlier_revision_is_a_state_of_its_own(
        self, cluster: Cluster, client: AwsAuthClient
    ) -> None:
        """Nothing that was applied is called unconfirmed since, and no earlier state is restored unasked."""
        cluster.put_aws_auth(BEFORE)
        client.apply(added("first"))
        backup = live(cluster)
        for name in ("second", "third"):
            client.apply(added(name))
        del backup["metadata"]["resourceVersion"], backup["metadata"]["managedFields"]
        cluster.kubectl("replace", "--validate=false", "-f", "-", input=json.dumps(backup))
        entries = client.history().entries
        assert [(entry.info.number, entry.live) for entry in entries] == [
            (0, True),
            *((n, False) for n in (4, 3, 2, 1)),
        ]
        assert not any(entry.unconfirmed for entry in entries)
        with pytest.raises(UnprovenHistoryError) as caught:
            client.rollback()
        assert caught.value.revisions == (4, 3, 1)
        client.apply(added("fourth"))
        shown = [(entry.info.kind, entry.info.number) for entry in client.history().entries]
        assert shown[:2] == [("change", 6), ("outside", 5)]


class TestRehearsal:
    """`dry_run="server"` with a policy of the cluster in the way."""

    def test_a_policys_refusal_comes_in_its_words_and_nothing_is_changed(
        self, cluster: Cluster, client: AwsAuthClient
    ) -> None:
        before = cluster.put_aws_auth(BEFORE)
        options: dict[str, Any] = {"username": "first", "groups": ["team"], "dry_run": "server"}
        would = client.add_role_mapping(f"{ROLE}first", **options)
        assert (would.changed, would.revision) == (True, None)
        assert "first" in names(would.document.data)
        deny(cluster, "aws-auth", "Ask the platform team first.")
        wait_for(lambda: is_refused(cluster))
        with pytest.raises(AdmissionError, match=r"Ask the platform team first\."):
            client.add_role_mapping(f"{ROLE}first", **options)
        # Nobody but the server knows.
        assert client.apply(added("first"), dry_run=True).changed
        assert live(cluster) == before
        assert cluster.revisions() == []
        let_pass(cluster)

    def test_of_what_is_not_there(self, cluster: Cluster, client: AwsAuthClient) -> None:
        assert client.add_role_mapping(f"{ROLE}first", username="first", dry_run="server").changed
        assert cluster.aws_auth() is None
        assert cluster.revisions() == []


def let_pass(cluster: Cluster) -> None:
    """Take the policy away, and wait until it is: whoever comes next has none in the way."""
    cluster.api.must("DELETE", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/policy")
    wait_for(lambda: not is_refused(cluster))


def is_refused(cluster: Cluster) -> bool:
    """Say whether the policy is in effect, which takes it a moment."""
    path = "/api/v1/namespaces/kube-system/configmaps/aws-auth"
    return cluster.api.request("PUT", f"{path}?dryRun=All", live(cluster)).status >= 300
