"""The plan of a recovery, from the discovered facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from awsauth.aws.authentication_mode import BOTH
from awsauth.core.findings import Finding, Severity
from awsauth.errors import GuardError
from awsauth.recovery.report import SWITCH, RecoveryPlan, RecoveryStep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.recovery.discovery import Discovery

_ENTRIES_WIN: Final = "also grant access, and win over aws-auth"
_EKS_MAKES: Final = "EKS makes entries for the cluster's creator, managed node groups and Fargate profiles"


def plan_of(found: Discovery, repair: RecoveryStep | None, *, may_switch: bool) -> RecoveryPlan:
    """Return the plan: the steps that are not done already.

    Args:
        found: What was discovered.
        repair: The repair; None if nothing has to be repaired.
        may_switch: Whether the switch of the authentication mode is allowed.
    """
    cluster = found.cluster
    needs_switch = found.way == "access-entry" and cluster.authentication_mode == "CONFIG_MAP"
    return RecoveryPlan(
        cluster=f"EKS cluster {cluster.name} in {cluster.region} (account {cluster.account})",
        authentication_mode=cluster.authentication_mode,
        caller=found.caller.arn,
        token_result=str(found.seen),
        way=found.way,
        steps=tuple(_steps(found, repair, needs_switch=needs_switch)),
        needs=(SWITCH,) if needs_switch and not may_switch else (),
        notes=found.notes,
    )


def _steps(found: Discovery, repair: RecoveryStep | None, *, needs_switch: bool) -> Iterator[RecoveryStep]:
    caller = found.caller.canonical_arn
    if needs_switch:
        text = f"Switch the authentication mode from CONFIG_MAP to {BOTH}. Access entries then {_ENTRIES_WIN}. {_EKS_MAKES}"
        actions = ("eks:UpdateClusterConfig", "eks:DescribeUpdate", "eks:ListUpdates", "eks:ListAccessEntries")
        yield RecoveryStep("switch-mode", text, actions, is_one_way=True)
    if found.way == "access-entry":
        yield from _steps_to_open_access(found)
    elif found.way == "creator":
        role = found.entrance.tokens.role_arn
        yield RecoveryStep("connect", f"Connect as {role}, which may change aws-auth", ("sts:AssumeRole",))
    else:
        yield RecoveryStep("connect", "Connect as the caller, who may change aws-auth")
    if repair:
        yield repair
    yield RecoveryStep("prove", f"Look up the username and groups that aws-auth gives {caller}")
    yield from _steps_to_remove_access(found)
    back = ". If not, put the temporary access back" if found.way == "access-entry" else ""
    text = f"If aws-auth maps {caller}, check that new tokens have access by that mapping alone{back}"
    yield RecoveryStep("probe", text)


def _steps_to_open_access(found: Discovery) -> Iterator[RecoveryStep]:
    temporary = found.temporary
    if not temporary:
        return
    arn = temporary.principal_arn
    if not temporary.found:
        text = f"Make an access entry for {arn}, tagged as temporary, with the cluster-admin policy"
        actions = ("eks:CreateAccessEntry", "eks:TagResource", "eks:DescribeAccessEntry", "eks:AssociateAccessPolicy")
        yield RecoveryStep("make-entry", text, actions)
    elif not temporary.has_policy:
        text = f"Give the access entry of {arn} the cluster-admin policy, and tag the policy as temporary"
        yield RecoveryStep("give-policy", text, ("eks:TagResource", "eks:AssociateAccessPolicy"))
    yield RecoveryStep("wait", "Wait until a new token is accepted and may change aws-auth")


def _steps_to_remove_access(found: Discovery) -> Iterator[RecoveryStep]:
    temporary = found.temporary
    if not temporary or not (temporary.ours or found.way == "access-entry"):
        return
    if not temporary.found or temporary.found.is_temporary:
        text = f"Delete the temporary access entry of {temporary.principal_arn}"
        yield RecoveryStep("remove-entry", text, ("eks:DeleteAccessEntry",))
    elif temporary.ours or not temporary.has_policy:
        text = f"Remove the policy and the tag from the access entry of {temporary.principal_arn} again"
        yield RecoveryStep("take-policy", text, ("eks:DisassociateAccessPolicy", "eks:UntagResource"))


def refuse_without_consent(plan: RecoveryPlan) -> None:
    """Refuse a switch of the authentication mode that the caller has not allowed.

    Raises:
        GuardError: the plan has such a switch.
    """
    if SWITCH not in plan.needs:
        return
    message = f"The recovery switches the authentication mode from CONFIG_MAP to {BOTH}."
    impact = f"The switch cannot be undone. From then on access entries {_ENTRIES_WIN}. {_EKS_MAKES}."
    hint = f"To proceed, allow {SWITCH}."
    finding = Finding(SWITCH, Severity.ERROR, message, impact, hint)
    raise GuardError(
        f"The only way to regain access cannot be undone, and you have not allowed it.\n- {SWITCH}: {finding}",
        hint=f"Pass allow=[{SWITCH!r}]. Or, if you may assume the role that created the cluster, pass it as creator_role=…: "
        "it has access without the switch.",
        findings=(finding,),
    )
