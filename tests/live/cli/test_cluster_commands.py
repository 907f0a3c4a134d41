"""Commands on a cluster whose AWS side answers or does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.command_line import process, run

if TYPE_CHECKING:
    from tests.support.controlplane.cluster import Cluster

UNKNOWN = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_SESSION_TOKEN": None, "AWS_PROFILE": None}


def test_whoami_says_who_aws_takes_one_for(cluster: Cluster) -> None:
    session = cluster.aws.assume_role("cli-whoami", session_name="alice")
    env = {**cluster.aws.environment, **session.environment, "AWS_EC2_METADATA_DISABLED": "true"}
    done = process("whoami", env=env)
    assert (done.code, ":role/cli-whoami" in done.out) == (0, True), done
    identity = json.loads(process("whoami", "-o", "json", env=env).out)["identity"]
    assert identity["canonical_arn"].endswith(":role/cli-whoami")
    assert session.secret_key not in str(process("whoami", "-vv", "--traceback", env=env))


def test_without_credentials_it_is_not_allowed(cluster: Cluster) -> None:
    nowhere = {"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
    env = {**UNKNOWN, **cluster.aws.environment, **nowhere, "AWS_EC2_METADATA_DISABLED": "true"}
    assert run("whoami", env=env).code == 5
    assert run("recover", "--cluster", "k8s", "--region", "eu-west-1", "--dry-run", env=env).code == 5
