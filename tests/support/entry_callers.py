"""Access entries for the callers of a document, as the authenticator's backend ``DynamicFile`` knows them.

EKS ties an entry to the unique id of its principal. A role that is deleted and made again under its name has another id,
and its entry lets nobody in. All choices come from the `random.Random` that is passed in.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.core.access.matching import principal_of
from awsauth.core.entries.model import AccessEntry
from tests.support.authenticator.authenticator import Identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from random import Random

    from awsauth.core.access.caller import Caller

# What EKS takes: a template of the session needs a colon before it.
_USERNAMES: Final = (
    "admin",
    "ci",
    "a:{{SessionName}}",
    "a:{{SessionNameRaw}}:z",
    "x:y",
    "arn:aws:iam::111122223333:role/ci",
)
_GROUPS: Final = ("viewers", "team-a", "x:y", "Viewers")
_PATHS: Final = ("", "", "team/", "Team/deep/")
_PRINCIPAL: Final = re.compile(
    r"arn:aws(?:-cn)?:iam::[0-9]{12}:(role|user)/(?:[\w+=,.@-]+/)*[\w+=,.@-]{1,64}", re.ASCII
)
_NODES: Final = {"EC2_LINUX": "system:node:{{EC2PrivateDNSName}}", "FARGATE_LINUX": "system:node:{{SessionName}}"}


class GivenEntry(NamedTuple):
    """An access entry, and whether its principal still has the unique id that it had when the entry was made."""

    entry: AccessEntry
    is_stale: bool


def unique_id(arn: str) -> str:
    """Return the unique id of a principal in IAM, where no two names of an account differ in case or path alone."""
    _, partition, _, _, account, resource = arn.split(":", 5)
    kind, _, rest = resource.partition("/")
    name = f"{partition}:{account}:{kind}/{rest.rpartition('/')[2].lower()}"
    return ("AROA" if kind == "role" else "AIDA") + uuid.uuid5(uuid.NAMESPACE_URL, name).hex[:17].upper()


def identity_with_id(caller: Caller) -> Identity:
    """Return what STS says of a caller, with its own unique id."""
    own = unique_id(caller.canonical_arn)
    user_id = f"{own}:{caller.session_name}" if caller.session_name else own
    return Identity(arn=caller.arn, account=caller.account, userID=user_id, accessKeyID=caller.access_key_id or "")


def entries_for(random: Random, callers: Iterable[Caller]) -> list[GivenEntry]:
    """Return entries for some of the callers' principals, at most one for each, stale ones among them."""
    found: dict[str, GivenEntry] = {}
    for caller in callers:
        if _PRINCIPAL.fullmatch(caller.canonical_arn) and random.random() < 0.5:
            own = unique_id(caller.canonical_arn)
            found.setdefault(own, GivenEntry(_entry(random, caller), random.random() < 0.2))
    return list(found.values())


def _entry(random: Random, caller: Caller) -> AccessEntry:
    arn = caller.canonical_arn
    if caller.is_role:
        before, _, name = arn.rpartition("/")
        arn = f"{before}/{random.choice(_PATHS)}{name}"
        if random.random() < 0.2:
            kind = random.choice(list(_NODES))
            return AccessEntry(arn, kind, _NODES[kind], ("system:nodes",))
    groups = tuple(random.sample(_GROUPS, random.choice((0, 1, 2))))
    return AccessEntry(arn, "STANDARD", random.choice(_USERNAMES), groups)


def working(entries: Iterable[GivenEntry]) -> list[AccessEntry]:
    """Return the entries that let somebody in."""
    return [given.entry for given in entries if not given.is_stale]


def dynamic_file(entries: Iterable[GivenEntry]) -> Mapping[str, object]:
    """Return the content of the file with which ``DynamicFile`` holds these entries."""
    roles, users = [], []
    for entry, is_stale in entries:
        known = {"username": entry.username, "groups": list(entry.groups)}
        known["userid"] = "AROASTALE" + unique_id(entry.principal_arn) if is_stale else unique_id(entry.principal_arn)
        if ":role/" in principal_of(entry.principal_arn):
            roles.append({"rolearn": entry.principal_arn, **known})
        else:
            users.append({"userarn": entry.principal_arn, **known})
    return {"mapRoles": roles, "mapUsers": users, "LastUpdatedDateTime": "0", "Version": "1"}
