"""Repairing ``aws-auth``, once somebody is in who may: by changes, or by going back; and who gets in by it then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from awsauth.core.document.document import Document
from awsauth.core.document.model import SYSTEM_MASTERS
from awsauth.core.explain.explain import explain
from awsauth.core.explain.who_can import who_can
from awsauth.core.guards.access import REGRANT
from awsauth.core.guards.content import FOREIGN_HISTORY
from awsauth.core.text.display import quoted
from awsauth.errors import ForbiddenError, RecoveryError
from awsauth.history.rollback import unproven_error
from awsauth.kube.resources import read_bindings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsauth.apply import Result
    from awsauth.client import AwsAuthClient
    from awsauth.core.access.caller import Caller
    from awsauth.core.edit.changes import Change
    from awsauth.core.explain.explanation import Explanation
    from awsauth.core.revisions.info import RevisionInfo
    from awsauth.kube.transport import Transport

_REASON: Final = "recovered access"
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class RepairRequest:
    """How ``aws-auth`` is to be repaired: by changes, or by going back; with neither said, as far back as is needed.

    Attributes:
        changes: The changes.
        rollback_to: The revision.
        allow: Guards that are to let it pass.
        reason: Why; kept with the revision.
    """

    changes: tuple[Change, ...] = ()
    rollback_to: int | None = None
    allow: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AppliedRepair:
    """What a repair came to.

    Attributes:
        result: What was changed; None where nothing had to be.
        text: What was done, as a sentence without its full stop; empty where nothing had to be.
        explanation: What ``aws-auth`` comes to for the caller now.
        administrators: Whom it makes administrators now.
    """

    result: Result | None
    text: str
    explanation: Explanation
    administrators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Administrators:
    """By what somebody is an administrator of a cluster.

    Attributes:
        groups: The groups.
        usernames: The usernames.
    """

    groups: frozenset[str]
    usernames: frozenset[str]

    @classmethod
    def of(cls, transport: Transport) -> Administrators:
        """Return what RBAC says; ``system:masters`` alone where it may not be asked."""
        try:
            bindings = read_bindings(transport)
        except ForbiddenError:
            return cls(frozenset({SYSTEM_MASTERS}), frozenset())
        return cls(bindings.admin_groups | {SYSTEM_MASTERS}, bindings.admin_usernames)

    def include(self, explanation: Explanation) -> bool:
        """Whether a caller is let in as an administrator."""
        if explanation.username is None:
            return False
        return explanation.username in self.usernames or not self.groups.isdisjoint(explanation.groups or ())

    def in_document(self, document: Document) -> tuple[str, ...]:
        """Return the ARNs that a document makes administrators."""
        grants = [
            *(grant for group in sorted(self.groups) for grant in who_can(document, group=group)),
            *(grant for username in sorted(self.usernames) for grant in who_can(document, username=username)),
        ]
        return tuple(dict.fromkeys(grant.principal for grant in grants))


def repair(client: AwsAuthClient, transport: Transport, caller: Caller, wish: RepairRequest) -> AppliedRepair:
    """Repair ``aws-auth``; where it is repaired already, nothing is changed.

    With neither changes nor a revision given it goes back to the newest revision in which the caller is an administrator,
    or else to the newest in which anybody is. It changes nothing where the caller is one already, or where somebody is
    and no revision has the caller. As long as nobody is an administrator the guard ``regrant`` lets pass: that somebody
    took it from all of them was no decision.

    Raises:
        UnprovenHistoryError: no revision was named, and only revisions that nothing proves are of use.
        RecoveryError: neither the caller nor any administrator would get in afterwards, no revision is of use, or others
            are administrators, and whether the caller is to be one again is for them to say.
        AwsAuthError: as for `AwsAuthClient.apply` and `AwsAuthClient.rollback`.
    """
    administrators = Administrators.of(transport)
    if wish.changes:
        result, text = _changed(client, caller, wish, administrators), "Made the changes to aws-auth"
    else:
        to = wish.rollback_to
        if to is None:
            to = _revision(client, caller, administrators, wish.allow)
        if to is None:
            result, text = None, ""
        else:
            result, text = (
                _rolled_back(client, caller, to, wish, administrators),
                f"Rolled aws-auth back to revision {to}",
            )
    document = client.read()
    if result is not None and not result.changed:
        result, text = None, ""
    return AppliedRepair(result, text, explain(document, caller), administrators.in_document(document))


def _changed(client: AwsAuthClient, caller: Caller, wish: RepairRequest, administrators: Administrators) -> Result:
    planned = client.apply(wish.changes, allow=wish.allow, dry_run=True)
    _check(planned.document, caller, administrators)
    return client.apply(wish.changes, allow=wish.allow, reason=wish.reason or _REASON)


def _rolled_back(
    client: AwsAuthClient, caller: Caller, to: int, wish: RepairRequest, administrators: Administrators
) -> Result:
    somebody_is_left = bool(administrators.in_document(client.read()))
    allow = wish.allow if somebody_is_left else (*wish.allow, REGRANT)
    planned = client.rollback(to, allow=allow, dry_run=True)
    _check(planned.document, caller, administrators)
    return client.rollback(to, allow=allow, reason=wish.reason or _REASON)


def _check(document: Document, caller: Caller, administrators: Administrators) -> None:
    """Refuse a repair after which nobody could do anything about it."""
    if explain(document, caller).username is None and not administrators.in_document(document):
        raise RecoveryError(
            f"After that neither {quoted(caller.canonical_arn, 200)} nor any administrator would get in by aws-auth, so aws-auth was "
            "not changed.",
            hint=_instead(caller),
        )


def _revision(
    client: AwsAuthClient, caller: Caller, administrators: Administrators, allow: Sequence[str]
) -> int | None:
    """Return the number of the revision to go back to; None where there is nothing to repair."""
    present = client.read()
    if administrators.include(explain(present, caller)):
        return None
    others = administrators.in_document(present)
    entries = [entry for entry in client.history(described=0).entries if not (entry.live or entry.unconfirmed)]
    # It may be another cluster's, or of a time before the object was made anew.
    foreign = [entry for entry in entries if entry.foreign and FOREIGN_HISTORY not in allow]
    proven = [entry.info for entry in entries if entry.proven and entry not in foreign]
    number, is_callers = _fitting(client, caller, administrators, proven)
    if is_callers and others and not any(name.partition("=")[0] == REGRANT for name in allow):
        raise _up_to_others(caller, others, number)
    if is_callers or others:
        return number if is_callers else None
    if number:
        return number
    other = [entry.info for entry in entries if not entry.proven]
    number, _ = _fitting(client, caller, administrators, other)
    if number:
        later = [info for info in other if info.number <= number]
        error = unproven_error(later, names_none=not proven)
        error.hint = f"Look at revision {number}. Then name it: pass rollback_to={number}."
        raise error
    raise _no_revision(caller, passed_over=bool(foreign))


def _fitting(
    client: AwsAuthClient, caller: Caller, administrators: Administrators, infos: Sequence[RevisionInfo]
) -> tuple[int, bool]:
    """Return the newest revision that makes the caller an administrator, or else anybody; and whether it is the caller."""
    with_anybody = 0
    for info in infos:
        revision = client.show(info.number)
        if not revision.is_intact or revision.digest != info.digest:
            continue
        document = Document(revision.data)
        if administrators.include(explain(document, caller)):
            return info.number, True
        if not with_anybody and administrators.in_document(document):
            with_anybody = info.number
    return with_anybody, False


def _up_to_others(caller: Caller, others: tuple[str, ...], number: int) -> RecoveryError:
    return RecoveryError(
        f"By aws-auth {', '.join(map(quoted, others[:_SHOWN]))}{' and others' if len(others) > _SHOWN else ''} get in as "
        f"administrators, and {quoted(caller.canonical_arn, 200)} does not: somebody may have decided so. aws-auth was not "
        "changed.",
        hint=f"Ask them. Or, to go back to revision {number}, in which it does, pass allow=[{REGRANT!r}]; or pass changes.",
    )


def _no_revision(caller: Caller, *, passed_over: bool) -> RecoveryError:
    foreign = (
        f" Those of an object that is gone were left out; allow {FOREIGN_HISTORY} to use them." if passed_over else ""
    )
    return RecoveryError(
        f"There is no revision in which {quoted(caller.canonical_arn, 200)} or any administrator gets in, so aws-auth was "
        f"not changed.{foreign}",
        hint=_instead(caller),
    )


def _instead(caller: Caller) -> str:
    change = "EnsureRole(role_arn" if caller.is_role else "EnsureUser(user_arn"
    return (
        f'Pass changes that let somebody in: changes=[awsauth.{change}="{caller.canonical_arn}", username="admin", '
        f'groups=["{SYSTEM_MASTERS}"])].'
    )
