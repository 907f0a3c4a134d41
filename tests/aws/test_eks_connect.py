"""Describing an EKS cluster by its name or ARN, and what is said when that fails."""

from __future__ import annotations

import inspect
import json
import traceback
from contextlib import closing
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import exceptions as botocore_exceptions

from awsauth.api import whoami
from awsauth.aws.eks import describe_cluster
from awsauth.aws.errors import clock_difference, translate_errors
from awsauth.aws.session import AwsSession
from awsauth.connections.eks import from_eks
from awsauth.connections.eks_cluster_info import EksClusterInfo
from awsauth.errors import (
    AwsAuthError,
    AwsPermissionError,
    AwsServiceError,
    ClusterNotFoundError,
    CredentialsError,
    InvalidValueError,
    UnreachableError,
    UsageError,
)
from tests.support.aws.aws_environment import KEYS, only
from tests.support.aws.eks_fake import EksFake
from tests.support.controlplane.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
ARN = "arn:aws:eks:eu-west-1:111122223333:cluster/prod"


@pytest.fixture
def eks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[EksFake]:
    with EksFake() as fake:
        # STS is not there: what says which account it was has to do without.
        only(monkeypatch, tmp_path, KEYS | fake.environment | {"AWS_REGION": "eu-west-1", "AWS_MAX_ATTEMPTS": "1"})
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
        fake.add_cluster("prod", endpoint="https://ABC.eks.example", certificate_authority=PEM)
        yield fake


def test_a_cluster_is_described_in_one_request(eks: EksFake) -> None:
    cluster = describe_cluster(AwsSession(), "prod")
    assert (cluster.endpoint, cluster.certificate_authority) == ("https://ABC.eks.example", PEM)
    assert (cluster.name, cluster.cluster_id, cluster.arn) == ("prod", "prod", ARN)
    assert (cluster.partition, cluster.region, cluster.account) == ("aws", "eu-west-1", "111122223333")
    assert cluster.authentication_mode == "CONFIG_MAP"
    assert cluster.public_endpoint
    assert eks.operations() == ["DescribeCluster"]
    assert PEM not in repr(cluster)


def test_eks_tells_the_callers_account_unless_it_is_forbidden(eks: EksFake) -> None:
    transport: Any = SimpleNamespace(host="https://ABC.eks.example")
    info = EksClusterInfo(AwsSession(), "prod", transport)
    assert (info.account(), info.authentication_mode()) == ("111122223333", "CONFIG_MAP")
    assert eks.operations() == ["DescribeCluster"]
    eks.deny("DescribeCluster")
    assert EksClusterInfo(AwsSession(), "prod", transport).account() == ""


def test_the_token_of_a_local_cluster_names_its_id(eks: EksFake) -> None:
    eks.add_cluster("outpost", certificate_authority=PEM, cluster_id="1b2c-3d4e")
    assert describe_cluster(AwsSession(), "outpost").cluster_id == "1b2c-3d4e"


@pytest.mark.parametrize("mode", ["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"])
def test_the_authentication_mode_is_told(eks: EksFake, mode: str) -> None:
    eks.clusters["prod"].authentication_mode = mode
    assert describe_cluster(AwsSession(), "prod").authentication_mode == mode


@pytest.mark.usefixtures("eks")
def test_the_region_of_an_arn_counts_and_may_not_be_contradicted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert describe_cluster(AwsSession(), ARN).region == "eu-west-1"
    assert describe_cluster(AwsSession(region="eu-west-1"), ARN).name == "prod"
    with pytest.raises(UsageError, match=r"region is `us-east-1`, but the ARN's cluster is in eu-west-1"):
        describe_cluster(AwsSession(region="us-east-1"), ARN)


@pytest.mark.usefixtures("eks")
def test_another_accounts_cluster_of_the_same_name_is_not_taken_for_it() -> None:
    with pytest.raises(ClusterNotFoundError, match=r"names the account 444455556666\. The credentials belong to 1111"):
        describe_cluster(AwsSession(), ARN.replace("111122223333", "444455556666"))


@pytest.mark.parametrize("name", ["", "-prod", "a/b", "x" * 101, "prod\n", "arn:aws:eks:eu-west-1:1:cluster/prod", "é"])
def test_what_cannot_be_a_cluster_is_refused_before_anything_is_asked(eks: EksFake, name: str) -> None:
    with pytest.raises(InvalidValueError, match="neither the name nor the ARN"):
        describe_cluster(AwsSession(), name)
    assert eks.requests == []


def test_a_cluster_that_is_being_made_has_no_api_server(eks: EksFake) -> None:
    eks.clusters["prod"].status = "CREATING"
    with pytest.raises(AwsServiceError, match="aws eks wait cluster-active --name prod"):
        describe_cluster(AwsSession(), "prod")


