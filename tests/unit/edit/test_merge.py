"""Merging changes: the policy on what is mapped already, and the laws."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, strategies as st

from awsauth.core.diff import diff
from awsauth.core.document.document import Document
from awsauth.core.document.index import SEARCHES
from awsauth.core.document.model import SYSTEM_MASTERS
from awsauth.core.edit import changes as c
from awsauth.core.edit.changes import changes_from_json
from awsauth.core.edit.merge import merge, merge_with_report
from awsauth.core.manifest.manifest import Manifest
from awsauth.errors import AwsAuthError, EditError, InvalidValueError, MappingConflictError, UsageError
from tests.support.documents.strategies import documents

if TYPE_CHECKING:
    from collections.abc import Sequence

ROLE: Final = "arn:aws:iam::111122223333:role/ci"
USER: Final = "arn:aws:iam::111122223333:user/team/alice"
NAMES: Final = st.sampled_from(("ci", "build", "Admin", "eks-worker", "x"))
GROUPS: Final = st.lists(
    st.sampled_from(("view", "edit", SYSTEM_MASTERS, "yes", "a: b", "{{SessionName}}")), max_size=3
)
USERNAMES: Final = st.sampled_from(("ci", "admin", "{{SessionName}}", "012", "x y"))
POLICIES: Final = st.sampled_from(("extend", "replace", "fail"))
ROLES: Final = NAMES.map("arn:aws:iam::111122223333:role/{}".format)
USERS: Final = NAMES.map("arn:aws:iam::111122223333:user/{}".format)
ACCOUNTS: Final = st.sampled_from(("012345678901", "111122223333"))
ENSURED: Final[st.SearchStrategy[c.Change]] = st.one_of(
    st.builds(c.EnsureRole, role_arn=ROLES, username=USERNAMES, groups=GROUPS, if_mapped=POLICIES),
    st.builds(c.EnsureUser, user_arn=USERS, username=USERNAMES, groups=GROUPS, if_mapped=POLICIES),
    st.builds(c.EnsureAccount, account=ACCOUNTS),
)
REMOVED: Final[st.SearchStrategy[c.Change]] = st.one_of(
    st.builds(c.RemoveRole, role_arn=ROLES),
    st.builds(c.RemoveUser, user_arn=USERS),
    st.builds(c.RemoveAccount, account=ACCOUNTS),
    st.builds(c.RemoveGroups, principal_arn=ROLES | USERS, groups=GROUPS),
    st.builds(c.RenamePrincipal, principal_arn=ROLES | USERS, new_arn=ROLES | USERS),
    st.builds(c.Deduplicate),
    st.builds(
        c.ReplaceText, key=st.sampled_from(("mapRoles", "mapUsers")), text=st.sampled_from((None, "", "[]\n", "x"))
    ),
)


def roles(*entries: tuple[str, str, Sequence[str]]) -> Document:
    """Return a document that maps roles, each with its username and groups."""
    lines = [
        f"- rolearn: {arn}\n  username: {username}\n  groups: [{', '.join(groups)}]\n"
        for arn, username, groups in entries
    ]
    return Document({"mapRoles": "".join(lines)})


def ensure(username: str = "ci", groups: Sequence[str] = ("view",), **fields: Any) -> c.EnsureRole:
    """Return the change that maps the role."""
    return c.EnsureRole(role_arn=ROLE, username=username, groups=groups, **fields)


def mapped(document: Document) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return a document's roles in short."""
    return [(role.role_arn.rpartition("/")[2], role.username, role.groups) for role in document.roles]


def test_a_username_is_removed_under_both_keys_and_no_other_is() -> None:
    user = [{"userarn": USER, "username": "ann"}, {"userarn": f"{USER}2", "username": "ben"}]
    document = Document({**roles((ROLE, "ann", []), (f"{ROLE}2", "ben", [])).data, "mapUsers": json.dumps(user)})
    after = merge(document, [c.RemoveUsername(username="ann")])
    assert [one.username for one in after.roles] == [one.username for one in after.users] == ["ben"]


