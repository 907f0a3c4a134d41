"""Tokens that the real authenticator lets in."""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from awsauth.aws.session import AwsSession
from awsauth.aws.token import TokenSource
from tests.support.aws.aws_environment import only
from tests.support.aws.presigned import url_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.controlplane.cluster import Cluster


def let_in(cluster: Cluster, name: str) -> str:
    """Map a role to a user of the same name and return its ARN."""
    arn = f"arn:aws:iam::{cluster.aws.account}:role/{name}"
    cluster.put_aws_auth({"mapRoles": f"- rolearn: {arn}\n  username: {name}\n  groups: [{name}s]\n"})
    return arn


def awaited(cluster: Cluster, source: TokenSource) -> Any:
    return cluster.await_identity(lambda: source.token(renew=True).value, lambda who: who is not None)


def test_the_authenticator_takes_a_token_for_its_cluster_and_none_for_another(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    let_in(cluster, "token-worker")
    worker = cluster.aws.assume_role("token-worker")
    only(monkeypatch, tmp_path, worker.environment)
    right, wrong = (TokenSource(AwsSession(), name, region=cluster.aws.region) for name in (cluster.name, "another"))
    who = awaited(cluster, right)
    assert (who.username, who.groups) == ("token-worker", ("token-workers",))
    assert cluster.identity(wrong.token().value) is None


def test_the_authenticator_refuses_a_token_in_which_anything_was_changed(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    let_in(cluster, "token-tampered")
    only(monkeypatch, tmp_path, cluster.aws.assume_role("token-tampered").environment)
    source = TokenSource(AwsSession(), cluster.name, region=cluster.aws.region)
    assert awaited(cluster, source) is not None
    url = url_in(source.token().value)
    signature = dict(parse_qsl(urlsplit(url).query))["X-Amz-Signature"]
    other = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    for changed in (url.replace(signature, other), re.sub(r"Expires=\d+", "Expires=61", url)):
        forged = "k8s-aws-v1." + base64.urlsafe_b64encode(changed.encode()).decode().rstrip("=")
        assert forged != source.token().value
        assert cluster.identity(forged) is None


@pytest.mark.parametrize(("minutes", "taken"), [(14, True), (16, False)])
def test_the_authenticator_takes_a_token_for_as_long_as_it_is_handed_out_and_not_after_15_minutes(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, minutes: int, taken: bool
) -> None:
    let_in(cluster, "token-old")
    only(monkeypatch, tmp_path, cluster.aws.assume_role("token-old").environment)
    source = TokenSource(AwsSession(), cluster.name, region=cluster.aws.region)
    assert awaited(cluster, source) is not None
    signed = datetime.now(timezone.utc) - timedelta(minutes=minutes, seconds=-5)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: signed.replace(tzinfo=None))
    assert (cluster.identity(source.token(renew=True).value) is not None) == taken


def test_a_role_is_assumed_first_under_the_session_name_of_the_aws_cli(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arn = cluster.aws.create_role("token-assumed")
    cluster.put_aws_auth({"mapRoles": json.dumps([{"rolearn": arn, "username": "{{SessionName}}"}])})
    only(monkeypatch, tmp_path, cluster.aws.environment | cluster.aws.assume_role("token-base").environment)
    source = TokenSource(AwsSession(), cluster.name, region=cluster.aws.region, role_arn=arn)
    assert awaited(cluster, source).username == "EKSGetTokenAuth"
