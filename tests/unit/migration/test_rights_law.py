"""A law: by RBAC, a caller may do with its entry exactly what it may do with its mapping, unless a difference was allowed.

Other tests prove that a name with templates becomes the same by a mapping and by an entry.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.access.caller import Caller, render
from awsauth.core.access.matching import needs_instance
from awsauth.core.arn import is_user
from awsauth.core.cluster.facts import Binding, Bindings
from awsauth.core.document.document import Document
from awsauth.core.document.model import SYSTEM_MASTERS, MappingEntry
from awsauth.core.entries.model import EntriesState
from awsauth.core.migration.classify import migration_plan
from tests.support.callers import ACCESS_KEY
from tests.support.documents.strategies import in_volume
from tests.support.migration_world import SESSIONS, world_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from awsauth.core.migration.plan import MigrationItem

Right = tuple[str, str, str, str]
LEAST: Final = in_volume(400)
ADMIN: Final[Right] = ("ClusterRoleBinding", "", "ClusterRole", "cluster-admin")
GROUPS: Final = ("system:masters", "system:nodes", "system:monitoring", "viewers", "")
NAMES: Final = (
    "ci", "admin", "system:ci", "eks:x", "{{SessionName}}", "a:{{SessionName}}", "", "x{{SessionNameRaw}}",
    "system:node:{{EC2PrivateDNSName}}",
)  # fmt: skip
BOUND: Final = (
    "ci", "admin", "system:ci", "eks:x", "bob-example.com", "a:build-7", "people:build-7", "xbuild-7",
    "system:serviceaccount:a:b", "arn:aws:sts::111122223333:assumed-role/ci/build-7",
    "arn:aws:iam::111122223333:user/team/anna",
)  # fmt: skip


def test_rights_are_the_same_before_and_after() -> None:
    random = Random(20261130)
    seen: Counter[str] = Counter()
    while seen["needs-rbac"] < LEAST or seen["callers"] < 15 * LEAST:
        document, bindings = _document(random), _bindings(random)
        world = world_of(random, document, "CONFIG_MAP")
        choices = replace(world.choices(random, document), accept=())
        facts = world.facts(random, document)._replace(bindings=bindings)
        for item in (plan := migration_plan(document, EntriesState("CONFIG_MAP"), facts, choices)).items:
            assert item.verdict != "different"
            seen[item.verdict] += 1
            if item.entry and not item.entry.lets_nodes_in:
                for caller in _callers(item):
                    seen["callers"] += 1
                    assert _before(item, caller, bindings) == _after(item, caller, bindings, plan.rbac), (caller, item)
    assert min(seen[verdict] for verdict in ("equal", "same-reach", "needs-choice")) > LEAST


def _document(random: Random) -> Document:
    def mapped(field: str, names: tuple[str, ...]) -> str:
        arns = [f"arn:aws:iam::111122223333:{name}" for name in random.sample(names, 2)]
        return json.dumps([
            {field: arn, "username": random.choice(NAMES), "groups": random.sample(GROUPS, random.randrange(4))}
            for arn in arns
        ])  # fmt: skip

    roles = mapped("rolearn", ("role/ci", "role/CI", "role/kiosk", "role/team/ci"))
    return Document({"mapRoles": roles, "mapUsers": mapped("userarn", ("user/ci", "user/team/anna", "user/CI"))})


def _bindings(random: Random) -> Bindings:
    def some() -> tuple[Binding, ...]:
        number = random.randrange(1000)
        if random.random() < 0.5:
            return (Binding("ClusterRoleBinding", f"b{number}", "", "ClusterRole", f"role-{number}"),)
        return (Binding("RoleBinding", f"b{number}", "apps", random.choice(("Role", "ClusterRole")), f"role-{number}"),)

    users, groups = random.sample(BOUND, 3), random.sample(GROUPS[:-1], 3)
    return Bindings({name: some() for name in users}, {name: some() for name in groups})


def _callers(item: MigrationItem) -> list[Caller]:
    assert item.entry
    arn = item.entry.principal_arn
    if is_user(arn):
        return [Caller(arn, access_key_id=ACCESS_KEY)]
    return [Caller(arn, session_name=session, access_key_id=ACCESS_KEY) for session in SESSIONS]


def _before(item: MigrationItem, caller: Caller, bindings: Bindings) -> set[Right]:
    if needs_instance(item.mapped) and not caller.is_instance:
        return set()
    return _rights(item.mapped, caller, bindings, ())


def _after(item: MigrationItem, caller: Caller, bindings: Bindings, rbac: Iterable[dict[str, Any]]) -> set[Right]:
    assert item.entry
    masters = (SYSTEM_MASTERS,) if item.entry.is_administrator else ()
    names = MappingEntry(item.entry.principal_arn, item.entry.username, (*item.entry.groups, *masters))
    return _rights(names, caller, bindings, rbac)


def _rights(names: MappingEntry, caller: Caller, bindings: Bindings, rbac: Iterable[dict[str, Any]]) -> set[Right]:
    """Return what RBAC binds to a caller; an administrator may do everything, so that no other right matters."""
    username = render(names.username, caller).text
    groups = {render(group, caller).text for group in names.groups}
    bound = [
        *bindings.usernames.get(username, ()),
        *(one for group in groups for one in bindings.groups.get(group, ())),
    ]
    found = {(one.kind, one.namespace, one.role_kind, one.role) for one in bound}
    for made in rbac:
        [subject] = made["subjects"]
        if subject["name"] in ({username} if subject["kind"] == "User" else groups):
            namespace = made["metadata"].get("namespace", "")
            found.add((made["kind"], namespace, made["roleRef"]["kind"], made["roleRef"]["name"]))
    return {ADMIN} if ADMIN in found or SYSTEM_MASTERS in groups else found
