"""Getting back into a cluster: on a real API server, which lets in by the access entries of the stand-in for EKS too.

Somebody breaks ``aws-auth`` with kubectl, and the caller, who may use the EKS API, gets in again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import boto3
import botocore.session
import pytest
from botocore.client import BaseClient
from botocore.loaders import create_loader

from awsauth.aws.access_entries import TEMPORARY, AccessEntries
from awsauth.aws.authentication_mode import switch_to_both
from awsauth.aws.eks import describe_cluster
from awsauth.aws.session import AwsSession
from awsauth.aws.token import TokenSource
from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import EnsureRole, EnsureUser, ReplaceText
from awsauth.core.revisions.annotations import head_written
from awsauth.core.revisions.revision import info_from_object
from awsauth.errors import (
    AwsPermissionError,
    AwsServiceError,
    GuardError,
    OutcomeUnknownError,
    RecoveryError,
    UnprovenHistoryError,
    UsageError,
)
from awsauth.kube.transport import Transport
from awsauth.recovery.recover import recover
from awsauth.recovery.report import SWITCH
from tests.support.aws.aws_environment import KEYS, only
from tests.support.aws.eks_fake import EksFake
from tests.support.aws.eks_fake_entries import EksError
from tests.support.aws.eks_webhook import EksWebhook
from tests.support.controlplane.authority import Authority
from tests.support.controlplane.processes import free_port
from tests.support.waiting import PATIENCE, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from awsauth.recovery.report import Recovery
    from tests.support.aws.eks_fake import FakeCluster
    from tests.support.controlplane.api_server import ApiServer
    from tests.support.controlplane.aws import AwsCredentials
    from tests.support.controlplane.cluster import Cluster, Identity
    from tests.support.controlplane.plane import ControlPlane

ACCOUNT: Final = "123456789012"
ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/"
OPS: Final = f"{ROLE}team/recover-ops"
GOOD: Final = {
    "mapRoles": f"- rolearn: {ROLE}recover-node\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n"
    "  groups: [system:bootstrappers, system:nodes]\n"
}
BROKEN: Final = {"mapRoles": f"{GOOD['mapRoles']}- rolearn: {ROLE}x\n  username: {{{{SessionName}}}}\n"}
"""A template without quotes: the whole text cannot be read."""

REVISIONS: Final = "/apis/apps/v1/namespaces/kube-system/controllerrevisions"
BOTH: Final = "API_AND_CONFIG_MAP"
# To read the descriptions of AWS's services takes a while: once is enough.
_LOADER: Final = create_loader()
CLUSTER_ADMIN: Final = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


@pytest.fixture(scope="module")
def front(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[EksWebhook, ApiServer]]:
    """Yield an API server that asks EKS's access entries first."""
    folder = tmp_path_factory.mktemp("webhook")
    with (
        EksWebhook(control_plane, folder) as webhook,
        control_plane.second_api_server(cache_ttl="0s", webhook=webhook.kubeconfig) as api,
    ):
        yield webhook, api


