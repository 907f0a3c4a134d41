"""Getting back into a cluster: on a real API server, which lets in by the access entries of the stand-in for EKS too.

Somebody breaks ``aws-auth`` with kubectl, and the caller, who may use the EKS API, gets in again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.client import BaseClient

from awsauth.core.entries.model import TEMPORARY
from awsauth.errors import AwsPermissionError, AwsServiceError, GuardError, OutcomeUnknownError, RecoveryError
from awsauth.kube.transport import Transport
from awsauth.recovery.plan import SWITCH
from tests.support.aws.eks_fake_entries import EksError
from tests.support.recovery_stage import BOTH, BROKEN, CLUSTER_ADMIN, OPS, ROLE, Stage

if TYPE_CHECKING:
    from awsauth.recovery.plan import Recovery


def test_locked_out_by_an_edit_with_kubectl_and_in_again_with_nothing_left_behind(stage: Stage) -> None:
    good = stage.map_caller()
    stage.reset(creator=f"{ROLE}recover-creator")
    stage.shown.nodegroups["ng"] = f"{ROLE}recover-node"
    stage.cluster.kubectl("patch", "cm", "-n", "kube-system", "aws-auth", "-p", json.dumps({"data": BROKEN}))
    stage.await_out()
    done = stage.recover(allow=[SWITCH], reason="typo")
    assert stage.text == good
    assert (who := stage.identity())
    assert (who.username, who.groups) == ("ops", ("system:masters",))
    made_by_eks = (f"{ROLE}recover-creator", f"{ROLE}recover-node")
    assert tuple(stage.entries) == done.entries == made_by_eks
    assert stage.shown.authentication_mode == BOTH
    assert [str(left) for left in done.left] == [f"The authentication mode {BOTH}, which cannot be switched back."]
    assert done.seen == "`ops` in `system:masters`"
    assert done.administrators == (f"{ROLE}recover-ops",)
    assert done.result is not None
    assert done.result.revision == 4
    for said in (*made_by_eks, "Rolled aws-auth back to revision 2", "is accepted as `ops`"):
        assert said in str(done)
    assert [step.name for step in stage.recover(dry_run=True).plan.steps] == ["connect", "prove", "probe"]
    again = stage.recover()
    assert not again.changed
    assert "Nothing had to be done" in str(again)


def test_nothing_is_done_before_it_is_shown_and_the_one_way_step_is_allowed_by_name(stage: Stage) -> None:
    stage.map_caller()
    stage.lock_out()
    before = stage.state()
    plan = stage.recover(dry_run=True).plan
    assert [step.name for step in plan.steps] == [
        "switch-mode", "make-entry", "wait", "repair", "prove", "remove-entry", "probe",
    ]  # fmt: skip
    assert [step.name for step in plan.steps if step.is_one_way] == ["switch-mode"]
    assert plan.needs == (SWITCH,)
    assert {"eks:UpdateClusterConfig", "eks:CreateAccessEntry", "eks:DeleteAccessEntry"} <= set(plan.actions)
    assert f"entry for {OPS}" in str(plan)
    assert "rejected (401)" in str(plan)
    with pytest.raises(GuardError, match="cannot be undone") as caught:
        stage.recover()
    assert f"allow=['{SWITCH}']" in caught.value.hint
    assert "creator_role" in caught.value.hint
    assert set(stage.eks.operations()) == {"DescribeCluster"}
    assert stage.state() == before
    assert stage.recover(dry_run=True, allow=[SWITCH]).plan.needs == ()


class StoppedError(BaseException):
    """Stands for SIGKILL: nothing in the library may catch it."""


class Calls:
    """Every call of AWS and of the API server; stops before the one behind some changes.

    How many calls only look differs from run to run: until an update is done, it is looked at again and again.

    Attributes:
        changes: How many changed anything.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.changes = 0
        self._stop_behind = 0
        calls, sent = BaseClient._make_api_call, Transport.request  # type: ignore[attr-defined]

        def call(client: Any, operation: str, parameters: Any) -> Any:
            # An update goes on while it is looked at.
            self._next(changes=operation == "DescribeUpdate" or not operation.startswith(("Get", "List", "Describe")))
            return calls(client, operation, parameters)

        def send(transport: Transport, *arguments: Any, **options: Any) -> Any:
            self._next(changes=options.get("changes", False))
            return sent(transport, *arguments, **options)

        monkeypatch.setattr(BaseClient, "_make_api_call", call)
        monkeypatch.setattr(Transport, "request", send)

    def begin(self, *, stop_behind: int = 0) -> None:
        """Count anew, and stop before the call behind as many changes: before any other, all is as before that one."""
        self.changes = 0
        self._stop_behind = stop_behind

    def _next(self, *, changes: bool) -> None:
        if self._stop_behind and self.changes == self._stop_behind:
            raise StoppedError
        self.changes += changes


