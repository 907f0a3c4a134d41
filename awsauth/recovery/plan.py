"""The plan of a recovery, from the discovered facts, and its report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from awsauth.aws.eks import BOTH
from awsauth.core.entries.model import AuthenticationMode
from awsauth.core.findings import Finding, Severity
from awsauth.core.serialization import LEFT_OUT, JsonValue, in_json
from awsauth.core.text.display import listed, visible
from awsauth.errors import GuardError
from awsauth.recovery.discovery import Discovery, Leftover, Way

if TYPE_CHECKING:
    from awsauth.apply import Result
    from awsauth.core.explain.explanation import Explanation

SWITCH: Final = "switch-authentication-mode"  # the one-way step, which the caller has to allow by this name

_SHOWN: Final = 20
_ENTRIES_WIN: Final = "also grant access, and win over aws-auth"
_EKS_MAKES: Final = "EKS makes entries for the cluster's creator, managed node groups and Fargate profiles"


@dataclass(frozen=True, slots=True)
class RecoveryStep(JsonValue):
    """One step.

    Attributes:
        name: Its stable name, such as ``make-entry``.
        text: The step in the imperative, without its full stop.
        actions: The IAM actions that it needs, such as ``eks:CreateAccessEntry``.
        is_one_way: Whether it cannot be undone.
    """

    name: str
    text: str
    actions: tuple[str, ...] = ()
    is_one_way: bool = False


@dataclass(frozen=True, slots=True)
class RecoveryPlan(JsonValue):
    """The plan of a recovery, without steps that are done; `str` gives the text.

    Attributes:
        cluster: The cluster, for people.
        authentication_mode: The cluster's authentication mode at present.
        caller: The caller's ARN, as STS has it.
        token_result: The result of a request with a new token of the caller: its username and groups, or a rejection.
        way: How it gets in.
        steps: The steps, in order.
        needs: What the caller still has to allow by name.
        notes: Further facts for the caller.
    """

    cluster: str
    authentication_mode: AuthenticationMode
    caller: str
    token_result: str
    way: Way
    steps: tuple[RecoveryStep, ...]
    needs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    @in_json()
    def actions(self) -> tuple[str, ...]:
        """The IAM actions that all steps need."""
        return tuple(dict.fromkeys(action for step in self.steps for action in step.actions))

    def __str__(self) -> str:
        cluster = f"{self.cluster}, authentication mode {self.authentication_mode}"
        lines = [cluster, f"{self.caller}: {self.token_result}", "To be done:"]
        for number, step in enumerate(self.steps, 1):
            lines.append(f"{number}. {step.text}.{' This cannot be undone.' if step.is_one_way else ''}")
        if self.actions:
            lines.append(f"Needs in IAM: {', '.join(self.actions)}")
        lines += [f"Note: {note}" for note in self.notes]
        if self.needs:
            lines.append(f"Not allowed yet: {', '.join(self.needs)}. Pass allow={list(self.needs)!r}.")
        return visible("\n".join(lines), keep="\n")


@dataclass(frozen=True, slots=True)
class Recovery(JsonValue):
    """The report of a recovery; with ``dry_run`` only its plan.

    Attributes:
        plan: The plan.
        dry_run: Whether nothing was done.
        done: The steps that changed something, in order.
        result: The change of ``aws-auth``; None if it was not changed.
        explanation: What ``aws-auth`` grants the caller now.
        administrators: The ARNs that it makes administrators now.
        seen: The username and groups that a new token of the caller had at the end, by ``aws-auth`` alone; empty if that
            could not be tried.
        left: The things left behind.
        entries: The principals that have an access entry, if the authentication mode was switched: EKS made them.
        notes: Further facts for the caller.
    """

    plan: RecoveryPlan
    dry_run: bool = False
    done: tuple[str, ...] = ()
    result: Result | None = field(default=None, metadata=LEFT_OUT)
    explanation: Explanation | None = None
    administrators: tuple[str, ...] = ()
    seen: str = ""
    left: tuple[Leftover, ...] = ()
    entries: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    @in_json()
    def revision(self) -> int | None:
        """The number of the revision of ``aws-auth`` that was made, or None."""
        return self.result.revision if self.result else None

    @property
    @in_json()
    def changed(self) -> bool:
        """Whether anything was changed, in ``aws-auth`` or in EKS; False for a dry run."""
        return bool(self.done)

    def __str__(self) -> str:
        if self.dry_run:
            return str(self.plan)
        lines = ["Done:", *(f"- {done}." for done in self.done)] if self.done else ["Nothing had to be done."]
        if self.administrators:
            lines.append(f"Administrators by aws-auth: {listed(self.administrators, _SHOWN)}")
        if self.seen:
            lines.append(f"A new token of {self.plan.caller} is accepted as {self.seen}.")
        if self.entries:
            lines.append(f"Access entries that EKS made at the switch: {listed(self.entries, _SHOWN)}")
        lines += [f"Left behind: {left}" for left in self.left]
        lines += [f"Note: {note}" for note in self.notes]
        return visible("\n".join(lines), keep="\n")


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
    temporary, by_entry = found.temporary, found.way == "access-entry"
    caller, arn = found.caller.canonical_arn, temporary.principal_arn
    if needs_switch:
        text = f"Switch the authentication mode from CONFIG_MAP to {BOTH}. Access entries then {_ENTRIES_WIN}. {_EKS_MAKES}"
        actions = ("eks:UpdateClusterConfig", "eks:DescribeUpdate", "eks:ListUpdates", "eks:ListAccessEntries")
        yield RecoveryStep("switch-mode", text, actions, is_one_way=True)
    if by_entry and not temporary.entry:
        text = f"Make an access entry for {arn}, tagged as temporary, with the cluster-admin policy"
        actions = ("eks:CreateAccessEntry", "eks:TagResource", "eks:DescribeAccessEntry", "eks:AssociateAccessPolicy")
        yield RecoveryStep("make-entry", text, actions)
    elif by_entry and not temporary.has_policy:
        text = f"Give the access entry of {arn} the cluster-admin policy, and tag the policy as temporary"
        yield RecoveryStep("give-policy", text, ("eks:TagResource", "eks:AssociateAccessPolicy"))
    if by_entry:
        yield RecoveryStep("wait", "Wait until a new token is accepted and may change aws-auth")
    elif found.way == "creator":
        role = found.entrance.tokens.role_arn
        yield RecoveryStep("connect", f"Connect as {role}, which may change aws-auth", ("sts:AssumeRole",))
    else:
        yield RecoveryStep("connect", "Connect as the caller, who may change aws-auth")
    if repair:
        yield repair
    yield RecoveryStep("prove", f"Look up the username and groups that aws-auth gives {caller}")
    if (by_entry or temporary.is_ours) and not temporary.own_entry_stays:
        yield RecoveryStep("remove-entry", f"Delete the temporary access entry of {arn}", ("eks:DeleteAccessEntry",))
    elif temporary.is_ours or (by_entry and not temporary.has_policy):
        text = f"Remove the policy and the tag from the access entry of {arn} again"
        yield RecoveryStep("take-policy", text, ("eks:DisassociateAccessPolicy", "eks:UntagResource"))
    back = ". If not, put the temporary access back" if by_entry else ""
    text = f"If aws-auth maps {caller}, check that new tokens have access by that mapping alone{back}"
    yield RecoveryStep("probe", text)


def refuse_without_consent(plan: RecoveryPlan) -> None:
    """Refuse a switch of the authentication mode that the caller has not allowed.

    Raises:
        GuardError: the plan has such a switch.
    """
    if SWITCH not in plan.needs:
        return
    message = f"The recovery switches the authentication mode from CONFIG_MAP to {BOTH}."
    impact = f"The switch cannot be undone. From then on access entries {_ENTRIES_WIN}. {_EKS_MAKES}."
    finding = Finding(SWITCH, Severity.ERROR, message, impact, f"To proceed, allow {SWITCH}.")
    message = f"The only way to regain access cannot be undone, and you have not allowed it.\n- {SWITCH}: {finding}"
    other = "if you may assume the role that created the cluster, pass it as creator_role=…"
    hint = f"Pass allow=[{SWITCH!r}]. Or, {other}: it has access without the switch."
    raise GuardError(message, hint=hint, findings=(finding,))
