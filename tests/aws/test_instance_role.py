"""The role of an EC2 instance: made once, found as it is; nothing else is touched."""

from __future__ import annotations

import itertools
import json
import pickle
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ConnectionClosedError

from awsauth.aws.instance_role import ensure_instance_role
from awsauth.aws.trust_policy import trust_in_ec2
from awsauth.errors import (
    AwsPermissionError,
    AwsServiceError,
    CredentialsError,
    OutcomeUnknownError,
    RoleError,
    UsageError,
)
from awsauth.system import backoff
from tests.support.aws.aws_account import ROLE, AwsAccount, aws_account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from awsauth.aws.instance_role import RoleSetup

NAME = "mytestrole"
LAMBDA = {
    "Effect": "Allow",
    "Principal": {"Service": "lambda.amazonaws.com"},
    "Action": "sts:AssumeRole",
    "Sid": "Keep",
}
CREATES = ["CreateRole", "CreateInstanceProfile", "AddRoleToInstanceProfile"]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsAccount]:
    with aws_account(monkeypatch) as account:
        yield account


@pytest.fixture
def quick_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ten seconds pass with every look at the clock, however busy the machine is."""
    ticks = itertools.count(step=10)
    clock = SimpleNamespace(monotonic=lambda: next(ticks), sleep=lambda _: None)
    monkeypatch.setattr(backoff, "time", clock)


def ensure(account: AwsAccount, name: str = NAME, **options: Any) -> RoleSetup:
    return ensure_instance_role(name, session=account.session, **options)


def changing(account: AwsAccount) -> list[str]:
    """Return what was sent that changes something."""
    return [name for name in account.sent if not name.startswith(("Get", "List", "Describe"))]


def held(account: AwsAccount, profile: str = NAME) -> list[str]:
    found = account.iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]
    return [role["RoleName"] for role in found["Roles"]]


# Making the role.


def test_a_role_is_made_that_an_instance_can_wear(account: AwsAccount) -> None:
    made = ensure(account)
    assert made.changed
    assert made.role_arn == f"{ROLE}/{NAME}"
    assert changing(account) == CREATES
    assert trust_in_ec2(account.trust(NAME), "aws").verdict == "yes"
    assert held(account) == [NAME]
    instance = account.instance()
    account.ec2.associate_iam_instance_profile(IamInstanceProfile={"Name": NAME}, InstanceId=instance)
    assert account.profile_of(instance) == NAME


def test_a_second_run_changes_nothing(account: AwsAccount) -> None:
    ensure(account)
    account.sent.clear()
    again = ensure(account)
    assert (again.changed, again.role_arn) == (False, f"{ROLE}/{NAME}")
    assert account.sent == ["GetRole", "GetInstanceProfile"]
    assert str(again) == "Nothing to do: everything exists already."


def test_what_would_be_done_is_shown_and_not_done(account: AwsAccount) -> None:
    planned = ensure(account, path="/team/", dry_run=True)
    assert changing(account) == []
    assert planned.role_arn == f"{ROLE}/team/{NAME}"
    assert str(planned) == (
        "To be done:\n"
        f"- create the role {NAME} under /team/, which EC2 may hand to its instances\n"
        f"- create the instance profile {NAME}\n"
        f"- put the role into the instance profile {NAME}"
    )
    done = ensure(account, path="/team/")
    assert done.steps == planned.steps
    assert done.role_arn == planned.role_arn
    assert str(done).startswith("Done:\n- create the role")
    assert json.loads(json.dumps(planned.to_json()))["dry_run"] is True


def test_a_role_without_an_instance_profile_gets_one(account: AwsAccount) -> None:
    """As after a run that was stopped half-way, and for roles made for something else."""
    account.role(NAME)
    assert ensure(account).changed
    assert changing(account) == CREATES[1:]


def test_an_empty_instance_profile_is_filled(account: AwsAccount) -> None:
    account.role(NAME)
    account.instance_profile(NAME)
    assert ensure(account).changed
    assert changing(account) == CREATES[2:]


def test_other_statements_of_a_trust_policy_stay_as_they_are(account: AwsAccount) -> None:
    before = {"Version": "2012-10-17", "Id": "by-hand", "Statement": [LAMBDA]}
    account.role(NAME, before)
    done = ensure(account)
    after = account.trust(NAME)
    assert after["Statement"][:-1] == [LAMBDA]
    assert {**after, "Statement": [LAMBDA]} == before
    assert trust_in_ec2(after, "aws").verdict == "yes"
    assert done.steps[0] == f"add a statement to the trust policy of {NAME}: EC2 may hand it to its instances"


def test_a_statement_that_somebody_adds_in_between_is_kept(account: AwsAccount) -> None:
    account.role(NAME, {"Version": "2012-10-17", "Statement": [LAMBDA]})
    also = {**LAMBDA, "Sid": "Later"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [LAMBDA, also]})
    account.before("iam", "GetInstanceProfile", lambda: account.iam.update_assume_role_policy(
        RoleName=NAME, PolicyDocument=policy
    ))  # fmt: skip
    ensure(account)
    assert account.trust(NAME)["Statement"][:2] == [LAMBDA, also]


def test_a_condition_on_ec2_is_left_alone_and_said(account: AwsAccount) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "ec2.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}},
    }
    account.role(NAME, {"Statement": statement})
    done = ensure(account)
    assert account.trust(NAME) == {"Statement": statement}
    assert done.notes == (
        "EC2 may hand the role to its instances under conditions (aws:SourceAccount), which were not checked",
    )


def test_a_role_that_denies_ec2_is_refused_untouched(account: AwsAccount) -> None:
    account.role(NAME, {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "sts:*"}]})
    with pytest.raises(RoleError, match="denies EC2 the role") as error:
        ensure(account)
    assert error.value.changed is False
    assert changing(account) == []


def test_an_instance_profile_with_another_role_is_refused_untouched(account: AwsAccount) -> None:
    account.role("other")
    account.instance_profile(NAME, "other")
    with pytest.raises(RoleError, match="holds the role `other` already") as error:
        ensure(account)
    assert f"--instance-profile-name {NAME} --role-name other" in error.value.hint
    assert changing(account) == []


def test_the_path_of_a_role_that_is_there_is_kept_and_said(account: AwsAccount) -> None:
    account.role(NAME, path="/old/")
    done = ensure(account, path="/new/")
    assert done.role_arn == f"{ROLE}/old/{NAME}"
    assert "the role is under /old/" in str(done)


def test_in_china_ec2_has_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with aws_account(monkeypatch, "cn-north-1") as account:
        made = ensure(account)
        assert made.role_arn.startswith("arn:aws-cn:iam::")
        assert account.trust(NAME)["Statement"][0]["Principal"] == {"Service": "ec2.amazonaws.com.cn"}
        assert not ensure(account).changed


# Somebody else at the same time; AWS is slow to show what is new; rights that are missing.


@pytest.mark.parametrize("operation", CREATES)
def test_whoever_is_quicker_does_not_matter(account: AwsAccount, operation: str) -> None:
    rival = AwsAccount("eu-west-1")
    account.before("iam", operation, lambda: ensure(rival))
    assert ensure(account).role_arn == f"{ROLE}/{NAME}"
    assert held(account) == [NAME]
    assert not ensure(account).changed


def test_whoever_puts_another_role_in_first_is_not_overridden(account: AwsAccount) -> None:
    account.role("other")
    account.before("iam", "AddRoleToInstanceProfile", lambda: account.iam.add_role_to_instance_profile(
        InstanceProfileName=NAME, RoleName="other"
    ))  # fmt: skip
    with pytest.raises(RoleError, match="holds the role `other`") as error:
        ensure(account)
    assert f"create the instance profile {NAME}" in error.value.message
    assert held(account) == ["other"]


def test_what_is_new_may_be_unknown_for_a_while(account: AwsAccount) -> None:
    account.raise_for_violations(
        "iam", "AddRoleToInstanceProfile", "NoSuchEntity", "cannot be found", status=404, times=2
    )
    made = ensure(account)
    assert len(made.steps) == 3
    assert held(account) == [NAME]


def test_what_was_made_and_is_not_seen_yet_is_not_made_twice(account: AwsAccount) -> None:
    """IAM answers from copies that lag behind: the role is made, and GetRole says that there is none."""
    account.raise_for_violations("iam", "GetRole", "NoSuchEntity", "cannot be found", status=404, times=3)
    assert len(ensure(account).steps) == 3
    assert changing(account).count("CreateRole") == 1


@pytest.mark.usefixtures("quick_clock")
def test_it_does_not_wait_for_ever_until_it_is_seen(account: AwsAccount) -> None:
    account.raise_for_violations("iam", "GetRole", "NoSuchEntity", "cannot be found", status=404)
    done = ensure(account)
    assert len(done.steps) == 3
    assert "does not show all of it everywhere yet" in str(done)


@pytest.mark.usefixtures("quick_clock")
def test_it_does_not_try_for_ever(account: AwsAccount) -> None:
    account.raise_for_violations("iam", "AddRoleToInstanceProfile", "NoSuchEntity", "cannot be found", status=404)
    with pytest.raises(AwsServiceError, match="could not put the role into the instance profile") as error:
        ensure(account)
    assert error.value.code == "NoSuchEntity"
    assert f"create the instance profile {NAME}" in error.value.message


@pytest.mark.usefixtures("quick_clock")
def test_somebody_who_is_quicker_again_and_again_is_said(account: AwsAccount) -> None:
    account.raise_for_violations(
        "iam", "CreateRole", "EntityAlreadyExists", "Role with name x already exists.", status=409
    )
    with pytest.raises(RoleError, match="another user keeps changing it"):
        ensure(account)


@pytest.mark.parametrize("action", ["iam:GetRole", "iam:GetInstanceProfile", "iam:CreateRole"])
def test_a_missing_right_is_named_and_nothing_is_changed(account: AwsAccount, action: str) -> None:
    account.deny(action)
    with pytest.raises(AwsPermissionError, match=action) as error:
        ensure(account)
    assert error.value.action == action
    assert error.value.changed is False
    assert account.iam.list_roles()["Roles"] == []


def test_what_was_done_before_a_failure_is_said_and_not_done_again(account: AwsAccount) -> None:
    account.deny("iam:CreateInstanceProfile")
    with pytest.raises(AwsPermissionError) as error:
        ensure(account)
    assert f"could not create the instance profile {NAME}" in str(error.value)
    assert error.value.changed is True
    assert f"Done before that: create the role {NAME}" in error.value.message
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)  # noqa: S301 - made above
    assert ensure(AwsAccount("eu-west-1")).steps == (
        f"create the instance profile {NAME}",
        f"put the role into the instance profile {NAME}",
    )


@pytest.mark.parametrize("operation", CREATES)
def test_what_was_not_answered_may_have_been_done(account: AwsAccount, operation: str) -> None:
    make: dict[str, Callable[[], object]] = {
        "CreateRole": lambda: account.role(NAME),
        "CreateInstanceProfile": lambda: account.instance_profile(NAME),
        "AddRoleToInstanceProfile": lambda: account.iam.add_role_to_instance_profile(
            InstanceProfileName=NAME, RoleName=NAME
        ),
    }

    def cut() -> None:
        make[operation]()
        raise ConnectionClosedError(endpoint_url="https://iam.amazonaws.com/")

    account.before("iam", operation, cut)
    with pytest.raises(OutcomeUnknownError, match="AWS may have done it") as error:
        ensure(account)
    assert error.value.changed is (None if operation == "CreateRole" else True)
    assert "Run it again" in error.value.hint
    assert ("Done before that" in error.value.message) is (operation != "CreateRole")
    assert len(ensure(account).steps) == 2 - CREATES.index(operation)
    assert held(account) == [NAME]


def test_a_trust_policy_that_was_not_answered_may_be_extended_and_one_that_was_not_read_is_not(
    account: AwsAccount,
) -> None:
    account.role(NAME, {"Version": "2012-10-17", "Statement": [LAMBDA]})
    account.answer("iam", "UpdateAssumeRolePolicy", {"Error": {"Code": "ServiceFailure"}}, status=500, times=1)
    with pytest.raises(OutcomeUnknownError):
        ensure(account)
    looked = itertools.count(1)

    def cut(**_: Any) -> None:
        if next(looked) == 2:  # The first one is to see what is missing.
            raise ConnectionClosedError(endpoint_url="https://iam.amazonaws.com/")

    account.session.events.register("before-call.iam.GetRole", cut)
    with pytest.raises(AwsServiceError) as error:
        ensure(account)
    assert error.value.changed is False
    assert account.trust(NAME)["Statement"] == [LAMBDA]


def test_without_credentials_nothing_is_tried(account: AwsAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(CredentialsError):
        ensure_instance_role(NAME, region="eu-west-1")
    assert account.sent == []


@pytest.mark.parametrize("name", ["", "a/b", f"{ROLE}/x", "x" * 65, "a b", "é", "x\n", None, 7])
def test_what_is_no_name_is_refused_before_anything_is_asked(account: AwsAccount, name: Any) -> None:
    with pytest.raises(UsageError, match="is not the name of a role"):
        ensure(account, name)
    assert account.sent == []


@pytest.mark.parametrize("path", ["", "team", "/team", "team/", "/a b/", None])
def test_what_is_no_path_is_refused(account: AwsAccount, path: Any) -> None:
    with pytest.raises(UsageError, match="is not a path"):
        ensure(account, path=path)
