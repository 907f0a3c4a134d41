"""A cluster of EKS whose access entries are changed, with a real API server that keeps the history."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.aws.access_entries import AccessEntries
from awsauth.client import AwsAuthClient
from tests.support.recovery_stage import CLUSTER_ADMIN, OPS, REVISIONS, ROLE
from tests.support.stopping import StoppedProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.aws.eks_fake import EksFake, FakeCluster
    from tests.support.recovery_stage import Stage

DEV: Final = f"{ROLE}dev"
VIEW: Final = "AmazonEKSViewPolicy"
EDIT: Final = "AmazonEKSEditPolicy"
ADMIN: Final = "AmazonEKSClusterAdminPolicy"
# By operation of EKS that changes an entry, its name in boto3.
_METHODS: Final = {
    "CreateAccessEntry": "create_access_entry",
    "UpdateAccessEntry": "update_access_entry",
    "DeleteAccessEntry": "delete_access_entry",
    "AssociateAccessPolicy": "associate_access_policy",
    "DisassociateAccessPolicy": "disassociate_access_policy",
}


class Entries:
    """The cluster, in mode API at first, with an entry that makes the caller an administrator."""

    default = f"{DEV.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/{{{{SessionName}}}}"

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        for number in self.recorded():
            stage.api.must("DELETE", f"{REVISIONS}/aws-auth-entries-{number}")
        self.mode("API")

    def mode(self, mode: str) -> None:
        """Make the cluster new for EKS, in another authentication mode."""
        self.stage.reset(authentication_mode=mode)
        if mode != "CONFIG_MAP":
            self.make(OPS, f"{ADMIN}", username="ops")
        self.eks.requests.clear()

    @property
    def eks(self) -> EksFake:
        """The stand-in for EKS."""
        return self.stage.eks

    @property
    def shown(self) -> FakeCluster:
        """The cluster as EKS has it."""
        return self.stage.shown

    def client(self, **how: Any) -> AwsAuthClient:
        """Return a client with the caller's credentials."""
        return AwsAuthClient.from_eks(self.stage.cluster.name, session=self.stage.session, **how)

    def make(self, arn: str, *policies: str, **fields: Any) -> None:
        """Make an entry past awsauth."""
        groups = {"kubernetesGroups": fields.pop("groups")} if "groups" in fields else {}
        self.shown.entries.create(arn, {**fields, **groups})
        for policy in policies:
            self.give(arn, policy)

    def give(self, arn: str, policy: str) -> None:
        """Give an entry a policy past awsauth."""
        name, _, namespaces = policy.partition("=")
        scope = {"type": "namespace", "namespaces": namespaces.split(",")} if namespaces else {"type": "cluster"}
        policy_arn = f"{CLUSTER_ADMIN.rpartition('/')[0]}/{name}"
        self.shown.entries.associate(arn, {"policyArn": policy_arn, "accessScope": scope})

    def state(self, arn: str = DEV) -> tuple[str, str, set[str], dict[str, tuple[str, ...]]] | None:
        """Return what EKS has of an entry: type, username, groups, and the namespaces of each policy."""
        found = self.shown.entries.entries.get(arn)
        if found is None:
            return None
        policies = {
            policy.rpartition("/")[2]: tuple(sorted(scope.get("namespaces", ())))
            for policy, scope in found.policies.items()
        }
        return found.kind, found.username, set(found.groups), policies

    def recorded(self) -> list[int]:
        """Return the numbers of the recorded changes."""
        listed = self.stage.api.must("GET", f"{REVISIONS}?labelSelector=awsauth%2Fhistory%3Daccess-entries")
        return sorted(int(item["revision"]) for item in listed["items"])

    def writes(self) -> list[str]:
        """Return the calls that change entries, in their order."""
        return [operation for operation in self.eks.operations() if operation in _METHODS]

    @contextmanager
    def stopping(self, operation: str, *, after: bool) -> Iterator[None]:
        """Stop the process, as by SIGKILL, before or after the next call of an operation; the block ends there."""
        name, change = _METHODS[operation], AccessEntries._change

        def stop(calls: AccessEntries, called: str, *given: Any, **more: Any) -> bool:
            if called == name and after:
                change(calls, called, *given, **more)
            if called == name:
                raise StoppedProcess
            return change(calls, called, *given, **more)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(AccessEntries, "_change", stop)
            with suppress(StoppedProcess):
                yield
                pytest.fail(f"{operation} was not called")

    def once(self, operation: str, act: Callable[[], None], *, after: bool = False) -> None:
        """Act once, before or after the next call of an operation is done."""
        name = "after" if after else "before"

        def hook(called: str, _: dict[str, Any]) -> None:
            if called == operation:
                setattr(self.eks, name, lambda *_: None)
                act()

        setattr(self.eks, name, hook)