@pytest.mark.parametrize(
    ("key", "change"),
    [
        *((key, c.RemoveUsername(username="x")) for key in ("mapRoles", "mapUsers")),
        ("mapRoles", c.RemoveRole(role_arn=ROLE)),
        ("mapRoles", c.RemoveGroups(principal_arn=ROLE, groups=["view"])),
        ("mapRoles", c.RenamePrincipal(principal_arn=ROLE, new_arn=f"{ROLE}2")),
        ("mapUsers", c.RemoveUser(user_arn=USER)),
        ("mapUsers", c.RemoveGroups(principal_arn=USER, groups=["view"])),
        ("mapUsers", c.RenamePrincipal(principal_arn=USER, new_arn=f"{USER}2")),
        ("mapAccounts", c.RemoveAccount(account="111122223333")),
    ],
)
def test_nothing_is_told_to_be_absent_from_a_text_that_cannot_be_read(key: str, change: c.Change) -> None:
    """Another text that cannot be read is in the way of no change."""
    with pytest.raises(EditError):
        merge(Document({key: "- [\n"}), [change])
    other = "mapAccounts" if key != "mapAccounts" else "mapUsers"
    assert merge(Document({other: "- [\n"}), [change]).data == {other: "- [\n"}


def test_extend_adds_groups_and_reports_the_extra_ones() -> None:
    """By default nothing is taken away, and what stays though nobody asked for it is said."""
    result = merge_with_report(roles((ROLE, "ci", ["edit"])), [ensure()])
    assert mapped(result.after) == [("ci", "ci", ("edit", "view"))]
    assert result.extra_groups == {ROLE: ("edit",)}
    assert [finding.code for finding in result.findings] == ["extra-groups"]


def test_extend_fails_on_another_username() -> None:
    """Two usernames cannot both be meant."""
    with pytest.raises(MappingConflictError, match='if_mapped="replace"'):
        merge(roles((ROLE, "other", ["view"])), [ensure()])


def test_extend_fails_where_masters_would_stay() -> None:
    """A demotion that silently does nothing is refused, and both ways out are named."""
    with pytest.raises(MappingConflictError, match=f'if_mapped="replace".*or ask for {SYSTEM_MASTERS}'):
        merge(roles((ROLE, "ci", [SYSTEM_MASTERS])), [ensure()])


def test_extend_keeps_masters_that_are_asked_for() -> None:
    """The way out that keeps them."""
    assert mapped(merge(roles((ROLE, "ci", [SYSTEM_MASTERS])), [ensure(groups=["view", SYSTEM_MASTERS])])) == [
        ("ci", "ci", (SYSTEM_MASTERS, "view"))
    ]


def test_replace_makes_it_what_is_asked_for() -> None:
    """The way out that takes them away: the kept group stays where it was."""
    document = roles((ROLE, "other", [SYSTEM_MASTERS, "view", "edit"]))
    result = merge_with_report(document, [ensure(groups=["new", "view"], if_mapped="replace")])
    assert mapped(result.after) == [("ci", "ci", ("view", "new"))]
    assert result.extra_groups == {}


def test_replace_by_the_same_groups_in_another_order_changes_nothing() -> None:
    """The order of groups has no meaning."""
    document = roles((ROLE, "ci", ["a", "b"]))
    assert merge(document, [ensure(groups=["b", "a"], if_mapped="replace")]) is document


@pytest.mark.parametrize(("username", "groups"), [("other", ["view"]), ("ci", ["view", "edit"]), ("ci", ["edit"])])
def test_fail_fails_on_any_difference(username: str, groups: list[str]) -> None:
    with pytest.raises(MappingConflictError):
        merge(roles((ROLE, username, groups)), [ensure(if_mapped="fail")])


def test_fail_accepts_what_is_mapped_already() -> None:
    document = roles((ROLE, "ci", ["view"]))
    assert merge(document, [ensure(if_mapped="fail")]) is document


def test_of_duplicates_the_one_that_counts_is_changed() -> None:
    """The authenticator honours the last of equal roles, whatever their case."""
    document = roles((ROLE, "first", ["a"]), (ROLE.upper().replace("ARN:AWS:IAM", "arn:aws:iam"), "ci", ["b"]))
    assert mapped(merge(document, [ensure()])) == [("ci", "first", ("a",)), ("CI", "ci", ("b", "view"))]


