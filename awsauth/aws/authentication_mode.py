"""Switching a cluster to access entries beside ``aws-auth``: one way, and asynchronous."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from awsauth.aws.access_entries import TAKEN
from awsauth.aws.eks import describe_cluster
from awsauth.aws.errors import bounded, translate_errors
from awsauth.core.text.display import command_line, quoted, visible
from awsauth.errors import AwsPermissionError, AwsServiceError
from awsauth.retry import Backoff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_eks import EKSClient

    from awsauth.aws.eks import EksCluster
    from awsauth.aws.session import AwsSession

BOTH: Final = "API_AND_CONFIG_MAP"

_UNDER_WAY: Final = "InProgress"
_INVALID: Final = "InvalidParameterException"


def switch_to_both(session: AwsSession, cluster: EksCluster, *, timeout: float, done: list[str]) -> EksCluster:
    """Switch a cluster from ``CONFIG_MAP`` to ``API_AND_CONFIG_MAP``, and wait until that is done; it cannot be undone.

    A switch that is under way already is waited for, and so is another update, which EKS does not do at the same time.

    Args:
        session: Whom to ask as.
        cluster: The cluster.
        timeout: Seconds to wait.
        done: Gets what was done, as soon as EKS has taken it on: it then goes on whatever happens here.

    Returns:
        The cluster as it is then.

    Raises:
        AwsPermissionError: eks:UpdateClusterConfig, eks:DescribeUpdate or eks:ListUpdates is not allowed.
        AwsServiceError: EKS does not do it, or not in time.
        OutcomeUnknownError: EKS was asked to, and did not answer.
        CredentialsError: there are no credentials, or AWS does not take them.
    """
    eks = session.client("eks", cluster.region)
    doing = f"The authentication mode of {quoted(cluster.name)} cannot be switched to {BOTH}"
    begun: list[str] = []
    waiting = Backoff(timeout)
    for _ in waiting:
        # Once it is done, asking for it again is an error, also while the cluster does not show it yet.
        if not begun and (begun := _begun(session, eks, cluster, doing)):
            done.append(f"Began to switch the authentication mode to {BOTH}, which goes on by itself")
        with translate_errors(doing, session, service="eks"):
            for update_id in begun or _under_way(eks, cluster.name):
                _await(eks, cluster.name, update_id, waiting)
        now = describe_cluster(session, cluster.arn)
        if now.authentication_mode != "CONFIG_MAP":
            return now
    raise AwsServiceError(
        f"{doing}: it was still CONFIG_MAP after {timeout:.0f} seconds.",
        hint=f"{_look(cluster)} Then run it again, which goes on from there.",
    )


def _begun(session: AwsSession, eks: EKSClient, cluster: EksCluster, doing: str) -> list[str]:
    """Begin the switch, and return the update's id; none where the cluster is busy, or is switched already."""
    try:
        with translate_errors(doing, session, service="eks", look=_look(cluster)):
            answer = eks.update_cluster_config(name=cluster.name, accessConfig={"authenticationMode": BOTH})
            return [str(answer["update"]["id"])]
    except AwsPermissionError:
        raise
    except AwsServiceError as error:
        # In the meantime somebody else, or a run that was stopped, may have done it: the mode itself tells.
        if error.code not in (TAKEN, _INVALID):
            raise
        if error.code == _INVALID and describe_cluster(session, cluster.arn).authentication_mode == "CONFIG_MAP":
            raise
        return []


def _look(cluster: EksCluster) -> str:
    location = ("--name", cluster.name, "--region", cluster.region)
    mode = command_line("aws", "eks", "describe-cluster", *location, "--query", "cluster.accessConfig")
    updates = command_line("aws", "eks", "list-updates", *location)
    return f"See how it is (`{mode}`), and what the cluster is busy with: `{updates}`."


def _under_way(eks: EKSClient, name: str) -> Iterator[str]:
    """Yield the ids of updates that are not done."""
    for page in bounded(eks.get_paginator("list_updates").paginate(name=name)):
        for update_id in page["updateIds"]:
            if eks.describe_update(name=name, updateId=update_id)["update"]["status"] == _UNDER_WAY:
                yield update_id


def _await(eks: EKSClient, name: str, update_id: str, waiting: Backoff) -> None:
    """Wait until an update is done.

    Raises:
        AwsServiceError: it failed.
    """
    for _ in waiting:
        update: Any = eks.describe_update(name=name, updateId=update_id)["update"]
        if update["status"] == _UNDER_WAY:
            continue
        if update["status"] != "Successful" and update.get("type") == "AccessConfigUpdate":
            errors = "; ".join(f"{one.get('errorCode')}: {one.get('errorMessage')}" for one in update.get("errors", ()))
            raise AwsServiceError(
                f"EKS did not switch the authentication mode of {quoted(name)}: the update {quoted(update_id)} is "
                f"{visible(str(update['status']))}. {visible(errors)}".rstrip(),
                hint="What EKS says tells why; nothing else was done.",
            )
        return
