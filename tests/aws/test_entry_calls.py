"""The calls that change access entries, and waiting until EKS shows a change."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.aws.access_entries import AccessEntries
from awsauth.aws.eks import describe_cluster
from awsauth.aws.session import AwsSession
from awsauth.core.entries.model import AccessEntry, AccessPolicy
from awsauth.errors import AwsPermissionError, AwsServiceError, OutcomeUnknownError
from tests.support.aws.aws_environment import KEYS, only
from tests.support.aws.eks_fake import EksFake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEV: Final = "arn:aws:iam::111122223333:role/team/dev"
VIEW: Final = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


@pytest.fixture
def eks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[EksFake]:
    monkeypatch.setattr("awsauth.aws.access_entries.SHOWN_WITHIN", 0.5)
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    with EksFake() as fake:
        only(monkeypatch, tmp_path, KEYS | fake.environment)
        fake.add_cluster("prod", authentication_mode="API", certificate_authority="x")
        yield fake


@pytest.fixture
def calls(eks: EksFake) -> AccessEntries:
    session = AwsSession(region=eks.region)
    return AccessEntries(session, describe_cluster(session, "prod"))


def sent(eks: EksFake, operation: str) -> list[dict[str, Any]]:
    """Return what was sent with the calls of an operation."""
    return [
        {
            name: value
            for name, value in parameters.items()
            if name not in ("name", "principalArn", "clientRequestToken")
        }
        for called, parameters in eks.requests
        if called == operation
    ]


def test_an_entry_is_made_and_changed_with_exactly_what_it_has(eks: EksFake, calls: AccessEntries) -> None:
    wanted = AccessEntry(DEV, "STANDARD", "dev", ("a", "b"), tags={"team": "x"})
    assert calls.create(wanted)
    assert not calls.create(wanted)
    assert calls.update(AccessEntry(DEV, "STANDARD", "dev"))
    assert calls.associate(DEV, AccessPolicy(VIEW, ("x-*",)))
    assert calls.associate(DEV, AccessPolicy(VIEW))
    assert calls.create(AccessEntry(f"{DEV}-nodes", "EC2_LINUX", "shown by EKS", ("shown by EKS",)))
    made, _, nodes = sent(eks, "CreateAccessEntry")
    assert made == {"username": "dev", "kubernetesGroups": ["a", "b"], "tags": {"team": "x"}, "type": "STANDARD"}
    assert nodes == {"type": "EC2_LINUX"}  # EKS accepts no tags without content
    assert sent(eks, "UpdateAccessEntry") == [{"username": "dev", "kubernetesGroups": []}]
    scopes = [one["accessScope"] for one in sent(eks, "AssociateAccessPolicy")]
    assert scopes == [{"type": "namespace", "namespaces": ["x-*"]}, {"type": "cluster"}]
    assert calls.find(DEV) == AccessEntry(DEV, "STANDARD", "dev", policies=(AccessPolicy(VIEW),))


def test_what_is_gone_already_is_no_error(calls: AccessEntries) -> None:
    assert not calls.delete(DEV)
    assert not calls.disassociate(DEV, AccessPolicy(VIEW))
    assert not calls.update(AccessEntry(DEV))
    with pytest.raises(AwsServiceError, match="cannot be given the policy AmazonEKSViewPolicy"):
        calls.associate(DEV, AccessPolicy(VIEW), unless=())


def test_all_pages_of_policies_are_read(eks: EksFake, calls: AccessEntries) -> None:
    eks.page = 2
    assert VIEW in calls.known_policies()
    assert eks.operations().count("ListAccessPolicies") == 3


def test_a_change_is_repeated_until_eks_knows_the_entry(eks: EksFake, calls: AccessEntries) -> None:
    calls.create(AccessEntry(DEV, "STANDARD"))
    eks.clusters["prod"].entries.entries[DEV].hidden_writes = 2
    found = calls.until_shown(
        DEV, lambda: calls.associate(DEV, AccessPolicy(VIEW)), lambda entry: entry is not None and bool(entry.policies)
    )
    assert found
    assert eks.operations().count("AssociateAccessPolicy") == 3


@pytest.mark.parametrize(("made", "changed"), [(True, True), (False, False)])
def test_a_change_that_is_never_shown_is_an_error(calls: AccessEntries, *, made: bool, changed: bool) -> None:
    with pytest.raises(AwsServiceError, match="does not show the change") as caught:
        calls.until_shown(DEV, lambda: made, bool)
    assert caught.value.changed is changed


def test_reads_wait_for_throttling_and_for_nothing_else(eks: EksFake, calls: AccessEntries) -> None:
    calls.create(AccessEntry(DEV, "STANDARD"))
    eks.fail("DescribeAccessEntry", "ThrottlingException", "Rate exceeded", 429, times=4)
    assert calls.until_shown(DEV, lambda: True, bool)
    eks.deny("DescribeAccessEntry")
    with pytest.raises(AwsPermissionError) as caught:
        calls.until_shown(DEV, lambda: True, bool)
    assert caught.value.changed is True


def test_throttling_that_does_not_end_is_told(eks: EksFake, calls: AccessEntries) -> None:
    eks.fail("CreateAccessEntry", "ThrottlingException", "Rate exceeded", 429, times=1000)
    with pytest.raises(AwsServiceError, match="too many calls") as caught:
        calls.until_shown(DEV, lambda: calls.create(AccessEntry(DEV, "STANDARD")), bool)
    assert caught.value.changed is False


def test_an_unanswered_call_is_sent_once(calls: AccessEntries) -> None:
    attempts = []

    def act() -> bool:
        attempts.append(1)
        raise OutcomeUnknownError("No answer.")

    with pytest.raises(OutcomeUnknownError) as caught:
        calls.until_shown(DEV, act, bool)
    assert (len(attempts), caught.value.changed) == (1, None)