def test_both_spellings_of_a_user_are_changed() -> None:
    """Of two spellings of one user nobody knows which one counts."""
    text = f"- userarn: {USER}\n  username: a\n- userarn: {USER.replace('alice', 'Alice')}\n  username: a\n"
    after = merge(Document({"mapUsers": text}), [c.EnsureUser(user_arn=USER, username="a", groups=["view"])])
    assert [user.groups for user in after.users] == [("view",), ("view",)]


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::111122223333:role/team/deep/ci",
        "arn:aws:sts::111122223333:assumed-role/ci/some-session",
        "arn:aws:iam::111122223333:role/ci",
    ],
)
def test_roles_are_normalised_to_what_the_authenticator_sees(arn: str) -> None:
    """No path and no session; so all three are the same role."""
    assert c.EnsureRole(role_arn=arn, username="ci").role_arn == ROLE
    assert not merge(roles((ROLE, "ci", [])), [c.RemoveRole(role_arn=arn)]).roles


def test_single_sign_on_roles_lose_their_path() -> None:
    arn = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Ops_0123456789abcdef"
    assert c.EnsureRole(role_arn=arn, username="ops").role_arn.endswith(":role/AWSReservedSSO_Ops_0123456789abcdef")


def test_users_keep_their_path() -> None:
    assert c.EnsureUser(user_arn=USER, username="a").user_arn == USER


@pytest.mark.parametrize(
    "change",
    [
        c.RemoveRole(role_arn=ROLE),
        c.RemoveUser(user_arn=USER),
        c.RemoveAccount(account="111122223333"),
        c.RemoveGroups(principal_arn=ROLE, groups=["view"]),
        c.RenamePrincipal(principal_arn=USER, new_arn=USER + "2"),
        c.Deduplicate(),
    ],
)
def test_removing_what_is_absent_changes_nothing(change: c.Change) -> None:
    document = roles(("arn:aws:iam::111122223333:role/other", "o", ["x"]))
    assert merge(document, [change]) is document


def test_a_mapping_with_a_path_can_be_removed_as_it_is_written() -> None:
    """What never matches has to go away, too."""
    pathed = ROLE.replace("role/", "role/team/")
    assert not merge(roles((pathed, "ci", [])), [c.RemoveRole(role_arn=pathed)]).roles


def test_remove_groups_leaves_the_mapping() -> None:
    after = merge(roles((ROLE, "ci", ["a", "b"])), [c.RemoveGroups(principal_arn=ROLE, groups=["b", "a", "z"])])
    assert mapped(after) == [("ci", "ci", ())]


def test_rename_keeps_username_and_groups() -> None:
    after = merge(roles((ROLE, "ci", ["a"])), [c.RenamePrincipal(principal_arn=ROLE, new_arn=ROLE + "-2")])
    assert mapped(after) == [("ci-2", "ci", ("a",))]


def test_deduplicate_keeps_what_counts() -> None:
    """The last of equal roles; other roles stay as they are."""
    document = roles((ROLE, "first", []), ("arn:aws:iam::111122223333:role/x", "x", []), (ROLE, "last", []))
    assert [role.username for role in merge(document, [c.Deduplicate()]).roles] == ["x", "last"]


def test_nobody_is_removed_from_a_text_that_is_not_understood() -> None:
    """Who is not found there may be in it all the same."""
    with pytest.raises(EditError, match="mapRoles"):
        merge(Document({"mapRoles": "- !!timestamp 2001\n"}), [c.RemoveRole(role_arn=ROLE)])


def test_a_replaced_text_does_more_than_add() -> None:
    document = Document({"mapRoles": f"- rolearn: {ROLE}\n  user: ci\n"})
    added = c.EnsureRole(role_arn=f"{ROLE}-2", username="ci", groups=[])
    assert merge_with_report(document, [added, c.ReplaceText(key="mapUsers", text="[]\n")]).only_adds
    repaired = merge_with_report(document, [added, c.Repair(key="mapRoles")])
    assert (mapped(repaired.after), repaired.only_adds) == ([("ci", "ci", ()), ("ci-2", "ci", ())], False)


def test_only_equal_mappings_are_removed_where_no_others_may_be() -> None:
    document = roles(
        (ROLE, "ci", ["b", "a"]), (ROLE, "other", ["a", "b"]), (ROLE, "ci", ["a"]), (ROLE, "ci", ["a", "b"])
    )
    after = merge(document, [c.Deduplicate(only_equal=True)])
    assert mapped(after) == [("ci", "other", ("a", "b")), ("ci", "ci", ("a",)), ("ci", "ci", ("a", "b"))]


def test_deduplicate_after_a_rename_keeps_what_counts() -> None:
    """The last one counts however it came to be a duplicate."""
    document = roles((ROLE, "shadowed", []), (ROLE.upper().replace("ROLE/", "role/"), "counts", []))
    changes: list[c.Change] = [c.RenamePrincipal(principal_arn=ROLE, new_arn=ROLE + "-2"), c.Deduplicate()]
    assert [role.username for role in merge(document, changes).roles] == ["counts"]