def test_a_cluster_that_is_not_there_is_said_with_where_it_was_looked_for_and_what_is_there(eks: EksFake) -> None:
    eks.add_cluster("staging")
    with pytest.raises(ClusterNotFoundError) as caught:
        describe_cluster(AwsSession(), "produ")
    text = str(caught.value)
    assert "no EKS cluster `produ` in eu-west-1 (account not known)" in text
    assert "The clusters there: `prod`, `staging`." in text


def test_only_the_first_of_many_clusters_are_named(eks: EksFake) -> None:
    for number in range(150):
        eks.add_cluster(f"c{number:03}")
    with pytest.raises(ClusterNotFoundError, match=r"`c000`, .*`c019`, …\. Check") as caught:
        describe_cluster(AwsSession(), "other")
    assert "c020" not in str(caught.value)
    assert eks.operations().count("ListClusters") == 1


def test_a_cluster_that_is_not_there_where_clusters_may_not_be_listed(eks: EksFake) -> None:
    eks.deny("ListClusters")
    with pytest.raises(ClusterNotFoundError, match=r"The clusters there cannot be listed \(eks:ListClusters\)"):
        describe_cluster(AwsSession(), "produ")


def test_a_missing_permission_comes_with_the_statement_that_gives_it(eks: EksFake) -> None:
    eks.deny("DescribeCluster")
    with pytest.raises(AwsPermissionError) as caught:
        describe_cluster(AwsSession(), "prod")
    error = caught.value
    assert (error.action, error.resource, error.code) == ("eks:DescribeCluster", ARN, "AccessDeniedException")
    statement = json.loads(error.hint[error.hint.index("{") :])
    assert statement == {"Effect": "Allow", "Action": "eks:DescribeCluster", "Resource": ARN}
    assert eks.caller in str(error)


def test_an_explicit_deny_is_not_answered_with_a_statement(eks: EksFake) -> None:
    message = f"User: {eks.caller} is not authorized to perform: eks:DescribeCluster on resource: {ARN} with an explicit deny in a service control policy"
    eks.fail("DescribeCluster", "AccessDeniedException", message, 403)
    with pytest.raises(AwsPermissionError, match="Another statement that allows it does not help"):
        describe_cluster(AwsSession(), "prod")


@pytest.mark.parametrize(
    ("code", "message", "difference", "said"),
    [
        ("InvalidSignatureException", "Signature expired: 20240101T000000Z is now earlier than 2024", 20, "20 minutes behind"),
        ("InvalidSignatureException", "Signature not yet current: 2024 is still later than 2024", -9, "9 minutes ahead of"),
        ("RequestTimeTooSkewed", "The difference is too large.", 20, "20 minutes behind that of AWS"),
        ("RequestExpired", "Request has expired.", 0, "this machine's clock differs from that of AWS"),
    ],
)  # fmt: skip
def test_a_wrong_clock_is_said_and_by_how_much(
    eks: EksFake, code: str, message: str, difference: int, said: str
) -> None:
    eks.clock = timedelta(minutes=difference)
    eks.fail("DescribeCluster", code, message, 403, times=9)
    with pytest.raises(CredentialsError, match="this machine's clock") as caught:
        describe_cluster(AwsSession(), "prod")
    assert said.removesuffix(" of") in str(caught.value)


@pytest.mark.parametrize("code", ["ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId"])
def test_credentials_that_aws_does_not_take_are_said(
    eks: EksFake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str
) -> None:
    only(
        monkeypatch,
        tmp_path,
        {"AWS_PROFILE": "ops"} | eks.environment,
        keys="[ops]\naws_access_key_id=A\naws_secret_access_key=s\n",
    )
    eks.fail("DescribeCluster", code, "The security token included in the request is expired", 403, times=9)
    with pytest.raises(
        CredentialsError, match=rf"{code}.*\n.*the shared credentials file of the profile `ops`: get new"
    ):
        describe_cluster(AwsSession(region="eu-west-1"), "prod")


def test_a_refused_signature_is_not_quoted_with_what_was_signed(eks: EksFake) -> None:
    signed = "The Canonical String for this request should have been 'GET\nx-amz-security-token:SECRET-SESSION-TOKEN'"
    eks.fail("DescribeCluster", "InvalidSignatureException", signed, 403, times=9)
    with pytest.raises(CredentialsError) as caught:
        describe_cluster(AwsSession(), "prod")
    assert "SECRET-SESSION-TOKEN" not in "".join(traceback.format_exception(caught.value))


