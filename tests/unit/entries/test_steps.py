"""The calls of a change of an access entry, and their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from awsauth.core.edit.validation import BRIDGE_GROUP
from awsauth.core.entries.merge import is_on_the_way, steps
from awsauth.core.entries.model import unbridged
from awsauth.core.guards.entries import by_namespace, mapping_of
from tests.support.access_entries import ADMIN_POLICY, EDIT, VIEW, change, entry, nodes

if TYPE_CHECKING:
    from awsauth.core.entries.model import AccessEntry


def actions(before: AccessEntry | None, after: AccessEntry | None, *, bridged: bool = False) -> list[str]:
    return [step.action for step in steps(change(before, after), bridged=bridged)]


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (None, entry("a"), ["create"]),
        (None, entry("a", VIEW, EDIT), ["create", "associate", "associate"]),
        (None, nodes("a"), ["create"]),
        (entry("a", VIEW), None, ["delete"]),
        (entry("a"), entry("a", groups=("g",)), ["update"]),
        (entry("a"), entry("a", username="y"), ["update"]),
        (entry("a", groups=("g", "h")), entry("a", groups=("h", "g")), []),
        (entry("a", f"{VIEW}=x"), entry("a", VIEW), ["associate"]),
        (entry("a", f"{VIEW}=x,y"), entry("a", f"{VIEW}=y,x"), []),
        (entry("a", f"{VIEW}=x,y"), entry("a", f"{VIEW}=y"), ["associate"]),
        (entry("a", f"{VIEW}=x"), entry("a", f"{VIEW}=y"), ["associate", "associate"]),
        (entry("a", VIEW), entry("a", f"{VIEW}=y", groups=("g",)), ["update", "associate"]),
        (entry("a", f"{VIEW}=x"), entry("a", f"{VIEW}=y", groups=("g",)), ["associate", "update", "associate"]),
        (entry("a", VIEW), entry("a"), ["disassociate"]),
        (entry("a", groups=("g",)), entry("a", ADMIN_POLICY), ["associate", "update"]),
        (entry("a", ADMIN_POLICY), entry("a", groups=("g",)), ["update", "disassociate"]),
        (entry("a", VIEW), entry("a", EDIT, groups=("g",)), ["associate", "update", "disassociate"]),
        (nodes("a", "EC2"), entry("a", "AmazonEKSAutoNodePolicy", type="EC2", username=""), ["associate"]),
    ],
)
def test_the_order_of_calls(before: AccessEntry | None, after: AccessEntry | None, wanted: list[str]) -> None:
    assert actions(before, after) == wanted


def test_an_administrator_has_rights_all_the_time() -> None:
    wanted = entry("a", ADMIN_POLICY, groups=("g",))
    made = steps(change(None, wanted), bridged=True)
    assert [step.action for step in made] == ["create", "associate", "update"]
    groups = [step.entry.groups for step in made if step.entry]
    assert groups == [("g", BRIDGE_GROUP), ("g", BRIDGE_GROUP), ("g",)]
    assert made[-1].entry == wanted


def test_an_interrupted_bridge_is_taken_down_at_the_same_place() -> None:
    wanted = entry("a", ADMIN_POLICY, groups=("g",))
    left = entry("a", groups=("g", BRIDGE_GROUP))
    assert actions(left, wanted) == ["associate", "update"]
    assert actions(entry("a", ADMIN_POLICY, groups=(BRIDGE_GROUP, "g")), wanted) == ["update"]


TEXTS = st.lists(st.sampled_from([VIEW, f"{VIEW}=a", f"{VIEW}=a,b", EDIT, f"{EDIT}=b", ADMIN_POLICY]), max_size=4)
ENTRIES = st.builds(
    lambda policies, username, groups: entry(
        "a", *{text.partition("=")[0]: text for text in policies}.values(), username=username, groups=tuple(groups)
    ),
    TEXTS,
    st.sampled_from(["u", "v"]),
    st.lists(st.sampled_from("gh"), unique=True),
)


COMPARED = by_namespace([entry("a", f"{VIEW}=a,b", EDIT, f"{ADMIN_POLICY}=x"), entry("a", VIEW, f"{EDIT}=b")])


@given(st.none() | ENTRIES, st.none() | ENTRIES, st.booleans())
def test_every_order_of_calls_leads_to_the_wanted_entry(
    before: AccessEntry | None,
    after: AccessEntry | None,
    bridged: bool,  # noqa: FBT001 - of the strategy
) -> None:
    if before is None and after is None:
        return
    diff = change(before, after)
    now = before
    for step in steps(diff, bridged=bridged):
        assert is_on_the_way(diff, now)
        if before and after and step.entry:
            # Until it has the new rights, the entry has the old ones.
            old, new, kept = (set(mapping_of(one, COMPARED).groups) for one in (before, after, step.entry))
            assert old <= kept or new <= kept
        now = step.entry
    assert now == after or (bridged and unbridged(now) == after)
    assert is_on_the_way(diff, now)


def test_an_entry_that_no_call_leaves_is_not_on_the_way() -> None:
    diff = change(entry("a", VIEW), entry("a", EDIT))
    for other in (None, entry("a"), entry("a", VIEW, EDIT, ADMIN_POLICY), entry("a", EDIT, username="y")):
        assert not is_on_the_way(diff, other)
    assert is_on_the_way(diff, entry("a", VIEW, EDIT))


def test_namespaces_that_go_later_are_in_order() -> None:
    first, last = steps(change(entry("a", f"{VIEW}=f,e,d"), entry("a", f"{VIEW}=c,b,a")))
    assert [step.policy and step.policy.namespaces for step in (first, last)] == [
        ("a", "b", "c", "d", "e", "f"),
        ("c", "b", "a"),
    ]


def test_another_owner_is_a_tag_after_all_else() -> None:
    after = entry("a", VIEW, tags={"awsauth/owner": "web"})
    tagged = steps(change(entry("a"), after))
    assert [step.action for step in tagged] == ["associate", "tag"]
    assert tagged[-1].entry == after
    assert actions(entry("a"), entry("a", tags={"team": "web"})) == []


def test_without_a_bridge_a_new_entry_is_made_as_it_is_wanted() -> None:
    assert [step.entry for step in steps(change(None, entry("a", groups=("g",))))] == [entry("a", groups=("g",))]