def test_a_rename_onto_somebody_who_is_mapped_is_refused() -> None:
    """Of two mappings one would not count: whose access would be gone is not for a rename to decide."""
    document = roles((ROLE, "renamed", []), (ROLE + "-2", "there", []))
    with pytest.raises(MappingConflictError, match="is already mapped"):
        merge(document, [c.RenamePrincipal(principal_arn=ROLE, new_arn=ROLE + "-2")])


def test_a_rename_to_another_spelling_is_made() -> None:
    document = roles((ROLE.replace("role/ci", "role/CI"), "ci", []))
    renamed = merge(document, [c.RenamePrincipal(principal_arn=ROLE, new_arn=ROLE)])
    assert [role.role_arn for role in renamed.roles] == [ROLE]


def test_deduplicate_leaves_users_in_two_spellings() -> None:
    """Which of them counts is undefined: nothing is taken away by guessing."""
    text = f"- userarn: {USER}\n- userarn: {USER.upper()}\n- userarn: {USER}\n"
    assert len(merge(Document({"mapUsers": text}), [c.Deduplicate()]).users) == 2


def test_replace_text_is_exact() -> None:
    """To the byte, also where nothing can read it; None takes the key out."""
    document = merge(Document({"mapRoles": "[", "other": "x"}), [c.ReplaceText(key="mapRoles", text="\t: {\r")])
    assert document.data == {"mapRoles": "\t: {\r", "other": "x"}
    assert merge(document, [c.ReplaceText(key="mapRoles", text=None)]).data == {"other": "x"}


def test_changes_behind_a_replaced_text_are_made_in_it() -> None:
    """And what was asked for before it is gone with the old text."""
    before = ensure(username="gone")
    after = merge(Document({"mapRoles": "["}), [c.ReplaceText(key="mapRoles", text="[]\n"), ensure()])
    assert mapped(after) == [("ci", "ci", ("view",))]
    assert mapped(merge(roles(), [before, c.ReplaceText(key="mapRoles", text="[]\n"), ensure()])) == mapped(after)


def test_an_unreadable_key_does_not_stop_the_others() -> None:
    """The broken key is refused, the others can be edited, and its bytes stay."""
    document = Document({"mapRoles": "- [", "mapUsers": "[]"})
    after = merge(document, [c.EnsureUser(user_arn=USER, username="a")])
    assert after.data["mapRoles"] == "- ["
    with pytest.raises(EditError, match="drops the whole of mapRoles"):
        merge(document, [ensure()])


def test_accounts_are_written_as_text() -> None:
    """Digits alone would be a number to other readers."""
    assert merge(Document({}), [c.EnsureAccount(account="012345678901")]).data == {"mapAccounts": '- "012345678901"\n'}


@given(documents, st.lists(ENSURED, max_size=4))
def test_a_second_time_changes_nothing(data: dict[str, str], changes: list[c.Change]) -> None:
    """Ensuring is idempotent: the same object, not one byte written."""
    try:
        once = merge(Document(data), changes)
        settled = merge(once, changes)
    except (MappingConflictError, EditError):
        return  # two changes that contradict each other, or a text that is not to be edited
    assert merge(settled, changes) is settled
    fields = [{**change.to_json(), "username": "", "groups": [], "if_mapped": ""} for change in changes]
    if len({json.dumps(one) for one in fields}) == len(changes):
        assert settled is once


@given(documents, st.lists(ENSURED | REMOVED, max_size=5))
def test_what_merge_tells_is_what_it_did(data: dict[str, str], changes: list[c.Change]) -> None:
    """A change that only adds leaves all of the old texts, and the given document is as it was."""
    document = Document(data)
    try:
        result = merge_with_report(document, changes)
    except (MappingConflictError, EditError) as error:
        assert error.changed is False
        return
    finally:
        assert dict(document.data) == data
    for key, text in data.items() if result.only_adds else ():
        letters = iter(result.after.data[key])
        assert all(letter in letters for letter in text)
    assert (result.after is document) == (dict(result.after.data) == data)


