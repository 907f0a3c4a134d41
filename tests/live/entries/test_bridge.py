"""An administrator's mapping becomes an access entry without a moment without rights."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from awsauth.core.edit.changes import EnsureEntry, EnsureRole
from awsauth.entries.engine import SETTLES
from awsauth.errors import AwsServiceError, ConflictError, ForbiddenError
from awsauth.system.backoff import Backoff
from tests.support.aws.eks_webhook import bind_administrators
from tests.support.entry_changes import ADMIN, DEV
from tests.support.recovery_stage import BOTH, CLUSTER_ADMIN, OPS
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.entry_changes import Entries

BRIDGE: Final = "awsauth:administrators"
BINDINGS: Final = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
OWN: Final = EnsureEntry(principal_arn=OPS, username="ops", policies=[ADMIN])
NEVER: Final = 86400.0
EVERYTHING: Final = {"verb": "*", "group": "*", "resource": "*"}


@pytest.fixture
def mapped(entries: Entries) -> Iterator[Entries]:
    """Yield the cluster in mixed mode, whose caller is an administrator by its mapping alone."""
    entries.stage.reset(authentication_mode=BOTH)
    entries.stage.map_caller()
    entries.eks.requests.clear()
    yield entries
    entries.stage.api.request("DELETE", f"{BINDINGS}/{BRIDGE}")


def is_bound(entries: Entries) -> bool:
    return entries.stage.api.request("GET", f"{BINDINGS}/{BRIDGE}").status == 200


@contextmanager
def working(entries: Entries) -> Iterator[list[int]]:
    """Read objects that only an administrator may read, with new tokens, and collect the status of each answer."""
    answers: list[int] = []
    stage, over = entries.stage, threading.Event()

    def work() -> None:
        while not over.is_set():
            token = stage.cluster.eks_token(stage.caller)
            answers.append(stage.api.request("GET", "/api/v1/secrets", token=token).status)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join()


def await_answers(answers: list[int]) -> None:
    """Wait until a request that the worker has not begun yet is answered."""
    before = len(answers)
    wait_for(lambda: len(answers) >= before + 2)


def settle(entries: Entries, monkeypatch: pytest.MonkeyPatch, answers: list[int], *, waits: bool = True) -> None:
    """Let no policy count until awsauth waits for that; or let it not wait, and no policy ever count."""
    stage, real = entries.stage, Backoff.wait

    def wait(backoff: Backoff, at_least: float = 0.0) -> bool:
        if at_least != SETTLES:
            return real(backoff, at_least)
        await_answers(answers)
        stage.webhook.late = 0.0
        await_answers(answers)
        return True

    def use_bridge() -> None:
        stage.api.await_allowed(user="ops", groups=[BRIDGE], resourceAttributes=EVERYTHING)

    stage.webhook.late = NEVER
    # EKS takes longer to use an entry than an API server to use a binding.
    entries.once("CreateAccessEntry", use_bridge)
    if waits:
        monkeypatch.setattr("awsauth.entries.engine.SETTLES", SETTLES)
        monkeypatch.setattr(Backoff, "wait", wait)


def watch(answers: list[int], *, waits: bool) -> None:
    """Let the worker go on for a while; or until it is refused, which shows that it would tell."""
    if waits:
        await_answers(answers)
    else:
        wait_for(lambda: set(answers) != {200})


@pytest.mark.parametrize("waits", [True, False])
def test_a_worker_never_loses_its_rights(mapped: Entries, monkeypatch: pytest.MonkeyPatch, *, waits: bool) -> None:
    with working(mapped) as answers:
        settle(mapped, monkeypatch, answers, waits=waits)
        with mapped.client() as client:
            result = client.apply(OWN)
        watch(answers, waits=waits)
    assert [finding.code for finding in result.findings] == ["entry-bridge"]
    assert "After an interruption, run the same command again." in result.findings[0].hint
    assert (set(answers) == {200}) is waits
    assert mapped.state(OPS) == ("STANDARD", "ops", set(), {ADMIN: ()})
    assert mapped.writes() == ["CreateAccessEntry", "AssociateAccessPolicy", "UpdateAccessEntry"]
    assert not is_bound(mapped)


@pytest.mark.parametrize("waits", [True, False])
def test_rights_by_a_group_stay_until_those_by_a_policy_count(
    entries: Entries, monkeypatch: pytest.MonkeyPatch, *, waits: bool
) -> None:
    by_policy = EnsureEntry(principal_arn=OPS, groups=[], policies=[ADMIN], if_exists="replace")
    bind_administrators(entries.stage.api, "bosses", "bosses")
    try:
        entries.shown.entries.update(OPS, {"kubernetesGroups": ["bosses"]})
        entries.shown.entries.disassociate(OPS, CLUSTER_ADMIN)
        with working(entries) as answers, entries.client() as client:
            settle(entries, monkeypatch, answers, waits=waits)
            client.apply(by_policy)
            watch(answers, waits=waits)
    finally:
        entries.stage.api.must("DELETE", f"{BINDINGS}/bosses")
    assert (set(answers) == {200}) is waits


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", ["CreateAccessEntry", "AssociateAccessPolicy", "UpdateAccessEntry"])
def test_a_stopped_bridge_is_ended_by_the_same_call(
    mapped: Entries, monkeypatch: pytest.MonkeyPatch, call: str, *, after: bool
) -> None:
    with working(mapped) as answers:
        settle(mapped, monkeypatch, answers)
        with mapped.client() as client, mapped.stopping(call, after=after):
            client.apply(OWN)
        with mapped.client() as client:
            client.apply(OWN)
        watch(answers, waits=True)
        with mapped.client() as client:
            assert not client.apply(OWN).changed
    assert set(answers) == {200}
    assert mapped.state(OPS) == ("STANDARD", "ops", set(), {ADMIN: ()})
    # After the last call of EKS, nothing remembers the binding.
    assert is_bound(mapped) is (after and call == "UpdateAccessEntry")


def test_a_binding_that_is_still_needed_or_of_another_client_stays(mapped: Entries) -> None:
    role = {"kind": "ClusterRole", "name": "cluster-admin", "apiGroup": "rbac.authorization.k8s.io"}
    subject = {"kind": "Group", "name": BRIDGE, "apiGroup": "rbac.authorization.k8s.io"}
    binding = {"metadata": {"name": BRIDGE}, "roleRef": role, "subjects": [subject]}
    mapped.stage.api.must("POST", BINDINGS, binding)
    with mapped.client() as client:
        client.apply(OWN)
        assert is_bound(mapped)
        client.rollback_entries()
        mapped.stage.api.must("DELETE", f"{BINDINGS}/{BRIDGE}")
        # Another run is in the middle of its own bridge.
        mapped.make(DEV, groups=[BRIDGE])
        client.apply(OWN)
    assert is_bound(mapped)


def test_a_stopped_bridge_is_rolled_back_to_the_mapping(mapped: Entries) -> None:
    with mapped.client() as client:
        with mapped.stopping("UpdateAccessEntry", after=False):
            client.apply(OWN)
        client.rollback_entries()
    assert mapped.state(OPS) is None
    assert not is_bound(mapped)


def test_only_administrators_need_the_bridge(mapped: Entries) -> None:
    with mapped.client() as client:
        client.apply(EnsureRole(role_arn=DEV, username="dev", groups=["devs"]))
        result = client.apply(EnsureEntry(principal_arn=DEV, policies=[ADMIN]))
    assert [finding.code for finding in result.findings if finding.code == "entry-bridge"] == []
    assert not is_bound(mapped)


def test_another_binding_of_that_name_is_refused_before_anything_is_made(mapped: Entries) -> None:
    role = {"kind": "ClusterRole", "name": "view", "apiGroup": "rbac.authorization.k8s.io"}
    mapped.stage.api.must("POST", BINDINGS, {"metadata": {"name": BRIDGE}, "roleRef": role, "subjects": []})
    with mapped.client() as client, pytest.raises(ConflictError) as caught:
        client.apply(OWN)
    assert f"delete it with `kubectl delete clusterrolebinding {BRIDGE}`, and run this again" in caught.value.hint
    assert (mapped.writes(), mapped.recorded()) == ([], [])


def test_who_may_not_make_the_binding_is_told_the_command(mapped: Entries) -> None:
    rules = [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]},
        {"apiGroups": ["apps"], "resources": ["controllerrevisions"], "verbs": ["get", "list", "create"]},
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterrolebindings"], "verbs": ["get"]},
    ]
    api = mapped.stage.api
    api.must("POST", BINDINGS.replace("bindings", "s"), {"metadata": {"name": "limited"}, "rules": rules})
    subject = {"kind": "User", "name": "limited", "apiGroup": "rbac.authorization.k8s.io"}
    role = {"kind": "ClusterRole", "name": "limited", "apiGroup": "rbac.authorization.k8s.io"}
    api.must("POST", BINDINGS, {"metadata": {"name": "limited"}, "roleRef": role, "subjects": [subject]})
    reading = {"verb": "get", "resource": "configmaps", "namespace": "kube-system"}
    api.await_allowed(user="limited", resourceAttributes=reading)
    try:
        with mapped.client(as_user="limited") as client, pytest.raises(ForbiddenError) as caught:
            client.apply(OWN)
    finally:
        api.must("DELETE", f"{BINDINGS}/limited")
        api.must("DELETE", f"{BINDINGS.replace('bindings', 's')}/limited")
    assert f"`kubectl create clusterrolebinding {BRIDGE} --clusterrole=cluster-admin" in caught.value.hint
    assert (mapped.writes(), mapped.recorded()) == ([], [])


def test_a_failure_behind_the_bridge_names_it(mapped: Entries) -> None:
    mapped.eks.fail("AssociateAccessPolicy", "InvalidRequestException", "Not now.")
    with mapped.client() as client:
        with pytest.raises(AwsServiceError) as caught:
            client.apply(OWN)
        assert "made the ClusterRoleBinding awsauth:administrators; made the access entry of" in caught.value.hint
        client.apply(OWN)
    assert mapped.state(OPS) == ("STANDARD", "ops", set(), {ADMIN: ()})
    assert mapped.stage.identity()
