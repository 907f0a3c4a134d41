"""Recovering: arguments, and answers of the EKS API that end it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.aws.access_entries import AccessEntries
from awsauth.aws.eks import describe_cluster, switch_authentication_mode
from awsauth.aws.session import AwsSession
from awsauth.core.edit.changes import EnsureEntry, EnsureRole
from awsauth.errors import AwsServiceError, InvalidValueError, RecoveryError, UsageError
from awsauth.recovery.discovery import TemporaryAccess
from awsauth.recovery.plan import SWITCH
from awsauth.recovery.recover import recover, repair_request
from tests.support.aws.aws_environment import KEYS, only
from tests.support.aws.eks_fake import EksFake
from tests.support.controlplane.authority import Authority
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT: Final = "123456789012"
ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/"
OPS: Final = f"{ROLE}team/recover-ops"
BOTH: Final = "API_AND_CONFIG_MAP"


def test_a_cluster_that_does_not_look_at_aws_auth_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with EksFake() as eks:
        only(monkeypatch, tmp_path, KEYS | eks.environment | {"AWS_REGION": eks.region})
        authority = Authority(tmp_path).certificate_file.read_text(encoding="utf-8")
        eks.add_cluster("prod", certificate_authority=authority, authentication_mode="API")
        with pytest.raises(RecoveryError, match="the cluster ignores aws-auth") as caught:
            recover("prod")
        assert "create-access-entry" in caught.value.hint
        assert eks.operations() == ["DescribeCluster"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"cluster": ""},
        {"cluster": None},
        {"changes": []},
        {"changes": EnsureEntry(principal_arn=OPS)},
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
        {"timeout": True},
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
        with pytest.raises((UsageError, InvalidValueError)):
            recover(**{"cluster": "prod"} | arguments)
        assert eks.requests == []


def test_names_that_are_allowed_may_come_from_an_iterator() -> None:
    request = repair_request(None, None, iter([SWITCH, "regrant"]), "")
    assert (request.may_switch, request.allow) == (True, ("regrant",))


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
        TemporaryAccess(entries, role, None).grant([])
        assert list(shown.entries.entries[role].policies) == [
            f"arn:{partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
        ]
        found = entries.of_caller(role)
        assert found is not None
        assert found.is_administrator
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
            switch_authentication_mode(session, cluster, timeout=0.1, done=[])
        assert "aws eks list-updates --name prod" in caught.value.hint
        eks.fail("UpdateClusterConfig", "InvalidParameterException", "Unsupported platform version")
        eks.clusters["prod"].updates.clear()
        with pytest.raises(AwsServiceError, match="Unsupported platform version"):
            switch_authentication_mode(session, cluster, timeout=0.1, done=[])
        eks.clusters["prod"].update_polls, eks.clusters["prod"].update_error = 1, "out of capacity"
        with pytest.raises(AwsServiceError, match=r"did not switch .* is Failed\. Unknown: out of capacity"):
            switch_authentication_mode(session, cluster, timeout=PATIENCE, done=[])
