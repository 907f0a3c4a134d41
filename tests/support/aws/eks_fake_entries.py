"""Access entries as EKS keeps them: what it lets in, in which words it refuses the rest."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TYPES: Final = ("STANDARD", "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "EC2", "HYBRID_LINUX", "HYPERPOD_LINUX")
MOST_ENTRIES: Final = 3000
POLICIES: Final = (
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSAutoNodePolicy",
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSViewPolicy",
)
_RESERVED: Final = ("system:", "eks:", "aws:", "amazon:", "iam:")
_PRINCIPAL: Final = re.compile(r"arn:(?P<partition>[\w-]+):iam::(?P<account>\d{12}):(?P<kind>role|user)/(?P<rest>.+)")
_NODES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "EC2_LINUX": ("system:node:{{EC2PrivateDNSName}}", ("system:nodes",)),
    "EC2_WINDOWS": ("system:node:{{EC2PrivateDNSName}}", ("eks:kube-proxy-windows", "system:nodes")),
    "FARGATE_LINUX": ("system:node:{{SessionName}}", ("system:node-proxier", "system:nodes")),
    "EC2": ("system:node:{{EC2PrivateDNSName}}", ("system:nodes",)),
    "HYBRID_LINUX": ("system:node:{{SessionName}}", ("system:nodes",)),
    "HYPERPOD_LINUX": ("system:node:{{SessionName}}", ("system:nodes",)),
}


class EksError(Exception):
    """An answer of EKS that is an error."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def invalid_parameter(message: str) -> EksError:
    return EksError("InvalidParameterException", message)


def invalid_request(message: str) -> EksError:
    return EksError("InvalidRequestException", message)


def not_found(message: str) -> EksError:
    return EksError("ResourceNotFoundException", message, 404)


@dataclass
class Entry:
    """One access entry.

    Attributes:
        unique_id: Of the principal when the entry was made: EKS goes by it, not by the ARN.
        policies: By the policy's ARN, its scope as the API has it.
        hidden_reads: How many more reads will not see it (the service is eventually consistent).
        hidden_writes: How many more changes of it will not find it.
        earlier: How it was before its last change, for reads that do not see that yet.
        stale_reads: How many more reads see it so.
        since: By the policy's ARN, when it was given.
    """

    principal_arn: str
    kind: str
    username: str
    groups: tuple[str, ...]
    unique_id: str
    tags: dict[str, str] = field(default_factory=dict)
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    created: float = field(default_factory=time.time)
    modified: float = field(default_factory=time.time)
    hidden_reads: int = 0
    hidden_writes: int = 0
    earlier: Entry | None = None
    stale_reads: int = 0
    since: dict[str, float] = field(default_factory=dict)


