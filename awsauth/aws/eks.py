"""An EKS cluster as its API describes it: where its API server is, and what lets people in."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from awsauth.aws.errors import CHECK_WAY, GONE, bounded, translate_errors
from awsauth.core.arn import partition_of
from awsauth.core.text.display import command_line, quoted
from awsauth.errors import AwsAuthError, AwsServiceError, ClusterNotFoundError, InvalidValueError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.aws.session import AwsSession
    from awsauth.core.access.access_entries import AuthenticationMode

_ARN: Final = re.compile(
    r"arn:(?P<partition>[\w-]+):eks:(?P<region>[\w-]+):(?P<account>\d{12}):cluster/(?P<name>.+)", re.ASCII
)
_NAME: Final = re.compile(r"[0-9A-Za-z][\w-]{0,99}", re.ASCII)
_MOST_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class EksCluster:
    """A cluster.

    Attributes:
        name: Its name.
        arn: Its ARN.
        endpoint: The URL of its API server.
        certificate_authority: The certificates to check the API server's with, PEM.
        cluster_id: What a token has to name: the name, and for a local cluster on Outposts an id.
        status: Such as ``ACTIVE``, ``UPDATING``, ``FAILED``.
        version: Of Kubernetes, such as ``1.34``.
        authentication_mode: What lets people in: ``aws-auth``, access entries too, or only these.
        public_endpoint: Whether the API server can be reached from outside its VPC.
    """

    name: str
    arn: str
    endpoint: str
    certificate_authority: str = field(repr=False)
    cluster_id: str
    status: str
    version: str
    authentication_mode: AuthenticationMode
    public_endpoint: bool

    @property
    def partition(self) -> str:
        """The partition that the cluster is in, such as ``aws-cn``."""
        return partition_of(self.arn)

    @property
    def region(self) -> str:
        """The region that the cluster is in."""
        return self.arn.split(":")[3]

    @property
    def account(self) -> str:
        """The account that the cluster is in."""
        return self.arn.split(":")[4]


def is_cluster_name(name: str) -> bool:
    """Whether EKS takes this for a cluster's name."""
    return _NAME.fullmatch(name) is not None


def describe_cluster(session: AwsSession, cluster: str) -> EksCluster:
    """Return what EKS says about a cluster, given its name or ARN: one request.

    The region is that of an ARN; for a name, the session's.

    Raises:
        InvalidValueError: `cluster` is neither.
        UsageError: no region is known, or the ARN is of another one than the session was made for.
        CredentialsError: there are no credentials, or AWS does not take them.
        AwsPermissionError: IAM does not allow ``eks:DescribeCluster``.
        ClusterNotFoundError: there is no such cluster; it says where it was looked for, and which ones are there.
        AwsServiceError: EKS does not answer, or the cluster has no API server yet.
    """
    arn = _ARN.fullmatch(cluster)
    name = arn["name"] if arn else cluster
    if not is_cluster_name(name):
        raise InvalidValueError(
            f"{quoted(cluster)} is neither the name of an EKS cluster nor an ARN of one; nothing was contacted.",
            hint="A name has up to 100 letters, digits, hyphens and underscores; an ARN looks like "
            "arn:aws:eks:eu-west-1:111122223333:cluster/prod.",
        )
    region = _region(session, arn)
    client = session.client("eks", region)
    try:
        with translate_errors(
            f"The cluster {quoted(name)} in {region} cannot be described, so nothing was changed",
            session,
            service="eks",
        ):
            found = _read(cast("Mapping[str, Any]", client.describe_cluster(name=name)["cluster"]))
    except AwsServiceError as error:
        if error.code == GONE:
            raise _not_found(session, name, region) from error
        raise
    if arn and arn["account"] != found.account:
        raise ClusterNotFoundError(
            f"The ARN names the account {arn['account']}, and the credentials are of {found.account}, where there is "
            f"another cluster {quoted(name)}; nothing was changed.",
            hint=f"Use credentials of the account {arn['account']}: a profile, or AWS_PROFILE.",
        )
    return found


