"""Seeing with new tokens that a change works, and taking it back where it shuts somebody out.

An API server asks the authenticator about a token once, and then goes by the answer for two minutes (its default,
``--authentication-token-webhook-cache-ttl``). So only a new token shows what a change has done, and a token that the
server has just been asked about still works for whoever has been shut out: with it the change is taken back. A cluster
may have several API servers, each of which remembers for itself: all of it goes over the connection that is open.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from awsauth.core.document.document import Document
from awsauth.core.edit.merge import MergeResult
from awsauth.core.edit.revert import reverted
from awsauth.core.findings import Finding, Severity
from awsauth.core.revisions.restore import Restoration
from awsauth.core.text.display import command_line, quoted
from awsauth.errors import AwsAuthError, ForbiddenError, NotRevertedError, RevertedError, UsageError
from awsauth.history.commit import PendingChange, commit
from awsauth.history.retrying_store import with_retries
from awsauth.kube.self_review import self_review
from awsauth.options import CALLER
from awsauth.retry import Backoff
from awsauth.stores.cluster import ClusterStore
from awsauth.verification.probe import TokenProbe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from awsauth.apply import Result
    from awsauth.aws.token import TokenSource
    from awsauth.connections.kubernetes import Connection
    from awsauth.core.revisions.info import Writer
    from awsauth.kube.transport import Transport
    from awsauth.options import Options
    from awsauth.stores.store import Snapshot, Store

    Make = Callable[[Callable[[Snapshot], PendingChange], Options], Result]

NOT_OBSERVED: Final = "not-observed"
NOT_SEEN_YET: Final = "not-seen-yet"

SETTLES: Final = 3.0
"""Seconds after which an authenticator has seen a change; mostly it takes milliseconds, and up to 2 seconds."""


def apply_and_verify(
    make: Make,
    propose: Callable[[Snapshot], PendingChange],
    options: Options,
    *,
    connection: Connection | None,
    writer: Callable[[], Writer],
) -> Result:
    """Make a change and look with new tokens at what it does (see `awsauth.AwsAuthClient.apply`).

    Args:
        make: Makes what is proposed.
        propose: Proposes the change.
        options: How; with ``wait``, ``verify`` or ``revert_after``.
        connection: To the cluster.
        writer: Returns who makes it.

    Raises:
        UsageError: what is asked for cannot be done on this connection; nothing was changed.
        AuthenticationError, AwsServiceError: the tokens to look with cannot be had; nothing was changed.
        RevertedError: somebody did not get in, and the change was reverted.
        NotRevertedError: somebody did not get in, and the change could not be reverted.
        AwsAuthError: what `make` raises.
    """
    if options.get("dry_run"):
        return make(propose, options)
    proposed: list[PendingChange] = []

    def remembered(snapshot: Snapshot) -> PendingChange:
        proposed[:] = [propose(snapshot)]
        return proposed[0]

    transport, tokens = _to_look_with(connection, options)
    watch = _Watch(transport, tokens, options.get("verify", ()))
    way_back = _Reverter(transport, tokens, watch, writer) if tokens and options.get("revert_after") else None
    result = make(remembered, options)
    if not result.changed:
        return result
    for witness in watch.witnesses:
        witness.expect(proposed[0].merged.before, result.document)
    if way_back:
        way_back.arm(result.revision or 0, proposed[0].merged.before, result.document)
        _verify(watch, way_back, options["revert_after"])
    wait = options.get("wait", 0.0)
    findings = watch.waited(wait) if wait else ()
    return replace(result, findings=(*result.findings, *findings))


def _to_look_with(connection: Connection | None, options: Options) -> tuple[Transport, TokenSource | None]:
    verify, revert_after = options.get("verify", ()), options.get("revert_after", 0.0)
    if connection is None:
        raise UsageError(
            "There is no cluster behind this client that could show a change; nothing was changed.",
            hint="Leave wait=, verify= and revert_after= out.",
        )
    if connection.tokens is None and (verify or revert_after):
        raise UsageError(
            "No new tokens can be made here, because this connection has no AWS credentials; nothing was changed.",
            hint="Connect to the EKS cluster by its name (cluster=, from_eks).",
        )
    return connection.transport, connection.tokens


class _Watch:
    """Those whose new tokens are looked at: the caller, and the roles named."""

    def __init__(self, transport: Transport, tokens: TokenSource | None, verify: Sequence[str]) -> None:
        self.witnesses: list[TokenProbe] = []
        if tokens is None:
            return
        self.witnesses.append(TokenProbe("the caller", tokens.for_role(tokens.role_arn), transport))
        self.avoid(tokens.token().value)
        roles = dict.fromkeys(role for role in verify if role != CALLER)
        self.witnesses += [TokenProbe(quoted(role, 200), tokens.for_role(role), transport) for role in roles]

    def avoid(self, token: str) -> None:
        """Never look with a token that was used for something else; two of the caller's of one second are the same."""
        self.witnesses[0].avoid(token)

    def failing(self, seconds: float) -> TokenProbe | None:
        """Look until everybody gets in, and return who does not; None where all do."""
        end, settling = Backoff(seconds), Backoff(SETTLES)
        pending = list(self.witnesses)
        while pending:
            for witness in list(pending):
                is_over, is_settled = end.is_over, settling.is_over and not witness.is_concerned
                witness.look()
                if witness.lost_access or (is_over and not witness.authenticates):
                    return witness
                if witness.authenticates and (is_settled or witness.change_visible or is_over):
                    pending.remove(witness)
        return None

    def waited(self, seconds: float) -> tuple[Finding, ...]:
        """Look until the change shows, and return what there is to say where it does not."""
        concerned = [witness for witness in self.witnesses if witness.is_concerned]
        if not concerned:
            return (_not_observed([witness.name for witness in self.witnesses]),)
        end = Backoff(seconds)
        while pending := [witness for witness in concerned if not witness.change_visible]:
            if end.is_over:
                return (_not_seen_yet([witness.name for witness in pending], seconds),)
            for witness in pending:
                witness.look()
        return ()


