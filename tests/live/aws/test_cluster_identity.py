"""Who somebody is to AWS and to a cluster, in one call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import awsauth
from awsauth.errors import CredentialsError, ForbiddenError
from tests.support.command_line import run

if TYPE_CHECKING:
    from tests.support.controlplane.metadata import InstanceMetadata
    from tests.support.named_cluster import NamedCluster


def test_an_instance_is_told_as_whom_it_comes_into_the_cluster(named: NamedCluster, instance: InstanceMetadata) -> None:
    instance.role_arn = named.arn("standing-worker")
    named.map(standing_worker=("deployers", "viewers"))
    named.await_in("standing-worker")
    named.be(instance.environment)
    who = awsauth.whoami(cluster=named.name)
    assert (who.source, who.canonical_arn) == ("instance-role", named.arn("standing-worker"))
    seen = who.cluster
    assert seen is not None
    assert (seen.username, seen.groups, seen.arn, seen.problem) == (
        "standing-worker",
        ("deployers", "viewers"),
        named.arn("standing-worker"),
        "",
    )
    aws, _, cluster = str(who).partition("To EKS cluster ")
    assert "standing-worker`" not in aws
    assert cluster == (
        f"{named.name} in {named.cluster.aws.region} (account {who.account}) at {named.cluster.server}, by a token signed with "
        "these AWS credentials:\n"
        "  username:     `standing-worker`\n"
        "  groups:       `deployers`, `viewers`\n"
        f"  IAM ARN:      {named.arn('standing-worker')}"
    )
    assert json.loads(json.dumps(who.to_json()))["cluster"]["groups"] == ["deployers", "viewers"]


def test_the_command_line_tells_it_too(named: NamedCluster) -> None:
    named.map(standing_cli=())
    named.await_in("standing-cli")
    named.be_role("standing-cli")
    done = run("whoami", "--cluster", named.name, "-o", "json")
    assert (done.code, json.loads(done.out)["identity"]["cluster"]["username"]) == (0, "standing-cli")
    assert "username:     `standing-cli`\n  groups:       none" in run("whoami", "--cluster", named.name).out


def test_whoever_is_not_let_in_is_told_so_and_who_they_are_all_the_same(named: NamedCluster) -> None:
    named.be_role("standing-stranger")
    who = awsauth.whoami(cluster=named.name)
    assert who.canonical_arn == named.arn("standing-stranger")
    assert who.cluster is not None
    assert (who.cluster.username, who.cluster.groups) == ("", ())
    assert "rejects the caller (401)" in who.cluster.problem
    assert "not known: the cluster rejects the caller" in str(who)


def test_with_a_role_that_is_assumed_the_cluster_sees_that(named: NamedCluster) -> None:
    named.map(standing_target=("ops",))
    named.await_in("standing-target")
    named.be_role("standing-base")
    who = awsauth.whoami(cluster=named.name, assume_role=named.arn("standing-target"))
    assert who.cluster is not None
    assert (who.canonical_arn, who.cluster.username) == (named.arn("standing-base"), "standing-target")
    assert named.arn("standing-target") in who.cluster.credentials


def test_the_credentials_may_be_other_ones_than_those_of_the_context(named: NamedCluster) -> None:
    named.be_role("standing-somebody")
    who = awsauth.whoami(kubeconfig=str(named.cluster.kubeconfig))
    assert who.cluster is not None
    assert (who.canonical_arn, who.cluster.groups) == (named.arn("standing-somebody"), ("system:masters",))
    assert (who.cluster.arn, "may be another identity" in who.cluster.credentials) == ("", True)
    named.be()
    with pytest.raises(CredentialsError):
        awsauth.whoami(kubeconfig=str(named.cluster.kubeconfig))


@pytest.mark.parametrize(
    ("answer", "words"), [(None, "older than Kubernetes 1.27"), (ForbiddenError("no"), "system:basic-user")]
)
def test_a_server_that_does_not_tell_is_no_failure(
    named: NamedCluster, monkeypatch: pytest.MonkeyPatch, answer: Any, words: str
) -> None:
    def review(_: object) -> Any:
        if answer is None:
            return None
        raise answer

    monkeypatch.setattr("awsauth.aws.identity.self_review", review)
    named.be_role("standing-untold")
    seen = awsauth.whoami(cluster=named.name).cluster
    assert seen is not None
    assert words in seen.problem
