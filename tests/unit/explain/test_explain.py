"""What an explanation says: the steps, the entries and why they do not count, near misses, and what would help."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from awsauth.core.access.caller import TAKES, Caller, render
from awsauth.core.access.matching import Access, can_match, casefold_arn
from awsauth.core.document.document import Document
from awsauth.core.edit.changes import Change, EnsureAccount, EnsureRole, EnsureUser, RenamePrincipal
from awsauth.core.edit.merge import merge
from awsauth.core.explain import explain as explain_module
from awsauth.core.explain.explain import explain
from awsauth.core.explain.explanation import call
from awsauth.errors import EditError, InvalidValueError, UsageError
from tests.support.callers import ACCESS_KEY, callers_of, close_data
from tests.support.changed import PREFIX, USERS, node, role, roles, user, users
from tests.support.documents.strategies import examples, randoms
from tests.support.steps import steps

if TYPE_CHECKING:
    from random import Random

    from awsauth.core.explain.explanation import Candidate, Explanation

CI = "arn:aws:sts::111122223333:assumed-role/ci/build-7"


def only(explanation: Explanation) -> Candidate:
    [candidate] = explanation.candidates
    return candidate


def test_text_of_somebody_who_gets_in() -> None:
    """The text names each step, the entry that counts with its place, and the one that it shadows."""
    text = f"""\
- rolearn: {PREFIX}/ci
  username: old
- rolearn: {PREFIX}/CI
  username: ci:{{{{SessionName}}}}
  groups: [builders, yes]
"""
    assert str(explain(Document({"mapRoles": text}), f"{PREFIX}/ci")) == (
        """\
identity: the authenticator looks for `arn:aws:iam::111122223333:role/ci`, ignoring case.
mapRoles: 1 of 2 entries counts.
  - line 1, column 12: `arn:aws:iam::111122223333:role/ci`: it never counts, because of equal entries the last one does, on line 3
  - line 3, column 12: `arn:aws:iam::111122223333:role/CI`: it counts, as the last of 2 entries for the caller
  ! mapRoles line 5, column 22: This group is not text but true or false in YAML 1.1. (`yes`) """
        """The authenticator makes an empty group of it. Write it in quotes: "yes"
mapUsers: not read, because mapRoles decides.
mapAccounts: not read, because mapRoles decides.
rendering: filled in except for {{SessionName}}.
The caller has access: `ci:{{SessionName}}`, in `builders`, a group without a name.
  {{SessionName}} is the name of the caller's session, with `-` for every `@`; its value is unknown."""
    )


def test_text_of_somebody_who_gets_nothing() -> None:
    assert str(explain(roles(role("team/ci")), CI)) == (
        """\
identity: `arn:aws:sts::111122223333:assumed-role/ci/build-7` is a session of `arn:aws:iam::111122223333:role/ci`; """
        """the authenticator looks for that role, ignoring case.
mapRoles: none of 1 entries matches the caller.
  - line 1, column 14: `arn:aws:iam::111122223333:role/team/ci`: it can never match: STS reports `role/ci`, without the path
mapUsers: this key is missing.
mapAccounts: this key is missing.
The caller has no access: no entry maps it.
This change would give it access:
  RenamePrincipal(principal_arn='arn:aws:iam::111122223333:role/team/ci', new_arn='arn:aws:iam::111122223333:role/ci')"""
    )


def test_unknown_session_leaves_open_whether_an_instance_asks() -> None:
    """A node's role alone does not tell whether it is an instance that has it."""
    said = explain(roles(node("ci")), f"{PREFIX}/ci")
    assert said.verdict == "depends"
    assert said.username == "system:node:{{EC2PrivateDNSName}}"
    assert said.outcomes[0].unresolved == ("{{EC2PrivateDNSName}}",)
    assert "the session name is unknown" in said.conditions[0]