@dataclass
class Stage:
    """A cluster of EKS with its control plane, and the caller, whose credentials are in the environment."""

    cluster: Cluster
    eks: EksFake
    webhook: EksWebhook
    api: ApiServer
    caller: AwsCredentials
    session: boto3.Session

    @property
    def shown(self) -> FakeCluster:
        """The cluster as EKS has it."""
        return self.eks.clusters[self.cluster.name]

    def recover(self, **how: Any) -> Recovery:
        """Recover as the caller."""
        return recover(self.cluster.name, session=self.session, **how)

    @property
    def entries(self) -> list[str]:
        """Whose access entries there are."""
        return list(self.shown.entries.entries)

    def reset(self, **how: Any) -> None:
        """Make the cluster new for EKS: `how` says what it is like."""
        authority = self.api.ca_file.read_text(encoding="utf-8")
        self.webhook.eks = self.eks.add_cluster(
            self.cluster.name, endpoint=self.api.url, certificate_authority=authority, **how
        )
        self.webhook.ignores = 0
        self.webhook.is_unwell = False
        self.eks.requests.clear()

    def identity(self) -> Identity | None:
        """Return whom the API server takes the caller for."""
        return self.cluster.identity(self.cluster.eks_token(self.caller), api=self.api)

    def map_caller(self) -> str:
        """Map the caller as administrator, which makes revisions 1 and 2, and return the text."""
        self.cluster.put_aws_auth(GOOD)
        with AwsAuthClient.from_kubeconfig(path=self.cluster.kubeconfig, author="admins") as admins:
            admins.add_role_mapping(f"{ROLE}recover-ops", username="ops", groups=["system:masters"])
        self._await(is_in=True)
        return self.text

    def lock_out(self, text: str = BROKEN["mapRoles"]) -> None:
        """Write a text as somebody does with another tool, wait until it counts, and forget all revisions but two."""
        live = self.cluster.aws_auth() or {}
        live["data"] = {"mapRoles": text}
        kept = self.cluster.revisions()[1]
        live["metadata"]["annotations"] = head_written(info_from_object(kept).head)
        self.cluster.api.must("PUT", "/api/v1/namespaces/kube-system/configmaps/aws-auth", live)
        for revision in self.cluster.revisions()[2:]:
            self.cluster.api.must("DELETE", f"{REVISIONS}/{revision['metadata']['name']}")
        self.await_out()

    def await_out(self) -> None:
        """Wait until the caller is locked out."""
        self._await(is_in=False)

    @property
    def text(self) -> str:
        """The text of ``mapRoles``."""
        return str((self.cluster.aws_auth() or {})["data"]["mapRoles"])

    def state(self) -> tuple[str, list[int], str, dict[str, Any]]:
        """Return all that a recovery may change: the text, the revisions, the mode, and the entries."""
        entries = {
            arn: (entry.username, entry.groups, tuple(entry.tags), tuple(entry.policies))
            for arn, entry in self.shown.entries.entries.items()
        }
        numbers = [int(revision["revision"]) for revision in self.cluster.revisions()]
        return self.text, numbers, self.shown.authentication_mode, entries

    def _await(self, *, is_in: bool) -> None:
        wait_for(self.identity, lambda identity: (identity is not None) is is_in)


@pytest.fixture(scope="module")
def caller(control_plane: ControlPlane) -> AwsCredentials:
    """Return the credentials of a session of a role with a path."""
    role = control_plane.aws.create_role("recover-ops", path="/team/")
    return control_plane.aws.assume_role(role, session_name="alice")


@pytest.fixture
def stage(
    cluster: Cluster,
    front: tuple[EksWebhook, ApiServer],
    caller: AwsCredentials,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Stage]:
    webhook, api = front
    with EksFake(region=cluster.aws.region, account=ACCOUNT) as eks:
        only(monkeypatch, tmp_path, cluster.aws.environment | eks.environment | caller.environment)
        inner = botocore.session.get_session()
        inner.register_component("data_loader", _LOADER)
        stage = Stage(cluster, eks, webhook, api, caller, boto3.Session(botocore_session=inner))
        stage.reset()
        webhook.bind_policies(api)
        yield stage
        webhook.eks = None


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
    for said in (*made_by_eks, "Rolled aws-auth back to revision 2", "gets in as `ops`"):
        assert said in str(done)
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
    assert "not let in (401)" in str(plan)
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
    assert any("wins over what aws-auth says" in note for note in plan.notes)
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


def test_a_cluster_that_does_not_look_at_aws_auth_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with EksFake() as eks:
        only(monkeypatch, tmp_path, KEYS | eks.environment | {"AWS_REGION": eks.region})
        authority = Authority(tmp_path).certificate_file.read_text(encoding="utf-8")
        eks.add_cluster("prod", certificate_authority=authority, authentication_mode="API")
        with pytest.raises(RecoveryError, match="does not look at aws-auth") as caught:
            recover("prod")
        assert "create-access-entry" in caught.value.hint
        assert eks.operations() == ["DescribeCluster"]


