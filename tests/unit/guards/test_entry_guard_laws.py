"""Laws of the guards for changes of access entries, against a small model of who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hypothesis import given, strategies as st

from awsauth.core.findings import Severity
from awsauth.core.guards.context import GuardContext
from awsauth.core.guards.guards import run_guards
from tests.support.access_entries import ADMIN_POLICY, EDIT, ROLE, VIEW, changes, entry
from tests.support.changed import MASTERS, role, roles

if TYPE_CHECKING:
    from awsauth.core.document.document import Document
    from awsauth.core.entries.model import AccessEntry, AuthenticationMode

NAMES = ("me", "b", "c")
ADMIN = "AmazonEKSAdminPolicy"
RANKS = {VIEW: 1, EDIT: 2, ADMIN: 3, ADMIN_POLICY: 4}
TEXTS = st.sampled_from([VIEW, EDIT, ADMIN, ADMIN_POLICY]).flatmap(
    lambda name: st.sampled_from([name, f"{name}=x", f"{name}=x,y"])
)
ENTRY_FIELDS = st.tuples(
    st.lists(TEXTS, max_size=2, unique_by=lambda text: text.partition("=")[0]),
    st.sampled_from(["u", "v"]),
    st.sets(st.sampled_from(["g", "platform"])),
)
SIDES = st.dictionaries(st.sampled_from(NAMES), ENTRY_FIELDS)
MAPPINGS = st.dictionaries(
    st.sampled_from(NAMES), st.tuples(st.sampled_from(["u", "v"]), st.sets(st.sampled_from(["g", "platform", MASTERS])))
)
MODES: st.SearchStrategy[AuthenticationMode] = st.sampled_from(["API", "API_AND_CONFIG_MAP"])


class Rights(NamedTuple):
    """What a principal may do: names that RBAC can bind, and ranks of policies by namespace."""

    username: str
    groups: frozenset[str]
    policies: frozenset[tuple[str, int]]

    @property
    def is_admin(self) -> bool:
        return MASTERS in self.groups

    @property
    def may_repair(self) -> bool:
        return not self.groups.isdisjoint({MASTERS, "platform"})


def rights_of(found: AccessEntry) -> Rights:
    groups, policies = set(found.groups), set()
    for policy in found.policies:
        if policy.name == ADMIN_POLICY and not policy.namespaces:
            groups.add(MASTERS)
        for namespace in policy.namespaces or ("x", "y", "another"):
            policies |= {(namespace, rank) for rank in range(1, RANKS[policy.name] + 1)}
    return Rights(found.username, frozenset(groups), frozenset(policies))


class Case(NamedTuple):
    before: list[AccessEntry]
    after: list[AccessEntry]
    document: Document
    mode: AuthenticationMode
    mapped: dict[str, Rights]

    def side(self, entries: list[AccessEntry]) -> dict[str, Rights]:
        mapped = {} if self.mode == "API" else self.mapped
        return mapped | {one.principal_arn.rpartition("/")[2]: rights_of(one) for one in entries}

    @property
    def refused(self) -> set[str]:
        context = GuardContext(
            caller_arn=f"{ROLE}/me",
            authentication_mode=self.mode,
            access_entries=tuple(self.before),
            entry_diffs=changes(self.before, self.after),
            admin_groups=frozenset({"platform"}),
        )
        found = run_guards(self.document, self.document, context)
        return {one.code for one in found if one.severity is Severity.ERROR}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    sides = [
        [
            entry(name if name == "me" else f"team/{name}", *texts, username=username, groups=tuple(sorted(groups)))
            for name, (texts, username, groups) in draw(SIDES).items()
        ]
        for _ in range(2)
    ]
    mapped = draw(MAPPINGS)
    document = roles(*(role(name, username, *sorted(groups)) for name, (username, groups) in mapped.items()))
    known = {name: Rights(username, frozenset(groups), frozenset()) for name, (username, groups) in mapped.items()}
    return Case(sides[0], sides[1], document, draw(MODES), known)


@given(cases())
def test_the_last_administrator_is_kept_and_nothing_else(case: Case) -> None:
    old, new = (any(one.may_repair for one in case.side(side).values()) for side in (case.before, case.after))
    assert ("last-admin" in case.refused) == (old and not new)


@given(cases())
def test_the_caller_keeps_its_rights_and_nothing_else_is_refused(case: Case) -> None:
    old, new = (case.side(side).get("me") for side in (case.before, case.after))
    keeps = new is not None and old is not None
    if new and old and not new.is_admin:
        keeps = new.username == old.username and old.groups <= new.groups and old.policies <= new.policies
    assert ("own-access" in case.refused) == (old is not None and not keeps)


@given(cases())
def test_only_a_deletion_lets_a_mapping_give_more(case: Case) -> None:
    old, new = case.side(case.before), case.side(case.after)
    left = {one.principal_arn.rpartition("/")[2] for one in case.after}
    gains = {
        name
        for name in (one.principal_arn.rpartition("/")[2] for one in case.before)
        if name not in left
        and name in new
        and not old[name].is_admin
        and (new[name].username != old[name].username or not new[name].groups <= old[name].groups)
    }
    assert ("gains" in case.refused) == bool(gains)


@given(cases())
def test_a_change_of_nothing_is_never_refused(case: Case) -> None:
    assert case._replace(after=case.before[::-1]).refused == set()
