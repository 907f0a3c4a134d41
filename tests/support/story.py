"""The story that this library is for: a machine with a role and no stored credentials becomes a deployment target.

An instance wears a role that EC2 may hand out; its health check says that the cluster does not know it, and what would
help; an administrator does that; the same machine's health check passes; the administrator goes back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml

import awsauth
from awsauth.api import health_check
from awsauth.aws.instance_role import ensure_instance_role
from awsauth.client import AwsAuthClient
from tests.support.named_cluster import awaited

if TYPE_CHECKING:
    from awsauth.apply import Result
    from awsauth.health.report import HealthReport
    from tests.support.controlplane.metadata import InstanceMetadata
    from tests.support.named_cluster import NamedCluster

NODE: Final = """\
- groups:
  - system:bootstrappers
  - system:nodes
  rolearn: {node}
  username: system:node:{{{{EC2PrivateDNSName}}}}
"""
ADMINISTRATOR: Final = """\
- rolearn: {administrator}   # who looks after the cluster
  username: boss
  groups: [system:masters]
"""


@dataclass(slots=True)
class Story:
    """Its people and machines.

    Attributes:
        named: The cluster.
        instance: The machine, which wears no role yet.
        role: The name of the role that the machine is to wear.
        told: Everything that was said on the way.
    """

    named: NamedCluster
    instance: InstanceMetadata
    role: str
    told: list[Any] = field(default_factory=list)

    @property
    def role_arn(self) -> str:
        """The ARN of the machine's role."""
        return self.named.arn(self.role)

    @property
    def text(self) -> str:
        """What ``aws-auth`` holds in the beginning."""
        node, administrator = (self.named.arn(f"{self.role}-{name}") for name in ("node", "administrator"))
        return NODE.format(node=node) + ADMINISTRATOR.format(administrator=administrator)

    def begin(self) -> None:
        """Have a cluster with a node group and an administrator, both of whom get in."""
        self.named.cluster.put_aws_auth({"mapRoles": self.text})
        self.named.await_in(f"{self.role}-administrator")

    def make_role(self) -> None:
        """Make the role and its instance profile, and have the machine wear it."""
        self.be_administrator()
        setup = ensure_instance_role(self.role)
        self.told.append(setup)
        profile = self.named.cluster.aws.client("iam").get_instance_profile(InstanceProfileName=setup.instance_profile)
        [role] = profile["InstanceProfile"]["Roles"]
        self.instance.role_arn = role["Arn"]

    def be_administrator(self) -> None:
        """Be the administrator, at a laptop."""
        self.named.be_role(f"{self.role}-administrator")

    def be_worker(self) -> None:
        """Be the machine: there are no credentials but those that instance metadata hands out."""
        self.named.be(self.instance.environment)

    def check(self, *, passes: bool) -> HealthReport:
        """Check the machine's health, on the machine, until it is as it should be."""
        self.be_worker()
        report = awaited(lambda: health_check(cluster=self.named.name), lambda found: found.passed == passes)
        self.told.append(report)
        return report

    def follow(self, advice: str) -> Result:
        """Do as the advice says, as the administrator, who chooses username and group."""
        self.be_administrator()
        call = next(line for line in advice.splitlines() if "awsauth.add_role_mapping(" in line).strip()
        call = call.replace(f'username="{self.role}"', 'username="admin"').replace("GROUP", "system:masters")
        result: Result = eval(call, {"awsauth": awsauth})  # noqa: S307 - whether it can be pasted is the point
        self.told.append(result)
        return result

    def go_back(self) -> Result:
        """Take the mapping back, as the administrator."""
        self.be_administrator()
        with AwsAuthClient.from_eks(self.named.name) as client:
            result = client.rollback()
            self.told += [result, client.history(), client.show(result.revision or 0)]
        return result

    def node_entry(self) -> str:
        """Return the text of the node's mapping as it is in the cluster, to the byte."""
        now = self.named.cluster.aws_auth()
        assert now
        text: str = now["data"]["mapRoles"]
        return text[: text.index("- rolearn")]

    def mapped(self) -> dict[str, list[str]]:
        """Return who is mapped to what."""
        now = self.named.cluster.aws_auth()
        assert now
        return {entry["username"]: entry["groups"] for entry in yaml.safe_load(now["data"]["mapRoles"])}
