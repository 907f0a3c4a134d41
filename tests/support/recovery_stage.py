"""A cluster of EKS from which the caller is locked out, and all that a recovery may change of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from awsauth.client import AwsAuthClient
from awsauth.core.revisions.info import head_written
from awsauth.core.revisions.revision import info_from_object
from awsauth.recovery.recover import recover
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    import boto3

    from awsauth.recovery.plan import Recovery
    from tests.support.aws.eks_fake import EksFake, FakeCluster
    from tests.support.aws.eks_webhook import EksWebhook
    from tests.support.controlplane.api_server import ApiServer
    from tests.support.controlplane.aws import AwsCredentials
    from tests.support.controlplane.cluster import Cluster, Identity

ACCOUNT: Final = "123456789012"
ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/"
OPS: Final = f"{ROLE}team/recover-ops"
GOOD: Final = {
    "mapRoles": f"- rolearn: {ROLE}recover-node\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n"
    "  groups: [system:bootstrappers, system:nodes]\n"
}
BROKEN: Final = {"mapRoles": f"{GOOD['mapRoles']}- rolearn: {ROLE}x\n  username: {{{{SessionName}}}}\n"}
"""A template without quotes: the whole text cannot be read."""

REVISIONS: Final = "/apis/apps/v1/namespaces/kube-system/controllerrevisions"
BOTH: Final = "API_AND_CONFIG_MAP"
CLUSTER_ADMIN: Final = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


@dataclass
class Stage:
    """A cluster of EKS with its control plane, and the caller, whose credentials are in the environment."""

    cluster: Cluster
    eks: EksFake
    webhook: EksWebhook
    api: ApiServer
    caller: AwsCredentials
    session: boto3.Session

    @property
    def shown(self) -> FakeCluster:
        """The cluster as EKS has it."""
        return self.eks.clusters[self.cluster.name]

    def recover(self, **how: Any) -> Recovery:
        """Recover as the caller."""
        return recover(self.cluster.name, session=self.session, **how)

    @property
    def entries(self) -> list[str]:
        """Whose access entries there are."""
        return list(self.shown.entries.entries)

    def reset(self, **how: Any) -> None:
        """Make the cluster new for EKS: `how` says what it is like."""
        authority = self.api.ca_file.read_text(encoding="utf-8")
        self.webhook.eks = self.eks.add_cluster(
            self.cluster.name, endpoint=self.api.url, certificate_authority=authority, **how
        )
        self.webhook.ignores = 0
        self.webhook.late = 0.0
        self.webhook.is_unwell = False
        self.eks.requests.clear()

    def identity(self) -> Identity | None:
        """Return whom the API server takes the caller for."""
        return self.cluster.identity(self.cluster.eks_token(self.caller), api=self.api)

    def map_caller(self) -> str:
        """Map the caller as administrator, which makes revisions 1 and 2, and return the text."""
        self.cluster.put_aws_auth(GOOD)
        with AwsAuthClient.from_kubeconfig(path=self.cluster.kubeconfig, author="admins") as admins:
            admins.add_role_mapping(f"{ROLE}recover-ops", username="ops", groups=["system:masters"])
        self._await(is_in=True)
        return self.text

    def lock_out(self, text: str = BROKEN["mapRoles"]) -> None:
        """Write a text, wait until it counts, and forget all revisions but two, as if the others had never been."""
        live = self.cluster.aws_auth() or {}
        live["data"] = {"mapRoles": text}
        kept = self.cluster.revisions()[1]
        live["metadata"]["annotations"] = head_written(info_from_object(kept).head)
        self.cluster.api.must("PUT", "/api/v1/namespaces/kube-system/configmaps/aws-auth?fieldManager=awsauth", live)
        for revision in self.cluster.revisions()[2:]:
            self.cluster.api.must("DELETE", f"{REVISIONS}/{revision['metadata']['name']}")
        self.await_out()

    def await_out(self) -> None:
        """Wait until the caller is locked out."""
        self._await(is_in=False)

    @property
    def text(self) -> str:
        """The text of ``mapRoles``."""
        return str((self.cluster.aws_auth() or {})["data"]["mapRoles"])

    def state(self) -> tuple[str, list[int], str, dict[str, Any]]:
        """Return all that a recovery may change: the text, the revisions, the mode, and the entries."""
        entries = {
            arn: (entry.username, entry.groups, tuple(entry.tags), tuple(entry.policies))
            for arn, entry in self.shown.entries.entries.items()
        }
        numbers = [int(revision["revision"]) for revision in self.cluster.revisions()]
        return self.text, numbers, self.shown.authentication_mode, entries

    def _await(self, *, is_in: bool) -> None:
        wait_for(self.identity, lambda identity: (identity is not None) is is_in)
