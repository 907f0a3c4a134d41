"""What a recovery is asked for, looked at before anything is contacted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from awsauth.core.arn import canonical_role
from awsauth.core.edit.changes import as_list
from awsauth.core.guards.guards import allowed_by
from awsauth.core.text.display import quoted, quoted_value
from awsauth.errors import InvalidValueError, UsageError
from awsauth.options import LARGEST_NUMBER
from awsauth.recovery.repair import RepairRequest
from awsauth.recovery.report import SWITCH


def wish_of(changes: Any, rollback_to: Any, allow: tuple[Any, ...], reason: Any) -> RepairRequest:
    """Return how ``aws-auth`` is to be repaired.

    Raises:
        UsageError: that makes no sense.
    """
    if changes is not None and rollback_to is not None:
        raise UsageError(
            "Both changes and rollback_to= are given; nothing was contacted.", hint="Pass one of them, or neither."
        )
    made = () if changes is None else tuple(as_list(changes))
    if changes is not None and not made:
        raise UsageError("changes is empty; nothing was contacted.", hint="Leave it out to go back instead.")
    if rollback_to is not None and (
        not isinstance(rollback_to, int) or isinstance(rollback_to, bool) or not 1 <= rollback_to <= LARGEST_NUMBER
    ):
        raise UsageError(
            f"rollback_to is {quoted_value(rollback_to)}; nothing was contacted.", hint="Pass a revision's number."
        )
    if not isinstance(reason, str):
        raise UsageError(f"reason is {quoted_value(reason)}; nothing was contacted.", hint="Pass a text.")
    guards = tuple(name for name in allow if name != SWITCH)
    allowed_by(guards)
    return RepairRequest(made, rollback_to, guards, reason)


def names_in(allow: Any) -> tuple[Any, ...]:
    """Return what is allowed by name.

    Raises:
        UsageError: it is no list.
    """
    if isinstance(allow, str) or not isinstance(allow, Iterable):
        raise UsageError(
            f"allow is {quoted_value(allow)}; nothing was contacted.", hint=f"Pass a list, such as [{SWITCH!r}]."
        )
    return tuple(allow)


def check_creator(role_arn: Any) -> None:
    """Refuse what is no role.

    Raises:
        UsageError: it is none.
    """
    try:
        canonical_role(role_arn)
    except InvalidValueError as error:
        raise UsageError(
            f"creator_role is {quoted(role_arn, 200)}, which is the ARN of no role; nothing was contacted.",
            hint="Pass one like arn:aws:iam::111122223333:role/platform, with its path.",
        ) from error


def check_flags(timeout: Any, *, dry_run: Any) -> None:
    """Refuse a misspelt ``dry_run``, which must not do anything, and a time that is none.

    Raises:
        UsageError: it is one.
    """
    if not isinstance(timeout, (int, float)) or isinstance(timeout, bool) or not timeout > 0:
        raise UsageError(
            f"timeout is {quoted_value(timeout)}; nothing was contacted.", hint="Pass seconds, greater than 0."
        )
    if not isinstance(dry_run, bool):
        raise UsageError(f"dry_run is {quoted_value(dry_run)}; nothing was contacted.", hint="Pass True or False.")


def region_in(cluster: str) -> str | None:
    """Return the region that an ARN names: IAM and STS are asked, too, and nothing else may tell it."""
    return "".join(cluster.split(":", 5)[3:4]) or None if cluster.startswith("arn:") else None
