"""The caller's identity in AWS and in a cluster, and its credentials' source."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from awsauth.aws.errors import CREDENTIAL_SOURCES
from awsauth.aws.session import AwsSession
from awsauth.core.arn import canonical_principal, partition_of
from awsauth.core.serialization import JsonValue
from awsauth.core.text.display import quoted, visible
from awsauth.errors import AuthenticationError, ForbiddenError, InvalidValueError
from awsauth.kube.self_review import self_review

if TYPE_CHECKING:
    from awsauth.aws.token import TokenSource
    from awsauth.kube.transport import Transport


_POD_IDENTITY_HOSTS: Final = frozenset({"169.254.170.23", "fd00:ec2::23"})

# By this library's name for a source of credentials.
_IN_WORDS: Final = dict(CREDENTIAL_SOURCES.values()) | {
    "profile": "keys in the AWS configuration files",
    "session": "given to the session",
    "irsa": "the role of the pod's service account (IRSA)",
    "pod-identity": "EKS Pod Identity",
}


@dataclass(frozen=True, slots=True)
class ClusterIdentity(JsonValue):
    """The caller's identity in a cluster, by the credentials of the connection.

    These are not always made from the AWS credentials: a kubeconfig may hold a token or a certificate of another identity.

    Attributes:
        name: The cluster, for people.
        credentials: The source of the credentials for the cluster, for people.
        username: The username there; empty if unknown.
        groups: The groups there, sorted, without ``system:authenticated``.
        arn: The IAM ARN that the authenticator reports for the caller; empty if the cluster reports none.
        problem: Why the username is unknown; empty if it is known.
    """

    name: str
    credentials: str
    username: str = ""
    groups: tuple[str, ...] = ()
    arn: str = ""
    problem: str = ""

    def __str__(self) -> str:
        who = quoted(self.username) if self.username else f"not known: the cluster {self.problem}"
        lines = [f"To {self.name}, by {self.credentials}:", f"  username:     {who}"]
        if self.username:
            groups = ", ".join(map(quoted, self.groups)) or "none"
            lines += [f"  groups:       {groups}", f"  IAM ARN:      {self.arn or 'not reported'}"]
        return "\n".join([visible(line) for line in lines])


@dataclass(frozen=True, slots=True)
class Identity(JsonValue):
    """The caller's identity in AWS, and in a cluster.

    Attributes:
        arn: The caller's ARN, as STS reports it.
        canonical_arn: The ARN to map in ``aws-auth``; empty if ``aws-auth`` cannot map the caller.
        account: Its account.
        partition: Its partition, such as ``aws-us-gov``.
        user_id: Its unique id, with the session's name.
        source: The source of the credentials: ``instance-role``, ``environment``, ``session``, ``profile``,
            ``assumed-role``, ``web-identity``, ``irsa``, ``pod-identity``, ``container``, ``process``, ``sso``,
            ``login``, or boto3's name for it.
        profile: The profile in use; None for the default one.
        region: The region in use; empty if none is known.
        instance_id: The id of the EC2 instance that this runs on; empty elsewhere, or if metadata does not contain it.
        instance_role: The name of that instance's role, as instance metadata reports it.
        metadata_problem: Why instance metadata could not be read; empty if it could.
        cluster: The caller's identity in a cluster; None if no cluster was asked.
    """

    arn: str
    canonical_arn: str
    account: str
    partition: str
    user_id: str
    source: str
    profile: str | None
    region: str
    instance_id: str
    instance_role: str
    metadata_problem: str
    cluster: ClusterIdentity | None = None

    def __str__(self) -> str:
        mapped = self.canonical_arn or "aws-auth cannot map this caller"
        if self.metadata_problem:
            instance = f"not known: instance metadata {self.metadata_problem}"
        else:
            instance = f"{self.instance_id or 'id not known'}, role {self.instance_role or 'none'}"
        lines = (
            "To AWS:",
            f"  caller:       {self.arn}",
            f"  in aws-auth:  {mapped}",
            f"  credentials:  {_in_words(self.source, self.profile)}",
            f"  account:      {self.account} ({self.partition})",
            f"  region:       {self.region or 'not known'}",
            f"  EC2 instance: {instance}",
        )
        # STS, instance metadata and a profile's name may say anything.
        shown = [visible(line) for line in lines]
        return "\n".join([*shown, str(self.cluster)] if self.cluster else shown)


def identity_of(session: AwsSession, *, near: str = "") -> Identity:
    """Return the identity of a session.

    This takes one request to STS, and a few to instance metadata if it answers. Off EC2 it waits for instance metadata for
    at most a second.

    Args:
        session: The session.
        near: The region whose STS to ask if the session knows none.

    Raises:
        CredentialsError: there are no credentials, or AWS rejects them.
        AwsServiceError: STS does not answer.
        UsageError: the region does not exist.
    """
    metadata = session.metadata
    # While boto3 looks for credentials, so that off EC2 the two do not wait one after the other.
    threading.Thread(target=metadata.instance_id, daemon=True).start()
    credentials = session.credentials()
    region = session.known_region or near or metadata.region()
    # This STS answers for the whole partition `aws`.
    with session.calling("sts", "The caller cannot be looked up", region=region or "us-east-1") as sts:
        answer = sts.get_caller_identity()
        arn, account, user_id = answer["Arn"], answer["Account"], answer["UserId"]
        partition = partition_of(arn)
    canonical = ""
    with suppress(InvalidValueError):
        canonical = canonical_principal(arn)
    return Identity(
        arn=arn,
        canonical_arn=canonical,
        account=account,
        partition=partition,
        user_id=user_id,
        source=_source(str(credentials.method)),
        profile=session.profile,
        region=region,
        instance_id=metadata.instance_id(),
        instance_role=metadata.role_name(),
        metadata_problem=metadata.problem,
    )


def cluster_identity(transport: Transport, tokens: TokenSource | None, description: str) -> Identity:
    """Return the caller's identity in AWS, and its username and groups in a cluster.

    Args:
        transport: To the cluster's API server.
        tokens: The source of the connection's tokens, if they are signed here with AWS credentials.
        description: The cluster, for people.

    Raises:
        AwsAuthError: AWS or the cluster does not answer.
    """
    identity = identity_of(tokens.session, near=tokens.region) if tokens else identity_of(AwsSession.from_environment())
    credentials = "the kubeconfig's own credentials, which may be another identity"
    if tokens:
        credentials = "a token signed with these AWS credentials"
        if tokens.role_arn:
            credentials = f"a token of the role {tokens.role_arn}, assumed with these AWS credentials"
    found, problem = None, "does not report it, because it is older than Kubernetes 1.27"
    try:
        found = self_review(transport)
    except AuthenticationError:
        problem = "rejects the caller (401); run a health check to find the cause"
    except ForbiddenError:
        problem = "does not report it, because the role system:basic-user was removed"
    known = ClusterIdentity(description, credentials, problem=problem)
    if found:
        known = ClusterIdentity(description, credentials, found.username, tuple(sorted(found.own_groups)), found.arn)
    return replace(identity, cluster=known)


def source_in_words(session: AwsSession) -> str:
    """Return the source of a session's credentials, for people.

    Raises:
        CredentialsError: there are none, or they cannot be loaded.
    """
    return _in_words(_source(str(session.credentials().method)), session.profile)


def _in_words(source: str, profile: str | None) -> str:
    return _IN_WORDS.get(source, source) + (f", profile {profile}" if profile else "")


def _source(method: str) -> str:
    """Return this library's name for the source of credentials."""
    source, _ = CREDENTIAL_SOURCES.get(method, ("session" if method == "explicit" else method, ""))
    if source == "container":
        host = urlsplit(os.environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")).hostname
        return "pod-identity" if host in _POD_IDENTITY_HOSTS else source
    if source == "web-identity" and "/eks.amazonaws.com/" in os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE", ""):
        return "irsa"
    return source
