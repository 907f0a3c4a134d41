"""EKS clusters: the address of the API server, and the authentication mode.

EKS switches the mode in one direction only.
"""

from __future__ import annotations

import base64
import binascii
import re
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from awsauth.aws.errors import CHECK_WAY, INVALID, MISSING, TAKEN, pages_of, translate_errors
from awsauth.core.arn import partition_of
from awsauth.core.text.display import command_line, quoted, visible
from awsauth.errors import AwsAuthError, AwsServiceError, ClusterNotFoundError, InvalidValueError, UsageError
from awsauth.system.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.aws.session import AwsSession
    from awsauth.core.entries.model import AuthenticationMode

_ARN: Final = re.compile(r"arn:[\w-]+:eks:(?P<region>[\w-]+):(?P<account>\d{12}):cluster/(?P<name>.+)", re.ASCII)
_NAME: Final = re.compile(r"[0-9A-Za-z][\w-]{0,99}", re.ASCII)
_MOST_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class EksCluster:
    """A cluster.

    Attributes:
        name: Its name.
        arn: Its ARN.
        endpoint: The URL of its API server.
        certificate_authority: The authority that signs the certificate of the API server, PEM.
        cluster_id: The id that a token names: the cluster's name, or for a local cluster on Outposts its id.
        authentication_mode: Whether ``aws-auth``, access entries or both give access.
        public_endpoint: Whether the API server can be reached from outside its VPC.
        status: What EKS does with it, such as ``ACTIVE`` or ``UPDATING``.
    """

    name: str
    arn: str
    endpoint: str
    certificate_authority: str = field(repr=False)
    cluster_id: str
    authentication_mode: AuthenticationMode
    public_endpoint: bool
    status: str = "ACTIVE"

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

    def require_active(self) -> None:
        """Check that EKS can change access entries now.

        Raises:
            UsageError: the cluster is not active.
        """
        # The switch of the mode waits for an update.
        waits = self.authentication_mode == "CONFIG_MAP" and self.status == "UPDATING"
        if self.status != "ACTIVE" and not waits:
            wait = command_line("aws", "eks", "wait", "cluster-active", "--name", self.name, "--region", self.region)
            raise UsageError(f"The cluster is not active: its status is {quoted(self.status)}.", hint=f"Run `{wait}`.")


def is_cluster_name(name: str) -> bool:
    """Whether EKS accepts this as the name of a cluster."""
    return _NAME.fullmatch(name) is not None


def describe_cluster(session: AwsSession, cluster: str) -> EksCluster:
    """Return the description of a cluster, given its name or ARN: one request.

    If EKS does not answer it, there are up to three more.

    The region is that of an ARN; for a name, the session's.

    Raises:
        InvalidValueError: `cluster` is neither a name nor an ARN.
        UsageError: the region is not known, or the ARN is of another region than the session was made for.
        CredentialsError: there are no credentials, or AWS rejects them.
        AwsPermissionError: IAM does not allow ``eks:DescribeCluster``.
        ClusterNotFoundError: the cluster does not exist; it names the account, the region and the clusters there.
        AwsServiceError: EKS does not answer, or the cluster has no API server yet.
    """
    arn = _ARN.fullmatch(cluster)
    name = arn["name"] if arn else cluster
    if not is_cluster_name(name):
        message = f"{quoted(cluster)} is neither the name nor the ARN of an EKS cluster."
        example = "an ARN such as arn:aws:eks:eu-west-1:111122223333:cluster/prod"
        hint = f"Pass a name of up to 100 letters, digits, hyphens and underscores, or {example}."
        raise InvalidValueError(message, hint=hint)
    if arn and session.given_region not in (None, arn["region"]):
        message = f"The region is {quoted(str(session.given_region))}, but the ARN's cluster is in {arn['region']}."
        raise UsageError(message, hint="Leave the region out, or pass the one of the ARN.")
    region = arn["region"] if arn else session.region
    doing = f"The cluster {quoted(name)} in {region} cannot be described"
    with translate_errors(doing, session, service="sts"):  # only credentials fail here
        answer = session.read("eks", f"/clusters/{name}", region)
    calling = session.calling("eks", doing, region=region, unless=MISSING)
    asking: Any = translate_errors(doing, session) if answer else calling
    with asking as eks:
        found = _read((answer or eks.describe_cluster(name=name))["cluster"])
        if arn and arn["account"] != found.account:
            own = f"The credentials belong to {found.account}, where there is another cluster {quoted(name)}."
            hint = f"Use credentials of the account {arn['account']}: a profile, or AWS_PROFILE."
            raise ClusterNotFoundError(f"The ARN names the account {arn['account']}. {own}", hint=hint)
        return found
    raise _not_found(session, name, region)


