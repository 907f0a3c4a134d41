"""What a change does to principals is what `explain` says of them before and after it, and every way to show it says so."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

import awsauth
from awsauth.core.access import caller
from awsauth.core.access.caller import AccessChange, UserInfo
from awsauth.core.access.matching import is_canonical
from awsauth.core.document.document import Document
from awsauth.core.edit.merge import merge_with_report
from awsauth.core.explain.explain import explain
from awsauth.core.plan import Plan
from awsauth.errors import InvalidValueError, PlanOutdatedError
from tests.support.callers import close_data
from tests.support.changed import MASTERS, PREFIX, role, roles, user, users
from tests.support.documents.strategies import randoms

if TYPE_CHECKING:
    from random import Random

CI = f"{PREFIX}/ci"
ACCOUNT = {"mapAccounts": '["111122223333"]'}
UNDER_BOTH = Document(
    {
        **roles(role("ci", "ci", "viewers")).data,
        "mapUsers": json.dumps([{"userarn": CI, "username": "root", "groups": [MASTERS]}]),
    }
)
TAKEN_FROM_ROLES = awsauth.ReplaceText(key="mapRoles", text="[]")
TOLD = "gets username root, group system:masters; before the change username ci, group viewers"

EITHER = (
    f"may become username alice, group dev or username root, group {MASTERS} (two spellings, the winner is undefined); "
    "before the change username alice, group dev"
)


def effect(before: Document, after: Document) -> AccessChange:
    [found] = awsauth.diff(before, after).effects
    return found


def test_a_removal_that_uncovers_another_entry_says_what_the_principal_gets() -> None:
    plan = Plan.of(merge_with_report(UNDER_BOTH, [TAKEN_FROM_ROLES]), [TAKEN_FROM_ROLES])
    assert plan.diff.effects == (AccessChange(CI, (UserInfo("ci", ("viewers",)),), (UserInfo("root", (MASTERS,)),)),)
    assert f"- role {CI}: username ci, group viewers\n! {CI} {TOLD}\n" in str(plan)
    assert f"- `{CI}` gets username `root`, group `{MASTERS}`; before the change" in plan.diff.markdown()
    assert plan.to_json()["diff"]["effects"] == [
        {
            "principal": CI,
            "before": [{"username": "ci", "groups": ["viewers"]}],
            "after": [{"username": "root", "groups": [MASTERS]}],
        }
    ]
    saved = Plan.from_text(plan.to_text())
    assert saved.diff.effects == plan.diff.effects
    assert str(saved) == str(plan)


def test_a_plan_whose_effect_has_become_another_one_is_outdated() -> None:
    """The same mapping goes, and by now it uncovers an administrator."""
    harmless = Document({**UNDER_BOTH.data, "mapUsers": "[]"})
    plan = Plan.from_text(Plan.of(merge_with_report(harmless, [TAKEN_FROM_ROLES]), [TAKEN_FROM_ROLES]).to_text())
    assert plan.merge_into(harmless).after.roles == ()
    with pytest.raises(PlanOutdatedError, match=f"{CI} gets username root"):
        plan.merge_into(UNDER_BOTH)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            users(user("alice", "alice", "dev")),
            users(user("alice", "alice", "dev"), user("Alice", "root", MASTERS)),
            EITHER,
        ),
        (
            Document({**roles(role("ci", "ci", "g")).data, **ACCOUNT}),
            Document({**roles().data, **ACCOUNT}),
            f"gets username {CI}, no groups; before the change username ci, group g",
        ),
        (
            Document({**roles(role("ci", "ci", "g")).data, **users(user("x")).data}),
            Document({**roles(role("ci", "ci", "g")).data, "mapUsers": json.dumps([{"userarn": CI, "username": "u"}])}),
            "keeps username ci, group g",
        ),
        (roles(role("team/ci", "ci", MASTERS)), roles(), "gets no access: no caller can have this ARN"),
        (users(user("bob", "{{EC2PrivateDNSName}}")), users(), "keeps no access"),
    ],
    ids=["two spellings", "account", "shadowed by a role", "role with its path", "user as an instance"],
)
def test_what_the_lines_of_mappings_do_not_tell_is_said(before: Document, after: Document, told: str) -> None:
    found = awsauth.diff(before, after)
    assert told in [one.told() for one in found.effects]
    assert f" {told}\n" in str(found)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (roles(), roles(role("ci", "ci", "g"))),
        (roles(role("ci", "ci", "g")), roles(role("ci", "ci:{{SessionName}}", "g", "team-{{AccountID}}"))),
        (roles(role("ci", "old"), role("ci", "ci", "g")), roles(role("ci", "ci", "g"))),
        (users(user("alice", "a"), user("bob", "b")), users(user("bob", "b"))),
    ],
    ids=["added", "changed", "a duplicate that never counted", "removed"],
)
def test_what_the_line_of_the_mapping_tells_is_not_said_twice(before: Document, after: Document) -> None:
    assert "!" not in [line[:1] for line in str(awsauth.diff(before, after)).splitlines()]


def test_a_second_spelling_is_a_change_and_a_duplicate_is_none() -> None:
    once, again = user("alice", "alice", "dev"), user("alice", "alice", "dev")
    [spelling] = awsauth.diff(users(once), users(once, user("Alice", "root", MASTERS))).mappings
    [behind] = awsauth.diff(users(once), users(once, user("Alice", "root", MASTERS), again)).mappings
    [duplicate] = awsauth.diff(users(once), users(again, once)).mappings
    assert (spelling.kind, behind.kind, duplicate.kind) == ("changed", "changed", "shadowed")


def test_templates_are_filled_in_as_explain_does() -> None:
    found = effect(roles(), roles(role("ci", "{{AccountID}}:{{SessionName}}", "of-{{AccountID}}")))
    assert found.after == (UserInfo("111122223333:{{SessionName}}", ("of-111122223333",)),)


@given(randoms)
def test_effects_are_what_explain_says(random: Random) -> None:
    """Law: before and after, for every principal that a caller can have."""
    before, after = Document(close_data(random)), Document(close_data(random))
    for found in awsauth.diff(before, after).effects:
        if not is_canonical(found.principal):
            assert "<" in found.principal or found.before == found.after == ()
            continue
        for document, infos in ((before, found.before), (after, found.after)):
            try:
                said = explain(document, found.principal)
            except InvalidValueError:
                continue
            given = {None if one.refusal else UserInfo(one.username, one.groups) for one in said.outcomes}
            assert set(infos) == given or (given == {None} and not infos), found


def test_effects_are_worked_out_only_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def recorded(*given: object) -> tuple[AccessChange, ...]:
        asked.append(given)
        return ()

    monkeypatch.setattr(caller, "access_changes", recorded)
    found = awsauth.diff(roles(), roles(role("ci", "ci")))
    assert (bool(found), found.mappings[0].kind, found.summary, asked) == (True, "added", "+role ci", [])
    assert (found.effects, found.effects, len(asked)) == ((), (), 1)


def test_a_difference_can_be_pickled_with_its_effects() -> None:
    found = awsauth.diff(UNDER_BOTH, merge_with_report(UNDER_BOTH, [TAKEN_FROM_ROLES]).after)
    copy = pickle.loads(pickle.dumps(found))  # noqa: S301 - made on this line
    assert (str(copy), copy.effects) == (str(found), found.effects)
