"""Another tool writes between a plan and its application, or between the reading and the write of a change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import EnsureRole, RemoveGroups, RemoveRole, ReplaceText
from awsauth.core.plan import Plan
from awsauth.errors import AwsAuthError, ConflictError, EditError, MappingConflictError, PlanError
from awsauth.stores.cluster import ClusterStore
from tests.support.connections import connected
from tests.support.stopping import Interrupted
from tests.support.true_history import assert_true_history, live, names, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from awsauth.core.edit.changes import Change
    from tests.support.controlplane.cluster import Cluster

ROLE: Final = "arn:aws:iam::111122223333:role/"
ADMIN: Final = f"- rolearn: {ROLE}admin  # ours\n  username: admin\n  groups: [system:masters]\n"
ONE: Final = f"- rolearn: {ROLE}one\n  username: one\n  groups: [a, b]\n"
TWO: Final = f"- rolearn: {ROLE}two\n  username: two\n  groups: [c]\n"
BEFORE: Final = ADMIN + ONE + TWO
NEW: Final = EnsureRole(role_arn=f"{ROLE}new", username="new", groups=["team"])
NEW_ENTRY: Final = f"- rolearn: {ROLE}new\n  username: new\n  groups: [team]\n"
REMOVE: Final = RemoveRole(role_arn=f"{ROLE}one")
EXTEND: Final = EnsureRole(role_arn=f"{ROLE}one", username="one", groups=["d"])
DEMOTE: Final = RemoveGroups(principal_arn=f"{ROLE}one", groups=["b"])


@pytest.fixture
def client(cluster: Cluster) -> Iterator[AwsAuthClient]:
    cluster.put_aws_auth({"mapRoles": BEFORE})
    with AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig, author="tests") as client:
        yield client


def rewrite(cluster: Cluster, text: str) -> None:
    """Put other text into the object that is there, as `kubectl edit` does."""
    read = live(cluster)
    read["data"]["mapRoles"] = text
    cluster.api.must("PUT", "/api/v1/namespaces/kube-system/configmaps/aws-auth", read)


AS_JSON: Final = json.dumps(
    [
        {"rolearn": ROLE + name, "username": name, "groups": groups}
        for name, groups in (("admin", ["system:masters"]), ("one", ["a", "b"]), ("two", ["c"]))
    ]
)

MERGED: Final[dict[str, tuple[Change, str, set[str]]]] = {
    "an entry is added": (NEW, BEFORE + ONE.replace("one", "three"), {"admin", "one", "two", "three", "new"}),
    "an entry is removed": (NEW, ADMIN + TWO, {"admin", "two", "new"}),
    "another entry is changed": (NEW, BEFORE.replace("[c]", "[c, d]"), {"admin", "one", "two", "new"}),
    "a comment is added": (REMOVE, f"# theirs\n{BEFORE}", {"admin", "two"}),
    "all is written in another layout": (EXTEND, AS_JSON, {"admin", "one", "two"}),
    "another entry is added while one is removed": (REMOVE, BEFORE + NEW_ENTRY, {"admin", "two", "new"}),
    "the order is changed": (DEMOTE, TWO + ONE + ADMIN, {"admin", "one", "two"}),
}


@pytest.mark.parametrize("case", MERGED)
def test_what_does_the_same_as_planned_is_merged_with_what_is_there_now(
    cluster: Cluster, client: AwsAuthClient, case: str
) -> None:
    change, theirs, after = MERGED[case]
    plan = saved(client.plan(change))
    rewrite(cluster, theirs)
    result = client.apply(plan)
    assert result.changed
    assert result.diff.mappings == plan.diff.mappings
    assert names(text_of(cluster)) == after
    if "# theirs" in theirs:
        assert "# theirs" in text_of(cluster)["mapRoles"]
    log = assert_true_history(client, cluster)
    # What they made of it is kept, though the plan was made for something else.
    assert [entry.info.kind for entry in log.entries] == ["change", "outside"]
    assert client.show(1).data == {"mapRoles": theirs}


def saved(plan: Plan) -> Plan:
    """Return a plan as it comes out of the file in which it waited for an approval."""
    return Plan.from_text(plan.to_text())


DONE: Final[dict[str, tuple[Change, str]]] = {
    "the entry is there": (NEW, BEFORE + NEW_ENTRY),
    "the entry is gone": (REMOVE, ADMIN + TWO),
    "the group is there": (EXTEND, BEFORE.replace("[a, b]", "[a, b, d]")),
    "the group is gone": (DEMOTE, BEFORE.replace("[a, b]", "[a]")),
}


@pytest.mark.parametrize("case", DONE)
def test_where_somebody_has_done_it_already_nothing_is_written(
    cluster: Cluster, client: AwsAuthClient, case: str
) -> None:
    change, theirs = DONE[case]
    plan = saved(client.plan(change))
    rewrite(cluster, theirs)
    before = live(cluster)
    assert not client.apply(plan).changed
    assert live(cluster) == before
    assert cluster.revisions() == []


REFUSED: Final[dict[str, tuple[Change, str, type[AwsAuthError], str]]] = {
    "gone is what was to be extended": (EXTEND, ADMIN + TWO, PlanError, "the plan would have another effect now"),
    "other groups are to be extended": (
        EXTEND,
        BEFORE.replace("[a, b]", "[system:masters]"),
        AwsAuthError,
        "system:masters",
    ),
    "the principal has another username": (
        EXTEND,
        BEFORE.replace("username: one", "username: other"),
        MappingConflictError,
        "other",
    ),
    "what is to be removed is another's by now": (
        REMOVE,
        BEFORE.replace("username: one", "username: other"),
        PlanError,
        "the plan would have another effect now",
    ),
    "it was mapped by somebody, with more": (
        NEW,
        BEFORE + NEW_ENTRY.replace("[team]", "[team, more]"),
        PlanError,
        "changed since the plan was made",
    ),
    "it was mapped by somebody, as somebody else": (
        NEW,
        BEFORE + NEW_ENTRY.replace("username: new", "username: other"),
        MappingConflictError,
        "other",
    ),
    "the text cannot be read any more": (NEW, f"{BEFORE}- rolearn: {{", EditError, "mapRoles"),
    "a replaced text has somebody's comment in it": (
        ReplaceText(key="mapRoles", text=BEFORE + NEW_ENTRY),
        f"{ADMIN}# theirs\n{ONE}{TWO}",
        PlanError,
        "# theirs",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_do_something_else_than_planned_is_refused_and_nothing_changed(
    cluster: Cluster, client: AwsAuthClient, case: str
) -> None:
    change, theirs, error, words = REFUSED[case]
    plan = saved(client.plan(change))
    rewrite(cluster, theirs)
    before = live(cluster)
    with pytest.raises(error, match=words):
        client.apply(plan)
    assert live(cluster) == before
    assert cluster.revisions() == []


def test_a_plan_is_not_applied_to_an_object_that_was_made_anew(cluster: Cluster, client: AwsAuthClient) -> None:
    plan = saved(client.plan(NEW))
    old = live(cluster)["metadata"]["uid"]
    cluster.delete_aws_auth()
    before = cluster.put_aws_auth({"mapRoles": BEFORE})
    with pytest.raises(PlanError, match="is for the object with uid") as refused:
        client.apply(plan)
    assert old in str(refused.value)
    assert before["metadata"]["uid"] in str(refused.value)
    assert live(cluster) == before
    assert cluster.revisions() == []


def test_a_plan_is_not_applied_where_the_object_is_gone(cluster: Cluster, client: AwsAuthClient) -> None:
    plan = saved(client.plan(NEW))
    cluster.delete_aws_auth()
    with pytest.raises(PlanError, match="is for the object with uid"):
        client.apply(plan)
    assert cluster.aws_auth() is None
    assert cluster.revisions() == []


def test_a_plan_for_an_object_that_is_not_there_makes_it(cluster: Cluster, client: AwsAuthClient) -> None:
    cluster.delete_aws_auth()
    plan = saved(client.plan(NEW))
    assert cluster.aws_auth() is None
    assert client.apply(plan).changed
    assert names(text_of(cluster)) == {"new"}
    assert_true_history(client, cluster)


MEANWHILE: Final[dict[str, tuple[Callable[[Cluster], object], set[str]]]] = {
    "adds": (lambda cluster: rewrite(cluster, BEFORE + ONE.replace("one", "x")), {"admin", "one", "two", "x", "new"}),
    "removes": (lambda cluster: rewrite(cluster, ADMIN + TWO), {"admin", "two", "new"}),
    "rewrites": (lambda cluster: rewrite(cluster, AS_JSON), {"admin", "one", "two", "new"}),
    "puts back an old file": (lambda cluster: cluster.put_aws_auth({"mapRoles": ADMIN}), {"admin", "new"}),
}


@pytest.mark.parametrize("is_first", [True, False], ids=["first change", "later change"])
@pytest.mark.parametrize("case", MEANWHILE)
def test_whatever_somebody_does_before_the_write_the_change_is_made_on_top_of_it(
    cluster: Cluster, client: AwsAuthClient, case: str, *, is_first: bool
) -> None:
    """Without a plan that was approved, the change is merged with what is there then."""
    meanwhile, after = MEANWHILE[case]
    if not is_first:
        client.apply(EnsureRole(role_arn=f"{ROLE}two", username="two", groups=["first"]))
    store = Interrupted(ClusterStore(connected(cluster.kubeconfig)), "write", lambda: meanwhile(cluster))
    assert AwsAuthClient(store, author="late").apply(NEW).changed
    assert names(text_of(cluster)) == after
    log = assert_true_history(client, cluster, allowed=frozenset({"foreign-history"}))
    assert log.entries[0].live


def test_what_somebody_deletes_before_the_write_is_not_made_again(cluster: Cluster, client: AwsAuthClient) -> None:
    """As ``kubectl replace --force`` does: it could not make the object anew, and the nodes would be without theirs."""
    store = Interrupted(ClusterStore(connected(cluster.kubeconfig)), "write", cluster.delete_aws_auth)
    with pytest.raises(ConflictError, match="Another writer deleted aws-auth while this change was being made"):
        AwsAuthClient(store, author="late").apply(NEW)
    assert cluster.aws_auth() is None
    cluster.put_aws_auth({"mapRoles": BEFORE})
    assert client.apply(NEW).changed


def test_a_planned_change_is_looked_at_again_when_somebody_writes_before_it_is_made(
    cluster: Cluster, client: AwsAuthClient
) -> None:
    """After the conflict, too, only what the plan shows may come of it."""
    plan = client.plan(EXTEND)
    store = Interrupted(ClusterStore(connected(cluster.kubeconfig)), "write", lambda: rewrite(cluster, ADMIN + TWO))
    with pytest.raises(PlanError, match="the plan would have another effect now"):
        AwsAuthClient(store).apply(plan)
    assert text_of(cluster) == {"mapRoles": ADMIN + TWO}
    assert not any(entry.unconfirmed for entry in assert_true_history(client, cluster).entries)


def test_an_object_made_anew_before_the_write_is_none_that_a_plan_was_for(
    cluster: Cluster, client: AwsAuthClient
) -> None:
    plan = client.plan(NEW)

    def anew() -> None:
        cluster.delete_aws_auth()
        cluster.put_aws_auth({"mapRoles": BEFORE})

    store = Interrupted(ClusterStore(connected(cluster.kubeconfig)), "write", anew)
    with pytest.raises(PlanError, match="is for the object with uid"):
        AwsAuthClient(store).apply(plan)
    assert text_of(cluster) == {"mapRoles": BEFORE}


def test_a_race_with_another_creator_ends_in_a_merge(cluster: Cluster, client: AwsAuthClient) -> None:
    """The plan says that the object will be made, and is not for one that is there already when it is applied."""
    cluster.delete_aws_auth()
    plan = saved(client.plan(NEW))
    assert "will-be-created" in {finding.code for finding in plan.findings}
    store = ClusterStore(connected(cluster.kubeconfig))
    late = AwsAuthClient(Interrupted(store, "write", lambda: cluster.put_aws_auth({"mapRoles": BEFORE})))
    assert late.apply(plan).changed
    assert names(text_of(cluster)) == {"admin", "one", "two", "new"}
    assert_true_history(client, cluster)
    with pytest.raises(PlanError, match="is for an object without uid"):
        client.apply(plan)
