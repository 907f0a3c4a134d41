"""The advice of a health check: the missing mapping, or the missing RBAC binding."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.core.access.node_mappings import FIND_NODE_ROLE
from awsauth.core.text.display import command_line, double_quoted, quoted
from awsauth.errors import AwsAuthError
from awsauth.health.report import HealthStep

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from awsauth.core.access.caller import Caller
    from awsauth.core.explain.explanation import Explanation
    from awsauth.kube.rbac import RbacRule
    from awsauth.kube.self_review import SelfReview

GROUP: Final = "GROUP"  # stands in the advice for the group, which the administrator chooses

_RBAC: Final = "rbac.authorization.k8s.io"
_NO_NAME: Final = re.compile(r"[^a-z0-9.-]+")
_MOST_MISSES: Final = 3


class EksTarget(NamedTuple):
    """The cluster that a token was made for.

    Attributes:
        cluster: Its name.
        region: Its region.
        reads_config_map: Whether it uses ``aws-auth``.
        profile: The AWS profile; empty if none is named.
    """

    cluster: str
    region: str
    reads_config_map: bool = True
    profile: str = ""


def unknown(caller: Caller, target: EksTarget, explanation: Explanation | None, clock: str) -> AwsAuthError:
    """Return the error for a 401, with the call and the command that map the caller.

    Args:
        caller: The caller, as STS has it.
        target: The cluster that does not know the caller.
        explanation: What ``aws-auth`` has for the caller; None if it could not be read.
        clock: How far this machine's clock is off, as in "5 minutes behind"; empty if it is right.
    """
    message = f"The API server does not know {caller.canonical_arn} (401)."
    if clock:
        message += f" This machine's clock is {clock} that of the API server, which refuses such tokens."
        return AwsAuthError(message, hint="Set the clock (chronyc makestep, timedatectl set-ntp true), then try again.")
    location = explanation.outcomes[0].location if explanation and explanation.outcomes else None
    if explanation and explanation.username is not None and not location:
        advice = "If that was deleted and created again since, delete the entry and create it again"
        finds = "`awsauth check` finds such entries (entry-stale)"
        hint = f"EKS ties an entry to the id of its role or user. {advice}: {finds}."
        return AwsAuthError(f"{message} It has an access entry.", hint=hint)
    if explanation and explanation.username is not None:
        other = f"this may be another cluster than {quoted(target.cluster)}, for which the token was made"
        hint = f"The cluster sees a change after a few seconds: try again. If it still fails, {other}."
        return AwsAuthError(f"{message} aws-auth does map it ({location}).", hint=hint)
    nearest = [str(candidate) for candidate in explanation.candidates[:_MOST_MISSES]] if explanation else []
    unmapped = ["aws-auth does not map it.", *nearest] if explanation else []
    return AwsAuthError(" ".join([message, *unmapped]), hint="\n".join(_mapping(caller, target)))


def _mapping(caller: Caller, target: EksTarget) -> list[str]:
    if not target.reads_config_map:
        command = ["aws", "eks", "create-access-entry", "--cluster-name", target.cluster, "--region", target.region]
        command += ["--principal-arn", caller.canonical_arn, "--kubernetes-groups", GROUP]
        return [
            f"This cluster ignores aws-auth. Ask an administrator for an access entry, with a group for {GROUP}:",
            f"  {command_line(*command)}",
        ]
    kind = "role" if caller.is_role else "user"
    mapping = f"username={double_quoted(caller.name)}, groups=[{double_quoted(GROUP)}]"
    cluster = f"cluster={double_quoted(target.cluster)}, region={double_quoted(target.region)}"
    call = f"awsauth.add_{kind}_mapping({double_quoted(caller.canonical_arn)}, {mapping}, {cluster})"
    command = ["awsauth", "add", kind, caller.canonical_arn, "--username", caller.name, "--group", GROUP]
    command += ["--cluster", target.cluster, "--region", target.region]
    return [
        f"Ask an administrator of the cluster to map it, under any username, and with a group for {GROUP}:",
        f"  {call}",
        f"  {command_line(*command)}",
        "If you are locked out and may call the EKS API, restore your access yourself:",
        f"  {command_line(*_recovery(target))}",
    ]


def _recovery(target: EksTarget) -> list[str]:
    profile = ["--profile", target.profile] if target.profile else []
    return ["awsauth", "recover", "--cluster", target.cluster, "--region", target.region, *profile]


def no_nodes(who: str) -> HealthStep:
    """Return the warning that no mapping admits nodes, and how to restore one."""
    rollback = "`awsauth history`, then `awsauth rollback --to N` for a revision N with the nodes"
    hint = f"Run {rollback}, or `awsauth add node ROLE_ARN`, with the role of `{FIND_NODE_ROLE}`."
    return HealthStep("nodes", "warning", cause=f"aws-auth has no node mapping. {who} cannot join.", hint=hint)


def forbidden(review: SelfReview | None, denied: Sequence[RbacRule], unheard_of: Iterable[str]) -> AwsAuthError:
    """Return the error for missing rights, with roles that grant them.

    Args:
        review: The caller, as the API server has it; None if unknown.
        denied: The missing rules.
        unheard_of: Resources without an API group that the core group does not have.
    """
    who = quoted(review.username) if review else "The caller"
    message = f"{who} may not {'; '.join(map(str, denied))} (403)."
    for resource in unheard_of:
        message += f" The core group has no {quoted(resource)}: name its group, as in `deployments.apps`."
    return AwsAuthError(message, hint="\n".join(_bindings(review, denied)))


def _bindings(review: SelfReview | None, denied: Sequence[RbacRule]) -> list[str]:
    kind, subject = _subject(review)
    name = f"health-check-{_NO_NAME.sub('-', subject.lower()).strip('-.')}"
    lines = ["Ask an administrator of the cluster to apply this (kubectl apply -f -):"]
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
    """Return the subject to bind: a group if there is one.

    A username may contain a session name.
    """
    if not review:
        return "Group", GROUP
    groups = sorted(group for group in review.groups if not group.startswith("system:"))
    return ("Group", groups[0]) if groups else ("User", review.username)
