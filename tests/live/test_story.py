"""The original story, from an EC2 instance's role to a passed health check and back, with no stored credentials.

The API server, the authenticator, boto3 and kubectl are real; of AWS, IAM, STS, EKS and instance metadata are stood in.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from awsauth.aws.trust_policy import trust_in_ec2
from tests.support.story import NODE, Story

if TYPE_CHECKING:
    from tests.support.controlplane.metadata import InstanceMetadata
    from tests.support.named_cluster import NamedCluster


def test_from_an_instances_role_to_a_passed_health_check_and_back(
    named: NamedCluster, instance: InstanceMetadata
) -> None:
    story = Story(named, instance, "story-worker")
    story.begin()
    [node] = named.cluster.aws.client("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"]
    node_session = named.cluster.aws.assume_role("story-worker-node", session_name=node["InstanceId"])

    # The role that the instance wears, made so that EC2 may hand it out.
    story.make_role()
    assert instance.role_arn == story.role_arn
    role = named.cluster.aws.client("iam").get_role(RoleName="story-worker")["Role"]
    assert trust_in_ec2(role["AssumeRolePolicyDocument"], "aws").verdict == "yes"

    # On the instance: no credential anywhere, and the cluster does not know who this is.
    report = story.check(passes=False)
    assert not [name for name in os.environ if name.startswith("AWS_") and ("KEY" in name or "TOKEN" in name)]
    assert not any(
        Path(os.environ[name]).read_text(encoding="utf-8")
        for name in os.environ
        if name.endswith("_FILE") and name.startswith("AWS_")
    )
    passed = {step.name: step.detail for step in report.steps if step.result == "passed"}
    assert passed["credentials"] == "the role of the EC2 instance, through instance metadata"
    assert passed["identity"].endswith(f":assumed-role/story-worker/{instance.instance_id}")
    assert report.failure
    assert (report.failure.name, "(401)" in report.failure.cause) == ("authenticated", True)

    # The administrator does as the advice says, with the username and group of choice.
    result = story.follow(report.failure.hint)
    assert result.changed
    assert story.role_arn in str(result.diff)

    # The same instance.
    report = story.check(passes=True)
    detail = {step.name: step.detail for step in report.steps}
    assert detail["authenticated"].startswith("`admin`, in `system:masters`, by mapRoles line ")
    assert detail["authorised"] == "may list nodes; list namespaces"

    # Nodes are not concerned.
    assert story.node_entry() == NODE.format(node=named.arn("story-worker-node"))
    who = named.cluster.identity(named.cluster.eks_token(node_session))
    assert who is not None
    assert who.username.startswith("system:node:")
    assert set(who.groups) == {"system:bootstrappers", "system:nodes"}

    # Back, to the byte; and the instance is unknown again.
    assert story.go_back().changed
    now = named.cluster.aws_auth()
    assert now
    assert now["data"] == {"mapRoles": story.text}
    report = story.check(passes=False)
    assert report.failure
    assert report.failure.name == "authenticated"
