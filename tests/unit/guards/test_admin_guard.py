"""The guard of the last administrator: what it must stop, and what it must not."""

from __future__ import annotations

import json

import pytest

from awsauth.core.document.document import Document
from awsauth.core.entries.model import AccessEntry
from awsauth.core.guards.access import administrators
from awsauth.core.guards.context import GuardContext
from awsauth.core.guards.guards import run_guards
from tests.support.changed import (
    ADMIN,
    BOTH,
    DNS,
    MASTERS,
    PREFIX,
    USERS,
    node,
    refusals,
    refused,
    role,
    roles,
    user,
    users,
)


def test_taking_the_last_administrator_out_is_refused() -> None:
    assert refused(roles(ADMIN, role("ci")), roles(role("ci"))) == ["last-admin"]


@pytest.mark.parametrize(
    "after",
    [
        roles(role("admin", "admin", "view")),
        roles(role("other", "admin", "view")),
        roles(role(f"{PREFIX}/path/admin", "admin", MASTERS)),
        roles(ADMIN, role("admin", "admin", "view")),
        roles(
            {"sso": {"permissionSetName": "Admin", "accountID": "111122223333"}, "username": "a", "groups": [MASTERS]}
        ),
        roles(node() | {"groups": [*BOTH, MASTERS]}),
        Document({}),
    ],
    ids=["demoted", "replaced", "never matches", "shadowed", "sso is off", "for instances only", "empty"],
)
def test_an_administrator_who_cannot_come_in_is_none(after: Document) -> None:
    assert refused(roles(ADMIN), after) == ["last-admin"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (roles(ADMIN, role("b", "b", MASTERS)), roles(ADMIN)),
        (roles(ADMIN), roles(role("new", "new", MASTERS))),
        (roles(ADMIN), users(user("new", "new", MASTERS))),
        (roles(ADMIN), roles(role("ADMIN", "other", "view", MASTERS))),
        (roles(ADMIN, ADMIN), roles(ADMIN)),
        (roles(role("ci")), roles()),
        (roles(ADMIN | {"rolearn": f"{PREFIX}/path/admin"}), roles()),
        (roles(ADMIN, role("admin", "admin")), roles(role("admin", "admin"))),
    ],
    ids=[
        "one of two",
        "handed over",
        "to a user",
        "rewritten",
        "duplicate",
        "none before",
        "never matched",
        "shadowed",
    ],
)
def test_while_an_administrator_stays_or_none_was_nothing_is_refused(before: Document, after: Document) -> None:
    assert refused(before, after) == []


def test_an_administrator_that_is_one_only_on_some_machines_replaces_no_other() -> None:
    """One that only an EC2 instance can be stays, and the one that anybody could be goes."""
    sometimes = node() | {"groups": [*BOTH, MASTERS]}
    assert refused(roles(ADMIN, sometimes), roles(sometimes)) == ["last-admin"]


def test_both_of_two_administrators_are_named() -> None:
    found = refusals(roles(ADMIN, role("b", "b", MASTERS)), roles())
    assert [finding.principal for finding in found] == [f"{PREFIX}/admin", f"{PREFIX}/b"]


def test_what_rbac_binds_to_cluster_admin_counts() -> None:
    """By username or by group, each for what it is."""
    bound = GuardContext(
        caller_arn=f"{USERS}/x", admin_usernames=frozenset({"boss"}), admin_groups=frozenset({"owners"})
    )
    by_name, by_group = role("a", "boss"), role("b", "b", "owners")
    assert refused(roles(by_name), roles(), bound) == ["last-admin"]
    assert refused(roles(by_group), roles(), bound) == ["last-admin"]
    assert refused(roles(by_name, by_group), roles(by_group), bound) == []
    assert refused(roles(ADMIN, by_name), roles(by_name), bound) == []
    assert refused(roles(role("a", "owners", "boss")), roles(), bound) == []
    assert refused(roles(by_name), roles()) == []


def test_a_template_may_give_an_administrators_name() -> None:
    bound = GuardContext(caller_arn=f"{USERS}/x", admin_usernames=frozenset({"sso:anna"}))
    template, other = role("a", "sso:{{SessionName}}"), role("b", "admin:{{SessionName}}")
    assert refused(roles(template), roles(), bound) == ["last-admin"]
    assert refused(roles(other), roles(), bound) == []


def test_a_certain_administrator_is_not_given_up_for_a_possible_one() -> None:
    """Who only may be an administrator is no reason to let the certain one go; but may go while that one stays."""
    bound = GuardContext(caller_arn=f"{USERS}/x", admin_usernames=frozenset({"sso:anna"}))
    certain, possible = ADMIN, role("a", "sso:{{SessionName}}")
    [found] = [f for f in run_guards(roles(certain, possible), roles(possible), bound) if f.code == "last-admin"]
    assert "it is not certain that another one is left" in found.message
    assert refused(roles(certain, possible), roles(certain), bound) == []


def test_an_account_lets_an_administrator_in_by_arn() -> None:
    """Whoever comes in by account has the ARN as username, and RBAC may make that an administrator."""
    anna = f"{USERS}/anna"
    bound = GuardContext(admin_usernames=frozenset({anna, "system:admin"}))
    accounts = {"mapAccounts": '["111122223333"]'}
    assert refused(Document(accounts), Document({}), bound) == ["last-admin"]
    assert refused(Document(accounts), Document({})) == ["own-access"]
    mapped = Document({**accounts, "mapUsers": json.dumps([user("anna", "a")])})
    assert refused(mapped, Document({}), bound) == []


