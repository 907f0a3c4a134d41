"""Merging changes into access entries."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

import awsauth
from awsauth.core.edit.validation import BRIDGE_GROUP
from awsauth.core.entries.merge import merge_entries
from awsauth.core.entries.model import AccessEntry
from awsauth.core.serialization import from_json
from tests.support.access_entries import ADMIN_POLICY, EDIT, POLICY, ROLE, USER, VIEW, change, entry, nodes, policy

A = f"{ROLE}/a"


def ensure(arn: str = A, **fields: Any) -> awsauth.EnsureEntry:
    return awsauth.EnsureEntry(principal_arn=arn, **fields)


def after(present: list[AccessEntry], *changes: Any) -> list[AccessEntry | None]:
    return [diff.after for diff in merge_entries(present, changes)]


@pytest.mark.parametrize(
    ("arn", "username"),
    [
        (f"{ROLE}/team/a", "arn:aws:sts::111122223333:assumed-role/a/{{SessionName}}"),
        ("arn:aws-cn:iam::111122223333:role/a", "arn:aws-cn:sts::111122223333:assumed-role/a/{{SessionName}}"),
        (f"{USER}/team/a", f"{USER}/team/a"),
    ],
)
def test_a_new_entry_gets_the_username_of_eks(arn: str, username: str) -> None:
    assert after([], ensure(arn)) == [AccessEntry(arn, "STANDARD", username)]


def test_a_new_entry_has_its_fields() -> None:
    wanted = entry("a", f"{VIEW}=x,y", ADMIN_POLICY, username="u", groups=("g",))
    policies = [f"{VIEW}=x,y", f"{POLICY}/{ADMIN_POLICY}"]
    assert merge_entries([entry("b")], [ensure(username="u", groups=["g"], policies=policies)]) == (
        change(None, wanted),
    )


@pytest.mark.parametrize(
    ("present", "made"),
    [
        (entry("a", f"{VIEW}=y,x", username="u", groups=("h", "g")), f"{VIEW}=x,y"),
        (entry("a", VIEW, username="u", groups=("h", "g")), VIEW),
    ],
)
@pytest.mark.parametrize("if_exists", ["fail", "replace"])
def test_an_equal_entry_does_not_change(present: AccessEntry, made: str, if_exists: Any) -> None:
    assert after([present], ensure(username="u", groups=["g", "h"], policies=[made], if_exists=if_exists)) == []


@pytest.mark.parametrize("kind", ["EC2_LINUX", "HYBRID_LINUX"])
def test_eks_alone_names_nodes(kind: Any) -> None:
    assert after([nodes("a", kind)], ensure(type=kind), ensure(type=kind, if_exists="replace")) == []


@pytest.mark.parametrize(
    "present",
    [
        entry("a", VIEW, username="other", groups=("g",)),
        entry("a", VIEW, username="u"),
        entry("a", VIEW, username="u", groups=("g", "h")),
        entry("a", f"{VIEW}=x", username="u", groups=("g",)),
        entry("a", VIEW, EDIT, username="u", groups=("g",)),
    ],
    ids=["username", "lacks a group", "has another group", "narrower policy", "has another policy"],
)
def test_another_entry_is_in_the_way(present: AccessEntry) -> None:
    asked: dict[str, Any] = {"username": "u", "groups": ["g"], "policies": [VIEW]}
    with pytest.raises(awsauth.MappingConflictError) as caught:
        merge_entries([present], [ensure(**asked)])
    command = f"awsauth entry set {A} --username u --group g --access-policy {VIEW}"
    assert f"`{command}`" in caught.value.hint
    assert after([present], ensure(**asked, if_exists="replace")) == [entry("a", VIEW, username="u", groups=("g",))]


def test_an_interrupted_call_is_taken_up_again() -> None:
    asked = ensure(username="u", groups=["g"], policies=[VIEW, EDIT])
    wanted = entry("a", VIEW, EDIT, username="u", groups=("g",))
    created, half = replace(wanted, policies=()), replace(wanted, policies=(policy(EDIT),))
    for left in (
        created,
        half,
        replace(created, groups=("g", BRIDGE_GROUP)),
        replace(wanted, groups=(BRIDGE_GROUP, "g")),
    ):
        assert after([left], asked) == [wanted]


def test_replace_sets_the_given_fields_alone() -> None:
    present = entry("a", VIEW, username="u", groups=("g",), tags={"owner": "x"})
    cases: list[tuple[dict[str, Any], AccessEntry | None]] = [
        ({"username": "v"}, replace(present, username="v")),
        ({"groups": []}, replace(present, groups=())),
        ({"policies": [f"{VIEW}=x"]}, replace(present, policies=(policy(f"{VIEW}=x"),))),
        ({}, None),
    ]
    for fields, wanted in cases:
        changed = after([present], ensure(**fields, if_exists="replace"))
        assert changed == ([wanted] if wanted else [])
        assert all(one and one.tags == {"owner": "x"} for one in changed)


def test_a_type_cannot_be_changed() -> None:
    with pytest.raises(awsauth.MappingConflictError) as caught:
        merge_entries([entry("a")], [ensure(type="EC2_LINUX", if_exists="replace")])
    assert f"`awsauth entry remove {A}`" in caught.value.hint
    assert f"`awsauth entry add {A} --type EC2_LINUX`" in caught.value.hint


def test_an_entry_is_not_deleted_and_made_in_one_change() -> None:
    with pytest.raises(awsauth.MappingConflictError, match="make it again"):
        merge_entries([entry("a")], [awsauth.RemoveEntry(principal_arn=A), ensure(type="EC2_LINUX")])


def test_iam_has_a_role_under_one_path() -> None:
    old, new = f"{ROLE}/old/a", f"{ROLE}/new/a"
    with pytest.raises(awsauth.MappingConflictError, match=re.escape(old)):
        merge_entries([entry(old)], [ensure(new)])
    with pytest.raises(awsauth.MappingConflictError, match=re.escape(new)):
        merge_entries([], [ensure(new), ensure(old)])
    moved = merge_entries([entry(old)], [awsauth.RemoveEntry(principal_arn=old), ensure(new)])
    assert [diff.kind for diff in moved] == ["removed", "added"]
    both = [entry(old), entry(new)]
    assert after(both, ensure(new, username="y", if_exists="replace")) == [entry(new, username="y")]


@pytest.mark.parametrize(
    ("policies", "made", "left"),
    [
        ([], f"{VIEW}=a", [f"{VIEW}=a"]),
        ([VIEW], f"{VIEW}=a", [f"{VIEW}=a"]),
        ([f"{VIEW}=a"], VIEW, [VIEW]),
        ([f"{VIEW}=a,b", EDIT], f"{VIEW}=b,c", [EDIT, f"{VIEW}=b,c"]),
        ([f"{VIEW}=a,b"], f"{POLICY}/{VIEW}=b,a", None),
    ],
)
def test_a_policy_is_set(policies: list[str], made: str, left: list[str] | None) -> None:
    changed = after([entry("a", *policies)], awsauth.SetEntryPolicy(principal_arn=A, policy=made))
    assert changed == ([] if left is None else [entry("a", *left)])


@pytest.mark.parametrize(
    ("policies", "gone", "left"),
    [
        ([VIEW, EDIT], VIEW, [EDIT]),
        ([f"{VIEW}=a,b"], VIEW, []),
        ([f"{VIEW}=a,b", EDIT], f"{VIEW}=a,c", [f"{VIEW}=b", EDIT]),
        ([f"{VIEW}=a,b"], f"{VIEW}=a,b", []),
        ([f"{VIEW}=a,b"], f"{VIEW}=c", None),
        ([EDIT], f"{VIEW}=c", None),
    ],
)
def test_a_policy_is_removed(policies: list[str], gone: str, left: list[str] | None) -> None:
    changed = after([entry("a", *policies)], awsauth.RemoveEntryPolicy(principal_arn=A, policy=gone))
    assert changed == ([] if left is None else [entry("a", *left)])


def test_a_namespace_cannot_be_taken_from_the_whole_cluster() -> None:
    with pytest.raises(awsauth.MappingConflictError, match="whole cluster"):
        merge_entries([entry("a", VIEW)], [awsauth.RemoveEntryPolicy(principal_arn=A, policy=f"{VIEW}=x")])


def test_a_policy_needs_an_entry_that_takes_it() -> None:
    made = awsauth.SetEntryPolicy(principal_arn=A, policy=VIEW)
    with pytest.raises(awsauth.MappingConflictError) as caught:
        merge_entries([], [made])
    assert f"`awsauth entry add {A} --access-policy {VIEW}`" in caught.value.hint
    with pytest.raises(awsauth.MappingConflictError, match="no policies"):
        merge_entries([nodes("a")], [made])
    assert after([], ensure(), made) == [replace(entry("a", VIEW), username=after([], ensure())[0].username)]  # type: ignore[union-attr]


def test_absent_entries_stay_absent() -> None:
    gone: list[Any] = [awsauth.RemoveEntry(principal_arn=A), awsauth.RemoveEntryPolicy(principal_arn=A, policy=VIEW)]
    assert merge_entries([entry("b")], gone) == ()
    assert after([entry("a"), entry("b")], *gone) == [None]


def test_changes_are_made_in_their_order_and_return_to_nothing() -> None:
    added = awsauth.SetEntryPolicy(principal_arn=A, policy=VIEW)
    gone = awsauth.RemoveEntryPolicy(principal_arn=A, policy=VIEW)
    assert after([entry("a")], added, gone) == []
    assert after([entry("a")], gone, added) == [entry("a", VIEW)]
    assert merge_entries([], [ensure(), awsauth.RemoveEntry(principal_arn=A)]) == ()


def test_a_change_of_an_entry_takes_the_group_of_the_bridge() -> None:
    left = entry("a", groups=("g", BRIDGE_GROUP))
    wanted = entry("a", VIEW, groups=("g",))
    assert after([left], awsauth.SetEntryPolicy(principal_arn=A, policy=VIEW)) == [wanted]
    assert after([left], awsauth.RemoveEntryPolicy(principal_arn=A, policy=VIEW)) == [entry("a", groups=("g",))]


@pytest.mark.parametrize("present", ["A", f"{ROLE}/team/a"])
@pytest.mark.parametrize(
    "change",
    [
        awsauth.RemoveEntry(principal_arn=A),
        awsauth.SetEntryPolicy(principal_arn=A, policy=VIEW),
        awsauth.RemoveEntryPolicy(principal_arn=A, policy=VIEW),
    ],
    ids=lambda change: str(change.kind),
)
def test_an_arn_with_another_path_or_case_is_no_other_principal(present: str, change: Any) -> None:
    """An ARN from aws-auth lacks the path, and its entry has to be found."""
    with pytest.raises(awsauth.MappingConflictError, match="in the path or case alone"):
        merge_entries([entry(present)], [change])
    # A move, made again.
    moved = entry(present, username="y")
    to = ensure(moved.principal_arn, username="y")
    assert merge_entries([moved], [awsauth.RemoveEntry(principal_arn=A), to]) == ()


def test_a_cluster_of_3_000_entries_takes_one_look_at_each(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    def counting(arn: str) -> str:
        nonlocal looks
        looks += 1
        return arn

    monkeypatch.setattr("awsauth.core.entries.merge.principal_of", counting)
    present = [entry(f"r{number}") for number in range(3000)]
    changes = [ensure(f"{ROLE}/n{number}", username="x") for number in range(50)]
    assert len(merge_entries(present, changes)) == 50
    assert looks <= 3100


def test_the_json_of_a_diff_can_be_read_back() -> None:
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    found = change(entry("a", VIEW, created=moment, tags={"a": "b"}), None)
    read = from_json(awsauth.EntryDiff, found.to_json())
    assert read == found
    assert read.before.created == moment
    assert found.to_json()["kind"] == "removed"


def test_a_namespace_that_a_wildcard_covers_is_not_removed_in_vain() -> None:
    present = [entry("a", f"{VIEW}=a*,b")]
    with pytest.raises(awsauth.MappingConflictError, match="which covers ab"):
        merge_entries(present, [awsauth.RemoveEntryPolicy(principal_arn=A, policy=f"{VIEW}=ab,b")])
    gone = awsauth.RemoveEntryPolicy(principal_arn=A, policy=f"{VIEW}=a*")
    assert after(present, gone) == [entry("a", f"{VIEW}=b")]
