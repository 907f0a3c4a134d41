"""The stand-in for EKS holds to the service's rules, asked by a real boto3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.aws.aws_environment import KEYS, only
from tests.support.aws.eks_fake import EksFake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_eks import EKSClient

ROLE = "arn:aws:iam::111122223333:role/team/deployer"
NODE = "arn:aws:iam::111122223333:role/node"
CLUSTER_ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[EksFake]:
    with EksFake() as fake:
        only(monkeypatch, tmp_path, KEYS | fake.environment | {"AWS_DEFAULT_REGION": "eu-west-1"})
        fake.add_cluster("prod", authentication_mode="API_AND_CONFIG_MAP")
        yield fake


@pytest.fixture
def client(fake: EksFake) -> EKSClient:
    assert fake.url
    return boto3.client("eks", config=Config(retries={"total_max_attempts": 1}))


def refused(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    """Return code and message of what a call was answered."""
    answer: Any = error.value.response["Error"]
    return answer["Code"], answer["Message"]


def test_the_mode_goes_one_step_forward_at_a_time_and_never_back(fake: EksFake, client: EKSClient) -> None:
    cluster = fake.add_cluster("old", creator="arn:aws:iam::111122223333:user/creator")
    cluster.nodegroups["ng"], cluster.fargate_profiles["fp"] = NODE, f"{NODE}-fargate"
    for mode in ("CONFIG_MAP", "API"):
        with pytest.raises(ClientError) as caught:
            client.update_cluster_config(name="old", accessConfig={"authenticationMode": mode})
        message = f"Unsupported authentication mode update from CONFIG_MAP to {mode}"
        assert refused(caught) == ("InvalidParameterException", message)
    update = client.update_cluster_config(name="old", accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})[
        "update"
    ]
    assert (update["type"], update["status"]) == ("AccessConfigUpdate", "InProgress")
    with pytest.raises(ClientError) as caught:
        client.update_cluster_config(name="old", accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})
    assert refused(caught)[0] == "ResourceInUseException"
    states = [client.describe_update(name="old", updateId=update["id"])["update"]["status"] for _ in range(2)]
    assert states == ["InProgress", "Successful"]
    assert client.describe_cluster(name="old")["cluster"]["accessConfig"] == {
        "authenticationMode": "API_AND_CONFIG_MAP"
    }
    entries = client.list_access_entries(clusterName="old")["accessEntries"]
    types = {
        arn: client.describe_access_entry(clusterName="old", principalArn=arn)["accessEntry"]["type"] for arn in entries
    }
    assert types == {cluster.creator: "STANDARD", NODE: "EC2_LINUX", f"{NODE}-fargate": "FARGATE_LINUX"}
    policies = client.list_associated_access_policies(clusterName="old", principalArn=cluster.creator)
    assert [policy["policyArn"] for policy in policies["associatedAccessPolicies"]] == [CLUSTER_ADMIN]


def test_a_cluster_that_looks_at_aws_auth_alone_has_no_access_entries(fake: EksFake, client: EKSClient) -> None:
    fake.add_cluster("old")
    with pytest.raises(ClientError) as caught:
        client.list_access_entries(clusterName="old")
    assert refused(caught)[0] == "InvalidRequestException"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"kubernetesGroups": ["system:masters"]}, "The kubernetes group name system:masters is invalid, it cannot start with system:"),
        ({"username": "system:admin"}, "cannot start with system:"),
        ({"username": "eks:x"}, "cannot start with eks:"),
        ({"username": "{{SessionName}}"}, "colon"),
        ({"type": "EC2_LINUX", "kubernetesGroups": ["g"]}, "EC2_LINUX"),
        ({"type": "NODE"}, "type is not valid"),
        ({"principalArn": "arn:aws:iam::111122223333:root"}, "format is not valid"),
        ({"principalArn": "arn:aws:sts::111122223333:assumed-role/deployer/alice"}, "format is not valid"),
        ({"principalArn": "arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRole"}, "Service Linked"),
        ({"principalArn": "arn:aws:iam::444455556666:role/node", "type": "EC2_LINUX"}, "account of the cluster"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("fake")
def test_an_entry_that_breaks_a_rule_is_refused(client: EKSClient, entry: dict[str, Any], message: str) -> None:
    wanted: Any = {"clusterName": "prod", "principalArn": ROLE} | entry
    with pytest.raises(ClientError) as caught:
        client.create_access_entry(**wanted)
    assert refused(caught)[0] == "InvalidParameterException"
    assert message in refused(caught)[1]


def test_an_entry_lives_from_its_making_to_its_end(fake: EksFake, client: EKSClient) -> None:
    made = client.create_access_entry(clusterName="prod", principalArn=ROLE, kubernetesGroups=["deployers"])[
        "accessEntry"
    ]
    assert made["username"] == "arn:aws:sts::111122223333:assumed-role/deployer/{{SessionName}}"
    with pytest.raises(ClientError) as caught:
        client.create_access_entry(clusterName="prod", principalArn=ROLE)
    assert refused(caught)[0] == "ResourceInUseException"
    client.update_access_entry(clusterName="prod", principalArn=ROLE, kubernetesGroups=["viewers"], username="it")
    shown = client.describe_access_entry(clusterName="prod", principalArn=ROLE)["accessEntry"]
    assert (shown["username"], shown["kubernetesGroups"]) == ("it", ["viewers"])
    client.associate_access_policy(
        clusterName="prod", principalArn=ROLE, policyArn=CLUSTER_ADMIN, accessScope={"type": "cluster"}
    )
    listed = client.list_access_entries(clusterName="prod", associatedPolicyArn=CLUSTER_ADMIN)["accessEntries"]
    assert listed == [ROLE]
    client.disassociate_access_policy(clusterName="prod", principalArn=ROLE, policyArn=CLUSTER_ADMIN)
    assert not client.list_associated_access_policies(clusterName="prod", principalArn=ROLE)["associatedAccessPolicies"]
    client.delete_access_entry(clusterName="prod", principalArn=ROLE)
    with pytest.raises(ClientError) as caught:
        client.delete_access_entry(clusterName="prod", principalArn=ROLE)
    assert refused(caught)[0] == "ResourceNotFoundException"
    assert fake.clusters["prod"].entries.entries == {}


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("policy", "scope"),
    [
        ("arn:aws:eks::aws:cluster-access-policy/Nonsense", {"type": "cluster"}),
        ("arn:aws:iam::aws:policy/AdministratorAccess", {"type": "cluster"}),
        (CLUSTER_ADMIN, {"type": "namespace"}),
        (CLUSTER_ADMIN, {"type": "cluster", "namespaces": ["default"]}),
    ],
)
def test_a_policy_that_breaks_a_rule_is_refused(client: EKSClient, policy: str, scope: Any) -> None:
    client.create_access_entry(clusterName="prod", principalArn=ROLE)
    with pytest.raises(ClientError) as caught:
        client.associate_access_policy(clusterName="prod", principalArn=ROLE, policyArn=policy, accessScope=scope)
    assert refused(caught)[0] == "InvalidParameterException"


def test_lists_come_in_pages_of_a_hundred_at_most(fake: EksFake, client: EKSClient) -> None:
    roles = [f"arn:aws:iam::111122223333:role/r{number:03}" for number in range(120)]
    for role in roles:
        fake.clusters["prod"].entries.made_by_eks(role, "STANDARD")
    first = client.list_access_entries(clusterName="prod")
    assert len(first["accessEntries"]) == 100
    pages = client.get_paginator("list_access_entries").paginate(clusterName="prod", PaginationConfig={"PageSize": 50})
    assert [arn for page in pages for arn in page["accessEntries"]] == roles
    with pytest.raises(ClientError):
        client.list_access_entries(clusterName="prod", maxResults=101)


def test_an_entry_is_pinned_to_the_principals_unique_id(fake: EksFake, client: EKSClient) -> None:
    ids: dict[str, str | None] = {ROLE: "AROA1"}
    fake.add_cluster("pinned", authentication_mode="API", unique_id=ids.get)
    with pytest.raises(ClientError) as caught:
        client.create_access_entry(clusterName="pinned", principalArn=NODE)
    assert "invalid principal" in refused(caught)[1]
    client.create_access_entry(clusterName="pinned", principalArn=ROLE)
    seen_as = "arn:aws:iam::111122223333:role/deployer"
    assert fake.clusters["pinned"].entry_of(seen_as) is not None
    ids[ROLE] = "AROA2"
    assert fake.clusters["pinned"].entry_of(seen_as) is None


def test_what_was_just_made_may_not_be_seen_yet(fake: EksFake, client: EKSClient) -> None:
    fake.clusters["prod"].entries.lag = 1
    client.create_access_entry(clusterName="prod", principalArn=ROLE)
    with pytest.raises(ClientError):
        client.describe_access_entry(clusterName="prod", principalArn=ROLE)
    assert client.describe_access_entry(clusterName="prod", principalArn=ROLE)["accessEntry"]["principalArn"] == ROLE


def test_node_groups_and_fargate_profiles_tell_their_roles(fake: EksFake, client: EKSClient) -> None:
    cluster = fake.clusters["prod"]
    cluster.nodegroups |= {"linux": NODE, "windows": f"{NODE}-windows"}
    cluster.windows.add("windows")
    cluster.fargate_profiles["fp"] = f"{NODE}-fargate"
    assert client.list_nodegroups(clusterName="prod")["nodegroups"] == ["linux", "windows"]
    groups = [
        client.describe_nodegroup(clusterName="prod", nodegroupName=name)["nodegroup"] for name in cluster.nodegroups
    ]
    assert [(group["nodeRole"], group["amiType"].startswith("WINDOWS")) for group in groups] == [
        (NODE, False),
        (f"{NODE}-windows", True),
    ]
    assert client.list_fargate_profiles(clusterName="prod")["fargateProfileNames"] == ["fp"]
    profile = client.describe_fargate_profile(clusterName="prod", fargateProfileName="fp")["fargateProfile"]
    assert profile["podExecutionRoleArn"] == f"{NODE}-fargate"


def test_changes_are_told_to_whoever_wants_to_know(fake: EksFake, client: EKSClient) -> None:
    told = []
    fake.on_change = lambda cluster: told.append(cluster.name)
    client.create_access_entry(clusterName="prod", principalArn=ROLE)
    client.delete_access_entry(clusterName="prod", principalArn=ROLE)
    client.list_access_entries(clusterName="prod")
    assert told == ["prod", "prod"]


@pytest.mark.parametrize("can_have_policies", [True, False])
def test_an_entry_of_auto_mode_has_policies_or_not(
    fake: EksFake, client: EKSClient, *, can_have_policies: bool
) -> None:
    fake.clusters["prod"].entries.policies_on_ec2 = can_have_policies
    client.create_access_entry(clusterName="prod", principalArn=NODE, type="EC2")
    policy = CLUSTER_ADMIN.replace("ClusterAdmin", "AutoNode")
    scope: Any = {"type": "cluster"}
    if can_have_policies:
        client.associate_access_policy(clusterName="prod", principalArn=NODE, policyArn=policy, accessScope=scope)
        listed = client.list_associated_access_policies(clusterName="prod", principalArn=NODE)
        assert [one["policyArn"] for one in listed["associatedAccessPolicies"]] == [policy]
        return
    with pytest.raises(ClientError) as caught:
        client.associate_access_policy(clusterName="prod", principalArn=NODE, policyArn=policy, accessScope=scope)
    assert refused(caught)[0] == "InvalidRequestException"


@pytest.mark.parametrize(
    ("mode", "also_maps", "has_entry", "is_mapped"),
    [
        ("CONFIG_MAP", True, False, True),
        ("CONFIG_MAP", False, False, True),
        ("API_AND_CONFIG_MAP", True, True, True),
        ("API_AND_CONFIG_MAP", False, True, False),
        ("API", True, True, False),
    ],
)
def test_eks_lets_in_the_nodes_that_it_starts(
    fake: EksFake, mode: str, *, also_maps: bool, has_entry: bool, is_mapped: bool
) -> None:
    cluster = fake.add_cluster("nodes", authentication_mode=mode)
    cluster.maps_nodes_in_mixed_mode = also_maps
    mapped = []
    cluster.map_nodes = lambda role, kind: mapped.append((role, kind))
    cluster.add_nodes("fp", NODE, "FARGATE_LINUX")
    assert (NODE in cluster.entries.entries) == has_entry
    assert mapped == [(NODE, "FARGATE_LINUX")] * is_mapped


def test_a_change_may_not_find_what_was_just_made(fake: EksFake, client: EKSClient) -> None:
    fake.clusters["prod"].entries.write_lag = 1
    client.create_access_entry(clusterName="prod", principalArn=ROLE)
    with pytest.raises(ClientError) as caught:
        client.update_access_entry(clusterName="prod", principalArn=ROLE, username="deployer")
    assert refused(caught)[0] == "ResourceNotFoundException"
    changed = client.update_access_entry(clusterName="prod", principalArn=ROLE, username="deployer")["accessEntry"]
    assert (changed["username"], changed["modifiedAt"] > changed["createdAt"]) == ("deployer", True)


def test_every_other_call_is_too_many(fake: EksFake, client: EKSClient) -> None:
    fake.throttle(2)
    client.describe_cluster(name="prod")
    with pytest.raises(ClientError) as caught:
        client.describe_cluster(name="prod")
    assert refused(caught)[0] == "ThrottlingException"
    fake.throttle(0)
    client.describe_cluster(name="prod")


def test_there_are_three_thousand_entries_at_most(fake: EksFake, client: EKSClient) -> None:
    for number in range(3000):
        fake.clusters["prod"].entries.made_by_eks(f"{NODE}-{number}", "STANDARD")
    with pytest.raises(ClientError) as caught:
        client.create_access_entry(clusterName="prod", principalArn=ROLE)
    assert refused(caught)[0] == "ResourceLimitExceededException"