def test_an_administrator_for_certain_is_enough_beside_one_who_may_be() -> None:
    unclear = users(user("ops", "ops", MASTERS), user("OPS", "ops")).data
    left = role("next", "next", MASTERS)
    before, after = ({**roles(*entries).data, **unclear} for entries in ((ADMIN, left), (left,)))
    assert refused(Document(before), Document(after)) == []


def test_of_two_spellings_of_a_user_nobody_knows_which_counts() -> None:
    """With both an administrator, one of the two may go; with only one of them, that one may not."""
    big, small = user("ANNA", "a", MASTERS), user("anna", "a", MASTERS)
    plain = user("anna", "a")
    assert refused(users(big, small), users(small)) == []
    assert refused(users(big, plain), users(plain)) == ["last-admin"]
    assert refused(users(big, plain), users(big)) == ["gains"]
    assert refused(users(big, plain), users(big, plain, user("new"))) == []
    assert refused(users(big), users(big, plain)) == ["last-admin"]


def test_a_role_entry_comes_before_a_user_entry_of_the_same_arn() -> None:
    """What mapUsers says of an ARN does not count while mapRoles has it."""
    admin = {"mapUsers": json.dumps([user("anna", "a", MASTERS)])}
    hidden = Document({**admin, "mapRoles": json.dumps([role(f"{USERS}/anna", "a", "view")])})
    assert refused(Document(admin), hidden) == ["last-admin"]
    assert refused(hidden, Document({"mapRoles": hidden.data["mapRoles"]})) == []


def test_each_of_some_mappings_that_go_is_looked_at() -> None:
    assert refused(roles(ADMIN, role("ci")), roles()) == ["last-admin"]


def test_a_spelling_that_only_some_machines_have_leaves_no_administrator_for_certain() -> None:
    unclear = users(user("ops", "ops", MASTERS), user("OPS", DNS, MASTERS)).data
    assert refused(Document({**roles(ADMIN).data, **unclear}), Document(unclear)) == ["last-admin"]


ROOT = GuardContext(caller_arn=f"{USERS}/x", caller_username="root", is_rollback=True, may_update=True)


def test_a_rollback_may_leave_no_administrator_while_the_caller_keeps_its_right_to_update() -> None:
    left = role("b", "root")
    by_left = ROOT._replace(caller_arn=f"{PREFIX}/b")
    cases = ((roles(), ROOT), (roles(left), ROOT), (roles(left), by_left))
    for after, context in cases:
        before = Document({"mapRoles": json.dumps([ADMIN, *json.loads(after.data["mapRoles"])])})
        assert refused(before, after, context) == []
        [told] = [one for one in run_guards(before, after, context) if one.code == "last-admin"]
        assert told.message == "The change leaves aws-auth without an administrator."


@pytest.mark.parametrize(
    "context",
    [
        ROOT._replace(is_rollback=False),
        ROOT._replace(may_update=False),
        GuardContext(caller_arn=f"{USERS}/x", caller_username="root", is_rollback=True),
        ROOT._replace(caller_username=None),
        ROOT._replace(caller_username="admin"),
    ],
    ids=["no rollback", "no right", "unknown right", "unknown caller", "right by the mapping that goes"],
)
def test_without_that_right_a_rollback_leaves_an_administrator(context: GuardContext) -> None:
    assert refused(roles(ADMIN, role("b")), roles(), context) == ["last-admin"]


def test_a_right_that_may_come_from_an_account_does_not_last() -> None:
    before = Document({**roles(ADMIN).data, "mapAccounts": '["111122223333"]'})
    assert refused(before, roles(), ROOT) == ["last-admin", "own-access"]


def test_a_rollback_that_leaves_as_many_administrators_tells_nothing() -> None:
    other = role("b", "b", MASTERS)
    assert [one.code for one in run_guards(roles(ADMIN, other), roles(other), ROOT)] == ["own-access"]


def test_administrators_are_named_as_written_and_those_by_account_by_their_username() -> None:
    anna = f"{USERS}/anna"
    document = Document({**roles(role("Admin", "a", MASTERS), role("ci")).data, "mapAccounts": '["111122223333"]'})
    context = GuardContext(admin_usernames=frozenset({anna}))
    assert administrators(document, context) == (f"{PREFIX}/Admin", anna)


def test_an_administrator_by_account_is_lost_to_a_mapping_and_uncertain_under_an_unread_entry() -> None:
    anna, account = f"{USERS}/anna", Document({"mapAccounts": '["111122223333"]'})
    bound = GuardContext(caller_arn=f"{USERS}/x", admin_usernames=frozenset({anna, "system:admin"}))
    mapped = Document({**account.data, **users(user("anna", "a")).data})
    assert "last-admin" in refused(account, mapped, bound)
    admin = role("arn:aws:iam::444455556666:role/admin", "admin", MASTERS)
    with_admin = Document({**account.data, **roles(admin).data})
    assert refused(with_admin, account, bound) == []
    unread = bound._replace(authentication_mode="API_AND_CONFIG_MAP", access_entries=(AccessEntry(anna),))
    assert refused(with_admin, account, unread) == ["last-admin"]