@dataclass
class AccessEntries:
    """The access entries of one cluster.

    Attributes:
        unique_id: Says by which unique id IAM knows a principal now; None where there is none of that ARN.
        lag: How many reads do not see an entry that was just made.
        write_lag: How many changes do not find an entry that was just made.
        change_lag: How many reads see an entry as it was before a change of it, or before its end.
        policies_on_ec2: Whether an entry of the type ``EC2`` can have policies. AWS's sources contradict each other: the
            user guide gives it ``AmazonEKSAutoNodePolicy``, and a note of the CDK says that it can have none.
    """

    cluster: str
    partition: str
    region: str
    account: str
    unique_id: Callable[[str], str | None]
    lag: int = 0
    write_lag: int = 0
    change_lag: int = 0
    policies_on_ec2: bool = True
    entries: dict[str, Entry] = field(default_factory=dict)
    ended: dict[str, Entry] = field(default_factory=dict)

    def create(self, principal_arn: str, body: Mapping[str, Any]) -> Entry:
        """Make an entry, or refuse it as EKS does."""
        kind = body.get("type") or "STANDARD"
        groups: Sequence[str] = body.get("kubernetesGroups") or ()
        username: str = body.get("username") or ""
        unique_id = self._principal(principal_arn, kind)
        self._check_kind(kind, groups, username)
        _check_names(groups, username)
        if any(name.startswith("aws:") for name in body.get("tags") or ()):
            raise invalid_parameter("aws: prefixed tag key names are not allowed for external use.")
        if principal_arn in self.entries:
            raise EksError(
                "ResourceInUseException", "The specified access entry resource is already in use on this cluster.", 409
            )
        if len(self.entries) >= MOST_ENTRIES:
            raise EksError("ResourceLimitExceededException", "The limit of access entries has been reached.")
        if kind != "STANDARD":
            username, groups = _NODES[kind]
        made = Entry(
            principal_arn,
            kind,
            username or default_username(principal_arn),
            tuple(groups),
            unique_id,
            dict(body.get("tags") or {}),
            hidden_reads=self.lag,
            hidden_writes=self.write_lag,
        )
        self.entries[principal_arn] = made
        return made

    def find(self, principal_arn: str) -> Entry:
        """Return the entry of a principal, as a read does: one just made may not be seen yet."""
        entry = self.entries.get(principal_arn) or self.ended.get(principal_arn)
        if entry is None or not _seen(entry):
            raise _no_entry()
        if entry.stale_reads:
            entry.stale_reads -= 1
            return entry.earlier or entry
        if principal_arn not in self.entries:
            raise _no_entry()
        return entry

    def update(self, principal_arn: str, body: Mapping[str, Any]) -> Entry:
        """Change groups and username of an entry; type and ARN cannot be."""
        entry = self._present(principal_arn)
        groups = body.get("kubernetesGroups")
        username = body.get("username")
        self._check_kind(entry.kind, groups or (), username or "")
        _check_names(groups or (), username or "")
        if groups is not None:
            entry.groups = tuple(groups)
        if username:
            entry.username = username
        entry.modified = time.time()
        return entry

    def delete(self, principal_arn: str) -> None:
        """Take an entry away."""
        self._present(principal_arn)
        self.ended[principal_arn] = self.entries.pop(principal_arn)

    def listed(self, policy_arn: str | None) -> list[str]:
        """Return the principals that have an entry, all or those with a policy."""
        return [
            arn
            for arn, entry in self.entries.items()
            if _seen(entry) and (not policy_arn or policy_arn in entry.policies)
        ]

    def associate(self, principal_arn: str, body: Mapping[str, Any]) -> tuple[Entry, str]:
        """Give an entry a policy."""
        entry, policy = self._present(principal_arn), body["policyArn"]
        scope = body["accessScope"]
        if policy not in self.policy_arns():
            raise invalid_parameter("The policyArn parameter format is not valid")
        if entry.kind != "STANDARD" and not (entry.kind == "EC2" and self.policies_on_ec2):
            raise invalid_request(f"Access policies cannot be associated with an access entry of type {entry.kind}.")
        if scope.get("type") not in ("cluster", "namespace") or (scope["type"] == "namespace") != bool(
            scope.get("namespaces")
        ):
            raise invalid_parameter(
                "The access scope is not valid: namespaces go with the type namespace, and only there."
            )
        entry.since.setdefault(policy, time.time())
        entry.policies[policy] = {"type": scope["type"], "namespaces": list(scope.get("namespaces") or [])}
        return entry, policy

    def disassociate(self, principal_arn: str, policy_arn: str) -> None:
        """Take a policy from an entry."""
        entry = self._present(principal_arn)
        entry.since.pop(policy_arn, None)
        if entry.policies.pop(policy_arn, None) is None:
            raise not_found("The specified policyArn is not associated with the access entry.")

    def policy_arns(self) -> list[str]:
        """Return the policies that there are."""
        return [f"arn:{self.partition}:eks::aws:cluster-access-policy/{name}" for name in POLICIES]

    def working(self, canonical_arn: str) -> Entry | None:
        """Return the entry that lets in a principal, given as the authenticator sees it (without a role's path).

        An entry for a role that was made anew lets nobody in.
        """
        for arn, entry in self.entries.items():
            without_path = re.sub(r":role/.*/", ":role/", arn)
            if without_path.lower() == canonical_arn.lower() and self.unique_id(arn) == entry.unique_id:
                return entry
        return None

    def made_by_eks(self, principal_arn: str, kind: str) -> None:
        """Make an entry as EKS does by itself when a cluster is switched to access entries."""
        if principal_arn in self.entries:
            return
        username, groups = _NODES.get(kind, (default_username(principal_arn), ()))
        entry = Entry(principal_arn, kind, username, groups, self.unique_id(principal_arn) or "AROAFAKE")
        if kind == "STANDARD":
            entry.policies[f"arn:{self.partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"] = {
                "type": "cluster",
                "namespaces": [],
            }
        self.entries[principal_arn] = entry

    def shown(self, entry: Entry) -> dict[str, Any]:
        """Return an entry as the API shows it."""
        kind, _, name = entry.principal_arn.rpartition(":")[2].partition("/")
        return {
            "clusterName": self.cluster,
            "principalArn": entry.principal_arn,
            "kubernetesGroups": list(entry.groups),
            "accessEntryArn": (
                f"arn:{self.partition}:eks:{self.region}:{self.account}:access-entry/{self.cluster}/{kind}/"
                f"{self.account}/{name.rpartition('/')[2]}/00000000-0000-0000-0000-000000000000"
            ),
            "createdAt": entry.created,
            "modifiedAt": entry.modified,
            "tags": entry.tags,
            "username": entry.username,
            "type": entry.kind,
        }

    def _present(self, principal_arn: str) -> Entry:
        entry = self.entries.get(principal_arn)
        if entry is None:
            raise _no_entry()
        if entry.hidden_writes:
            entry.hidden_writes -= 1
            raise _no_entry()
        entry.earlier, entry.stale_reads = replace(entry, policies=dict(entry.policies)), self.change_lag
        return entry

    def _principal(self, arn: str, kind: str) -> str:
        match = _PRINCIPAL.fullmatch(arn)
        if match is None or match["partition"] != self.partition:
            raise invalid_parameter("The principalArn parameter format is not valid")
        if match["rest"].startswith("aws-service-role/"):
            raise invalid_parameter(
                "The caller is not allowed to modify access entries with a principalArn value of a Service Linked Role"
            )
        if kind != "STANDARD" and (match["kind"] != "role" or match["account"] != self.account):
            raise invalid_parameter("The principalArn of this type must be a role in the account of the cluster")
        unique_id = self.unique_id(arn)
        if unique_id is None:
            raise invalid_parameter("The specified principalArn is invalid: invalid principal.")
        return unique_id

    def _check_kind(self, kind: str, groups: Sequence[str], username: str) -> None:
        if kind not in TYPES:
            raise invalid_parameter("The specified access entry type is not valid")
        if kind != "STANDARD" and (groups or username):
            raise invalid_parameter(f"Groups and username cannot be given for an access entry of type {kind}")


def default_username(principal_arn: str) -> str:
    """Return the username that EKS makes up where none is given."""
    match = _PRINCIPAL.fullmatch(principal_arn)
    if match is None or match["kind"] == "user":
        return principal_arn
    name = match["rest"].rpartition("/")[2]
    return f"arn:{match['partition']}:sts::{match['account']}:assumed-role/{name}/{{{{SessionName}}}}"


def _check_names(groups: Sequence[str], username: str) -> None:
    for group in groups:
        if group.startswith("system:"):
            raise invalid_parameter(f"The kubernetes group name {group} is invalid, it cannot start with system:")
    for prefix in _RESERVED:
        if username.startswith(prefix):
            raise invalid_parameter(f"The username {username} is invalid, it cannot start with {prefix}")
    before, template, _ = username.partition("{{SessionName")
    if template and ":" not in before:
        raise invalid_parameter(f"The username {username} is invalid, a colon has to stand before the session's name")


def _seen(entry: Entry) -> bool:
    if entry.hidden_reads:
        entry.hidden_reads -= 1
        return False
    return True


def _no_entry() -> EksError:
    return not_found(
        "The specified principalArn could not be found. You can view your available access entries with "
        "'list-access-entries'."
    )