@pytest.mark.parametrize("operation", ["UpdateClusterConfig", "CreateAccessEntry", "AssociateAccessPolicy"])
def test_what_iam_does_not_allow_is_said_before_the_one_way_step(stage: Stage, operation: str) -> None:
    stage.map_caller()
    stage.lock_out()
    before = stage.state()
    stage.eks.deny(operation)
    with pytest.raises(AwsPermissionError, match=operation) as caught:
        stage.recover(allow=[SWITCH])
    assert caught.value.action == f"eks:{operation}"
    assert "Nothing was changed so far." in caught.value.hint
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
    with pytest.raises(OutcomeUnknownError, match="may have been done all the same") as caught:
        stage.recover(allow=[SWITCH])
    assert "Nothing was changed" not in str(caught.value)
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


def test_what_is_left_after_a_failure_is_told_beside_it(stage: Stage) -> None:
    stage.map_caller()
    stage.lock_out()
    stage.reset(authentication_mode=BOTH)
    stage.eks.deny("AssociateAccessPolicy", "DeleteAccessEntry")
    with pytest.raises(AwsPermissionError, match="not allow eks:AssociateAccessPolicy") as caught:
        stage.recover()
    assert "aws eks delete-access-entry" in caught.value.hint
    assert "It could not be taken away" in caught.value.hint