def test_throttling_is_tried_again_then_said(eks: EksFake) -> None:
    eks.fail("DescribeCluster", "ThrottlingException", "Rate exceeded", 429, times=1)
    assert describe_cluster(AwsSession(), "prod").name == "prod"
    eks.fail("DescribeCluster", "ThrottlingException", "Rate exceeded", 429, times=9)
    with pytest.raises(AwsServiceError, match="too many calls") as caught:
        describe_cluster(AwsSession(), "prod")
    assert caught.value.code == "ThrottlingException"


def test_a_service_that_cannot_be_reached_is_said(eks: EksFake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_EKS", "http://127.0.0.1:1")
    with pytest.raises(AwsServiceError, match="AWS cannot be reached") as caught:
        describe_cluster(AwsSession(), "prod")
    assert "VPC endpoint" in caught.value.hint
    assert eks.requests == []


@pytest.mark.parametrize("region", ["moon", "moon base", "eu_west_1", "eu-west-1/"])
def test_what_cannot_be_a_region_is_said(eks: EksFake, region: str) -> None:
    with pytest.raises(UsageError, match="eu-west-1, or set AWS_REGION"):
        describe_cluster(AwsSession(region=region), "prod")
    assert eks.requests == []


# Where credentials and region come from.


def test_no_credentials_is_said_with_all_that_was_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, tmp_path, {"AWS_REGION": "eu-west-1"})
    with pytest.raises(CredentialsError) as caught:
        describe_cluster(AwsSession(), "prod")
    text = str(caught.value)
    for source in (
        "environment variables", "web identity", "single sign-on", "the shared credentials file",
        "credential_process", "EKS Pod Identity", "the role of the EC2 instance",
    ):  # fmt: skip
        assert f"- {source}" in text or source in text
    assert "Instance metadata is switched off by AWS_EC2_METADATA_DISABLED." in text


def test_an_expired_single_sign_on_is_said_with_the_command_that_renews_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = (
        "[profile ops]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Ops\n"
        "[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.example/start\n"
    )
    only(monkeypatch, tmp_path, {"HOME": str(tmp_path)}, config=config)
    with pytest.raises(CredentialsError, match="single sign-on") as caught:
        describe_cluster(AwsSession(profile="ops", region="eu-west-1"), "prod")
    assert caught.value.hint == "Renew it: `aws sso login --profile ops`"


def test_a_profile_that_is_not_there_is_said_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    only(monkeypatch, tmp_path, {}, config="[profile ops]\nregion = eu-west-1\n")
    with pytest.raises(CredentialsError, match=r"no profile `opps`.*\n.*`ops`"):
        describe_cluster(AwsSession(profile="opps"), "prod")


@pytest.mark.parametrize(
    ("process", "said"),
    [
        ("/no/such/program", "No such file"),
        ("false", "Error when retrieving credentials"),
        ("echo SECRET-ACCESS-KEY", "JSONDecodeError"),
        ("echo {}", "Error when retrieving credentials|Unsupported version"),
    ],
)
def test_a_credential_process_that_fails_is_said_without_what_it_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, process: str, said: str
) -> None:
    only(monkeypatch, tmp_path, {}, config=f"[default]\ncredential_process = {process}\n")
    with pytest.raises(CredentialsError, match=said) as caught:
        AwsSession().credentials()
    assert "SECRET-ACCESS-KEY" not in "".join(traceback.format_exception(caught.value))


def test_configuration_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, tmp_path, {}, config="[default\nregion")
    with pytest.raises(CredentialsError, match="AWS configuration"):
        describe_cluster(AwsSession(), "prod")


@pytest.mark.parametrize(
    ("argument", "variables", "region"),
    [
        ("us-west-2", {"AWS_REGION": "eu-west-1"}, "us-west-2"),
        (None, {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-1"),
        (None, {"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        (None, {"AWS_PROFILE": "ops"}, "eu-central-1"),
        (None, {}, "eu-south-1"),
    ],
)
def test_the_region_comes_from_the_argument_the_environment_or_the_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, argument: str | None, variables: dict[str, str], region: str
) -> None:
    config = "[default]\nregion = eu-south-1\n[profile ops]\nregion = eu-central-1\n"
    only(monkeypatch, tmp_path, variables, config=config)
    assert AwsSession(region=argument).region == region


def test_the_region_of_a_session_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, tmp_path, {"AWS_DEFAULT_REGION": "eu-west-1"})
    given = boto3.Session("AKIAIOSFODNN7EXAMPLE", "secret", region_name="eu-west-3")
    assert AwsSession(session=given).region == "eu-west-3"
    assert AwsSession(session=given, region="eu-west-2").region == "eu-west-2"
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert AwsSession(session=given).region == "eu-west-3"


def test_no_region_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, tmp_path, KEYS)
    with pytest.raises(UsageError, match=r"AWS region is not known.*is switched off by AWS_EC2_METADATA_DISABLED"):
        describe_cluster(AwsSession(), "prod")


@pytest.mark.parametrize(
    "arguments", [{"profile": ""}, {"region": " "}, {"profile": "ops", "session": boto3.Session()}, {"session": "ops"}]
)
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"region is|profile is|session is|cannot be combined"):
        AwsSession(**arguments)


