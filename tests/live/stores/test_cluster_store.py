"""The store in a cluster: on a real API server, with what kubectl and other tools do to it."""

from __future__ import annotations

import copy
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from awsauth.client import AwsAuthClient
from awsauth.core.document.document import Document
from awsauth.core.edit.changes import EnsureRole
from awsauth.core.revisions.revision import draft
from awsauth.errors import (
    AdmissionError,
    ApiError,
    ConflictError,
    ForbiddenError,
    HistoryError,
    NotFoundError,
    OutcomeUnknownError,
    RevisionNotFoundError,
    RevisionTakenError,
)
from awsauth.history.commit import commit
from awsauth.history.log import prune
from awsauth.history.proposal import changing
from awsauth.kube import resources as listing_module
from awsauth.stores.cluster import ClusterStore
from tests.live.kube.test_transport import deny

# The contract of every store, with the fixture `store` of this module.
from tests.stores.test_stores import DATA, OTHER
from tests.support.connections import direct, transport_to
from tests.support.servers.relay import CUT_AFTER, Harm, Relay
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.revisions.info import FieldManager
    from tests.support.controlplane.cluster import Cluster

ROLE: Final = "arn:aws:iam::111122223333:role/"
REVISIONS: Final = "/apis/apps/v1/namespaces/kube-system/controllerrevisions"
AWS_AUTH: Final = "/api/v1/namespaces/kube-system/configmaps/aws-auth"


@pytest.fixture
def empty(cluster: Cluster) -> ClusterStore:
    """Return a store in a cluster without an ``aws-auth``."""
    return ClusterStore(direct(cluster))


@pytest.fixture
def store(cluster: Cluster, empty: ClusterStore) -> ClusterStore:
    """Return a store in a cluster whose ``aws-auth`` was made by somebody else."""
    cluster.put_aws_auth(DATA)
    return empty


@pytest.fixture
def watched(relay: Relay, cluster: Cluster) -> AwsAuthClient:
    """Return a client whose requests are kept."""
    return AwsAuthClient(ClusterStore(transport_to(relay.url, cluster.admin_token)), author="tester")


def add(client: AwsAuthClient, name: str, **options: Any) -> Any:
    """Map one more role."""
    return client.add_role_mapping(ROLE + name, username=name, groups=["group"], **options)


def live(cluster: Cluster) -> dict[str, Any]:
    """Return the object, which has to be there."""
    found = cluster.aws_auth()
    assert found is not None
    return found


def test_what_does_not_exist_is_a_snapshot_that_says_so(empty: ClusterStore) -> None:
    snapshot = empty.read()
    assert (snapshot.exists, snapshot.data, snapshot.uid) == (False, {}, "")


def test_requests_are_as_few_as_promised(watched: AwsAuthClient, relay: Relay, cluster: Cluster) -> None:
    cluster.put_aws_auth(DATA)
    one, some = "configmaps/aws-auth", "controllerrevisions"
    add(watched, "first")
    assert relay.calls == [f"GET {one}", f"GET {some}", f"POST {some}", f"POST {some}", f"PUT {one}"]
    relay.forget()
    add(watched, "second")
    assert relay.calls == [f"GET {one}", f"POST {some}", f"PUT {one}"]
    relay.forget()
    assert not add(watched, "second").changed
    assert relay.calls == [f"GET {one}"]
    relay.forget()
    outside = live(cluster)
    outside["data"]["mapUsers"] = "[]\n"
    cluster.kubectl("replace", "-f", "-", input=json.dumps(outside))
    add(watched, "third")
    assert relay.calls == [f"GET {one}", f"POST {some}", f"POST {some}", f"PUT {one}"]
    assert [revision["metadata"]["annotations"]["awsauth/kind"] for revision in cluster.revisions()] == [
        "outside",
        "change",
        "change",
        "outside",
        "change",
    ]


