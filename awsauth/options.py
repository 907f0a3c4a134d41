"""How a change is made, and how requests are sent: the options that many calls share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

from awsauth.core.arn import canonical_role
from awsauth.core.guards.guards import allowed_by
from awsauth.core.text.display import quoted_value
from awsauth.errors import InvalidValueError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


DryRun = bool | Literal["server"]


class Options(TypedDict, total=False):
    """How a change is made.

    Attributes:
        reason: Why; kept with the revision.
        allow: Guards that are to let the change pass: by name, or by name and principal (``node-mapping=arn:…``).
        dry_run: Only say what would change; ``server`` has the API server look at it too, its admission included.
        history: Whether to keep a revision; without one there is no way back.
        wait: Seconds, at most 3,600, to wait until a new token of the caller, or of a role in `verify`, shows the change. Where it
            concerns nobody whose token can be made, a finding says so (``not-observed``), and nobody waits; another
            one where the time is over (``not-seen-yet``). The caller's new tokens take AWS credentials (``cluster=``).
        verify: Roles, by their ARN with path, whose new tokens are looked at as the caller's are (``caller`` may stand
            there too). The caller has to be allowed to assume them.
        revert_after: Seconds, 5 to 60, within which the caller and all in `verify` have to get in with new tokens, or
            the change is reverted, with the token that the API server still knows. Who got in before and is refused is
            not waited for. With `dry_run` it means nothing.
    """

    reason: str
    allow: Sequence[str]
    dry_run: DryRun
    history: bool
    wait: float
    verify: Sequence[str]
    revert_after: float


TIMEOUT: Final = 30.0
"""Seconds that a request may take, its answer included: the API server itself gives up after 60, and mostly answers at once."""


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """How requests to an API server are sent.

    Attributes:
        timeout: Seconds that one request may take, its answer included; a program that gives credentials has as long.
        as_user: The Kubernetes user to act as.
        as_groups: The groups to act as a member of.
    """

    timeout: float = TIMEOUT
    as_user: str | None = None
    as_groups: Sequence[str] = ()


CALLER: Final = "caller"

LONGEST_WAIT: Final = 3600.0
"""The most that ``wait`` may be, in seconds."""

SHORTEST: Final = 5.0
"""The least that ``revert_after`` may be, in seconds: enough to see the change."""
LONGEST: Final = 60.0
"""The most that it may be. By default the API server asks about a token again two minutes after it has seen it: within
these, the one that made the change can also take it back."""

_WATCHING: Final = ("wait", "verify", "revert_after")
_KINDS: Final[dict[str, type]] = {"reason": str, "allow": object, "dry_run": bool, "history": bool} | dict.fromkeys(
    _WATCHING, object
)


def check_options(options: Options) -> None:
    """Check what the options of a change hold; Python itself reports an option that does not exist.

    Raises:
        UsageError: one is of another type, or `allow` names no guard.
    """
    for name, value in options.items():
        kind = _KINDS[name]
        if not isinstance(value, kind) and not (name == "dry_run" and value == "server"):
            wanted = "a text" if kind is str else "True or False"
            raise UsageError(f"{name} is {quoted_value(value)}; nothing was changed.", hint=f"Pass {wanted}.")
    if "allow" in options:
        allowed_by(options["allow"])
    if not options.keys().isdisjoint(_WATCHING):
        _check_watching(options)


LARGEST_NUMBER: Final = 2**63 - 1
"""The largest number of a revision: the API server keeps it in 64 bits."""


def check_whole_number(name: str, number: Any) -> None:
    """Check a number of revisions, or of one.

    Raises:
        UsageError: it is not a whole number, or is less than 0 or more than `LARGEST_NUMBER`.
    """
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= LARGEST_NUMBER:
        raise UsageError(
            f"{name} is {quoted_value(number, 60)}; nothing was changed.",
            hint=f"Pass a whole number, 0 to {LARGEST_NUMBER}.",
        )


def _check_watching(options: Options) -> None:
    wait: Any = options.get("wait", 0.0)
    revert_after: Any = options.get("revert_after", 0.0)
    verify: Any = options.get("verify", ())
    for name, seconds, least, most in (
        ("wait", wait, 0.0, LONGEST_WAIT),
        ("revert_after", revert_after, SHORTEST, LONGEST),
    ):
        is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
        if not is_number or (seconds != 0 and not least <= seconds <= most):
            raise UsageError(
                f"{name} is {quoted_value(seconds)}; nothing was changed.",
                hint=f"Pass seconds, {least:g} to {most:g}; 0 for none.",
            )
    if not isinstance(verify, (list, tuple)) or not all(name == CALLER or _is_role(name) for name in verify):
        raise UsageError(
            f"verify is {quoted_value(verify)}; nothing was changed.",
            hint='Pass a list of roles that the caller may assume, by their ARNs, or ["caller"].',
        )
    if verify and not wait and not revert_after:
        raise UsageError(
            "verify= says whom to look at, and not for how long; nothing was changed.",
            hint="Pass revert_after= or wait= with it, in seconds.",
        )
    if revert_after and not options.get("history", True):
        raise UsageError(
            "Without a revision there is nothing that could be reverted to; nothing was changed.",
            hint="Leave history=False or revert_after= out.",
        )


def _is_role(name: Any) -> bool:
    try:
        return isinstance(name, str) and ":role/" in name and bool(canonical_role(name))
    except InvalidValueError:
        return False
