"""No credential, token or signature is ever told: in a log, an exception, a repr, a plan or a revision.

The whole story and many failures run with every secret known that was handed out or made on the way; then all that was
told is searched for them.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from awsauth.api import health_check, whoami
from awsauth.aws.token import TokenSource
from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import EnsureRole
from awsauth.errors import AwsAuthError
from tests.support.aws.presigned import url_in
from tests.support.connections import connected
from tests.support.controlplane.aws import Aws
from tests.support.story import Story

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.controlplane.aws import AwsCredentials
    from tests.support.controlplane.metadata import InstanceMetadata
    from tests.support.named_cluster import NamedCluster


class Secrets:
    """Every secret that is handed out or made, by what it is."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def learn(self, message: str, value: str | None) -> None:
        if value:
            self.known[value] = message

    def learn_token(self, token: str) -> None:
        self.learn("token", token.removeprefix("k8s-aws-v1."))
        self.learn("signature", parse_qs(urlsplit(url_in(token)).query)["X-Amz-Signature"][0])

    def found_in(self, text: str) -> set[str]:
        return {message for value, message in self.known.items() if value in text}


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Secrets:
    """Return the secrets of this test: what STS hands out to anybody, and what is signed here."""
    secrets = Secrets()
    assume, frozen, signed = Aws.assume_role, TokenSource._frozen, TokenSource._signed

    def assume_role(self: Aws, *arguments: Any, **options: Any) -> AwsCredentials:
        given = assume(self, *arguments, **options)
        secrets.learn("secret key", given.secret_key)
        secrets.learn("session token", given.session_token)
        return given

    def keys(self: TokenSource) -> Any:
        given = frozen(self)
        secrets.learn("secret key", given.secret_key)
        secrets.learn("session token", given.token)
        return given

    def sign(self: TokenSource, *arguments: Any) -> Any:
        token = signed(self, *arguments)
        secrets.learn_token(token.value)
        return token

    monkeypatch.setattr(Aws, "assume_role", assume_role)
    monkeypatch.setattr(TokenSource, "_frozen", keys)
    monkeypatch.setattr(TokenSource, "_signed", sign)
    return secrets


class Told:
    """Everything that is told, and the secrets that must not be."""

    def __init__(self, secrets: Secrets, caplog: pytest.LogCaptureFixture) -> None:
        self.secrets = secrets
        self.texts: list[str] = []
        self.errors: list[AwsAuthError] = []
        self._caplog = caplog

    def add(self, *values: Any) -> None:
        for value in values:
            self.texts += [str(value), repr(value)]
            as_json = getattr(value, "to_json", None)
            if callable(as_json):
                self.texts.append(str(as_json()))

    @contextmanager
    def failing(self, kind: type[Exception] = AwsAuthError) -> Iterator[None]:
        """Expect an error, and keep everything that a log may show of it."""
        with pytest.raises(kind) as caught:
            yield
        assert isinstance(caught.value, AwsAuthError)
        self.errors.append(caught.value)
        shown = "".join(traceback.format_exception(caught.value))
        self.add(caught.value, shown, vars(caught.value), caught.value.args)

    def check(self, kinds: set[str]) -> None:
        """Check that no secret was told, and that there have been secrets of all these kinds."""
        known = self.secrets.known
        assert kinds == set(known.values())
        assert self.secrets.found_in(f"a traceback with {next(iter(known))} in it")
        logged = [record.getMessage() for record in self._caplog.records if record.name.partition(".")[0] == "awsauth"]
        for text in (*self.texts, *logged):
            assert not self.secrets.found_in(text), text


@pytest.fixture
def told(secrets: Secrets, caplog: pytest.LogCaptureFixture) -> Told:
    caplog.set_level(logging.DEBUG, logger="awsauth")
    return Told(secrets, caplog)


ALL = {"secret key", "session token", "token", "signature"}


