"""Who may do what: the roles under examples/rbac are enough, and nothing in them is too much.

Each test has a user of its own on a real API server, bound to the rules of one manifest: to all of them, or to all but
one verb of one rule.
"""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from awsauth.client import AwsAuthClient
from awsauth.core.cluster.findings import owned_revisions
from awsauth.core.edit.changes import EnsureRole, RemoveRole
from awsauth.errors import ForbiddenError
from awsauth.history import commit, log as pruning
from awsauth.kube.rbac import missing, read_rbac
from awsauth.kube.resources import read_nodes, read_revision_owners
from awsauth.stores.cluster import ClusterStore
from tests.support.changed import PREFIX
from tests.support.connections import connected
from tests.support.rbac_manifests import EDITOR, FOLDER, IN_CODE, NAMES, Rule, rules
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from awsauth.core.findings import Finding
    from tests.support.controlplane.cluster import Cluster, User


def each_rule() -> list[Any]:
    return [
        pytest.param(name, kind, rule, id=f"{name} {rule['verbs'][0]} {rule['resources'][0]}")
        for name in NAMES
        for kind in ("Role", "ClusterRole")
        for rule in rules(name, kind)
    ]


def client_of(kubeconfig: Path) -> AwsAuthClient:
    return AwsAuthClient.from_kubeconfig(path=kubeconfig)


def a_change(name: str) -> EnsureRole:
    return EnsureRole(role_arn=f"{PREFIX}/{name}", username=name, groups=["viewers"])


def read(user: User) -> None:
    client = client_of(user.kubeconfig)
    assert client.plan([a_change("planned")]).diff
    assert [entry.info.number for entry in client.history().entries] == [3, 2, 1]
    assert client.show(1).data == {"mapRoles": "[]\n"}
    assert read_revision_owners(connected(user.kubeconfig)) == {}
    look_around(user)


def look_around(user: User) -> None:
    """Ask what checks and guards ask the whole cluster; a client goes without what it may not see, and says so."""
    api = connected(user.kubeconfig)
    read_rbac(api)
    read_nodes(api)


def edit(user: User) -> None:
    client = client_of(user.kubeconfig)
    client.apply(a_change("new"))
    client.rollback(to=2)
    assert client.apply(a_change("newer"), dry_run=True).changed
    look_around(user)


def make(user: User) -> None:
    assert client_of(user.kubeconfig).apply(a_change("first")).changed


def prune(user: User) -> None:
    client = client_of(user.kubeconfig)
    client.prune()
    second = client.history().entries[-1].info
    assert second.number == 2
    # A revision that was written since it was listed is looked at again; so is one that somebody else listed.
    ClusterStore(connected(user.kubeconfig)).discard_revision(2, second.digest)


def work(cluster: Cluster, name: str, rule: Rule | None = None) -> Callable[[User], None]:
    """Return what a role is for; of editing, the part that `rule` is for."""
    if name == "editor" and rule and (rule["resources"], rule["verbs"]) == (["configmaps"], ["create"]):
        cluster.delete_aws_auth()
        return make
    return {"reader": read, "editor": edit, "pruner": prune}[name]


