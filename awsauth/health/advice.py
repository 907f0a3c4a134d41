"""What a health check advises: the mapping that is missing, and the RBAC binding that is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from awsauth.core.text.display import command_line, double_quoted, quoted
from awsauth.errors import AwsAuthError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from awsauth.core.access.caller import Caller
    from awsauth.core.explain.explanation import Explanation
    from awsauth.kube.rbac import RbacRule
    from awsauth.kube.self_review import SelfReview

GROUP: Final = "GROUP"
"""Stands in the advice for the group, which whoever gives the rights has to choose."""

_RBAC: Final = "rbac.authorization.k8s.io"
_NO_NAME: Final = re.compile(r"[^a-z0-9.-]+")
_MOST_MISSES: Final = 3


@dataclass(frozen=True, slots=True)
class EksTarget:
    """Which cluster a token was made for, as the advice names it.

    Attributes:
        cluster: Its name.
        region: Where it is.
        reads_config_map: Whether it looks at ``aws-auth`` at all.
        profile: The AWS profile; empty if none is named.
    """

    cluster: str
    region: str
    reads_config_map: bool = True
    profile: str = ""


def unknown(caller: Caller, target: EksTarget, explanation: Explanation | None, clock: str) -> AwsAuthError:
    """Return the error for a 401: whom to map, and the call and the command line that would.

    Args:
        caller: Whom STS takes the token's holder for.
        target: Which cluster does not know that one.
        explanation: What ``aws-auth`` has for the caller, where it could be read.
        clock: How far this machine's clock is off; empty where it is not.
    """
    message = f"The API server does not know {caller.canonical_arn} (401)."
    if clock:
        return AwsAuthError(
            f"{message} This machine's clock is {clock} that of the API server: its tokens are not accepted.",
            hint="Set the clock (chronyc makestep, timedatectl set-ntp true), then try again.",
        )
    if explanation and explanation.username is not None:
        location = explanation.outcomes[0].location
        return AwsAuthError(
            f"{message} aws-auth does map it ({location}).",
            hint="A change takes the cluster a few seconds to see: try again. If it stays so, the token may be for "
            f"another cluster than this one: it was made for {quoted(target.cluster)}.",
        )
    return AwsAuthError(" ".join([message, *_misses(explanation)]), hint="\n".join(_mapping(caller, target)))


def _misses(explanation: Explanation | None) -> list[str]:
    """Return what may have been meant for the caller."""
    if explanation is None:
        return []
    nearest = [str(candidate) for candidate in explanation.candidates[:_MOST_MISSES]]
    return ["In aws-auth nothing maps it.", *nearest]


def _mapping(caller: Caller, target: EksTarget) -> list[str]:
    if not target.reads_config_map:
        command = ["aws", "eks", "create-access-entry", "--cluster-name", target.cluster, "--region", target.region]
        command += ["--principal-arn", caller.canonical_arn, "--kubernetes-groups", GROUP]
        return [
            f"This cluster does not look at aws-auth. Have an administrator make an access entry, for {GROUP} a group:",
            f"  {command_line(*command)}",
        ]
    kind = "role" if caller.is_role else "user"
    call = (
        f"awsauth.add_{kind}_mapping({double_quoted(caller.canonical_arn)}, username={double_quoted(caller.name)}, "
        f"groups=[{double_quoted(GROUP)}], cluster={double_quoted(target.cluster)}, region={double_quoted(target.region)})"
    )
    command = ["awsauth", "add", kind, caller.canonical_arn, "--username", caller.name, "--group", GROUP]
    command += ["--cluster", target.cluster, "--region", target.region]
    return [
        f"Have an administrator of the cluster map it, under any username, and with the group it is to have for {GROUP}:",
        f"  {call}",
        f"  {command_line(*command)}",
        "If you are locked out and may call the EKS API, restore your access yourself:",
        f"  {command_line(*_recovery(target))}",
    ]


def _recovery(target: EksTarget) -> list[str]:
    profile = ["--profile", target.profile] if target.profile else []
    return ["awsauth", "recover", "--cluster", target.cluster, "--region", target.region, *profile]


def forbidden(review: SelfReview | None, denied: Sequence[RbacRule], unheard_of: Iterable[str]) -> AwsAuthError:
    """Return the error for rights that are missing: the roles and bindings that would give them, to be pasted.

    Args:
        review: Whom the API server takes the caller for, where it can tell.
        denied: The rules that are missing.
        unheard_of: Resources that were named without an API group, and are of some other than the core one.
    """
    who = quoted(review.username) if review else "The caller"
    message = f"{who} may not {'; '.join(map(str, denied))} (403)."
    for resource in unheard_of:
        message += f" There is no {quoted(resource)} in the core group: name its group, as in `deployments.apps`."
    return AwsAuthError(message, hint="\n".join(_bindings(review, denied)))


def _bindings(review: SelfReview | None, denied: Sequence[RbacRule]) -> list[str]:
    kind, subject = _subject(review)
    name = f"health-check-{_NO_NAME.sub('-', subject.lower()).strip('-.')}"
    lines = ["Have an administrator of the cluster apply this (kubectl apply -f -):"]
    for namespace in dict.fromkeys(rule.namespace for rule in denied):
        role = "Role" if namespace else "ClusterRole"
        head = [f"metadata: {{name: {name}{f', namespace: {double_quoted(namespace)}' if namespace else ''}}}"]
        lines += [f"apiVersion: {_RBAC}/v1", f"kind: {role}", *head, "rules:"]
        lines += [line for rule in denied if rule.namespace == namespace for line in rule.yaml.splitlines()]
        lines += ["---", f"apiVersion: {_RBAC}/v1", f"kind: {role}Binding", *head]
        lines += [f"roleRef: {{apiGroup: {_RBAC}, kind: {role}, name: {name}}}"]
        lines += [f"subjects: [{{apiGroup: {_RBAC}, kind: {kind}, name: {double_quoted(subject)}}}]", "---"]
    return lines[:-1]


def _subject(review: SelfReview | None) -> tuple[str, str]:
    """Return whom to bind: a group rather than a user, whose name may hold that of one session."""
    if review is None:
        return "Group", GROUP
    groups = sorted(group for group in review.groups if not group.startswith("system:"))
    return ("Group", groups[0]) if groups else ("User", review.username)
