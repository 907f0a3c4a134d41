"""Who gets a group or a username, and that it is the same as explaining each of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from awsauth.core.access.matching import casefold_arn
from awsauth.core.document.document import Document
from awsauth.core.explain.explain import explain
from awsauth.core.report.who_can import who_can
from awsauth.errors import UsageError
from tests.support.callers import callers_of, close_data
from tests.support.changed import MASTERS, PREFIX, USERS, node, role, roles, user, users
from tests.support.documents.strategies import randoms

if TYPE_CHECKING:
    from random import Random


def principals(document: Document, **asked: str) -> list[str]:
    return [grant.principal for grant in who_can(document, **asked)]


def conditions(document: Document, **asked: str) -> list[tuple[str, ...]]:
    return [grant.conditions for grant in who_can(document, **asked)]


def test_those_who_get_a_group_in_the_order_of_the_text() -> None:
    data = {**roles(role("b", "b", MASTERS), role("a", "a", "x", MASTERS)).data, **users(user("c", "c", MASTERS)).data}
    assert principals(Document(data), group=MASTERS) == [f"{PREFIX}/b", f"{PREFIX}/a", f"{USERS}/c"]
    assert principals(Document(data), group="x") == [f"{PREFIX}/a"]
    assert principals(Document(data), username="c") == [f"{USERS}/c"]


def test_what_never_counts_gives_nobody_anything() -> None:
    """Shadowed, with a path, a session's ARN, an sso entry, or a user whom mapRoles decides about."""
    sso = {"sso": {"permissionSetName": "P", "accountID": "111122223333"}, "groups": ["g"]}
    session = "arn:aws:sts::111122223333:assumed-role/x/bob"
    shadowed = (role("a", "a", "g"), role("A", "a"))
    data = roles(*shadowed, role("team/b", "b", "g"), role(session, "x", "g"), sso, role(f"{USERS}/c", "c")).data
    assert principals(Document({**data, **users(user("c", "c", "g")).data}), group="g") == []


def test_two_spellings_of_a_user_are_undefined() -> None:
    found = who_can(users(user("a", "1", "g"), user("A", "2", "g")), group="g")
    assert [grant.principal for grant in found] == [f"{USERS}/a", f"{USERS}/A"]
    assert all("undefined" in grant.conditions[0] for grant in found)


@pytest.mark.parametrize(
    ("template", "username", "condition"),
    [
        ("a:{{SessionName}}", "a:bob", "If its session is called `bob`."),
        ("a:{{SessionName}}", "a:b-x", "If its session is called `b-x`, with `-` or `@` for each `-`."),
        ("a:{{SessionName}}", "a:b@x", None),
        ("a:{{SessionNameRaw}}", "a:b@x", "If its session is called `b@x`."),
        ("a:{{SessionName}}", "a:", None),
        ("a:{{SessionName}}", "b:bob", None),
        ("{{AccessKeyID}}", "AKIAX", "If its token is signed with the access key `AKIAX`."),
        ("{{AccountID}}", "999922223333", None),
        ("n:{{EC2PrivateDNSName}}", "n:ip-1", "If its private DNS name is `ip-1`."),
        ("{{SessionName}}.{{AccessKeyID}}", "a.b", "If `{{SessionName}}.{{AccessKeyID}}` becomes this."),
        ("{{Unknown}}", "x", None),
    ],
)
def test_template_gives_a_username_under_a_condition(template: str, username: str, condition: str | None) -> None:
    found = conditions(roles(role("ci", template)), username=username)
    assert [given[-1] for given in found] == ([] if condition is None else [condition])


def test_what_the_arn_tells_is_no_condition() -> None:
    assert conditions(roles(role("ci", "{{AccountID}}")), username="111122223333") == [()]
    assert conditions(users(user("a", "a{{SessionName}}b")), username="ab") == [()]
    assert conditions(users(user("a", "a{{SessionName}}b")), username="axb") == []


def test_group_of_a_node_is_for_instances() -> None:
    assert conditions(roles(node()), group="system:nodes") == [("If it is an EC2 instance.",)]
    assert conditions(users(user("a", "{{EC2PrivateDNSName}}", "g")), group="g") == []


def test_account_gives_the_arn_as_username_alone() -> None:
    data = {"mapAccounts": '["111122223333"]', **roles(role("ci", "x")).data}
    assert principals(Document(data), username=f"{USERS}/any") == [f"{USERS}/any"]
    assert principals(Document(data), username=f"{PREFIX}/ci") == []  # it is mapped to another name
    assert principals(Document(data), username=f"{PREFIX}/team/x") == []
    assert principals(Document(data), username="arn:aws:iam::999922223333:root") == []


def test_what_is_filled_in_later_is_a_condition() -> None:
    document = roles(role("arn:aws:iam::<account>:role/ci", "x", "g"))
    assert conditions(document, group="g") == [("If the placeholder gets this value.",)]


def test_text_and_json() -> None:
    found = who_can(roles(role("ci", "x", "g"), role("b", "b-{{AccountID}}", "g")), group="g")
    assert str(found) == (
        "2 principals get the group `g`.\n"
        "  `arn:aws:iam::111122223333:role/ci` (mapRoles line 1, column 14).\n"
        "  `arn:aws:iam::111122223333:role/b` (mapRoles line 1, column 98)."
    )
    value = json.loads(json.dumps(found.to_json()))
    assert (value["kind"], value["name"], len(value["grants"])) == ("group", "g", 2)
    assert value["grants"][1]["username"] == "b-111122223333"
    assert value["grants"][1]["groups"] == ["g"]
    assert str(who_can(Document({}), username="x")) == "No principal gets the username `x`."


def test_text_that_cannot_be_read_is_said_to_be() -> None:
    found = who_can(Document({"mapRoles": "- a: ["}), group="g")
    assert [problem.code for problem in found.problems] == ["unreadable"]
    assert "! mapRoles line" in str(found)


@pytest.mark.parametrize("asked", [{}, {"group": "a", "username": "b"}, {"group": ""}, {"username": ""}])
def test_neither_or_both_is_a_usage_error(asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="either a group or a username"):
        who_can(Document({}), **asked)


@given(randoms)
def test_it_is_the_same_as_explaining_everybody(random: Random) -> None:
    """Law: whoever has a group or username by an explanation is found by it; who is found without condition has it."""
    document = Document(close_data(random))
    for caller in callers_of(random, document, 6):
        said = explain(document, caller)
        if said.username is None or said.groups is None or "{{" in said.username:
            continue
        asked_for = [{"group": group} for group in said.groups if group and "{{" not in group]
        for asked in [*asked_for, *([{"username": said.username}] if said.username else [])]:
            assert casefold_arn(caller.canonical_arn) in map(casefold_arn, principals(document, **asked)), (
                document.data,
                asked,
            )
    for group in ("viewers", "team-111122223333"):
        for grant in who_can(document, group=group):
            said = explain(document, casefold_arn(grant.principal))
            assert grant.conditions or group in (said.groups or ()), (document.data, grant)


def test_only_a_text_that_cannot_be_read_is_a_problem() -> None:
    readable, unreadable = Document({"mapRoles": f"- rolearn: {PREFIX}/a\n- 3\n"}), Document({"mapRoles": "- ["})
    assert who_can(readable, group="x").problems == ()
    assert [one.code for one in who_can(unreadable, group="x").problems] == ["unreadable"]


def test_something_else_than_a_document_is_refused() -> None:
    with pytest.raises(UsageError, match="not a Document"):
        who_can({"mapRoles": ""}, group="x")  # type: ignore[arg-type]