@pytest.fixture
def history(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A cluster whose aws-auth has three revisions, of which the first need not be kept."""
    cluster.put_aws_auth({"mapRoles": "[]\n"})
    client = client_of(cluster.kubeconfig)
    for name in ("one", "two"):
        assert client.apply(a_change(name)).changed
    monkeypatch.setattr(pruning, "KEEP_LAST", 1)
    monkeypatch.setattr(pruning, "KEEP_FOR", timedelta(0))
    monkeypatch.setattr(pruning, "TOO_YOUNG", timedelta(0))
    return cluster


@pytest.mark.parametrize("name", NAMES)
def test_with_exactly_these_rules_everything_works(history: Cluster, name: str) -> None:
    user = history.user(rules(name, "Role"), cluster_rules=rules(name, "ClusterRole"))
    work(history, name)(user)
    numbers = [revision["revision"] for revision in history.revisions()]
    assert numbers == {"reader": [1, 2, 3], "editor": [1, 2, 3, 4, 5], "pruner": [3]}[name]


def test_an_editor_can_make_what_is_not_there(history: Cluster) -> None:
    history.delete_aws_auth()
    make(history.user(rules("editor", "Role")))
    made = history.aws_auth()
    assert made is not None
    assert f"{PREFIX}/first" in made["data"]["mapRoles"]


@pytest.mark.parametrize(("name", "kind", "rule"), each_rule())
def test_the_error_names_the_rule_that_is_missing(history: Cluster, name: str, kind: str, rule: Rule) -> None:
    """The one that was taken away, in a form that works when it is pasted."""
    left = {each: [other for other in rules(name, each) if other != rule] for each in ("Role", "ClusterRole")}
    do = work(history, name, rule)
    with pytest.raises(ForbiddenError) as refused:
        do(history.user(left["Role"], cluster_rules=left["ClusterRole"]))
    error = refused.value
    pasted = yaml.safe_load(error.rule)
    assert (error.role, pasted) == (kind, [rule])
    assert error.rule in str(error)
    left[error.role] += pasted
    do(history.user(left["Role"], cluster_rules=left["ClusterRole"]))


@pytest.mark.parametrize("name", NAMES)
def test_a_manifest_binds_its_group(history: Cluster, name: str) -> None:
    """Applied as it is, it gives whoever is in the group what it says, and nobody else."""
    assert missing(connected(history.user().kubeconfig), IN_CODE[name]) == IN_CODE[name]
    history.kubectl("apply", "-f", str(FOLDER / f"{name}.yaml"))
    member = connected(history.kubeconfig, as_user="somebody", as_groups=[f"awsauth-{name}s"])
    wait_for(lambda: missing(member, IN_CODE[name]), lambda lacking: not lacking)


def test_who_may_read_is_told_what_changing_takes(history: Cluster) -> None:
    reader = history.user(rules("reader", "Role"), cluster_rules=rules("reader", "ClusterRole"))
    lacking = missing(connected(reader.kubeconfig), EDITOR)
    assert [(rule.verb, rule.resource) for rule in lacking] == [
        ("update", "configmaps"),
        ("create", "controllerrevisions"),
        ("create", "configmaps"),
    ]


def test_a_change_that_prunes_by_the_way_goes_without_that_right(
    history: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "PRUNE_EVERY", 1)
    editor = client_of(history.user(rules("editor", "Role")).kubeconfig)
    assert editor.apply(a_change("new")).changed
    assert len(history.revisions()) == 4
    both = client_of(history.user([*rules("editor", "Role"), *rules("pruner", "Role")]).kubeconfig)
    assert both.apply(a_change("newer")).changed
    assert [revision["revision"] for revision in history.revisions()] == [4, 5]


def test_without_the_right_to_record_the_way_out_is_named(history: Cluster) -> None:
    """Nothing is changed, and history=False, which needs no revision, is offered and works."""
    before = history.aws_auth()
    user = history.user([rule for rule in rules("editor", "Role") if rule["resources"] == ["configmaps"]])
    client = client_of(user.kubeconfig)
    with pytest.raises(ForbiddenError, match="history=False"):
        client.apply(a_change("new"))
    assert history.aws_auth() == before
    assert client.apply(a_change("new"), history=False).changed


def test_what_may_not_be_looked_at_is_said_with_its_rule(history: Cluster) -> None:
    """Checks and guards go on without it; once the rules are pasted, nothing is left to be said."""
    role = rules("editor", "Role")
    result = client_of(history.user(role).kubeconfig).apply(RemoveRole(role_arn=f"{PREFIX}/one"))
    assert result.changed
    assert rules_in(result.findings) == rules("editor", "ClusterRole")[:1]
    pasted: list[Rule] = []
    while said := rules_in(client_of(history.user(role, cluster_rules=pasted).kubeconfig).check()):
        assert not [rule for rule in said if rule in pasted]
        pasted += said
    assert sorted(rule["resources"] for rule in pasted) == [["clusterrolebindings"], ["nodes"], ["rolebindings"]]


def rules_in(findings: Iterable[Finding]) -> list[Rule]:
    """Return the rules in the cures of what was not looked at."""
    cures = [finding.hint for finding in findings if finding.code == "not-looked-at"]
    return [rule for hint in cures for rule in yaml.safe_load(hint.partition("\n")[2])]


def test_a_revision_with_an_owner_is_found(history: Cluster) -> None:
    account = history.api.must("GET", "/api/v1/namespaces/kube-system")["metadata"]
    owner = {"apiVersion": "v1", "kind": "Namespace", "name": "kube-system", "uid": account["uid"]}
    patch = {"metadata": {"ownerReferences": [owner]}}
    path = "/apis/apps/v1/namespaces/kube-system/controllerrevisions/aws-auth-2"
    history.api.must("PATCH", path, patch, content_type="application/merge-patch+json")
    api = connected(history.kubeconfig)
    assert read_revision_owners(api) == {"aws-auth-2": ("Namespace kube-system",)}
    [found] = owned_revisions(read_revision_owners(api))
    command = found.hint.split("`")[1]
    history.kubectl(*shlex.split(command)[1:])
    assert read_revision_owners(api) == {}
