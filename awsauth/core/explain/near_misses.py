"""How close an ARN in a document comes to a caller whom it does not match."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.core.access.matching import casefold_arn, fits
from awsauth.core.access.sso_roles import permission_set
from awsauth.core.text.display import quoted, without_invisible
from awsauth.core.text.lines import close_matches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.access.caller import Caller
    from awsauth.core.document.model import Sso

_MOST_SIMILAR: Final = 3
_AS_SIMILAR: Final = 0.75


class NearMiss(NamedTuple):
    """In what an ARN differs from a caller's.

    Attributes:
        code: Stable name.
        why: One sentence.
        of_nobody: Whether no caller can have it, or none of a cluster that the caller can reach: it may be put right.
    """

    code: str
    why: str
    unreachable: bool


class _Parts(NamedTuple):
    partition: str
    service: str
    account: str
    kind: str
    path: str
    name: str


def likeness(written: str, caller: Caller) -> NearMiss | None:
    """Return in what an ARN differs from the caller's; None where it has nothing in common with it."""
    cleaned = casefold_arn(without_invisible(written))
    looked_for = casefold_arn(caller.canonical_arn)
    resource = _resource(caller)
    if cleaned == looked_for:
        return NearMiss("space", f"there is white space in it, so that it never is {resource}", unreachable=True)
    if cleaned.count(":") < 5:
        bare = {casefold_arn(caller.name), looked_for.rpartition(":")[2]}
        why = f"it is no ARN, so that it never is {quoted(caller.canonical_arn, 200)}"
        return NearMiss("no-arn", why, unreachable=True) if cleaned in bare else None
    if "*" in cleaned:
        return _pattern(cleaned, looked_for)
    own, its = _parts(looked_for), _parts(cleaned)
    if its.name != own.name:
        return _same_permission_set(its, own)
    kind = "role" if its.kind in ("assumed-role", "instance-profile") else its.kind
    if kind != own.kind and kind in ("role", "user", "root", "federated-user"):
        return NearMiss("other-kind", f"it is the ARN of a {kind}, and the caller is a {own.kind}", unreachable=False)
    if its.account != own.account:
        return _other_account(its, own)
    if its.partition != own.partition:
        why = f"its partition is {quoted(its.partition)}, and the caller's is {quoted(own.partition)}"
        return NearMiss("other-partition", why, unreachable=False)
    return _written_wrongly(its, resource)


def similar(caller: Caller, written: Mapping[int, str]) -> dict[int, NearMiss]:
    """Return the ARNs of the caller's account and kind that are called almost like it, the most similar first."""
    own = _parts(casefold_arn(caller.canonical_arn))
    names: dict[str, list[int]] = {}
    for position, arn in written.items():
        its = _parts(casefold_arn(arn))
        if its[:4] == own[:4] and its.name != own.name and permission_set(its.name) is None:
            names.setdefault(its.name, []).append(position)
    close = close_matches(own.name, names, _MOST_SIMILAR, _AS_SIMILAR)
    why = f"it is somebody else's, called almost like {_resource(caller)}"
    return {position: NearMiss("similar-name", why, unreachable=False) for name in close for position in names[name]}


def would_match(sso: Sso, caller: Caller) -> bool:
    """Whether an ``sso`` entry is meant for a caller (``pkg/config/mapper.go``, ``SSOArnLike``)."""
    start = f"AWSReservedSSO_{sso.permission_set}_".lower()
    own = _parts(casefold_arn(caller.canonical_arn))
    partition = sso.partition or "aws"
    return (own.kind, own.account, own.partition) == ("role", sso.account, partition) and own.name.startswith(start)


def is_account(written: str, caller: Caller) -> bool:
    """Whether a text is meant for the caller's account: without its leading zeros, or with dashes."""
    digits = re.sub(r"[\s-]", "", written)
    return digits.isdecimal() and digits.isascii() and digits.zfill(12) == caller.account


def _parts(arn: str) -> _Parts:
    """Return the parts of an ARN in lower case; of a session its role's."""
    _, partition, service, _, account, resource = [*arn.split(":", 5), *[""] * 5][:6]
    kind, _, rest = resource.partition("/")
    if kind == "assumed-role":
        rest = rest.rpartition("/")[0]
    path, _, name = rest.rpartition("/")
    return _Parts(partition, service, account, kind, path, name or ("root" if kind == "root" else ""))


def _resource(caller: Caller) -> str:
    return quoted(caller.canonical_arn.rpartition(":")[2], 200)


def _pattern(pattern: str, looked_for: str) -> NearMiss | None:
    if not fits(pattern.split("*"), looked_for):
        return None
    why = "it is a pattern, and the authenticator knows no patterns"
    return NearMiss("pattern", why, unreachable=False)


def _same_permission_set(its: _Parts, own: _Parts) -> NearMiss | None:
    ours, theirs = (permission_set(parts.name) for parts in (own, its))
    if ours is None or ours != theirs or its.account != own.account:
        return None
    why = "it is another role of the same permission set, as there was before the set was assigned anew"
    return NearMiss("sso-suffix", why, unreachable=False)


def _other_account(its: _Parts, own: _Parts) -> NearMiss:
    if re.sub(r"\D", "", its.account).zfill(12) == own.account:
        why = f"an account is 12 digits, {quoted(own.account)}, and not {quoted(its.account)}"
        return NearMiss("account-digits", why, unreachable=True)
    why = f"it is of account {quoted(its.account)}, and the caller of {quoted(own.account)}"
    return NearMiss("other-account", why, unreachable=False)


def _written_wrongly(its: _Parts, resource: str) -> NearMiss:
    """Return what is wrong with an ARN of the caller's own name, account and partition."""
    if its.kind == "user":
        why = f"it has another path than {resource}, and users are matched with their path"
        return NearMiss("user-path", why, unreachable=True)
    if its.kind == "assumed-role":
        why = f"it is the ARN of a session, and the authenticator looks for that of the role: {resource}"
        return NearMiss("session-arn", why, unreachable=True)
    if (its.service, its.kind) == ("iam", "role") and its.path:
        return NearMiss("role-path", f"it can never match: STS reports {resource}, without the path", unreachable=True)
    why = f"no caller has an ARN like that, and the authenticator looks for that of {resource}"
    return NearMiss("malformed", why, unreachable=True)
