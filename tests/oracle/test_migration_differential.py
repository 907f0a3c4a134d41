"""A migration changes the access of no caller but those that the plan names, by the authenticator's own server.

For every caller, the server answers three times: today, with the planned entries before ``aws-auth`` (``API_AND_CONFIG_MAP``), and with
the entries alone (``API``).

``AWSAUTH_CALLERS`` sets how many callers are compared, ``AWSAUTH_SEED`` which.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from awsauth.core.access.matching import account_of, casefold_arn, principal_of
from awsauth.core.document.document import Document
from awsauth.core.entries.model import EntriesState
from awsauth.core.migration.classify import IMPLIED, migration_plan
from awsauth.core.migration.plan import MADE
from awsauth.core.text.display import quoted
from awsauth.errors import EditError
from tests.oracle.test_entries_differential import BACKENDS
from tests.oracle.test_explain_differential import CALLERS, SEED
from tests.support.authenticator.authenticator import Attempt
from tests.support.callers import close_data
from tests.support.documents import generated
from tests.support.entry_callers import dynamic_file, identity_with_id
from tests.support.migration_world import World, world_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from awsauth.core.access.caller import Caller
    from awsauth.core.entries.model import AuthenticationMode
    from awsauth.core.migration.plan import MigrationItem, MigrationPlan
    from tests.support.authenticator.authenticator import Admission, Authenticator
    from tests.support.entry_callers import GivenEntry

_BATCH: Final = 100
_MODES: Final[tuple[AuthenticationMode, ...]] = ("CONFIG_MAP", "CONFIG_MAP", "API_AND_CONFIG_MAP", "API")


class Case(NamedTuple):
    """A document in a world, and the plan for it."""

    document: Document
    mode: AuthenticationMode
    world: World
    plan: MigrationPlan


def test_callers_of_the_corpus(authenticator: Authenticator, corpus: Path) -> None:
    """All real documents, each in several worlds."""
    lines = (corpus / "expected.jsonl").read_text(encoding="utf-8").split("\n")
    documents = [Document(data) for line in lines if line and (data := json.loads(line).get("data"))]
    seen = _compare(authenticator, documents * 3)
    assert seen["callers"] > 10_000
    known = ("equal", "same-reach", "needs-choice", "impossible", "dead", "present", "conflict", "equal by its account")
    for verdict in known:
        assert seen[verdict], verdict


def test_callers_of_generated_documents(authenticator: Authenticator) -> None:
    """Documents in any shape, with present entries, stale ones among them, and all choices."""
    random = Random(SEED)
    seen = _compare(authenticator, _documents(random), CALLERS)
    assert seen["callers"] >= CALLERS
    # Otherwise it would say nothing about them.
    for verdict in ("equal", "same-reach", "different", "needs-choice", "impossible", "present", "conflict", "dead"):
        assert seen[verdict] > CALLERS / 1000, (verdict, seen)


def _documents(random: Random) -> Iterator[Document]:
    while True:
        yield Document(close_data(random) if random.random() < 0.7 else generated.data(random))


def _compare(authenticator: Authenticator, documents: Iterable[Document], enough: int | None = None) -> Counter[str]:
    """Compare until there are no more documents, or enough callers; return how often each verdict decided."""
    random = Random(SEED)
    seen: Counter[str] = Counter()
    waiting = iter(documents)
    while batch := list(islice(waiting, _BATCH)):
        cases = [case for document in batch if (case := _case(random, document))]
        asked = [attempt for case in cases for attempt in _attempts(case)]
        answers = iter(authenticator.authenticate_many(asked))
        for case in cases:
            today, mixed, alone = next(answers), next(answers), next(answers)
            for position, caller in enumerate(case.world.callers):
                told = _Answers(*(_given(admissions[position]) for admissions in (today, mixed, alone)))
                seen[_compared(case, caller, told)] += 1
                seen["callers"] += 1
        if enough and seen["callers"] >= enough:
            break
    return seen


def _case(random: Random, document: Document) -> Case | None:
    mode = random.choice(_MODES)
    world = world_of(random, document, mode)
    state = EntriesState(mode, tuple(given.entry for given in world.given))
    choices = world.choices(random, document) if random.random() < 0.5 else None
    try:
        return Case(document, mode, world, migration_plan(document, state, world.facts(random, document), choices))
    except EditError:
        return None  # the meaning of its text is uncertain


def _attempts(case: Case) -> Iterator[Attempt]:
    after = case.world.after(case.plan, case.mode)
    stages: list[tuple[AuthenticationMode, list[GivenEntry]]] = [(case.mode, case.world.given)]
    stages += [("API_AND_CONFIG_MAP" if case.mode != "API" else "API", after), ("API", after)]
    for mode, entries in stages:
        yield Attempt(
            data=dict(case.document.data),
            reserved=(),
            callers=[identity_with_id(caller) for caller in case.world.callers],
            modes=BACKENDS[mode],
            entries=dynamic_file(entries),
        )


class _Answers(NamedTuple):
    """Username and groups of a caller; None if the server denies it."""

    today: tuple[str, frozenset[str]] | None
    mixed: tuple[str, frozenset[str]] | None
    alone: tuple[str, frozenset[str]] | None


def _given(admission: Admission) -> tuple[str, frozenset[str]] | None:
    if admission["error"]:
        return None
    return admission["username"], frozenset(admission["groups"] or ()).difference(IMPLIED)


def _compared(case: Case, caller: Caller, told: _Answers) -> str:
    """Hold the answers about a caller to the plan, and return the verdict about its principal."""
    principal = principal_of(caller.canonical_arn)
    items = [
        item for item in case.plan.items if casefold_arn(item.mapped.principal) == principal and item.verdict != "dead"
    ]
    dead = [
        item for item in case.plan.items if casefold_arn(item.mapped.principal) == principal and item.verdict == "dead"
    ]
    of_account = [item for item in case.plan.items if item.mapped.principal == account_of(caller.canonical_arn)]
    item = items[0] if items else None
    made = item is not None and item.verdict in (*MADE, "eks-owned") and item.entry is not None
    made = made and case.world.accepts(item.entry)  # type: ignore[union-attr, arg-type]
    if made and (item.verdict != "eks-owned" or case.mode == "CONFIG_MAP"):  # type: ignore[union-attr]
        problem = _of_entry(item, told)  # type: ignore[arg-type]
    else:
        problem = _without_entry([*items, *of_account], dead, told, is_undefined=len(items) > 1)
    if problem:
        pytest.fail(
            f"{problem} (seed {SEED})\n"
            f"mode:    {case.mode}\n"
            f"data:    {dict(case.document.data)!r}\n"
            f"given:   {case.world.given!r}\n"
            f"caller:  {caller!r}\n"
            f"items:   {[*items, *dead, *of_account]!r}\n"
            f"answers: {told!r}",
            pytrace=False,
        )
    if item and item.key == "mapAccounts":
        return f"{item.verdict} by its account"
    return item.verdict if item else "dead" if dead else "account" if of_account else "stranger"


def _of_entry(item: MigrationItem, told: _Answers) -> str:
    """Return why the entry of an item is not what the plan says of it."""
    if told.mixed != told.alone:
        return "the entry decides in one mode only"
    assert item.entry
    named = " ".join(item.differs)
    lost = {group for group in item.mapped.groups if group not in (*item.entry.groups, *IMPLIED)}
    more = {group for group in item.entry.groups if group not in item.mapped.groups}
    renamed = {item.mapped.username, item.entry.username} if item.mapped.username != item.entry.username else set()
    said = [name for name in lost | more | renamed if quoted(name) in named or quoted(name, 200) in named]
    if unnamed := (lost | more | renamed).difference(said):
        return f"not named: {unnamed}"
    if not (lost or more or renamed) and told.today != told.mixed:
        return "the same names are other access"
    is_allowed = item.verdict == "different" and "every session" in named
    if (told.today is None) != (told.mixed is None) and not is_allowed:
        return "gains or loses access altogether"
    return ""


def _without_entry(items: list[MigrationItem], dead: list[MigrationItem], told: _Answers, *, is_undefined: bool) -> str:
    """Return why a caller is not left alone that gets no entry."""
    if told.today != told.mixed and not is_undefined:
        return "changed without an entry"
    if told.alone == told.today:
        return ""
    if told.alone is not None:
        # A stale entry does not count, and what it hides is the mapping's.
        return "gains by the mode API"
    is_named = any(item.blocks_api or item.verdict == "different" for item in items) or any(
        item.differs for item in dead
    )
    return "" if is_named else "loses access in the mode API, and is not named"
