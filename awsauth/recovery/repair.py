"""Repairing ``aws-auth`` during a recovery: by changes or a rollback."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from awsauth.core.document.document import Document
from awsauth.core.document.model import SYSTEM_MASTERS
from awsauth.core.explain.explain import explain
from awsauth.core.explain.explanation import Explanation, call
from awsauth.core.guards.access import REGRANT, administrators
from awsauth.core.guards.content import FOREIGN_HISTORY
from awsauth.core.guards.context import GuardContext, violation
from awsauth.core.guards.guards import raise_for_violations
from awsauth.core.revisions.info import RevisionInfo
from awsauth.core.text.display import listed, quoted
from awsauth.errors import ForbiddenError, RecoveryError
from awsauth.history.rollback import unproven_error
from awsauth.kube.rbac import read_bindings
from awsauth.kube.transport import Transport
from awsauth.recovery.plan import RecoveryStep

if TYPE_CHECKING:
    from awsauth.apply import Result
    from awsauth.client import AwsAuthClient
    from awsauth.core.access.caller import Caller
    from awsauth.core.edit.changes import Change


class RepairRequest(NamedTuple):
    """How the caller wants ``aws-auth`` repaired: by changes, or by a rollback.

    Attributes:
        changes: The changes.
        rollback_to: The revision; with neither, the repair finds the revision itself.
        allow: Guards that the repair may violate.
        reason: Why; kept with the revision.
        may_switch: Whether the authentication mode may be switched.
    """

    changes: tuple[Change, ...] = ()
    rollback_to: int | None = None
    allow: tuple[str, ...] = ()
    reason: str = ""
    may_switch: bool = False

    @property
    def step(self) -> RecoveryStep:
        """The repair as a step of the plan."""
        if self.changes:
            text = f"Change aws-auth: {'; '.join(map(call, self.changes))}"
        elif self.rollback_to:
            text = f"Roll aws-auth back to revision {self.rollback_to}; mappings that others added since stay"
        else:
            newest = "the newest revision in which you are an administrator (or, failing that, anyone is)"
            rest = f"If other administrators remain, your access is restored only if you allow {REGRANT}"
            stay = "Skipped if you already are one. Mappings added since stay"
            text = f"Roll aws-auth back to {newest}. {stay}. {rest}"
        return RecoveryStep("repair", text)

    def make(self, client: AwsAuthClient, **how: Any) -> Result:
        """Make the changes, or the rollback."""
        if self.changes:
            return client.apply(self.changes, allow=self.allow, **how)
        return client.rollback(self.rollback_to, allow=self.allow, **how)


class AccessRepair:
    """The repair of one ``aws-auth``, so that a caller gets in.

    Args:
        client: Changes it.
        transport: To the API server.
        caller: Who is locked out.
        request: How to repair it.
    """

    def __init__(self, client: AwsAuthClient, transport: Transport, caller: Caller, request: RepairRequest) -> None:
        self._client = client
        self._caller = caller
        self._request = request
        self._rbac = GuardContext()
        with suppress(ForbiddenError):
            found = read_bindings(transport)
            self._rbac = GuardContext(admin_usernames=found.admin_usernames, admin_groups=found.admin_groups)

    def pending(self) -> RepairRequest | None:
        """Return the repair with its revision, or None if it would change nothing.

        Without changes and a revision, it is a rollback to the newest revision that makes the caller an administrator.
        Without one, it is the newest that makes anyone an administrator. Return None if the caller is one
        already, or if there are others and no revision has the caller. The guard ``regrant`` is allowed if there are no
        administrators: then no one decided against the caller.

        Raises:
            UnprovenHistoryError: no revision was named, and only unproven revisions are of use.
            RecoveryError: after it neither the caller nor any administrator would get in, or no revision is of use.
            GuardError: other administrators are left, and `allow` does not name ``regrant``.
            AwsAuthError: as for `AwsAuthClient.apply` and `AwsAuthClient.rollback`.
        """
        request = self._request
        if not request.changes:
            to = request.rollback_to or self._revision()
            if not to:
                return None
            allow = request.allow if self.administrators() else (*request.allow, REGRANT)
            request = request._replace(rollback_to=to, allow=allow)
        planned = request.make(self._client, dry_run=True)
        after = planned.document
        if explain(after, self._caller).username is None and not administrators(after, self._rbac):
            arn = quoted(self._caller.canonical_arn, 200)
            message = f"After this repair neither {arn} nor any administrator would get in by aws-auth."
            raise RecoveryError(message, hint=self._alternative())
        return request if planned.changed else None

    def apply(self, done: list[str]) -> Result | None:
        """Repair ``aws-auth``, if there is anything to repair; raises like `pending`.

        The step is appended to `done`.
        """
        request = self.pending()
        result = request and request.make(self._client, reason=request.reason or "recovered access")
        if not request or not result or not result.changed:
            return None
        to = request.rollback_to
        done.append(f"Rolled aws-auth back to revision {to}" if to else "Made the changes to aws-auth")
        return result

    def explanation(self) -> Explanation:
        """Return the access that ``aws-auth`` grants the caller now."""
        return explain(self._client.read(), self._caller)

    def administrators(self) -> tuple[str, ...]:
        """Return the ARNs that ``aws-auth`` makes administrators now."""
        return administrators(self._client.read(), self._rbac)

    def _revision(self) -> int | None:
        """Return the number of the revision to restore; None if nothing is to repair."""
        present, allow = self._client.read(), self._request.allow
        if self._is_administrator(explain(present, self._caller)):
            return None
        others = administrators(present, self._rbac)
        past = self._client.history(described=0).entries
        entries = [entry for entry in past if entry.info.number and not (entry.live or entry.unconfirmed)]
        # A foreign revision may be another cluster's, or older than the object.
        foreign = [entry for entry in entries if entry.foreign and FOREIGN_HISTORY not in allow]
        number, is_callers = self._newest([entry.info for entry in entries if entry.proven and entry not in foreign])
        if is_callers and others:
            arn = self._caller.canonical_arn
            names = listed(list(map(quoted, others)), 3)
            message = f"aws-auth makes {names} administrators, and not {quoted(arn, 200)}."
            impact = f"They may have decided so. The rollback to revision {number} restores your access."
            raise_for_violations([violation(REGRANT, message, impact, "Ask them.", principal=arn)], allow)
        if is_callers or others or number:
            return number if is_callers or not others else None
        unproven = [entry.info for entry in entries if not entry.proven]
        number, _ = self._newest(unproven)
        if number:
            error = unproven_error([one for one in unproven if one.number <= number], self._client.show, present)
            error.hint = f"Look at revision {number}. Then name it: pass rollback_to={number}."
            raise error
        left_out = f" Revisions of a deleted object are left out unless you allow {FOREIGN_HISTORY}." if foreign else ""
        message = f"No revision gives {quoted(self._caller.canonical_arn, 200)} or any administrator access.{left_out}"
        raise RecoveryError(message, hint=self._alternative())

    def _newest(self, infos: Sequence[RevisionInfo]) -> tuple[int, bool]:
        """Return the newest revision with an administrator, and whether it is the caller.

        One in which the caller is an administrator comes first.
        """
        with_anyone = 0
        for info in infos:
            revision = self._client.show(info.number)
            if not revision.is_intact or revision.digest != info.digest:
                continue
            document = Document(revision.data)
            if self._is_administrator(explain(document, self._caller)):
                return info.number, True
            if not with_anyone and administrators(document, self._rbac):
                with_anyone = info.number
        return with_anyone, False

    def _is_administrator(self, explanation: Explanation) -> bool:
        """Whether the caller gets in as an administrator."""
        groups = self._rbac.admin_groups | {SYSTEM_MASTERS}
        return explanation.username in self._rbac.admin_usernames or not groups.isdisjoint(explanation.groups or ())

    def _alternative(self) -> str:
        change = "EnsureRole(role_arn" if self._caller.is_role else "EnsureUser(user_arn"
        made = f'awsauth.{change}="{self._caller.canonical_arn}", username="admin", groups=["{SYSTEM_MASTERS}"])'
        return f"Pass changes that map an administrator: changes=[{made}]."
