"""Guards of access: nodes, administrators, the caller, gains, access entries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from awsauth.core.access import matching
from awsauth.core.access.node_mappings import NODE_GROUPS, fits_no_node, is_node_mapping, still_admits
from awsauth.core.document.document import Document
from awsauth.core.document.index import mapped_of
from awsauth.core.document.model import KIND, PRINCIPAL_KEYS, SYSTEM_MASTERS, Key, MappingEntry
from awsauth.core.edit.validation import BRIDGE_GROUP
from awsauth.core.findings import AUTHENTICATION_MODE, SHADOWS, Finding, Severity, note, warning
from awsauth.core.guards.context import GuardContext, GuardInput, violation
from awsauth.core.text.display import command_line, quoted

if TYPE_CHECKING:
    from awsauth.core.entries.merge import EntryDiff
    from awsauth.core.entries.model import AccessEntry

NODE_MAPPING: Final = "node-mapping"
LAST_ADMIN: Final = "last-admin"
OWN_ACCESS: Final = "own-access"
REGRANT: Final = "regrant"
GAINS: Final = "gains"


def node_mapping(case: GuardInput) -> Iterator[Finding]:
    """Refuse a change that takes access from nodes.

    A mapping that provably no node uses may go.
    """
    # Entries as written: an entry that admits no node may be the mistake that keeps the nodes out.
    for principal, old in case.written_old.by_principal.items():
        new = case.written_new.by_principal.get(principal, ())
        use = case.nodes.get(principal, "unknown")
        nodes = [one for one in old if is_node_mapping(one) and (use == "in use" or not fits_no_node(one))]
        if new == old or not nodes or use == "unused" or not matching.can_match(principal):
            continue
        if not new or not all(any(still_admits(node, mapped) for node in nodes) for mapped in new):
            reasons = {matching.principal_of(arn): reason for arn, reason in case.context.node_reasons.items()}
            why = f" ({reasons[principal]})" if reasons.get(principal) else ""
            loss = _node_loss(nodes[-1], new, case)
            message = f"{quoted(nodes[-1].principal, 200)} is the role of nodes, and {loss}."
            impact = (
                f"Nodes have this role{why}. They become NotReady, and no new node can join."
                if use == "in use"
                else f"Nodes with this role become NotReady; it is unknown whether there are any{why}."
            )
            hint = f"Leave {'its access' if case.by_entries else 'the mapping'} as it is while nodes use it."
            yield violation(NODE_MAPPING, message, impact, hint, principal=nodes[-1].principal)


def _node_loss(node: MappingEntry, new: matching.Outcomes, case: GuardInput) -> str:
    if not new:
        return f"its {case.source} is removed"
    after = new[-1]
    if after.username != node.username:
        return f"its username changes from {quoted(node.username)} to {quoted(after.username)}"
    missing = [group for group in node.groups if group in NODE_GROUPS and group not in after.groups]
    return f"it loses {_groups(missing, case)}, which nodes need"


def last_admin(case: GuardInput) -> Iterator[Finding]:
    """Refuse a change that leaves no administrator, if there is one before it."""
    if not _may_lose_administrators(case):
        return
    all_old, all_new = case.given_to_all()
    old, new = (_administrators(access, case) for access in (all_old, all_new))
    left = max(new.values(), default=0)
    if not old or left >= max(old.values()):
        return
    if _keeps_right_to_update(case):
        yield warning(
            LAST_ADMIN,
            "The change leaves aws-auth without an administrator.",
            "You keep the right to update aws-auth: it does not come from these mappings.",
            "Map an administrator next.",
        )
        return
    for principal, certainty in old.items():
        if certainty > left:
            shown = all_old.by_principal.get(principal)
            written = shown[-1].principal if shown else principal
            others = "it is not certain that another one is left" if left else "no other one is left"
            message = f"{quoted(written, 200)} is no longer an administrator after the change, and {others}."
            impact = "After that, no principal in aws-auth can repair the cluster's access."
            hint = "Map another administrator first."
            if case.by_entries:
                impact = "After that, only the EKS API can repair the cluster's access."
                hint = "Give the policy AmazonEKSClusterAdminPolicy to another principal first."
            yield violation(LAST_ADMIN, message, impact, hint, principal=written)


def _keeps_right_to_update(case: GuardInput) -> bool:
    """Whether the caller may update ``aws-auth`` despite the rollback.

    The right does not come from the mappings that change.
    """
    context = case.context
    username = context.caller_username
    if username is None or not (context.is_rollback and context.may_update):
        return False
    new = case.new.by_principal
    changing = [old for principal, old in case.old.by_principal.items() if old != new.get(principal, ())]
    return case.old.accounts == case.new.accounts and not any(
        matching.could_render(mapped.username, username) for outcomes in changing for mapped in outcomes
    )


def _may_lose_administrators(case: GuardInput) -> bool:
    """Whether a principal becomes less certain to be an administrator.

    Only principals whose mapping changes are considered.
    """
    # A username that RBAC knows, and that has no mapping, depends on the mapping of its account.
    by_username = {matching.casefold_arn(name) for name in case.context.admin_usernames}
    if case.old.accounts != case.new.accounts or by_username & {*case.old.by_principal, *case.new.by_principal}:
        return True
    before = _highest_certainty(case.old, case)
    return before != _NO and _highest_certainty(case.new, case) < before


def _highest_certainty(access: matching.Access, case: GuardInput) -> int:
    each = [_certainty(principal, outcomes, case) for principal, outcomes in access.by_principal.items()]
    return max(each, default=_NO)


# How certain it is that a principal is an administrator.
_NO: Final = 0
_DEPENDS: Final = 1
_CERTAIN: Final = 2


def _administrators(access: matching.Access, case: GuardInput) -> dict[str, int]:
    """Return the administrators, each `_CERTAIN` or `_DEPENDS`.

    One is `_DEPENDS` if the winner of two mappings is undefined, or a template in the username or ARN decides. So is
    one whose mapping only EC2 instances can use, or whose access entry could not be read.
    """
    found = {principal: _certainty(principal, outcomes, case) for principal, outcomes in access.by_principal.items()}
    for username in case.context.admin_usernames:
        principal = matching.casefold_arn(username)
        if matching.account_of(username) in access.accounts and principal not in access.by_principal:
            certain = _DEPENDS if case.is_unread(principal) else _CERTAIN
            found[username] = certain if matching.is_canonical(username) else _NO
    return {principal: certainty for principal, certainty in found.items() if certainty != _NO}


def administrators(document: Document, context: GuardContext) -> tuple[str, ...]:
    """Return the ARNs that a document makes administrators, certainly or perhaps."""
    access = matching.Access.of(document)
    found = _administrators(access, GuardInput.of(document, document, context))
    return tuple(access.by_principal[arn][-1].principal if arn in access.by_principal else arn for arn in found)


def makes_admin(principal: str, outcomes: matching.Outcomes, case: GuardInput) -> bool:
    """Whether mappings make a principal an administrator, certainly or perhaps."""
    return _certainty(principal, outcomes, case) != _NO


def needs_bridge(case: GuardInput, diff: EntryDiff) -> bool:
    """Whether an administrator has no rights before a new entry has its policy.

    It also is so if an interrupted change has left the group of the bridge.
    """
    from awsauth.core.guards.entries import mapping_of  # a change of mappings does not need it

    before, after = diff.before, diff.after
    if after is None or not after.is_administrator:
        return False
    if before:
        return BRIDGE_GROUP in before.groups
    without = mapping_of(replace(after, policies=()), ())
    mapped = case.old.of_principal(after.principal)
    return makes_admin(after.principal, mapped, case) and not makes_admin(after.principal, (without,), case)


def _certainty(principal: str, outcomes: matching.Outcomes, case: GuardInput) -> int:
    each = [_certainty_of(mapped, case.context) for mapped in outcomes]
    if max(each, default=_NO) == _NO or not matching.can_match(principal):
        return _NO
    depends = min(each) == _NO or not matching.is_canonical(principal) or case.is_unread(principal)
    return _DEPENDS if depends else min(each)


def _certainty_of(mapped: MappingEntry, context: GuardContext) -> int:
    admin_groups = context.admin_groups | {SYSTEM_MASTERS}
    if not admin_groups.isdisjoint(mapped.groups) or mapped.username in context.admin_usernames:
        return _DEPENDS if matching.needs_instance(mapped) else _CERTAIN
    fits = any(matching.could_render(mapped.username, username) for username in context.admin_usernames)
    return _DEPENDS if fits else _NO


def own_access(case: GuardInput) -> Iterator[Finding]:
    """Refuse a change that takes access, groups or the username from the caller.

    The caller's present access is that of its ARN in the document. Its username in the API server may be older: the
    server remembers the answer for a token for two minutes.
    """
    arn, username = case.context.caller_arn, case.context.caller_username
    old, new = (case.old.of_caller(arn), case.new.of_caller(arn)) if arn else ((), ())
    if arn and old and old != new:
        yield from _own_loss(arn, old, new, case)
    elif arn and not old and case.takes_away:
        yield note(
            OWN_ACCESS,
            f"aws-auth does not map you ({quoted(arn, 200)}): your access has another source, such as an access entry, "
            "or that you created the cluster.",
            "The change does not touch that, so your own access was not checked.",
        )
    elif not arn and case.takes_away:
        unknown = "The change takes access away, and the caller is unknown."
        message = unknown if username is None else "Your access does not come from aws-auth."
        hint = f"Make sure that you do not need the removed {'access entries' if case.by_entries else 'mappings'}."
        yield warning(OWN_ACCESS, message, "Your own access was not checked.", hint)


def _own_loss(arn: str, old: matching.Outcomes, new: matching.Outcomes, case: GuardInput) -> Iterator[Finding]:
    username = case.context.caller_username
    if case.by_entries and new and all(SYSTEM_MASTERS in one.groups for one in new):
        return  # an administrator needs neither other groups nor another username
    lost = matching.lost_groups(old, new)
    others = [mapped.username for mapped in new if mapped.username not in {one.username for one in old}]
    hint = f"Ask another administrator to make the change, or leave your own {case.source} as it is."
    if not new:
        loss = "no longer have access after the change"
    elif matching.shuts_out(old, new):
        loss = f"no longer have access after the change: {matching.INSTANCES_ONLY} is for EC2 instances only"
    elif lost:
        loss = f"lose {_groups(lost, case)}"
    elif others:
        was = quoted(old[-1].username)
        loss = f"get the username {quoted(others[-1])} instead of {was}, and lose the rights of {was}"
        hint = "Bind the new username first."
    else:
        return
    is_old = username is not None and not any(matching.could_render(mapped.username, username) for mapped in old)
    known = f" The cluster knows you as {quoted(username or '')} now; that may change in two minutes." if is_old else ""
    message = f"You ({quoted(arn, 200)}) {loss}.{known}"
    yield violation(OWN_ACCESS, message, "You may not be able to undo the change.", hint, principal=arn)


def regrant(case: GuardInput) -> Iterator[Finding]:
    """Refuse a rollback that returns access which another writer removed.

    It passes if no administrator is left. A change that left no administrator does not count as a decision about a
    principal.
    """
    before = case.context.readable or case.before
    if case.context.regranted and not _administrators(case._replace(before=before).given_to_all()[0], case):
        return
    for principal, groups in case.context.regranted.items():
        # Entries as written: a mapping under an access entry counts again on the day that the entry is deleted.
        old, new = (_given_to(access, principal) for access in (case.written_old, case.written_new))
        regained = matching.lost_groups(new, old)
        again = [group for group in groups if group in regained and any(group in mapped.groups for mapped in new)]
        if new and new != old and (again or not groups):
            message = (
                f"{quoted(principal, 200)} gets {_groups(again, case) if again else f'its {case.source}'} back, "
                "which another writer has removed since."
            )
            impact = "If that writer removed the access on purpose, the principal has it again."
            hint = "Remove it again in the same change, or leave the principal as it is."
            yield violation(REGRANT, message, impact, hint, principal=principal)


def _given_to(access: matching.Access, principal: str) -> matching.Outcomes:
    if principal in access.accounts:
        return (MappingEntry(principal),)
    return access.by_principal.get(matching.casefold_arn(principal), ()) if matching.can_match(principal) else ()


def _groups(groups: Sequence[str], case: GuardInput) -> str:
    noun = "right" if case.by_entries else "group"  # policies stand as groups
    return f"the {noun}{'s' if len(groups) > 1 else ''} {', '.join(map(quoted, groups))}"


def gains_access(case: GuardInput) -> Iterator[Finding]:
    """Refuse a removal or rollback that lets an older entry grant more.

    The entry gives a principal more groups, or another username.
    """
    if not case.old.by_principal:
        return  # nothing was mapped, so there is no older entry
    # A wider entry is asked for; one that is gone lets the mapping count.
    wanted = {matching.principal_of(diff.principal_arn) for diff in case.context.entry_diffs if diff.after}
    for principal in {**case.old.by_principal, **case.new.by_principal}:
        outcomes = case.old.by_principal.get(principal)
        if outcomes == case.new.by_principal.get(principal) or principal in wanted:
            continue
        new = case.new.of_principal(principal)
        older = [(key, one) for one in new if (key := _older_key(case, principal, one))]
        old = case.old.of_principal(principal) if older else ()
        uncovered = [key for key, one in older if matching.gains(old, (one,)) and matching.gains(old, new)]
        if uncovered and (not case.by_entries or _is_gain(principal, old, new, case)):
            yield _gain(case, principal, old, new, uncovered[-1])


def _is_gain(principal: str, old: matching.Outcomes, new: matching.Outcomes, case: GuardInput) -> bool:
    """Whether a mapping gives more without the access entry that overrode it.

    Nodes may join again. A rollback to the earlier username is no gain, except for an administrator's.
    """
    if all(map(is_node_mapping, new)) or all(SYSTEM_MASTERS in one.groups for one in old):
        return False
    becomes_admin = makes_admin(principal, new, case) and not makes_admin(principal, old, case)
    return becomes_admin or not case.context.is_rollback or bool(matching.lost_groups(new, old))


def _older_key(case: GuardInput, principal: str, mapped: MappingEntry) -> Key | None:
    """Return the key of an older entry that wins after the change.

    Returns None for a new entry.
    """
    for key in PRINCIPAL_KEYS:
        # Perhaps others are among them, but none equals `mapped`.
        readings = (document.reading(key) for document in (case.before, case.after))
        before, after = ([one for _, one in mapped_of(reading, {principal})] for reading in readings)
        if mapped in after:
            return key if before.count(mapped) >= after.count(mapped) else None
    return "mapAccounts" if matching.account_of(principal) in case.before.accounts else None


def _gain(case: GuardInput, principal: str, old: matching.Outcomes, new: matching.Outcomes, key: Key) -> Finding:
    from awsauth.core.access.caller import AccessChange, infos  # only for a finding

    written = case.old.by_principal.get(principal, new)[-1].principal
    change = AccessChange(written, infos(written, old), infos(written, new))
    hint = f"Remove its {KIND[key]} mapping in {key} too, or change that mapping instead of removing it."
    if key == "mapAccounts":
        hint = "Remove the account too if it is not meant to have access."
    message = f"{quoted(written, 200)} {change.told(quoted)}."
    impact = f"The change removes its winning mapping, and its entry in {key} wins from then on."
    if case.by_entries:
        hint = f"Remove its access by {key} first, or change the access entry instead of deleting it."
        impact = f"The change deletes its access entry, and its access by {key} counts from then on."
    return violation(GAINS, message, impact, hint, principal=written)


def authentication_mode(case: GuardInput) -> Iterator[Finding]:
    """Refuse a change without effect, because the cluster does not read ``aws-auth``."""
    if case.context.authentication_mode == "API" and case.before != case.after:
        message = "The cluster does not read aws-auth: its authentication mode is API."
        hint = "Change access entries instead, as with `awsauth entry add ARN`; the mode cannot be changed back."
        yield violation(AUTHENTICATION_MODE, message, "The change has no effect.", hint)


def access_entry_wins(case: GuardInput) -> Iterator[Finding]:
    """Report principals that keep their access due to the other source."""
    if case.by_entries:
        yield from _beside_mappings(case)
        return
    old, new = case.written_old.by_principal, case.written_new.by_principal
    for principal, entry in case.entries.items():
        before, after = old.get(principal, ()), new.get(principal, ())
        # A recovery deletes its own entry soon, and then a mapping that is there counts.
        if before != after and not (after and entry.is_temporary):
            yield _without_effect((after or before)[-1].principal, entry, goes=not after)


def _beside_mappings(case: GuardInput) -> Iterator[Finding]:
    """Warn of mappings that count without an entry, or that a new one overrides."""
    for diff in case.context.entry_diffs:
        entry = diff.before or diff.after
        if not entry or entry.lets_nodes_in or (diff.before and diff.after):
            continue
        old, new = case.old.of_principal(entry.principal), case.new.of_principal(entry.principal)
        named, mapped = quoted(entry.principal_arn, 200), old if diff.after else new
        is_covered = matching.gains(old, new)  # by the guard `gains`
        if diff.after:
            is_covered = not matching.gains(new, old) or all(SYSTEM_MASTERS in one.groups for one in new)
        if not mapped or is_covered:
            continue
        message = f"{named} keeps access: its mapping counts without its access entry."
        hint = "Remove the mapping too, to remove the access."
        if diff.after:
            message = f"The new access entry of {named} overrides its mapping, and gives other access."
            hint = "Give the entry the access of the mapping too, if it is meant to stay."
        groups = ", ".join(map(quoted, mapped[-1].groups)) or "none"
        impact = f"The mapping is to {quoted(mapped[-1].username)}; its groups: {groups}."
        yield warning(SHADOWS, message, impact, hint, principal=entry.principal_arn)


def _without_effect(principal: str, entry: AccessEntry, *, goes: bool) -> Finding:
    still_in = f"{quoted(principal, 200)} keeps its access: it has an access entry."
    wins = f"{quoted(principal, 200)} has an access entry, which wins over its mapping."
    severity = Severity.NOTE if entry.lets_nodes_in else Severity.WARNING
    impact = f"The change has no effect on it. The entry: {entry.gives}."
    remove = command_line("awsauth", "entry", "remove", entry.principal_arn)
    hint = f"Delete the entry too, to remove its access: `{remove}`." if goes and not entry.lets_nodes_in else ""
    return Finding(SHADOWS, severity, still_in if goes else wins, impact, hint, principal=principal)
