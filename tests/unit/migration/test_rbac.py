"""Usernames and groups that an entry cannot have, and the RBAC objects that give others the same rights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from awsauth.core.cluster.facts import Binding, Bindings
from awsauth.core.migration.classify import migration_plan
from awsauth.core.migration.plan import MigrationChoices, MigrationItem
from tests.support.changed import MASTERS, PREFIX, role, roles
from tests.unit.migration.test_verdicts import CONFIG_MAP, known

if TYPE_CHECKING:
    from awsauth.core.document.document import Document

CI: Final = f"{PREFIX}/ci"
EDIT: Final = Binding("RoleBinding", "editors", "apps", "ClusterRole", "edit")
READ: Final = Binding("ClusterRoleBinding", "readers", "", "ClusterRole", "view")
SECOND: Final = Binding("RoleBinding", "editors", "web", "Role", "editor")


def item(document: Document, bindings: Bindings, **choices: Any) -> MigrationItem:
    [found] = migration_plan(document, CONFIG_MAP, known(CI, bindings=bindings), MigrationChoices(**choices)).items
    return found


def bound(found: MigrationItem) -> list[tuple[str, str, str, str, str, str]]:
    """Return kind, namespace, kind of role, role, kind of subject and subject of the RBAC objects."""
    made = []
    for one in found.rbac:
        [subject] = one["subjects"]
        role_ref = one["roleRef"]
        where = one["metadata"].get("namespace", "")
        made.append((one["kind"], where, role_ref["kind"], role_ref["name"], subject["kind"], subject["name"]))
    return made


def test_a_group_that_entries_refuse_is_bound_again_under_another_name() -> None:
    bindings = Bindings(groups={"system:monitoring": (EDIT, SECOND, READ)})
    found = item(roles(role("ci", "ci", "system:monitoring", "builders")), bindings)
    assert found.verdict == "needs-rbac"
    assert found.entry
    assert found.entry.groups == ("awsauth:system:monitoring", "builders")
    assert bound(found) == [
        ("RoleBinding", "apps", "ClusterRole", "edit", "Group", "awsauth:system:monitoring"),
        ("RoleBinding", "web", "Role", "editor", "Group", "awsauth:system:monitoring"),
        ("ClusterRoleBinding", "", "ClusterRole", "view", "Group", "awsauth:system:monitoring"),
    ]
    names = [one["metadata"]["name"] for one in found.rbac]
    assert all(
        name.startswith(f"awsauth:{of}:") for name, of in zip(names, ("editors", "editors", "readers"), strict=True)
    )
    # The same objects again, so that they can be applied twice.
    assert item(roles(role("ci", "ci", "system:monitoring")), bindings).rbac == found.rbac
    unbound = item(roles(role("ci", "ci", "system:monitoring")), Bindings())
    assert (unbound.verdict, unbound.rbac, unbound.unproven) == ("same-reach", (), "")


def test_administrators_can_get_a_group_instead_of_the_policy() -> None:
    found = item(roles(role("ci", "ci", MASTERS)), Bindings(), administrators="group")
    assert found.entry
    assert (found.verdict, found.entry.policies, found.entry.groups) == ("needs-rbac", (), ("awsauth:system:masters",))
    assert bound(found) == [
        ("ClusterRoleBinding", "", "ClusterRole", "cluster-admin", "Group", "awsauth:system:masters")
    ]


def test_rights_of_the_old_username_go_to_the_new_one() -> None:
    document = roles(role("ci", "system:ci"))
    found = item(document, Bindings(usernames={"system:ci": (EDIT,), "other": (READ,)}), usernames={CI: "ci"})
    assert found.verdict == "needs-rbac"
    assert bound(found) == [("RoleBinding", "apps", "ClusterRole", "edit", "User", "ci")]


def test_rights_of_single_sessions_are_lost_only_if_that_is_allowed() -> None:
    """No binding can name what a template becomes; a service account is not a session."""
    document = roles(role("ci", "a-{{SessionName}}"))
    bindings = Bindings(usernames={"a-bob": (READ,), "system:serviceaccount:a-b:c": (EDIT,), "a-b c": (EDIT,)})
    new = {CI: "x:{{SessionName}}"}
    found = item(document, bindings, usernames=new)
    assert (found.verdict, found.entry) == ("needs-choice", None)
    assert "`a-bob`" in found.reason
    assert f"loses={CI}" in found.reason
    allowed = item(document, bindings, usernames=new, accept=[f"loses={CI}"])
    assert (allowed.verdict, allowed.rbac) == ("different", ())
    assert item(document, Bindings(usernames={"a-b c": (EDIT,)}), usernames=new).verdict == "same-reach"
    literal = item(roles(role("ci", "system:ci")), Bindings(usernames={"system:ci": (READ,)}), usernames=new)
    assert (literal.verdict, literal.entry) == ("needs-choice", None)


def test_a_username_that_is_bound_already_is_a_gain() -> None:
    bindings = Bindings(usernames={"boss": (READ,)})
    found = item(roles(role("ci", "system:ci")), bindings, usernames={CI: "boss"})
    assert (found.verdict, found.entry) == ("needs-choice", None)
    assert f"gains={CI}" in found.reason
    allowed = item(roles(role("ci", "system:ci")), bindings, usernames={CI: "boss"}, accept=[f"gains={CI}"])
    assert allowed.verdict == "different"
    default = "arn:aws:sts::111122223333:assumed-role/ci/bob"
    assert item(roles(role("ci", "")), Bindings(usernames={default: (READ,)})).verdict == "needs-choice"
    assert item(roles(role("ci", "")), Bindings(usernames={"boss": (READ,)})).verdict == "same-reach"


def test_only_instances_get_the_name_of_a_node_so_that_another_is_a_gain() -> None:
    document = roles(role("ci", "system:node:{{EC2PrivateDNSName}}"))
    found = item(document, Bindings(), usernames={CI: "ci"})
    assert (found.verdict, found.entry) == ("needs-choice", None)
    assert "every session" in found.reason


def test_a_name_that_another_mapping_has_would_share_its_rights() -> None:
    """RBAC would bind the new username for both."""
    document = roles(role("ci", "system:ci"), role("other", "shared"))
    bindings = Bindings(usernames={"system:ci": (READ,)}, groups={"system:monitoring": (READ,)})
    facts = known(CI, f"{PREFIX}/other", bindings=bindings)
    first, second = migration_plan(document, CONFIG_MAP, facts, MigrationChoices({CI: "shared"})).items
    assert (first.verdict, second.verdict) == ("needs-choice", "equal")
    assert "Another mapping" in first.reason
    both = roles(role("ci", "system:ci"), role("other", "system:x"))
    chosen = MigrationChoices({CI: "shared", f"{PREFIX}/other": "shared"})
    assert migration_plan(both, CONFIG_MAP, facts, chosen).items[0].verdict == "needs-choice"
    group = roles(role("ci", "ci", "system:monitoring"), role("other", "x", "awsauth:system:monitoring"))
    assert migration_plan(group, CONFIG_MAP, facts).items[0].verdict == "needs-choice"
    # No session has a colon in its name.
    session = roles(role("ci", "ci", "system:monitoring"), role("other", "x:{{SessionName}}", "{{SessionName}}"))
    assert migration_plan(session, CONFIG_MAP, facts).items[0].verdict == "needs-rbac"
