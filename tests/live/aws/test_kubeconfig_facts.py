"""A kubeconfig that the AWS CLI wrote leads to EKS and IAM as well: as whom it says, and about the cluster it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import EnsureUser
from awsauth.errors import GuardError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.controlplane.aws import AwsCredentials
    from tests.support.named_cluster import NamedCluster

OTHER_ACCOUNT = "210987654321"
USER = "arn:aws:iam::111122223333:user/jane"
ADDED = EnsureUser(user_arn=USER, username="jane")


def let_in(named: NamedCluster, role: str) -> AwsCredentials:
    """Make a role, or an ARN, an administrator, and be it."""
    arn = role if role.startswith("arn:") else named.arn(role)
    name = arn.rpartition("/")[2]
    mapping = f"- rolearn: {arn}\n  username: {name}\n  groups: [system:masters]\n"
    named.cluster.put_aws_auth({"mapRoles": mapping})
    session = named.cluster.aws.assume_role(arn)
    named.cluster.await_identity(
        lambda: named.cluster.eks_token(session), lambda who: who is not None and who.username == name
    )
    named.be(session.environment)
    return session


def client_by(named: NamedCluster, folder: Path, *options: str, cluster: str = "") -> AwsAuthClient:
    """Return a client by a kubeconfig such as ``aws eks update-kubeconfig`` writes."""
    config = yaml.safe_load(named.cluster.kubeconfig.read_text(encoding="utf-8"))
    args = ["--region", named.cluster.aws.region, "eks", "get-token", "--cluster-name", cluster or named.name, *options]
    stanza = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "aws", "args": args}
    config["users"][0]["user"] = {"exec": stanza}
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return AwsAuthClient.from_kubeconfig(path=path)


def test_in_api_mode_a_change_is_refused_unless_allowed_by_name(named: NamedCluster, tmp_path: Path) -> None:
    let_in(named, "facts-mode")
    named.described.authentication_mode = "API"
    with client_by(named, tmp_path) as client:
        with pytest.raises(GuardError, match="authentication mode is API"):
            client.apply(ADDED)
        assert client.apply(ADDED, allow=["authentication-mode"]).changed


def test_in_api_mode_whoever_is_not_known_is_told_to_ask_for_an_access_entry(
    named: NamedCluster, tmp_path: Path
) -> None:
    let_in(named, "facts-somebody")
    named.be_role("facts-stranger")
    named.described.authentication_mode = "API"
    with client_by(named, tmp_path) as client:
        failure = client.health_check().failure
    assert failure
    assert "aws eks create-access-entry" in failure.hint


def test_an_access_entry_counts(named: NamedCluster, tmp_path: Path) -> None:
    let_in(named, "facts-entry")
    named.described.authentication_mode = "API_AND_CONFIG_MAP"
    named.described.entries.made_by_eks(USER, "STANDARD")
    with client_by(named, tmp_path) as client:
        assert "entry-shadows" in [finding.code for finding in client.plan(ADDED).findings]
        assert "access entries: the caller's entry" in str(client.explain(USER))


def test_eks_is_not_asked_before_it_is_needed_and_a_refusal_is_a_note(named: NamedCluster, tmp_path: Path) -> None:
    let_in(named, "facts-denied")
    named.eks.deny("DescribeCluster")
    with client_by(named, tmp_path) as client:
        client.read()
        assert named.eks.operations() == []
        findings = client.plan(ADDED).findings
        assert {finding.code for finding in findings} == {"not-looked-at"}
        assert "eks:DescribeCluster" in str(findings[0])
        assert client.apply(ADDED).changed
    assert named.eks.operations() == ["DescribeCluster"]


def test_a_cluster_of_the_same_name_elsewhere_is_not_taken_for_it(named: NamedCluster, tmp_path: Path) -> None:
    let_in(named, "facts-other")
    named.described.endpoint = "https://0123456789abcdef.gr7.us-east-1.eks.amazonaws.com"
    named.described.authentication_mode = "API"
    with client_by(named, tmp_path) as client:
        result = client.apply(ADDED)
    assert result.changed
    assert any("it may be another cluster" in str(finding) for finding in result.findings)


def test_a_bare_name_is_of_the_account_of_the_profile_in_the_kubeconfig(
    named: NamedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = let_in(named, f"arn:aws:iam::{OTHER_ACCOUNT}:role/facts-ops")
    named.cluster.aws.create_role("facts-worker")
    named.cluster.aws.client("iam", there).create_role(RoleName="facts-worker", AssumeRolePolicyDocument="{}")
    keys = tmp_path / "credentials"
    keys.write_text(
        f"[ops]\naws_access_key_id={there.access_key}\naws_secret_access_key={there.secret_key}\n"
        f"aws_session_token={there.session_token}\n",
        encoding="utf-8",
    )
    named.be_role("facts-default")
    named.eks.clusters.clear()  # EKS describes clusters of the caller's account alone
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    with client_by(named, tmp_path, "--profile", "ops") as client:
        plan = client.planning.add_role_mapping("facts-worker", username="worker")
        assert f"arn:aws:iam::{OTHER_ACCOUNT}:role/facts-worker" in str(plan.diff)
        missing = client.add_role_mapping(f"arn:aws:iam::{OTHER_ACCOUNT}:role/nobody", username="x", dry_run=True)
    assert "role-missing" in [finding.code for finding in missing.findings]
