"""Why nobody can ever have an ARN that stands in the map: at most one reason for each."""

from __future__ import annotations

from typing import Literal

from awsauth.core.arn import ACCOUNT, PARTITIONS, canonical_role
from awsauth.core.escaping import without_invisible
from awsauth.core.matching import can_match, is_exact
from awsauth.errors import InvalidValueError

Fault = Literal[
    "",
    "placeholder",
    "wildcard",
    "arn-space",
    "not-an-arn",
    "instance-profile",
    "assumed-role",
    "account-digits",
    "unknown-partition",
    "role-path",
]
"""By the code of the rule that tells about it; empty where somebody can have the ARN."""


def fault_of(principal: str) -> Fault:
    """Return why nobody can have an ARN as it is written in the map."""
    if is_exact(principal):
        return ""
    if can_match(principal):
        return "placeholder"
    if "*" in principal:
        return "wildcard"
    visible = without_invisible(principal)
    fault = _fault_of_parts(visible.lower())
    return "arn-space" if visible != principal and fault != "not-an-arn" else fault


def _fault_of_parts(arn: str) -> Fault:
    scheme, partition, service, region, account, resource = (arn.split(":", 5) + [""] * 6)[:6]
    kind, slash, _ = resource.partition("/")
    if scheme != "arn" or region or not slash:
        return "not-an-arn"
    if (service, kind) == ("iam", "instance-profile"):
        return "instance-profile"
    if (service, kind) == ("sts", "assumed-role"):
        return "assumed-role"
    if (service, kind) not in (("iam", "role"), ("iam", "user"), ("sts", "federated-user")):
        return "not-an-arn"
    if not ACCOUNT.fullmatch(account):
        return "account-digits"
    if partition not in PARTITIONS:
        return "unknown-partition"
    return "" if is_exact(arn) else "role-path" if role_or_nothing(arn) else "not-an-arn"


def role_or_nothing(arn: str) -> str:
    """Return the ARN by which the authenticator knows a role; empty for what is the ARN of no role."""
    try:
        return canonical_role(arn)
    except InvalidValueError:
        return ""


def bare(arn: str) -> str:
    """Return an ARN without what nobody sees, and a role's without its path too."""
    visible = without_invisible(arn)
    return role_or_nothing(visible) or visible


def has_invisible(name: str) -> bool:
    """Whether a name begins or ends with white space, or holds a character, other than the blank, that people cannot see."""
    return name.strip() != name or name.replace(" ", "") != without_invisible(name)