def test_refusal_says_why_and_that_nothing_else_is_tried() -> None:
    said = explain(roles(node("ci")), CI)
    assert said.verdict == "refused"
    assert str(said).endswith(
        "rendering: it fails, and the authenticator tries no other entry.\n"
        "The caller has no access: {{EC2PrivateDNSName}} admits only EC2 instances, "
        "and the session name `build-7` is not the id of one.\n"
        "  Fargate and hybrid nodes need the username `system:node:{{SessionName}}`, and people another role."
    )


def test_no_more_than_five_changes_are_offered() -> None:
    document = roles(*(role(f"path{number}/ci", f"x{number}") for number in range(9)))
    said = explain(document, CI)
    assert len(said.candidates) == 9
    offered = [change["principal_arn"] for change in [change.to_json() for change in said.changes]]
    assert offered == [f"{PREFIX}/path{number}/ci" for number in range(5)]


def test_near_misses_that_cannot_be_put_right_are_tried_once() -> None:
    texts = ("- &a {rolearn: x, username: y}\n" + "- *a\n" * count for count in (100, 400))
    few, many = (steps(partial(explain, Document({"mapRoles": text}), f"{PREFIX}/x")) for text in texts)
    assert many < 4.5 * few


def test_what_another_key_decides_is_said_not_to_be_reached() -> None:
    data = {**roles(role("ci")).data, "mapUsers": json.dumps([{"userarn": f"{PREFIX}/ci"}])}
    said = explain(Document({**data, "mapAccounts": '["111122223333"]'}), CI)
    assert [(one.key, one.standing) for one in said.candidates] == [
        ("mapRoles", "counts"),
        ("mapUsers", "not-reached"),
        ("mapAccounts", "not-reached"),
    ]


def test_text_that_cannot_be_read_is_named_with_the_callers_line_in_it() -> None:
    said = explain(Document({"mapRoles": f"- rolearn: {PREFIX}/ci\n  username: {{{{x}}}}\n"}), CI)
    assert said.verdict == "not-mapped"
    assert [problem.code for problem in said.steps[1].problems] == ["unreadable"]
    assert (only(said).standing, only(said).code) == ("dropped", "not-read")
    assert said.changes == ()


def test_text_that_may_be_read_or_not_leaves_it_open() -> None:
    said = explain(Document({"mapAccounts": "- !!int x"}), CI)
    assert said.verdict == "depends"
    assert said.conditions == ("awsauth cannot tell how the authenticator reads mapAccounts.",)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        (f"{PREFIX}/team/ci", "role-path"),
        (CI, "session-arn"),
        (f"{PREFIX}/ci ", "space"),
        (f" {PREFIX}/ci", "space"),
        (f"{PREFIX}/c\u200bi", "space"),
        (f"{PREFIX}/team/ci ", "role-path"),
        ("arn:aws:iam::111122223333:instance-profile/ci", "malformed"),
        ("arn:aws:sts::111122223333:role/ci", "malformed"),
        ("arn:aws:iam:eu-west-1:111122223333:role/ci", "malformed"),
        ("arn:aws:iam::1111-2222-3333:role/ci", "account-digits"),
        ("ci", "no-arn"),
        ("role/ci", "no-arn"),
    ],
)
def test_near_miss_that_is_nobody_elses_is_put_right(written: str, code: str) -> None:
    """What is written so that nobody can have it is renamed, which keeps username and groups."""
    document = roles({"rolearn": written, "username": "ci"})
    said = explain(document, CI)
    assert (only(said).standing, only(said).code) == ("never", code)
    assert said.changes == (RenamePrincipal(principal_arn=written, new_arn=f"{PREFIX}/ci"),)
    assert explain(merge(document, said.changes), CI).username == "ci"


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("arn:aws:iam::999922223333:role/ci", "other-account"),
        ("arn:aws-cn:iam::111122223333:role/ci", "other-partition"),
        (f"{PREFIX}/cii", "similar-name"),
        (f"{USERS}/ci", "other-kind"),
        (f"{PREFIX}/*", "pattern"),
        ("arn:aws:iam::************:role/ci", "pattern"),
        ("arn:aws:sts::999922223333:assumed-role/ci/bob", "other-account"),
    ],
)
def test_an_entry_of_a_principal_that_only_resembles_the_caller_offers_nothing(written: str, code: str) -> None:
    """Nothing that it has is offered, nor a mapping without groups: the caller may be a stranger."""
    for document in (roles(role(written, "x", "g")), roles(role(written, "x", "g"), role("other"))):
        said = explain(document, CI)
        assert (only(said).standing, only(said).code, only(said).change) == ("other", code, None)
        assert said.changes == ()
        assert "no change is offered" in said.conditions[0]
        assert "awsauth" not in str(said)


