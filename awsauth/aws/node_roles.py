"""Who has which node role: managed node groups, Fargate profiles, Karpenter, and the instances behind the nodes."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from awsauth.aws.access_entries import AT_ONCE
from awsauth.aws.errors import GONE, bounded, translate_errors
from awsauth.aws.iam import get_instance_profile
from awsauth.core.cluster.facts import NodeEvidence, RoleUser, SourceReport
from awsauth.core.text.display import quoted
from awsauth.errors import AwsAuthError, AwsServiceError, NotFoundError
from awsauth.kube.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from awsauth.aws.eks import EksCluster
    from awsauth.aws.session import AwsSession
    from awsauth.core.access.access_entries import AccessEntry
    from awsauth.core.cluster.facts import ClusterNode

KARPENTER: Final = "/apis/karpenter.k8s.aws"
"""The API group of Karpenter for AWS; a cluster without Karpenter answers 404."""

_VERSIONS: Final = ("v1", "v1beta1")
_LARGEST_FILTER: Final = 200
"""Values in one filter of DescribeInstances."""


def node_evidence(
    session: AwsSession,
    cluster: EksCluster,
    *,
    nodes: Sequence[ClusterNode] | None,
    get: Callable[[str], Any] | None,
    entries: Iterable[AccessEntry] = (),
) -> NodeEvidence:
    """Return who has which node role, from all that can be asked.

    A role is proven unused where all of it could be asked and nothing has the role. What has no node just now and is
    known to nobody but its owner, such as an Auto Scaling group of size 0, or a machine outside AWS that is switched
    off, is not seen.

    Args:
        session: Whom to ask AWS as.
        cluster: The cluster.
        nodes: The nodes that are registered; None where they could not be listed.
        get: Reads from the cluster's API server, given a path, and returns what the JSON holds; raises NotFoundError
            for a 404, and other AwsAuthErrors. None where it cannot be asked.
        entries: The cluster's access entries.
    """
    sources: list[Callable[[], SourceReport]] = [
        partial(_node_groups, session, cluster),
        partial(_fargate_profiles, session, cluster),
        partial(_instances, session, cluster, nodes),
        partial(_karpenter, session, cluster, get),
    ]
    return NodeEvidence.of([_told(source) for source in sources], entries)


def _told(source: Callable[[], SourceReport]) -> SourceReport:
    try:
        return source()
    except AwsAuthError as error:
        return SourceReport(notes=(error.message,))


def _together(told: Iterable[SourceReport]) -> SourceReport:
    each = list(told)
    return SourceReport(
        tuple(user for one in each for user in one.users), tuple(note for one in each for note in one.notes)
    )


def _node_groups(session: AwsSession, cluster: EksCluster) -> SourceReport:
    eks = session.client("eks", cluster.region)

    def describe(name: str) -> SourceReport:
        with translate_errors(f"Node groups of {quoted(cluster.name)} cannot be described", session, service="eks"):
            group = eks.describe_nodegroup(clusterName=cluster.name, nodegroupName=name)["nodegroup"]
            role, size = group["nodeRole"], group.get("scalingConfig", {}).get("desiredSize")
        nodes = "" if size is None else f" ({size} node{'' if size == 1 else 's'})"
        return SourceReport((RoleUser(role, f"node group {name}{nodes}"),))

    with translate_errors(f"The node groups of {quoted(cluster.name)} cannot be listed", session, service="eks"):
        pages = eks.get_paginator("list_nodegroups").paginate(clusterName=cluster.name)
        names = [name for page in bounded(pages) for name in page["nodegroups"]]
    return _all_of(describe, names)


def _fargate_profiles(session: AwsSession, cluster: EksCluster) -> SourceReport:
    eks = session.client("eks", cluster.region)

    def describe(name: str) -> SourceReport:
        with translate_errors(
            f"Fargate profiles of {quoted(cluster.name)} cannot be described", session, service="eks"
        ):
            found = eks.describe_fargate_profile(clusterName=cluster.name, fargateProfileName=name)["fargateProfile"]
            role = found["podExecutionRoleArn"]
        return SourceReport((RoleUser(role, f"Fargate profile {name}"),))

    with translate_errors(f"The Fargate profiles of {quoted(cluster.name)} cannot be listed", session, service="eks"):
        pages = eks.get_paginator("list_fargate_profiles").paginate(clusterName=cluster.name)
        names = [name for page in bounded(pages) for name in page["fargateProfileNames"]]
    return _all_of(describe, names)


def _all_of(describe: Callable[[str], SourceReport], names: list[str]) -> SourceReport:
    """Return what all of them tell; what has been deleted since tells nothing."""

    def told(name: str) -> SourceReport:
        try:
            return describe(name)
        except AwsServiceError as error:
            if error.code == GONE:
                return SourceReport()
            raise

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return _together(pool.map(lambda name: _told(partial(told, name)), names))


def _instances(session: AwsSession, cluster: EksCluster, nodes: Sequence[ClusterNode] | None) -> SourceReport:
    """Return the roles of the EC2 instances that are registered as nodes."""
    if nodes is None:
        return SourceReport(notes=(f"The nodes of {quoted(cluster.name)} could not be listed.",))
    by_instance = {node.instance_id: node.name for node in nodes if node.compute_type == "ec2" and node.instance_id}
    # Fargate tells by its profiles. Nodes of Auto Mode come in by an access entry and never by a mapping.
    others = [
        node.name
        for node in nodes
        if node.compute_type == "hybrid" or (node.compute_type == "ec2" and not node.instance_id)
    ]
    notes = [f"The node {quoted(name)} is no EC2 instance, so its role cannot be told." for name in others]
    profiles: Counter[str] = Counter()
    seen = _profiles_of(session, cluster, list(by_instance))
    for instance, name in by_instance.items():
        profile = seen.get(instance)
        if profile:
            profiles[profile] += 1
        else:
            why = "has no instance profile" if instance in seen else f"is not to be seen in {cluster.region}"
            notes.append(f"The instance {quoted(instance)} of the node {quoted(name)} {why}.")
    by_profile = (
        _told(partial(_of_profile, session, arn, _instances_of(arn, count))) for arn, count in profiles.items()
    )
    return _together([*by_profile, SourceReport(notes=tuple(notes))])


def _instances_of(profile: str, count: int) -> str:
    name = profile.rpartition("/")[2]
    return f"{count} instance{'' if count == 1 else 's'} with the instance profile {name}"


def _profiles_of(session: AwsSession, cluster: EksCluster, instances: list[str]) -> dict[str, str]:
    """Return the ARN of each instance's instance profile, empty where it has none; without instances that are gone."""
    found: dict[str, str] = {}
    if not instances:
        return found
    pages = session.client("ec2", cluster.region).get_paginator("describe_instances")
    for start in range(0, len(instances), _LARGEST_FILTER):
        # By filter, not by id: of an id that is gone, EC2 would refuse the whole request.
        wanted = [{"Name": "instance-id", "Values": instances[start : start + _LARGEST_FILTER]}]
        with translate_errors("The instances of the nodes cannot be looked up", session, service="ec2"):
            for page in bounded(pages.paginate(Filters=wanted)):
                for reservation in page["Reservations"]:
                    for instance in reservation["Instances"]:
                        profile = instance.get("IamInstanceProfile", {}).get("Arn", "")
                        found[instance["InstanceId"]] = str(profile)
    return found


