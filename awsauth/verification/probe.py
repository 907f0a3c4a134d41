"""Show with new tokens whether an identity gets in, and as which user.

An API server asks the authenticator about a token once. By default, it caches the answer for two minutes
(``--authentication-token-webhook-cache-ttl``). So only a new token shows the effect of a change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.core.text.display import quoted
from awsauth.errors import AuthenticationError, ForbiddenError, UnavailableError
from awsauth.kube.rbac import missing, self_review
from awsauth.system.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsauth.aws.token import TokenSource
    from awsauth.core.explain.explanation import Explanation
    from awsauth.core.report.rbac import RbacRule
    from awsauth.kube.transport import Transport


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


class TokenProbe:
    """Probes one cluster with new tokens of one identity.

    Args:
        tokens: Makes the tokens.
        transport: To the API server.
        rules: The permissions to check with each token.
    """

    def __init__(self, tokens: TokenSource, transport: Transport, rules: tuple[RbacRule, ...] = ()) -> None:
        self.tokens: Final = tokens
        self.transport: Final = transport
        self._rules = rules

    def look(self) -> ProbeResult:
        """Return the result for a new token.

        Raises:
            UnreachableError: the API server cannot be reached.
            AwsAuthError: it does not answer otherwise, or no token can be made.
        """
        transport = self.transport.with_token(self.tokens.token(renew=True).value)
        try:
            found = self_review(transport)
        except AuthenticationError:
            return ProbeResult(authenticated=False)
        except ForbiddenError:
            return ProbeResult(authenticated=True, missing_permissions=self._rules)
        lacking = missing(transport, self._rules)
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
            except UnavailableError:
                continue
            if until(seen):
                break
        return seen