RAISED_BY_BOTOCORE = [
    kind
    for _, kind in inspect.getmembers(botocore_exceptions, inspect.isclass)
    if issubclass(kind, Exception)
    and not issubclass(kind, Warning)
    and (kind.__module__ == "botocore.exceptions" or issubclass(kind, OSError))
]


class Filling(dict[str, object]):
    """Has a value for everything that a message asks for."""

    def __missing__(self, key: str) -> str:
        return f"<{key}>"


def made(kind: type[Exception]) -> Exception:
    """Return an exception of botocore's, however it wants to be made."""
    if issubclass(kind, botocore_exceptions.ClientError):
        return kind({"Error": {"Code": "Odd", "Message": "odd"}}, "Do")
    error = kind.__new__(kind)
    Exception.__init__(error, getattr(kind, "fmt", "odd").format_map(Filling()))
    error.__dict__["kwargs"] = Filling()
    return error


@pytest.mark.parametrize("kind", RAISED_BY_BOTOCORE)
def test_no_exception_of_botocore_gets_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: type[Exception]
) -> None:
    only(monkeypatch, tmp_path, KEYS)
    session = AwsSession()
    with (
        pytest.raises(AwsAuthError, match=r"^It cannot be done: ") as caught,
        translate_errors("It cannot be done", session),
    ):
        raise made(kind)
    assert type(caught.value) in (AwsServiceError, CredentialsError, UsageError)


def test_an_answer_that_is_none_of_aws_is_said_without_it(
    eks: EksFake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A proxy's page, or half an answer of AssumeRole: STS answers XML, and this server does not.
    only(monkeypatch, tmp_path, KEYS | {"AWS_ENDPOINT_URL": eks.url})
    with pytest.raises(AwsServiceError, match="does not come from AWS") as caught:
        whoami()
    assert "POST /" not in "".join(traceback.format_exception(caught.value))


def test_the_exceptions_walked_are_those_of_botocore() -> None:
    assert len(RAISED_BY_BOTOCORE) > 80
    assert botocore_exceptions.NoCredentialsError in RAISED_BY_BOTOCORE


def test_how_far_a_clock_is_off_is_said_in_minutes() -> None:
    now = datetime.now(timezone.utc)
    for minutes, said in ((0, ""), (20, "20 minutes behind"), (-90, "90 minutes ahead"), (0.9, "")):
        date = format_datetime(now + timedelta(minutes=minutes), usegmt=True)
        assert clock_difference(date) == said
    assert clock_difference("") == clock_difference("yesterday") == ""


# From a name to the API server.


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://abc.eks.example",
        "javascript:\x1b[31m",
        "5",
        "https://abc.eks.example?x",
        "https://[::1",
        "ftp://abc.example",
    ],
)
def test_an_address_that_no_token_may_go_to_is_refused(eks: EksFake, endpoint: str) -> None:
    eks.clusters["prod"].endpoint = endpoint
    with pytest.raises(AwsServiceError, match=r"which leads to a cluster (with|whose) a") as caught:
        from_eks("prod")
    assert all(line.isprintable() for line in str(caught.value).splitlines())


def test_the_description_cannot_steer_a_terminal(eks: EksFake, tmp_path: Path) -> None:
    authority = Authority(tmp_path).certificate_file.read_text(encoding="utf-8")
    eks.clusters["prod"].certificate_authority = authority
    eks.clusters["prod"].endpoint = "https://abc.eks.example/\x1b]0;gone\x07"
    with closing(from_eks("prod")) as connection:
        assert connection.description.isprintable()


def self_signed(folder: Path) -> str:
    """Return a certificate of an authority that has signed nothing."""
    from tests.support.controlplane.authority import Authority

    return Authority(folder).certificate_file.read_text(encoding="utf-8")


def test_a_private_endpoint_that_cannot_be_reached_is_said(eks: EksFake, tmp_path: Path) -> None:
    private = eks.clusters["prod"]
    private.certificate_authority = self_signed(tmp_path)
    private.endpoint = "https://127.0.0.1:1"
    for private.public in (True, False):
        with closing(from_eks("prod")) as connection, pytest.raises(UnreachableError) as caught:
            connection.transport.get("/version")
        assert ("no public endpoint" in caught.value.hint) != private.public
