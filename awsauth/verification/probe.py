"""Somebody whose new tokens show what the authenticator goes by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from awsauth.core.access.caller import Caller
from awsauth.core.explain.explain import explain
from awsauth.core.text.display import quoted
from awsauth.errors import AuthenticationError, AwsAuthError, ForbiddenError, UnavailableError
from awsauth.kube.rbac import CHANGER, missing
from awsauth.kube.self_review import EVERYBODY, self_review
from awsauth.retry import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsauth.aws.token import TokenSource
    from awsauth.connections.eks import EksConnection
    from awsauth.core.document.document import Document
    from awsauth.core.explain.explanation import Explanation
    from awsauth.kube.rbac import RbacRule
    from awsauth.kube.self_review import SelfReview
    from awsauth.kube.transport import Transport


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a new token got.

    Attributes:
        is_known: Whether the cluster let it in.
        username: As whom; empty where the cluster does not tell.
        groups: In which groups, without the one that everybody is in.
        lacks: What it may not do, of what a repair needs.
    """

    is_known: bool
    username: str = ""
    groups: frozenset[str] = frozenset()
    lacks: tuple[RbacRule, ...] = CHANGER

    @property
    def may_repair(self) -> bool:
        """Whether it may change ``aws-auth``."""
        return self.is_known and not self.lacks

    def is_what(self, explanation: Explanation) -> bool:
        """Whether this is what ``aws-auth`` comes to, for a caller whom it lets in; as far as the cluster tells."""
        outcome = explanation.outcomes[0]
        # What a template stands for, where that is not known here, cannot be compared.
        username, *groups = (
            "" if any(marker in text for marker in outcome.unresolved) else text
            for text in (outcome.username, *outcome.groups)
        )
        if not self.is_known or not self.username:
            return self.is_known
        return username in ("", self.username) and self.groups >= {*groups} - {""}

    def __str__(self) -> str:
        if not self.is_known:
            return "not let in (401)"
        groups = f" in {', '.join(map(quoted, sorted(self.groups)))}" if self.groups else ""
        who = f"let in as {quoted(self.username, 200) if self.username else 'somebody it does not tell'}{groups}"
        return f"{who}, and may not {' nor '.join(map(str, self.lacks))}" if self.lacks else who


class EntranceProbe:
    """One identity before one cluster.

    Args:
        connection: The connection of that identity.
    """

    def __init__(self, connection: EksConnection) -> None:
        self.connection: Final = connection

    def look(self) -> ProbeResult:
        """Return what a new token gets now: as whom it is let in, and whether it may repair ``aws-auth``.

        Raises:
            UnreachableError: the API server cannot be reached.
            AwsAuthError: it does not answer otherwise, or no token can be made.
        """
        token = self.connection.tokens.new_token()
        transport = self.connection.transport.with_token(token.value)
        try:
            who = self_review(transport)
        except AuthenticationError:
            return ProbeResult(is_known=False)
        except ForbiddenError:
            return ProbeResult(is_known=True)
        lacks = missing(transport, CHANGER)
        if who is None:
            return ProbeResult(is_known=True, lacks=lacks)
        return ProbeResult(is_known=True, username=who.username, groups=who.own_groups, lacks=lacks)

    def wait(self, until: Callable[[ProbeResult], bool], seconds: float) -> ProbeResult:
        """Return what a new token gets, as soon as it is what is waited for; the last one when the time is up."""
        seen = ProbeResult(is_known=False)
        for _ in Backoff(seconds):
            try:
                seen = self.look()
            except UnavailableError:
                continue
            if until(seen):
                break
        return seen


_NEW_TOKEN: Final = 5.0
"""Seconds within which a token differs from the last one: it holds the second in which it was made."""


_CERTAIN: Final = 2
"""How many new tokens in a row have to be refused before somebody counts as shut out: one may meet a hiccup of STS."""


@dataclass(frozen=True, slots=True)
class AccessState:
    """Whether somebody gets in, and as whom; without a username where that cannot be told."""

    authenticates: bool
    username: str = ""
    groups: frozenset[str] = frozenset()


class TokenProbe:
    """One identity, looked at with a new token each time.

    Making one looks already: what is so before the change.

    Args:
        name: Who it is, for people.
        tokens: Where its tokens come from; nobody else's.
        transport: To the API server.

    Attributes:
        arn: Whom STS takes it for.
        problem: Why it did not get in the last time.

    Raises:
        CredentialsError, AwsServiceError: the role cannot be assumed, or STS cannot be asked.
        AwsAuthError: the API server cannot be asked.
    """

    def __init__(self, name: str, tokens: TokenSource, transport: Transport) -> None:
        self.name = name
        self.problem = ""
        self.arn = tokens.caller()
        self._tokens = tokens
        self._transport = transport
        self._used: set[str] = set()
        self._expected: AccessState | None = None
        self._refusals = 0
        self._seen = self._looked()
        self._was_in = self._seen.authenticates
        self.is_concerned = False

    def avoid(self, token: str) -> None:
        """Never look with this token, of which the API server may remember something."""
        self._used.add(token)

    def expect(self, before: Document, after: Document) -> None:
        """Work out what a change will do for this one."""
        self._expected = _standing(after, self.arn)
        self.is_concerned = self._expected is not None and self._expected != _standing(before, self.arn)

    def look(self) -> None:
        """Look with a new token, which takes up to a second: two of the same second are the same."""
        try:
            self._seen = self._looked()
        except AwsAuthError as error:
            self._seen, self.problem = AccessState(authenticates=False), error.message
            return
        self._refusals = 0 if self._seen.authenticates else self._refusals + 1

    @property
    def authenticates(self) -> bool:
        """Whether it got in the last time."""
        return self._seen.authenticates

    @property
    def change_visible(self) -> bool:
        """Whether the last look showed what the change is to do for it."""
        return self.is_concerned and self._seen == self._expected

    @property
    def lost_access(self) -> bool:
        """Whether it got in before the change, and certainly does not any more."""
        return self._was_in and self._refusals >= _CERTAIN

    def _new_token(self) -> str:
        token = ""
        for _ in Backoff(_NEW_TOKEN, longest=0.1):
            token = self._tokens.new_token().value
            if token not in self._used:
                break
        self._used.add(token)
        return token

    def _looked(self) -> AccessState:
        token = self._new_token()
        try:
            found = self_review(self._transport.with_token(token))
        except AuthenticationError:
            self.problem = f"the API server does not know {self.arn} (401)."
            return AccessState(authenticates=False)
        except ForbiddenError:
            found = None
        return _reviewed(found) if found else AccessState(authenticates=True)


def _reviewed(found: SelfReview) -> AccessState:
    return AccessState(authenticates=True, username=found.username, groups=found.own_groups)


def _standing(document: Document, arn: str) -> AccessState | None:
    """Return what ``aws-auth`` gives somebody; None where that cannot be told for certain."""
    try:
        explanation = explain(document, Caller(arn))
    except AwsAuthError:
        return None
    if explanation.verdict in ("not-mapped", "refused"):
        return AccessState(authenticates=False)
    if explanation.username is None or explanation.outcomes[0].unresolved:
        return None
    groups = frozenset(explanation.groups or ()) - {EVERYBODY}
    return AccessState(authenticates=True, username=explanation.username, groups=groups)
