"""Why no caller can have an ARN, and the ARN that was meant."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from awsauth.core.access.matching import filled, is_canonical
from awsauth.core.arn import ACCOUNT_ID, PARTITIONS, ArnParts, lacks_sso_suffix, role_or_nothing
from awsauth.core.document.repairs import in_ascii
from awsauth.core.text.display import without_invisible


def arn_problem(principal: str) -> str:
    """Return why no caller can have an ARN: the code of a rule, or an empty text."""
    if has_several(principal):
        return "not-an-arn"
    if is_canonical(principal):
        return ""
    if re.fullmatch(_WITH_PATH, principal):
        return "role-path"
    if (likely := filled(principal)) != principal:
        return arn_problem(likely) or "placeholder"
    if "*" in principal:
        return "wildcard"
    visible = without_invisible(principal)
    if in_ascii(visible) != visible and _problem_of_parts(in_ascii(visible).lower()) in ("", "role-path"):
        return "typographic-character"
    problem = _problem_of_parts(visible.lower())
    return "arn-space" if visible != principal and problem != "not-an-arn" else problem


# Almost all ARNs of roles with a path. The groups are what stays without it. This takes less time than the other checks.
_WITH_PATH: Final = r"(?a)(?!.{2049})(arn:aws:iam::\d{12}:role/)(?:[\w+=,.@-]+/)+((?!(?i:awsreserved))[\w+=,.@-]{1,64})"


def has_several(principal: str) -> bool:
    """Whether another ARN follows the first one, as in a list with commas.

    An ARN in the place of its own name is not another one.
    """
    before, again, after = principal[1:].lower().partition("arn:")
    if not again or not (":role/" in before or ":user/" in before):
        return False
    return not before.endswith("/") or after.split(":")[:4] != before.split(":")[1:5]


def _problem_of_parts(arn: str) -> str:
    parts = ArnParts.of(arn)
    if parts.scheme != "arn" or parts.region or "/" not in parts.resource:
        return "not-an-arn"
    if problem := _KINDS.get((parts.service, parts.kind), "not-an-arn"):
        return problem
    if not ACCOUNT_ID.fullmatch(parts.account):
        return "account-digits"
    if parts.partition not in PARTITIONS:
        return "unknown-partition"
    if role := role_or_nothing(arn):
        return "sso-suffix" if lacks_sso_suffix(role) else "" if role == arn else "role-path"
    return "" if is_canonical(arn) else "not-an-arn"


# For the service and kind of an ARN, the code of the rule that reports it.
_KINDS: Final = {
    **dict.fromkeys((("iam", "role"), ("iam", "user"), ("sts", "federated-user")), ""),
    ("iam", "instance-profile"): "instance-profile",
    ("sts", "assumed-role"): "assumed-role",
}


@lru_cache(maxsize=1 << 16)  # more than one rule asks, and 1 MiB has room for so many
def bare(arn: str) -> str:
    """Return an ARN in ASCII, without the parts that never match.

    They are invisible characters, a Region, a second start, and the path of a role.
    """
    if with_path := re.fullmatch(_WITH_PATH, arn):
        return "".join(with_path.groups())
    visible = in_ascii(without_invisible(arn))
    found = re.fullmatch(_IN_DISORDER, visible)
    ordered = "{}:iam::{}:{}/{}".format(*found.groups()) if found else visible
    return role_or_nothing(ordered) or re.sub("(?<=:role/).*/", "", ordered)


# An ARN with a Region, a colon too few or too many, or a second start.
_IN_DISORDER: Final = (
    r"(?ai)(?:arn:[\w:-]*)??(arn:aws[a-z-]*):{1,3}iam:{1,3}(?:[a-z]{2}-(?:gov-)?[a-z]{4,9}-\d:)?"
    r"([^:/]{1,200}?):{0,3}(role|user)[:/](\S+)"
)