def test_the_first_of_all_is_made(watched: AwsAuthClient, relay: Relay, cluster: Cluster) -> None:
    add(watched, "first")
    assert relay.calls == [
        "GET configmaps/aws-auth",
        "GET controllerrevisions",
        "POST controllerrevisions",
        "POST configmaps",
    ]
    assert [finding.code for finding in watched.history().findings] == []
    assert all(not entry.findings for entry in watched.history().entries)
    head = live(cluster)["metadata"]["annotations"]
    assert head["awsauth/revision"] == "1"
    assert "awsauth/parent-digest" not in head


def test_only_changed_keys_and_our_annotations_differ(cluster: Cluster, store: ClusterStore) -> None:
    """Labels, other annotations, owners, finalizers, binaryData, keys that nobody knows, and who manages them, stay."""
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "00000000-0000-0000-0000-000000000001"}
    before = live(cluster)
    before["metadata"] |= {
        "labels": {"team": "one", "awsauth/x": "theirs"},
        "annotations": {"note": "ü\n", "awsauth/other": "kept"},
        "ownerReferences": [owner],
        "finalizers": ["example.com/hold"],
    }
    before |= {"binaryData": {"blob": "AAEC"}, "data": {**DATA, "mapUsers": "# none\n[]\n", "other": "\tkept \r\n"}}
    before = cluster.api.must("PUT", f"{AWS_AUTH}?fieldManager=other", before)
    (maker,) = store.read().managers["mapRoles"]
    for name in ("first", "second"):
        add(AwsAuthClient(store), name)
        after = live(cluster)
        expected = copy.deepcopy(before)
        names = [f"awsauth/{key}" for key in ("revision", "digest", "data-digest")]
        ours = {key: after["metadata"]["annotations"][key] for key in names}
        expected["metadata"]["annotations"] |= ours
        expected["data"]["mapRoles"] = after["data"]["mapRoles"]
        assert name in after["data"]["mapRoles"]
        for value in (expected, after):
            del value["metadata"]["managedFields"], value["metadata"]["resourceVersion"]
        assert after == expected
    snapshot = store.read()
    assert clients(snapshot.managers) == {"mapRoles": ["awsauth"], "mapUsers": ["other"], "other": ["other"]}
    kept = store.read_revision(3)
    assert kept.annotations == {"note": "ü\n"}
    assert (kept.binary_data, kept.labels) == ({"blob": "AAEC"}, {"team": "one", "awsauth/x": "theirs"})
    assert store.read_revision(2).info.managers["mapRoles"] == (maker,)
    assert clients(store.read_revision(3).info.managers)["mapRoles"] == ["awsauth"]
    assert maker.time is not None


def clients(managers: Mapping[str, tuple[FieldManager, ...]]) -> dict[str, list[str]]:
    return {key: [owner.client for owner in owners] for key, owners in managers.items()}


def test_managers_are_those_who_own_a_data_key(cluster: Cluster, store: ClusterStore) -> None:
    text = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "aws-auth", "namespace": "kube-system"}}
    cluster.kubectl(
        "apply", "--server-side", "--field-manager=flux", "-f", "-", input=json.dumps({**text, "data": {"x": "y"}})
    )
    cluster.kubectl(
        "apply", "--server-side", "--field-manager=argo", "-f", "-", input=json.dumps({**text, "data": {"x": "y"}})
    )
    assert set(clients(store.read().managers)["x"]) == {"argo", "flux"}
    assert len(store.read().managers["mapRoles"]) == 1


def test_of_two_creators_one_is_told_of_the_other(cluster: Cluster, empty: ClusterStore) -> None:
    base = empty.read()
    cluster.put_aws_auth(DATA)
    with pytest.raises(ConflictError, match="has been made since it was read"):
        empty.write(OTHER, base, None)
    assert live(cluster)["data"] == DATA


