"""A cluster of all kinds of mappings that moves to access entries, and workers who must never be refused."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.migration.plan import MigrationChoices
from tests.support.recovery_stage import OPS, ROLE
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.client import AwsAuthClient
    from awsauth.migration.migration import Migration
    from tests.support.controlplane.aws import Aws, AwsCredentials
    from tests.support.entry_changes import Entries

SSO: Final = "AWSReservedSSO_Dev_0123456789abcdef"
OTHER: Final = "arn:aws:iam::444455556666:role/partner"
USER: Final = f"arn:aws:iam::{ROLE.split(':')[4]}:user/migrated-anna"
BOTH: Final = ["system:bootstrappers", "system:nodes"]
NODE, FARGATE, ADMIN, CI = (f"{ROLE}migrated-{name}" for name in ("node", "pods", "mytestrole", "ci"))
SERVICE: Final = f"{ROLE}AWSServiceRoleForBatch"
TO_BOTH: Final = "authentication-mode=API_AND_CONFIG_MAP"
TO_API: Final = "authentication-mode=API"
STANDS: Final = {
    "eks-access-policy:AmazonEKSClusterAdminPolicy": "system:masters",
    "awsauth:administrators": "system:masters",
    "awsauth:system:monitoring": "system:monitoring",
}
GIVEN_UP: Final = (f"loses={SERVICE}", "loses=444455556666")


def mappings() -> dict[str, str]:
    """Return the story's mappings: nodes, administrators, paths, a user, a duplicate, an account, a service."""
    roles: list[tuple[str, str, list[str]]] = [
        (NODE, "system:node:{{EC2PrivateDNSName}}", BOTH),
        (FARGATE, "system:node:{{SessionName}}", [*BOTH, "system:node-proxier"]),
        (f"{ROLE}recover-ops", "ops", ["system:masters"]),
        (ADMIN, "mytestrole", ["system:masters", "auditors"]),
        (CI, "first", ["system:masters"]),
        (CI, "ci:{{SessionName}}", ["builders"]),
        (f"{ROLE}{SSO}", "dev", []),
        (f"{ROLE}migrated-gone", "gone", []),
        (SERVICE, "batch", []),
    ]
    users = [(USER, "anna", ["system:monitoring"])]
    return {
        "mapRoles": json.dumps([{"rolearn": arn, "username": name, "groups": groups} for arn, name, groups in roles]),
        "mapUsers": json.dumps([{"userarn": arn, "username": name, "groups": groups} for arn, name, groups in users]),
        "mapAccounts": '["444455556666"]',
    }


@cache
def _anna(aws: Aws) -> AwsCredentials:
    """Return the user's credentials; IAM gives only two access keys."""
    return aws.create_user("migrated-anna")


class MigrationStory:
    """The cluster in the mode ``CONFIG_MAP``, its people, and what the cluster takes them for.

    Attributes:
        people: Credentials by name; the caller is among them.
        before: By name, username and groups at first.
    """

    def __init__(self, entries: Entries) -> None:
        self.entries = entries
        self.stage = entries.stage
        aws = self.stage.cluster.aws
        for name in ("node", "pods"):
            aws.create_role(f"migrated-{name}")
        aws.create_role("AWSServiceRoleForBatch", path="/aws-service-role/batch.amazonaws.com/")
        roles = {
            "mytestrole": aws.create_role("migrated-mytestrole"),
            "ci": aws.create_role("migrated-ci", path="/team/"),
            "dev": aws.create_role(SSO, path="/aws-reserved/sso.amazonaws.com/"),
        }
        self.arns = {**roles, "ops": OPS, "anna": USER}
        self.people = {name: aws.assume_role(arn, session_name="bob") for name, arn in roles.items()}
        self.people |= {"ops": self.stage.caller, "anna": _anna(aws)}
        self.stage.cluster.put_aws_auth(mappings())
        self.begin()
        self.stage._await(is_in=True)
        self.before = self.names()
        assert all(self.before.values()), self.before

    def begin(self) -> None:
        """Make the cluster new for EKS."""
        self.stage.reset()
        self.stage.shown.nodegroups["ng"] = NODE
        self.stage.shown.fargate_profiles["pods"] = FARGATE

    def names(self) -> dict[str, tuple[str, frozenset[str]] | None]:
        """Return by name what the cluster takes a person for, by a new token."""
        return {name: self.name_of(credentials) for name, credentials in self.people.items()}

    def name_of(self, credentials: AwsCredentials) -> tuple[str, frozenset[str]] | None:
        """Return a person's username and groups; a policy or another group stands for those that no entry can have."""
        found = self.stage.cluster.identity(self.stage.cluster.eks_token(credentials), api=self.stage.api)
        return (found.username, frozenset(STANDS.get(group, group) for group in found.groups)) if found else None

    def migration(self, client: AwsAuthClient, *accept: str, **choices: Any) -> Migration:
        """Return the migration, in which some principals are given up."""
        return client.migration(MigrationChoices(accept=[*GIVEN_UP, *accept], **choices))

    @contextmanager
    def working(self) -> Iterator[Counter[str]]:
        """Let all people work with new tokens all the time, and count what went wrong.

        The administrator reads what only administrators may read.
        """
        wrong: Counter[str] = Counter()
        over = threading.Event()

        def work() -> None:
            while not over.wait(0.1):
                wrong["looks"] += 1
                for name, now in self.names().items():
                    if now != self.before[name]:
                        wrong[f"{name} is {now}"] += 1
                token = self.stage.cluster.eks_token(self.people["mytestrole"])
                if self.stage.api.request("GET", "/api/v1/secrets", token=token).status != 200:
                    wrong["secrets"] += 1

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield wrong
            looks = wrong["looks"]
            wait_for(lambda: wrong["looks"] > looks + 1)
        finally:
            over.set()
            thread.join()
