"""Changes of access entries: what they refuse, and their JSON."""

from __future__ import annotations

from typing import Any, get_args

import pytest

import awsauth
from awsauth.core.edit.changes import EntryType, changes_from_json, entry_changes
from awsauth.core.entries.model import NODE_TYPES
from tests.support.access_entries import ADMIN_POLICY, POLICY, ROLE, USER, VIEW

CHANGES: list[Any] = [
    awsauth.EnsureEntry(principal_arn=f"{ROLE}/team/a", username="a", groups=["b"], policies=[f"{VIEW}=x,y-*"]),
    awsauth.EnsureEntry(principal_arn=f"{USER}/team/a", policies=[f"{POLICY}/{ADMIN_POLICY}"], if_exists="replace"),
    awsauth.EnsureEntry(principal_arn=f"{ROLE}/node", type="EC2", policies=["AmazonEKSAutoNodePolicy"]),
    awsauth.SetEntryPolicy(principal_arn=f"{ROLE}/a", policy=VIEW),
    awsauth.RemoveEntryPolicy(principal_arn=f"{ROLE}/a", policy=f"{VIEW}=x"),
    awsauth.RemoveEntry(principal_arn=f"{ROLE}/a"),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.kind)
def test_a_change_survives_json(change: awsauth.Change) -> None:
    assert changes_from_json([change.to_json()]) == (change,)


@pytest.mark.parametrize(
    ("arn", "problem"),
    [
        ("arn:aws:sts::111122223333:assumed-role/a/session", "session"),
        ("arn:aws:sts::111122223333:federated-user/a", "session"),
        ("arn:aws:iam::111122223333:root", "root"),
        (f"{ROLE}/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS", "service-linked"),
        (f"{ROLE}/{{{{name}}}}", "valid role name"),
        ("arn:aws:iam::111122223333:group/a", "not the ARN of a role"),
        ("deployer", "not an ARN"),
    ],
)
@pytest.mark.parametrize("kind", [awsauth.EnsureEntry, awsauth.RemoveEntry])
def test_a_principal_that_eks_refuses(kind: Any, arn: str, problem: str) -> None:
    with pytest.raises(awsauth.InvalidValueError, match=problem):
        kind(principal_arn=arn)


@pytest.mark.parametrize(
    "fields",
    [
        {"username": "system:me"},
        {"username": "eks:me"},
        {"username": "{{SessionName}}"},
        {"username": "x-{{SessionNameRaw}}:y"},
        {"username": ""},
        {"groups": ["a", "system:masters"]},
        {"groups": ["awsauth:administrators"]},
        {"groups": ["a\u200b"]},
        {"policies": ["View Policy"]},
        {"policies": ["arn:aws:iam::aws:policy/AdministratorAccess"]},
        {"policies": [f"{VIEW}=Upper"]},
        {"policies": [f"{VIEW}=a, b"]},
        {"policies": [VIEW, f"{VIEW}=a"]},
        {"policies": [VIEW, f"{POLICY}/{VIEW}"]},
        {"type": "EC2_LINUX", "username": "a"},
        {"type": "EC2_LINUX", "groups": ["a"]},
        {"type": "EC2_LINUX", "policies": [VIEW]},
        {"type": "EC2_LINUX", "principal_arn": f"{USER}/a"},
    ],
    ids=str,
)
def test_fields_that_eks_refuses(fields: dict[str, Any]) -> None:
    with pytest.raises(awsauth.InvalidValueError):
        awsauth.EnsureEntry(**{"principal_arn": f"{ROLE}/a", **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"username": "a:{{SessionName}}", "groups": ["a", "eks:b"]},
        {"username": "systems", "groups": []},
        {"type": "EC2_LINUX", "groups": [], "policies": []},
        {"policies": [f"{VIEW}=a,b", ADMIN_POLICY]},
    ],
    ids=str,
)
def test_fields_that_eks_accepts(fields: dict[str, Any]) -> None:
    change = awsauth.EnsureEntry(principal_arn=f"{ROLE}/a", **fields)
    assert all(list(getattr(change, name)) == list(value) for name, value in fields.items())


def test_a_variable_that_is_not_set_gives_no_right_in_the_whole_cluster() -> None:
    with pytest.raises(awsauth.InvalidValueError) as caught:
        awsauth.SetEntryPolicy(principal_arn=f"{ROLE}/a", policy=f"{VIEW}=")
    assert "variable" in caught.value.hint


@pytest.mark.parametrize("fields", [{"type": "NODES"}, {"if_exists": "extend"}, {"policies": VIEW}, {"groups": "a"}])
def test_values_of_the_wrong_kind(fields: Any) -> None:
    with pytest.raises(awsauth.UsageError):
        awsauth.EnsureEntry(principal_arn=f"{ROLE}/a", **fields)


def test_a_mistake_of_two_fields_has_a_place() -> None:
    changes = [CHANGES[0].to_json(), {**CHANGES[0].to_json(), "type": "EC2_LINUX"}]
    with pytest.raises(awsauth.InvalidValueError) as caught:
        changes_from_json(changes)
    assert caught.value.location == "change 2"


def test_the_types_are_those_of_the_model() -> None:
    assert set(get_args(EntryType)) == {"STANDARD", *NODE_TYPES}


def test_changes_are_of_one_system() -> None:
    mapping = awsauth.EnsureAccount(account="111122223333")
    assert entry_changes([mapping]) == ()
    assert entry_changes(CHANGES) == tuple(CHANGES)
    with pytest.raises(awsauth.UsageError, match="two systems"):
        entry_changes([mapping, *CHANGES])


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.kind)
def test_a_document_holds_no_entries(change: awsauth.Change) -> None:
    with pytest.raises(awsauth.UsageError, match="mappings alone"):
        awsauth.merge(awsauth.Document({}), [change])
