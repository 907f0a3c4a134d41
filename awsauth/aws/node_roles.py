"""The roles of a cluster's nodes.

They belong to node groups, Fargate profiles, Karpenter, and the instances behind the nodes.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from awsauth.aws.access_entries import AT_ONCE
from awsauth.aws.errors import MISSING, pages_of
from awsauth.aws.iam import get_instance_profile
from awsauth.core.cluster.facts import ClusterNode, NodeEvidence, RoleUser
from awsauth.core.text.display import quoted
from awsauth.errors import AwsAuthError, NotFoundError
from awsauth.kube.resources import Fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from awsauth.aws.eks import EksCluster
    from awsauth.aws.session import AwsSession
    from awsauth.core.entries.model import AccessEntry

    Answers = Iterator[RoleUser | str]  # of a source: the users of roles, and why it cannot tell more

# The API group of Karpenter for AWS; a cluster without Karpenter answers 404.
KARPENTER: Final = "/apis/karpenter.k8s.aws"

_LARGEST_FILTER: Final = 200  # values in one filter of DescribeInstances


def node_evidence(
    session: AwsSession,
    cluster: EksCluster,
    *,
    nodes: Sequence[ClusterNode] | None,
    get: Callable[[str], Any],
    entries: Iterable[AccessEntry] = (),
) -> NodeEvidence:
    """Return the uses of node roles, from every source that answers.

    A role is proven unused if every source answered and none of them uses it. The sources do not show a role that has
    no node at the moment and that only its owner knows. An Auto Scaling group of size 0 has such a role.

    Args:
        session: The session that calls AWS.
        cluster: The cluster.
        nodes: The registered nodes; None if they could not be listed.
        get: Returns the JSON at a path of the cluster's API server; raises NotFoundError for a 404, and other
            AwsAuthErrors.
        entries: The cluster's access entries.
    """
    sources = (
        _node_groups(session, cluster),
        _fargate_profiles(session, cluster),
        _instances(session, cluster, nodes),
        _karpenter(session, cluster, get),
    )
    return NodeEvidence.of((answer for source in sources for answer in _or_note(source)), entries)


def _or_note(source: Answers) -> Answers:
    """Yield the answers of a source: users of roles, and why it cannot tell more."""
    try:
        yield from source
    except AwsAuthError as error:
        yield error.message


def evidence_of_node_groups(session: AwsSession, cluster: EksCluster) -> NodeEvidence:
    """Return the roles of the node groups of EKS.

    Raises:
        AwsServiceError, CredentialsError: EKS does not list them.
    """
    return NodeEvidence.of(_node_groups(session, cluster))


def _node_groups(session: AwsSession, cluster: EksCluster) -> Answers:
    def described(eks: Any, name: str) -> RoleUser:
        group = eks.describe_nodegroup(clusterName=cluster.name, nodegroupName=name)["nodegroup"]
        size = group.get("scalingConfig", {}).get("desiredSize")
        nodes = "" if size is None else f" ({size} node{'' if size == 1 else 's'})"
        return RoleUser(group["nodeRole"], f"node group {name}{nodes}")

    return _all_of(session, cluster, "node groups", "list_nodegroups", described)


def _fargate_profiles(session: AwsSession, cluster: EksCluster) -> Answers:
    def described(eks: Any, name: str) -> RoleUser:
        found = eks.describe_fargate_profile(clusterName=cluster.name, fargateProfileName=name)["fargateProfile"]
        return RoleUser(found["podExecutionRoleArn"], f"Fargate profile {name}")

    return _all_of(session, cluster, "Fargate profiles", "list_fargate_profiles", described)


def _all_of(
    session: AwsSession, cluster: EksCluster, kind: str, operation: str, described: Callable[[Any, str], RoleUser]
) -> Answers:
    """Yield the uses by all objects that an EKS operation lists.

    Objects that were deleted since are left out.
    """
    of_cluster = f"of {quoted(cluster.name)} cannot be"
    with session.calling("eks", f"The {kind} {of_cluster} listed", region=cluster.region) as eks:
        names = list(pages_of(eks, operation, clusterName=cluster.name))

    def user(name: str) -> Iterator[RoleUser]:
        doing = f"{kind[0].upper()}{kind[1:]} {of_cluster} described"
        with session.calling("eks", doing, region=cluster.region, unless=MISSING) as eks:
            yield described(eks, name)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for answers in pool.map(lambda name: list(_or_note(user(name))), names):
            yield from answers


def _instances(session: AwsSession, cluster: EksCluster, nodes: Sequence[ClusterNode] | None) -> Answers:
    """Yield the roles of the EC2 instances that are registered as nodes."""
    if nodes is None:
        yield f"The nodes of {quoted(cluster.name)} could not be listed."
        return
    by_instance = {node.instance_id: node.name for node in nodes if node.compute_type == "ec2" and node.instance_id}
    # The profiles report Fargate. Nodes of Auto Mode get access by an access entry and never by a mapping.
    for node in nodes:
        if node.compute_type == "hybrid" or (node.compute_type == "ec2" and not node.instance_id):
            yield f"The node {quoted(node.name)} is not an EC2 instance, so its role is not known."
    users: Counter[str] = Counter()
    profiles = _profiles_of(session, cluster, list(by_instance))
    for instance, name in by_instance.items():
        if profile := profiles.get(instance):
            users[profile] += 1
        else:
            why = "has no instance profile" if instance in profiles else f"does not exist in {cluster.region}"
            yield f"The instance {quoted(instance)} of the node {quoted(name)} {why}."
    for profile, count in users.items():
        who = f"{count} instance{'' if count == 1 else 's'} with the instance profile {profile.rpartition('/')[2]}"
        yield from _or_note(_of_profile(session, profile, who))


def _profiles_of(session: AwsSession, cluster: EksCluster, instances: list[str]) -> dict[str, str]:
    """Return the ARN of each instance's profile; empty if it has none.

    Instances that do not exist are left out.
    """
    found: dict[str, str] = {}
    for start in range(0, len(instances), _LARGEST_FILTER):
        # By filter, not by id: EC2 would refuse the whole request for an id that does not exist any more.
        wanted = [{"Name": "instance-id", "Values": instances[start : start + _LARGEST_FILTER]}]
        with session.calling("ec2", "The instances of the nodes cannot be looked up", region=cluster.region) as ec2:
            for reservation in pages_of(ec2, "describe_instances", Filters=wanted):
                for instance in reservation["Instances"]:
                    found[instance["InstanceId"]] = str(instance.get("IamInstanceProfile", {}).get("Arn", ""))
    return found


def _of_profile(session: AwsSession, profile: str, who: str) -> Answers:
    """Yield the users of the role in an instance profile, given its name or ARN."""
    if not (roles := get_instance_profile(session, profile.rpartition("/")[2])):
        yield f"The instance profile {quoted(profile, 200)} has no visible role."
    yield from (RoleUser(role.arn, who) for role in roles or ())


def _karpenter(session: AwsSession, cluster: EksCluster, get: Callable[[str], Any]) -> Answers:
    """Yield the roles that Karpenter gives to nodes, even if it has no nodes."""
    with suppress(NotFoundError):
        group = Fields(get(KARPENTER), "APIGroup", KARPENTER)
        versions = [served.name("version") for served in group.objects("versions")]
        if not (version := next((known for known in ("v1", "v1beta1") if known in versions), None)):
            yield f"Karpenter's API has only unknown versions: {', '.join(versions)}."
            return
        path = f"{KARPENTER}/{version}/ec2nodeclasses"
        for item in Fields(get(path), "EC2NodeClassList", path).objects("items"):
            yield from _or_note(_node_class(session, cluster, item))


def _node_class(session: AwsSession, cluster: EksCluster, item: Fields) -> Answers:
    who = f"Karpenter's EC2NodeClass {item.object('metadata').name()}"
    spec, status = item.object("spec"), item.object("status")
    if role := spec.text("role"):
        arn = role if role.startswith("arn:") else f"arn:{cluster.partition}:iam::{cluster.account}:role/{role}"
        yield RoleUser(arn, who)
    elif profile := spec.text("instanceProfile") or status.text("instanceProfile"):
        yield from _of_profile(session, profile, who)
    else:
        yield f"{who} names no role."
