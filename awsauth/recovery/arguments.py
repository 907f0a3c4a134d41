"""The arguments of a recovery, checked before anything is contacted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from awsauth.core.arn import canonical_role
from awsauth.core.edit.changes import as_list
from awsauth.core.guards.guards import allowed_by
from awsauth.core.text.display import quoted, quoted_value
from awsauth.errors import InvalidValueError, UsageError
from awsauth.options import LARGEST_NUMBER, check_timeout
from awsauth.recovery.repair import RepairRequest
from awsauth.recovery.report import SWITCH

_EXAMPLE: Final = "arn:aws:iam::111122223333:role/platform"


def repair_request(changes: Any, rollback_to: Any, allow: Any, reason: Any) -> RepairRequest:
    """Return how ``aws-auth`` is to be repaired.

    Raises:
        UsageError: an argument makes no sense.
    """
    if isinstance(allow, str) or not isinstance(allow, Iterable):
        raise _wrong("allow", allow, f"Pass a list, such as [{SWITCH!r}].")
    if changes is not None and rollback_to is not None:
        raise UsageError("Both changes and rollback_to= are given.", hint="Pass one of them, or neither.")
    made = () if changes is None else tuple(as_list(changes))
    if changes is not None and not made:
        raise UsageError("changes is empty.", hint="Leave it out to roll back instead.")
    is_number = isinstance(rollback_to, int) and not isinstance(rollback_to, bool)
    if rollback_to is not None and not (is_number and 1 <= rollback_to <= LARGEST_NUMBER):
        raise _wrong("rollback_to", rollback_to, "Pass the number of a revision.")
    if not isinstance(reason, str):
        raise _wrong("reason", reason, "Pass a text.")
    names = tuple(allow)
    guards = tuple(name for name in names if name != SWITCH)
    allowed_by(guards)
    return RepairRequest(made, rollback_to, guards, reason, may_switch=SWITCH in names)


def check_others(creator_role: Any, timeout: Any, *, dry_run: Any) -> None:
    """Check the arguments other than texts, and the ARN in `creator_role`.

    Raises:
        UsageError: an argument makes no sense.
    """
    check_timeout(timeout)
    if not isinstance(dry_run, bool):
        raise _wrong("dry_run", dry_run, "Pass True or False.")
    try:
        canonical_role(creator_role or _EXAMPLE)
    except InvalidValueError as error:
        raise UsageError(
            f"creator_role is {quoted(creator_role, 200)}, which is not the ARN of a role.",
            hint=f"Pass one like {_EXAMPLE}, with its path.",
        ) from error


def region_in(cluster: str) -> str | None:
    """Return the region in a cluster's ARN, or None for a name.

    IAM and STS need it.
    """
    return "".join(cluster.split(":", 5)[3:4]) or None if cluster.startswith("arn:") else None


def _wrong(name: str, value: Any, hint: str) -> UsageError:
    return UsageError(f"{name} is {quoted_value(value)}.", hint=hint)
