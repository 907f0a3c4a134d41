"""Trying whether somebody gets into a cluster, with tokens that nobody has seen before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from awsauth.core.escaping import quoted
from awsauth.errors import AuthenticationError, ForbiddenError, UnavailableError
from awsauth.kube.permissions import CHANGER, missing
from awsauth.kube.review import review
from awsauth.retry import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsauth.connecting_eks import EksConnection
    from awsauth.core.explanation import Explanation
    from awsauth.kube.rbac_rule import RbacRule


@dataclass(frozen=True, slots=True)
class Seen:
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


class Entrance:
    """One identity before one cluster.

    Args:
        connection: The connection of that identity.
    """

    def __init__(self, connection: EksConnection) -> None:
        self.connection: Final = connection

    def look(self) -> Seen:
        """Return what a new token gets now: as whom it is let in, and whether it may repair ``aws-auth``.

        Raises:
            UnreachableError: the API server cannot be reached.
            AwsAuthError: it does not answer otherwise, or no token can be made.
        """
        token = self.connection.tokens.fresh()
        transport = self.connection.transport.with_token(token.value)
        try:
            who = review(transport)
        except AuthenticationError:
            return Seen(is_known=False)
        except ForbiddenError:
            return Seen(is_known=True)
        lacks = missing(transport, CHANGER)
        if who is None:
            return Seen(is_known=True, lacks=lacks)
        return Seen(is_known=True, username=who.username, groups=who.own_groups, lacks=lacks)

    def wait(self, until: Callable[[Seen], bool], seconds: float) -> Seen:
        """Return what a new token gets, as soon as it is what is waited for; the last one when the time is up."""
        seen = Seen(is_known=False)
        for _ in Backoff(seconds):
            try:
                seen = self.look()
            except UnavailableError:
                continue
            if until(seen):
                break
        return seen
