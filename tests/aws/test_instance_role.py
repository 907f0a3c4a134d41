"""The role of an EC2 instance: made once, found as it is, given to the instance; nothing else is touched."""

from __future__ import annotations

import itertools
import json
import pickle
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from awsauth import backoff
from awsauth.aws.instance_role import attach_instance_role, ensure_instance_role
from awsauth.aws.trust_policy import trust_in_ec2
from awsauth.errors import (
    AwsPermissionError,
    AwsServiceError,
    CredentialsError,
    OutcomeUnknownError,
    RoleError,
    UsageError,
)
from tests.support.aws.aws_account import PROFILE, ROLE, AwsAccount, aws_account

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


def attach(account: AwsAccount, instance: str, name: str = NAME, **options: Any) -> RoleSetup:
    return attach_instance_role(instance, name, session=account.session, **options)


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
    assert attach(account, account.instance()).changed


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


def test_a_role_that_is_not_given_for_certain_may_be(account: AwsAccount) -> None:
    account.role(NAME)
    account.instance_profile(NAME, NAME)
    instance = account.instance()

    def cut() -> None:
        account.ec2.associate_iam_instance_profile(IamInstanceProfile={"Name": NAME}, InstanceId=instance)
        raise ReadTimeoutError(endpoint_url="https://ec2.eu-west-1.amazonaws.com/")

    account.before("ec2", "AssociateIamInstanceProfile", cut)
    with pytest.raises(
        OutcomeUnknownError, match=r"https://ec2\.eu-west-1\.amazonaws\.com did not answer in time"
    ) as error:
        attach(account, instance)
    assert error.value.changed is not False
    assert account.profile_of(instance) == NAME
    assert attach(account, instance).steps == ()


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
    with pytest.raises(UsageError, match="is not the name of a role"):
        attach(account, "i-0123456789abcdef0", name)
    assert account.sent == []


@pytest.mark.parametrize("path", ["", "team", "/team", "team/", "/a b/", None])
def test_what_is_no_path_is_refused(account: AwsAccount, path: Any) -> None:
    with pytest.raises(UsageError, match="is not a path"):
        ensure(account, path=path)


# Giving it to an instance.


def test_an_instance_gets_the_role(account: AwsAccount) -> None:
    ensure(account)
    instance = account.instance()
    planned = attach(account, instance, dry_run=True)
    assert account.profile_of(instance) == ""
    done = attach(account, instance)
    assert planned.steps == done.steps == (f"give the instance profile {NAME} to the instance {instance}",)
    assert account.profile_of(instance) == NAME
    assert (done.role_arn, done.instance_profile, done.instance_id) == (f"{ROLE}/{NAME}", NAME, instance)


def test_an_instance_that_has_it_is_left_alone(account: AwsAccount) -> None:
    ensure(account)
    instance = account.instance(NAME)
    account.sent.clear()
    assert not attach(account, instance).changed
    assert changing(account) == []


def test_an_instance_that_has_the_role_by_another_instance_profile_is_left_alone(account: AwsAccount) -> None:
    account.role(NAME)
    account.instance_profile("made-by-cloudformation", NAME)
    account.instance_profile(NAME, NAME)
    done = attach(account, account.instance("made-by-cloudformation"))
    assert not done.changed
    assert done.instance_profile == "made-by-cloudformation"


def test_the_only_instance_profile_of_a_role_is_found_by_the_role(account: AwsAccount) -> None:
    account.role(NAME)
    account.instance_profile("made-by-cloudformation", NAME)
    instance = account.instance()
    attach(account, instance)
    assert account.profile_of(instance) == "made-by-cloudformation"


def test_of_several_instance_profiles_none_is_guessed(account: AwsAccount) -> None:
    account.role(NAME)
    for name in ("one", "two"):
        account.instance_profile(name, NAME)
    with pytest.raises(RoleError, match="in several instance profiles: `one`, `two`"):
        attach(account, account.instance())