def test_stopped_from_the_keyboard_it_takes_the_entry_away(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.map_caller()
    stage.lock_out()
    stage.reset(authentication_mode=BOTH)
    before = stage.state()

    def interrupted(*_: object) -> None:
        assert TEMPORARY in stage.shown.entries.entries[OPS].tags
        raise KeyboardInterrupt

    monkeypatch.setattr("awsauth.recovery.recover.repair", interrupted)
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
    assert done.done == ("Rolled aws-auth back to revision 2",)
    assert stage.text == good
    assert done.seen == "`ops` in `system:masters`"
    assert (stage.shown.authentication_mode, done.left) == ("CONFIG_MAP", ())
    assert set(stage.eks.operations()) == {"DescribeCluster"}


def test_a_role_that_is_not_the_creators_is_told_and_does_not_keep_from_the_other_way(stage: Stage) -> None:
    stage.map_caller()
    stage.lock_out()
    plan = stage.recover(creator_role=f"{ROLE}recover-nobody", dry_run=True).plan
    assert plan.way == "access-entry"
    assert any("recover-nobody is of no help: it is not let in (401)" in note for note in plan.notes)
    stage.reset(authentication_mode=BOTH, creator=f"{ROLE}recover-creator")
    plan = stage.recover(dry_run=True).plan
    assert any(f"{ROLE}recover-creator. One that you may assume" in note for note in plan.notes)


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
    assert "not let in (401)" in str(caught.value)
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
    assert "made anew" in caught.value.hint
    assert stage.state() == before


# What aws-auth is repaired by.


def test_changes_repair_it_where_there_is_no_history(stage: Stage) -> None:
    stage.cluster.put_aws_auth(GOOD)
    stage.reset(authentication_mode=BOTH)
    before = stage.state()
    with pytest.raises(RecoveryError, match="no revision in which") as caught:
        stage.recover()
    assert "EnsureRole(role_arn=" in caught.value.hint
    assert stage.state() == before
    change = EnsureRole(role_arn=f"{ROLE}recover-ops", username="ops", groups=["system:masters"])
    done = stage.recover(changes=change)
    assert done.seen == "`ops` in `system:masters`"
    assert stage.text.startswith(GOOD["mapRoles"])
    assert stage.entries == []
    assert not stage.recover(changes=[change]).changed


def test_changes_that_let_nobody_in_are_not_made(stage: Stage) -> None:
    stage.map_caller()
    stage.lock_out()
    stage.reset(authentication_mode=BOTH)
    before = stage.state()
    with pytest.raises(RecoveryError, match=r"neither .* nor any administrator would get in"):
        stage.recover(changes=[ReplaceText(key="mapRoles", text=GOOD["mapRoles"])])
    assert stage.state() == before


def test_changes_for_somebody_else_are_made_and_said_to_be_untried(stage: Stage) -> None:
    stage.map_caller()
    stage.lock_out()
    stage.reset(authentication_mode=BOTH)
    text = f"{GOOD['mapRoles']}- rolearn: {ROLE}recover-boss\n  username: boss\n  groups: [system:masters]\n"
    done = stage.recover(changes=[ReplaceText(key="mapRoles", text=text)])
    assert (done.seen, done.administrators) == ("", (f"{ROLE}recover-boss",))
    assert any("no token could show that it works" in note for note in done.notes)
    assert stage.identity() is None
    assert stage.entries == []


def test_whom_others_took_the_access_from_gets_it_back_only_where_that_is_allowed(stage: Stage) -> None:
    good = stage.map_caller()
    with (
        AwsAuthClient.from_kubeconfig(path=stage.cluster.kubeconfig) as boss,
        boss.transaction(allow=["last-admin", "own-access"]) as change,
    ):
        change.add_role_mapping(f"{ROLE}recover-boss", username="boss", groups=["system:masters"])
        change.remove_role_mapping(f"{ROLE}recover-ops")
    stage.await_out()
    stage.reset(authentication_mode=BOTH)
    before = stage.state()
    with pytest.raises(RecoveryError, match="somebody may have decided so") as caught:
        stage.recover()
    assert "recover-boss` get" in str(caught.value)
    assert "revision 2" in caught.value.hint
    assert stage.state() == before
    with pytest.raises(GuardError, match="regrant"):
        stage.recover(rollback_to=2)
    assert stage.state() == before
    done = stage.recover(allow=["regrant"])
    assert done.seen == "`ops` in `system:masters`"
    assert set(done.administrators) == {f"{ROLE}recover-boss", f"{ROLE}recover-ops"}
    assert stage.text.startswith(good)


def test_the_path_of_the_role_can_be_said_where_iam_cannot_be_asked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.map_caller()
    stage.lock_out()
    stage.reset(authentication_mode=BOTH)
    monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(UsageError, match="Pass the caller's own ARN"):
        stage.recover(iam_arn=f"{ROLE}other")
    assert stage.recover(iam_arn=OPS).seen


def test_where_no_revision_has_the_caller_it_goes_back_to_one_with_another_administrator(stage: Stage) -> None:
    boss = f"{ROLE}recover-boss"
    stage.cluster.put_aws_auth(GOOD)
    with AwsAuthClient.from_kubeconfig(path=stage.cluster.kubeconfig, author="admins") as admins:
        admins.add_role_mapping(boss, username="boss", groups=["system:masters"])
    good = stage.text
    stage.lock_out()
    stage.reset(authentication_mode=BOTH)
    assert stage.recover().administrators == (boss,)
    assert stage.text == good
    assert stage.recover().result is None
    assert (stage.text, stage.entries) == (good, [])


def test_revisions_of_an_object_that_is_gone_are_used_only_where_that_is_allowed(stage: Stage) -> None:
    good = stage.map_caller()
    stage.cluster.delete_aws_auth()
    stage.cluster.put_aws_auth(BROKEN)
    stage.await_out()
    stage.reset(authentication_mode=BOTH)
    before = stage.state()
    with pytest.raises(UnprovenHistoryError, match="rollback_to=2"):
        stage.recover()
    with pytest.raises(GuardError, match="foreign-history"):
        stage.recover(rollback_to=2)
    assert stage.state() == before
    assert stage.recover(rollback_to=2, allow=["foreign-history"]).seen
    assert stage.text == good


def test_deleted_it_comes_back(stage: Stage) -> None:
    good = stage.map_caller()
    stage.cluster.delete_aws_auth()
    stage.await_out()
    stage.reset(authentication_mode=BOTH)
    with pytest.raises(UnprovenHistoryError, match="rollback_to=2"):
        stage.recover()
    assert stage.recover(rollback_to=2).seen
    assert stage.text == good


def test_an_iam_user_gets_in_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    user = stage.cluster.aws.create_user("recover-user", path="/team/")
    stage.cluster.put_aws_auth(GOOD)
    stage.reset(authentication_mode=BOTH)
    for name, value in user.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    change = EnsureUser(user_arn=user.arn, username="ops", groups=["system:masters"])
    done = recover(stage.cluster.name, changes=change)
    assert done.seen == "`ops` in `system:masters`"
    assert f"Made a temporary access entry for {user.arn}" in done.done
    assert stage.entries == []


@pytest.mark.parametrize(
    ("who", "said"), [("root", "only roles and IAM users can"), ("role/gone", "no role `gone` in IAM")]
)
def test_who_can_have_no_access_entry_is_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, who: str, said: str
) -> None:
    stage.map_caller()
    stage.lock_out()
    before = stage.state()
    monkeypatch.setattr(TokenSource, "caller", lambda _: f"arn:aws:iam::{ACCOUNT}:{who}")
    with pytest.raises(RecoveryError, match=said):
        stage.recover(allow=[SWITCH])
    assert stage.state() == before


