"""What IAM knows of the principals of a document, and what a plan of a migration makes of it, for the authenticator.

In an account of IAM, no two roles differ in case or path alone, and no two users. All choices come from the `random.Random` that is
passed in.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from awsauth.core.access.caller import Caller
from awsauth.core.access.matching import account_of, casefold_arn, is_canonical, principal_of
from awsauth.core.arn import is_user, partition_of
from awsauth.core.document.model import KEYS
from awsauth.core.edit.changes import EnsureEntry
from awsauth.core.entries.findings import FoundPrincipal, IamFacts
from awsauth.core.entries.model import EntriesState
from awsauth.core.migration.classify import migration_plan
from awsauth.core.migration.logs import LoginLogs
from awsauth.core.migration.plan import MigrationChoices, MigrationFacts
from awsauth.errors import EditError, InvalidValueError
from tests.support.callers import ACCESS_KEY, callers_of
from tests.support.entry_callers import GivenEntry, entries_for, unique_id

if TYPE_CHECKING:
    from random import Random

    from awsauth.core.document.document import Document
    from awsauth.core.entries.model import AccessEntry, AuthenticationMode
    from awsauth.core.migration.plan import MigrationPlan

MADE_ON: Final = datetime(2026, 1, 1, tzinfo=timezone.utc)
SESSIONS: Final = ("i-0123456789abcdef0", "bob@example.com", "build-7")
_PATHS: Final = ("", "", "team/", "Team/deep/", "aws-service-role/batch.amazonaws.com/")
_NAMED: Final = re.compile(r"arn:aws[\w-]*:iam::[0-9]{12}:(role|user)/(?:[\w+=,.@-]+/)*[\w+=,.@-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class World:
    """A cluster's account, and the principals that exist.

    Attributes:
        account: The account of the cluster.
        partition: The partition of the cluster; callers of no other one reach it.
        real: By unique id, the ARN with its path.
        callers: Callers of all classes: each principal with several sessions, strangers, and the roots of accounts.
        given: The present access entries.
    """

    account: str
    partition: str
    real: dict[str, str]
    callers: list[Caller]
    given: list[GivenEntry]

    def facts(self, random: Random, document: Document) -> MigrationFacts:
        """Return what a session of the cluster's account may find out about the mappings."""
        created: dict[str, datetime | None] = {}
        unknown: dict[str, str] = {}
        real: dict[str, FoundPrincipal] = {}
        for arn in sorted({one.principal for key in KEYS for one in document.reading(key).mapped}):
            if not _NAMED.fullmatch(arn) or account_of(arn) != self.account or random.random() < 0.1:
                unknown[arn] = "IAM tells nothing about it."
            elif known := self.real.get(unique_id(arn)):
                real[arn] = FoundPrincipal(known, MADE_ON)
                created[arn] = MADE_ON if known == arn else None
            else:
                created[arn] = None
        return MigrationFacts(
            f"arn:{self.partition}:eks:us-east-1:{self.account}:cluster/prod", IamFacts(created, unknown, real)
        )

    def choices(self, random: Random, document: Document) -> MigrationChoices:
        """Return choices that are valid: usernames, real ARNs, and differences that are allowed."""
        arns, usernames = {}, {}
        accept: list[str] = []
        for arn in sorted({one.principal for key in KEYS for one in document.reading(key).mapped}):
            known = self.real.get(unique_id(arn)) if _NAMED.fullmatch(arn) else None
            if known and principal_of(known) == casefold_arn(arn) and random.random() < 0.5:
                arns[arn] = known
            if random.random() < 0.3:
                usernames[arn] = random.choice(("ci", "a:{{SessionName}}", "people:{{SessionNameRaw}}"))
            accept += [f"{what}={arn}" for what in ("loses", "gains", "unproven") if random.random() < 0.4]
        came_in = {caller.canonical_arn: MADE_ON for caller in self.callers if random.random() < 0.5}
        logs = LoginLogs(came_in, MADE_ON) if random.random() < 0.5 else None
        return MigrationChoices(usernames, arns, accept, random.choice(("policy", "group")), logs)

    def after(self, plan: MigrationPlan, mode: AuthenticationMode) -> list[GivenEntry]:
        """Return the entries after a migration: EKS refuses those with a wrong path, and makes its own."""
        made = [*plan.entries]
        if mode == "CONFIG_MAP":
            made += [item.entry for item in plan.items if item.verdict == "eks-owned" and item.entry]
        return [*self.given, *(GivenEntry(entry, is_stale=False) for entry in made if self.accepts(entry))]

    def accepts(self, entry: AccessEntry) -> bool:
        """Whether EKS makes an entry: its principal exists under this ARN, and its names are allowed."""
        assert _NAMED.fullmatch(entry.principal_arn), entry
        if entry.type == "STANDARD":
            # It raises for names that EKS refuses.
            EnsureEntry(principal_arn=entry.principal_arn, username=entry.username, groups=entry.groups)
        else:
            assert account_of(entry.principal_arn) == self.account, entry
            assert not is_user(entry.principal_arn), entry
        return self.real.get(unique_id(entry.principal_arn)) == entry.principal_arn


