"""Switch a cluster to access entries in addition to ``aws-auth``.

EKS cannot switch it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from awsauth.aws.eks import EksCluster, describe_cluster
from awsauth.aws.errors import INVALID, TAKEN, pages_of
from awsauth.backoff import Backoff
from awsauth.core.text.display import command_line, quoted, visible
from awsauth.errors import AwsServiceError

if TYPE_CHECKING:
    from mypy_boto3_eks import EKSClient

    from awsauth.aws.session import AwsSession

BOTH: Final = "API_AND_CONFIG_MAP"

_UNDER_WAY: Final = "InProgress"


def switch_to_both(session: AwsSession, cluster: EksCluster, *, timeout: float, done: list[str]) -> EksCluster:
    """Switch a cluster to ``API_AND_CONFIG_MAP``, and wait until that is done.

    EKS does one update at a time, so this waits for an update that is under way already.

    Args:
        session: The session that calls EKS.
        cluster: The cluster.
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
    mode = command_line("aws", "eks", "describe-cluster", *location, "--query", "cluster.accessConfig")
    look = f"Look at the mode (`{mode}`) and the updates (`{command_line('aws', 'eks', 'list-updates', *location)}`)."
    doing = f"The authentication mode of {quoted(cluster.name)} cannot be switched to {BOTH}"
    begun: list[str] = []
    waiting = Backoff(timeout)
    for _ in waiting:
        # A second request is an error once the switch is done, also while the cluster does not show it yet.
        if not begun and (begun := _begun(session, cluster, doing, look)):
            done.append(f"Began to switch the authentication mode to {BOTH}, which goes on by itself")
        with session.calling("eks", doing, region=cluster.region) as eks:
            for update_id in begun or pages_of(eks, "list_updates", name=cluster.name):
                _await(eks, cluster.name, update_id, waiting, is_own=bool(begun))
        now = describe_cluster(session, cluster.arn)
        if now.authentication_mode != "CONFIG_MAP":
            return now
    hint = f"{look} Then run it again."
    raise AwsServiceError(f"{doing}: it was still CONFIG_MAP after {timeout:.0f} seconds.", hint=hint)


def _begun(session: AwsSession, cluster: EksCluster, doing: str, look: str) -> list[str]:
    """Request the switch, and return the id of the update.

    It is empty if the cluster is busy, or switched already.
    """
    try:
        with session.calling("eks", doing, region=cluster.region, look=look, unless=TAKEN) as eks:
            answer = eks.update_cluster_config(name=cluster.name, accessConfig={"authenticationMode": BOTH})
            return [str(answer["update"]["id"])]
    except AwsServiceError as error:
        # Another user, or an interrupted run, may have switched it in the meantime: the mode itself shows that.
        invalid = error.code in INVALID
        if not invalid or describe_cluster(session, cluster.arn).authentication_mode == "CONFIG_MAP":
            raise
    return []


def _await(eks: EKSClient, name: str, update_id: str, waiting: Backoff, *, is_own: bool) -> None:
    """Wait until an update is done; raise if it is our own and failed."""
    for _ in waiting:
        update: Any = eks.describe_update(name=name, updateId=update_id)["update"]
        if update["status"] == _UNDER_WAY:
            continue
        if is_own and update["status"] != "Successful":
            errors = "; ".join(f"{one.get('errorCode')}: {one.get('errorMessage')}" for one in update.get("errors", ()))
            raise AwsServiceError(
                f"EKS did not switch the authentication mode of {quoted(name)}: the update {quoted(update_id)} is "
                f"{visible(str(update['status']))}. {visible(errors)}".rstrip(),
                hint="Remove the cause that EKS gives, then run it again.",
            )
        return