class _Reverter:
    """The token with which a change is taken back.

    Signed and shown to the API server just before the change, so that the server goes by what it was told then.
    """

    def __init__(self, transport: Transport, tokens: TokenSource, watch: _Watch, writer: Callable[[], Writer]) -> None:
        token = tokens.for_role(tokens.role_arn).new_token().value
        watch.avoid(token)
        self._transport = transport.with_token(token, acts=True)
        self._store = with_retries(ClusterStore(self._transport))
        self._writer = writer
        self.revision = self.parent = 0
        self.before = self._made = Document({})
        with contextlib.suppress(ForbiddenError):
            self_review(self._transport)

    def arm(self, revision: int, before: Document, made: Document) -> None:
        """Remember what is to be taken back: the change from `before` to `made`, which was recorded as `revision`."""
        self.revision, self.before, self._made = revision, before, made
        # Only to say where it leads: what was before is known.
        with contextlib.suppress(AwsAuthError):
            self.parent = self._store.read_revision(revision).info.parent

    def take(self) -> bool:
        """Take the change back, and return whether all is what it was; raises what `revert` does."""
        reason = f"Reverted revision {self.revision}: somebody did not get in"
        after = revert(self._store, self.before, self._made, to=self.parent, reason=reason, writer=self._writer)
        return after == self.before


def revert(
    store: Store, before: Document, made: Document, *, to: int, reason: str, writer: Callable[[], Writer]
) -> Document:
    """Take the change from `before` to `made` back, and return what there is then; what others have made since stays.

    Args:
        store: Where it was made.
        before: What there was.
        made: What came of it.
        to: The number of the revision that holds `before`; 0 for none.
        reason: Why; kept with the revision.
        writer: Returns who makes the change.

    Raises:
        EditError: somebody has written it since in a way that cannot be edited.
        AwsAuthError: what committing raises.
    """

    def propose(snapshot: Snapshot) -> PendingChange:
        present = snapshot.document
        after = reverted(before, made, present)
        back = MergeResult(present, present if after == present else after)
        return PendingChange(snapshot, back, Restoration(to, after) if to else None)

    return commit(store, propose, reason=reason, writer=writer).snapshot.document


def _verify(watch: _Watch, way_back: _Reverter, seconds: float) -> None:
    try:
        failing = watch.failing(seconds)
    except BaseException as error:
        # Whoever interrupts it, or whatever goes wrong: what was not seen to work does not stay.
        cut = f"it was not looked at to the end: {error.message if isinstance(error, AwsAuthError) else type(error).__name__}"
        reverted = _revert(way_back, cut)
        if isinstance(error, AwsAuthError):
            raise reverted from error
        raise
    if failing:
        raise _revert(
            way_back,
            f"{failing.name} does not get in with a new token: {failing.problem}",
            f" explain() says what it does with {failing.arn}, and why.",
        )


def _revert(way_back: _Reverter, why: str, more: str = "") -> RevertedError:
    """Take the change back, and return the error that says so.

    Raises:
        NotRevertedError: it cannot be taken back.
    """
    parent = way_back.parent
    try:
        is_as_before = way_back.take()
    except AwsAuthError as error:
        source = ("get", "controllerrevision", f"aws-auth-{parent}", "-o", "jsonpath={.data}")
        kubectl = (
            f"{command_line('kubectl', '-n', 'kube-system', *source)} | {command_line('kubectl', 'replace', '-f', '-')}"
        )
        way = kubectl if parent else "take the change out by hand"
        raise NotRevertedError(
            f"The change was made as revision {way_back.revision}, and {why} It could not be reverted, so it is in "
            f"force: {error.message}",
            hint=f"Whoever still gets in can go back:\n  {way}\nWhere nobody does: awsauth.recover().",
            revision=way_back.revision,
            restores=parent,
        ) from error
    earlier = (
        f"what it was in revision {parent}" if parent else "what it was before" if way_back.before.data else "empty"
    )
    since = "" if is_as_before else ", but for what others have written since"
    return RevertedError(
        f"The change was made as revision {way_back.revision}, and reverted: {why}",
        hint=f"aws-auth is again {earlier}{since}.{more}",
        revision=way_back.revision,
        restored=parent,
    )


def _not_observed(names: list[str]) -> Finding:
    whom = " and ".join(names) or "nobody"
    return Finding(
        NOT_OBSERVED,
        Severity.NOTE,
        f"Nobody waited: new tokens can be made here for {whom}, and the change concerns somebody else.",
        "When the authenticator sees it is not known; mostly that takes less than 2 seconds.",
        "Name a role that it concerns and that you may assume in verify=.",
    )


def _not_seen_yet(names: list[str], seconds: float) -> Finding:
    return Finding(
        NOT_SEEN_YET,
        Severity.WARNING,
        f"The change is made, but a new token of {' and '.join(names)} does not show it after {seconds:g} seconds.",
        "The authenticator has not seen it yet, or something else lets them in (an access entry, or being the creator).",
        "Look again with health_check().",
    )