def test_a_race_of_creators_ends_in_a_merge(cluster: Cluster, empty: ClusterStore) -> None:
    client = AwsAuthClient(empty)
    plan = client.plan([])
    assert not plan.uid
    record = empty.record

    def beaten(revision: Any) -> Any:
        if cluster.aws_auth() is None:
            cluster.put_aws_auth(DATA)
        return record(revision)

    empty.record = beaten  # type: ignore[method-assign]
    add(client, "first")
    assert [role.role_arn for role in client.read().roles] == [ROLE + "node", ROLE + "first"]
    assert client.history().is_recorded


def test_what_was_deleted_or_made_anew_meanwhile_is_a_conflict(cluster: Cluster, store: ClusterStore) -> None:
    base = store.read()
    cluster.delete_aws_auth()
    with pytest.raises(ConflictError, match="has been written or deleted"):
        store.write(OTHER, base, None)
    cluster.put_aws_auth(DATA)
    with pytest.raises(ConflictError, match="has been written or deleted"):
        store.write(OTHER, base, None)
    assert live(cluster)["data"] == DATA


def test_a_gateways_404_does_not_say_that_there_is_no_object(
    cluster: Cluster, relay: Relay, watched: AwsAuthClient
) -> None:
    cluster.put_aws_auth(DATA)
    relay.harm = [Harm(404, {"Content-Type": "text/html"}, b"<html>", is_passed_on=False)]
    with pytest.raises(NotFoundError, match="does not come from a Kubernetes API server"):
        watched.read()


@pytest.mark.parametrize(
    "more",
    [
        {"data": ["x"]},
        {"data": {"mapRoles": 5}},
        {"binaryData": {"x": 5}},
        {"metadata": {"annotations": {"awsauth/revision": 5}}},
        {"metadata": {"labels": "x"}},
        {"metadata": {"ownerReferences": [1]}},
        {"metadata": {"resourceVersion": 5}},
    ],
)
def test_an_answer_that_is_no_config_map_inside_is_told(
    relay: Relay, watched: AwsAuthClient, more: dict[str, Any]
) -> None:
    answer = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}, **more}
    relay.harm = [Harm(200, {}, json.dumps(answer).encode(), is_passed_on=False)]
    with pytest.raises(ApiError, match="not a valid ConfigMap"):
        watched.read()


@pytest.mark.parametrize("name", ["uid", "resourceVersion"])
def test_nothing_is_written_over_an_object_whose_state_is_not_told(
    cluster: Cluster, relay: Relay, watched: AwsAuthClient, name: str
) -> None:
    """As behind a proxy that takes it out: without it, the API server would write over whatever is there."""
    cluster.put_aws_auth(DATA)
    stripped = live(cluster)
    del stripped["metadata"][name]
    relay.harm = [Harm(200, {}, json.dumps(stripped).encode(), is_passed_on=False)]
    with pytest.raises(ApiError, match=f"without `{name}`"):
        add(watched, "unseen")
    assert [seen.method for seen in relay.seen] == ["GET"]
    assert live(cluster)["data"] == DATA


def test_a_revision_whose_state_is_not_told_is_not_deleted(
    cluster: Cluster, relay: Relay, watched: AwsAuthClient
) -> None:
    cluster.put_aws_auth(DATA)
    add(watched, "one")
    [first, *_] = watched.history().entries
    path = f"{REVISIONS}/aws-auth-{first.info.number}"
    stripped = cluster.api.must("GET", path)
    del stripped["metadata"]["resourceVersion"]
    store = ClusterStore(transport_to(relay.url, cluster.admin_token))
    relay.harm = [Harm(200, {}, json.dumps(stripped).encode(), is_passed_on=False)]
    with pytest.raises(ApiError, match="without `resourceVersion`"):
        store.discard_revision(first.info.number, first.info.digest)
    assert cluster.api.must("GET", path)["metadata"]["name"] == f"aws-auth-{first.info.number}"