def test_the_whole_story_tells_no_secret(
    named: NamedCluster, instance: InstanceMetadata, told: Told, capfd: pytest.CaptureFixture[str]
) -> None:
    story = Story(named, instance, "secrets-worker")
    story.begin()
    story.make_role()
    story.follow(story.check(passes=False).steps[4].hint)
    story.check(passes=True)
    story.go_back()
    story.check(passes=False)
    told.add(*story.told, whoami())
    story.be_administrator()
    with AwsAuthClient.from_eks(named.name) as client:
        plan = client.plan(EnsureRole(role_arn=story.role_arn, username="x"))
        told.add(plan, plan.findings, client, client.read(), *client.check(), client.explain(story.role_arn))
        connection = client._connection
        told.add(connection, vars(client), connection and connection.transport, connection and connection.tokens)
        told.add(connection and connection.tokens and connection.tokens.token(), client._cluster_context)
    told.add(json.dumps(named.cluster.aws_auth()), *map(json.dumps, named.cluster.revisions()))
    told.add(*capfd.readouterr())
    told.check(ALL)


def test_no_failure_on_the_way_to_aws_tells_a_secret(
    named: NamedCluster, instance: InstanceMetadata, monkeypatch: pytest.MonkeyPatch, told: Told
) -> None:
    named.be_role("secrets-failing")
    with named.client() as client:
        told.add(client.health_check(role_arn=named.arn("secrets-other")))
    # AWS quotes what it would have signed.
    quoting = (
        f"The request signature we calculated does not match. x-amz-security-token:{os.environ['AWS_SESSION_TOKEN']}"
    )
    refused = {
        "SignatureDoesNotMatch": quoting,
        "ExpiredTokenException": "The security token included in the request is expired",
        "AccessDeniedException": "User is not authorized to perform: eks:DescribeCluster",
        "ThrottlingException": "Rate exceeded",
    }
    for code, message in refused.items():
        named.eks.fail("DescribeCluster", code, message, 403, times=3 if code == "ThrottlingException" else 1)
        with told.failing():
            named.client()
    with told.failing():
        AwsAuthClient.from_eks("nowhere")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name in ("AWS_ENDPOINT_URL_EKS", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        told.add(health_check(cluster=named.name))
        with told.failing():
            whoami()
            named.client()
    instance.role_arn, instance.behaviour = named.arn("secrets-instance"), "off"
    named.be(instance.environment)
    told.add(health_check(cluster=named.name))
    # A token too large for the cluster, because the session's own is.
    session = named.cluster.aws.assume_role("secrets-large").environment
    large = session["AWS_SESSION_TOKEN"] * 20
    told.secrets.learn("session token", large)
    named.be(session, {"AWS_SESSION_TOKEN": large})
    with told.failing():
        named.client()
    assert len(told.errors) >= 8
    told.check(ALL)


def test_no_failure_at_the_api_server_tells_a_secret(named: NamedCluster, tmp_path: Path, told: Told) -> None:
    named.map(secrets_dev=("developers",), secrets_chief=("system:masters",), secrets_deputy=("system:masters",))
    named.await_in("secrets-dev")
    named.be_role("secrets-outsider")
    with named.client() as client, told.failing():
        told.add(client.health_check())
        client.add_role_mapping(named.arn("secrets-x"), username="x", history=False)
    named.be_role("secrets-dev")
    with named.client() as client:
        told.add(client.health_check())
        with told.failing():
            client.add_role_mapping(named.arn("secrets-x"), username="x")
    named.be_role("secrets-chief")
    deputy = named.arn("secrets-deputy")
    with named.client() as client:
        with told.failing():
            client.remove_role_mapping(named.arn("secrets-chief"))
        with told.failing():
            client.remove_role_mapping(deputy, verify=[deputy], revert_after=20, reason="try")
        told.add(client.add_role_mapping(named.arn("secrets-y"), username="y", wait=1), client.history())
    endpoint = named.described.endpoint
    for other in ("https://127.0.0.1:9", endpoint.replace("https:", "http:")):
        named.described.endpoint = other
        with named.client() as client:
            told.add(client.health_check())
            with told.failing():
                client.read()
    # A kubeconfig with a token that no request can carry, and one that nobody knows.
    for token in ("line\nbreak", "unknown-to-all"):
        told.secrets.learn("kubeconfig's token", token)
        path = named.cluster.api.write_kubeconfig(tmp_path / "odd.kubeconfig", context="odd", token=token)
        with told.failing():
            connected(path).get("/version")
    told.add(json.dumps(named.cluster.aws_auth()), *map(json.dumps, named.cluster.revisions()))
    told.check(ALL | {"kubeconfig's token"})
