"""The acts of a sync of access entries, whose owners are tags."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from awsauth.core.desired.acts import KnownRecords, SyncReport, acts_of, diffs_of_acts, live_and_records
from awsauth.core.desired.decide import Choices
from awsauth.core.desired.fragment import Fragment, combined
from awsauth.core.edit.validation import BRIDGE_GROUP
from awsauth.core.entries.model import AccessEntry, AccessPolicy, as_mapped
from awsauth.errors import FragmentError, MappingConflictError
from tests.support.access_entries import EDIT, ROLE, VIEW, nodes

if TYPE_CHECKING:
    from awsauth.core.entries.merge import EntryDiff

A, B = f"{ROLE}/team/a", f"{ROLE}/b"


def fragment(owner: str = "x", **entries: dict[str, Any]) -> Fragment:
    listed = [{"principal_arn": {"a": A, "b": B}[name], **fields} for name, fields in entries.items()]
    return Fragment(owner=owner, entries=listed)


def synced(
    fragments: list[Fragment], entries: list[AccessEntry], **choices: Any
) -> tuple[SyncReport, tuple[EntryDiff, ...]]:
    desired = combined(fragments, entries=True)
    live, records = live_and_records(entries)
    report = acts_of(desired, live, KnownRecords(records, proven=records), Choices(**choices), uid="")
    return report, diffs_of_acts(report, desired, entries)


def after(fragments: list[Fragment], entries: list[AccessEntry], **choices: Any) -> list[AccessEntry]:
    """Return the entries after a sync."""
    report, diffs = synced(fragments, entries, **choices)
    assert not report.conflicts
    found: dict[str, AccessEntry | None] = {entry.principal_arn: entry for entry in entries}
    return [entry for entry in {**found, **{diff.principal_arn: diff.after for diff in diffs}}.values() if entry]


def kinds(fragments: list[Fragment], entries: list[AccessEntry], **choices: Any) -> list[str]:
    return [act.act for act in synced(fragments, entries, **choices)[0].acts]


@pytest.mark.parametrize(
    ("kind", "recorded"),
    [
        ("EC2_LINUX", "9c6974fd395e194f"),
        ("EC2_WINDOWS", "5bdb70eb1ec3c79f"),
        ("FARGATE_LINUX", "afc2e14481be1757"),
        ("HYBRID_LINUX", "644f711066b3e905"),
    ],
)
def test_an_entry_for_nodes_is_still_as_an_older_sync_recorded_it(kind: str, recorded: str) -> None:
    made = nodes("b", kind)
    live = replace(made, tags={"awsauth/owner": "x", "awsauth/applied": recorded})
    assert kinds([fragment(b={"type": kind})], [live]) == []
    assert kinds([fragment()], [live]) == ["prune"]


def test_a_second_sync_does_nothing_and_the_order_of_owners_does_not_matter() -> None:
    x, y = fragment("x", a={"groups": ["g", "h"], "policies": [f"{VIEW}=b,a"]}), fragment("y", b={})
    once = after([x, y], [])
    assert {entry.principal_arn: entry.owner for entry in once} == {A: "x", B: "y"}
    assert set(after([y], after([x], []))) == set(once)
    assert kinds([x, y], once) == []
    again = fragment("x", a={"groups": ["h", "g"], "policies": [f"{VIEW}=a,b"]})
    assert kinds([again], once) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"username": "other"},
        {"groups": ("g", "more")},
        {"groups": ()},
        {"policies": ()},
        {"policies": (AccessPolicy(f"arn:aws:eks::aws:cluster-access-policy/{VIEW}"),)},
        {"type": "EC2_LINUX"},
    ],
)
def test_each_field_can_drift(changed: dict[str, Any]) -> None:
    wanted = fragment(a={"groups": ["g"], "policies": [f"{VIEW}=a"]})
    [entry] = after([wanted], [])
    drifted = [replace(entry, **changed)]
    empty = Fragment(owner="x")
    assert kinds([empty], drifted) == ["conflict"]
    assert kinds([empty], drifted, prune="force") == ["prune"]
    assert kinds([wanted], drifted, on_drift="fail") == ["conflict"]
    assert kinds([wanted], drifted, on_drift="keep") == ["kept"]
    if "type" in changed:
        with pytest.raises(MappingConflictError, match="cannot be changed"):
            synced([wanted], drifted)
    else:
        assert after([wanted], drifted) == [entry]


def test_tags_of_others_stay_and_a_release_removes_only_those_of_the_owner() -> None:
    [entry] = after([fragment(a={})], [AccessEntry(A, "STANDARD", "u", tags={"t": "1"})], adopt=True)
    assert entry.tags.keys() == {"t", "awsauth/owner", "awsauth/applied"}
    [released] = after([Fragment(owner="x")], [entry], release=[A])
    assert (released.owner, released.tags["t"]) == ("", "1")


def test_the_group_of_an_interrupted_change_is_no_drift() -> None:
    [entry] = after([fragment(a={"groups": ["g"]})], [])
    bridged = replace(entry, groups=("g", BRIDGE_GROUP))
    assert as_mapped(bridged) == as_mapped(entry)


def test_an_owner_in_another_fragment_of_the_same_sync_takes_the_entry() -> None:
    [entry] = after([fragment("x", a={})], [])
    both = [Fragment(owner="x"), fragment("y", a={})]
    assert kinds(both, [entry]) == ["forget", "conflict"]
    [taken] = after(both, [entry], take_from=("x",))
    assert taken.owner == "y"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"principal_arn": f"{ROLE}/{{{{x}}}}"}, "accessEntries"),
        ({"principal_arn": A, "username": "system:x"}, "EKS accepts no username"),
        ({"principal_arn": A, "groups": ["system:masters"]}, "EKS accepts no group"),
        ({"principal_arn": A, "policies": [VIEW, f"{VIEW}=a"]}, "a policy twice"),
        ({"principal_arn": A, "type": "EC2_LINUX", "groups": ["g"]}, "neither username nor groups"),
        ({"principal_arn": A, "type": "PERSON"}, "type"),
        ({"principal_arn": A, "kubernetesGroups": ["g"]}, "unknown field"),
        ({}, "lacks"),
    ],
)
def test_a_fragment_refuses_what_eks_would_refuse(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(FragmentError, match=problem):
        Fragment(owner="x", entries=[fields])


def test_a_principal_is_listed_once_and_its_fault_has_a_place() -> None:
    text = f"owner: x\naccessEntries:\n- principal_arn: {A}\n- principal_arn: {A}\n"
    with pytest.raises(FragmentError, match="listed twice") as caught:
        combined([Fragment.from_text(text, "x.yaml")], entries=True)
    assert "line 3" in str(caught.value.location)
    with pytest.raises(FragmentError) as caught:
        Fragment.from_text(f"owner: x\naccessEntries:\n- principal_arn: {A}\n  policies: [{EDIT}=A]\n", "x.yaml")
    assert str(caught.value.location).startswith("x.yaml, line 3")
