"""The guards of who gets in: nodes, administrators, the caller, and who was shut out on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from awsauth.core.escaping import quoted
from awsauth.core.finding import Finding, Severity
from awsauth.core.guard_case import Case, GuardContext, refusal, remark
from awsauth.core.matching import (
    INSTANCES_ONLY,
    Access,
    Outcomes,
    account_of,
    can_match,
    could_render,
    is_exact,
    lost_groups,
)
from awsauth.core.merge import MASTERS
from awsauth.core.presets import NODE_GROUPS, is_node_mapping, still_lets_in
from awsauth.core.reading import Mapped

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE_MAPPING: Final = "node-mapping"
LAST_ADMIN: Final = "last-admin"
OWN_ACCESS: Final = "own-access"
REGRANT: Final = "regrant"

_EVERYBODY: Final = "system:authenticated"
"""The API server puts whoever it knows into this group, whatever the map says."""


def node_mapping(case: Case) -> Iterator[Finding]:
    """Refuse a change after which a mapping lets nodes in no longer, unless it is proven that it has none."""
    for principal, old in case.old.by_principal.items():
        new = case.new.by_principal.get(principal, ())
        nodes = [mapped for mapped in old if is_node_mapping(mapped)]
        if new == old or not nodes or not can_match(principal):
            continue
        use = case.nodes.get(principal, "unknown")
        kept = new and all(any(still_lets_in(node, mapped) for node in nodes) for mapped in new)
        if not kept and use != "unused":
            yield refusal(
                NODE_MAPPING,
                f"{quoted(nodes[-1].principal, 200)} lets nodes in, and {_what_nodes_lose(nodes[-1], new)}.",
                "There are nodes with this role: they become NotReady, and no new one can join."
                if use == "in use"
                else "Nodes with this role become NotReady, and it is not known that there are none.",
                "Leave the mapping as it is while there are such nodes.",
                principal=nodes[-1].principal,
            )


def _what_nodes_lose(node: Mapped, new: Outcomes) -> str:
    if not new:
        return "its mapping goes"
    after = new[-1]
    if after.username != node.username:
        return f"its username changes from {quoted(node.username)} to {quoted(after.username)}"
    missing = [group for group in node.groups if group in NODE_GROUPS and group not in after.groups]
    return f"it loses {_groups(missing)}, which they need"


def last_admin(case: Case) -> Iterator[Finding]:
    """Refuse a change after which nobody is left who may do everything, where somebody was before."""
    old, new = (_administrators(access, case.context) for access in (case.old, case.new))
    left = max(new.values(), default=0)
    if not old or left >= max(old.values()):
        return
    for principal, certainty in old.items():
        if certainty > left:
            shown = case.old.by_principal.get(principal)
            written = shown[-1].principal if shown else principal
            yield refusal(
                LAST_ADMIN,
                f"{quoted(written, 200)} would be an administrator no longer, "
                f"and {'it is not certain that anybody else is' if left else 'nobody else is'}.",
                "Nobody that aws-auth lets in could repair it afterwards.",
                "Map another administrator first.",
                principal=written,
            )


def _administrators(access: Access, context: GuardContext) -> dict[str, int]:
    """Return who may do everything: 2 where that is certain, 1 where it depends.

    It depends where it is undefined which of two mappings counts, where the username is a template that may or may not
    give an administrator's name, where the ARN is filled in later, and where only an EC2 instance can use it.
    """
    found = {principal: _certainty(principal, outcomes, context) for principal, outcomes in access.by_principal.items()}
    for username in context.admin_usernames:
        if account_of(username) in access.accounts and username.lower() not in access.by_principal:
            found[username] = 2 if is_exact(username) else 0
    return {principal: certainty for principal, certainty in found.items() if certainty}


def _certainty(principal: str, outcomes: Outcomes, context: GuardContext) -> int:
    each = [_is_admin(mapped, context) for mapped in outcomes]
    if not any(each) or not can_match(principal):
        return 0
    return min(each) if is_exact(principal) and min(each) else 1


def _is_admin(mapped: Mapped, context: GuardContext) -> int:
    admin_groups = context.admin_groups | {MASTERS}
    if not admin_groups.isdisjoint(mapped.groups) or mapped.username in context.admin_usernames:
        return 1 if _instances_only(mapped) else 2
    return int(any(could_render(mapped.username, username) for username in context.admin_usernames))


def _instances_only(mapped: Mapped) -> bool:
    return INSTANCES_ONLY in mapped.username or any(INSTANCES_ONLY in group for group in mapped.groups)


def own_access(case: Case) -> Iterator[Finding]:
    """Refuse a change that takes access or groups from whoever asks for it; say so where that cannot be told."""
    arn = case.context.caller_arn
    if not arn:
        if case.takes_away:
            yield remark(
                OWN_ACCESS,
                Severity.WARNING,
                "The change takes something away, and it is not known who asks for it.",
                "It was not checked that you keep your own access.",
                "Make sure that what goes is not what you come in by.",
            )
        return
    old, new = case.old.of_caller(arn), case.new.of_caller(arn)
    if not _came_in_by(old, case.context):
        if case.takes_away:
            yield _other_way_in(arn)
    elif old != new:
        yield from _own_loss(arn, old, new, case.context)


def _own_loss(arn: str, old: Outcomes, new: Outcomes, context: GuardContext) -> Iterator[Finding]:
    lost = lost_groups(old, new)
    was, now = old[-1].username, new[-1].username if new else ""
    if not new:
        what = "would no longer be let in"
    elif any(map(_instances_only, new)) and not any(map(_instances_only, old)):
        what = f"would no longer be let in: {INSTANCES_ONLY} is for EC2 instances only"
    elif lost:
        what = f"would lose {_groups(lost)}"
    elif max(_is_admin(mapped, context) for mapped in new) < max(_is_admin(mapped, context) for mapped in old):
        what = f"would no longer be the administrator {quoted(was)} but {quoted(now)}"
    else:
        if was != now:
            yield remark(
                OWN_ACCESS,
                Severity.WARNING,
                f"You ({quoted(arn, 200)}) would be {quoted(now)}, no longer {quoted(was)}.",
                "What RBAC gives to the old username is not given to the new one.",
                "Bind the new username first.",
            )
        return
    yield refusal(
        OWN_ACCESS,
        f"You ({quoted(arn, 200)}) {what}.",
        "You might not be able to take the change back.",
        "Let somebody else make the change, or leave your own mapping as it is.",
        principal=arn,
    )


def _came_in_by(old: Outcomes, context: GuardContext) -> bool:
    """Whether the cluster knows the caller as what `old` gives; as far as it is known what it knows."""
    return any(_is_known_as(mapped, context) for mapped in old)


def _is_known_as(mapped: Mapped, context: GuardContext) -> bool:
    username, groups = context.caller_username, context.caller_groups
    if username is not None and not could_render(mapped.username, username):
        return False
    if groups is None:
        return True
    all_given = all(any(could_render(given, group) for group in groups) for given in mapped.groups if given)
    return all_given and all(
        any(could_render(given, group) for given in mapped.groups) for group in groups - {_EVERYBODY}
    )


def _other_way_in(arn: str) -> Finding:
    return remark(
        OWN_ACCESS,
        Severity.NOTE,
        f"You ({quoted(arn, 200)}) are not let in by what aws-auth gives you but by something else, "
        "such as an access entry, or as the creator of the cluster.",
        "The change does not touch that, so your own access was not checked.",
    )


def regrant(case: Case) -> Iterator[Finding]:
    """Refuse a rollback that gives a principal back what somebody has taken from it."""
    for principal, groups in case.context.regranted.items():
        old, new = (_given_to(access, principal) for access in (case.old, case.new))
        again = [
            group
            for group in groups
            if any(group in mapped.groups for mapped in new) and group in lost_groups(new, old)
        ]
        if new and new != old and (again or not groups):
            yield refusal(
                REGRANT,
                f"{quoted(principal, 200)} would get {_groups(again) if again else 'its mapping'} back, "
                "which somebody has taken from it since.",
                "Whoever was shut out on purpose would be let in again.",
                "Take it out again in the same change, or leave the principal as it is.",
                principal=principal,
            )


def _given_to(access: Access, principal: str) -> Outcomes:
    if principal in access.accounts:
        return (Mapped(principal),)
    return access.by_principal.get(principal.lower(), ()) if can_match(principal) else ()


def _groups(groups: list[str]) -> str:
    listed = ", ".join(quoted(group) for group in groups)
    return f"the group{'s' if len(groups) > 1 else ''} {listed}"