@given(documents, st.lists(ENSURED | REMOVED, max_size=4))
def test_changes_together_are_changes_one_by_one(data: dict[str, str], changes: list[c.Change]) -> None:
    """One merge of many changes maps what many merges of one change map."""
    document = Document(data)
    try:
        together = merge(document, changes)
        for change in changes:
            document = merge(document, [change])
    except (MappingConflictError, EditError):
        return
    assert (together.roles, together.users, together.accounts) == (document.roles, document.users, document.accounts)


@given(st.lists(ENSURED | REMOVED, max_size=6))
def test_changes_survive_json(changes: list[c.Change]) -> None:
    """Through real JSON text, and equal afterwards."""
    assert list(changes_from_json(json.loads(json.dumps([change.to_json() for change in changes])))) == changes


@pytest.mark.parametrize(
    "values",
    [
        None,
        {},
        "x",
        [{}],
        [{"change": "Nothing"}],
        [{"change": "EnsureRole"}],
        [["EnsureRole"]],
        [{"change": "Deduplicate", "x": 1}],
        [{"change": "Deduplicate", "cls": 1}],
        [{"change": "Deduplicate", "self": 1}],
    ],
)
def test_what_is_no_list_of_changes_is_refused(values: Any) -> None:
    with pytest.raises(UsageError) as caught:
        changes_from_json(values)
    assert caught.value.message.endswith(".")
    assert caught.value.hint


@pytest.mark.parametrize(
    "fields",
    [
        {"groups": "view"},
        {"groups": None},
        {"groups": [1]},
        {"groups": ["a", None]},
        {"username": None},
        {"username": 5},
        {"if_mapped": "overwrite"},
        {"role_arn": None},
    ],
)
def test_usage_errors(fields: dict[str, Any]) -> None:
    """A call that makes no sense is a UsageError and a TypeError; nothing of pydantic gets out."""
    with pytest.raises(UsageError) as caught:
        c.EnsureRole(**({"role_arn": ROLE, "username": "ci"} | fields))
    assert isinstance(caught.value, TypeError)


def test_merge_refuses_what_is_no_change() -> None:
    with pytest.raises(UsageError, match="is not a change"):
        merge(Document({}), [{"change": "Deduplicate"}])  # type: ignore[list-item]


@pytest.mark.parametrize(
    "arn",
    [
        "", "ci", "arn:aws:iam::1:role/ci", "arn:aws:iam::111122223333:role/", "arn:aws:s3:::bucket", USER,
        "arn:aws:iam:us-east-1:111122223333:role/ci", "arn:moon:iam::111122223333:role/ci", ROLE + " ", ROLE + "\n",
        "arn:aws:iam::١١١١٢٢٢٢٣٣٣٣:role/ci", ROLE + "é", "arn:aws:iam::111122223333:root",
    ],
)  # fmt: skip
def test_what_is_no_role_is_refused(arn: str) -> None:
    """Whatever would never match a role."""
    with pytest.raises(InvalidValueError) as caught:
        c.EnsureRole(role_arn=arn, username="ci")
    assert caught.value.hint


def test_groups_of_a_set_have_an_order_of_their_own() -> None:
    """The same call writes the same bytes in every run."""
    assert ensure(groups={"b", "a", "c"}).groups == ("a", "b", "c")  # type: ignore[arg-type]


def test_changes_are_values() -> None:
    """Equal when they say the same, hashable, and never changed."""
    assert ensure() == ensure()
    assert len({ensure(), ensure(), ensure(username="x")}) == 2
    with pytest.raises((AttributeError, ValueError, AwsAuthError)):
        ensure().username = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "change"),
    [
        (
            f"[\n  {{rolearn: {ROLE}}}, # one\n  # about two\n  {{rolearn: {ROLE}-2}} # two\n]",
            c.RemoveRole(role_arn=ROLE),
        ),
        (
            f"- rolearn: {ROLE}\n  groups: [a, # one\n    b, # two\n    c]\n",
            c.RemoveGroups(principal_arn=ROLE, groups=["b"]),
        ),
    ],
)
def test_a_comment_between_what_is_in_brackets_is_never_lost(text: str, change: c.Change) -> None:
    """Whose it is cannot be told, so nothing is taken out around it."""
    with pytest.raises(EditError, match="comment"):
        merge(Document({"mapRoles": text}), [change])


def test_documents_are_asked_for() -> None:
    with pytest.raises(UsageError, match="is not a Document"):
        merge({}, [])  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is not a Document"):
        diff(Document({}), None)  # type: ignore[arg-type]


