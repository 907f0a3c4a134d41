"""The caller's own identity, as STS tells it for credentials of every source."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from awsauth.api import whoami
from awsauth.aws.session import AwsSession, InstanceMetadata
from awsauth.errors import AwsServiceError, CredentialsError
from tests.support.aws.aws_environment import KEYS, only
from tests.support.waiting import PATIENCE, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.controlplane.aws import Aws, AwsCredentials
    from tests.support.controlplane.metadata import InstanceMetadata as Instance
    from tests.support.controlplane.plane import ControlPlane


@pytest.fixture
def aws(control_plane: ControlPlane) -> Aws:
    return control_plane.aws


def within(aws: Aws, monkeypatch: pytest.MonkeyPatch, folder: Path, *variables: dict[str, str], **files: str) -> None:
    """Have boto3 come to `aws`, with `variables`, and find nothing else."""
    told = {name: value for name, value in aws.environment.items() if not name.endswith("_FILE")}
    for more in variables:
        told |= more
    only(monkeypatch, folder, told, **files)


@pytest.fixture
def worker(instance: Instance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Instance:
    """Return an instance that wears a role, and have boto3 run on it."""
    instance.role_arn = f"arn:aws:iam::{instance.aws.account}:role/whoami-worker"
    within(instance.aws, monkeypatch, tmp_path, instance.environment)
    return instance


def test_an_instance_is_its_role_with_no_credential_in_environment_or_files(worker: Instance) -> None:
    who = whoami()
    assert who.arn == f"arn:aws:sts::{who.account}:assumed-role/whoami-worker/{worker.instance_id}"
    assert who.canonical_arn == worker.role_arn
    assert (who.source, who.instance_role, who.instance_id) == ("instance-role", "whoami-worker", worker.instance_id)
    assert (who.account, who.partition, who.region) == (worker.aws.account, "aws", worker.aws.region)
    assert who.metadata_problem == ""
    assert ("PUT", "/latest/api/token") in worker.requests


def test_the_region_is_that_of_the_instance_where_nothing_else_tells_it(
    worker: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert whoami().region == worker.aws.region


def test_keys_in_the_environment_of_a_user_with_a_path(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    user = aws.create_user("whoami-alice", path="/ops/")
    within(aws, monkeypatch, tmp_path, user.environment)
    who = whoami()
    assert (who.source, who.arn) == ("environment", user.arn)
    assert who.canonical_arn == f"arn:aws:iam::{aws.account}:user/ops/whoami-alice"


def keys_file(credentials: AwsCredentials, profile: str) -> str:
    """Return the text of a credentials file."""
    token = f"aws_session_token = {credentials.session_token}\n" if credentials.session_token else ""
    return (
        f"[{profile}]\naws_access_key_id = {credentials.access_key}\n"
        f"aws_secret_access_key = {credentials.secret_key}\n{token}"
    )


def test_keys_of_a_profile(aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    session = aws.assume_role("whoami-profile", session_name="alice")
    within(aws, monkeypatch, tmp_path, KEYS, keys=keys_file(session, "ops"))
    who = whoami(profile="ops")
    assert (who.source, who.profile, who.arn) == ("profile", "ops", session.arn)
    assert who.canonical_arn.endswith(":role/whoami-profile")


def test_a_role_that_a_profile_assumes(aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    role = aws.create_role("whoami-assumed", path="/team/")
    config = f"[profile ops]\nrole_arn = {role}\nsource_profile = base\nrole_session_name = alice\n"
    keys = keys_file(aws.create_user("whoami-base"), "base")
    within(aws, monkeypatch, tmp_path, {"AWS_PROFILE": "ops"}, config=config, keys=keys)
    who = whoami()
    assert (who.source, who.profile) == ("assumed-role", "ops")
    # STS never reports the path of a role, and the authenticator never sees it.
    assert who.canonical_arn == f"arn:aws:iam::{aws.account}:role/whoami-assumed"


@pytest.mark.parametrize(
    ("folder", "source"), [("var/run/secrets/eks.amazonaws.com/serviceaccount", "irsa"), ("tokens", "web-identity")]
)
def test_a_web_identity(aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str, source: str) -> None:
    file = tmp_path / folder / "token"
    file.parent.mkdir(parents=True)
    file.write_text("a.web.token", encoding="utf-8")
    role = aws.create_role("whoami-web")
    variables = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(file), "AWS_ROLE_ARN": role, "AWS_ROLE_SESSION_NAME": "pod"}
    within(aws, monkeypatch, tmp_path, variables)
    who = whoami()
    assert (who.source, who.canonical_arn) == (source, role)


def test_credentials_of_a_process(aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    session = aws.assume_role("whoami-process")
    answer = tmp_path / "answer.json"
    answer.write_text(
        json.dumps({
            "Version": 1,
            "AccessKeyId": session.access_key,
            "SecretAccessKey": session.secret_key,
            "SessionToken": session.session_token,
        }),
        encoding="utf-8",
    )  # fmt: skip
    process = f"{sys.executable} -c \"print(open('{answer}').read())\""
    within(aws, monkeypatch, tmp_path, config=f"[default]\ncredential_process = {process}\n")
    assert (whoami().source, whoami().arn) == ("process", session.arn)


def test_keys_of_a_session_that_is_passed(aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    user = aws.create_user("whoami-session")
    within(aws, monkeypatch, tmp_path)
    who = whoami(session=boto3.Session(user.access_key, user.secret_key))
    assert (who.source, who.arn) == ("session", user.arn)


def received(instance: Instance, puts: int) -> list[str]:
    """Return the methods of the requests, once so many of PUT have come in: their senders may have given up before."""
    return wait_for(lambda: [method for method, _ in instance.requests], lambda methods: methods.count("PUT") >= puts)


@pytest.mark.parametrize(
    ("behaviour", "said"), [("off", "is switched off for this instance"), ("silent", "does not answer at http://127.")]
)
def test_metadata_that_cannot_be_read_is_asked_once_and_said(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, behaviour: Any, said: str
) -> None:
    instance.behaviour = behaviour
    user = instance.aws.create_user("whoami-no-metadata")
    within(instance.aws, monkeypatch, tmp_path, instance.environment, user.environment)
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    who = whoami()
    assert len(received(instance, 1)) == 1
    assert said in who.metadata_problem
    assert (who.arn, who.region, who.instance_id, who.instance_role) == (user.arn, "", "", "")
    assert said in str(who)


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [("off", "is switched off for this instance"), ("silent", "does not answer"), ("on", "names no role")],
)
def test_no_credentials_is_said_with_what_metadata_said(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, behaviour: Any, said: str
) -> None:
    instance.behaviour = behaviour
    within(instance.aws, monkeypatch, tmp_path, instance.environment)
    with pytest.raises(CredentialsError, match=f"Instance metadata {said}"):
        whoami()
    # One of boto3's; our own are for the id meanwhile, and for the role if metadata answers.
    tokens = 3 if behaviour == "on" else 2
    assert received(instance, tokens).count("PUT") == tokens


def test_metadata_is_not_asked_again_once_it_has_not_answered(instance: Instance) -> None:
    instance.behaviour = "silent"
    metadata = InstanceMetadata(instance.url, seconds=0.1)
    assert metadata.role_name() == metadata.instance_id() == metadata.region() == ""
    assert len(received(instance, 1)) == 1


def test_each_read_of_metadata_has_a_token_of_its_own(instance: Instance) -> None:
    metadata = InstanceMetadata(instance.url, seconds=PATIENCE)
    assert metadata.instance_id() == instance.instance_id
    instance.tokens.clear()
    assert metadata.instance_id() == instance.instance_id
    assert [method for method, _ in instance.requests] == ["PUT", "GET", "PUT", "GET"]


def test_who_it_is_reads_well_and_is_json(worker: Instance) -> None:
    who = whoami()
    assert str(who).splitlines() == [
        "To AWS:",
        f"  caller:       arn:aws:sts::{who.account}:assumed-role/whoami-worker/{worker.instance_id}",
        f"  in aws-auth:  arn:aws:iam::{who.account}:role/whoami-worker",
        "  credentials:  the role of the EC2 instance, through instance metadata",
        f"  account:      {who.account} (aws)",
        f"  region:       {who.region}",
        f"  EC2 instance: {worker.instance_id}, role whoami-worker",
    ]
    shown = json.loads(json.dumps(who.to_json()))
    assert shown["canonical_arn"] == who.canonical_arn
    assert shown["source"] == "instance-role"


def test_no_secret_is_logged_shown_or_raised(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="awsauth")
    session = aws.assume_role("whoami-secret")
    within(aws, monkeypatch, tmp_path, session.environment)
    who = whoami()
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    with pytest.raises(AwsServiceError) as caught:
        whoami()
    shown = repr(who) + str(who) + json.dumps(who.to_json()) + repr(AwsSession())
    shown += "".join(traceback.format_exception(caught.value)) + caplog.text
    assert session.session_token is not None
    for secret in (session.secret_key, session.session_token):
        assert secret not in shown
