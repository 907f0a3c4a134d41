"""The change of one access entry, call by call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from awsauth.backoff import Backoff
from awsauth.core.access.matching import principal_of
from awsauth.core.edit.validation import BRIDGE_GROUP
from awsauth.core.entries.merge import EntryDiff, Step, steps
from awsauth.core.guards.entries import by_namespace, mapping_of
from awsauth.core.text.display import quoted
from awsauth.debug_log import log_debug
from awsauth.errors import AwsServiceError, ConflictError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from awsauth.aws.access_entries import AccessEntries
    from awsauth.core.entries.model import AccessEntry

SETTLES: Final = 10.0  # seconds until the API server uses a policy or group that EKS shows
NEW_PRINCIPAL: Final = 10.0  # seconds within which EKS knows a new role or user

_DONE: Final = {
    "create": "made the access entry of {}",
    "associate": "gave {} the policy {}",
    "update": "set the username and groups of {}",
    "disassociate": "took from {} the policy {}",
    "tag": "tagged the access entry of {}",
    "delete": "deleted the access entry of {}",
}


def change_entries(
    calls: AccessEntries, diffs: Iterable[EntryDiff], done: list[str], bridged: Collection[str], caller_arn: str
) -> None:
    """Change access entries, unless another writer has changed them meanwhile.

    Those that only gain come first. In each group, the caller's comes last.

    Args:
        calls: The calls of EKS.
        diffs: The changes.
        done: The list to which each finished step is added, in words.
        bridged: The principals whose new entries have the group of the bridge until they have their policies.
        caller_arn: The caller; empty if it is unknown.
    """
    own = caller_arn and principal_of(caller_arn)
    ordered = sorted(diffs, key=lambda diff: (_takes(diff), principal_of(diff.principal_arn) == own))
    running = [_changing(calls, diff, done, bridged=diff.principal_arn in bridged) for diff in ordered]
    while running := [one for one in running if next(one, "over") is None]:
        log_debug("Waiting until the API server uses the new rights, before entries lose others")
        Backoff(2 * SETTLES).wait(SETTLES)


def _changing(calls: AccessEntries, diff: EntryDiff, done: list[str], *, bridged: bool) -> Iterator[None]:
    """Change one access entry, and yield before it loses rights after it got others."""
    arn, made = diff.principal_arn, steps(diff, bridged=bridged)
    states = [diff.before, *(step.entry for step in made)]
    gave = False
    for position, step in enumerate(made, 1):
        present, then = states[position - 1], step.entry
        is_bridge = step.action == "update" and present and BRIDGE_GROUP in present.groups
        waits = is_bridge or (gave and then and _takes(EntryDiff(arn, present, then)))
        if waits:
            yield
            gave = False
        if (waits or present is diff.before) and (found := calls.find(arn)) not in states:
            raise _conflict(arn, found)
        _take(calls, arn, step, states[position:])
        done.append(_DONE[step.action].format(arn, step.policy))
        gave = gave or bool(present and then and _takes(EntryDiff(arn, then, present)))


def _take(calls: AccessEntries, arn: str, step: Step, states: Sequence[AccessEntry | None]) -> None:
    """Take a step, and wait until EKS shows it, or a later one."""
    patience = Backoff(NEW_PRINCIPAL)

    def act() -> bool:
        try:
            accepted = _sent(calls, arn, step)
        except AwsServiceError as error:
            if "invalid principal" not in error.message.lower():
                raise
            if patience.is_over:
                error.hint = "Check that IAM has this role or user, and that the ARN has its path."
                raise
            return False
        if step.action == "create" and not accepted and (found := calls.find(arn)) and found not in states:
            raise _conflict(arn, found)
        return accepted

    calls.until_shown(arn, act, lambda found: found in states)


def _sent(calls: AccessEntries, arn: str, step: Step) -> bool:
    """Send the call of a step.

    Returns False if EKS has the entry already, or does not know it.
    """
    entry, policy = step.entry, step.policy
    if entry is None:
        return calls.delete(arn)
    if step.action == "create":
        return calls.create(entry)
    if step.action == "tag":
        calls.tag(entry, **entry.owned) if entry.owner else calls.untag(entry, *entry.owned)
        return True
    if policy is None:
        return calls.update(entry)
    if step.action == "associate":
        return calls.associate(arn, policy)
    return calls.disassociate(arn, policy)


def _takes(diff: EntryDiff) -> bool:
    if not diff.before or not diff.after:
        return diff.before is not None
    compared = by_namespace([diff.before, diff.after])
    was, then = mapping_of(diff.before, compared), mapping_of(diff.after, compared)
    return was.username != then.username or not set(was.groups) <= set(then.groups)


def _conflict(arn: str, found: AccessEntry | None) -> ConflictError:
    now = f"It gives now: {found.gives}." if found else "It is gone."
    message = f"Another writer changed the access entry of {quoted(arn, 200)} since it was read. {now}"
    return ConflictError(message, hint="See the present entry with `awsauth get`, and make the change again.")
