"""An AWS account to ask through real boto3 (moto answers), which can be told to refuse, or to be slow."""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.loaders import create_loader
from moto import mock_aws

from awsauth.aws.session import AwsSession
from awsauth.aws.trust_policy import letting_ec2_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

NUMBER = "123456789012"
ROLE = f"arn:aws:iam::{NUMBER}:role"
PROFILE = f"arn:aws:iam::{NUMBER}:instance-profile"


# To read the description of EC2 takes half a second: once is enough.
_LOADER = create_loader()


def _session(region: str) -> boto3.Session:
    session = botocore.session.get_session()
    session.register_component("data_loader", _LOADER)
    return boto3.Session(botocore_session=session, region_name=region)


@cache
def _client(service: str, region: str) -> Any:
    factory: Any = _session(region).client
    return factory(service, aws_access_key_id="testing", aws_secret_access_key="testing")  # noqa: S106 - moto's


class AwsAccount:
    """An account, and what is sent to it.

    Attributes:
        session: Asks it.
        sent: The operations that were sent, in order.
    """

    def __init__(self, region: str) -> None:
        self.session = _session(region)
        self.sent: list[str] = []
        self._region = region
        self.session.events.register_first("before-call", self._note)

    @property
    def asking(self) -> AwsSession:
        return AwsSession(session=self.session)

    @property
    def iam(self) -> Any:
        """Changes things behind the library's back."""
        return self._client("iam")

    @property
    def ec2(self) -> Any:
        return self._client("ec2")

    def _client(self, service: str) -> Any:
        return _client(service, self._region)

    def _note(self, event_name: str, **_: Any) -> None:
        self.sent.append(event_name.rpartition(".")[2])

    def role(self, name: str, policy: Any = None, path: str = "/") -> str:
        trust = json.dumps(policy or letting_ec2_in(None, "aws"))
        role = self.iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=trust)
        return str(role["Role"]["Arn"])

    def trust(self, name: str) -> Any:
        return self.iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]

    def instance_profile(self, name: str, *roles: str) -> str:
        profile = self.iam.create_instance_profile(InstanceProfileName=name)["InstanceProfile"]
        for role in roles:
            self.iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
        return str(profile["Arn"])

    def instance(self, profile: str = "") -> str:
        image = self.ec2.register_image(Name=f"image-{len(self.sent)}")["ImageId"]
        made = self.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
        if profile:
            self.ec2.associate_iam_instance_profile(IamInstanceProfile={"Name": profile}, InstanceId=made)
        return str(made)

    def profile_of(self, instance: str) -> str:
        """Return the name of the instance profile that an instance has; empty where it has none."""
        of_instance = [{"Name": "instance-id", "Values": [instance]}]
        found = self.ec2.describe_iam_instance_profile_associations(Filters=of_instance)
        arns = [one["IamInstanceProfile"]["Arn"] for one in found["IamInstanceProfileAssociations"]]
        return arns[0].rpartition("/")[2] if arns else ""

    def deny(self, *actions: str) -> None:
        """Let IAM allow nothing of this (``iam:GetRole``)."""
        for action in actions:
            service, _, operation = action.partition(":")
            who = f"arn:aws:sts::{NUMBER}:assumed-role/dev/anna"
            message = f"User: {who} is not authorized to perform: {action} because no identity-based policy allows it"
            code = "UnauthorizedOperation" if service == "ec2" else "AccessDenied"
            self.raise_for_violations(service, operation, code, message, status=403)

    def raise_for_violations(
        self, service: str, operation: str, code: str, message: str, *, status: int = 400, times: int = -1
    ) -> None:
        """Answer an operation with an error, `times` times, for ever by default."""
        self.answer(service, operation, {"Error": {"Code": code, "Message": message}}, status=status, times=times)

    def answer(
        self, service: str, operation: str, answer: dict[str, Any], *, status: int = 200, times: int = -1
    ) -> None:
        """Answer an operation so, `times` times, for ever by default."""
        left = [times]
        parsed = {**answer, "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}}}

        def reply(**_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
            if not left[0]:
                return None
            left[0] -= 1
            return AWSResponse("", status, HTTPHeaders(), None), parsed

        events: Any = self.session.events
        events.register(f"before-call.{service}.{operation}", reply)

    def before(self, service: str, operation: str, act: Callable[[], object]) -> None:
        """Let somebody else act right before the first request of an operation is sent."""
        left = [act]

        def meddle(**_: Any) -> None:
            if left:
                left.pop()()

        self.session.events.register(f"before-call.{service}.{operation}", meddle)


@contextmanager
def aws_account(monkeypatch: pytest.MonkeyPatch, region: str = "eu-west-1") -> Iterator[AwsAccount]:
    """Yield an account of which nothing is used yet."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with mock_aws():
        yield AwsAccount(region)
