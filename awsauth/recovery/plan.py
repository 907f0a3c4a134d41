"""From what was found to what would be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from awsauth.aws.authentication_mode import BOTH
from awsauth.core.explain.explanation import call
from awsauth.core.findings import Finding, Severity
from awsauth.core.guards.access import REGRANT
from awsauth.errors import GuardError
from awsauth.recovery.report import SWITCH, RecoveryPlan, RecoveryStep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.recovery.discovery import Discovery
    from awsauth.recovery.repair import RepairRequest

_SWITCH: Final = RecoveryStep(
    "switch-mode",
    f"Switch the authentication mode from CONFIG_MAP to {BOTH}: access entries then let people in too, and win over "
    "aws-auth. EKS makes entries by itself for the cluster's creator, managed node groups and Fargate profiles",
    ("eks:UpdateClusterConfig", "eks:DescribeUpdate", "eks:ListUpdates", "eks:ListAccessEntries"),
    is_one_way=True,
)


def plan_of(found: Discovery, wish: RepairRequest, *, may_switch: bool) -> RecoveryPlan:
    """Return what would be done about what was found."""
    cluster = found.cluster
    needs_switch = found.way == "access-entry" and cluster.authentication_mode == "CONFIG_MAP"
    return RecoveryPlan(
        cluster=f"EKS cluster {cluster.name} in {cluster.region} (account {cluster.account})",
        authentication_mode=cluster.authentication_mode,
        caller=found.caller.arn,
        finding=str(found.seen),
        way=found.way,
        steps=tuple(_steps(found, wish, needs_switch=needs_switch)),
        needs=(SWITCH,) if needs_switch and not may_switch else (),
        notes=found.notes,
    )


def _steps(found: Discovery, wish: RepairRequest, *, needs_switch: bool) -> Iterator[RecoveryStep]:
    if needs_switch:
        yield _SWITCH
    if found.way == "access-entry":
        yield from _letting_in(found)
    elif found.way == "creator":
        role = found.entrance.tokens.role_arn
        yield RecoveryStep("connect", f"Connect as {role}, which may change aws-auth", ("sts:AssumeRole",))
    else:
        yield RecoveryStep("connect", "Connect as the caller, who may change aws-auth")
    yield RecoveryStep("repair", _repair(wish))
    yield RecoveryStep("prove", f"See what aws-auth then comes to for {found.caller.canonical_arn}")
    yield from _leaving(found)
    yield _probe(found)


def _letting_in(found: Discovery) -> Iterator[RecoveryStep]:
    temporary = found.temporary
    if temporary is None:
        return
    who = temporary.principal_arn
    if temporary.found is None:
        text = f"Make an access entry for {who}, tagged as temporary, with the cluster-admin policy"
        yield RecoveryStep(
            "make-entry",
            text,
            ("eks:CreateAccessEntry", "eks:TagResource", "eks:DescribeAccessEntry", "eks:AssociateAccessPolicy"),
        )
    elif not temporary.has_policy:
        text = f"Give the access entry of {who} the cluster-admin policy, and a tag that says that it is temporary"
        yield RecoveryStep("give-policy", text, ("eks:TagResource", "eks:AssociateAccessPolicy"))
    yield RecoveryStep("wait", "Wait until a new token gets in and may change aws-auth")


def _leaving(found: Discovery) -> Iterator[RecoveryStep]:
    temporary = found.temporary
    if temporary is None or not (temporary.ours or found.way == "access-entry"):
        return
    if temporary.found is None or temporary.found.is_temporary:
        text = f"Delete the temporary access entry of {temporary.principal_arn}"
        yield RecoveryStep("remove-entry", text, ("eks:DeleteAccessEntry",))
    elif temporary.ours or not temporary.has_policy:
        text = f"Take the policy and the tag from the access entry of {temporary.principal_arn} again"
        yield RecoveryStep("take-policy", text, ("eks:DisassociateAccessPolicy", "eks:UntagResource"))


def _probe(found: Discovery) -> RecoveryStep:
    back = " If not, the temporary access is put back" if found.way == "access-entry" else ""
    text = f"Try with new tokens whether {found.caller.canonical_arn} gets in by aws-auth alone, where aws-auth says so"
    return RecoveryStep("probe", f"{text}.{back}".rstrip("."))


def _repair(wish: RepairRequest) -> str:
    if wish.changes:
        return f"Change aws-auth: {'; '.join(call(change) for change in wish.changes)}"
    if wish.rollback_to is not None:
        return f"Roll aws-auth back to revision {wish.rollback_to}; what others have added since stays"
    return (
        "Roll aws-auth back to the newest revision in which the caller is an administrator, or else anybody is, unless it "
        "says so already; what others have added since stays. Where nobody is an administrator any more, everybody gets "
        f"back what was taken since; where others still are, the caller does so only if the guard {REGRANT} is allowed"
    )


def refuse_without_consent(plan: RecoveryPlan) -> None:
    """Refuse what nobody has allowed by name.

    Raises:
        GuardError: the authentication mode would be switched.
    """
    if SWITCH not in plan.needs:
        return
    finding = Finding(
        SWITCH,
        Severity.ERROR,
        f"The authentication mode would be switched from CONFIG_MAP to {BOTH}.",
        "That cannot be undone: from then on access entries let people in too, and win over aws-auth, and EKS makes "
        "entries by itself for the cluster's creator, managed node groups and Fargate profiles.",
        f"To have it all the same, allow {SWITCH}.",
    )
    raise GuardError(
        f"There is no way in but a one-way one, and nobody has allowed that; nothing was changed.\n- {SWITCH}: {finding}",
        hint=f"Pass allow=[{SWITCH!r}]. Or, if you may assume the role that made the cluster, pass it as creator_role=…: "
        "it gets in without.",
        findings=(finding,),
    )
