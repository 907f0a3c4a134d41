"""Callers made from what a document maps, and documents full of entries that almost match each other.

All choices come from the `random.Random` that is passed in, so a seed names them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from awsauth.core.access.caller import Caller
from awsauth.errors import InvalidValueError
from tests.support.authenticator.authenticator import Attempt, Identity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from awsauth.core.document.document import Document

ACCESS_KEY: Final = "ASIAEXAMPLEKEY"

_ACCOUNTS: Final = ("111122223333", "012345678901")
# The long s and the Kelvin sign are s and k to whoever ignores case, and the dotted I is i to whoever lowers it.
_WRITTEN: Final = (
    "role/ci", "role/CI", "role/Ci", "role/team/ci", "role/ci ", " role/ci", "role/si", "role/\u017fi", "role/s\u0130",
    "role/kiosk", "role/\u212aiosk", "role/KIO\u017fK", "user/ci", "user/Ci", "user/team/ci", "user/team/CI", "root",
    "instance-profile/ci", "role/*", "role/ci*", "role/", "user/\u212aiosk", "user/kiosk", "role/c1", "user/ROOT",
)  # fmt: skip
_TEMPLATES: Final = (
    "ci", "admin", "", "{{SessionName}}", "a:{{SessionName}}:z", "{{SessionNameRaw}}", "{{AccountID}}", "{{AccessKeyID}}",
    "system:node:{{EC2PrivateDNSName}}", "{{SessionName}}{{SessionNameRaw}}", "{{sessionname}}", "{{ SessionName }}",
    "{{Access{{SessionName}}KeyID}}", "{{Session{{SessionName}}Name}}", "{{{{AccountID}}}}", "{SessionName}", "{{Unknown}}",
)  # fmt: skip
_GROUPS: Final = (
    "viewers", "system:nodes", "team-{{AccountID}}", "{{SessionName}}", "x:{{SessionNameRaw}}", "{{EC2PrivateDNSName}}"
)  # fmt: skip
_SESSIONS: Final = (
    "i-01234567", "i-0123456789abcdef0", "i-_bcdefgh", "i-0123456", "i-012345678", "xi-01234567", "i-01234567=", "bob",
    "bob@example.com", "a@b@c", "build-7", "arn", "AccountID",
)  # fmt: skip


def close_data(random: Random) -> dict[str, str]:
    """Make the ``data`` of a ConfigMap whose entries are hard to tell from each other."""
    made = {
        key: json.dumps([_entry(random, field) for _ in range(random.choice((1, 2, 3, 5)))])
        for key, field in (("mapRoles", "rolearn"), ("mapUsers", "userarn"))
        if random.random() < 0.8
    }
    if random.random() < 0.3:
        accounts = random.sample((*_ACCOUNTS, "12345678901", "0123-4567-8901", "*"), random.choice((1, 2)))
        made["mapAccounts"] = json.dumps(accounts)
    if random.random() < 0.1:
        made[random.choice(("maproles", "MapRoles", "mapRole"))] = json.dumps([_entry(random, "rolearn")])
    return made


def _entry(random: Random, field: str) -> dict[str, object]:
    partition = random.choice(("aws",) * 9 + ("aws-cn",))
    service = random.choice(("iam",) * 14 + ("sts",))
    resource = random.choice(_WRITTEN)
    arn = f"arn:{partition}:{service}::{random.choice(_ACCOUNTS[:1] * 4 + _ACCOUNTS)}:{resource}"
    if random.random() < 0.04:
        arn = f"arn:aws:sts::{_ACCOUNTS[0]}:assumed-role/ci/bob"
    entry: dict[str, object] = {field: arn, "username": random.choice(_TEMPLATES)}
    if random.random() < 0.6:
        entry["groups"] = random.sample(_GROUPS, random.choice((0, 1, 1, 2)))
    if field == "rolearn" and random.random() < 0.05:
        del entry["rolearn"]
        entry["sso"] = {"permissionSetName": "Admin", "accountID": _ACCOUNTS[0]}
    return entry


def callers_of(random: Random, document: Document, most: int) -> list[Caller]:
    """Return callers who are mapped, or are almost: by case, path, account, partition, kind and session."""
    reported = list(dict.fromkeys(_reported(random, document)))
    callers = [caller for arn in random.sample(reported, min(most, len(reported))) if (caller := _caller(arn))]
    return list(dict.fromkeys(callers))


def attempt_of(document: Document, callers: list[Caller]) -> Attempt:
    """Return what to ask the authenticator, so that these callers come."""
    return Attempt(data=dict(document.data), reserved=(), callers=[identity_of(caller) for caller in callers])


def identity_of(caller: Caller) -> Identity:
    """Return what STS says of a caller whose ARN is as STS reports it."""
    user_id = f"AROAEXAMPLE:{caller.session_name}" if caller.session_name else "AIDAEXAMPLE"
    return Identity(arn=caller.arn, account=caller.account, userID=user_id, accessKeyID=caller.access_key_id or "")


def _reported(random: Random, document: Document) -> Iterator[str]:
    """Yield ARNs as STS reports them, some of what no caller can be."""
    for account in (*document.accounts[:3], *_ACCOUNTS):
        yield from (f"arn:aws:iam::{account}:user/stranger", f"arn:aws:iam::{account}:root")
        yield from (
            f"arn:aws:sts::{account}:assumed-role/{name}/{random.choice(_SESSIONS)}" for name in ("ci", "kiosk")
        )
        yield f"arn:aws:iam::{account}:user/team/ci"
        yield f"arn:aws:sts::{account}:federated-user/ci"
    yield f"arn:aws:sts::{_ACCOUNTS[0]}:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/bob@example.com"
    for written in [role.role_arn for role in document.roles] + [user.user_arn for user in document.users]:
        yield from _of_written(random, written)


def _of_written(random: Random, written: str) -> Iterator[str]:
    parts = written.strip().split(":", 5)
    if len(parts) < 6:
        return
    _, partition, _, _, account, resource = parts
    kind, _, rest = resource.partition("/")
    name = rest.rpartition("/")[2]
    for spelling in (name, name.upper(), name.lower(), name + "x"):
        yield f"arn:{partition}:sts::{account}:assumed-role/{spelling}/{random.choice(_SESSIONS)}"
    yield f"arn:{partition}:sts::{_ACCOUNTS[1]}:assumed-role/{name}/{random.choice(_SESSIONS)}"
    yield f"arn:aws-us-gov:sts::{account}:assumed-role/{name}/{random.choice(_SESSIONS)}"
    if kind == "user":
        yield written.strip()
    yield f"arn:{partition}:iam::{account}:user/{rest}"
    yield f"arn:{partition}:iam::{account}:user/{name.swapcase()}"


def _caller(arn: str) -> Caller | None:
    try:
        return Caller(arn, access_key_id=ACCESS_KEY)
    except InvalidValueError:
        return None
