"""Whether IAM still has the principals of access entries: asked at once, in one account, and never passed over."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from awsauth.aws import iam
from awsauth.aws.iam import iam_facts
from awsauth.errors import AwsPermissionError
from tests.support.aws.aws_account import NUMBER, ROLE, AwsAccount, aws_account

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = f"arn:aws:iam::{NUMBER}:user"
OTHER = "arn:aws:iam::444455556666:role/theirs"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsAccount]:
    with aws_account(monkeypatch) as account:
        yield account


def test_roles_and_users_are_dated_and_missing_ones_told(account: AwsAccount) -> None:
    account.role("ci", path="/team/")
    account.iam.create_user(UserName="anna")
    known = [f"{ROLE}/team/ci", f"{USER}/anna"]
    facts = iam_facts(account.asking, [*known, f"{ROLE}/gone", f"{USER}/gone"])
    assert facts.unknown == {}
    assert [arn for arn, made in facts.created.items() if made is None] == [f"{ROLE}/gone", f"{USER}/gone"]
    for arn in known:
        made = facts.created[arn]
        assert made is not None
        assert abs(datetime.now(timezone.utc) - made) < timedelta(days=1)


def test_a_role_of_that_name_with_another_path_is_another_role(account: AwsAccount) -> None:
    account.role("ci", path="/other/")
    assert iam_facts(account.asking, [f"{ROLE}/team/ci"]).created == {f"{ROLE}/team/ci": None}


def test_another_account_is_not_asked(account: AwsAccount) -> None:
    facts = iam_facts(account.asking, [OTHER])
    assert (facts.created, list(facts.unknown)) == ({}, [OTHER])
    assert "other accounts" in facts.unknown[OTHER]
    assert "GetRole" not in account.sent


def test_a_missing_right_is_told_and_not_tried_for_each(account: AwsAccount) -> None:
    account.iam.create_user(UserName="anna")
    account.deny("iam:GetRole")
    roles = [f"{ROLE}/r{number}" for number in range(100)]
    facts = iam_facts(account.asking, [*roles, f"{USER}/anna"])
    assert list(facts.created) == [f"{USER}/anna"]
    assert list(facts.unknown) == roles
    assert {"iam:GetRole" in why for why in facts.unknown.values()} == {True}
    assert len(set(facts.unknown.values())) == 1
    assert account.sent.count("GetRole") <= 16


def test_asking_ends_in_time(account: AwsAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iam, "_ASKS_FOR", -1.0)
    facts = iam_facts(account.asking, [f"{ROLE}/ci"])
    assert facts.unknown == {f"{ROLE}/ci": "IAM took too long."}


def test_without_the_callers_account_nothing_is_told(account: AwsAccount) -> None:
    account.deny("sts:GetCallerIdentity")
    with pytest.raises(AwsPermissionError):
        iam_facts(account.asking, [f"{ROLE}/ci"])
    assert iam_facts(account.asking, []).created == {}