STRANGER = "arn:aws:iam::999999999999"


@pytest.mark.parametrize(
    "document",
    [
        roles(role("platform-admin", "admin", "system:masters")),
        roles(role("platform-admin", "admin", "viewers")),
        roles(role("platform-admin", "admin"), {"rolearn": "platform-admin", "username": "x", "groups": ["viewers"]}),
        users(user("alice")),
        Document({"mapAccounts": '["111122223333"]'}),
        Document({"maproles": roles(role("ci")).data["mapRoles"], "mapAccounts": '["111122223333"]'}),
    ],
    ids=["administrator", "viewer", "bare name", "user", "account", "misnamed key"],
)
@pytest.mark.parametrize("name", ["role/platform-admin", "role/ci", "user/alice", "role/team/platform-admin"])
def test_nothing_is_offered_to_a_principal_of_another_account(document: Document, name: str) -> None:
    said = explain(document, f"{STRANGER}:{name}")
    assert (said.verdict, said.changes) == ("not-mapped", ())
    assert [one.change for one in said.candidates if one.code != "no-arn"] == [None] * len(
        [one for one in said.candidates if one.code != "no-arn"]
    )
    assert "999999999999" in said.conditions[0]


@pytest.mark.parametrize(
    "entry",
    [
        role("team/ci", "ci", "system:masters"),
        role(CI, "ci", "viewers", "system:masters"),
        role("ci ", "ci", "system:{{SessionName}}"),
        {"rolearn": "ci", "username": "ci", "groups": ["system:masters"]},
        {**role("ci", "ci", "system:masters"), "sso": {"permissionSetName": "P"}},
    ],
    ids=["path", "session", "template", "name", "dropped"],
)
@pytest.mark.parametrize("key", ["mapRoles", "maproles"])
def test_groups_of_administrators_are_never_offered(entry: dict[str, object], key: str) -> None:
    """The entry and the reason are named; to correct it is for a person to decide."""
    said = explain(Document({key: json.dumps([entry])}), CI)
    assert said.changes == () or said.changes == (EnsureRole(role_arn=f"{PREFIX}/ci", username="ci"),)
    if key == "mapRoles":
        assert (only(said).change, said.changes) == (None, ())
        assert "makes an administrator" in said.conditions[0]


def test_a_permission_set_whose_name_only_begins_alike_is_another_one() -> None:
    entry = {"sso": {"permissionSetName": "View", "accountID": "111122223333"}, "username": "x"}
    said = explain(roles(entry), f"{PREFIX}/AWSReservedSSO_View_Admin_0123456789abcdef")
    assert said.candidates == ()


def test_names_almost_alike_are_near_misses_the_most_similar_first() -> None:
    document = roles(role("deplyer", "1"), role("deployer2", "2"), role("something", "3"))
    said = explain(document, f"{PREFIX}/deployer")
    assert {(one.principal.rpartition("/")[2], one.code) for one in said.candidates} == {
        ("deplyer", "similar-name"),
        ("deployer2", "similar-name"),
    }


def test_names_almost_alike_concern_nobody_who_is_let_in() -> None:
    said = explain(roles(role("deplyer"), role("deployer")), f"{PREFIX}/deployer")
    assert [one.code for one in said.candidates] == ["match"]


