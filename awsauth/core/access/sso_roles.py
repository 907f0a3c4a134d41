"""The IAM roles that IAM Identity Center creates for permission sets.

Their name is ``AWSReservedSSO_SET_SUFFIX``, with the path ``/aws-reserved/sso.amazonaws.com/``. A permission set that
is removed from an account and assigned again gets a role with a new suffix. The mapping of the old role then has no
effect.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.core.access.matching import account_of
from awsauth.core.arn import SSO_NAME, canonical_role
from awsauth.core.document.model import principal_location
from awsauth.core.edit.changes import Change, RemoveRole, RenamePrincipal
from awsauth.core.findings import Finding, Severity
from awsauth.core.text.display import quoted, visible
from awsauth.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from awsauth.core.document.document import Document
    from awsauth.core.findings import Location

# The path of all these roles; a Region may follow.
PATH: Final = "/aws-reserved/sso.amazonaws.com/"

REPLACED: Final = "sso-role-replaced"


class SsoRole(NamedTuple):
    """The role of a permission set, with its ARN without the path."""

    role_arn: str
    permission_set: str


def sso_role(arn: str) -> SsoRole | None:
    """Return the permission set role of an ARN, or None for any other ARN.

    The ARN may have its path.
    """
    try:
        canonical = canonical_role(arn)
    except InvalidValueError:
        return None
    name = permission_set(canonical)
    return SsoRole(canonical, name) if name else None


def permission_set(principal: str) -> str | None:
    """Return the permission set of a role's ARN or name; None for others."""
    match = SSO_NAME.fullmatch(principal.rpartition("/")[2])
    return match["set"] if match else None


def maps_sso_roles(document: Document) -> bool:
    """Whether a document maps a role of IAM Identity Center."""
    return any(sso_role(mapped.principal) for mapped in document.reading("mapRoles").mapped)


def replaced_sso_roles(document: Document, roles: Iterable[str]) -> tuple[Finding, ...]:
    """Return the findings about SSO roles that another role has replaced.

    Args:
        document: The document.
        roles: The ARNs of all SSO roles in the accounts that could be read.
    """
    present = [found for found in map(sso_role, roles) if found]
    known = {role.role_arn.lower() for role in present}
    by_set: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for role in present:
        by_set[_set_of(role)].append(role.role_arn)
    reading = document.reading("mapRoles")
    mapped = {entry.mapped.principal.lower() for entry in reading.entries if entry.mapped}
    return tuple(
        _finding(
            entry.mapped.principal, old.permission_set, by_set[_set_of(old)], mapped, principal_location(reading, entry)
        )
        for entry in reading.entries
        if entry.mapped
        and (old := sso_role(entry.mapped.principal))
        and old.role_arn.lower() not in known
        and _set_of(old) in by_set
    )


def _finding(
    principal: str, permission_set: str, successors: list[str], mapped: set[str], location: Location | None
) -> Finding:
    is_mapped = [successor for successor in successors if successor.lower() in mapped]
    fix: tuple[Change, ...] = ()
    if is_mapped:
        fix = (RemoveRole(role_arn=principal),)
        hint = f"Remove this mapping: the new role, {quoted(is_mapped[0], 200)}, is mapped already."
    elif len(successors) == 1:
        fix = (RenamePrincipal(principal_arn=principal, new_arn=successors[0]),)
        hint = f"Map the new role instead: {quoted(successors[0], 200)}."
    else:
        listed = ", ".join(quoted(successor, 200) for successor in successors)
        hint = f"Map the right one of {listed} instead."
    return Finding(
        REPLACED,
        Severity.ERROR,
        f"The role {quoted(principal, 200)} no longer exists, and the permission set {visible(permission_set)} has another one.",
        "Users of the permission set have no access by this mapping.",
        hint,
        location,
        principal,
        fix,
    )


def _set_of(role: SsoRole) -> tuple[str, str]:
    return account_of(role.role_arn), role.permission_set.lower()