def _region(session: AwsSession, arn: re.Match[str] | None) -> str:
    if arn is None:
        return session.region
    if session.given_region not in (None, arn["region"]):
        raise UsageError(
            f"The ARN is of a cluster in {arn['region']}, and the region given is {quoted(str(session.given_region))}; "
            "nothing was contacted.",
            hint="Leave the region out.",
        )
    return arn["region"]


def _read(cluster: Mapping[str, Any]) -> EksCluster:
    """Return the value for an answer of ``DescribeCluster``.

    Raises:
        AwsServiceError: the cluster has no API server yet, or the answer is odd.
        LookupError, AttributeError, TypeError: likewise; `translate_errors` says so.
    """
    name, status, arn = str(cluster["name"]), str(cluster.get("status", "")), str(cluster["arn"])
    if not _ARN.fullmatch(arn):
        raise AwsServiceError(
            f"What EKS gives as the ARN of the cluster {quoted(name)} is none: {quoted(arn, 200)}; nothing was changed.",
            hint=f"Is there something in between that answers in place of EKS? {CHECK_WAY}",
        )
    endpoint = str(cluster.get("endpoint") or "")
    encoded = str(cluster.get("certificateAuthority", {}).get("data") or "")
    if not endpoint or not encoded:
        raise AwsServiceError(
            f"The cluster {quoted(name)} has no API server to connect to, so nothing was changed: it is {quoted(status)}.",
            hint=f"Wait until it is there: `{command_line('aws', 'eks', 'wait', 'cluster-active', '--name', name)}`."
            if status == "CREATING"
            else "A cluster that is being deleted, that has failed, or that is only registered has none.",
        )
    try:
        authority = base64.b64decode(encoded, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise AwsServiceError(
            f"The certificate authority that EKS gives for the cluster {quoted(name)} cannot be read; nothing was changed."
        ) from error
    # Only a local cluster has both: elsewhere a token names the cluster, as `aws eks update-kubeconfig` has it.
    local = cluster.get("outpostConfig") and cluster.get("id")
    return EksCluster(
        name=name,
        arn=arn,
        endpoint=endpoint,
        certificate_authority=authority,
        cluster_id=str(local or name),
        status=status,
        version=str(cluster.get("version", "")),
        # A service older than access entries says nothing, and has only the one way in.
        authentication_mode=cluster.get("accessConfig", {}).get("authenticationMode", "CONFIG_MAP"),
        public_endpoint=bool(cluster.get("resourcesVpcConfig", {}).get("endpointPublicAccess", True)),
    )


def _not_found(session: AwsSession, name: str, region: str) -> ClusterNotFoundError:
    """Return the error for a cluster that is not there, with as much of where it was looked as can be found out."""
    account = ""
    try:
        with translate_errors("The account is not known", session, service="sts"):
            account = session.client("sts", region).get_caller_identity()["Account"]
    except AwsAuthError:
        account = "not known"
    return ClusterNotFoundError(
        f"There is no EKS cluster {quoted(name)} in {region} (account {account}); nothing was changed.",
        hint=f"{_others(session, region)} Check the region, and whose credentials are used.",
        code=GONE,
    )


def _others(session: AwsSession, region: str) -> str:
    names: list[str] = []
    try:
        with translate_errors("The clusters cannot be listed", session, service="eks"):
            for page in bounded(session.client("eks", region).get_paginator("list_clusters").paginate()):
                names += map(str, page["clusters"])
                if len(names) > _MOST_SHOWN:
                    break
    except AwsAuthError:
        return "Which clusters are there cannot be said (eks:ListClusters)."
    if not names:
        return "There are no clusters there."
    more = ", …" if len(names) > _MOST_SHOWN else ""
    return f"The clusters there: {', '.join(map(quoted, names[:_MOST_SHOWN]))}{more}."
