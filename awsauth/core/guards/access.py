"""The guards of who gets in: nodes, administrators, the caller, and who was shut out on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from awsauth.core.access.access_entries import AUTHENTICATION_MODE, WINS, AccessEntry
from awsauth.core.access.matching import (
    INSTANCES_ONLY,
    Access,
    Outcomes,
    account_of,
    can_match,
    could_render,
    is_canonical,
    lost_groups,
    needs_instance,
    principal_of,
)
from awsauth.core.access.node_mappings import NODE_GROUPS, fits_no_node, is_node_mapping, still_admits
from awsauth.core.document.model import SYSTEM_MASTERS, MappingEntry
from awsauth.core.findings import Finding, Severity
from awsauth.core.guards.context import GuardContext, GuardInput, notice, violation
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator


NODE_MAPPING: Final = "node-mapping"


LAST_ADMIN: Final = "last-admin"


OWN_ACCESS: Final = "own-access"


REGRANT: Final = "regrant"


def node_mapping(case: GuardInput) -> Iterator[Finding]:
    """Refuse a change after which a mapping lets nodes in no longer, unless it is proven that it has none."""
    # As written: an entry that is no entry for nodes may be the mistake that keeps them out.
    for principal, old in case.written_old.by_principal.items():
        new = case.written_new.by_principal.get(principal, ())
        use = case.nodes.get(principal, "unknown")
        nodes = [one for one in old if is_node_mapping(one) and (use == "in use" or not fits_no_node(one))]
        if new == old or not nodes or not can_match(principal):
            continue
        kept = new and all(any(still_admits(node, mapped) for node in nodes) for mapped in new)
        if not kept and use != "unused":
            yield violation(
                NODE_MAPPING,
                f"{quoted(nodes[-1].principal, 200)} lets nodes in, and {_what_nodes_lose(nodes[-1], new)}.",
                _what_becomes_of_nodes(case, principal, in_use=use == "in use"),
                "Leave the mapping as it is while there are such nodes.",
                principal=nodes[-1].principal,
            )


def _what_becomes_of_nodes(case: GuardInput, principal: str, *, in_use: bool) -> str:
    reasons = {principal_of(arn): reason for arn, reason in case.context.node_reasons.items()}
    why = f" ({reasons[principal]})" if reasons.get(principal) else ""
    if in_use:
        return f"There are nodes with this role{why}: they become NotReady, and no new one can join."
    return f"Nodes with this role become NotReady, and it is not known that there are none{why}."


def _what_nodes_lose(node: MappingEntry, new: Outcomes) -> str:
    if not new:
        return "its mapping goes"
    after = new[-1]
    if after.username != node.username:
        return f"its username changes from {quoted(node.username)} to {quoted(after.username)}"
    missing = [group for group in node.groups if group in NODE_GROUPS and group not in after.groups]
    return f"it loses {_groups(missing)}, which they need"


def last_admin(case: GuardInput) -> Iterator[Finding]:
    """Refuse a change after which nobody is left who may do everything, where somebody was before."""
    if any(_is_admin_by_entry(entry, case.context) for entry in case.entries.values()):
        return
    if not _may_lose_administrators(case):
        return
    all_old, all_new = case.given_to_all()
    old, new = (_administrators(access, case) for access in (all_old, all_new))
    left = max(new.values(), default=0)
    if not old or left >= max(old.values()):
        return
    if _keeps_right_to_update(case):
        yield notice(
            LAST_ADMIN,
            Severity.WARNING,
            "aws-auth is left without an administrator.",
            "You keep the right to update it, as you did not get that right from the mappings that change.",
            "Map an administrator next.",
        )
        return
    for principal, certainty in old.items():
        if certainty > left:
            shown = all_old.by_principal.get(principal)
            written = shown[-1].principal if shown else principal
            yield violation(
                LAST_ADMIN,
                f"{quoted(written, 200)} would be an administrator no longer, "
                f"and {'it is not certain that anybody else is' if left else 'nobody else is'}.",
                "Nobody that aws-auth lets in could repair it afterwards.",
                "Map another administrator first.",
                principal=written,
            )


def _keeps_right_to_update(case: GuardInput) -> bool:
    """Whether the caller, who goes back, may update ``aws-auth`` whatever becomes of the mappings that change."""
    context = case.context
    username = context.caller_username
    if username is None or not (context.is_rollback and context.may_update):
        return False
    new = case.new.by_principal
    changing = [old for principal, old in case.old.by_principal.items() if old != new.get(principal, ())]
    return case.old.accounts == case.new.accounts and not any(
        could_render(mapped.username, username) for outcomes in changing for mapped in outcomes
    )


def _may_lose_administrators(case: GuardInput) -> bool:
    """Whether less is certain of those whose mappings change being administrators; of the others it is what it was."""
    if case.old.accounts != case.new.accounts:
        return True
    if not case.old.by_principal and not case.context.admin_usernames:
        return False  # nobody who is looked at was one
    old, new = (
        {principal: _certainty(principal, outcomes, case) for principal, outcomes in access.by_principal.items()}
        for access in (case.old, case.new)
    )
    # What becomes of a username that RBAC knows and no mapping does hangs on its account.
    by_username = any(username.lower() in (old.keys() | new.keys()) for username in case.context.admin_usernames)
    return by_username or max(new.values(), default=0) < max(old.values(), default=0)


_NO: Final = 0


_DEPENDS: Final = 1


_CERTAIN: Final = 2
"""Whether somebody may do everything."""


def _administrators(access: Access, case: GuardInput) -> dict[str, int]:
    """Return who may do everything: `_CERTAIN`, or where it depends `_DEPENDS`.

    It depends where it is undefined which of two mappings counts, where the username is a template that may or may not
    give an administrator's name, where the ARN is filled in later, where only an EC2 instance can use it, and where
    an access entry that could not be read wins.
    """
    found = {principal: _certainty(principal, outcomes, case) for principal, outcomes in access.by_principal.items()}
    for username in case.context.admin_usernames:
        known = username.lower() in access.by_principal or username.lower() in access.overridden
        if account_of(username) in access.accounts and not known:
            certain = _DEPENDS if case.is_unread(username.lower()) else _CERTAIN
            found[username] = certain if is_canonical(username) else _NO
    return {principal: certainty for principal, certainty in found.items() if certainty != _NO}


def _certainty(principal: str, outcomes: Outcomes, case: GuardInput) -> int:
    each = [_certainty_of(mapped, case.context) for mapped in outcomes]
    if max(each, default=_NO) == _NO or not can_match(principal):
        return _NO
    depends = min(each) == _NO or not is_canonical(principal) or case.is_unread(principal)
    return _DEPENDS if depends else min(each)


def _certainty_of(mapped: MappingEntry, context: GuardContext) -> int:
    admin_groups = context.admin_groups | {SYSTEM_MASTERS}
    if not admin_groups.isdisjoint(mapped.groups) or mapped.username in context.admin_usernames:
        return _DEPENDS if needs_instance(mapped) else _CERTAIN
    fits = any(could_render(mapped.username, username) for username in context.admin_usernames)
    return _DEPENDS if fits else _NO


def _is_admin_by_entry(entry: AccessEntry, context: GuardContext) -> bool:
    return (
        entry.is_administrator
        or not context.admin_groups.isdisjoint(entry.groups)
        or entry.username in context.admin_usernames
    )


def own_access(case: GuardInput) -> Iterator[Finding]:
    """Refuse a change that takes access, groups or the username from the caller who asks for it.

    What the caller has is what the document gives its ARN. The username by which the API server knows the caller is
    older: the API server remembers a token's answer for two minutes.
    """
    arn = case.context.caller_arn
    if not arn:
        if case.takes_away:
            yield _unknown_caller(case.context.caller_username)
        return
    old, new = case.old.of_caller(arn), case.new.of_caller(arn)
    if old and old != new:
        yield from _own_loss(arn, old, new, case.context)
    elif not old and case.takes_away:
        yield notice(
            OWN_ACCESS,
            Severity.NOTE,
            f"aws-auth does not map you ({quoted(arn, 200)}): you get in by something else, such as an access entry, "
            "or as the creator of the cluster.",
            "The change does not touch that, so your own access was not checked.",
        )


def _unknown_caller(username: str | None) -> Finding:
    who = (
        "and it is not known who asks for it"
        if username is None
        else f"and the cluster knows you as {quoted(username)}, without an ARN: you came in by something else than IAM, "
        "or act as somebody else"
    )
    return notice(
        OWN_ACCESS,
        Severity.WARNING,
        f"The change takes something away, {who}.",
        "It was not checked that you keep your own access.",
        "Make sure that what goes is not what you come in by.",
    )


def _own_loss(arn: str, old: Outcomes, new: Outcomes, context: GuardContext) -> Iterator[Finding]:
    lost = lost_groups(old, new)
    was = old[-1].username
    others = [mapped.username for mapped in new if mapped.username not in {one.username for one in old}]
    hint = "Ask another administrator to make the change, or leave your own mapping as it is."
    if not new:
        message = "would no longer have access"
    elif any(map(needs_instance, new)) and not any(map(needs_instance, old)):
        message = f"would no longer have access: {INSTANCES_ONLY} is for EC2 instances only"
    elif lost:
        message = f"would lose {_groups(lost)}"
    elif others:
        message = (
            f"would be {quoted(others[-1])}, no longer {quoted(was)}, and lose what RBAC gives to the old username"
        )
        hint = "Bind the new username first."
    else:
        return
    username = context.caller_username
    other = username is not None and not any(could_render(mapped.username, username) for mapped in old)
    known = (
        f" The cluster knows you as {quoted(username or '')} now, which may change within two minutes." if other else ""
    )
    yield violation(
        OWN_ACCESS,
        f"You ({quoted(arn, 200)}) {message}.{known}",
        "You might not be able to take the change back.",
        hint,
        principal=arn,
    )


def regrant(case: GuardInput) -> Iterator[Finding]:
    """Refuse a rollback that gives a principal back what another writer has taken from it, if an administrator is left.

    To leave no administrator was no decision about that principal.
    """
    if case.context.regranted and not _has_administrator(case):
        return
    for principal, groups in case.context.regranted.items():
        # As written: what an access entry wins over today counts again on the day that the entry goes.
        old, new = (_given_to(access, principal) for access in (case.written_old, case.written_new))
        again = [
            group
            for group in groups
            if any(group in mapped.groups for mapped in new) and group in lost_groups(new, old)
        ]
        if new and new != old and (again or not groups):
            yield violation(
                REGRANT,
                f"{quoted(principal, 200)} would get {_groups(again) if again else 'its mapping'} back, "
                "which somebody has taken from it since.",
                "Whoever was shut out on purpose would be let in again.",
                "Take it out again in the same change, or leave the principal as it is.",
                principal=principal,
            )


def _has_administrator(case: GuardInput) -> bool:
    by_entry = any(_is_admin_by_entry(entry, case.context) for entry in case.entries.values())
    before = case.context.readable or case.before
    return by_entry or bool(_administrators(case._replace(before=before).given_to_all()[0], case))


def _given_to(access: Access, principal: str) -> Outcomes:
    if principal in access.accounts:
        return (MappingEntry(principal),)
    return access.by_principal.get(principal.lower(), ()) if can_match(principal) else ()


def _groups(groups: list[str]) -> str:
    listed = ", ".join(quoted(group) for group in groups)
    return f"the group{'s' if len(groups) > 1 else ''} {listed}"


def authentication_mode(case: GuardInput) -> Iterator[Finding]:
    """Refuse a change that has no effect, because the cluster does not look at ``aws-auth``."""
    if case.context.authentication_mode == "API" and case.before != case.after:
        yield violation(
            AUTHENTICATION_MODE,
            "The cluster's authentication mode is API: it does not look at aws-auth.",
            "The change would have no effect.",
            "Change the cluster's access entries instead; the mode cannot be changed back.",
        )


def access_entry_wins(case: GuardInput) -> Iterator[Finding]:
    """Say of every mapping that changes whether an access entry keeps the change from having an effect."""
    old, new = case.written_old.by_principal, case.written_new.by_principal
    for principal, entry in case.entries.items():
        before, after = old.get(principal, ()), new.get(principal, ())
        if before != after:
            shown = (after or before)[-1].principal
            yield _without_effect(shown, entry, goes=not after)


def _without_effect(principal: str, entry: AccessEntry, *, goes: bool) -> Finding:
    still_in = f"{quoted(principal, 200)} loses nothing: it has an access entry, which still lets it in."
    wins = f"{quoted(principal, 200)} has an access entry, and that wins over its mapping."
    return Finding(
        WINS,
        Severity.NOTE if entry.lets_nodes_in else Severity.WARNING,
        still_in if goes else wins,
        f"The change has no effect on it. The entry: {entry.gives}.",
        "Delete the entry too if it is to lose access." if goes and not entry.lets_nodes_in else "",
        principal=principal,
    )
