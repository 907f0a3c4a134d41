"""Who this machine is to AWS, where its credentials come from, and as whom the authenticator will see it."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from awsauth.aws.errors import translate_errors
from awsauth.aws.session import AwsSession
from awsauth.boundary import public
from awsauth.core.arn import canonical_principal, partition_of
from awsauth.core.serialization import JsonValue
from awsauth.core.text.display import quoted, visible
from awsauth.errors import AuthenticationError, ForbiddenError, InvalidValueError
from awsauth.kube.self_review import self_review

if TYPE_CHECKING:
    import boto3

    from awsauth.aws.token import TokenSource
    from awsauth.kube.transport import Transport

_FALLBACK_REGION: Final = "us-east-1"
"""Whose STS is asked where no region is known: it answers for the whole partition `aws`."""

_POD_IDENTITY_HOSTS: Final = frozenset({"169.254.170.23", "fd00:ec2::23"})
_IRSA_FOLDER: Final = "/eks.amazonaws.com/"

_SOURCES: Final = {
    "iam-role": "instance-role",
    "env": "environment",
    "explicit": "session",
    "shared-credentials-file": "profile",
    "config-file": "profile",
    "assume-role": "assumed-role",
    "assume-role-with-web-identity": "web-identity",
    "container-role": "container",
    "custom-process": "process",
    "sso": "sso",
    "login": "login",
}
"""By the name that boto3 has for it."""

_IN_WORDS: Final = {
    "instance-role": "the role of the EC2 instance, through instance metadata",
    "environment": "environment variables",
    "session": "given to the session",
    "profile": "keys in the AWS configuration files",
    "assumed-role": "a role that the profile assumes",
    "web-identity": "a web identity token",
    "irsa": "the role of the pod's service account (IRSA)",
    "pod-identity": "EKS Pod Identity",
    "container": "the role of the container",
    "process": "credential_process",
    "sso": "single sign-on",
    "login": "aws login",
}


@dataclass(frozen=True, slots=True)
@public
class ClusterIdentity(JsonValue):
    """Who a cluster takes the caller for, by the credentials that the connection has for it.

    These are not always made from the AWS credentials: a kubeconfig may hold a token or a certificate of another identity.

    Attributes:
        name: The cluster, in words.
        credentials: Where the credentials for the cluster come from, in words.
        username: The username there; empty if unknown.
        groups: The groups there, sorted, without ``system:authenticated``, in which everybody is.
        arn: The IAM ARN by which the authenticator knows the caller; empty if the cluster tells none.
        problem: Why the username is unknown; empty if it is known.
    """

    name: str
    credentials: str
    username: str = ""
    groups: tuple[str, ...] = ()
    arn: str = ""
    problem: str = ""

    def __str__(self) -> str:
        who = quoted(self.username) if self.username else f"not known: it {self.problem}"
        lines = [f"To {self.name}, by {self.credentials}:", f"  username:     {who}"]
        if self.username:
            lines += [
                f"  groups:       {', '.join(map(quoted, self.groups)) or 'none'}",
                f"  IAM ARN:      {self.arn or 'not told'}",
            ]
        return "\n".join([visible(line) for line in lines])


@dataclass(frozen=True, slots=True)
@public
class Identity(JsonValue):
    """Who the caller is to AWS, and apart from that, who a cluster takes it for.

    Attributes:
        arn: Of the caller, as STS says.
        canonical_arn: As the authenticator will see it, and as it is to be mapped; empty where it would see none.
        account: Its account.
        partition: Its partition, such as ``aws-us-gov``.
        user_id: Its unique id, with the session's name.
        source: Where the credentials come from: ``instance-role``, ``environment``, ``session``, ``profile``,
            ``assumed-role``, ``web-identity``, ``irsa``, ``pod-identity``, ``container``, ``process``, ``sso``,
            ``login``, or what boto3 calls it.
        profile: The profile in use; None for the default one.
        region: The region in use; empty where none is known.
        instance_id: Of the EC2 instance that this runs on; empty where it is none, or does not say.
        instance_role: The name of that instance's role, as instance metadata tells it.
        metadata_problem: Why instance metadata could not be read; empty where it could.
        cluster: Who a cluster takes the caller for; None if no cluster was asked.
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
        mapped = self.canonical_arn or "nothing that aws-auth could map"
        if self.metadata_problem:
            instance = f"not known: instance metadata {self.metadata_problem}"
        else:
            instance = f"{self.instance_id or 'id not told'}, role {self.instance_role or 'none'}"
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


