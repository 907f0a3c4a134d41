"""The calls that lead from one state of an access entry to another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from awsauth.core.edit.validation import BRIDGE_GROUP
from awsauth.core.entries.model import AccessEntry, AccessPolicy, unbridged, with_policy

if TYPE_CHECKING:
    from awsauth.core.entries.merge import EntryDiff

Action = Literal["create", "associate", "update", "disassociate", "tag", "delete"]


class Step(NamedTuple):
    """One call of EKS.

    Attributes:
        action: The call.
        entry: The entry as it has to be after the call; None after ``delete``.
        policy: The policy of ``associate`` and ``disassociate``.
    """

    action: Action
    entry: AccessEntry | None
    policy: AccessPolicy | None = None


def steps(diff: EntryDiff, *, bridged: bool = False) -> list[Step]:
    """Return the calls in an order in which no right is missing for a moment.

    Args:
        diff: The change of one entry.
        bridged: Whether a new entry has the group `BRIDGE_GROUP` until it has its policies. An entry that has the group
            already, after an interrupted call, loses it at the same place.
    """
    before, after = diff.before, diff.after
    if after is None:
        return [Step("delete", None)]
    found: list[Step] = []
    if before is None:
        groups = (*after.groups, BRIDGE_GROUP) if bridged else after.groups
        before = replace(after, groups=groups, policies=())
        found.append(Step("create", before))
    old = {policy.policy_arn: policy for policy in before.policies}
    new = {policy.policy_arn: _with(policy, old.get(policy.policy_arn)) for policy in after.policies}
    both = tuple({**old, **new}.values())
    now = before
    for wanted in (replace(before, policies=both), replace(after, policies=both), after):
        for policy in wanted.policies:
            if policy not in now.policies:
                now = with_policy(now, policy.policy_arn, policy)
                found.append(Step("associate", now, policy))
        if not after.lets_nodes_in and (now.username, set(now.groups)) != (wanted.username, set(wanted.groups)):
            now = replace(now, username=wanted.username, groups=wanted.groups)
            found.append(Step("update", now))
        for policy in now.policies:
            if policy not in wanted.policies:
                now = with_policy(now, policy.policy_arn, None)
                found.append(Step("disassociate", now, policy))
    if now.owned != after.owned:
        found.append(Step("tag", replace(now, tags=after.tags)))
    return found


def _with(policy: AccessPolicy, old: AccessPolicy | None) -> AccessPolicy:
    """Return a policy with the namespaces that it had; they go later."""
    if old is None or not policy.namespaces:
        return policy
    return replace(policy, namespaces=old.namespaces and tuple(sorted({*old.namespaces, *policy.namespaces})))


def is_on_the_way(diff: EntryDiff, present: AccessEntry | None) -> bool:
    """Whether an entry is as before or after a change, or between its calls."""
    return unbridged(present) in map(unbridged, [diff.before, *(step.entry for step in steps(diff))])
