"""From the name of an EKS cluster to a connection with its API server: no kubeconfig, no AWS CLI."""

from __future__ import annotations

import base64
import math
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from awsauth.aws.eks import EksCluster, describe_cluster, is_cluster_name
from awsauth.aws.errors import CHECK_WAY
from awsauth.aws.session import AwsSession
from awsauth.aws.token import TokenSource
from awsauth.connections.kubernetes import DEFAULT, Connection, with_tokens
from awsauth.core.text.display import quoted, visible
from awsauth.errors import AwsAuthError, AwsServiceError, UsageError
from awsauth.kube.kubeconfig import problem_of

if TYPE_CHECKING:
    import boto3

    from awsauth.aws.access_entries import ReadEntries
    from awsauth.core.access.access_entries import AuthenticationMode
    from awsauth.core.cluster.facts import ClusterNode, NodeEvidence
    from awsauth.kube.transport import Transport
    from awsauth.options import ConnectionOptions

_LASTS: Final = 60.0
"""Seconds for which what EKS said of the cluster and its access entries is good enough."""

_PRIVATE: Final = (
    "The cluster has no public endpoint: its API server is reached only from within its VPC, or from a network that is "
    "connected with it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EksConnection(Connection):
    """A connection with the API server of an EKS cluster, and what else is known of it.

    Attributes:
        cluster: What EKS said about it.
        session: Whose credentials are used for AWS; the tokens may be of a role that was assumed with them.
        tokens: Where the tokens come from.
    """

    cluster: EksCluster
    session: AwsSession
    tokens: TokenSource
    facts: EksClusterInfo = field(repr=False)


class EksClusterInfo:
    """What EKS knows of a cluster, asked when it is needed.

    Args:
        session: Whom to ask as.
        cluster: What EKS has just said about the cluster; or its name, and EKS is asked when that is needed.
        transport: To its API server.
    """

    def __init__(self, session: AwsSession, cluster: EksCluster | str, transport: Transport) -> None:
        self._session = session
        self._cluster = cluster
        self._transport = transport
        self._described = -math.inf if isinstance(cluster, str) else time.monotonic()
        self._failure: AwsAuthError | None = None
        self._entries: ReadEntries | None = None
        self._listed = 0.0
        self._lock = threading.Lock()

    def authentication_mode(self) -> AuthenticationMode:
        """Return what lets people in; asked again when the last answer is older than a minute.

        Raises:
            AwsServiceError, CredentialsError: EKS cannot be asked.
        """
        return self._now().authentication_mode

    def access_entries(self) -> ReadEntries:
        """Return the access entries, with what could not be read of them; asked again after a minute.

        Raises:
            AwsServiceError, CredentialsError: they cannot be listed.
        """
        from awsauth.aws.access_entries import read_access_entries

        cluster = self._now()
        with self._lock:
            if self._entries is None or time.monotonic() - self._listed > _LASTS:
                self._entries = read_access_entries(self._session, cluster)
                self._listed = time.monotonic()
            return self._entries

    def node_evidence(self, nodes: tuple[ClusterNode, ...] | None) -> NodeEvidence:
        """Return which roles nodes have, given the nodes that are registered (None: not known)."""
        from awsauth.aws.node_roles import node_evidence

        # An entry that lets nodes in proves that their mapping is not needed; without it they just count as in use.
        try:
            entries = self.access_entries().entries
        except AwsServiceError:
            entries = ()
        return node_evidence(self._session, self._now(), nodes=nodes, get=self._transport.get, entries=entries)

    def sso_roles(self) -> tuple[str, ...]:
        """Return the ARNs of the roles that IAM Identity Center made in the account that AWS is asked as.

        Raises:
            AwsServiceError, CredentialsError: IAM cannot be asked.
        """
        from awsauth.aws.role_lookup import list_sso_roles

        return list_sso_roles(self._session)

    def _now(self) -> EksCluster:
        with self._lock:
            if time.monotonic() - self._described > _LASTS:
                self._failure = None
                try:
                    self._cluster = self._asked()
                except AwsAuthError as error:
                    # Where EKS cannot be reached, asking again and again would take a while each time.
                    self._failure = error
                self._described = time.monotonic()
            if self._failure:
                raise self._failure
            return cast("EksCluster", self._cluster)

    def _asked(self) -> EksCluster:
        if not isinstance(self._cluster, str):
            return describe_cluster(self._session, self._cluster.arn)
        found = describe_cluster(self._session, self._cluster)
        # A name is known in one account and region; the address may be that of another cluster, or of a tunnel.
        if found.endpoint.rstrip("/").lower() != self._transport.host.rstrip("/").lower():
            raise AwsServiceError(
                f"EKS has the API server of {found.arn} at {quoted(found.endpoint, 200)}, and the one asked is at "
                f"{quoted(self._transport.host, 200)}, so it may be another cluster.",
                hint="Connect to it by its name (cluster=, from_eks), with the right profile and region.",
            )
        return found


def cluster_info(connection: Connection) -> EksClusterInfo | None:
    """Return what EKS knows of the cluster of a kubeconfig; None where that names none that EKS could know."""
    tokens = connection.tokens
    if tokens is None or not is_cluster_name(tokens.cluster_id):
        return None
    return EksClusterInfo(tokens.session, tokens.cluster_id, connection.transport)


def from_eks(
    cluster: str,
    options: ConnectionOptions = DEFAULT,
    *,
    region: str | None = None,
    profile: str | None = None,
    session: boto3.Session | None = None,
    role_arn: str | None = None,
) -> EksConnection:
    """Connect with an EKS cluster by its name: one request to EKS for its address; tokens are made in this process.

    Args:
        cluster: The name, or the ARN.
        options: How requests to the API server are sent.
        region: Where it is; by default the ARN's, that of the environment or profile, or of the EC2 instance.
        profile: A profile of the AWS configuration.
        session: A boto3 session, in place of a profile.
        role_arn: A role to assume for the tokens, as ``aws eks get-token --role-arn`` does; EKS itself is asked
            without it.

    Raises:
        UsageError: arguments contradict each other, or no region is known.
        InvalidValueError: `cluster` is neither a name nor an ARN.
        CredentialsError: there are no credentials, or AWS does not take them.
        ClusterNotFoundError: there is no such cluster.
        AwsPermissionError: IAM does not allow ``eks:DescribeCluster``, or to assume the role.
        AwsServiceError: EKS does not answer, the cluster has no API server yet, or its address is unsafe.
    """
    named: Any = cluster
    if not isinstance(named, str) or not named.strip():
        raise UsageError("cluster is empty; nothing was contacted.", hint="Is the variable that it comes from set?")
    aws = AwsSession(profile=profile, region=region, session=session)
    found = describe_cluster(aws, cluster)
    _check_address(found)
    tokens = TokenSource(aws, found.cluster_id, region=found.region, role_arn=role_arn)
    authority = base64.b64encode(found.certificate_authority.encode()).decode()
    connection = with_tokens(
        {"server": found.endpoint, "certificate-authority-data": authority},
        tokens,
        visible(f"EKS cluster {found.name} in {found.region} (account {found.account}) at {found.endpoint}"),
        options,
        hint="" if found.public_endpoint else _PRIVATE,
    )
    return EksConnection(
        connection.transport,
        connection.description,
        cluster=found,
        session=aws,
        tokens=tokens,
        facts=EksClusterInfo(aws, found, connection.transport),
    )


def _check_address(found: EksCluster) -> None:
    """Refuse an address to which no token may be sent, as that of a kubeconfig is refused."""
    if problem := problem_of({"server": found.endpoint}, {"token": "one"}):
        raise AwsServiceError(
            f"EKS gives {quoted(found.endpoint, 200)} as the address of {quoted(found.name)}, which leads to {problem[0]}. "
            "Nothing was sent there.",
            hint=f"Is there something in between that answers in place of EKS? {CHECK_WAY}",
        )
