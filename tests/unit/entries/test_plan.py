"""Diffs and plans of changes of access entries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import awsauth
from awsauth.core.diff import Diff
from awsauth.core.edit.changes import entry_changes
from awsauth.core.edit.validation import BRIDGE_GROUP
from awsauth.core.entries.merge import merge_entries
from awsauth.core.plan import Plan, load_plan_or_changes, require_same_entries
from tests.support.access_entries import ADMIN_POLICY, EDIT, ROLE, VIEW, change, entry, nodes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from awsauth.core.entries.merge import EntryDiff
    from awsauth.core.entries.model import AccessEntry

CLUSTER = "arn:aws:eks:eu-west-1:111122223333:cluster/demo"
PRESENT = [entry("a", VIEW, groups=("g",)), entry("b"), entry("c")]
CHANGES: tuple[Any, ...] = (
    awsauth.SetEntryPolicy(principal_arn=f"{ROLE}/a", policy=f"{VIEW}=x,y"),
    awsauth.RemoveEntry(principal_arn=f"{ROLE}/b"),
    awsauth.EnsureEntry(principal_arn=f"{ROLE}/d", username="d", policies=[ADMIN_POLICY]),
)
AFTER = [entry("a", f"{VIEW}=x,y", groups=("g",)), entry("c"), entry("d", ADMIN_POLICY, username="d")]


def plan_for(present: list[AccessEntry], *changes: Any) -> Plan:
    return Plan.of_entries(merge_entries(present, changes), changes, uid=CLUSTER)


def merged(plan: Plan, present: Iterable[AccessEntry]) -> tuple[EntryDiff, ...]:
    """Merge the changes of a plan into entries, and compare with the plan."""
    entries = [*present]
    outcome = merge_entries(entries, entry_changes(plan.changes))
    require_same_entries(plan.diff, outcome, entries)
    return outcome


PLAN = plan_for(PRESENT, *CHANGES)


def test_a_diff_names_each_entry() -> None:
    assert str(PLAN.diff).splitlines() == [
        f"~ entry {ROLE}/a: gets {VIEW} in x, y; loses {VIEW}",
        f"- entry {ROLE}/b: username x, no groups",
        f"+ entry {ROLE}/d: username d, no groups, {ADMIN_POLICY}",
    ]
    assert PLAN.diff.summary == "~entry a, -entry b, +entry d"
    assert PLAN.diff.markdown().splitlines()[1] == f"- Removed access entry `{ROLE}/b`: username `x`, no groups"
    assert bool(PLAN.diff)
    assert not Diff((), {})


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (entry("a", groups=("g", "h")), entry("a", groups=("h", "i"), username="y"), "username y, before x; into group i; out of group g"),
        (entry("a", VIEW), entry("a", EDIT), f"gets {EDIT}; loses {VIEW}"),
        (entry("a", f"{VIEW}=x,y"), entry("a", f"{VIEW}=y,x", EDIT), f"gets {EDIT}"),
        (nodes("a"), None, "type EC2_LINUX"),
        (None, entry("a", "AmazonEKSAutoNodePolicy", type="EC2", username=""), "type EC2, AmazonEKSAutoNodePolicy"),
        (entry("a"), entry("a", username="\x1b[2J"), "username \\x1b[2J, before x"),
    ],
)  # fmt: skip
def test_a_diff_says_how_an_entry_changes(before: Any, after: Any, told: str) -> None:
    assert str(Diff((), {}, entries=(change(before, after),))).partition(": ")[2] == told


def test_a_saved_plan_is_the_same_plan() -> None:
    saved = load_plan_or_changes(PLAN.to_text())
    assert saved == PLAN
    assert isinstance(saved, Plan)
    assert saved.diff.entries == PLAN.diff.entries
    assert str(saved).startswith(f"Plan for the access entries of {CLUSTER}, sha256:")
    PLAN.require_same_object(CLUSTER)
    with pytest.raises(awsauth.PlanOutdatedError):
        PLAN.require_same_object("")


def test_a_plan_of_an_older_release_has_no_entries() -> None:
    from awsauth.core.plan import _checksum

    values = Plan("uid", "sha256:0", (), Diff((), {})).to_json()
    del values["diff"]["entries"], values["checksum"]
    assert Plan.from_json({**values, "checksum": _checksum(values)}).diff.entries == ()


def test_the_digest_is_of_the_state_before() -> None:
    other = [replace(PRESENT[0], groups=()), *PRESENT[1:]]
    assert PLAN.digest == plan_for([*PRESENT, entry("e")], *CHANGES).digest
    assert PLAN.digest != plan_for(other, *CHANGES).digest


@pytest.mark.parametrize("done", range(4))
def test_a_plan_is_made_even_if_a_part_is_made_already(done: int) -> None:
    present = {one.principal_arn: one for one in PRESENT}
    for one in PLAN.diff.entries[:done]:
        present.pop(one.principal_arn, None)
        if one.after:
            present[one.principal_arn] = one.after
    assert merged(PLAN, present.values()) == PLAN.diff.entries[done:]


def test_a_plan_goes_on_with_an_interrupted_change() -> None:
    half = [*PRESENT, entry("d", username="d", groups=(BRIDGE_GROUP,))]
    assert [one.after for one in merged(PLAN, half)] == [one.after for one in PLAN.diff.entries]


@pytest.mark.parametrize(
    "present",
    [
        [replace(PRESENT[0], groups=("h",)), *PRESENT[1:]],
        [PRESENT[0], replace(PRESENT[1], username="other"), PRESENT[2]],
        [*PRESENT[1:]],
        [replace(PRESENT[0], policies=(*PRESENT[0].policies, *entry("x", EDIT).policies)), *PRESENT[1:]],
    ],
    ids=["another group", "another entry is deleted", "the entry is gone", "another policy"],
)
def test_an_entry_that_has_changed_since_is_refused(present: list[AccessEntry]) -> None:
    with pytest.raises((awsauth.PlanOutdatedError, awsauth.MappingConflictError)):
        merged(PLAN, present)


def test_an_entry_that_was_not_planned_is_refused() -> None:
    plan = plan_for(PRESENT, *CHANGES, awsauth.RemoveEntry(principal_arn=f"{ROLE}/z"))
    assert merged(plan, PRESENT) == PLAN.diff.entries
    with pytest.raises(awsauth.PlanOutdatedError):
        merged(plan, [*PRESENT, entry("z")])


def test_a_change_without_effect_is_not_made_anew() -> None:
    gone = awsauth.RemoveEntryPolicy(principal_arn=f"{ROLE}/a", policy=VIEW)
    plan = plan_for(PRESENT, gone)
    with pytest.raises(awsauth.PlanOutdatedError):
        merged(plan, PRESENT[1:])
    assert merged(plan, [entry("a", groups=("g",))]) == ()
