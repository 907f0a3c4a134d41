"""Changes of access entries that no EKS cluster sees."""

from __future__ import annotations

from typing import Any

import pytest

import awsauth

DEV = "arn:aws:iam::111122223333:role/team/dev"
MADE = awsauth.EnsureEntry(principal_arn=DEV)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.plan(MADE),
        lambda client: client.apply([MADE]),
        lambda client: client.apply(awsauth.Plan.of_entries((), [MADE], uid="x")),
        lambda client: client.entry_history(),
        lambda client: client.rollback_entries(),
    ],
)
def test_only_an_eks_cluster_has_access_entries(call: Any) -> None:
    with pytest.raises(awsauth.UsageError, match="Only an EKS cluster has access entries") as caught:
        call(awsauth.AwsAuthClient.in_memory())
    assert "cluster=" in caught.value.hint


def test_a_transaction_holds_one_kind_of_changes() -> None:
    client = awsauth.AwsAuthClient.in_memory()
    mixed: list[Any] = [MADE, awsauth.EnsureAccount(account="111122223333")]

    def collect() -> None:
        with client.transaction() as change:
            change.apply(mixed)

    for call in (collect, lambda: client.plan(mixed), lambda: client.apply(mixed)):
        with pytest.raises(awsauth.UsageError, match="in two systems"):
            call()
    assert not client.exists()


@pytest.mark.parametrize("to", [-1, "3", True])
def test_a_rollback_names_a_number(to: Any) -> None:
    with pytest.raises(awsauth.UsageError, match="to is"):
        awsauth.AwsAuthClient.in_memory().rollback_entries(to)
