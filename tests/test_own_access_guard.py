"""The guard of the caller's own access: what it must stop, what it must not, and what it says where it cannot tell."""

from __future__ import annotations

import json

import pytest

from awsauth.core.document import Document
from awsauth.core.finding import Severity
from awsauth.core.guard_case import GuardContext
from awsauth.core.guards import guard
from tests.changed import (
    ADMIN,
    DNS,
    PREFIX,
    refused,
    role,
    roles,
    said,
)

UNREADABLE = "- rolearn: ["


ME = GuardContext(caller_arn=f"{PREFIX}/me")


@pytest.mark.parametrize(
    ("after", "what"),
    [
        (roles(), "would no longer be let in"),
        (roles(role("me", "me", "view")), "would lose the group `edit`"),
        (roles(role("me", "me")), "would lose the groups `edit`, `view`"),
        (roles(role("me", DNS, "view", "edit")), "is for EC2 instances only"),
        (roles(role("me", "me", "view", "edit"), role("ME", "me")), "would lose the groups"),
        (Document({"mapAccounts": '["111122223333"]'}), "would lose the groups"),
        (Document({"mapRoles": UNREADABLE}), "would no longer be let in"),
    ],
    ids=["removed", "group", "groups", "instances only", "shadowed", "account only", "unreadable"],
)
def test_taking_ones_own_access_is_refused(after: Document, what: str) -> None:
    found = [f for f in guard(roles(role("me", "me", "view", "edit")), after, ME) if f.code == "own-access"]
    assert [finding.severity for finding in found] == [Severity.ERROR]
    assert what in found[0].message


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
    assert guard(before, after, ME) == ()


def test_an_instance_may_give_itself_more_groups() -> None:
    assert guard(roles(role("me", DNS, "view")), roles(role("me", DNS, "view", "edit")), ME) == ()


def test_a_group_that_cannot_be_read_is_not_waited_for() -> None:
    """The authenticator makes an empty group of a number; no cluster says that somebody is in it."""
    known = GuardContext(caller_arn=f"{PREFIX}/me")
    before = Document({"mapRoles": json.dumps([{**role("me", "me", "view"), "groups": ["view", 3]}])})
    assert refused(before, roles(), known) == ["own-access"]


def test_a_session_is_known_by_its_role() -> None:
    session = GuardContext(caller_arn="arn:aws:sts::111122223333:assumed-role/me/laptop")
    assert refused(roles(role("me")), roles(), session) == ["own-access"]


def test_another_username_is_said_and_not_refused() -> None:
    [found] = guard(roles(role("me", "old", "view")), roles(role("me", "new", "view")), ME)
    assert (found.code, found.severity) == ("own-access", Severity.WARNING)
    assert "would be `new`, no longer `old`" in found.message


def test_another_username_is_refused_when_it_is_the_one_of_an_administrator() -> None:
    bound = GuardContext(caller_arn=f"{PREFIX}/me", admin_usernames=frozenset({"boss"}))
    before, after = roles(role("me", "boss"), ADMIN), roles(role("me", "me"), ADMIN)
    assert refused(before, after, bound) == ["own-access"]


@pytest.mark.parametrize(
    "context",
    [
        GuardContext(caller_arn=f"{PREFIX}/creator"),
        GuardContext(caller_arn=f"{PREFIX}/me", caller_username="kubernetes-admin"),
    ],
    ids=["not mapped", "other username"],
)
def test_who_comes_in_by_something_else_is_told_so(context: GuardContext) -> None:
    """What aws-auth gives the caller is not how the cluster knows it: the guard says so and rests.

    Where there is a mapping after all, that may also be the token that the API server remembers: a warning.
    """
    [found] = guard(roles(role("me", "me:{{SessionName}}", "view")), roles(), context)
    severity = Severity.NOTE if context.caller_arn == f"{PREFIX}/creator" else Severity.WARNING
    assert (found.code, found.severity) == ("own-access", severity)
    assert "not let in by what aws-auth gives you" in found.message


def test_who_is_known_as_aws_auth_says_is_guarded() -> None:
    """Templates in the username are filled in for this caller."""
    known = GuardContext(caller_arn=f"{PREFIX}/me", caller_username="me:laptop")
    mine = role("me", "me:{{SessionName}}", "view", "team-{{AccountID}}")
    assert refused(roles(mine), roles(), known) == ["own-access"]


def test_an_unknown_caller_is_said_when_something_goes() -> None:
    found = said(roles(role("a")), roles(), GuardContext())
    assert [(finding.code, finding.severity) for finding in found] == [("own-access", Severity.WARNING)]
    assert "it is not known who asks for it" in found[0].message


def test_an_unknown_caller_is_not_mentioned_when_nothing_goes() -> None:
    """Additions, duplicates that never counted and mappings that never matched take nothing from anybody."""
    before = roles(role("a", "a", "x"), role("a", "a", "y"), role(f"{PREFIX}/path/b"))
    after = roles(role("a", "a", "y", "z"), role("new"))
    assert guard(before, after, GuardContext()) == ()


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
