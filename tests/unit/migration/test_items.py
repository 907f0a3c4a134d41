"""What an item and a plan say: the entry that is made, what is given up, and what goes on after an interruption."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from awsauth.core.cluster.facts import Binding, Bindings, NodeEvidence, RoleUser
from awsauth.core.document.document import Document
from awsauth.core.entries.model import MIGRATED, AccessEntry, EntriesState
from awsauth.core.migration.classify import migration_plan
from awsauth.core.migration.logs import LoginLogs
from awsauth.core.migration.plan import MigrationChoices, require_same
from awsauth.errors import PlanOutdatedError
from tests.support.changed import ADMIN, BOTH, MASTERS, PREFIX, USERS, node, role, roles
from tests.unit.migration.test_verdicts import CONFIG_MAP, MADE, POLICY, entry, item, known

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsauth.core.migration.plan import MigrationItem, MigrationPlan

CI = f"{PREFIX}/ci"
LATER = MADE + timedelta(days=1)
EDITORS = Binding("RoleBinding", "editors", "apps", "ClusterRole", "edit")
READERS = Binding("ClusterRoleBinding", "readers", "", "ClusterRole", "view")


def beside(present: AccessEntry, *groups: str) -> MigrationItem:
    """Return the item of a mapping of the role ``ci`` beside an entry."""
    return item(roles(role("ci", "ci", *groups)), None, EntriesState("API_AND_CONFIG_MAP", (present,)))


def planned(document: Document, bindings: Bindings | None = None, state: EntriesState = CONFIG_MAP) -> MigrationPlan:
    arns = [one.principal for one in document.reading("mapRoles").mapped]
    return migration_plan(document, state, known(*arns, bindings=bindings))


def test_an_item_shows_the_entry_that_the_migration_makes_and_no_other() -> None:
    made = item(roles(role("ci", "ci", "devs")))
    assert str(made) == f"`{CI}`: An access entry can have its names. Entry: username `ci`; groups `devs`."
    present = beside(AccessEntry(CI, "STANDARD", "ci", created=LATER))
    assert str(present) == f"`{CI}`: Its access entry decides, and gives the same."
    given_up = item(roles(role("ci", "system:node:x", *BOTH)), accept=[f"loses={CI}"])
    assert str(given_up) == (
        f"`{CI}`: No type of access entry gives these names to nodes. It has no access in the mode API."
    )


def test_an_item_whose_entry_differs_says_why() -> None:
    found = item(roles(role("ci", "", "devs")))
    assert found.reason == "An access entry can replace it."
    other = beside(AccessEntry(CI, "STANDARD", "other", created=LATER))
    assert (other.verdict, other.reason) == ("conflict", "Its access entry decides, and gives something else.")
    windows = item(roles(role("ci", "system:node:{{SessionName}}", *BOTH, "system:node-proxier")))
    assert windows.differs == ("The entry does not give `system:bootstrappers`.",)
    fargate = item(roles(role("ci", "system:node:{{SessionName}}", *BOTH)))
    assert fargate.verdict == "same-reach"


def test_a_node_entry_that_gives_more_says_so() -> None:
    profile = NodeEvidence.of([RoleUser(f"{PREFIX}/node", "Fargate profile web")])
    found = item(roles(node(kind="hybrid")), known(f"{PREFIX}/node", evidence=profile))
    assert found.differs == (
        "The entry does not give `system:bootstrappers`.",
        "The entry also gives `system:node-proxier`.",
    )


@pytest.mark.parametrize(
    ("made", "decided", "is_given_up"),
    [
        (lambda: item(roles(role("ci"))), "mapping", False),
        (lambda: item(roles(role(f"{PREFIX}/team/ci"))), "nothing", True),
        (lambda: item(roles(role("ci", "system:node:x", *BOTH)), accept=[f"loses={CI}"]), "mapping", True),
        (lambda: item(roles(role("ci", "a:{{AccountID}}")), accept=[f"unproven={CI}"]), "mapping", False),
        (lambda: item(roles(role("ci", "a:{{AccountID}}"))), "mapping", False),
        (lambda: beside(AccessEntry(CI, "STANDARD", "ci", created=MADE)), "entry", False),
        (lambda: beside(AccessEntry(CI, "STANDARD", "x", created=LATER)), "entry", False),
    ],
    ids=["equal", "dead", "given up", "different", "needs a choice", "made with its role", "conflict"],
)
def test_the_source_that_decides_and_what_is_given_up(
    made: Callable[[], MigrationItem], decided: str, *, is_given_up: bool
) -> None:
    assert (made().decided_by, made().is_given_up) == (decided, is_given_up)


def test_an_interrupted_migration_goes_on() -> None:
    wanted = entry("ci", "ci", policies=(POLICY,))
    bare = replace(wanted, policies=(), created=LATER, tags={MIGRATED: "role"})
    assert (beside(bare, MASTERS).verdict, beside(bare, MASTERS).entry) == ("same-reach", wanted)
    assert beside(replace(bare, tags={}), MASTERS).verdict == "conflict"
    assert beside(replace(bare, username="x"), MASTERS).verdict == "conflict"
    done = replace(bare, policies=(POLICY,))
    assert (beside(done, MASTERS).verdict, beside(done, MASTERS).entry) == ("present", done)


def test_a_mapping_by_sso_matches_no_caller() -> None:
    document = roles({"sso": {"permissionSetName": "X", "accountID": "111122223333"}, "username": "x"})
    [found] = migration_plan(document, CONFIG_MAP, known()).items
    assert str(found) == "`(sso)`: EKS does not match mappings by `sso`."


def test_the_arn_of_an_unknown_role_is_the_one_as_written_in_ascii() -> None:
    for name, real in (("CI", "CI"), ("\u017fi", "si")):
        found = item(roles(role(name, "ci")), known())
        assert found.entry
        assert found.entry.principal_arn == f"{PREFIX}/{real}"


def test_the_objects_of_rbac_have_short_names_and_a_namespace_only_in_one() -> None:
    plan = planned(
        roles(role("ci", "ci", "system:monitoring")), Bindings(groups={"system:monitoring": (EDITORS, READERS)})
    )
    first, second = (one["metadata"] for one in plan.rbac)
    assert first.keys() == {"name", "namespace"}
    assert second.keys() == {"name"}
    assert [len(one["name"].rpartition(":")[2]) for one in (first, second)] == [8, 8]


def test_of_spellings_in_the_logs_one_is_chosen_whatever_their_order() -> None:
    arns = [f"{USERS}/Anna", f"{USERS}/anna"]
    document = Document({"mapAccounts": '["111122223333"]'})
    for order in (arns, arns[::-1]):
        logs = LoginLogs(dict.fromkeys(order, MADE), MADE)
        assert (logs.of_accounts(document), logs.unread) == ((arns[1],), 0)


def test_a_plan_in_full() -> None:
    plan = migration_plan(roles(ADMIN, role("ci", "ci")), CONFIG_MAP, known(f"{PREFIX}/admin", CI), MigrationChoices())
    text = str(replace(plan, cluster=""))
    titles = [part.partition(":\n")[0] for part in text.split("\n\n")]
    assert titles == ["equal", "same-reach", "The cluster-admin policy is not system:masters", "Steps"]


def test_a_plan_is_the_same_after_some_of_its_entries_are_made() -> None:
    document = roles(role("ci", "ci"), role("ops", "ops"))
    before = planned(document)
    made = replace(before.entries[0], created=LATER)
    after = planned(document, state=EntriesState("API_AND_CONFIG_MAP", (made,)))
    assert [one.verdict for one in after.items] == ["present", "equal"]
    require_same(before, before)
    require_same(before, planned(roles(role("ops", "ops"), role("ci", "ci"))))


def test_a_plan_with_another_entry_or_binding_is_outdated() -> None:
    document, monitoring = roles(role("ci", "ci")), roles(role("ci", "ci", "system:monitoring"))
    few, more = (Bindings(groups={"system:monitoring": bound}) for bound in ((EDITORS,), (EDITORS, READERS)))
    require_same(planned(monitoring, more), planned(monitoring, few))
    for before, after in (
        (planned(document), planned(roles(role("ci", "other")))),
        (planned(document), planned(roles())),
        (planned(monitoring, few), planned(monitoring, more)),
    ):
        with pytest.raises(PlanOutdatedError, match="another effect now than the one that was planned"):
            require_same(before, after)
