"""Trust policies of IAM roles: whether EC2 may hand a role to its instances.

Source of the rules: the IAM User Guide, on policy evaluation and on the JSON elements ``Principal`` and ``Action``.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple

from awsauth.core.text.display import visible

# Whether EC2 may hand out the role. ``conditional``: it depends on conditions that cannot be evaluated here.
# ``everybody``: a statement allows it to every principal, which is more than EC2 needs. ``denied``: a statement
# forbids it.
TrustVerdict = Literal["yes", "conditional", "everybody", "denied", "no"]


_Keys = tuple[str, ...]  # the condition keys of a statement; empty for an unconditional one


class Trust(NamedTuple):
    """The answer of a trust policy about EC2.

    Attributes:
        verdict: Whether EC2 may hand out the role.
        conditions: The condition keys that it depends on, such as ``aws:SourceAccount``; sorted.
    """

    verdict: TrustVerdict
    conditions: tuple[str, ...] = ()

    def __str__(self) -> str:
        keys = ", ".join(visible(key) for key in self.conditions)
        return {
            "yes": "EC2 may hand the role to its instances",
            "conditional": f"EC2 may hand the role to its instances under conditions ({keys})",
            "everybody": "every principal may assume the role, EC2 included",
            "denied": "a statement denies EC2 the role",
            "no": "no statement lets EC2 hand the role to its instances",
        }[self.verdict]


def ec2_service(partition: str) -> str:
    """Return the service principal of EC2 in a partition.

    In China, EKS requires the one that ends in ``.cn``.
    """
    return "ec2.amazonaws.com.cn" if partition == "aws-cn" else "ec2.amazonaws.com"


def trust_in_ec2(policy: Any, partition: str) -> Trust:
    """Return whether a trust policy lets EC2 hand out the role.

    Args:
        policy: The policy as JSON values, as ``GetRole`` returns it. Any other value allows nothing.
        partition: The partition of the role's ARN.
    """
    service = ec2_service(partition)
    denied: list[_Keys] = []
    allowed: dict[str, list[_Keys]] = {"service": [], "everybody": []}
    for statement in _listed(policy.get("Statement") if isinstance(policy, dict) else None):
        if not isinstance(statement, dict) or not _is_about_assuming(statement):
            continue
        whom, effect = _names(statement, service), statement.get("Effect")
        if whom and effect in ("Allow", "Deny"):
            (denied if effect == "Deny" else allowed[whom]).append(_condition_keys(statement))
    if () in denied:
        return Trust("denied")
    ways = allowed["service"] or allowed["everybody"]
    if not ways:
        return Trust("no")
    if keys := {key for conditions in [*denied, *([] if () in ways else ways)] for key in conditions}:
        return Trust("conditional", tuple(sorted(keys)))
    return Trust("yes" if allowed["service"] else "everybody")


def letting_ec2_in(policy: Any, partition: str) -> dict[str, Any]:
    """Return a trust policy with one more statement, which lets EC2 hand out the role.

    Args:
        policy: The policy as JSON values; None for a new one.
        partition: The partition of the role's ARN.
    """
    extended: dict[str, Any] = copy.deepcopy(policy) if isinstance(policy, dict) else {"Version": "2012-10-17"}
    own = {"Effect": "Allow", "Principal": {"Service": ec2_service(partition)}, "Action": "sts:AssumeRole"}
    extended["Statement"] = [*_listed(extended.get("Statement")), own]
    return extended


def _names(statement: Mapping[str, Any], service: str) -> Literal["service", "everybody", ""]:
    """Return how the principals of a statement include EC2; empty if they do not."""
    if "NotPrincipal" in statement:
        return "" if _among(statement["NotPrincipal"], service) else "everybody"
    return _among(statement.get("Principal"), service)


def _among(principals: Any, service: str) -> Literal["service", "everybody", ""]:
    if principals == "*":
        return "everybody"
    if not isinstance(principals, dict):
        return ""
    if service in _listed(principals.get("Service")):
        return "service"
    return "everybody" if any("*" in _listed(principals.get(kind)) for kind in ("AWS", "Service", "*")) else ""


def _is_about_assuming(statement: Mapping[str, Any]) -> bool:
    excludes = "NotAction" in statement
    actions = _listed(statement.get("NotAction" if excludes else "Action"))
    patterns = [action.lower().replace("[", "[[]") for action in actions if isinstance(action, str)]
    return any(fnmatchcase("sts:assumerole", pattern) for pattern in patterns) != excludes


def _condition_keys(statement: Mapping[str, Any]) -> _Keys:
    conditions = statement.get("Condition")
    if not isinstance(conditions, dict):
        return ()
    return tuple(sorted({str(key) for tests in conditions.values() if isinstance(tests, dict) for key in tests}))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
