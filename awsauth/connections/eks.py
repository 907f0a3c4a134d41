"""Connect with an EKS cluster by its name, without a kubeconfig or the AWS CLI."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from awsauth.aws.eks import EksCluster, describe_cluster
from awsauth.aws.errors import CHECK_WAY
from awsauth.aws.session import AwsSession
from awsauth.aws.token import TokenSource
from awsauth.connections.eks_cluster_info import EksClusterInfo
from awsauth.connections.kubernetes import DEFAULT, Connection, server_of
from awsauth.core.edit.validation import check_texts
from awsauth.core.text.display import quoted, visible
from awsauth.errors import AwsServiceError
from awsauth.kube.kubeconfig import ResolvedContext, problem_of
from awsauth.kube.transport import Transport

if TYPE_CHECKING:
    import boto3

    from awsauth.options import ConnectionOptions

_PRIVATE: Final = "The cluster has no public endpoint. Connect from its VPC, or from a network connected with that."


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class EksConnection(Connection):
    """A connection with the API server of an EKS cluster.

    Attributes:
        cluster: The description of the cluster.
        tokens: The source of the tokens.
        eks: Answers of EKS about the cluster.
    """

    cluster: EksCluster
    tokens: TokenSource
    eks: EksClusterInfo


def from_eks(
    cluster: str,
    options: ConnectionOptions = DEFAULT,
    *,
    region: str | None = None,
    profile: str | None = None,
    session: boto3.Session | None = None,
    role_arn: str | None = None,
) -> EksConnection:
    """Connect with an EKS cluster by its name.

    That takes one request to EKS. Tokens are made in this process.

    Args:
        cluster: The name, or the ARN.
        options: How requests to the API server are sent.
        region: Its region; by default the ARN's, that of the environment or profile, or of the EC2 instance.
        profile: A profile of the AWS configuration.
        session: A boto3 session instead of a profile.
        role_arn: A role to assume for the tokens, as ``aws eks get-token --role-arn`` does; the request to EKS is made
            without it.

    Raises:
        UsageError: arguments contradict each other, or the region is not known.
        InvalidValueError: `cluster` is neither a name nor an ARN.
        CredentialsError: there are no credentials, or AWS rejects them.
        ClusterNotFoundError: the cluster does not exist.
        AwsPermissionError: IAM does not allow ``eks:DescribeCluster``, or to assume the role.
        AwsServiceError: EKS does not answer, the cluster has no API server yet, or its address is unsafe.
    """
    check_texts(required=["cluster"], cluster=cluster, role_arn=role_arn)
    aws = AwsSession(profile=profile, region=region, session=session)
    found = describe_cluster(aws, cluster)
    # An address to which no token may be sent is refused, as that of a kubeconfig is.
    if problem := problem_of({"server": found.endpoint}, {"token": "one"}):
        given = f"EKS gives {quoted(found.endpoint, 200)} as the address of {quoted(found.name)}"
        hint = f"{CHECK_WAY} A proxy may answer instead of EKS."
        raise AwsServiceError(f"{given}, which leads to {problem[0]}.", hint=hint)
    tokens = TokenSource(aws, found.cluster_id, region=found.region, role_arn=role_arn)
    authority = base64.b64encode(found.certificate_authority.encode()).decode()
    address = {"server": found.endpoint, "certificate-authority-data": authority}
    server = server_of(ResolvedContext("", address, {}, "", ()), {"token": tokens.token().value}, tokens)
    transport = Transport(server, options, "" if found.public_endpoint else _PRIVATE)
    shown = visible(f"EKS cluster {found.name} in {found.region} (account {found.account}) at {found.endpoint}")
    return EksConnection(transport, shown, cluster=found, tokens=tokens, eks=EksClusterInfo(aws, found, transport))
