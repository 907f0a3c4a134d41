"""Verify a change with new tokens, and revert it if it locks an identity out.

An API server asks the authenticator about a token once. By default, it caches the answer for two minutes
(``--authentication-token-webhook-cache-ttl``). So only a new token shows the effect of a change. A token that the API
server has just accepted still works for an identity that is locked out. The change is reverted with such a token. A
cluster may have several API servers with a cache each, so all requests use one connection.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth import errors
from awsauth.core.access.caller import Caller
from awsauth.core.document.document import Document
from awsauth.core.document.model import SYSTEM_AUTHENTICATED
from awsauth.core.edit.merge import MergeResult
from awsauth.core.explain.explain import explain
from awsauth.core.findings import Finding, note, warning
from awsauth.core.revisions.restore import Restoration, reverted
from awsauth.core.text.display import command_line, quoted
from awsauth.history.commit import RetryingStore, commit
from awsauth.history.proposal import PendingChange, Propose
from awsauth.kube.rbac import missing
from awsauth.kube.self_review import self_review
from awsauth.options import CALLER, Options
from awsauth.stores.cluster import ClusterStore
from awsauth.system.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from awsauth.apply import Result
    from awsauth.aws.token import TokenSource
    from awsauth.connections.kubernetes import Connection
    from awsauth.core.explain.explanation import Explanation
    from awsauth.core.report.rbac import RbacRule
    from awsauth.core.revisions.info import Writer
    from awsauth.kube.transport import Transport
    from awsauth.stores.store import Snapshot, Store


class ProbeResult(NamedTuple):
    """The answer of the API server to a new token.

    Attributes:
        authenticated: Whether the API server accepts the token.
        username: The username; empty if the server does not report it.
        groups: The groups, without ``system:authenticated``.
        missing_permissions: The permissions that the user lacks, of those that were checked.
    """

    authenticated: bool
    username: str = ""
    groups: frozenset[str] = frozenset()
    missing_permissions: tuple[RbacRule, ...] = ()

    @property
    def may_repair(self) -> bool:
        """Whether the user has every permission that was checked."""
        return self.authenticated and not self.missing_permissions

    @property
    def user(self) -> str:
        """The user and its groups, for people."""
        groups = f" in {', '.join(map(quoted, sorted(self.groups)))}" if self.groups else ""
        return (quoted(self.username, 200) if self.username else "an unknown user") + groups

    def matches(self, explanation: Explanation) -> bool:
        """Whether ``aws-auth`` grants this username and groups, if both are known."""
        if not self.authenticated or not self.username:
            return self.authenticated
        outcome = explanation.outcomes[0]
        # A text with a template whose value is unknown cannot be compared.
        texts = (outcome.username, *outcome.groups)
        username, *groups = ("" if any(marker in text for marker in outcome.unresolved) else text for text in texts)
        return username in ("", self.username) and self.groups >= {*groups} - {""}

    def __str__(self) -> str:
        if not self.authenticated:
            return "rejected (401)"
        lacking = ", ".join(map(str, self.missing_permissions))
        return f"accepted as {self.user}" + (f", without the permission to {lacking}" if lacking else "")


class TokenProbe(NamedTuple):
    """Probes one cluster with new tokens of one identity.

    Args:
        tokens: Makes the tokens.
        transport: To the API server.
        rules: The permissions to check with each token.
    """

    tokens: TokenSource
    transport: Transport
    rules: tuple[RbacRule, ...] = ()

    def look(self) -> ProbeResult:
        """Return the result for a new token.

        Raises:
            UnreachableError: the API server cannot be reached.
            AwsAuthError: it does not answer otherwise, or no token can be made.
        """
        transport = self.transport.with_token(self.tokens.token(renew=True).value)
        try:
            found = self_review(transport)
        except errors.AuthenticationError:
            return ProbeResult(authenticated=False)
        except errors.ForbiddenError:
            return ProbeResult(authenticated=True, missing_permissions=self.rules)
        lacking = missing(transport, self.rules)
        if not found:
            return ProbeResult(authenticated=True, missing_permissions=lacking)
        return ProbeResult(True, found.username, found.own_groups, lacking)

    def wait(self, until: Callable[[ProbeResult], bool], seconds: float) -> ProbeResult:
        """Return the first result that `until` accepts, or else the last one.

        The last one is that at the end of the time.
        """
        seen = ProbeResult(authenticated=False)
        for _ in Backoff(seconds):
            try:
                seen = self.look()
            except errors.UnavailableError:
                continue
            if until(seen):
                break
        return seen


NOT_OBSERVED: Final = "not-observed"
NOT_SEEN_YET: Final = "not-seen-yet"

# Seconds after which an authenticator has seen a change. Mostly it takes milliseconds, and up to 2 seconds.
SEEN_AFTER: Final = 3.0


def apply_and_verify(
    make: Callable[[Propose, Options], Result],
    propose: Propose,
    options: Options,
    *,
    connection: Connection | None,
    writer: Callable[[], Writer],
) -> Result:
    """Make a change, and verify it with new tokens (see `AwsAuthClient.apply`).

    Args:
        make: Makes the proposed change.
        propose: Proposes the change.
        options: With ``wait``, ``verify`` or ``revert_after``.
        connection: To the cluster.
        writer: Returns the author of the change.

    Raises:
        UsageError: the connection cannot verify anything.
        AuthenticationError, AwsServiceError: the tokens for the verification cannot be made.
        RevertedError: an identity got no access, and the change was reverted.
        NotRevertedError: an identity got no access, and the change could not be reverted.
        AwsAuthError: the errors of `make`.
    """
    if options.get("dry_run"):
        return make(propose, options)
    wait, revert_after = options.get("wait", 0.0), options.get("revert_after", 0.0)
    witnesses = _witnesses(connection, options)
    proposed: list[PendingChange] = []

    def remembered(snapshot: Snapshot) -> PendingChange:
        proposed[:] = [propose(snapshot)]
        return proposed[0]

    reverter = _Reverter(witnesses[0].probe, writer) if witnesses and revert_after else None
    result = make(remembered, options)
    if not result.changed:
        return result
    before = proposed[0].merged.before
    for witness in witnesses:
        witness.expect(before, result.document)
    if reverter:
        reverter.arm(result.revision or 0, before, result.document)
        _verify(witnesses, reverter, revert_after)
    return replace(result, findings=(*result.findings, *(_waited(witnesses, wait) if wait else ())))


def _witnesses(connection: Connection | None, options: Options) -> list[_Witness]:
    """Return the caller and the named roles; none without AWS credentials."""
    verify = options.get("verify", ())
    if not connection:
        hint = "Leave wait=, verify= and revert_after= out."
        raise errors.UsageError("Without a cluster a change cannot be verified.", hint=hint)
    transport, tokens = connection.transport, connection.tokens
    if tokens:
        caller = _Witness("the caller", tokens.for_role(tokens.role_arn), transport)
        roles = dict.fromkeys(role for role in verify if role != CALLER)
        return [caller, *(_Witness(quoted(role, 200), tokens.for_role(role), transport) for role in roles)]
    if verify or options.get("revert_after"):
        hint = "Connect to the EKS cluster by its name (cluster=, from_eks)."
        raise errors.UsageError("New tokens cannot be made, because this connection has no AWS credentials.", hint=hint)
    return []


class _Witness:
    """The caller or a role, whose new tokens show the effect of a change.

    Args:
        name: The identity, for people.
        tokens: Makes its tokens.
        transport: To the API server.

    Attributes:
        arn: Its ARN, as STS reports it.
        seen: The result of the last look; the first look is before the change.
        problem: Why the last token got no access.
        is_concerned: Whether the change concerns it.
        lost_access: Whether it had access before the change, and certainly has none now.
    """

    def __init__(self, name: str, tokens: TokenSource, transport: Transport) -> None:
        self.name = name
        self.arn = tokens.caller()
        self.probe = TokenProbe(tokens, transport)
        self.seen = self.probe.look()
        self.problem = ""
        self.is_concerned = self.lost_access = False
        self._expected: ProbeResult | None = None
        self._had_access = self.seen.authenticated
        self._rejections = 0

    def expect(self, before: Document, after: Document) -> None:
        """Work out the effect of a change on this identity."""
        self._expected = _granted(after, self.arn)
        self.is_concerned = self._expected is not None and self._expected != _granted(before, self.arn)

    def look(self) -> None:
        """Look with a new token."""
        try:
            self.seen = self.probe.look()
        except errors.AwsAuthError as error:
            self.seen, self.problem = ProbeResult(authenticated=False), error.message
            return
        self.problem = f"the API server rejects {self.arn} (401)."
        self._rejections = 0 if self.seen.authenticated else self._rejections + 1
        self.lost_access = self._had_access and self._rejections >= 2  # STS may fail once

    @property
    def change_visible(self) -> bool:
        """Whether the last look showed the effect of the change."""
        return self.is_concerned and self.seen == self._expected


def _granted(document: Document, arn: str) -> ProbeResult | None:
    """Return the access that ``aws-auth`` grants an identity; None if uncertain."""
    try:
        explanation = explain(document, Caller(arn))
    except errors.AwsAuthError:
        return None
    if explanation.verdict in ("not-mapped", "refused"):
        return ProbeResult(authenticated=False)
    if explanation.username is None or explanation.outcomes[0].unresolved:
        return None
    groups = frozenset(explanation.groups or ()) - {SYSTEM_AUTHENTICATED}
    return ProbeResult(authenticated=True, username=explanation.username, groups=groups)


def _failing(witnesses: Sequence[_Witness], seconds: float) -> _Witness | None:
    """Look until every witness gets access; return one that does not."""
    end, settling = Backoff(seconds), Backoff(SEEN_AFTER)
    pending = list(witnesses)
    while pending:
        for witness in list(pending):
            is_over, is_settled = end.is_over, settling.is_over and not witness.is_concerned
            witness.look()
            has_access = witness.seen.authenticated
            if witness.lost_access or (is_over and not has_access):
                return witness
            if has_access and (is_settled or witness.change_visible or is_over):
                pending.remove(witness)
    return None


def _waited(witnesses: Sequence[_Witness], seconds: float) -> tuple[Finding, ...]:
    """Wait until the change is visible; return a finding if it stays invisible."""
    if not (concerned := [witness for witness in witnesses if witness.is_concerned]):
        names = " and ".join(witness.name for witness in witnesses)
        whose = f"new tokens can be made here only for {names}, and" if names else "no new tokens can be made here:"
        message = f"The change was not waited for: {whose} the change concerns other identities."
        impact = "The time when the authenticator sees it is unknown; mostly that takes less than 2 seconds."
        hint = "Name a role in verify= that the change concerns and that you may assume."
        return (note(NOT_OBSERVED, message, impact, hint),)
    end = Backoff(seconds)
    while pending := [witness for witness in concerned if not witness.change_visible]:
        if end.is_over:
            names = " and ".join(witness.name for witness in pending)
            message = f"The change is made, but a new token of {names} does not show it after {seconds:g} seconds."
            overrides = "an access entry or the cluster's creator role overrides it"
            impact = f"The authenticator has not seen it yet, or {overrides}."
            return (warning(NOT_SEEN_YET, message, impact, "Look again with health_check()."),)
        for witness in pending:
            witness.look()
    return ()


class _Reverter:
    """Reverts the change with a token that worked just before the change."""

    def __init__(self, caller: TokenProbe, writer: Callable[[], Writer]) -> None:
        transport = caller.transport.with_token(caller.tokens.token(renew=True).value, acts=True)
        self._store = RetryingStore(ClusterStore(transport))
        self._writer = writer
        self._revision = self._parent = 0
        self._before = self._made = Document({})
        with contextlib.suppress(errors.ForbiddenError):
            self_review(transport)

    def arm(self, revision: int, before: Document, made: Document) -> None:
        """Remember the change from `before` to `made`, which was recorded as `revision`."""
        self._revision, self._before, self._made = revision, before, made
        # Only for the messages: the state before is known.
        with contextlib.suppress(errors.AwsAuthError):
            self._parent = self._store.read_revision(revision).info.parent

    def revert(self, why: str, advice: str = "") -> errors.RevertedError:
        """Revert the change, and return the error that says so.

        Raises:
            NotRevertedError: it cannot be reverted.
        """
        parent, made = self._parent, f"The change was made as revision {self._revision}"
        reason = f"Reverted revision {self._revision}: an identity got no access"
        try:
            after = revert(self._store, self._before, self._made, to=parent, reason=reason, writer=self._writer)
        except errors.AwsAuthError as error:
            source = ("get", "controllerrevision", f"aws-auth-{parent}", "-o", "jsonpath={.data}")
            get = command_line("kubectl", "-n", "kube-system", *source)
            way = f"{get} | {command_line('kubectl', 'replace', '-f', '-')}" if parent else "undo the change by hand"
            message = f"{made}, and {why} It could not be reverted, so it is in force: {error.message}"
            hint = f"If you still have access, restore the earlier state:\n  {way}\nOtherwise use awsauth.recover()."
            raise errors.NotRevertedError(message, hint=hint, revision=self._revision, restores=parent) from error
        earlier = "the state before it" if self._before.data else "empty"
        since = "" if after == self._before else ", with the later changes of other users"
        hint = f"aws-auth is again {f'as in revision {parent}' if parent else earlier}{since}.{advice}"
        return errors.RevertedError(f"{made}, and reverted: {why}", revision=self._revision, restored=parent, hint=hint)


def revert(
    store: Store, before: Document, made: Document, *, to: int, reason: str, writer: Callable[[], Writer]
) -> Document:
    """Revert the change from `before` to `made`, and return the new state.

    Later changes of other users stay.

    Args:
        store: Where the change was made.
        before: The state before the change.
        made: The state after the change.
        to: The number of the revision that holds `before`; 0 without one.
        reason: Kept with the new revision.
        writer: Returns the author of the revert.

    Raises:
        EditError: a later change cannot be kept.
        AwsAuthError: the errors of a commit.
    """

    def propose(snapshot: Snapshot) -> PendingChange:
        present = snapshot.document
        after = reverted(before, made, present)
        back = MergeResult(present, present if after == present else after)
        return PendingChange(snapshot, back, Restoration(to, after) if to else None)

    return commit(store, propose, reason=reason, writer=writer).snapshot.document


def _verify(witnesses: Sequence[_Witness], reverter: _Reverter, seconds: float) -> None:
    try:
        failing = _failing(witnesses, seconds)
    except BaseException as error:
        # An interrupt or a failure of any kind: a change that is not verified does not stay.
        cause = error.message if isinstance(error, errors.AwsAuthError) else type(error).__name__
        outcome = reverter.revert(f"the verification was interrupted: {cause}")
        if isinstance(error, errors.AwsAuthError):
            raise outcome from error
        raise
    if failing:
        why = f"{failing.name} gets no access with a new token: {failing.problem}"
        raise reverter.revert(why, f" Find the cause with explain({failing.arn!r}).")
