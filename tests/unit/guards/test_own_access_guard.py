"""The guard of the caller's own access: what it must stop, what it must not, and what it says where it cannot tell."""

from __future__ import annotations

import json

import pytest

from awsauth.core.document.document import Document
from awsauth.core.findings import Severity
from awsauth.core.guards.context import GuardContext
from awsauth.core.guards.guards import enforce, run_guards
from tests.support.changed import ADMIN, DNS, MASTERS, PREFIX, USERS, refusals, refused, role, roles, said, user, users

UNREADABLE = "- rolearn: ["


ME = GuardContext(caller_arn=f"{PREFIX}/me")


@pytest.mark.parametrize(
    ("after", "message"),
    [
        (roles(), "no longer have access"),
        (roles(role("me", "me", "view")), "lose the group `edit`"),
        (roles(role("me", "me")), "lose the groups `edit`, `view`"),
        (roles(role("me", DNS, "view", "edit")), "is for EC2 instances only"),
        (roles(role("me", "me", "view", "edit"), role("ME", "me")), "lose the groups"),
        (Document({"mapAccounts": '["111122223333"]'}), "lose the groups"),
        (Document({"mapRoles": UNREADABLE}), "no longer have access"),
    ],
    ids=["removed", "group", "groups", "instances only", "shadowed", "account only", "unreadable"],
)
def test_taking_ones_own_access_is_refused(after: Document, message: str) -> None:
    found = [f for f in run_guards(roles(role("me", "me", "view", "edit")), after, ME) if f.code == "own-access"]
    assert [finding.severity for finding in found] == [Severity.ERROR]
    assert message in found[0].message


@pytest.mark.parametrize(
    "after",
    [
        roles(role("me", "me", "view", "edit", "more")),
        roles(role("me", "me", "edit", "view")),
        roles(role("ME", "me", "view", "edit")),
        roles(role("me", "me", "view", "edit"), role("new")),
    ],
    ids=["more", "other order", "other case", "others"],
)
def test_keeping_ones_own_access_is_not_refused(after: Document) -> None:
    before = roles(role("me", "me"), role("me", "me", "view", "edit"), role("gone"))
    assert run_guards(before, after, ME) == ()


def test_an_instance_may_give_itself_more_groups() -> None:
    assert run_guards(roles(role("me", DNS, "view")), roles(role("me", DNS, "view", "edit")), ME) == ()


def test_a_group_that_cannot_be_read_is_not_waited_for() -> None:
    """The authenticator makes an empty group of a number; no cluster says that somebody is in it."""
    known = GuardContext(caller_arn=f"{PREFIX}/me")
    before = Document({"mapRoles": json.dumps([{**role("me", "me", "view"), "groups": ["view", 3]}])})
    assert refused(before, roles(), known) == ["own-access"]


def test_a_session_is_known_by_its_role() -> None:
    session = GuardContext(caller_arn="arn:aws:sts::111122223333:assumed-role/me/laptop")
    assert refused(roles(role("me")), roles(), session) == ["own-access"]


@pytest.mark.parametrize("groups", [["view"], [MASTERS], []], ids=["group", "administrators", "no groups"])
def test_another_username_is_refused(groups: list[str]) -> None:
    """With the same groups, too: RBAC may bind what is needed to the username."""
    before, after = (roles(role("me", username, *groups), ADMIN) for username in ("old", "new"))
    [found] = run_guards(before, after, ME)
    assert (found.code, found.severity, found.principal) == ("own-access", Severity.ERROR, f"{PREFIX}/me")
    assert "get the username `new` instead of `old`" in found.message
    assert [one.code for one in enforce(before, after, ME, allow=[f"own-access={PREFIX}/me"])] == ["own-access"]


def test_another_username_of_somebody_else_is_not_ones_own() -> None:
    assert refused(roles(role("me", "me"), role("ci", "old")), roles(role("me", "me"), role("ci", "new")), ME) == []


def test_another_username_is_refused_when_it_is_the_one_of_an_administrator() -> None:
    bound = GuardContext(caller_arn=f"{PREFIX}/me", admin_usernames=frozenset({"boss"}))
    before, after = roles(role("me", "boss"), ADMIN), roles(role("me", "me"), ADMIN)
    assert refused(before, after, bound) == ["own-access"]


def test_of_two_spellings_one_that_makes_the_username_undefined_is_refused() -> None:
    known = GuardContext(caller_arn=f"{USERS}/me")
    before = users(user("me", "me", "view"))
    assert refused(before, users(user("me", "me", "view"), user("ME", "other", "view")), known) == ["own-access"]
    assert refused(before, users(user("me", "me", "view"), user("ME", "me", "view")), known) == []


ANY, INSTANCES = ["view"], ["view", DNS]


