"""A cluster to try things on: with the example in it, known to EKS by its name, and seen from an EC2 instance."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.support.aws.eks_fake import EksFake
from tests.support.controlplane.metadata import InstanceMetadata
from tests.support.paths import EXAMPLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.controlplane.cluster import Cluster

ROLE: Final = "mytestrole"
UNSET: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")
"""boto3 takes these before the instance's role."""


@contextmanager
def tryout(cluster: Cluster) -> Iterator[dict[str, str]]:
    """Yield the environment of whoever uses a clean cluster from an instance that wears the role `ROLE`."""
    aws = cluster.aws
    with InstanceMetadata(aws) as instance, EksFake(region=aws.region, account=aws.account) as eks:
        instance.role_arn = aws.create_role(ROLE)
        authority = cluster.ca_file.read_text(encoding="utf-8")
        eks.add_cluster(cluster.name, endpoint=cluster.server, certificate_authority=authority)
        cluster.kubectl("create", "-f", str(EXAMPLE))
        yield cluster.plane.environment | instance.environment | eks.environment
