"""How an ARN in a document resembles a caller that it does not match."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from awsauth.core.access.caller import Caller
from awsauth.core.access.matching import casefold_arn, matches_literals
from awsauth.core.arn import ArnParts, permission_set
from awsauth.core.document.index import grouped
from awsauth.core.document.model import Sso
from awsauth.core.text.display import quoted, without_invisible
from awsauth.core.text.lines import close_matches


class NearMiss(NamedTuple):
    """The difference between an ARN and a caller's.

    Attributes:
        code: Stable name.
        why: The difference, without a full stop.
        unreachable: Whether no caller can have this ARN, so that it can be corrected.
    """

    code: str
    why: str
    unreachable: bool = False


class Resemblance:
    """Compares ARNs with a caller's."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._arn = casefold_arn(caller.canonical_arn)
        self._own = _parts(self._arn)
        self._set = permission_set(self._own.name)
        self._resource = quoted(caller.canonical_arn.rpartition(":")[2], 200)

    def of(self, written: str) -> NearMiss | None:
        """Return how an ARN differs from the caller's; None if nothing is in common."""
        cleaned = casefold_arn(without_invisible(written))
        if cleaned == self._arn:
            why = f"white space in the ARN keeps it from matching {self._resource}"
            return NearMiss("space", why, unreachable=True)
        if cleaned.count(":") < 5:
            is_meant = cleaned in (casefold_arn(self._caller.name), self._arn.rpartition(":")[2])
            why = f"this is not an ARN, so it does not match {quoted(self._caller.canonical_arn, 200)}"
            return NearMiss("no-arn", why, unreachable=True) if is_meant else None
        if "*" in cleaned:
            why = "this is a pattern, and the authenticator does not support patterns"
            return NearMiss("pattern", why) if matches_literals(cleaned.split("*"), self._arn) else None
        return self._of_parts(_parts(cleaned))

    def _of_parts(self, its: ArnParts) -> NearMiss | None:
        own = self._own
        if its.name != own.name:
            is_other_role = self._set and permission_set(its.name) == self._set and its.account == own.account
            why = "this is another role of the same permission set, such as the one before it was assigned again"
            return NearMiss("sso-suffix", why) if is_other_role else None
        kind = "role" if its.kind in ("assumed-role", "instance-profile") else its.kind
        if kind != own.kind and kind in ("role", "user", "root", "federated-user"):
            return NearMiss("other-kind", f"this is the ARN of a {kind}, and the caller is a {own.kind}")
        if its.account != own.account:
            if re.sub(r"\D", "", its.account).zfill(12) == own.account:
                why = f"an account has 12 digits, {quoted(own.account)}, and this one is {quoted(its.account)}"
                return NearMiss("account-digits", why, unreachable=True)
            why = f"the account is {quoted(its.account)}, and the caller's is {quoted(own.account)}"
            return NearMiss("other-account", why)
        if its.partition != own.partition:
            why = f"the partition is {quoted(its.partition)}, and the caller's is {quoted(own.partition)}"
            return NearMiss("other-partition", why)
        if its.kind == "user":
            why = f"the path differs from {self._resource}, and users match with their path"
            return NearMiss("user-path", why, unreachable=True)
        if its.kind == "assumed-role":
            why = f"this is the ARN of a session, and the authenticator looks for the role: {self._resource}"
            return NearMiss("session-arn", why, unreachable=True)
        if (its.service, its.kind) == ("iam", "role") and its.path:
            why = f"it can never match: STS reports {self._resource}, without the path"
            return NearMiss("role-path", why, unreachable=True)
        why = f"no caller has such an ARN, and the authenticator looks for {self._resource}"
        return NearMiss("malformed", why, unreachable=True)

    def similar(self, written: Mapping[int, str]) -> dict[int, NearMiss]:
        """Return the ARNs with a similar name, the most similar first.

        They are of the caller's account and kind.
        """
        own = self._own
        prefix = f"arn:{own.partition}:{own.service}::{own.account}:{own.kind}/"
        arns = ((position, arn.lower()) for position, arn in written.items())
        named = ((arn.rpartition("/")[2], position) for position, arn in arns if arn.startswith(prefix))
        names = grouped(one for one in named if one[0] != own.name and permission_set(one[0]) is None)
        close = close_matches(own.name, names, 3, 0.75)
        near = NearMiss("similar-name", f"this is another principal with a name like {self._resource}")
        return {position: near for name in close for position in names[name]}

    def is_sso_of(self, sso: Sso) -> bool:
        """Whether an ``sso`` entry is meant for the caller."""
        return (self._set, self._own.account) == (sso.permission_set.lower(), sso.account)

    def is_account(self, written: str) -> bool:
        """Whether a text is the caller's account, without leading zeros or with dashes."""
        digits = re.sub(r"[\s-]", "", written)
        return digits.isdecimal() and digits.isascii() and digits.zfill(12) == self._caller.account


def _parts(arn: str) -> ArnParts:
    """Return the parts of an ARN in lower case; those of its role for a session."""
    parts = ArnParts.of(arn)
    if parts.kind == "assumed-role":
        parts = ArnParts.of(arn.rpartition("/")[0])
    return parts._replace(name="root") if parts.resource == "root" else parts
