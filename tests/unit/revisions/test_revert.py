"""Taking one change back out of a document that others may have changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from awsauth.core.document.document import Document
from awsauth.core.edit.changes import EnsureRole, RemoveRole, ReplaceText
from awsauth.core.edit.merge import merge
from awsauth.core.revisions.restore import reverted
from awsauth.errors import EditError
from tests.support.callers import close_data
from tests.support.documents.strategies import examples, randoms

if TYPE_CHECKING:
    from random import Random

ARN = "arn:aws:iam::111122223333:role/"


def role(name: str, *groups: str) -> EnsureRole:
    return EnsureRole(role_arn=ARN + name, username=name, groups=groups, if_mapped="replace")


BEFORE = merge(Document({}), [role("a", "one"), role("b", "two"), role("c", "three")])


@given(randoms, randoms)
@examples(200)
def test_what_nobody_else_has_touched_comes_back(random: Random, other: Random) -> None:
    """Law: of a change alone nothing stays, and of no change everything does."""
    before, made = Document(close_data(random)), Document(close_data(other))
    assert reverted(before, made, made) == before
    assert reverted(before, before, made) == made


def test_what_others_have_added_changed_and_removed_since_stays() -> None:
    made = merge(BEFORE, [RemoveRole(role_arn=f"{ARN}a"), role("b", "more"), role("new")])
    present = merge(made, [role("theirs"), role("c", "other")])
    mapped = {role.username: role.groups for role in reverted(BEFORE, made, present).roles}
    assert mapped == {"a": ("one",), "b": ("two",), "c": ("other",), "theirs": ()}


def test_of_whom_both_have_changed_the_later_one_counts() -> None:
    made = merge(BEFORE, [role("b", "more"), role("new")])
    present = merge(made, [role("b", "theirs"), RemoveRole(role_arn=f"{ARN}new")])
    assert reverted(BEFORE, made, present) == present


def test_a_text_that_gives_nobody_anything_is_replaced() -> None:
    made = merge(BEFORE, [ReplaceText(key="mapRoles", text="- [broken")])
    present = Document({"mapRoles": "- [broken\n# by others"})
    assert reverted(BEFORE, made, present) == BEFORE


def test_a_text_that_cannot_be_edited_is_replaced_by_the_earlier_one_with_what_others_have_added() -> None:
    made = merge(BEFORE, [RemoveRole(role_arn=f"{ARN}a")])
    theirs = made.data["mapRoles"].replace("groups:", "groups: &x", 1)
    present = Document({"mapRoles": f"&list\n{theirs}- {{rolearn: {ARN}theirs, username: theirs, groups: *x}}\n"})
    with pytest.raises(EditError):
        merge(present, [role("new")])
    after = reverted(BEFORE, made, present)
    assert {role.username: role.groups for role in after.roles} == {
        "a": ("one",),
        "b": ("two",),
        "c": ("three",),
        "theirs": ("two",),
    }
    assert after.data["mapRoles"].startswith(BEFORE.data["mapRoles"])


def test_other_keys_come_back_unless_others_have_changed_them() -> None:
    before, made = Document({"a": "1", "b": "1"}), Document({"a": "2", "b": "2", "c": "2"})
    assert reverted(before, made, Document({"a": "2", "b": "3", "c": "2"})).data == {"a": "1", "b": "3"}
