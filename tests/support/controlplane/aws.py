"""AWS as the tests see it: addresses, credentials of users and roles, and tokens for clusters."""

from __future__ import annotations

import base64
import datetime as dt
import itertools
import json
import os
import sys
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest import mock

from tests.support.controlplane.processes import Child, start
from tests.support.paths import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

REGION = "us-east-1"
ACCOUNT = "123456789012"
ADDRESSES = "addresses.json"
EXPIRES = itertools.cycle(range(61, 900))
"""Values of ``X-Amz-Expires`` for tokens of which no two are the same; awsauth's own have up to 60."""

_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@dataclass(frozen=True, slots=True)
class AwsCredentials:
    """Keys that IAM or STS gave out, and whose they are."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(repr=False)
    arn: str
    expiration: dt.datetime | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What to set for boto3 to use them."""
        token = {"AWS_SESSION_TOKEN": self.session_token} if self.session_token else {}
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key, **token}


# moto asks for no rights, so these may do everything; STS knows nobody who holds them.
NOBODY = AwsCredentials("AKIAIOSFODNN7EXAMPLE", "nobody", None, "")


@dataclass(frozen=True, slots=True)
class Aws:
    """moto, behind two addresses with the same state.

    Behind `proxy_url` the names of AWS's hosts are real and `ca_file` is to be trusted; there STS checks presigned requests.
    `endpoint_url` is for ``AWS_ENDPOINT_URL``.
    """

    endpoint_url: str
    proxy_url: str
    ca_file: Path
    region: str = REGION
    account: str = ACCOUNT

    @property
    def environment(self) -> dict[str, str]:
        """What to set for boto3 to come here by `endpoint_url`, with no credentials."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    @property
    def proxy_environment(self) -> dict[str, str]:
        """What to set for boto3, and programs in Go, to come here by `proxy_url`, with no credentials."""
        environment = self.environment
        del environment["AWS_ENDPOINT_URL"]
        return environment | {
            "HTTPS_PROXY": self.proxy_url,
            "NO_PROXY": "127.0.0.1,localhost",
            "AWS_CA_BUNDLE": str(self.ca_file),
            "SSL_CERT_FILE": str(self.ca_file),
        }

    def client(self, service: str, credentials: AwsCredentials = NOBODY) -> Any:
        """Return a boto3 client; a fixture that needs types casts it to those of the stubs."""
        return _client(self, service, credentials)

    def create_role(self, name: str, *, path: str = "/", trust: dict[str, Any] | None = None) -> str:
        """Make a role and return its ARN; one that exists stays as it is. EC2 instances may wear it by default."""
        iam = self.client("iam")
        try:
            made = iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(trust or _TRUST))
        except iam.exceptions.EntityAlreadyExistsException:
            made = iam.get_role(RoleName=name)
        return str(made["Role"]["Arn"])

    def create_user(self, name: str, *, path: str = "/") -> AwsCredentials:
        """Make a user with an access key; one that exists gets another key."""
        iam = self.client("iam")
        try:
            user = iam.create_user(UserName=name, Path=path)["User"]
        except iam.exceptions.EntityAlreadyExistsException:
            user = iam.get_user(UserName=name)["User"]
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return AwsCredentials(key["AccessKeyId"], key["SecretAccessKey"], None, user["Arn"])

    def assume_role(self, role: str, *, session_name: str = "tests", duration_s: int = 3600) -> AwsCredentials:
        """Return credentials of a session of a role, which need not exist and may be of any account.

        Args:
            role: the ARN, or the name of a role of `account`.
            session_name: what the session's ARN ends with.
            duration_s: from when on STS refuses the credentials.
        """
        arn = role if role.startswith("arn:") else f"arn:aws:iam::{self.account}:role/{role}"
        answer = self.client("sts").assume_role(RoleArn=arn, RoleSessionName=session_name, DurationSeconds=duration_s)
        given = answer["Credentials"]
        return AwsCredentials(
            given["AccessKeyId"],
            given["SecretAccessKey"],
            given["SessionToken"],
            answer["AssumedRoleUser"]["Arn"],
            given["Expiration"],
        )


@cache
def _client(aws: Aws, service: Any, credentials: AwsCredentials) -> Any:
    import boto3

    # botocore reads the environment and the files in the home folder as well: only these are meant here.
    with mock.patch.dict(os.environ, {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}):
        os.environ.pop("AWS_PROFILE", None)
        session = boto3.Session(
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            aws_session_token=credentials.session_token,
            region_name=aws.region,
        )
        return session.client(service, endpoint_url=aws.endpoint_url)


def eks_token(
    credentials: AwsCredentials, cluster: str, *, region: str = REGION, signed_at: dt.datetime | None = None
) -> str:
    """Return a bearer token like the one ``aws eks get-token`` prints, signed by botocore, now or at another time (in UTC).

    No two are the same: kube-apiserver remembers for 10 seconds whose a token is, whatever the webhook's cache does, and
    two tokens of one second would be the same but for ``X-Amz-Expires``, which nobody looks at.
    """
    from botocore import auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    url = f"https://sts.{region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest("GET", url, headers={"x-k8s-aws-id": cluster})
    keys = Credentials(credentials.access_key, credentials.secret_key, credentials.session_token)
    signer = auth.SigV4QueryAuth(keys, "sts", region, expires=next(EXPIRES))
    at = signed_at or dt.datetime.now(dt.timezone.utc)
    with mock.patch.object(auth, "get_current_datetime", return_value=at):
        signer.add_auth(request)
    return "k8s-aws-v1." + base64.urlsafe_b64encode(str(request.url).encode()).decode().rstrip("=")


def start_aws(folder: Path) -> Child:
    """Start the process; `connected` waits for it."""
    folder.mkdir()
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    # Without moto's list of machine images, which takes seconds to load and is of no use here.
    environment |= {"PYTHONPATH": str(PROJECT), "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
    command: list[str | Path] = [sys.executable, "-m", "tests.support.controlplane.aws_server", folder]
    return start(command, name="aws", folder=folder, environment=environment)


def connected(child: Child) -> Aws:
    """Return AWS, once it answers.

    Raises:
        RuntimeError: it does not.
    """
    addresses = child.log.parent / ADDRESSES
    child.wait_until(addresses.exists)
    urls = json.loads(addresses.read_text(encoding="utf-8"))
    return Aws(urls["endpoint"], urls["proxy"], child.log.parent / "ca.crt")