def test_roles_of_one_permission_set_are_told_from_each_other() -> None:
    written = "AWSReservedSSO_Admin_0123456789abcdef"
    said = explain(roles(role(written, "x")), f"{PREFIX}/AWSReservedSSO_Admin_fedcba9876543210")
    assert only(said).code == "sso-suffix"
    assert explain(roles(role(written)), f"{PREFIX}/AWSReservedSSO_View_fedcba9876543210").candidates == ()


def test_sso_entry_is_named_for_what_it_is() -> None:
    entry = {"sso": {"permissionSetName": "Admin", "accountID": "111122223333"}, "username": "x"}
    said = explain(roles(entry), f"{PREFIX}/AWSReservedSSO_Admin_0123456789abcdef")
    assert (only(said).standing, only(said).code) == ("never", "sso")
    assert "EKS ignores" in only(said).why


def test_users_path_is_put_right() -> None:
    said = explain(users(user("alice")), f"{USERS}/team/alice")
    assert only(said).code == "user-path"
    assert said.changes == (RenamePrincipal(principal_arn=f"{USERS}/alice", new_arn=f"{USERS}/team/alice"),)


def test_data_key_in_the_wrong_case_gives_the_caller_its_own_entry_alone() -> None:
    """The other entries of that text stay what they are, whomever they name."""
    text = roles(role("ci", "x"), role("other", "admin", "system:masters")).data["mapRoles"]
    said = explain(Document({"maproles": text}), CI)
    assert (only(said).key, only(said).code) == ("maproles", "data-key")
    assert str(only(said).location) == "maproles line 1, column 14"
    assert said.changes == (EnsureRole(role_arn=f"{PREFIX}/ci", username="x"),)
    beside = explain(Document({"maproles": text, "mapRoles": "[]"}), CI)
    assert beside.changes == (EnsureRole(role_arn=f"{PREFIX}/ci", username="x"),)


def test_account_in_the_wrong_data_key() -> None:
    said = explain(Document({"mapaccounts": '["111122223333"]', "mapAccounts": "[]"}), CI)
    assert only(said).code == "data-key"
    assert said.changes == (EnsureAccount(account="111122223333"),)


def test_account_without_its_zeros_is_a_near_miss() -> None:
    said = explain(Document({"mapAccounts": "- '12345678901'"}), "arn:aws:iam::012345678901:user/alice")
    assert only(said).code == "account-digits"
    assert said.changes == (EnsureAccount(account="012345678901"),)


@pytest.mark.parametrize(
    "entry",
    [{"sso": {"permissionSetName": "P"}}, {"sso": None, "roleArns": "x", "rolearn": None, "note": f"{PREFIX}/ci"}],
    ids=["both", "neither"],
)
def test_dropped_entry_is_named_with_the_reason(entry: dict[str, object]) -> None:
    said = explain(roles({**role("ci", "x", "g"), **entry}), CI)
    assert (only(said).standing, only(said).code) == ("dropped", "entry-dropped")
    assert "The entry has " in only(said).why
    assert said.changes[0] == EnsureRole(role_arn=f"{PREFIX}/ci", username="x", groups=["g"])


def test_comment_that_holds_the_arn_is_pointed_at() -> None:
    text = f"- rolearn: {PREFIX}/other\n  username: x\n# - rolearn: {PREFIX}/ci\n# - rolearn: {PREFIX}/ci-2\n"
    [comment] = explain(Document({"mapRoles": text}), CI).candidates
    assert (comment.code, str(comment.location)) == ("not-read", "mapRoles line 3, column 14")


def test_nothing_like_it_leaves_username_and_groups_to_fill_in() -> None:
    said = explain(Document({}), CI)
    assert said.changes == (EnsureRole(role_arn=f"{PREFIX}/ci", username="ci"),)
    assert "Choose the username" in said.conditions[0]
    assert explain(Document({}), f"{USERS}/a/Al").changes == (EnsureUser(user_arn=f"{USERS}/a/Al", username="Al"),)


