"""The IAM roles that IAM Identity Center makes for permission sets.

They are called ``AWSReservedSSO_SET_SUFFIX`` under ``/aws-reserved/sso.amazonaws.com/``. When a permission set is taken
from an account and given to it again, the role gets a new suffix, and what maps the old one lets nobody in any more.
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
    from collections.abc import Iterable, Iterator

    from awsauth.core.document.document import Document
    from awsauth.core.document.model import ParsedList
    from awsauth.core.findings import Location

PATH: Final = "/aws-reserved/sso.amazonaws.com/"
"""Under which all of them are; a Region may follow."""

REPLACED: Final = "sso-role-replaced"


class SsoRole(NamedTuple):
    """The role of a permission set; `role_arn` is without its path."""

    role_arn: str
    permission_set: str


def sso_role(arn: str) -> SsoRole | None:
    """Return the role of a permission set that an ARN names, with or without path; None for any other ARN."""
    try:
        canonical = canonical_role(arn)
    except InvalidValueError:
        return None
    name = permission_set(canonical)
    return SsoRole(canonical, name) if name else None


def permission_set(principal: str) -> str | None:
    """Return the permission set that a role is of, by its ARN or its name alone; None for any other principal.

    Whoever comes in by such a role has a session name that IAM Identity Center chose.
    """
    match = SSO_NAME.fullmatch(principal.rpartition("/")[2])
    return match["set"] if match else None


def maps_sso_roles(document: Document) -> bool:
    """Whether a document maps any SSO role, so that it is worth asking which there are."""
    return any(sso_role(mapped.principal) for mapped in document.reading("mapRoles").mapped)


def replaced_sso_roles(document: Document, roles: Iterable[str]) -> tuple[Finding, ...]:
    """Return the mappings of SSO roles that are gone, where their permission set has another role now.

    Args:
        document: The document.
        roles: The ARNs of all SSO roles in the accounts that could be asked, as IAM has them.
    """
    present = [found for found in map(sso_role, roles) if found]
    known = {role.role_arn.lower() for role in present}
    by_set: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for role in present:
        by_set[_set_of(role)].append(role.role_arn)
    reading = document.reading("mapRoles")
    mapped = {entry.mapped.principal.lower() for entry in reading.entries if entry.mapped}
    return tuple(_replaced(reading, known, by_set, mapped))


def _replaced(
    reading: ParsedList, known: set[str], by_set: dict[tuple[str, str], list[str]], mapped: set[str]
) -> Iterator[Finding]:
    for entry in reading.entries:
        old = sso_role(entry.mapped.principal) if entry.mapped else None
        if entry.mapped and old and old.role_arn.lower() not in known:
            successors = by_set.get(_set_of(old), [])
            if successors:
                yield _finding(
                    entry.mapped.principal, old.permission_set, successors, mapped, principal_location(reading, entry)
                )


def _finding(
    principal: str, permission_set: str, successors: list[str], mapped: set[str], location: Location | None
) -> Finding:
    is_mapped = [successor for successor in successors if successor.lower() in mapped]
    fix: tuple[Change, ...] = ()
    if is_mapped:
        fix = (RemoveRole(role_arn=principal),)
        hint = f"Take it out: the role that there is now, {quoted(is_mapped[0], 200)}, is mapped already."
    elif len(successors) == 1:
        fix = (RenamePrincipal(principal_arn=principal, new_arn=successors[0]),)
        hint = f"Map the role that there is now in its place: {quoted(successors[0], 200)}."
    else:
        listed = ", ".join(quoted(successor, 200) for successor in successors)
        hint = f"Map the right one of {listed} in its place."
    return Finding(
        REPLACED,
        Severity.ERROR,
        f"The role {quoted(principal, 200)} is gone, and the permission set {visible(permission_set)} has another one.",
        "Whoever signs in with the permission set is not let in by this mapping.",
        hint,
        location,
        principal,
        fix,
    )


def _set_of(role: SsoRole) -> tuple[str, str]:
    return account_of(role.role_arn), role.permission_set.lower()
