"""Who gets what: the winner among equals, ARNs that nobody can have, and what somebody loses."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase

import pytest
from hypothesis import given, strategies as st

from awsauth.core.access.matching import (
    Access,
    can_match,
    could_match,
    could_render,
    filled,
    is_canonical,
    lost_groups,
    reduces_access,
)
from awsauth.core.arn import LONGEST_ARN
from awsauth.core.document.document import Document
from awsauth.core.document.model import MappingEntry
from tests.support.changed import DNS, PREFIX, USERS, role, roles, user, users

ACCOUNT = Document({"mapAccounts": '["111122223333"]'})


def usernames(document: Document, arn: str) -> list[str]:
    return [mapped.username for mapped in Access.of(document).of_caller(arn)]


def test_of_equal_roles_the_last_counts_whatever_the_case() -> None:
    document = roles(role("a", "first"), role("A", "last"), role("b", "other"))
    assert usernames(document, f"{PREFIX}/a") == ["last"]


def test_of_users_spelled_alike_the_last_counts_and_of_others_any() -> None:
    document = users(user("a", "1"), user("a", "2"), user("A", "3"))
    assert usernames(document, f"{USERS}/a") == ["2", "3"]


def test_roles_are_tried_before_users_and_users_before_accounts() -> None:
    arn = f"{USERS}/a"
    accounts = {"mapAccounts": '["111122223333"]'}
    with_users = {**accounts, "mapUsers": json.dumps([user("a", "as user")])}
    assert usernames(Document(accounts), arn) == [arn]
    assert usernames(Document(with_users), arn) == ["as user"]
    assert usernames(Document({**with_users, "mapRoles": json.dumps([role(arn, "as role")])}), arn) == ["as role"]
    assert usernames(Document({"mapAccounts": '["999999999999"]'}), arn) == []


def test_letters_are_equal_as_go_has_it() -> None:
    """The long s is an s ignoring case and another letter in lower case: either of two may count. A dotted I is no i."""
    document = roles(
        role("si", "1"), role("\u017fi", "2"), role("\u212a", "3"), role("k", "4"), role("\u0130"), role("i", "5")
    )
    assert usernames(document, f"{PREFIX}/SI") == ["1", "2"]
    assert usernames(document, f"{PREFIX}/k") == ["4"]
    assert usernames(document, f"{PREFIX}/i") == ["5"]
    assert is_canonical(f"{PREFIX}/\u017fi")
    assert not is_canonical(f"{PREFIX}/\u0130")


def test_the_path_of_whoever_asks_does_not_matter() -> None:
    assert usernames(roles(role("a", "x")), f"{PREFIX}/path/a") == ["x"]
    assert usernames(Document({"mapAccounts": '["111122223333"]'}), f"{PREFIX}/path/a") == [f"{PREFIX}/a"]


def test_of_two_spellings_of_a_user_one_for_instances_only_leaves_the_other() -> None:
    access = Access.of(users(user("a", "{{EC2PrivateDNSName}}"), user("A", "x")))
    assert [mapped.username for mapped in access.of_principal(f"{USERS}/a")] == ["{{EC2PrivateDNSName}}", "x"]
    assert Access.of(users(user("a", "{{EC2PrivateDNSName}}"))).of_principal(f"{USERS}/a") == ()


def test_an_sso_entry_gives_nobody_anything() -> None:
    entry = {"sso": {"permissionSetName": "X", "accountID": "111122223333"}, "username": "x"}
    assert Access.of(roles(entry)).by_principal == {}


@pytest.mark.parametrize(
    "arn",
    [f"{PREFIX}/a", f"{PREFIX}/A".upper(), f"{USERS}/path/a", "arn:aws:iam::111122223333:root",
     "arn:aws-cn:iam::111122223333:role/a", "arn:aws:sts::111122223333:federated-user/a"],
)  # fmt: skip
def test_what_a_caller_can_have_is_exact(arn: str) -> None:
    assert is_canonical(arn)


@pytest.mark.parametrize(
    "arn",
    ["", f"{PREFIX}/path/a", f"{PREFIX}/a ", f" {PREFIX}/a", "arn:aws:sts::111122223333:assumed-role/a/b", "111122223333",
     "arn:aws:iam::111122223333:instance-profile/a", "arn:aws:iam::11112222333:role/a", "arn:aws:iam::111122223333:role/"],
)  # fmt: skip
def test_what_no_caller_can_have_never_matches(arn: str) -> None:
    assert not is_canonical(arn)
    assert not can_match(arn)


def test_the_longest_arn_that_a_caller_can_have() -> None:
    longest = f"{USERS}/{'p' * (LONGEST_ARN - len(USERS) - 3)}/a"
    assert len(longest) == LONGEST_ARN
    assert is_canonical(longest)
    assert not is_canonical(f"{longest}b")


def test_what_is_filled_in_later_can_match_but_is_not_exact() -> None:
    assert can_match("arn:aws:iam::<account>:role/a")
    assert not is_canonical("arn:aws:iam::<account>:role/a")


def test_the_name_of_an_sso_role_is_filled_in_with_a_suffix() -> None:
    """Without its suffix no caller has it; the name of another role has none."""
    assert can_match(f"{PREFIX}/AWSReservedSSO_<permission-set>")
    assert filled(f"{PREFIX}/<name>") == f"{PREFIX}/x"
    assert filled("arn:aws:iam::444455556666:<role>") == "arn:aws:iam::444455556666:role/x"


@pytest.mark.parametrize(
    ("principal", "likely"),
    [
        ("<arn:aws:iam::444455556666:role/ci>", "arn:aws:iam::444455556666:role/ci"),
        ("arn:${PARTITION}:iam::444455556666:role/ci", "arn:aws:iam::444455556666:role/ci"),
        ("${ARN}:aws:iam::444455556666:role/ci", "arn:aws:iam::111122223333:role/x"),
        ("${ARN}", "arn:aws:iam::111122223333:role/x"),
        ("${ARN}-suffix", "arn:aws:iam::111122223333:role/x"),
        ("arn:aws:iam:<account>", "arn:aws:iam::111122223333:role/x"),
        ("prefix-${ARN}", "arn"),
        ("arn:aws:iam::<account>:role/a:b", "arn:aws:iam::111122223333:role/a:b"),
    ],
)
def test_a_placeholder_is_filled_in_where_it_stands(principal: str, likely: str) -> None:
    assert filled(principal) == likely


@pytest.mark.parametrize(
    ("template", "text", "can"),
    [
        ("admin", "admin", True),
        ("admin", "Admin", False),
        ("a:{{SessionName}}", "a:b", True),
        ("a:{{SessionName}}", "a:", True),
        ("a:{{SessionName}}", "b:a:c", False),
        ("{{SessionName}}:z", "a:z", True),
        ("{{SessionName}}:z", "a:z:", False),
        ("{{AccountID}}:{{SessionName}}", "1:2", True),
        ("{{AccountID}}:{{SessionName}}", "12", False),
        ("ab{{SessionName}}ba", "aba", False),
        ("{{Unknown}}", "x", False),
        ("{{Unknown}}", "{{Unknown}}", True),
        ("{{SessionName}}.*", "abc", False),
    ],
)
def test_a_template_gives_what_fits_around_it(template: str, text: str, *, can: bool) -> None:
    assert could_render(template, text) is can


@given(
    st.lists(st.text("ab:", max_size=3), min_size=1, max_size=5),
    st.lists(st.text("ab:", max_size=3), min_size=4, max_size=4),
)
def test_whatever_is_filled_in_could_be_rendered(literals: list[str], values: list[str]) -> None:
    """Law: a template filled in with anything is one of its possible texts."""
    filled = literals[0] + "".join(values[at] + literal for at, literal in enumerate(literals[1:]))
    assert could_render("{{SessionName}}".join(literals), filled)


@pytest.mark.parametrize(
    ("template", "pattern", "can"),
    [
        ("a", "*a", True),
        ("a", "**a**", True),
        ("a", "?", True),
        ("ab", "?", False),
        ("a", "[ab]", True),
        ("c", "[ab]", False),
        ("a*", "a[*]", True),
        ("", "**", True),
        ("", "?", False),
        ("{{SessionName}}", "x?", True),
        ("a{{SessionName}}", "b*", False),
        ("{{SessionName}}z", "*y", False),
        ("a{{SessionName}}c{{SessionName}}", "abcd", True),
        ("a{{SessionName}}c{{SessionName}}", "abbd", False),
    ],
)
def test_a_template_can_become_what_a_pattern_matches(template: str, pattern: str, *, can: bool) -> None:
    assert could_match(template, pattern) is can


@given(
    st.text("ab?*", max_size=5), st.lists(st.text("ab", max_size=2), min_size=1, max_size=3), st.text("ab", max_size=3)
)
def test_a_template_whose_text_matches_could_match(pattern: str, literals: list[str], value: str) -> None:
    """Law: a pattern that matches the filled-in text could match the template."""
    if fnmatchcase(value.join(literals), pattern):
        assert could_match("{{SessionName}}".join(literals), pattern)


def test_a_group_is_lost_when_it_was_certain_or_possible_before() -> None:
    """With two spellings of a user, a group of one of them is possible, and one of both is certain."""
    both = (MappingEntry("A", "", ("x", "y")), MappingEntry("a", "", ("x",)))
    assert lost_groups(both, both) == []
    assert lost_groups(both, both[1:]) == ["y"]
    assert lost_groups(both[:1], both) == ["y"]
    assert lost_groups(both[1:], both) == []
    assert lost_groups(both, ()) == ["x", "y"]


@pytest.mark.parametrize(
    ("before", "after", "does"),
    [
        (roles(role("a")), roles(role("a"), role("b")), False),
        (roles(role("a")), roles(), True),
        (roles(role("a", "a", "g")), roles(role("a", "a")), True),
        (roles(role("a", "a")), roles(role("a", "b")), True),
        (roles(role("a", "a")), roles(role("A", "a", "g")), False),
        (roles(role(f"{PREFIX}/path/a")), roles(), False),
        (roles(role("a", "1"), role("a", "2")), roles(role("a", "2")), False),
        (roles(role("a", "a", "g")), roles(role("a", "a", "g", DNS)), True),
        (roles(role("a", "a", DNS)), roles(role("a", "a", DNS, "g")), False),
        (Document({"mapAccounts": '["1", "2"]'}), Document({"mapAccounts": '["2"]'}), True),
        (ACCOUNT, Document({**ACCOUNT.data, **roles(role("a")).data}), True),
        (ACCOUNT, Document({**ACCOUNT.data, **roles(role(f"{PREFIX}/path/a")).data}), False),
        (ACCOUNT, Document({**ACCOUNT.data, **roles(role("arn:aws:iam::444455556666:role/a")).data}), False),
    ],
    ids=[
        *("added", "removed", "group", "username", "more", "never matched", "shadowed"),
        *("instances only", "still instances only", "account", "mapped instead", "never matches", "of another account"),
    ],
)
def test_a_change_takes_away_what_somebody_had(before: Document, after: Document, *, does: bool) -> None:
    assert reduces_access(Access.of(before), Access.of(after)) is does
