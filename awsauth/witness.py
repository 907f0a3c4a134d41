"""Somebody whose new tokens show what the authenticator goes by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from awsauth.core.caller import Caller
from awsauth.core.explain import explain
from awsauth.errors import AuthenticationError, AwsAuthError, ForbiddenError
from awsauth.kube.review import EVERYBODY, review
from awsauth.retry import Backoff

if TYPE_CHECKING:
    from awsauth.aws.token import TokenSource
    from awsauth.core.document import Document
    from awsauth.kube.review import Review
    from awsauth.kube.transport import Transport

_NEW_TOKEN: Final = 5.0
"""Seconds within which a token differs from the last one: it holds the second in which it was made."""

_CERTAIN: Final = 2
"""How many new tokens in a row have to be refused before somebody counts as shut out: one may meet a hiccup of STS."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether somebody gets in, and as whom; without a username where that cannot be told."""

    gets_in: bool
    username: str = ""
    groups: frozenset[str] = frozenset()


class Witness:
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
        self._expected: Standing | None = None
        self._refusals = 0
        self._seen = self._looked()
        self._was_in = self._seen.gets_in
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
            self._seen, self.problem = Standing(gets_in=False), error.what
            return
        self._refusals = 0 if self._seen.gets_in else self._refusals + 1

    @property
    def gets_in(self) -> bool:
        """Whether it got in the last time."""
        return self._seen.gets_in

    @property
    def shows_change(self) -> bool:
        """Whether the last look showed what the change is to do for it."""
        return self.is_concerned and self._seen == self._expected

    @property
    def is_shut_out(self) -> bool:
        """Whether it got in before the change, and certainly does not any more."""
        return self._was_in and self._refusals >= _CERTAIN

    def _new_token(self) -> str:
        token = ""
        for _ in Backoff(_NEW_TOKEN, longest=0.1):
            token = self._tokens.fresh().value
            if token not in self._used:
                break
        self._used.add(token)
        return token

    def _looked(self) -> Standing:
        token = self._new_token()
        try:
            found = review(self._transport.with_token(token))
        except AuthenticationError:
            self.problem = f"the API server does not know {self.arn} (401)."
            return Standing(gets_in=False)
        except ForbiddenError:
            found = None
        return _reviewed(found) if found else Standing(gets_in=True)


def _reviewed(found: Review) -> Standing:
    return Standing(gets_in=True, username=found.username, groups=found.own_groups)


def _standing(document: Document, arn: str) -> Standing | None:
    """Return what ``aws-auth`` gives somebody; None where that cannot be told for certain."""
    try:
        explanation = explain(document, Caller(arn))
    except AwsAuthError:
        return None
    if explanation.verdict in ("not-mapped", "refused"):
        return Standing(gets_in=False)
    if explanation.username is None or explanation.outcomes[0].unresolved:
        return None
    groups = frozenset(explanation.groups or ()) - {EVERYBODY}
    return Standing(gets_in=True, username=explanation.username, groups=groups)
