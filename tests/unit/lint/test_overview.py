"""The overview has a line for each entry that counts as one, and its notes are those of lint."""

from __future__ import annotations

import json

import pytest

from awsauth import (
    AwsAuthClient,
    Document,
    EnsureAccount,
    GuardError,
    Plan,
    PlanError,
    PlanOutdatedError,
    list_mappings,
)
from awsauth.core.lint.lint import lint
from awsauth.core.lint.policy import Policy
from awsauth.core.plan import load_plan_or_changes
from awsauth.errors import UsageError

ROLE = "arn:aws:iam::111122223333:role/ci"
NODE = "system:node:{{EC2PrivateDNSName}}"
DOCUMENT = Document(
    {
        "mapRoles": f"[{{rolearn: {ROLE}, username: a}}, {{rolearn: {ROLE}, username: ci, groups: [builders]}}]",
        "mapUsers": "- userarn: arn:aws:iam::111122223333:user/alice\n  username: yes\n- username: nobody\n",
        "mapAccounts": "- '111122223333'\n- '1'\n",
    }
)


def test_each_entry_has_its_own_notes_on_one_line_too() -> None:
    first, second, alice, account, short = list_mappings(DOCUMENT)
    assert [one.kind for one in (first, second, alice, account)] == ["role", "role", "user", "account"]
    assert "duplicate" in first.notes
    assert "duplicate" not in second.notes
    assert (alice.username, alice.notes[0]) == ("", "wrong-type")
    assert "account-number" in short.notes
    assert json.dumps([one.to_json() for one in list_mappings(DOCUMENT)])


def test_the_notes_are_all_that_lint_finds_at_an_entry() -> None:
    noted = {note for one in list_mappings(DOCUMENT) for note in one.notes} - {"node", "never matches"}
    # What is dropped is no entry any more.
    assert noted == {found.code for found in lint(DOCUMENT) if found.location} - {"entry-dropped"}


def test_a_policy_is_noted_too() -> None:
    policy = Policy(username_prefixes=["team-"])
    assert "policy-username" in list_mappings(DOCUMENT, "ci", policy)[0].notes


@pytest.mark.parametrize(
    ("pattern", "found"), [("*", 5), ("*/ci", 2), ("BUILDERS", 1), ("alice", 0), ("*alice", 1), ("1*", 2), ("[", 0)]
)
def test_a_pattern_is_for_principals_usernames_and_groups(pattern: str, found: int) -> None:
    assert len(list_mappings(DOCUMENT, pattern)) == found


def test_planning_has_the_methods_and_makes_nothing() -> None:
    client = AwsAuthClient.in_memory({"mapRoles": "[]"})
    plan = client.planning.add_role_mapping(ROLE, username="ci")
    assert plan.diff.mappings[0].principal == ROLE
    assert not client.read().roles
    assert client.apply(plan).changed
    with pytest.raises(UsageError, match="reason cannot be passed here"):
        client.planning.add_account_mapping("111122223333", reason="x")


def test_a_plan_refuses_what_applying_it_would() -> None:
    client = AwsAuthClient.in_memory(
        {"mapRoles": f"- rolearn: {ROLE}\n  username: {NODE}\n  groups: [system:bootstrappers, system:nodes]\n"}
    )
    plan = client.planning.remove_role_mapping(ROLE)
    with pytest.raises(GuardError) as refused:
        plan.raise_for_violations()
    with pytest.raises(GuardError) as applied:
        client.apply(plan)
    assert str(refused.value) == str(applied.value)
    plan.raise_for_violations(["node-mapping"])


def test_a_rollback_is_only_what_was_approved() -> None:
    client = AwsAuthClient.in_memory({"mapRoles": "[]"})
    client.add_account_mapping("111122223333")
    shown = client.rollback(to=1, dry_run=True)
    client.add_account_mapping("444455556666")
    before = client.read()
    with pytest.raises(PlanOutdatedError):
        client.rollback(to=1, approved=shown.diff)
    assert client.read() == before
    assert client.rollback(to=1, approved=client.rollback(to=1, dry_run=True).diff).changed
    assert client.prune(dry_run=True) == ()


def test_a_file_holds_a_plan_or_changes() -> None:
    change = EnsureAccount(account="111122223333")
    plan = AwsAuthClient.in_memory({}).plan(change)
    assert load_plan_or_changes(plan.to_text()) == Plan.from_text(plan.to_text())
    assert load_plan_or_changes('[{"change": "EnsureAccount", "account": "111122223333"}]') == (change,)
    for text in ("", "{}", "x", "7"):
        with pytest.raises(PlanError):
            load_plan_or_changes(text)
    with pytest.raises(UsageError):
        load_plan_or_changes("[7]")