def listed(count: int, **at: c.EnsureRole) -> Document:
    """Return a list of numbers, which map nothing, with roles ``at_POSITION``."""
    entries: list[Any] = [*range(count)]
    for name, one in at.items():
        entries[int(name[3:])] = {"rolearn": one.role_arn, "username": one.username, "groups": list(one.groups)}
    return Document({"mapRoles": json.dumps(entries)})


def test_the_entry_that_counts_is_the_last_one_wherever_it_is() -> None:
    found = listed(9, at_1=ensure("old"), at_8=ensure("new"))
    assert mapped(merge(found, [ensure("other", if_mapped="replace")])) == [
        ("ci", "old", ("view",)),
        ("ci", "other", ("view",)),
    ]
    assert mapped(merge(found, [c.Deduplicate()])) == [("ci", "new", ("view",))]


def test_a_mapping_is_found_after_many_searches_too() -> None:
    names = [f"arn:aws:iam::111122223333:role/r{number}" for number in range(SEARCHES + 2)]
    found = roles(*((name, "x", ()) for name in names))
    changes = [c.EnsureRole(role_arn=name, username="y", groups=[], if_mapped="replace") for name in names]
    assert mapped(merge(found, changes)) == [(name.rpartition("/")[2], "y", ()) for name in names]


def test_a_renamed_mapping_is_not_found_by_its_former_name() -> None:
    rename = c.RenamePrincipal(principal_arn=ROLE, new_arn=f"{ROLE}2")
    assert mapped(merge(roles((ROLE, "old", ())), [rename, ensure("new")])) == [
        ("ci2", "old", ()),
        ("ci", "new", ("view",)),
    ]


def test_a_removed_account_is_gone_and_one_that_is_not_there_is_told() -> None:
    found = Document({"mapAccounts": '["111122223333", "444455556666"]'})
    assert merge(found, [c.RemoveAccount(account="111122223333")]).accounts == ("444455556666",)
    result = merge_with_report(found, [c.RemoveAccount(account="777788889999")])
    assert [str(one) for one in result.findings] == [
        (
            "There is no mapping of `777788889999`. The change has no effect. "
            "If you expected a mapping, check the spelling."
        )
    ]


def test_a_new_mapping_beside_a_changed_one_is_more_than_an_addition() -> None:
    added = c.EnsureRole(role_arn=f"{ROLE}2", username="x", groups=[])
    assert merge_with_report(roles((ROLE, "ci", ())), [added]).only_adds
    changed = ensure("other", if_mapped="replace")
    assert not merge_with_report(roles((ROLE, "ci", ())), [changed, added]).only_adds


def test_a_user_that_is_mapped_among_the_roles_is_a_conflict() -> None:
    with pytest.raises(MappingConflictError, match="is mapped under mapRoles, which takes precedence"):
        merge(roles((USER, "x", ())), [c.EnsureUser(user_arn=USER, username="x", groups=[])])


def test_a_bare_name_to_remove_is_no_arn_and_the_hint_names_at_most_three() -> None:
    arns = [f"arn:aws:iam::{number}11122223333:role/ci" for number in range(1, 5)]
    with pytest.raises(InvalidValueError) as error:
        merge(roles(*((arn, "x", ()) for arn in (f"{ROLE}2", *arns))), [c.RemoveRole(role_arn="ci")])
    assert error.value.message == "`ci` is not an ARN, and nothing is mapped under it."
    assert error.value.hint == f"Give the ARN: `{arns[0]}` or `{arns[1]}` or `{arns[2]}`."
    with pytest.raises(InvalidValueError) as error:
        merge(roles((f"{ROLE}2", "x", ())), [c.RemoveRole(role_arn="ci")])
    assert error.value.hint == "Give the ARN."


def test_absence_is_told_from_a_list_whose_form_cannot_be_edited() -> None:
    found = Document({"mapRoles": f"&all\n- rolearn: {ROLE}\n- username: x\n"})
    assert [one.code for one in merge_with_report(found, [c.RemoveRole(role_arn=f"{ROLE}2")]).findings] == [
        "not-mapped"
    ]


def test_the_place_of_what_cannot_be_edited_is_that_in_the_file() -> None:
    text = f"data:\n  mapRoles: |\n    - &deployer\n      rolearn: {ROLE}\n      username: deployer\n"
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\n  namespace: kube-system\n"
    with pytest.raises(EditError) as error:
        merge(Manifest.parse(head + text).document, [ensure("deployer")])
    assert error.value.location == "mapRoles line 8, column 5"