def test_another_role_is_taken_away_only_where_that_is_said(account: AwsAccount) -> None:
    ensure(account, "old")
    ensure(account)
    instance = account.instance("old")
    with pytest.raises(RoleError, match="instance-profile/old` already") as error:
        attach(account, instance)
    assert "replace=True" in error.value.hint
    assert account.profile_of(instance) == "old"
    planned = attach(account, instance, replace=True, dry_run=True)
    assert account.profile_of(instance) == "old"
    assert "instead of" in planned.steps[0]
    assert attach(account, instance, replace=True).changed
    assert account.profile_of(instance) == NAME


def test_an_instance_profile_that_is_just_taken_away_is_none(account: AwsAccount) -> None:
    ensure(account)
    leaving = {"State": "disassociating", "AssociationId": "a", "IamInstanceProfile": {"Arn": f"{PROFILE}/old"}}
    answer = {"IamInstanceProfileAssociations": [leaving]}
    account.answer("ec2", "DescribeIamInstanceProfileAssociations", answer, times=1)
    instance = account.instance()
    assert attach(account, instance).steps == (f"give the instance profile {NAME} to the instance {instance}",)


def test_a_new_instance_profile_may_be_unknown_to_ec2_for_a_while(account: AwsAccount) -> None:
    ensure(account)
    instance = account.instance()
    message = f"Value ({NAME}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
    account.raise_for_violations("ec2", "AssociateIamInstanceProfile", "InvalidParameterValue", message, times=3)
    assert attach(account, instance).changed
    assert account.profile_of(instance) == NAME


def test_whoever_gives_it_at_the_same_time_does_not_matter(account: AwsAccount) -> None:
    ensure(account)
    instance = account.instance()
    rival = AwsAccount("eu-west-1")
    account.before("ec2", "AssociateIamInstanceProfile", lambda: attach(rival, instance))
    assert not attach(account, instance).changed
    assert account.profile_of(instance) == NAME


def test_whoever_gives_another_role_at_the_same_time_is_not_overridden(account: AwsAccount) -> None:
    ensure(account, "other")
    ensure(account)
    instance = account.instance()
    rival = AwsAccount("eu-west-1")
    account.before("ec2", "AssociateIamInstanceProfile", lambda: attach(rival, instance, "other"))
    with pytest.raises(RoleError, match="instance-profile/other` already"):
        attach(account, instance)


def test_what_is_not_there_is_said(account: AwsAccount) -> None:
    ensure(account)
    with pytest.raises(RoleError, match=r"no instance `i-0123456789abcdef0` in `eu-west-1`"):
        attach(account, "i-0123456789abcdef0")
    with pytest.raises(RoleError, match="no role `nosuchrole` in an instance profile") as error:
        attach(account, account.instance(), "nosuchrole")
    assert "ensure_instance_role" in error.value.hint
    gone = account.instance()
    account.ec2.terminate_instances(InstanceIds=[gone])
    with pytest.raises(RoleError, match="is terminated"):
        attach(account, gone)


def test_without_the_right_to_list_the_usual_name_is_tried(account: AwsAccount) -> None:
    ensure(account)
    instance = account.instance()
    account.deny("iam:ListInstanceProfilesForRole")
    done = attach(account, instance)
    assert account.profile_of(instance) == NAME
    assert "does not allow iam:ListInstanceProfilesForRole" in str(done)


def test_a_right_that_is_missing_to_attach_is_named(account: AwsAccount) -> None:
    ensure(account)
    instance = account.instance()
    account.deny("ec2:AssociateIamInstanceProfile")
    with pytest.raises(AwsPermissionError, match="ec2:AssociateIamInstanceProfile"):
        attach(account, instance)


@pytest.mark.parametrize("instance", ["", "i-123", "mytestrole", None, "i-0123456789ABCDEF0"])
def test_what_is_no_instance_id_is_refused(account: AwsAccount, instance: Any) -> None:
    with pytest.raises(UsageError, match="is not an instance id"):
        attach(account, instance)
