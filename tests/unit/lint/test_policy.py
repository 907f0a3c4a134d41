"""The policy: how it is read, what it finds in a document, and what the guard makes of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from awsauth.core.document.document import Document
from awsauth.core.guards.context import GuardContext
from awsauth.core.guards.guards import enforce
from awsauth.core.lint.lint import lint
from awsauth.core.lint.policy import Policy
from awsauth.errors import GuardError, PolicyError, UsageError
from tests.support.changed import ADMIN, BOTH, DNS, MASTERS, PREFIX, USERS, node, refusals, role, roles, user, users
from tests.support.documents import strategies
from tests.support.paths import PROJECT

if TYPE_CHECKING:
    from awsauth.core.findings import Finding

ACCOUNT = "111122223333"
OTHER = "arn:aws:iam::444455556666:role/x"


def violations(document: Document, **policy: Any) -> list[Finding]:
    return [finding for finding in lint(document, Policy(**policy)) if finding.code.startswith("policy-")]


def codes(document: Document, **policy: Any) -> list[str]:
    return [finding.code for finding in violations(document, **policy)]


def refused(before: Document, after: Document, **policy: Any) -> list[str]:
    """Return the messages with which the guard of the policy refuses a change."""
    context = GuardContext(caller_arn=f"{USERS}/somebody-else", policy=Policy(**policy))
    return [finding.message for finding in refusals(before, after, context) if finding.code == "policy"]


def test_the_example_is_a_policy() -> None:
    policy = Policy.from_text((PROJECT / "examples" / "policy.yaml").read_text(encoding="utf-8"))
    assert policy.accounts == ("968802670493", "012345678901")
    assert policy.most_administrators == 3
    assert all(getattr(policy, field) for field in Policy.model_fields)


def test_a_policy_may_be_json() -> None:
    text = json.dumps({"accounts": [ACCOUNT], "most_administrators": 2}, indent="\t")
    assert Policy.from_text(text) == Policy(accounts=[ACCOUNT], most_administrators=2)


@pytest.mark.parametrize("account", ["012345670123", "111122223333", "000000000000"])
def test_an_account_is_taken_by_its_digits(account: str) -> None:
    """YAML 1.1 makes an octal number of some, and JSON a number without the leading zero of none."""
    assert Policy.from_text(f"accounts: [{account}]").accounts == (account,)


@pytest.mark.parametrize(
    ("text", "problem", "location"),
    [
        ("", "is empty", ""),
        ("# nothing\n", "is empty", ""),
        ("- accounts\n", "is not a mapping", ""),
        ("accounts: []\naccount: []\nmost: 3\n", "unknown field `account`", "line 2, column 1 and line 3, column 1"),
        ("accounts: [", "is not YAML", "line 1, column 12"),
        ("accounts: ['1']\naccounts: []\n", "has the field `accounts` twice", "line 2, column 1"),
        ("account: []\n", "has an unknown field `account`", "line 1, column 1"),
        ("accounts: ['1234']\n", "has `'1234'` as `accounts[0]`, which is not an account", "line 1, column 1"),
        ("accounts: '111122223333'\n", "which is not a list", "line 1, column 1"),
        ("accounts:\n", "which is not a list", "line 1, column 1"),
        ("partitions: [aws-gov]\n", "which is not a partition: the partitions are aws, aws-cn", "line 1, column 1"),
        ("forbidden_groups: ['']\n", "has an empty `forbidden_groups[0]`", "line 1, column 1"),
        ("username_prefixes: [[a]]\n", "which is not text", "line 1, column 1"),
        ("most_administrators: many\n", "which is not a whole number, 0 or more", "line 1, column 1"),
        ("most_administrators: -1\n", "which is not a whole number, 0 or more", "line 1, column 1"),
        ("most_administrators: 1.5\n", "which is not a whole number, 0 or more", "line 1, column 1"),
        ("? [a]\n: b\n", "has a list or a mapping where a field should be", "line 1, column 3"),
        (
            "accounts: !!python/object:os.system x\n",
            "has the tag `tag:yaml.org,2002:python/object",
            "line 1, column 11",
        ),
        ("accounts: []\n---\naccounts: []\n", "has more than one document", "line 2, column 1"),
        ("accounts: &all ['111122223333']\npartitions: *all\n", "*all is an alias", "line 2, column 13"),
        ("<<: {accounts: ['111122223333']}\n", "has an unknown field `<<`", "line 1, column 1"),
        ("accounts:\n- '111122223333'\n- &x ['1']\n", "has `['1']` as `accounts[1]`", "line 1, column 1"),
        ("accounts: []\n#" + "x" * 2**18, "is too large: YAML may have 256 KiB", ""),
        ("accounts: ['1\x07']\n", "is not YAML: it holds the character U+0007", "line 1, column 14"),
        ("\x00", "is not YAML", "line 1, column 1"),
        ("- " * 99, "is not a mapping", ""),
        ("accounts: {a: b}", "which is not a list", "line 1, column 1"),
        ("most_administrators: {a: b}", "which is not a whole number", "line 1, column 1"),
        ("[" * 200_000, "is not YAML", "line 1, column 101"),
        (
            "accounts:\n" + "".join(" " * n + "a:\n" for n in range(1, 300)),
            "is not YAML: nested more than 100 deep",
            "line 100, column 100",
        ),
        ("a: \ud800", "is not YAML", "line 1, column 4"),
    ],
)
def test_what_is_no_policy_says_why(text: str, problem: str, location: str) -> None:
    with pytest.raises(PolicyError) as error:
        Policy.from_text(text)
    assert problem in error.value.message
    assert error.value.location == location
    assert error.value.changed is False
    assert "accounts, partitions, forbidden_groups" in error.value.hint


def test_a_policy_nested_without_end_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"is not YAML: nested more than 100 deep"):
        Policy.from_text("- " * 9999)


def test_a_policy_from_code_is_held_to_the_same() -> None:
    wrongs: list[dict[str, Any]] = [
        {"accounts": [111122223333]},
        {"accounts": ACCOUNT},
        {"acounts": []},
        {"most_administrators": True},
    ]
    for wrong in wrongs:
        with pytest.raises(PolicyError):
            Policy(**wrong)


def test_the_name_of_a_file_is_no_policy() -> None:
    path: Any = "policy.yaml"
    with pytest.raises(UsageError, match=r"policy is `'policy\.yaml'`"):
        lint(Document({}), path)


def test_a_policy_that_says_nothing_allows_everything() -> None:
    assert violations(roles(role("a", "eks:x", MASTERS), role(OTHER))) == []
    assert Policy.from_text("{}") == Policy()


def test_accounts() -> None:
    document = Document(
        {"mapRoles": json.dumps([role("a"), role(OTHER)]), "mapAccounts": f'["{ACCOUNT}", "444455556666"]'}
    )
    assert [finding.principal for finding in violations(document, accounts=[ACCOUNT])] == [OTHER, "444455556666"]
    assert codes(document, accounts=[]) == ["policy-account"] * 4
    assert codes(roles(role("arn:aws:iam::<account>:role/a")), accounts=[ACCOUNT]) == []
    sso = Document({"mapRoles": "- sso: {permissionSetName: a, accountID: '444455556666'}\n  username: a\n"})
    assert codes(sso, accounts=[ACCOUNT]) == ["policy-account"]


def test_partitions() -> None:
    document = roles(role("a"), role("ARN:aws-cn:iam::111122223333:role/b"))
    assert codes(document, partitions=["aws"]) == ["policy-partition"]


def test_forbidden_groups() -> None:
    document = roles(role("a", "a", "view", "x-1"), role("b", "b", "edit", "x-2"), role("a", "a", "view"))
    assert [finding.principal for finding in violations(document, forbidden_groups=["x-?", "nobody"])] == [
        f"{PREFIX}/b"
    ]
    assert codes(roles(role("a", "a", "system:{{SessionName}}")), forbidden_groups=[MASTERS]) == [
        "policy-forbidden-group"
    ]
    assert codes(roles(role("a", "a", "View")), forbidden_groups=["view"]) == []


@pytest.mark.parametrize(
    ("group", "pattern", "may_match"),
    [
        ("{{SessionName}}-x", "legacy-*", True),
        ("leg{{SessionName}}", "*-builders", True),
        ("leg{{SessionName}}", "[lm]egacy-?", True),
        ("a{{AccountID}}b{{SessionName}}", "a*b", True),
        ("a{{SessionName}}", "[!a]*", True),  # it errs on the safe side
        ("x{{SessionName}}y", "x*z", False),
        ("{{SessionName}}", "[!]", True),
        ("a{{SessionName}}", "b", False),
    ],
)
def test_a_group_is_forbidden_that_a_template_can_turn_into_what_a_pattern_matches(
    group: str, pattern: str, *, may_match: bool
) -> None:
    found = codes(roles(role("a", "a", group)), forbidden_groups=[pattern])
    assert found == ["policy-forbidden-group"] * may_match


def test_required_groups() -> None:
    """In the end somebody can have them: not by a mapping that never matches."""
    assert codes(roles(role("a", "a", "break-glass")), required_groups=["break-glass"]) == []
    assert codes(roles(role("p/a", "a", "break-glass")), required_groups=["break-glass"]) == ["policy-required-group"]
    assert codes(Document({}), required_groups=["a", "b", "a"]) == ["policy-required-group"] * 2


def test_username_prefixes() -> None:
    document = roles(node(), node("f", "fargate"), role("a", "team-a"), role("b", "{{SessionName}}"), role("c", ""))
    found = violations(document, username_prefixes=["team-", "sso:"])
    assert [finding.principal for finding in found] == [f"{PREFIX}/b", f"{PREFIX}/c"]
    assert codes(roles(node(), role("a", "a")), username_prefixes=[]) == ["policy-username"]
    assert codes(users(user("a", DNS + "x")), username_prefixes=["team-"]) == ["policy-username"]


def test_whoever_gets_in_by_the_account_has_an_arn_as_username() -> None:
    document = Document({"mapAccounts": f'["{ACCOUNT}"]'})
    assert codes(document, username_prefixes=["team-"]) == ["policy-username"]
    assert codes(document, username_prefixes=["team-", "arn:"]) == []


def test_most_administrators() -> None:
    three = [role(name, name, MASTERS) for name in "abc"]
    assert codes(roles(*three, role("a", "a", MASTERS)), most_administrators=3) == []
    assert codes(roles(*three, role("d", "d", "system:{{SessionName}}")), most_administrators=3) == [
        "policy-administrators"
    ]
    assert codes(roles(ADMIN), most_administrators=0) == ["policy-administrators"]
    four = roles(*three, role("d", "d", MASTERS))
    assert "many-masters" not in {finding.code for finding in lint(four, Policy(most_administrators=4))}


def test_administrators() -> None:
    document = roles(role("admin-1", "a", MASTERS), role("Admin-2", "b", MASTERS), role("ci", "c", MASTERS))
    found = violations(document, administrators=[f"{PREFIX}/ADMIN-*"])
    assert [finding.principal for finding in found] == [f"{PREFIX}/ci"]
    assert codes(document, administrators=[]) == ["policy-administrator"] * 3


BAD = role(OTHER, "x", "legacy")
EVERYTHING: dict[str, Any] = {
    "accounts": [ACCOUNT],
    "forbidden_groups": ["legacy"],
    "required_groups": [MASTERS],
    "username_prefixes": ["admin"],
    "most_administrators": 1,
}


def test_the_guard_names_all_that_a_change_violates() -> None:
    found = refused(roles(ADMIN), roles(BAD, {**ADMIN, "groups": []}), **EVERYTHING)
    assert len(found) == 4
    assert [
        part for part in ("444455556666", "`legacy`", MASTERS, "`x`") if not any(part in one for one in found)
    ] == []


def test_without_a_policy_the_guard_rests() -> None:
    assert [one.code for one in refusals(roles(ADMIN), roles(ADMIN, BAD))] == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (roles(ADMIN, BAD), roles(ADMIN, BAD, role("y", "admin-y"))),
        (roles(ADMIN, BAD), roles(ADMIN)),
        (roles(ADMIN, BAD), roles(ADMIN, {**BAD, "groups": ["legacy", "view"]})),
        (roles(ADMIN, BAD), roles(ADMIN, {**BAD, "rolearn": OTHER.upper().replace("ARN:AWS:IAM", "arn:aws:iam")})),
        (roles(ADMIN, BAD), Document({"mapRoles": "# other words\n" + json.dumps([BAD, ADMIN], indent=1)})),
        (roles(ADMIN, role("b", "admin-b", MASTERS), role("c", "admin-c", MASTERS)), roles(role("c", "admin-c", MASTERS), role("b", "admin-b", MASTERS))),
        (roles(role("a", "admin")), roles(role("b", "admin"))),
    ],
    ids=["unrelated", "taken out", "one more group", "other case", "reformatted", "one of three gone", "required before"],
)  # fmt: skip
def test_what_was_violated_before_refuses_nothing(before: Document, after: Document) -> None:
    assert refused(before, after, **EVERYTHING) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (roles(ADMIN, BAD), roles(ADMIN, {**BAD, "rolearn": f"{OTHER}2"})),
        (roles(ADMIN, BAD), roles(ADMIN, {**BAD, "username": "y"})),
        (roles(ADMIN, role("b", "admin-b", MASTERS)), roles(ADMIN, role("b", "admin-b", MASTERS), role("c", "admin-c", MASTERS))),
        (roles(ADMIN, role("a", "admin", "legacy"), role("a", "admin")), roles(ADMIN, role("a", "admin", "legacy"))),
        (roles(ADMIN, role("p/a", "admin", "legacy")), roles(ADMIN, role("a", "admin", "legacy"))),
        (Document({"mapRoles": "- [", "mapUsers": json.dumps([user("a", "admin", MASTERS)])}), roles(ADMIN, BAD)),
    ],
    ids=["another principal", "another username", "one more administrator", "no longer shadowed", "no longer with a path", "unreadable before"],
)  # fmt: skip
def test_what_a_change_brings_is_refused(before: Document, after: Document) -> None:
    assert refused(before, after, **EVERYTHING) != []


def test_a_violation_is_allowed_by_name_and_by_principal() -> None:
    context = GuardContext(caller_arn=f"{USERS}/x", policy=Policy(accounts=[ACCOUNT]))
    after = roles(ADMIN, BAD)
    with pytest.raises(GuardError) as error:
        enforce(roles(ADMIN), after, context)
    [found] = error.value.findings
    assert (found.code, found.principal) == ("policy", OTHER)
    assert f"allow policy={OTHER}" in found.hint
    assert found.location is not None
    for allow in ("policy", f"policy={OTHER}"):
        enforce(roles(ADMIN), after, context, allow=[allow])
    with pytest.raises(GuardError):
        enforce(roles(ADMIN), after, context, allow=[f"policy={PREFIX}/admin"])


@given(strategies.documents, strategies.documents)
def test_the_guard_refuses_only_what_lint_tells_of_the_new_document(old: dict[str, str], new: dict[str, str]) -> None:
    """Law: and from an empty document, all of it but for the groups that nobody had before either."""
    policy = {"accounts": [ACCOUNT], "forbidden_groups": ["v*"], "most_administrators": 0, "username_prefixes": ["a"]}
    told = {finding.message for finding in violations(Document(new), **policy)}
    assert set(refused(Document(old), Document(new), **policy)) <= told
    assert set(refused(Document({}), Document(new), **policy)) == told
    assert refused(Document(new), Document(new), **policy) == []


def test_nodes_pass_a_policy_of_usernames_and_groups() -> None:
    assert codes(roles(node()), username_prefixes=["x"], forbidden_groups=["x*"], accounts=[ACCOUNT]) == []
    assert codes(roles(role("n", DNS, *BOTH)), administrators=[]) == []


@pytest.mark.parametrize("pattern", [f"{PREFIX}/team/admin-*", "arn:aws:iam::*:ROLE/*/admin", "*:role/team/*"])
def test_a_pattern_of_administrators_with_a_roles_path_is_refused_since_it_could_never_match(pattern: str) -> None:
    with pytest.raises(PolicyError, match=r"administrators.*has a path.*remove the path"):
        Policy(administrators=[pattern])


@pytest.mark.parametrize("pattern", [f"{PREFIX}/admin-*", f"{USERS}/team/*", "*/admin"])
def test_other_patterns_of_administrators_are_taken(pattern: str) -> None:
    assert Policy(administrators=[pattern]).administrators == (pattern,)


def test_the_username_of_nodes_without_their_groups_needs_a_prefix() -> None:
    fargate = node("pods", "fargate")
    assert codes(roles(fargate), username_prefixes=["team-"]) == []
    person = role("ci", fargate["username"], "builders")
    assert codes(roles(person), username_prefixes=["team-"]) == ["policy-username"]


@pytest.mark.parametrize("text", [None, b"accounts: []", 5])
def test_a_policy_is_read_from_text(text: Any) -> None:
    with pytest.raises(UsageError, match="which is not text"):
        Policy.from_text(text)


@pytest.mark.parametrize(
    "wrong",
    [{"accounts": 5}, {"forbidden_groups": [7]}, {"nothing": 1}, {"administrators": {}}, {"self": 1}, {"cls": 1}],
)
def test_what_no_policy_says_is_an_error_of_this_library(wrong: dict[str, Any]) -> None:
    with pytest.raises(PolicyError, match=r"^The policy has "):
        Policy(**wrong)
