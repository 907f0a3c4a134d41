"""Tokens for EKS clusters: their form, their life, and that the real authenticator takes the right ones only."""

from __future__ import annotations

import base64
import json
import sys
import threading
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.loaders import create_loader
from botocore.regions import EndpointResolver

from awsauth.aws import token as token_module
from awsauth.aws.session import AwsSession
from awsauth.aws.token import LASTS, TokenSource
from awsauth.errors import CredentialsError, InvalidValueError, UsageError
from tests.support.aws.aws_environment import KEYS, only
from tests.support.aws.presigned import url_in
from tests.support.imports import MODULES_OF, in_new_interpreter

if TYPE_CHECKING:
    from pathlib import Path


REGION = "eu-west-1"
PRINTED = {"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s"}  # by a credential_process


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AwsSession:
    only(monkeypatch, tmp_path, KEYS)
    return AwsSession()


def test_a_token_is_a_presigned_get_caller_identity_that_names_the_cluster(keys: AwsSession) -> None:
    token = TokenSource(keys, "prod", region=REGION).token().value
    parts = urlsplit(url_in(token))
    parameters = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    assert token.startswith("k8s-aws-v1.")
    assert "=" not in token
    assert len(token) <= 4096
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "sts.eu-west-1.amazonaws.com", "/")
    assert len(dict(parameters)) == len(parameters)
    expected = {
        "Action": "GetCallerIdentity",
        "Version": "2011-06-15",
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Expires": "60",
        "X-Amz-SignedHeaders": "host;x-k8s-aws-id",
    }
    assert expected.items() <= dict(parameters).items()
    assert "X-Amz-Security-Token" not in dict(parameters)
    assert dict(parameters)["X-Amz-Credential"].endswith("/eu-west-1/sts/aws4_request")


@pytest.mark.parametrize(
    ("region", "settings", "host"),
    [
        ("us-east-1", {}, "sts.us-east-1.amazonaws.com"),
        ("us-east-1", {"AWS_STS_REGIONAL_ENDPOINTS": "legacy"}, "sts.us-east-1.amazonaws.com"),
        ("us-east-1", {"AWS_USE_FIPS_ENDPOINT": "true"}, "sts-fips.us-east-1.amazonaws.com"),
        ("eu-west-1", {"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "sts.eu-west-1.api.aws"),
        ("cn-north-1", {}, "sts.cn-north-1.amazonaws.com.cn"),
        ("cn-northwest-1", {}, "sts.cn-northwest-1.amazonaws.com.cn"),
        ("us-gov-west-1", {}, "sts.us-gov-west-1.amazonaws.com"),
        ("us-gov-east-1", {"AWS_USE_FIPS_ENDPOINT": "true"}, "sts.us-gov-east-1.amazonaws.com"),
        ("us-iso-east-1", {}, "sts.us-iso-east-1.c2s.ic.gov"),
        # A region that came after this release of botocore.
        ("eu-north-9", {}, "sts.eu-north-9.amazonaws.com"),
        ("eu-west-1", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "sts.eu-west-1.amazonaws.com"),
    ],
)
def test_the_host_is_that_of_the_region_its_partition_and_the_variant_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, region: str, settings: dict[str, str], host: str
) -> None:
    only(monkeypatch, tmp_path, KEYS | settings)
    token = TokenSource(AwsSession(), "prod", region=region).token()
    assert urlsplit(url_in(token.value)).netloc == host


def test_without_settings_the_host_is_that_of_botocores_endpoints_in_every_region(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    only(monkeypatch, tmp_path, KEYS, config=f"[default]\nregion = {REGION}\n")
    session = AwsSession()
    partitions = create_loader().load_data("endpoints")["partitions"]
    regions = [region for partition in partitions for region in partition["regions"]]
    assert len(regions) > 40
    hosts = {region: session.regional_host("sts", region) for region in regions}
    resolver = EndpointResolver(create_loader().load_data("endpoints"))
    endpoints = {region: resolver.construct_endpoint("sts", region) for region in regions}
    assert hosts == {region: endpoint["hostname"] for region, endpoint in endpoints.items() if endpoint}


@pytest.mark.parametrize("file", ["config", "keys"])
def test_the_host_follows_a_setting_in_either_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str) -> None:
    only(monkeypatch, tmp_path, KEYS, **{file: "[default]\nuse_fips_endpoint = true\n"})
    assert AwsSession().regional_host("sts", "us-east-1") == "sts-fips.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("variables", "files"),
    [
        (KEYS | {"AWS_SESSION_TOKEN": "t"}, {}),
        ({"AWS_PROFILE": "ops"}, {"keys": "[ops]\naws_access_key_id = A\naws_secret_access_key = s\n"}),
        ({}, {"config": "[default]\ncredential_process = echo " + json.dumps(json.dumps(PRINTED)) + "\n"}),
    ],
)
def test_a_token_loads_neither_a_session_nor_a_client(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str], files: dict[str, str]
) -> None:
    only(monkeypatch, tmp_path, variables | {"AWS_REGION": REGION}, **files)
    change = """
from awsauth.aws.session import AwsSession
from awsauth.aws.token import TokenSource
session = AwsSession()
TokenSource(session, "prod", region=session.region).token()
"""
    loaded = in_new_interpreter(MODULES_OF.format(change=change))
    assert "botocore.auth" in loaded
    assert not {"botocore.session", "botocore.client", "boto3"}.intersection(loaded)


