"""The options of many calls: how to make a change, and how to send requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypedDict

from awsauth.core.arn import role_or_nothing
from awsauth.core.edit.validation import require
from awsauth.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsauth.core.lint.policy import Policy

DryRun = bool | Literal["server"]


class Options(TypedDict, total=False):
    """How a change is made.

    Attributes:
        reason: Why; kept with the revision.
        allow: Guards that may not stop the change: a name, or name and principal (``node-mapping=arn:…``).
        dry_run: Only show the change; with ``server``, the API server checks it too, with its admission.
        history: Whether to record a revision; without one, the change cannot be rolled back.
        wait: Seconds, at most 3,600, to wait for the change. A new token of the caller, or of a role in `verify`, shows
            it. If the change concerns none of them, the call does not wait, and the finding ``not-observed`` says so.
            When the time is over, the finding is ``not-seen-yet``. Needs AWS credentials (``cluster=``).
        verify: ARNs, with path, of roles whose new tokens are checked like the caller's; ``caller`` may be among them.
            The caller must be allowed to assume the roles.
        revert_after: Seconds, 5 to 60. If a new token of the caller or of a role in `verify` fails by then, the change
            is reverted. The API server still remembers the token that reverts it. A refusal of a token that worked
            before reverts it at once. Without effect in a dry run.
    """

    reason: str
    allow: Sequence[str]
    dry_run: DryRun
    history: bool
    wait: float
    verify: Sequence[str]
    revert_after: float


TIMEOUT: Final = 30.0  # seconds for a request with its answer; the API server gives up after 60


class ConnectionOptions(NamedTuple):
    """How requests to an API server are sent.

    Attributes:
        timeout: Seconds that a request, or an exec credential plugin, may take.
        as_user: The Kubernetes user to impersonate.
        as_groups: The groups to impersonate.
    """

    timeout: float = TIMEOUT
    as_user: str | None = None
    as_groups: Sequence[str] = ()


class ClusterOptions(TypedDict, total=False):
    """How a client reaches a cluster, and its name in the history.

    A value that does not fit is a `UsageError`. Answers may have 32 MiB, lists 200 pages of 500 objects.

    Attributes:
        timeout: Seconds for one request with its answer, 30 by default, at most 10 of them to connect. An exec
            credential plugin has as long, at a terminal at least 300 seconds. A list in pages has 10 times as long.
        as_user: The Kubernetes user to impersonate.
        as_groups: The Kubernetes groups to impersonate.
        author: Who makes the changes, for the history: a claim.
        policy: The rules for mappings.
    """

    timeout: float
    as_user: str | None
    as_groups: Sequence[str]
    author: str | None
    policy: Policy | None


def connection_options(how: ClusterOptions) -> ConnectionOptions:
    """Return the part of a client's options that its connection needs."""
    return ConnectionOptions(how.get("timeout", TIMEOUT), how.get("as_user"), how.get("as_groups", ()))


RIGHTS: Final = ("list nodes", "list namespaces")  # those that a health check looks at by default

CALLER: Final = "caller"
# The most seconds of ``revert_after``. The API server remembers a token for two minutes by default. In this time,
# the revert can use the old token.
LONGEST_REVERT: Final = 60.0

# The least and the most seconds. The least of ``revert_after`` is long enough to see the change.
_SECONDS: Final = {"wait": (0.0, 3600.0), "revert_after": (5.0, LONGEST_REVERT)}

LARGEST_NUMBER: Final = 2**63 - 1  # the largest number of a revision: the API server keeps it in 64 bits


def check_options(options: Options) -> None:
    """Check the options of a change; `public` reports unknown ones.

    Raises:
        UsageError: an option is of another type, or `allow` names no guard, or two options contradict each other.
    """
    for name, value in options.items():
        if name == "allow":
            from awsauth.core.guards.guards import allowed_by  # reading needs no guards

            allowed_by(value)
        elif name in _SECONDS:
            _check_seconds(name, value)
        elif name == "verify":
            is_right = isinstance(value, (list, tuple)) and all(one == CALLER or _is_role(one) for one in value)
            require(is_right, name, value, 'Pass a list of ARNs of roles that the caller may assume, or ["caller"].')
        elif name == "reason":
            require(isinstance(value, str), name, value, "Pass a text.")
        else:
            is_flag = isinstance(value, bool) or (name, value) == ("dry_run", "server")
            require(is_flag, name, value, "Pass True or False.")
    if options.get("verify") and not options.get("wait") and not options.get("revert_after"):
        raise UsageError("verify= needs a time.", hint="Pass revert_after= or wait= with it, in seconds.")
    if options.get("revert_after") and not options.get("history", True):
        raise UsageError("revert_after= needs a revision.", hint="Leave history=False or revert_after= out.")


def check_rollback(to: Any, options: Options) -> None:
    """Check the number of the revision, and the options of a rollback.

    Raises:
        UsageError: one of them does not fit.
    """
    check_options(options)
    if not options.get("history", True):
        raise UsageError("A rollback is always recorded.", hint="Leave history=False out.")
    if to is not None:
        check_whole_number("to", to)


def check_whole_number(name: str, number: Any, *, least: int = 0) -> None:
    """Check the number of a revision, or a number of revisions.

    Raises:
        UsageError: it is not a whole number, or is less than `least` or more than `LARGEST_NUMBER`.
    """
    is_right = isinstance(number, int) and not isinstance(number, bool) and least <= number <= LARGEST_NUMBER
    require(is_right, name, number, f"Pass a whole number, {least} to {LARGEST_NUMBER}.")


def check_timeout(timeout: Any) -> None:
    """Check the time for a request, or for a step of a recovery.

    Raises:
        UsageError: it is not a positive number.
    """
    require(_is_number(timeout) and timeout > 0, "timeout", timeout, "Pass seconds, greater than 0.")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_seconds(name: str, value: Any) -> None:
    least, most = _SECONDS[name]
    is_right = _is_number(value) and (value == 0 or least <= value <= most)
    require(is_right, name, value, f"Pass seconds, {least:g} to {most:g}; 0 for none.")


def _is_role(name: Any) -> bool:
    return isinstance(name, str) and ":role/" in name and bool(role_or_nothing(name))