def _of_profile(session: AwsSession, profile: str, who: str) -> SourceReport:
    """Return who has the role in an instance profile, given its name or ARN."""
    roles = get_instance_profile(session, profile.rpartition("/")[2])
    if not roles:
        return SourceReport(notes=(f"The instance profile {quoted(profile, 200)} has no role that could be seen.",))
    return SourceReport(tuple(RoleUser(role.arn, who) for role in roles))


def _karpenter(session: AwsSession, cluster: EksCluster, get: Callable[[str], Any] | None) -> SourceReport:
    """Return the roles that Karpenter gives to nodes, of which there may be none just now."""
    if get is None:
        return SourceReport(notes=(f"Karpenter's EC2NodeClasses in {quoted(cluster.name)} could not be asked for.",))
    try:
        group = Fields(get(KARPENTER), "APIGroup", KARPENTER)
        versions = [served.name("version") for served in group.objects("versions")]
        version = next((known for known in _VERSIONS if known in versions), None)
        if version is None:
            return SourceReport(
                notes=(f"Karpenter's API has only versions that are not known: {', '.join(versions)}.",)
            )
        path = f"{KARPENTER}/{version}/ec2nodeclasses"
        classes = Fields(get(path), "EC2NodeClassList", path).objects("items")
    except NotFoundError:
        return SourceReport()
    return _together(_told(partial(_node_class, session, cluster, item)) for item in classes)


def _node_class(session: AwsSession, cluster: EksCluster, item: Fields) -> SourceReport:
    who = f"Karpenter's EC2NodeClass {item.object('metadata').name()}"
    spec, status = item.object("spec"), item.object("status")
    if role := spec.text("role"):
        arn = role if role.startswith("arn:") else f"arn:{cluster.partition}:iam::{cluster.account}:role/{role}"
        return SourceReport((RoleUser(arn, who),))
    if profile := spec.text("instanceProfile") or status.text("instanceProfile"):
        return _of_profile(session, profile, who)
    return SourceReport(notes=(f"{who} names no role.",))