def test_a_write_whose_answer_is_no_config_map_is_settled(
    cluster: Cluster, relay: Relay, watched: AwsAuthClient
) -> None:
    cluster.put_aws_auth(DATA)
    passed: list[Harm | None] = [None, None, None, None]
    relay.harm = [*passed, Harm(200, {}, b'{"kind": "Status"}')]
    result = add(watched, "settled")
    assert relay.seen[len(passed)].method == "PUT"
    assert result.changed
    assert "role/settled" in live(cluster)["data"]["mapRoles"]
    assert [entry.live for entry in watched.history().entries][:1] == [True]


@pytest.mark.parametrize("number", [899_999_999, 900_000_000, 999_999_998, 999_999_999])
def test_a_forged_number_does_not_use_up_all_numbers(cluster: Cluster, store: ClusterStore, number: int) -> None:
    client = AwsAuthClient(store, author="tester")
    add(client, "one")
    annotations = live(cluster)["metadata"]["annotations"]
    cluster.put_aws_auth(live(cluster)["data"], annotations={**annotations, "awsauth/revision": str(number)})
    made = [add(client, name).revision for name in ("two", "three", "four")]
    assert made[-1] < 900_000_010
    shown = [(entry.info.number, entry.live) for entry in client.history().entries if entry.proven]
    assert shown == [(made[2], True), (made[1], False), (made[0], False), (2, False), (1, False)]


def test_an_immutable_one_is_told_and_leaves_no_revision(cluster: Cluster, store: ClusterStore) -> None:
    cluster.api.must("PUT", AWS_AUTH, {**live(cluster), "immutable": True})
    with pytest.raises(ApiError, match="immutable") as caught:
        add(AwsAuthClient(store), "first")
    assert caught.value.status == 422
    with pytest.raises(ApiError, match="immutable"):
        AwsAuthClient(store).apply(EnsureRole(role_arn=f"{ROLE}first", username="first"), dry_run=True)
    with pytest.raises(ApiError, match="immutable"):
        AwsAuthClient(store).plan(EnsureRole(role_arn=f"{ROLE}first", username="first"))
    assert live(cluster)["data"] == DATA
    assert cluster.revisions() == []


def test_a_rehearsal_asks_the_server_and_stores_nothing(cluster: Cluster, store: ClusterStore) -> None:
    before = live(cluster)
    base = store.read()
    rehearsal = store.dry_run_store()
    assert rehearsal.write(OTHER, base, None).data == OTHER
    rehearsal.record(draft(1, None, DATA))
    rehearsal.discard_revision(1, draft(1, None, DATA).digest)
    assert live(cluster) == before
    assert cluster.revisions() == []
    store.write(DATA | {"x": "y"}, base, None)
    with pytest.raises(ConflictError):
        rehearsal.write(OTHER, base, None)


def test_a_rehearsal_of_the_first_write_stores_nothing(cluster: Cluster, empty: ClusterStore) -> None:
    assert empty.dry_run_store().write(OTHER, empty.read(), None).data == OTHER
    assert cluster.aws_auth() is None
    assert cluster.revisions() == []


