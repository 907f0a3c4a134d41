"""Files of changes, in YAML and JSON: what they mean, and where their faults are."""

from __future__ import annotations

import contextlib
import json
from io import StringIO

import pytest
from hypothesis import given, strategies as st
from ruamel.yaml import YAML

from awsauth.core.edit.changes import EnsureAccount, EnsureRole, RemoveRole, RemoveUser, RenamePrincipal, ReplaceText
from awsauth.core.plan import load_plan_or_changes
from awsauth.errors import AwsAuthError
from tests.support.paths import PROJECT

ROLE = "arn:aws:iam::111122223333:role/x"
GOOD = f"""\
# the new team
- change: EnsureRole
  role_arn: {ROLE}
  username: x
  groups: [view, "yes"]
- {{change: EnsureAccount, account: 012345670123}}
- change: ReplaceText
  key: mapUsers
  text: ~
"""
MADE = (
    EnsureRole(role_arn=ROLE, username="x", groups=["view", "yes"]),
    EnsureAccount(account="012345670123"),
    ReplaceText(key="mapUsers", text=None),
)


@pytest.mark.parametrize("text", [GOOD, GOOD.encode(), GOOD.replace("\n", "\r\n"), b"\xef\xbb\xbf" + GOOD.encode()])
def test_changes_may_be_yaml(text: str | bytes) -> None:
    assert load_plan_or_changes(text) == MADE


def test_the_examples_in_yaml_and_json_hold_the_same_changes() -> None:
    in_yaml, in_json = ((PROJECT / "examples" / f"changes.{name}").read_bytes() for name in ("yaml", "json"))
    assert load_plan_or_changes(in_yaml) == load_plan_or_changes(in_json)


def test_a_single_change_need_not_stand_in_a_list() -> None:
    assert load_plan_or_changes(f"change: RemoveRole\nrole_arn: {ROLE}\n") == (RemoveRole(role_arn=ROLE),)


FAULTS = {
    "unknown field": ("- change: RemoveRole\n  rolearn: x\n", "no field `rolearn`", "line 2, column 3, change 1"),
    "unknown change": ("- change: Remove\n", "There is no change `Remove`", "line 1, column 3, change 1"),
    "missing field": ("# x\n- change: RemoveRole\n", "needs `role_arn`", "line 2, column 3, change 1"),
    "a text for a list": (
        f"- change: EnsureRole\n  role_arn: {ROLE}\n  username: x\n  groups: view\n",
        "groups is the text `view`, not a list",
        "line 4, column 3, change 1",
    ),
    "a list for a text": ("- change: RemoveRole\n  role_arn: [x]\n", "role_arn is", "line 2, column 3, change 1"),
    "two faults": (
        f"- change: RemoveRole\n  role_arn: {ROLE}\n- change: EnsureRole\n  role_arn: x\n  username: true\n",
        "username is `True`",
        "line 4, column 3, line 5, column 3, change 2",
    ),
    "no change": ("- RemoveRole\n", "A change is", "line 1, column 3, change 1"),
    "in JSON": ('[\n {"change": "RemoveRole", "rolearn": "x"}\n]', "no field `rolearn`", "line 2, column 27, change 1"),
    "one in JSON": ('{"change": "RemoveRole",\n "rolearn": "x"}', "no field `rolearn`", "line 2, column 2, change 1"),
    "twice": ("- change: RemoveRole\n  role_arn: a\n  role_arn: b\n", "`role_arn` twice", "line 3, column 3"),
    "twice in JSON": ('[{"change": "RemoveRole",\n"role_arn": "a", "role_arn": "b"}]', "`role_arn` twice", "line 2, column 18"),
    "alias": ("- &a {change: RemoveRole, role_arn: x}\n- *a\n", "*a is an alias", "line 2, column 3"),
    "bomb": (
        "a: &a [x, x]\n" + "".join(f"{two}: &{two} [*{one}, *{one}]\n" for one, two in zip("abcdefg", "bcdefgh", strict=True)),
        "*a is an alias",
        "line 2, column 8",
    ),
    "tag": ("- !!python/object:os.system x\n", "has the tag", "line 1, column 3"),
    "key that is a list": ("- ? [change]\n  : x\n", "a list or a mapping where a field should be", "line 1, column 5"),
    "syntax": ("- change: [\n", "is not YAML: ", "line 2, column 1"),
    "control character": ("- change: \x00\n", "it holds the character U+0000", "line 1, column 11"),
    "binary": (b"\x7fELF\x02\x01\x01\x00\xff\xfe", "is not text in UTF-8", ""),
    "huge": ("- {change: RemoveRole}\n" * 2**14, "is too large: YAML may have 256 KiB", ""),
    "huge and almost JSON": ("[" + '{"change": "RemoveRole"},' * 2**14, "As JSON: Expecting value: line 1", ""),
    "deep": ("- " * 500, "nested more than 100 deep", "line 1, column 201"),
    "two documents": ("- a\n---\n- b\n", "more than one document", "line 2, column 1"),
    "empty": ("# nothing\n", "is empty", ""),
    "a plan in YAML": ("format: awsauth-plan\n", "neither a plan nor a list of changes", ""),
}  # fmt: skip


@pytest.mark.parametrize(("text", "problem", "location"), FAULTS.values(), ids=list(FAULTS))
def test_a_fault_is_reported_with_line_and_column(text: str | bytes, problem: str, location: str) -> None:
    with pytest.raises(AwsAuthError) as error:
        load_plan_or_changes(text)
    assert problem in error.value.message
    assert error.value.location == location
    assert error.value.hint


@given(st.text(alphabet="[]{}:-,&*!?|>'\"%@`#~<a1 \t\n\r\ufeff\x85\u2028", max_size=40))
def test_no_text_is_more_than_an_error_of_this_library(text: str) -> None:
    """Law: nothing of ruamel.yaml gets out."""
    with contextlib.suppress(AwsAuthError):
        load_plan_or_changes(text)
    with contextlib.suppress(AwsAuthError):
        load_plan_or_changes(text.encode())


@given(st.lists(st.sampled_from([*MADE, RenamePrincipal(principal_arn=ROLE, new_arn=f"{ROLE}2")]), max_size=5))
def test_yaml_and_json_say_the_same(changes: list[EnsureRole | EnsureAccount | ReplaceText | RenamePrincipal]) -> None:
    values = [change.to_json() for change in changes]
    written = StringIO()
    YAML().dump(values, written)
    assert load_plan_or_changes(written.getvalue()) == load_plan_or_changes(json.dumps(values)) == tuple(changes)


def test_changes_are_equal_by_their_kind_and_their_values() -> None:
    role = RemoveRole(role_arn=ROLE)
    assert role == RemoveRole(role_arn=ROLE)
    assert len({role, RemoveRole(role_arn=ROLE), RemoveUser(user_arn=ROLE)}) == 2
    assert role not in (RemoveUser(user_arn=ROLE), RemoveRole(role_arn=f"{ROLE}2"), ROLE)
    assert repr(role) == f"RemoveRole(role_arn={ROLE!r})"