@pytest.mark.parametrize(
    ("before", "after", "messages"),
    [
        ((ANY, INSTANCES), (INSTANCES, INSTANCES), 1),
        ((ANY, ANY), (ANY, INSTANCES), 1),
        ((INSTANCES, INSTANCES), (INSTANCES, INSTANCES), 0),
    ],
    ids=["no longer possible", "no longer certain", "as before"],
)
def test_of_two_spellings_no_more_may_be_for_instances_only(
    before: tuple[list[str], ...], after: tuple[list[str], ...], messages: int
) -> None:
    """The username stays, and no group goes: one more group is for instances only."""
    old, new = (users(user("me", "me", *first), user("ME", "me", *second)) for first, second in (before, after))
    found = [one.message for one in run_guards(old, new, GuardContext(caller_arn=f"{USERS}/me"))]
    assert ["is for EC2 instances only" in message for message in found] == [True] * messages


def test_a_caller_that_aws_auth_does_not_map_is_told_so() -> None:
    """It gets in by something else, and the change does not touch that: the guard says so and rests."""
    [found] = run_guards(roles(role("me", "me", "view")), roles(), GuardContext(caller_arn=f"{PREFIX}/creator"))
    assert (found.code, found.severity) == ("own-access", Severity.NOTE)
    assert "aws-auth does not map you" in found.message


@pytest.mark.parametrize("after", [roles(), roles(role("me", "new", "view"))], ids=["gone", "renamed"])
@pytest.mark.parametrize("username", ["kubernetes-admin", "old-name", "system:node:x"])
def test_a_mapping_of_ones_own_arn_may_not_go_whatever_the_cluster_calls_one_today(
    username: str, after: Document
) -> None:
    """The API server remembers a token for two minutes: its username may be the one of an earlier mapping."""
    known = GuardContext(caller_arn=f"{PREFIX}/me", caller_username=username)
    [found] = run_guards(roles(role("me", "me:{{SessionName}}", "view")), after, known)
    assert (found.code, found.severity) == ("own-access", Severity.ERROR)
    assert f"The cluster knows you as `{username}` now" in found.message


def test_of_two_spellings_either_username_is_a_present_one() -> None:
    known = GuardContext(caller_arn=f"{USERS}/me", caller_username="me")
    [found] = run_guards(users(user("me", "me"), user("ME", "other")), users(), known)
    assert (found.code, found.severity) == ("own-access", Severity.ERROR)
    assert "The cluster knows you" not in found.message


def test_an_unchanged_mapping_of_ones_own_is_not_mentioned() -> None:
    known = GuardContext(caller_arn=f"{PREFIX}/me", caller_username="other")
    assert run_guards(roles(role("me", "me"), role("ci", "ci")), roles(role("me", "me")), known) == ()


def test_who_is_known_as_aws_auth_says_is_guarded() -> None:
    """Templates in the username are filled in for this caller."""
    known = GuardContext(caller_arn=f"{PREFIX}/me", caller_username="me:laptop")
    mine = role("me", "me:{{SessionName}}", "view", "team-{{AccountID}}")
    assert refused(roles(mine), roles(), known) == ["own-access"]


def test_an_unknown_caller_is_said_when_something_goes() -> None:
    found = said(roles(role("a")), roles(), GuardContext())
    assert [(finding.code, finding.severity) for finding in found] == [("own-access", Severity.WARNING)]
    assert "the caller is unknown" in found[0].message


def test_an_unknown_caller_is_not_mentioned_when_nothing_goes() -> None:
    """Additions, duplicates that never counted and mappings that never matched take nothing from anybody."""
    before = roles(role("a", "a", "x"), role("a", "a", "y"), role(f"{PREFIX}/path/b"))
    after = roles(role("a", "a", "y", "z"), role("new"))
    assert run_guards(before, after, GuardContext()) == ()


def test_an_account_that_goes_takes_something_away() -> None:
    accounts = Document({"mapAccounts": '["111122223333"]'})
    assert len(said(accounts, Document({}), GuardContext())) == 1
    assert refused(accounts, Document({}), ME) == ["own-access"]


def test_a_mapping_in_place_of_access_by_account_gives_another_username() -> None:
    """Whoever comes in by its account has its ARN as username, and what RBAC gives to that goes."""
    account = '["111122223333"]'
    before = Document({"mapAccounts": account})
    after = Document({**roles(role("me", "me")).data, "mapAccounts": account})
    assert [finding.severity for finding in said(before, after, GuardContext())] == [Severity.WARNING]
    known = GuardContext(caller_arn=f"{PREFIX}/me", admin_usernames=frozenset({f"{PREFIX}/me"}))
    assert refused(before, after, known) == ["last-admin", "own-access"]


def test_of_two_spellings_one_for_instances_only_is_no_certain_access() -> None:
    known = GuardContext(caller_arn=f"{USERS}/me")
    mine, on_instances = user("me", "me"), user("ME", DNS)
    [found] = refusals(users(mine), users(mine, on_instances), known)
    assert "is for EC2 instances only" in found.message
    more = users(user("me", "me", "g"), user("ME", DNS, "g"))
    assert refused(users(mine, on_instances), more, known) == []
