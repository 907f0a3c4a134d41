"""The repairs of aws-auth that a recovery makes: changes, a rollback, and what has to be allowed."""

from __future__ import annotations

import json

import pytest

from awsauth.aws.token import TokenSource
from awsauth.cli.confirm import guards_to_ask_about
from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import EnsureRole, EnsureUser, ReplaceText
from awsauth.errors import GuardError, RecoveryError, UnprovenHistoryError, UsageError
from awsauth.recovery.plan import SWITCH
from awsauth.recovery.recover import recover
from tests.support.controlplane.processes import free_port
from tests.support.recovery_stage import ACCOUNT, BOTH, BROKEN, GOOD, OPS, ROLE, Stage


def test_changes_repair_it_where_there_is_no_history(stage: Stage) -> None:
    stage.cluster.put_aws_auth(GOOD)
    stage.reset(authentication_mode=BOTH)
    before = stage.state()
    with pytest.raises(RecoveryError, match="No revision gives") as caught:
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
    assert any("no token could try it" in note for note in done.notes)
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
    with pytest.raises(GuardError, match="They may have decided so") as refused:
        stage.recover()
    assert "recover-boss` administrators" in str(refused.value)
    assert "revision 2" in str(refused.value)
    # A terminal asks about these in the same run.
    assert guards_to_ask_about(refused.value) == ("regrant",)
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
    ("who", "said"), [("root", "only roles and IAM users can"), ("role/gone", "role `gone` no longer exists")]
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