def test_mapping_of_instances_is_not_offered_to_who_is_none() -> None:
    """A near miss that would shut the caller out all the same is named, and its mapping not proposed."""
    said = explain(roles(node("team/ci")), CI)
    assert only(said).change is None
    assert said.changes == (EnsureRole(role_arn=f"{PREFIX}/ci", username="ci"),)
    unknown = explain(roles(node("team/ci")), f"{PREFIX}/ci")
    assert unknown.changes == (RenamePrincipal(principal_arn=f"{PREFIX}/team/ci", new_arn=f"{PREFIX}/ci"),)


def test_role_that_is_called_like_a_user_stays() -> None:
    """Neither a role nor its session is made into a user."""
    for written in (f"{PREFIX}/alice", "arn:aws:sts::111122223333:assumed-role/alice/bob"):
        said = explain(roles(role(written, "x")), f"{USERS}/alice")
        assert (only(said).code, said.changes) == ("other-kind", ())


def test_entry_that_another_one_shadows_is_not_offered() -> None:
    """Put right, the last of equals would count, and that one is for instances."""
    said = explain(roles(role("team/ci", "x"), node("team/ci")), CI)
    assert [one.change for one in said.candidates] == [EnsureRole(role_arn=f"{PREFIX}/ci", username="x"), None]


def test_json_holds_all_of_it() -> None:
    said = explain(roles(role("team/ci")), Caller(CI, access_key_id=ACCESS_KEY))
    value = json.loads(json.dumps(said.to_json()))
    assert value["verdict"] == "not-mapped"
    assert value["caller"] == {
        "arn": CI,
        "canonical_arn": f"{PREFIX}/ci",
        "account": "111122223333",
        "session_name": "build-7",
    }
    assert value["changes"][0]["change"] == "RenamePrincipal"
    assert [step["name"] for step in value["steps"]] == ["identity", "mapRoles", "mapUsers", "mapAccounts"]
    location = {"key": "mapRoles", "line": 1, "column": 14, "text": f'"{PREFIX}/team/ci"'}
    assert value["steps"][1]["candidates"][0]["location"] == location
    granted = json.loads(json.dumps(explain(roles(role("ci", "{{SessionName}}")), f"{PREFIX}/ci").to_json()))
    assert granted["outcomes"][0]["unresolved"] == {"{{SessionName}}": TAKES["{{SessionName}}"]}


def test_nothing_of_a_document_steers_a_terminal() -> None:
    """Control characters in ARNs, usernames and data keys are shown by their escapes."""
    entry = role(f"{PREFIX}/ci\x1b[31m\u202e", "x\x1b", "g\x07")
    said = explain(Document({"mapRoles": json.dumps([entry]), "maproles": json.dumps([role("ci", "\x1b")])}), CI)
    matched = explain(roles(role("ci", "\x1b[0m", "\u202e")), CI)
    assert str(said).replace("\n", "").isprintable()
    assert str(matched).replace("\n", "").isprintable()


def test_a_change_is_written_as_in_python() -> None:
    change: Change = EnsureRole(role_arn=f"{PREFIX}/ci", username="it's", groups=["a", "b"])
    assert call(change) == f"""EnsureRole(role_arn='{PREFIX}/ci', username="it's", groups=['a', 'b'])"""
    assert eval(call(change)) == change  # noqa: S307 - of our own making


@pytest.mark.parametrize("arn", ["", "x", "arn:aws:iam::111122223333:group/x", "arn:aws-xy:iam::111122223333:role/x"])
def test_what_is_no_caller_is_refused(arn: str) -> None:
    with pytest.raises((InvalidValueError, UsageError)):
        explain(Document({}), arn)


def test_what_is_no_document_is_refused() -> None:
    with pytest.raises(UsageError, match="not a Document"):
        explain({}, CI)  # type: ignore[arg-type]


