"""Which roles nodes have: told by all that can give them one, and proven unused only where all of it was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from awsauth.aws.eks import describe_cluster
from awsauth.aws.node_roles import KARPENTER, node_evidence
from awsauth.core.access.matching import principal_of
from awsauth.core.cluster.facts import ClusterNode, NodeEvidence, RoleUser
from awsauth.core.entries.model import AccessEntry
from awsauth.core.guards.context import GuardContext
from awsauth.errors import ForbiddenError, NotFoundError
from tests.support.aws.aws_account import NUMBER, ROLE, AwsAccount, aws_account
from tests.support.aws.eks_fake import EksFake
from tests.support.changed import DNS, USERS, node, refusals, refused, role, roles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.aws.eks_fake import FakeCluster

NODE = f"{ROLE}/node"
V1 = {"versions": [{"version": "v1beta1"}, {"version": "v1"}]}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsAccount]:
    with aws_account(monkeypatch) as account:
        yield account


@pytest.fixture
def eks(account: AwsAccount, monkeypatch: pytest.MonkeyPatch) -> Iterator[EksFake]:
    with EksFake(account=NUMBER) as fake:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EKS", fake.url)
        account.sent.clear()
        yield fake


@pytest.fixture
def cluster(eks: EksFake) -> FakeCluster:
    return eks.add_cluster("prod", certificate_authority="x")


def serving(objects: dict[str, Any]) -> Callable[[str], Any]:
    """Return what reads these objects from an API server by path, and says of all others that they are not there."""

    def get(path: str) -> Any:
        if path not in objects:
            raise NotFoundError(f"There is nothing at {path}.")
        if isinstance(objects[path], Exception):
            raise objects[path]
        return objects[path]

    return get


NO_KARPENTER = serving({})


def evidence(
    account: AwsAccount,
    *,
    nodes: list[ClusterNode] | None,
    get: Callable[[str], Any] = NO_KARPENTER,
    entries: tuple[AccessEntry, ...] = (),
) -> NodeEvidence:
    session = account.asking
    return node_evidence(session, describe_cluster(session, "prod"), nodes=nodes, get=get, entries=entries)


def ec2_node(instance: str, name: str = "ip-10-0-0-1.eu-west-1.compute.internal") -> ClusterNode:
    return ClusterNode(name, f"aws:///eu-west-1a/{instance}")


# What each source tells.


@pytest.mark.usefixtures("cluster")
def test_where_nothing_has_a_role_it_is_proven_unused(account: AwsAccount) -> None:
    found = evidence(account, nodes=[]).use_of(NODE)
    assert (found.use, found.reasons) == ("unused", ())


def test_a_managed_node_group_uses_its_role(account: AwsAccount, cluster: FakeCluster, eks: EksFake) -> None:
    cluster.nodegroups |= {f"ng-{number}": f"{ROLE}/team/node" for number in range(3)} | {"ng-x": f"{ROLE}/x"}
    eks.page = 2
    found = evidence(account, nodes=[])
    assert found.use_of(NODE).use == "in use"
    assert found.use_of(NODE).reasons == (
        "node group ng-0 (2 nodes)",
        "node group ng-1 (2 nodes)",
        "node group ng-2 (2 nodes)",
    )
    assert (found.use_of(f"{ROLE}/x").use, found.use_of(f"{ROLE}/x").why) == ("in use", "node group ng-x (2 nodes)")
    assert found.use_of(f"{ROLE}/y").use == "unused"


def test_a_fargate_profile_uses_its_role(account: AwsAccount, cluster: FakeCluster) -> None:
    cluster.fargate_profiles["default"] = f"{ROLE}/pods"
    found = evidence(account, nodes=[ClusterNode("fargate-1", "aws:///z/1/fargate-1", "fargate")])
    assert found.use_of(f"{ROLE}/pods").reasons == ("Fargate profile default",)
    assert found.use_of(NODE).use == "unused"


@pytest.mark.usefixtures("cluster")
def test_the_instances_behind_the_nodes_use_the_role_in_their_instance_profile(account: AwsAccount) -> None:
    account.role("node", path="/team/")
    account.instance_profile("nodes", "node")
    nodes = [ec2_node(account.instance("nodes"), f"node-{number}") for number in range(3)]
    found = evidence(account, nodes=nodes)
    assert found.use_of(NODE).reasons == ("3 instances with the instance profile nodes",)
    assert found.use_of(f"{ROLE}/nodes").use == "unused"
    assert account.sent.count("DescribeInstances") == 1
    assert account.sent.count("GetInstanceProfile") == 1


@pytest.mark.usefixtures("cluster")
def test_many_instances_are_asked_for_in_parts(account: AwsAccount) -> None:
    nodes = [ec2_node(f"i-{number:017x}") for number in range(450)]
    found = evidence(account, nodes=nodes)
    assert account.sent.count("DescribeInstances") == 3
    assert len(found.notes) == 450
    assert found.use_of(NODE).why.endswith("; and 447 more")
    assert len(found.use_of(NODE).why) < 500


@pytest.mark.usefixtures("cluster")
def test_karpenter_gives_roles_also_while_it_runs_no_node(account: AwsAccount) -> None:
    account.role("old")
    account.instance_profile("karpenter", "old")
    classes = [
        {"metadata": {"name": "default"}, "spec": {"role": "node"}, "status": {"instanceProfile": "x"}},
        {"metadata": {"name": "own"}, "spec": {"instanceProfile": "karpenter"}},
    ]
    found = evidence(
        account, nodes=[], get=serving({KARPENTER: V1, f"{KARPENTER}/v1/ec2nodeclasses": {"items": classes}})
    )
    assert found.use_of(NODE).reasons == ("Karpenter's EC2NodeClass default",)
    assert found.use_of(f"{ROLE}/old").reasons == ("Karpenter's EC2NodeClass own",)
    assert found.use_of(f"{ROLE}/y").use == "unused"


@pytest.mark.usefixtures("cluster")
def test_an_older_karpenter_is_read_too(account: AwsAccount) -> None:
    served = {
        KARPENTER: {"versions": [{"version": "v1beta1"}]},
        f"{KARPENTER}/v1beta1/ec2nodeclasses": {"items": [{"metadata": {"name": "a"}, "spec": {"role": "node"}}]},
    }
    assert evidence(account, nodes=[], get=serving(served)).use_of(NODE).use == "in use"


# What keeps a role from being proven unused.


@pytest.mark.parametrize(
    ("denied", "operation"),
    [
        ("ListNodegroups", "eks:ListNodegroups"),
        ("DescribeNodegroup", "eks:DescribeNodegroup"),
        ("ListFargateProfiles", "eks:ListFargateProfiles"),
        ("DescribeFargateProfile", "eks:DescribeFargateProfile"),
    ],
)
def test_a_right_on_eks_that_is_missing_is_named(
    account: AwsAccount, cluster: FakeCluster, eks: EksFake, denied: str, operation: str
) -> None:
    cluster.nodegroups |= {"a": f"{ROLE}/a", "b": f"{ROLE}/b"}
    cluster.fargate_profiles["default"] = f"{ROLE}/pods"
    eks.deny(denied)
    found = evidence(account, nodes=[])
    assert found.use_of(NODE).use == "unknown"
    assert len(found.notes) == 1
    assert operation in found.use_of(NODE).why


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("action", ["ec2:DescribeInstances", "iam:GetInstanceProfile"])
def test_a_right_on_the_instances_that_is_missing_is_named(account: AwsAccount, action: str) -> None:
    account.role("node")
    account.instance_profile("nodes", "node")
    instance = account.instance("nodes")
    account.deny(action)
    found = evidence(account, nodes=[ec2_node(instance)])
    assert found.use_of(NODE).use == "unknown"
    assert action in found.use_of(NODE).why


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("there", "why"),
    [
        (ec2_node("i-0123456789abcdef0"), "does not exist in eu-west-1"),
        (ClusterNode("mi-1", "eks-hybrid:///eu-west-1/prod/mi-1", "hybrid"), "`mi-1` is not an EC2 instance"),
        (ClusterNode("bare"), "`bare` is not an EC2 instance"),
    ],
)
def test_a_node_whose_role_cannot_be_told_leaves_all_unknown(account: AwsAccount, there: ClusterNode, why: str) -> None:
    found = evidence(account, nodes=[there])
    assert found.use_of(NODE).use == "unknown"
    assert why in found.use_of(NODE).why


@pytest.mark.usefixtures("cluster")
def test_an_instance_without_a_role_leaves_all_unknown(account: AwsAccount) -> None:
    account.instance_profile("empty")
    nodes = [ec2_node(account.instance(), "a"), ec2_node(account.instance("empty"), "b")]
    notes = "\n".join(evidence(account, nodes=nodes).notes)
    assert "of the node `a` has no instance profile" in notes
    assert "instance-profile/empty` has no visible role" in notes


@pytest.mark.usefixtures("cluster")
def test_nodes_of_auto_mode_need_no_mapping(account: AwsAccount) -> None:
    auto = ClusterNode("auto", "aws:///eu-west-1a/i-0123456789abcdef0", "auto")
    assert evidence(account, nodes=[auto]).use_of(NODE).use == "unused"


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    "get",
    [
        serving({KARPENTER: ForbiddenError("You may not list ec2nodeclasses.")}),
        serving({KARPENTER: V1, f"{KARPENTER}/v1/ec2nodeclasses": ForbiddenError("You may not list ec2nodeclasses.")}),
        serving({KARPENTER: {"versions": [{"version": "v9"}]}}),
        serving({KARPENTER: V1, f"{KARPENTER}/v1/ec2nodeclasses": {"items": [{"metadata": {"name": "ec2nodeclass"}}]}}),
    ],
)
def test_where_karpenter_cannot_be_asked_all_is_unknown(account: AwsAccount, get: Callable[[str], Any]) -> None:
    found = evidence(account, nodes=[], get=get).use_of(NODE)
    assert found.use == "unknown"
    assert "ec2nodeclass" in found.why.lower() or "v9" in found.why


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("odd", [None, [], {"versions": 5}, {"versions": [{"version": None}]}])
def test_where_karpenter_answers_something_odd_all_is_unknown(account: AwsAccount, odd: Any) -> None:
    found = evidence(account, nodes=[], get=serving({KARPENTER: odd})).use_of(NODE)
    assert (found.use, "not a valid APIGroup" in found.why) == ("unknown", True)
    path = f"{KARPENTER}/v1/ec2nodeclasses"
    found = evidence(account, nodes=[], get=serving({KARPENTER: V1, path: {"items": [{"metadata": odd}]}})).use_of(NODE)
    assert (found.use, "not a valid EC2NodeClassList" in found.why) == ("unknown", True)


@pytest.mark.usefixtures("cluster")
def test_where_nodes_cannot_be_listed_all_is_unknown(account: AwsAccount) -> None:
    assert "could not be listed" in evidence(account, nodes=None).use_of(NODE).why


def test_what_is_known_in_spite_of_a_missing_right_counts(
    account: AwsAccount, cluster: FakeCluster, eks: EksFake
) -> None:
    cluster.nodegroups["ng-1"] = NODE
    eks.deny("ListFargateProfiles")
    found = evidence(account, nodes=[])
    assert found.use_of(NODE).reasons == ("node group ng-1 (2 nodes)",)
    assert found.use_of(f"{ROLE}/other").use == "unknown"


def test_a_node_group_that_goes_meanwhile_is_left_out(account: AwsAccount, cluster: FakeCluster, eks: EksFake) -> None:
    cluster.nodegroups["ng-1"] = NODE
    eks.fail("DescribeNodegroup", "ResourceNotFoundException", "No node group found for name: ng-1.", 404)
    assert evidence(account, nodes=[]).use_of(NODE).use == "unused"


# What comes of it.


def test_nodes_with_an_entry_of_their_own_come_in_by_that(account: AwsAccount, cluster: FakeCluster) -> None:
    cluster.nodegroups["ng-1"] = NODE
    entries = (AccessEntry(NODE, "EC2_LINUX"), AccessEntry(f"{ROLE}/ops", "STANDARD"))
    found = evidence(account, nodes=[], entries=entries)
    assert found.use_of(NODE).use == "unused"
    assert found.use_of(NODE).reasons == (
        "its nodes join by its access entry of type EC2_LINUX, not by aws-auth",
        "node group ng-1 (2 nodes)",
    )
    assert found.use_of(f"{ROLE}/ops").reasons == ()


def test_of_a_document_the_mappings_of_nodes_are_told() -> None:
    found = NodeEvidence.of([RoleUser(f"{ROLE}/a", "node group ng-1")])
    document = roles(role("ops"), role(f"{ROLE}/a", DNS, "system:nodes"), role(f"{ROLE}/b", DNS, "system:nodes"))
    uses = found.of_document(document)
    assert [(use.role_arn, use.use) for use in uses] == [(f"{ROLE}/a", "in use"), (f"{ROLE}/b", "unused")]
    context = GuardContext(caller_arn=f"{USERS}/x", nodes={use.role_arn: use.use for use in uses})
    only_a = roles(role(f"{ROLE}/a", DNS, "system:nodes"))
    assert refused(document, only_a, context) == []
    assert refused(document, roles(role("ops")), context) == ["node-mapping"]
    assert refused(roles(node()), roles(), context) == ["node-mapping"]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (RoleUser(f"{ROLE}/team/a", "node group ng-1"), "Nodes have this role (node group ng-1). "),
        ("No right to ask.", "it is unknown whether there are any (No right to ask.)."),
    ],
)
def test_a_refusal_says_who_has_the_role_or_why_that_is_not_known(told: RoleUser | str, words: str) -> None:
    use = NodeEvidence.of([told]).use_of(f"{ROLE}/team/a")
    context = GuardContext(caller_arn=f"{USERS}/x", nodes={use.role_arn: use.use}, node_reasons={use.role_arn: use.why})
    [found] = refusals(roles(role(f"{ROLE}/a", DNS, "system:nodes")), roles(), context)
    assert words in found.impact


ROLES = st.sampled_from([f"{ROLE}/{name}" for name in ("a", "b", "team/a", "B")])
USERS_OF_ROLES = st.builds(RoleUser, ROLES, st.sampled_from(["ng-1", "ng-2", "fp"]))
TOLD = st.lists(USERS_OF_ROLES | st.sampled_from(["no right", "no answer"]), max_size=10)
ENTRIES = st.lists(st.builds(AccessEntry, ROLES, st.sampled_from(["EC2_LINUX", "STANDARD", ""])), max_size=2)


@given(TOLD, ENTRIES, ROLES)
def test_proven_unused_means_that_all_was_asked_and_nothing_uses_it(
    told: list[RoleUser | str], entries: list[AccessEntry], role_arn: str
) -> None:
    """Law: unused is said of a role with an entry for nodes, and else where every source told all and none has it."""
    found = NodeEvidence.of(told, entries).use_of(role_arn)
    by_entry = any(entry.lets_nodes_in and entry.principal == principal_of(role_arn) for entry in entries)
    users = [one.role_arn for one in told if isinstance(one, RoleUser)]
    used = principal_of(role_arn) in map(principal_of, users)
    complete = len(users) == len(told)
    assert (found.use == "unused") == (by_entry or (complete and not used))
    assert (found.use == "in use") == (used and not by_entry)
    assert found.reasons or found.use == "unused"
    assert NodeEvidence.of(reversed(told), entries).use_of(role_arn).use == found.use