def world_of(random: Random, document: Document, mode: AuthenticationMode) -> World:
    """Return a world in which some principals of a document exist, and others that are almost mapped."""
    found = callers_of(random, document, 25)
    mapped = [one.principal for key in KEYS for one in document.reading(key).mapped if is_canonical(one.principal)]
    spelled = [caller for arn in mapped if (caller := _caller(arn))]
    spelled = [*random.sample(spelled, len(spelled) * 9 // 10), *found]
    partition = partition_of(random.choice(spelled[:3]).canonical_arn) if spelled else "aws"
    spelled = [caller for caller in spelled if partition_of(caller.canonical_arn) == partition]
    real: dict[str, str] = {}
    for caller in spelled:
        arn = caller.canonical_arn
        if _NAMED.fullmatch(arn) and unique_id(arn) not in real:
            before, _, name = arn.rpartition("/")
            path = random.choice(_PATHS) if caller.is_role else ""
            real[unique_id(arn)] = f"{before}/{path}{name}"
    callers = [
        Caller(canonical if is_user(canonical) else _session(canonical, session), access_key_id=ACCESS_KEY)
        for arn in real.values()
        for canonical in [Caller(arn).canonical_arn]
        for session in (SESSIONS[:1] if is_user(arn) else SESSIONS)
    ]
    callers += [caller for caller in spelled if not _NAMED.fullmatch(caller.canonical_arn)]
    accounts = [account_of(arn) for arn in real.values()]
    account = random.choice(accounts) if accounts else "111122223333"
    world = World(account, partition, real, callers, [])
    return world if mode == "CONFIG_MAP" else replace(world, given=_present(random, document, world))


def _present(random: Random, document: Document, world: World) -> list[GivenEntry]:
    """Return present entries with the real path: any ones, and some that a migration made.

    Stale ones are among them: they were made before their principal.
    """
    given = {unique_id(one.entry.principal_arn): one.entry for one in entries_for(random, world.callers)}
    with suppress(EditError):  # the meaning of the text is uncertain
        plan = migration_plan(document, EntriesState("CONFIG_MAP"), world.facts(random, document))
        for entry in plan.entries:
            if world.accepts(entry) and random.random() < 0.5:
                given[unique_id(entry.principal_arn)] = entry
    found = []
    for known, entry in given.items():
        is_stale = random.random() < 0.2
        made = MADE_ON + timedelta(days=-1 if is_stale else 1)
        found.append(GivenEntry(replace(entry, principal_arn=world.real[known], created=made), is_stale=is_stale))
    return found


def _session(canonical: str, session: str) -> str:
    return canonical.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + f"/{session}"


def _caller(arn: str) -> Caller | None:
    try:
        return Caller(casefold_arn(arn) if not arn.isascii() else arn)
    except InvalidValueError:
        return None