@given(randoms)
def test_each_change_that_is_offered_lets_the_caller_in(random: Random) -> None:
    """Law: made alone, every one of them does what it says."""
    document = Document(close_data(random))
    for caller in callers_of(random, document, 8):
        for change in explain(document, caller).changes:
            try:
                after = merge(document, [change])
            except EditError:
                continue
            assert explain(after, caller).verdict in ("let-in", "undefined"), (document.data, caller, change)
            given = [group for outcome in explain(after, caller).outcomes for group in outcome.groups]
            assert "system:masters" not in given, (document.data, caller, change)


@given(randoms)
def test_no_change_that_is_offered_gives_anything_to_others(random: Random) -> None:
    """Law: but for an account, whose principals all get in under their own names."""
    document = Document(close_data(random))
    for caller in callers_of(random, document, 8):
        for change in explain(document, caller).changes:
            if isinstance(change, EnsureAccount):
                continue
            own = frozenset({casefold_arn(caller.canonical_arn)})
            before, after = (Access.of(one).without(own) for one in (document, merge(document, [change])))
            renamed = casefold_arn(change.principal_arn) if isinstance(change, RenamePrincipal) else ""
            left = {arn: given for arn, given in before.by_principal.items() if arn != renamed}
            assert {arn: given for arn, given in after.by_principal.items() if can_match(arn)} == {
                arn: given for arn, given in left.items() if can_match(arn)
            }


@given(randoms)
@examples(60)
def test_what_is_left_open_is_what_is_known_later(random: Random) -> None:
    """Law: an explanation without the session, filled in afterwards, is the one with it."""
    document = Document(close_data(random))
    for caller in callers_of(random, document, 8):
        less = explain(document, caller.canonical_arn)
        more = explain(document, caller)
        if not any(outcome.unresolved for outcome in less.outcomes):
            assert (less.outcomes, less.verdict) == (more.outcomes, more.verdict)
        elif less.username is not None and more.username is not None:
            assert render(less.username, caller).text == more.username
            assert [render(group, caller).text for group in less.groups or ()] == list(more.groups or ())


def test_a_change_that_the_text_does_not_allow_is_not_proposed() -> None:
    """To rename a principal, every text has to be readable, also that of another data key."""
    written = users({**user("x"), "userarn": f"{PREFIX}/team/ci"})
    assert [change.kind for change in explain(written, CI).changes] == ["RenamePrincipal"]
    broken = Document({**written.data, "mapRoles": "- rolearn: *\n"})
    assert explain(broken, CI).changes == ()


def test_no_change_is_offered_that_takes_from_somebody_else() -> None:
    """A session's ARN stands for its role: to rename it would rename the mapping by which nodes come in."""
    node = "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:nodes]\n"
    session = "- rolearn: arn:aws:sts::111122223333:assumed-role/ci/bob\n  username: bob\n"
    document = Document({"mapRoles": node + session})
    for change in explain(document, "arn:aws-us-gov:sts::111122223333:assumed-role/ci/laptop").changes:
        assert document.roles[0] in merge(document, [change]).roles


def dropped(count: int) -> Document:
    return Document({"mapRoles": "".join(f"- arn: {PREFIX}/ci\n  username: u{n}\n" for n in range(count))})


def test_at_most_100_entries_for_one_reason_are_listed_and_the_others_are_counted() -> None:
    said = explain(dropped(150), CI)
    assert len(said.candidates) == 100
    assert " 50 more entries like those below are not listed." in said.steps[1].summary
    assert "more entries" not in explain(dropped(100), CI).steps[1].summary


def test_the_steps_grow_with_the_entries_and_a_large_text_is_read_again_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain_module, "_MOST_READ", 20_000)
    few, many = (steps(partial(explain, dropped(count), CI)) for count in (400, 1_600))
    assert many < 4.5 * few
    assert [len(explain(dropped(count), CI).changes) for count in (20, 100, 400)] == [5, 3, 1]