def _read(cluster: Mapping[str, Any]) -> EksCluster:
    """Return the cluster in an answer of ``eks:DescribeCluster``.

    EKS writes null in fields without a value, which a client of botocore leaves out.
    """
    name, status, arn = str(cluster["name"]), str(cluster.get("status") or ""), str(cluster["arn"])
    if not _ARN.fullmatch(arn):
        message = f"EKS gives {quoted(arn, 200)} as the ARN of the cluster {quoted(name)}, which is not an ARN."
        raise AwsServiceError(message, hint=f"{CHECK_WAY} A proxy may answer instead of EKS.")
    endpoint = str(cluster.get("endpoint") or "")
    encoded = str((cluster.get("certificateAuthority") or {}).get("data") or "")
    if not endpoint or not encoded:
        message = f"The cluster {quoted(name)} has no API server: its status is {quoted(status)}."
        wait = f"Wait for it: `{command_line('aws', 'eks', 'wait', 'cluster-active', '--name', name)}`."
        other = "Use another cluster: one that is being deleted, has failed or is only registered has no API server."
        raise AwsServiceError(message, hint=wait if status == "CREATING" else other)
    try:
        authority = base64.b64decode(encoded, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as error:
        message = f"EKS gives a certificate authority for the cluster {quoted(name)} that cannot be read."
        raise AwsServiceError(message, hint=f"{CHECK_WAY} A proxy may answer instead of EKS.") from error
    # Only a local cluster has both: a token for any other cluster names it, as `aws eks update-kubeconfig` does.
    local = cluster.get("outpostConfig") and cluster.get("id")
    return EksCluster(
        name=name,
        arn=arn,
        endpoint=endpoint,
        certificate_authority=authority,
        cluster_id=str(local or name),
        # A service older than access entries gives no mode, and has only `aws-auth`.
        authentication_mode=(cluster.get("accessConfig") or {}).get("authenticationMode") or "CONFIG_MAP",
        public_endpoint=(cluster.get("resourcesVpcConfig") or {}).get("endpointPublicAccess") is not False,
        status=status,
    )


def _not_found(session: AwsSession, name: str, region: str) -> ClusterNotFoundError:
    """Return the error for a missing cluster, with the account's clusters."""
    account = "not known"
    with suppress(AwsAuthError), session.calling("sts", "The account is not known", region=region) as sts:
        account = sts.get_caller_identity()["Account"]
    others = "The clusters there cannot be listed (eks:ListClusters)."
    with suppress(AwsAuthError), session.calling("eks", "The clusters cannot be listed", region=region) as eks:
        names = [str(found) for found in islice(pages_of(eks, "list_clusters"), _MOST_SHOWN + 1)]
        more = ", …" if len(names) > _MOST_SHOWN else ""
        shown = ", ".join(map(quoted, names[:_MOST_SHOWN]))
        others = f"The clusters there: {shown}{more}." if names else "There are no clusters there."
    message = f"There is no EKS cluster {quoted(name)} in {region} (account {account})."
    hint = f"{others} Check the region, and whose credentials are used."
    return ClusterNotFoundError(message, hint=hint, code="ResourceNotFoundException")


BOTH: Final = "API_AND_CONFIG_MAP"


def switch_authentication_mode(
    session: AwsSession, cluster: EksCluster, mode: AuthenticationMode = BOTH, *, timeout: float, done: list[str]
) -> EksCluster:
    """Switch a cluster to the next authentication mode, and wait until that is done.

    EKS does one update at a time, so this waits for an update that is under way already.

    Args:
        session: The session that calls EKS.
        cluster: The cluster.
        mode: The mode after its present one.
        timeout: Seconds to wait.
        done: Gets a line as soon as EKS has accepted the switch. From then on EKS completes it by itself.

    Returns:
        The cluster after the switch.

    Raises:
        AwsPermissionError: eks:UpdateClusterConfig, eks:DescribeUpdate or eks:ListUpdates is not allowed.
        AwsServiceError: EKS does not do it, or not in time.
        OutcomeUnknownError: EKS did not answer the request to switch.
        CredentialsError: there are no credentials, or AWS rejects them.
    """
    location = ("--name", cluster.name, "--region", cluster.region)
    show = command_line("aws", "eks", "describe-cluster", *location, "--query", "cluster.accessConfig")
    look = f"Look at the mode (`{show}`) and the updates (`{command_line('aws', 'eks', 'list-updates', *location)}`)."
    doing = f"The authentication mode of {quoted(cluster.name)} cannot be switched to {mode}"
    begun: list[str] = []
    waiting = Backoff(timeout)
    for _ in waiting:
        # A second request is an error once the switch is done, also while the cluster does not show it yet.
        if not begun and (begun := _begun(session, cluster, mode, doing, look)):
            done.append(f"Began to switch the authentication mode to {mode}, which goes on by itself")
        with session.calling("eks", doing, region=cluster.region) as eks:
            for update_id in begun or pages_of(eks, "list_updates", name=cluster.name):
                _await(eks, cluster.name, update_id, waiting, is_own=bool(begun))
        now = describe_cluster(session, cluster.arn)
        if now.authentication_mode != cluster.authentication_mode:
            return now
    still = f"it was still {cluster.authentication_mode} after {timeout:.0f} seconds."
    raise AwsServiceError(f"{doing}: {still}", hint=f"{look} Then run it again.")


def _begun(session: AwsSession, cluster: EksCluster, mode: AuthenticationMode, doing: str, look: str) -> list[str]:
    """Request the switch, and return the id of the update.

    It is empty if the cluster is busy, or switched already.
    """
    try:
        with session.calling("eks", doing, region=cluster.region, look=look, unless=TAKEN) as eks:
            answer = eks.update_cluster_config(name=cluster.name, accessConfig={"authenticationMode": mode})
            return [str(answer["update"]["id"])]
    except AwsServiceError as error:
        # Another user, or an interrupted run, may have switched it in the meantime: the mode itself shows that.
        present = cluster.authentication_mode
        if error.code not in INVALID or describe_cluster(session, cluster.arn).authentication_mode == present:
            raise
    return []


def _await(eks: Any, name: str, update_id: str, waiting: Backoff, *, is_own: bool) -> None:
    """Wait until an update is done; raise if it is our own and failed."""
    for _ in waiting:
        update = eks.describe_update(name=name, updateId=update_id)["update"]
        if update["status"] == "InProgress":
            continue
        if is_own and update["status"] != "Successful":
            errors = "; ".join(f"{one.get('errorCode')}: {one.get('errorMessage')}" for one in update.get("errors", ()))
            state = f"the update {quoted(update_id)} is {visible(str(update['status']))}. {visible(errors)}".rstrip()
            message = f"EKS did not switch the authentication mode of {quoted(name)}: {state}"
            raise AwsServiceError(message, hint="Remove the cause that EKS gives, then run it again.")
        return