def test_a_token_of_keys_without_a_session_signs_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """STS refuses an empty one."""
    only(monkeypatch, tmp_path, KEYS)
    token = TokenSource(AwsSession(), "prod", region=REGION).token().value.removeprefix("k8s-aws-v1.")
    assert b"X-Amz-Security-Token" not in base64.urlsafe_b64decode(token + "==")


def test_a_profile_that_does_not_exist_is_an_error_also_with_keys_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    only(monkeypatch, tmp_path, KEYS | {"AWS_PROFILE": "opps"})
    with pytest.raises(CredentialsError, match="no profile `opps`"):
        TokenSource(AwsSession(), "prod", region=REGION).token()


def test_a_region_that_is_none_is_refused(keys: AwsSession) -> None:
    with pytest.raises(UsageError, match=r"STS is not known in `moon`"):
        TokenSource(keys, "prod", region="moon").token()


def test_a_variant_that_a_partition_does_not_have_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, tmp_path, KEYS | {"AWS_USE_DUALSTACK_ENDPOINT": "true"})
    with pytest.raises(UsageError, match="no endpoint in the partition aws-iso"):
        AwsSession().regional_host("sts", "us-iso-east-1")


@pytest.mark.parametrize("name", ["", "two words", "prod\r\nX-Amz-Security-Token: x", "prod\n", "x" * 256])
def test_what_cannot_be_the_name_of_a_cluster_is_no_header(keys: AwsSession, name: str) -> None:
    with pytest.raises(InvalidValueError):
        TokenSource(keys, name, region=REGION)


def test_a_session_token_that_makes_the_token_too_large_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    only(monkeypatch, tmp_path, KEYS | {"AWS_SESSION_TOKEN": "x" * 4000})
    with pytest.raises(CredentialsError, match=r"the cluster accepts 4,096") as caught:
        TokenSource(AwsSession(), "prod", region=REGION).token()
    assert "xxxx" not in str(caught.value)


class Clock:
    """The time that tokens are told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = datetime.now(timezone.utc)
        monkeypatch.setattr(token_module, "_now", lambda: self.now)


def test_a_token_is_handed_out_for_14_minutes_then_another_is_made(
    keys: AwsSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, source = Clock(monkeypatch), TokenSource(keys, "prod", region=REGION)
    first = source.token()
    clock.now += timedelta(minutes=14) - timedelta(seconds=1)
    assert source.token() is first
    clock.now += timedelta(seconds=1)
    second = source.token()
    assert second is not first
    assert second.expires_at == clock.now + LASTS


def test_a_clock_that_is_set_back_does_not_keep_a_token_alive(
    keys: AwsSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, source = Clock(monkeypatch), TokenSource(keys, "prod", region=REGION)
    first = source.token()
    clock.now -= timedelta(hours=1)
    assert source.token() is not first


def test_a_fresh_token_is_always_another_and_is_handed_out_from_then_on(
    keys: AwsSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, source = Clock(monkeypatch), TokenSource(keys, "prod", region=REGION)
    first = source.token()
    clock.now += timedelta(seconds=1)
    fresh = source.token(renew=True)
    assert fresh is not first
    assert source.token() is fresh


def test_no_two_fresh_tokens_of_a_second_are_the_same(keys: AwsSession) -> None:
    # An API server would take the second for the first, and say whose that was some seconds ago.
    sources = [TokenSource(keys, "prod", region=REGION) for _ in range(2)]
    values = [source.token(renew=True).value for _ in range(10) for source in sources] + [sources[0].token().value]
    assert len(set(values)) == 20
    for value in values:
        assert 0 < int(dict(parse_qsl(urlsplit(url_in(value)).query))["X-Amz-Expires"]) <= 60


RENEWING = """
import datetime, json, pathlib, sys
counter = pathlib.Path(sys.argv[1])
number = int(counter.read_text() or 0) + 1
counter.write_text(str(number))
# Within the time in which boto3 renews whenever it is asked.
until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)
print(json.dumps({"Version": 1, "AccessKeyId": f"ASIA{number:016d}", "SecretAccessKey": "process-secret",
                  "SessionToken": "process-session", "Expiration": until.isoformat()}))
"""


def test_a_token_does_not_outlive_the_credentials_that_signed_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program, counter = tmp_path / "renewing.py", tmp_path / "counter"
    program.write_text(RENEWING, encoding="utf-8")
    counter.write_text("0", encoding="utf-8")
    process = f"{sys.executable} {program} {counter}"
    only(monkeypatch, tmp_path, {}, config=f"[default]\ncredential_process = {process}\n")
    source = TokenSource(AwsSession(), "prod", region=REGION)
    keys = [dict(parse_qsl(urlsplit(url_in(source.token().value)).query))["X-Amz-Credential"][:20] for _ in range(3)]
    assert len(set(keys)) == 3


def test_threads_that_ask_at_once_get_one_token(keys: AwsSession) -> None:
    source, barrier, tokens = TokenSource(keys, "prod", region=REGION), threading.Barrier(8), []

    def ask() -> None:
        barrier.wait()
        tokens.append(source.token().value)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 8
    assert len(set(tokens)) == 1


def test_no_repr_shows_a_token_a_key_or_a_signature(keys: AwsSession) -> None:
    source = TokenSource(keys, "prod", region=REGION)
    token = source.token()
    shown = repr(keys) + repr(source) + repr(token) + str(token)
    signature = dict(parse_qsl(urlsplit(url_in(token.value)).query))["X-Amz-Signature"]
    for secret in (*KEYS.values(), token.value, signature):
        assert secret not in shown


# From here on: the real aws-iam-authenticator, behind a real API server.