def aws_identity(
    *, session: boto3.Session | None = None, profile: str | None = None, region: str | None = None
) -> Identity:
    """Say who this machine is to AWS: one request to STS, and a few to instance metadata where it answers.

    Off EC2 it waits for instance metadata no longer than a second.

    Args:
        session: Whose credentials to look at; by default as `profile` says, or as boto3 finds out.
        profile: A profile of the AWS configuration.
        region: Whose STS to ask; by default the one that is known, or that of the instance.

    Raises:
        CredentialsError: there are no credentials, or AWS does not take them.
        AwsServiceError: STS does not answer.
        UsageError: the arguments contradict each other, or there is no such region.
    """
    return identity_of(AwsSession(session=session, profile=profile, region=region))


def identity_of(session: AwsSession, *, near: str = "") -> Identity:
    """Return who a session is; raises what `aws_identity` does.

    Args:
        session: Whose credentials to look at.
        near: The region whose STS to ask where the session knows none.
    """
    metadata = session.metadata
    # While boto3 looks for credentials, so that off EC2 the two do not wait one after the other.
    threading.Thread(target=metadata.instance_id, daemon=True).start()
    credentials = session.credentials()
    region = session.known_region or near or metadata.region()
    client = session.client("sts", region or _FALLBACK_REGION)
    with translate_errors("AWS cannot be asked who the caller is", session, service="sts"):
        answer = client.get_caller_identity()
        arn, account, user_id = answer["Arn"], answer["Account"], answer["UserId"]
        partition = partition_of(arn)
    return Identity(
        arn=arn,
        canonical_arn=_canonical(arn),
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
    """Return who the caller is to AWS, with the username and groups that it gets in a cluster.

    Args:
        transport: To the cluster's API server.
        tokens: Where the connection's tokens come from, if they are signed here with AWS credentials.
        description: Which cluster it is, for people.

    Raises:
        AwsAuthError: AWS cannot be asked, or the cluster does not answer.
    """
    identity = identity_of(tokens.session, near=tokens.region) if tokens else identity_of(AwsSession.from_environment())
    known = ClusterIdentity(description, _credentials_in_words(tokens))
    try:
        found = self_review(transport)
    except AuthenticationError:
        known = replace(known, problem="does not let the caller in (401); a health check says what would")
    except ForbiddenError:
        known = replace(known, problem="does not tell: the right to ask was taken away (system:basic-user)")
    else:
        known = (
            replace(known, username=found.username, groups=tuple(sorted(found.own_groups)), arn=found.arn)
            if found
            else replace(known, problem="cannot tell, as a server before Kubernetes 1.27")
        )
    return replace(identity, cluster=known)


def _credentials_in_words(tokens: TokenSource | None) -> str:
    if tokens is None:
        return "the kubeconfig's own credentials, which may be another identity"
    if tokens.role_arn:
        return f"a token of the role {tokens.role_arn}, assumed with these AWS credentials"
    return "a token signed with these AWS credentials"


def source_in_words(session: AwsSession) -> str:
    """Return where a session's credentials come from, for people.

    Raises:
        CredentialsError: there are none, or they cannot be had.
    """
    source = _source(str(session.credentials().method))
    return _in_words(source, session.profile)


def _in_words(source: str, profile: str | None) -> str:
    return _IN_WORDS.get(source, source) + (f", profile {profile}" if profile else "")


def _canonical(arn: str) -> str:
    try:
        return canonical_principal(arn)
    except InvalidValueError:
        return ""


def _source(method: str) -> str:
    """Return where credentials come from, in this library's words."""
    source = _SOURCES.get(method, method)
    if source == "container":
        host = urlsplit(os.environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")).hostname
        return "pod-identity" if host in _POD_IDENTITY_HOSTS else source
    if source == "web-identity" and _IRSA_FOLDER in os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE", ""):
        return "irsa"
    return source