@pytest.mark.parametrize("mode", ["CONFIG_MAP", BOTH])
def test_stopped_after_any_change_and_run_again_it_ends_as_if_it_had_not_been(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """From ``CONFIG_MAP`` with all that takes; from the other mode with an entry that was there before."""
    stage.map_caller()

    def run() -> Recovery:
        return stage.recover(allow=[SWITCH])

    def prepare() -> None:
        stage.reset(authentication_mode=mode, creator=f"{ROLE}recover-creator")
        stage.lock_out()
        if mode == BOTH:
            stage.shown.entries.create(OPS, {"kubernetesGroups": ["viewers"], "tags": {"theirs": "stays"}})

    prepare()
    calls = Calls(monkeypatch)
    run()
    expected, changes = stage.state(), calls.changes
    assert changes >= 7
    for step in range(1, changes + 1):
        prepare()
        calls.begin(stop_behind=step)
        with pytest.raises(StoppedError):
            run()
        calls.begin()
        again = run()
        text, revisions, *eks = stage.state()
        assert (text, eks) == (expected[0], list(expected[2:])), step
        # Those that were recorded, and whose write never came, may be among them.
        last = expected[1][-1]
        assert set(expected[1]) <= set(revisions) <= {*expected[1], last + 1, last + 2}
        assert not [left for left in again.left if left.command]


def test_an_entry_that_is_there_is_used_and_stays_as_it_was(stage: Stage) -> None:
    good = stage.map_caller()
    stage.lock_out()
    stage.reset(authentication_mode=BOTH)
    stage.shown.entries.create(OPS, {"kubernetesGroups": ["viewers"], "tags": {"theirs": "stays"}})
    plan = stage.recover(dry_run=True).plan
    assert "take-policy" in [step.name for step in plan.steps]
    assert any("wins over aws-auth" in note for note in plan.notes)
    done = stage.recover()
    assert stage.text == good
    entry = stage.shown.entries.entries[OPS]
    assert (entry.groups, entry.tags, entry.policies) == (("viewers",), {"theirs": "stays"}, {})
    assert not {"CreateAccessEntry", "DeleteAccessEntry", "UpdateClusterConfig"} & set(stage.eks.operations())
    assert (done.seen, done.left) == ("", ())
    assert any("wins over aws-auth" in note for note in done.notes)


def test_an_entry_that_makes_the_caller_an_administrator_is_not_touched(stage: Stage) -> None:
    stage.map_caller()
    stage.lock_out()
    stage.reset(authentication_mode=BOTH)
    stage.shown.entries.made_by_eks(OPS, "STANDARD")
    done = stage.recover()
    assert done.plan.way == "direct"
    assert done.done == ("Rolled aws-auth back to revision 2",)
    assert not [name for name in stage.eks.operations() if not name.startswith(("Describe", "List"))]


@pytest.mark.parametrize(
    ("entry", "said"),
    [({"type": "EC2_LINUX"}, "an access entry for nodes"), ({"type": "STANDARD"}, "for some namespaces only")],
)
def test_an_entry_that_cannot_be_used_is_refused_and_left_alone(stage: Stage, entry: dict[str, str], said: str) -> None:
    stage.map_caller()
    stage.lock_out()
    stage.reset(authentication_mode=BOTH)
    stage.shown.entries.create(OPS, entry)
    if entry["type"] == "STANDARD":
        scope = {"type": "namespace", "namespaces": ["apps"]}
        stage.shown.entries.associate(OPS, {"policyArn": CLUSTER_ADMIN, "accessScope": scope})
    before = stage.state()
    with pytest.raises(RecoveryError, match=said):
        stage.recover()
    assert stage.state() == before


def test_a_cluster_that_looks_at_entries_already_is_not_switched(stage: Stage) -> None:
    stage.map_caller()
    stage.lock_out()
    stage.reset(authentication_mode=BOTH)
    stage.shown.entries.lag = 2
    stage.webhook.ignores = 2
    done = stage.recover()
    assert "UpdateClusterConfig" not in stage.eks.operations()
    assert (stage.entries, done.left, done.entries) == ([], (), ())
    assert done.seen


@pytest.mark.parametrize("operation", ["UpdateClusterConfig", "CreateAccessEntry", "AssociateAccessPolicy"])
def test_what_iam_does_not_allow_is_said_before_the_one_way_step(stage: Stage, operation: str) -> None:
    stage.map_caller()
    stage.lock_out()
    before = stage.state()
    stage.eks.deny(operation)
    with pytest.raises(AwsPermissionError, match=operation) as caught:
        stage.recover(allow=[SWITCH])
    assert caught.value.action == f"eks:{operation}"
    assert caught.value.changed is False
    assert stage.state() == before


@pytest.mark.parametrize(
    ("operation", "left"),
    [("UpdateClusterConfig", "aws eks list-updates"), ("CreateAccessEntry", "aws eks describe-access-entry")],
)
def test_what_eks_did_and_did_not_answer_is_not_told_as_not_done(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, operation: str, left: str
) -> None:
    stage.map_caller()
    stage.lock_out()
    if operation != "UpdateClusterConfig":
        stage.reset(authentication_mode=BOTH)
    stage.shown.update_polls = 0
    answer = stage.eks.answer
    path = {"UpdateClusterConfig": "/update-config", "CreateAccessEntry": "/access-entries"}[operation]

    def lost(method: str, at: str, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        try:
            return answer(method, at, query, body)
        finally:
            if method == "POST" and at.endswith(path):
                raise EksError("ServerException", "Internal error", 500)

    monkeypatch.setattr(stage.eks, "answer", lost)
    with pytest.raises(OutcomeUnknownError, match="AWS may have done it") as caught:
        stage.recover(allow=[SWITCH])
    assert caught.value.changed is (True if operation == "CreateAccessEntry" and "Done" in caught.value.hint else None)
    assert left in caught.value.hint
    assert stage.shown.authentication_mode == BOTH
    assert stage.entries == []
    monkeypatch.undo()


def test_a_switch_that_was_begun_is_told_when_what_follows_fails(stage: Stage) -> None:
    stage.map_caller()
    stage.lock_out()
    stage.eks.fail("DescribeUpdate", "ThrottlingException", "Rate exceeded", times=3)
    with pytest.raises(AwsServiceError, match="too many calls") as caught:
        stage.recover(allow=[SWITCH])
    assert caught.value.changed is True
    assert (
        f"Done so far: Began to switch the authentication mode to {BOTH}, which goes on by itself" in caught.value.hint
    )
    stage.recover(allow=[SWITCH])
    assert stage.shown.authentication_mode == BOTH


def test_what_was_made_is_taken_away_when_iam_does_not_allow_the_next_step(stage: Stage) -> None:
    stage.map_caller()
    stage.lock_out()
    stage.reset(authentication_mode=BOTH)
    before = stage.state()
    stage.eks.deny("AssociateAccessPolicy")
    with pytest.raises(AwsPermissionError, match="eks:AssociateAccessPolicy") as caught:
        stage.recover()
    assert f"Made a temporary access entry for {OPS}; Deleted the temporary access entry of {OPS}" in caught.value.hint
    assert stage.state() == before


def test_an_entry_that_was_not_made_is_not_deleted(stage: Stage) -> None:
    stage.map_caller()
    stage.lock_out()
    stage.reset(authentication_mode=BOTH)
    stage.eks.deny("CreateAccessEntry")
    with pytest.raises(AwsPermissionError, match="eks:CreateAccessEntry") as caught:
        stage.recover()
    assert caught.value.changed is False
    assert "DeleteAccessEntry" not in stage.eks.operations()


def test_what_is_left_after_a_failure_is_told_beside_it(stage: Stage) -> None:
    stage.map_caller()
    stage.lock_out()
    stage.reset(authentication_mode=BOTH)
    stage.eks.deny("AssociateAccessPolicy", "DeleteAccessEntry")
    with pytest.raises(AwsPermissionError, match="not allow eks:AssociateAccessPolicy") as caught:
        stage.recover()
    assert "aws eks delete-access-entry" in caught.value.hint
    assert "The temporary access could not be removed" in caught.value.hint


def test_stopped_from_the_keyboard_it_takes_the_entry_away(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.map_caller()
    stage.lock_out()
    stage.reset(authentication_mode=BOTH)
    before = stage.state()

    def interrupted(*_: object) -> None:
        assert TEMPORARY in stage.shown.entries.entries[OPS].tags
        raise KeyboardInterrupt

    monkeypatch.setattr("awsauth.recovery.repair.AccessRepair.apply", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stage.recover()
    assert stage.state() == before


def test_what_cannot_be_taken_away_is_told_with_the_command_and_gone_after_the_next_run(stage: Stage) -> None:
    good = stage.map_caller()
    stage.lock_out()
    stage.reset(authentication_mode=BOTH)
    stage.eks.deny("DeleteAccessEntry")
    with pytest.raises(AwsPermissionError, match="eks:DeleteAccessEntry") as caught:
        stage.recover()
    command = (
        f"aws eks delete-access-entry --region us-east-1 --cluster-name {stage.cluster.name} --principal-arn {OPS}"
    )
    assert command in caught.value.hint
    assert stage.text == good
    assert TEMPORARY in stage.shown.entries.entries[OPS].tags
    stage.eks.deny()
    done = stage.recover()
    assert done.done == (f"Deleted the temporary access entry of {OPS}",)
    assert stage.entries == []


def test_what_another_recovery_left_behind_is_told(stage: Stage) -> None:
    stage.map_caller()
    stage.reset(authentication_mode=BOTH)
    theirs = f"{ROLE}recover-other"
    entries = stage.shown.entries
    entries.create(theirs, {"tags": {TEMPORARY: "2024-01-02T03:04:05Z"}})
    entries.associate(theirs, {"policyArn": CLUSTER_ADMIN, "accessScope": {"type": "cluster"}})
    done = stage.recover()
    assert not done.changed
    assert any("Another recovery" in note and f"--principal-arn {theirs}" in note for note in done.notes)


def test_the_creators_role_comes_before_a_one_way_switch(stage: Stage) -> None:
    good = stage.map_caller()
    stage.lock_out()
    stage.reset(creator=f"{ROLE}recover-creator")
    done = stage.recover(creator_role=f"{ROLE}recover-creator")
    assert done.plan.way == "creator"
    assert "Roll aws-auth back to revision 2; mappings that others added since stay" in str(done.plan)
    assert done.done == ("Rolled aws-auth back to revision 2",)
    assert stage.text == good
    assert done.seen == "`ops` in `system:masters`"
    assert (stage.shown.authentication_mode, done.left) == ("CONFIG_MAP", ())
    assert set(stage.eks.operations()) == {"DescribeCluster"}


def test_a_role_that_is_not_the_creators_is_told_and_does_not_keep_from_the_other_way(stage: Stage) -> None:
    stage.map_caller()
    stage.lock_out()
    plan = stage.recover(creator_role=f"{ROLE}recover-nobody", dry_run=True).plan
    assert "repair" in [step.name for step in plan.steps]
    assert plan.way == "access-entry"
    assert any("recover-nobody does not help: it is rejected (401)" in note for note in plan.notes)
    stage.reset(authentication_mode=BOTH, creator=f"{ROLE}recover-creator")
    plan = stage.recover(dry_run=True).plan
    assert any(f"{ROLE}recover-creator. If you may assume" in note for note in plan.notes)


def test_the_creator_repairs_directly_and_stays_in_whatever_aws_auth_says_of_it(stage: Stage) -> None:
    good = stage.map_caller()
    stage.reset(creator=f"{ROLE}recover-ops")
    live = stage.cluster.aws_auth() or {}
    live["data"] = {"mapRoles": BROKEN["mapRoles"]}
    stage.cluster.api.must("PUT", "/api/v1/namespaces/kube-system/configmaps/aws-auth", live)
    done = stage.recover()
    assert (done.plan.way, stage.text) == ("direct", good)
    assert done.seen == "`kubernetes-admin` in `system:masters`"


def test_when_a_new_token_does_not_get_in_after_all_the_entry_is_put_back(stage: Stage) -> None:
    good = stage.map_caller()
    stage.lock_out()
    stage.reset(authentication_mode=BOTH)
    stage.webhook.is_unwell = True
    with pytest.raises(RecoveryError, match="The temporary access was put back") as caught:
        stage.recover(timeout=0.5)
    assert "is `ops`, in `system:masters`" in str(caught.value)
    assert "rejected (401)" in str(caught.value)
    assert "aws eks delete-access-entry" in caught.value.hint
    assert stage.text == good
    assert stage.identity() is not None
    stage.webhook.is_unwell = False
    assert stage.recover().left == ()
    assert stage.entries == []


def test_an_entry_that_never_counts_is_taken_away_again(stage: Stage) -> None:
    stage.map_caller()
    stage.lock_out()
    stage.reset(authentication_mode=BOTH)
    before = stage.state()
    stage.webhook.ignores = 1000
    with pytest.raises(RecoveryError, match="does not let it in as an administrator") as caught:
        stage.recover(timeout=0.3)
    assert "created again" in caught.value.hint
    assert stage.state() == before