def test_a_policys_refusal_comes_in_its_words_and_leaves_no_revision(cluster: Cluster, store: ClusterStore) -> None:
    cluster.delete_aws_auth()
    deny(cluster, "aws-auth", "Ask the platform team.")
    with pytest.raises(AdmissionError, match=r"Ask the platform team\."):
        store.dry_run_store().write(OTHER, store.read(), None)
    with pytest.raises(AdmissionError, match=r"Ask the platform team\."):
        add(AwsAuthClient(store), "first")
    assert cluster.aws_auth() is None
    assert cluster.revisions() == []
    # Whoever comes next has no policy in the way.
    cluster.api.must("DELETE", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/policy")
    path = f"{AWS_AUTH.rpartition('/')[0]}?dryRun=All"
    wait_for(lambda: cluster.api.request("POST", path, body()).status < 300)


def body(**data: str) -> dict[str, Any]:
    """Return an ``aws-auth`` as kubectl would send it."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
        "data": data,
    }


def test_without_the_right_to_keep_revisions_the_rule_is_named_and_nothing_changed(
    cluster: Cluster, store: ClusterStore
) -> None:
    config_map = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["aws-auth"]}
    listing = {"apiGroups": ["apps"], "resources": ["controllerrevisions"], "verbs": ["list"]}
    user = cluster.user([{**config_map, "verbs": ["get"]}, {**config_map, "verbs": ["update"]}, listing])
    client = AwsAuthClient(ClusterStore(direct(cluster, user.token)))
    with pytest.raises(ForbiddenError, match="history=False"):
        add(client, "first", dry_run="server")
    assert add(client, "first", dry_run="server", history=False).changed
    with pytest.raises(ForbiddenError, match="history=False") as caught:
        add(client, "first")
    assert yaml.safe_load(caught.value.rule) == [
        {"apiGroups": ["apps"], "resources": ["controllerrevisions"], "verbs": ["create"]}
    ]
    assert live(cluster)["data"] == DATA
    assert add(client, "first", history=False).changed
    assert cluster.revisions() == []
    assert store.read().head is None


def test_many_revisions_are_listed_in_pages(store: ClusterStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing_module, "PAGE_LIMIT", "2")
    for number in range(1, 6):
        store.record(draft(number, None, {"mapRoles": str(number)}, reason="x" * 900))
    assert [info.number for info in store.list_revisions().revisions] == [1, 2, 3, 4, 5]


def test_a_listing_carries_no_data(watched: AwsAuthClient, relay: Relay, cluster: Cluster) -> None:
    cluster.put_aws_auth({"mapRoles": "# " + "x" * 500_000 + "\n"})
    add(watched, "first")
    relay.forget()
    assert len(watched.history().entries) == 2
    (listing,) = [seen for seen in relay.seen if seen.path == REVISIONS]
    assert "PartialObjectMetadataList" in listing.all("accept")[0]


def test_what_is_no_revision_is_a_stranger_and_its_number_left_alone(cluster: Cluster, store: ClusterStore) -> None:
    labels = {"awsauth/config-map": "aws-auth"}
    for name in ("aws-auth-1", "aws-auth-backup"):
        metadata = {"name": name, "labels": labels}
        cluster.api.must("POST", REVISIONS, {"metadata": metadata, "revision": 1, "data": {"a": "b"}})
    listing = store.list_revisions()
    assert [(stranger.name, stranger.number) for stranger in listing.invalid] == [
        ("aws-auth-1", 1),
        ("aws-auth-backup", None),
    ]
    assert listing.number_behind(0) == 2
    with pytest.raises(HistoryError, match="did not record this as a revision"):
        store.read_revision(1)
    with pytest.raises(RevisionNotFoundError):
        store.read_revision(2)
    assert add(AwsAuthClient(store), "first").changed
    assert [info.number for info in store.list_revisions().revisions] == [2, 3]


def test_a_revision_without_its_label_does_not_stop_the_next_change(cluster: Cluster, store: ClusterStore) -> None:
    client = AwsAuthClient(store)
    add(client, "first")
    cluster.kubectl("-n", "kube-system", "label", "controllerrevision", "aws-auth-2", "awsauth/config-map-")
    cluster.kubectl("-n", "kube-system", "annotate", "cm", "aws-auth", "awsauth/revision-", "awsauth/digest-")
    assert add(client, "second").changed
    assert [revision["revision"] for revision in cluster.revisions()] == [1, 2, 3, 4]
    found = client.history().findings
    assert any(finding.code == "foreign-revision" and "has no label" in str(finding) for finding in found)
    cluster.kubectl("-n", "kube-system", "delete", "controllerrevision", "aws-auth-2")
    assert not any("has no label" in str(finding) for finding in client.history().findings)


def test_a_revision_that_somebody_touched_is_discarded_if_it_is_still_the_same(
    cluster: Cluster, store: ClusterStore
) -> None:
    """What this store knows of it from before is no longer right, and the server says so."""
    for number in (1, 2):
        store.record(draft(number, None, {"mapRoles": str(number)}))
    revisions = store.list_revisions().revisions
    cluster.kubectl("-n", "kube-system", "annotate", "controllerrevision", "aws-auth-1", "note=x")
    other = cluster.revisions()[1]
    cluster.kubectl("-n", "kube-system", "delete", "controllerrevision", "aws-auth-2")
    other["metadata"] = {key: other["metadata"][key] for key in ("name", "labels", "annotations")}
    other["metadata"]["annotations"]["awsauth/digest"] = "0" * 64
    cluster.api.must("POST", REVISIONS, other)
    for info in revisions:
        store.discard_revision(info.number, info.digest)
    assert [revision["revision"] for revision in cluster.revisions()] == [2]


def test_a_revisions_data_cannot_be_altered_and_altered_notes_are_seen(cluster: Cluster, store: ClusterStore) -> None:
    client = AwsAuthClient(store)
    add(client, "first")
    revision = cluster.revisions()[1]
    revision["data"]["data"]["mapRoles"] = ""
    answer = cluster.api.request("PUT", f"{REVISIONS}/aws-auth-2", revision)
    assert (answer.status, "data: Invalid value" in answer.body["message"]) == (422, True)
    digest = "awsauth/data-digest=" + "0" * 64
    cluster.kubectl("-n", "kube-system", "annotate", "--overwrite", "controllerrevision", "aws-auth-1", digest)
    assert not store.read_revision(1).is_intact
    with pytest.raises(HistoryError):
        client.rollback(to=1)
    assert ROLE + "first" in live(cluster)["data"]["mapRoles"]


def test_kubectl_alone_lists_reads_and_restores(cluster: Cluster, store: ClusterStore) -> None:
    """Also when the ConfigMap is gone; the history is true afterwards, and nothing of it is pruned."""
    client = AwsAuthClient(store)
    texts = {1: DATA["mapRoles"]}
    for number, name in enumerate(("first", "second", "third"), start=2):
        add(client, name, reason=f"because of {name}")
        texts[number] = live(cluster)["data"]["mapRoles"]
    listed = cluster.kubectl("-n", "kube-system", "get", "controllerrevisions", "-l", "awsauth/config-map=aws-auth")
    lines = [line.split() for line in listed.stdout.splitlines()]
    column = lines[0].index("REVISION")
    assert [(line[0], line[column]) for line in lines[1:]] == [(f"aws-auth-{n}", str(n)) for n in (1, 2, 3, 4)]

    def kept(number: int) -> str:
        name = f"aws-auth-{number}"
        return cluster.kubectl("-n", "kube-system", "get", "controllerrevision", name, "-o", "jsonpath={.data}").stdout

    cluster.kubectl("replace", "-f", "-", input=kept(2))
    assert live(cluster)["data"]["mapRoles"] == texts[2]
    assert [entry.info.number for entry in client.history().entries] == [0, 4, 3, 2, 1]
    cluster.delete_aws_auth()
    cluster.kubectl("create", "-f", "-", input=kept(4))
    assert live(cluster)["data"]["mapRoles"] == texts[4]
    log = client.history()
    assert (log.is_recorded, prune(store)) == (False, ())
    add(client, "fourth")
    assert [entry.info.number for entry in client.history().entries] == [6, 5, 0, 4, 3, 2, 1]
    assert [entry.info.kind for entry in client.history().entries[:2]] == ["change", "outside"]
    client.rollback(to=3, exact=True, allow=["foreign-history"])
    assert live(cluster)["data"]["mapRoles"] == texts[3]


def test_a_lost_answer_to_each_write_is_settled(watched: AwsAuthClient, relay: Relay, cluster: Cluster) -> None:
    """Nothing is applied twice, and no revision is left over."""
    cluster.put_aws_auth(DATA)
    names = []
    for before in range(5):
        relay.harm = [*[None] * before, CUT_AFTER]
        name = f"name-{before}"
        result = add(watched, name)
        assert result.changed
        names.append(ROLE + name)
        assert [role.role_arn for role in watched.read().roles] == [ROLE + "node", *names]
        relay.harm = []
    entries = watched.history().entries
    assert Counter(entry.info.kind for entry in entries) == {"outside": 1, "change": 5}
    assert not any(entry.unconfirmed for entry in entries)


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_a_server_that_cannot_answer_is_asked_again_and_nothing_is_done_twice(
    watched: AwsAuthClient, relay: Relay, cluster: Cluster, status: int
) -> None:
    """Whichever request it is, and, where that can be, whether it was carried out or not."""
    cluster.put_aws_auth(DATA)
    add(watched, "before")
    names = ["node", "before"]
    for before in range(3):
        for is_passed_on in {False, status >= 500}:
            if status == 409 and before == 0:
                continue  # No read is answered so.
            relay.forget()
            relay.harm = [*[None] * before, Harm(status, {"Retry-After": "0"}, is_passed_on=is_passed_on)]
            names.append(f"name-{before}-{is_passed_on}")
            assert add(watched, names[-1]).changed
            assert relay.harm == []
            assert len(relay.seen) > 3
    assert [role.role_arn for role in watched.read().roles] == [ROLE + name for name in names]
    entries = watched.history().entries
    assert [entry.info.number for entry in entries if entry.live] == [entries[0].info.number]
    assert not any(entry.findings for entry in entries)
    live_ones = [entry for entry in entries if not entry.unconfirmed]
    assert Counter(entry.info.kind for entry in live_ones) == {"outside": 1, "change": len(names) - 1}


def test_without_history_a_lost_answer_is_an_unknown_outcome_or_known(relay: Relay, cluster: Cluster) -> None:
    cluster.put_aws_auth(DATA)
    store = ClusterStore(transport_to(relay.url, cluster.admin_token))
    base = store.read()
    relay.harm = [CUT_AFTER]
    with pytest.raises(OutcomeUnknownError):
        store.write(OTHER, base, None)
    with pytest.raises(ConflictError):
        store.write(OTHER, base, None)
    assert live(cluster)["data"] == OTHER


def test_a_number_that_is_taken_is_told(store: ClusterStore) -> None:
    store.record(draft(1, None, DATA))
    with pytest.raises(RevisionTakenError) as caught:
        store.record(draft(1, None, OTHER))
    assert isinstance(caught.value.__cause__, ApiError)


def test_as_much_as_fits_is_written_kept_and_restored(cluster: Cluster, store: ClusterStore) -> None:
    """One byte below 1 MiB, in the plain style."""
    entry = "- rolearn: arn:aws:iam::111122223333:role/r{:05}\n  username: u\n  groups:\n  - g\n"
    lines = "".join(entry.format(number) for number in range(13_000))
    text = lines + "#" * (1024 * 1024 - len(lines) - 100) + "\n"
    cluster.put_aws_auth({"mapRoles": text})
    commit(store, changing([]))
    client = AwsAuthClient(store)
    add(client, "x")
    assert len(live(cluster)["data"]["mapRoles"]) > 1024 * 1024 - 100
    client.rollback(to=1, exact=True)
    assert live(cluster)["data"]["mapRoles"] == text


def test_what_fits_as_a_map_but_not_as_a_revision_is_refused_before_anything_is_written(
    cluster: Cluster, store: ClusterStore
) -> None:
    """In a revision every quotation mark takes two bytes, and etcd stores no more than 1.5 MiB."""
    entries = [{"rolearn": f"{ROLE}r{n:05}", "username": "u", "groups": ["a"] * 200} for n in range(920)]
    text = json.dumps(entries)
    assert 900_000 < len(text) < 1024 * 1024
    cluster.put_aws_auth({"mapRoles": text}, annotations={"note": "x" * 250_000})
    with pytest.raises(ApiError, match=r"(?s)too large.*history=False"):
        add(AwsAuthClient(store), "x")
    assert live(cluster)["data"]["mapRoles"] == text
    assert cluster.revisions() == []
    assert Document(live(cluster)["data"]).data == {"mapRoles": text}