def test_what_is_shown_holds_no_credential(stage: Stage) -> None:
    stage.map_caller()
    stage.lock_out()
    done = stage.recover(allow=[SWITCH])
    shown = f"{done!r}{done}{json.dumps(done.to_json())}{done.plan}"
    assert stage.caller.session_token is not None
    for secret in (stage.caller.secret_key, stage.caller.session_token, "k8s-aws-v1.", "X-Amz-Signature"):
        assert secret not in shown


@pytest.mark.parametrize(
    "arguments",
    [
        {"cluster": ""},
        {"cluster": None},
        {"changes": []},
        {"changes": "x"},
        {"changes": [EnsureRole(role_arn=OPS, username="x")], "rollback_to": 2},
        {"rollback_to": 0},
        {"rollback_to": "2"},
        {"rollback_to": True},
        {"creator_role": " "},
        {"creator_role": "arn:aws:iam::123456789012:user/alice"},
        {"iam_arn": ""},
        {"region": ""},
        {"profile": ""},
        {"allow": SWITCH},
        {"allow": ["switch"]},
        {"allow": None},
        {"allow": [5]},
        {"timeout": 0},
        {"timeout": "5"},
        {"dry_run": "yes"},
        {"reason": None},
    ],
    ids=str,
)
def test_arguments_that_make_no_sense_are_refused_before_anything_is_contacted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: dict[str, Any]
) -> None:
    with EksFake() as eks:
        only(monkeypatch, tmp_path, KEYS | eks.environment | {"AWS_REGION": eks.region})
        with pytest.raises(UsageError):
            recover(**{"cluster": "prod"} | arguments)
        assert eks.requests == []


@pytest.mark.parametrize(("partition", "region"), [("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")])
def test_the_policy_is_that_of_the_partition(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, partition: str, region: str
) -> None:
    with EksFake(region=region, partition=partition) as eks:
        only(monkeypatch, tmp_path, KEYS | eks.environment)
        shown = eks.add_cluster("prod", certificate_authority="x", authentication_mode=BOTH)
        session = AwsSession(region=region)
        entries = AccessEntries(session, describe_cluster(session, "prod"))
        role = f"arn:{partition}:iam::{eks.account}:role/ops"
        assert entries.make(role) is None
        entries.give_policy(role)
        assert list(shown.entries.entries[role].policies) == [
            f"arn:{partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
        ]
        found = entries.of_caller(role)
        assert found is not None
        assert found.entry.is_administrator
        assert found.is_temporary


def test_a_switch_that_does_not_come_or_fails_or_is_refused_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with EksFake() as eks:
        only(monkeypatch, tmp_path, KEYS | eks.environment | {"AWS_REGION": eks.region, "AWS_MAX_ATTEMPTS": "1"})
        eks.add_cluster("prod", certificate_authority="x").update_polls = 1000
        session = AwsSession()
        cluster = describe_cluster(session, "prod")
        with pytest.raises(AwsServiceError, match="still CONFIG_MAP after 0 seconds") as caught:
            switch_to_both(session, cluster, timeout=0.1, done=[])
        assert "aws eks list-updates --name prod" in caught.value.hint
        eks.fail("UpdateClusterConfig", "InvalidParameterException", "Unsupported platform version")
        eks.clusters["prod"].updates.clear()
        with pytest.raises(AwsServiceError, match="Unsupported platform version"):
            switch_to_both(session, cluster, timeout=0.1, done=[])
        eks.clusters["prod"].update_polls, eks.clusters["prod"].update_error = 1, "out of capacity"
        with pytest.raises(AwsServiceError, match=r"did not switch .* is Failed\. Unknown: out of capacity"):
            switch_to_both(session, cluster, timeout=PATIENCE, done=[])
