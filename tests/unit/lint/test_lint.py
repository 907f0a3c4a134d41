"""Lint: each rule on its own examples, and what holds for all of them together."""

from __future__ import annotations

import json
import pickle
import pkgutil
import re
from functools import partial
from typing import TYPE_CHECKING

import pytest

import awsauth.core.lint.rules
from awsauth.core.document.document import Document
from awsauth.core.edit.changes import Deduplicate, RenamePrincipal
from awsauth.core.edit.merge import merge
from awsauth.core.findings import Severity
from awsauth.core.lint.lint import fixes, lint
from awsauth.core.lint.rules import RULES, Rule
from tests.support.changed import ADMIN, BOTH, DNS, MASTERS, PREFIX, USERS, Entry, node, role, roles, user, users
from tests.support.rule_examples import examples_of
from tests.support.steps import steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsauth.core.findings import Finding
    from awsauth.core.lint.policy import Policy

EVERY_RULE = pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
OF_THE_WHOLE = ("no-node-mapping", "no-administrator")


def codes(document: Document, policy: Policy | None = None) -> list[str]:
    """Return the codes of what is said about the entries of a document."""
    return [finding.code for finding in lint(document, policy) if finding.code not in OF_THE_WHOLE]


def found(document: Document, code: str) -> list[Finding]:
    return [finding for finding in lint(document) if finding.code == code]


@EVERY_RULE
def test_a_rule_fires_on_the_one_example_and_not_on_the_other(rule: Rule) -> None:
    fires, silent = examples_of(rule)
    assert rule.code in {finding.code for finding in lint(*fires)}
    assert rule.code not in {finding.code for finding in lint(*silent)}


@EVERY_RULE
def test_the_example_fires_no_other_rule(rule: Rule) -> None:
    """One cause, one finding; what is said of the document as a whole, and of who it is, aside."""
    document, policy = examples_of(rule)[0]
    aside = {
        *OF_THE_WHOLE,
        "masters-on-user",
        "map-accounts",
        # A user in mapRoles and mapUsers is both; its own role takes an instance's name.
        *({"user-in-map-roles"} if rule.code == "shadowed-user" else ()),
    }
    assert {finding.code for finding in lint(document, policy)} - aside <= {rule.code}


@EVERY_RULE
def test_the_silent_example_is_free_of_errors_and_warnings(rule: Rule) -> None:
    """An example is copied: what it shows as right has to be right in every respect."""
    document, policy = examples_of(rule)[1]
    bad = {finding.code for finding in lint(document, policy) if finding.severity is not Severity.NOTE}
    assert bad <= {"map-accounts", "many-masters"}


@EVERY_RULE
def test_a_finding_says_all_there_is_to_say(rule: Rule) -> None:
    for finding in lint(*examples_of(rule)[0]):
        assert finding.code == rule.code or finding.code in RULES
        for text in (finding.message, finding.impact, finding.hint):
            assert re.fullmatch(r"[A-Z`\d].*\.", text), text
        assert "  " not in str(finding)


@EVERY_RULE
def test_the_table_says_whether_a_rule_cures(rule: Rule) -> None:
    fires = [finding for finding in lint(*examples_of(rule)[0]) if finding.code == rule.code]
    assert any(finding.fix for finding in fires) is rule.has_fix


@EVERY_RULE
def test_a_finding_survives_pickling(rule: Rule) -> None:
    findings = lint(*examples_of(rule)[0])
    assert pickle.loads(pickle.dumps(findings)) == findings  # noqa: S301 - made on this line


def test_codes_are_stable() -> None:
    """Whoever has written a code down, to skip it or to count it, finds it again."""
    assert [code for code in RULES if not re.fullmatch(r"[a-z]+(-[a-z]+)*", code)] == []
    assert {
        "role-path", "assumed-role", "duplicate", "unknown-template", "unknown-data-key", "node-groups",
        "chosen-username", "many-masters", "policy-account",
    } <= set(RULES)  # fmt: skip


def test_every_module_of_rules_is_imported() -> None:
    """A rule in a module that nobody imports would never be asked."""
    modules = {module.name for module in pkgutil.iter_modules(awsauth.core.lint.rules.__path__)}
    assert modules <= set(vars(awsauth.core.lint.rules))


def test_findings_come_in_the_order_of_the_text() -> None:
    document = Document(
        {
            "mapAccounts": '["1"]',
            "mapUsers": f"- userarn: {USERS}/a\n  username: 12\n- userarn: ' {USERS}/b'\n  username: b\n",
            "mapRoles": f"- rolearn: {PREFIX}/p/b\n  username: '{{{{SessionName}}}}'\n",
        }
    )
    assert [finding.code for finding in lint(document)] == [
        "role-path",
        "chosen-username",
        "wrong-type",
        "arn-space",
        "account-number",
        "no-administrator",
        "no-node-mapping",
    ]


def test_a_document_as_it_should_be_has_no_findings() -> None:
    assert lint(roles(node(), node("pods", "fargate"), node("windows", "windows"), ADMIN)) == ()


def test_a_place_is_where_the_fault_stands() -> None:
    text = f"- rolearn: {PREFIX}/team/ci\n  username: ci\n"
    [finding] = found(Document({"mapRoles": text}), "role-path")
    assert finding.location is not None
    assert (str(finding.location), finding.location.text) == ("mapRoles line 1, column 12", f"{PREFIX}/team/ci")
    assert finding.principal == f"{PREFIX}/team/ci"


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        (f"{PREFIX}/a/b", "role-path"),
        ("arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_X_0123456789abcdef", "role-path"),
        (f"{PREFIX}/a\u200b", "arn-space"),
        (f"{PREFIX}/a/b\n", "arn-space"),
        ("arn:aws:sts::111122223333:assumed-role/a/session", "assumed-role"),
        ("arn:aws:iam::111122223333:instance-profile/a", "instance-profile"),
        ("arn:aws:iam::*:role/a", "wildcard"),
        ("arn:aws:iam::1234:role/a", "account-digits"),
        ("arn:aws:iam::ACCOUNT_ID:role/a", "placeholder"),
        ("arn:aws-gov:iam::111122223333:role/a", "unknown-partition"),
        ("arn:aws:iam::<account>:role/a", "placeholder"),
        ("${role}", "template-source"),
        ("the role of the nodes", "not-an-arn"),
        ("arn:aws:iam::111122223333:role/", "not-an-arn"),
        ("arn:aws:iam:eu-west-1:111122223333:role/a", "not-an-arn"),
        ("arn:aws:iam:arn:aws:iam::111122223333:role/a", "not-an-arn"),
        ("arn:aws:eks:eu-west-1:111122223333:cluster/a", "not-an-arn"),
        ("arn:aws:iam::111122223333:user/a b", "arn-space"),
    ],
)  # fmt: skip
def test_an_arn_that_nobody_can_have_is_told_once(arn: str, code: str) -> None:
    for document in (roles({**role("x"), "rolearn": arn}), users({**user("x"), "userarn": arn})):
        assert codes(document) == [code]


@pytest.mark.parametrize("arn", [f"{PREFIX}/a", f"{PREFIX}/A".replace("arn:aws", "ARN:AWS")])
def test_an_arn_that_a_caller_can_have_is_not_told(arn: str) -> None:
    assert codes(roles(role(arn))) == []


def test_a_path_is_cured_unless_the_role_is_mapped_already() -> None:
    document = roles(role("team/ci"))
    assert fixes(document) == (RenamePrincipal(principal_arn=f"{PREFIX}/team/ci", new_arn=f"{PREFIX}/ci"),)
    assert merge(document, fixes(document)).roles[0].role_arn == f"{PREFIX}/ci"
    assert fixes(roles(role("team/ci"), role("CI"))) == ()
    assert fixes(roles(role("one/ci"), role("two/ci"))) == ()
    [finding] = found(roles(role("team/ci"), role("CI")), "role-path")
    assert re.fullmatch(rf"Line 1, column \d+ maps `{PREFIX}/ci` already\. Remove this entry\.", finding.hint)


def test_a_role_that_is_mapped_as_a_user_counts_as_mapped() -> None:
    document = Document(
        {"mapRoles": json.dumps([role("team/ci")]), "mapUsers": json.dumps([{"userarn": f"{PREFIX}/ci"}])}
    )
    assert fixes(document) == ()


def test_white_space_is_cured_together_with_the_path() -> None:
    [change] = fixes(roles(role(f" {PREFIX}/team/ci ")))
    assert change == RenamePrincipal(principal_arn=f" {PREFIX}/team/ci ", new_arn=f"{PREFIX}/ci")


def test_a_session_is_not_cured() -> None:
    """The role would let in more than the one session that is written."""
    assert fixes(roles(role("arn:aws:sts::111122223333:assumed-role/admin/alice", "alice", MASTERS))) == ()


DUPLICATES: dict[str, tuple[Document, str]] = {
    "a group": (roles(role("ci", "ci", "a", "b"), role("x"), role("CI", "ci", "a")), "does not get `b`"),
    "an administrator": (roles(ADMIN, role("admin", "", "blue")), "does not get `system:masters`"),
    "a username": (users(user("a", "alice"), user("a", "al")), "The username is `al`, not `alice`"),
    "a user's groups": (users(user("a", "a", "x"), user("b"), user("a", "a")), "does not get `x`"),
    "EC2 nodes": (roles(node("n"), node("n", "fargate")), "EC2 nodes with this role cannot join: Fargate"),
    "Fargate nodes": (
        roles(node("n", "fargate"), node("n")),
        "Fargate or hybrid nodes with this role cannot join: EC2",
    ),
    "nodes and a person": (roles(node("n"), role("n", "n")), "EC2 nodes with this role cannot join"),
    "the Windows group": (roles(node("n", "windows"), node("n")), "or not with all that they need"),
}


@pytest.mark.parametrize("case", DUPLICATES)
def test_a_duplicate_that_takes_something_away_is_an_error_and_left_to_people(case: str) -> None:
    document, loss = DUPLICATES[case]
    [finding] = found(document, "duplicate")
    assert finding.severity is Severity.ERROR
    assert loss in finding.impact
    assert fixes(document) == ()


@pytest.mark.parametrize(
    "document",
    [
        roles(role("ci", "ci", "a"), role("ci", "ci", "a")),
        roles(role("ci", "ci", "a", "b"), role("CI", "ci", "b", "a")),
        roles(node("n"), node("n")),
        users(user("a"), user("a"), user("a")),
        Document({"mapAccounts": '["111122223333", "111122223333"]'}),
    ],
)
def test_equal_duplicates_are_a_warning_and_removed(document: Document) -> None:
    assert {finding.severity for finding in found(document, "duplicate")} == {Severity.WARNING}
    assert fixes(document) == (Deduplicate(only_equal=True),)
    assert found(merge(document, fixes(document)), "duplicate") == []


def test_a_duplicate_with_less_is_a_warning_and_left_to_people() -> None:
    document = roles(role("ci", "ci", "a"), role("ci", "ci", "a", "b"))
    [finding] = found(document, "duplicate")
    assert (finding.severity, finding.fix) == (Severity.WARNING, ())


@pytest.mark.parametrize(
    "document",
    [
        roles(role("ci", "ci", "a"), role("ci-2", "ci-2", "a")),
        roles(role("ci"), role(f"{PREFIX.replace('1111', '2222')}/ci", "other")),
        roles(node("a"), node("b", "fargate")),
        users(user("a"), user("b")),
        Document({"mapRoles": json.dumps([role("a")]), "mapUsers": json.dumps([user("a", "b")])}),
    ],
)
def test_principals_that_differ_are_not_duplicates(document: Document) -> None:
    assert found(document, "duplicate") == []


def test_an_equal_duplicate_is_removed_beside_one_that_loses_something() -> None:
    document = roles(role("a", "a", "x"), role("a", "a"), role("b"), role("b"))
    after = merge(document, fixes(document))
    assert [one.groups for one in after.roles] == [("x",), (), ()]


def test_shadowed_and_impossible_mappings_are_neither_administrators_nor_nodes() -> None:
    for document in (
        roles(node(), ADMIN, role("admin", "admin")),
        roles(node(), role("p/admin", "admin", MASTERS)),
        roles(node(), role("arn:aws:sts::111122223333:assumed-role/a/b", "admin", MASTERS)),
    ):
        assert found(document, "no-administrator")
    for document in (roles(ADMIN, node("n"), role("n", "n")), roles(ADMIN, node("p/n"))):
        assert found(document, "no-node-mapping")


def test_duplicates_beside_a_text_that_cannot_be_read_are_left() -> None:
    document = Document({"mapRoles": json.dumps([role("a"), role("a")]), "mapUsers": "- ["})
    assert "duplicate" in codes(document)
    assert fixes(document) == ()


def test_what_cannot_be_edited_is_left_and_the_rest_is_cured() -> None:
    """The middle one is written with an anchor."""
    text = "".join(
        f"- rolearn: {anchor}{PREFIX}/team/{name}\n" for name, anchor in zip("abc", ("", "&b ", ""), strict=True)
    )
    changes = fixes(Document({"mapRoles": text}))
    assert [change.new_arn for change in changes if isinstance(change, RenamePrincipal)] == [
        f"{PREFIX}/a",
        f"{PREFIX}/c",
    ]


def test_what_the_reader_tells_no_rule_repeats() -> None:
    """An empty username, and no groups, because they are of a wrong type."""
    document = Document({"mapRoles": f"- rolearn: {PREFIX}/a\n  username: yes\n  groups: x\n"})
    assert codes(document) == ["wrong-type", "wrong-type"]
    assert codes(Document({"mapRoles": f"- rolearn: {PREFIX}/a\n  username: a\n  groups: [1, yes]\n"})) == [
        "wrong-type",
        "wrong-type",
    ]
    nodes = Document({"mapRoles": f"- rolearn: {PREFIX}/a\n  username: {DNS}\n  groups: x\n"})
    assert codes(nodes) == ["wrong-type"]


def test_partitions_are_counted_by_principal_and_a_tie_has_no_majority() -> None:
    china = f"{PREFIX}/nodes".replace("arn:aws:", "arn:aws-cn:")
    document = roles(role("a"), role("a"), role(china, "b"))
    [finding] = [found for found in lint(document) if found.code == "mixed-partitions"]
    assert "as many are in aws" in finding.message
    assert "the cluster's own ARN" in finding.hint
    assert "1 of 2 principals are in" in finding.hint


def test_a_dash_without_a_blank_is_no_part_of_the_group() -> None:
    document = Document({"mapRoles": f"- rolearn: {PREFIX}/a\n  username: a\n  groups:\n    -system:masters\n"})
    [finding] = [found for found in lint(document) if found.code == "wrong-type"]
    assert (finding.hint, finding.fix) == ("Put a blank after the dash: `- system:masters`.", ())
    assert not fixes(document)
    mended = Document({"mapRoles": document.data["mapRoles"].replace("-system", "- system")})
    assert "wrong-type" not in codes(mended)


def test_a_document_that_is_partly_unreadable_is_looked_at_as_far_as_it_can_be() -> None:
    document = Document({"mapRoles": "- rolearn: {", "mapUsers": f"- userarn: {USERS}/a\n  username: eks:a\n"})
    assert [finding.code for finding in lint(document)] == ["unreadable", "reserved-username"]


@pytest.mark.parametrize(
    ("username", "right"),
    [
        ("{{sessionname}}", "{{SessionName}}"),
        ("a:{{ SessionName }}", "{{SessionName}}"),
        ("a:{SessionName}", "{{SessionName}}"),
        ("a:{{SessionName}", "{{SessionName}}"),
        ("{{AccountId}}", "{{AccountID}}"),
        ("system:node:{{EC2PrivateDnsName}}", "{{EC2PrivateDNSName}}"),
        ("{{Session}}", "{{SessionName}}"),
        ("{{UserName}}", "{{EC2PrivateDNSName}}, {{SessionName}}"),
    ],
)
def test_a_template_that_is_almost_one_is_told_with_the_right_one(username: str, right: str) -> None:
    [finding] = [one for one in lint(roles(role("a", username))) if one.code not in OF_THE_WHOLE]
    assert finding.code == "unknown-template"
    assert right in finding.hint


@pytest.mark.parametrize("name", ["{{ .Values.user }}", "${USER}", "$user", "<name>", "{{ user_name }}", "{{ USER }}"])
def test_a_placeholder_in_a_name_is_no_misspelt_template(name: str) -> None:
    code = "placeholder" if name == "<name>" else "template-source"
    assert codes(roles(role("a", name))) == [code]
    assert codes(roles(role("a", "a", name))) == [code]


@pytest.mark.parametrize("name", ["a{b", "x{{}}", "a$", "<", "{{{{SessionName}}}}" * 300])
def test_an_odd_name_is_no_placeholder(name: str) -> None:
    assert "placeholder" not in codes(roles(role("a", name)))


def test_a_placeholder_is_told_once() -> None:
    [finding] = found(roles(*(role(f"arn:aws:iam::<ID>:role/{name}") for name in "abc")), "placeholder")
    assert "in 3 places" in finding.message


@pytest.mark.parametrize(
    "group",
    ["system:master", "system:Masters", "System:masters", "system-masters", "system:node", "system:bootstrapper",
     "system:bootstraper", "system:node-proxy", "eks:kube-proxy-window", ":system:masters"],
)  # fmt: skip
def test_a_misspelt_group_is_told_once(group: str) -> None:
    assert codes(roles(ADMIN, role("a", "a", group))) == ["misspelt-group"]


@pytest.mark.parametrize(
    "group",
    ["system:masters-readonly-east", "masters", "system:serviceaccounts:kube-system", "eks:dashboard", "systems", "nodes",
     "system:bootstrappers:kubeadm:default-node-token", "system:basic-user", "eks-console-dashboard-full-access-group"],
)  # fmt: skip
def test_an_ordinary_group_is_not_taken_for_a_misspelt_one(group: str) -> None:
    assert codes(roles(role("a", "a", group))) == []


@pytest.mark.parametrize("other", ["Builders", "BUILDERS", "bui\u217cders", "build\u0435rs"])
def test_names_that_look_the_same_are_told(other: str) -> None:
    assert codes(roles(role("a", "a", "builders"), role("b", "b", other))) == ["look-alike"]
    assert codes(roles(role("a", "builders"), role("b", other))) == ["look-alike"]


def test_letters_of_another_alphabet_are_named() -> None:
    [finding] = found(roles(role("a", "a", "system:m\u0430sters")), "look-alike")
    assert "U+0430" in finding.message


@pytest.mark.parametrize("name", [" builders", "build\u200bers", "builders\u00a0", "build\ters"])
def test_what_nobody_sees_is_told_once(name: str) -> None:
    assert codes(roles(role("a", "a", "builders"), role("b", "b", name))) == ["invisible-character"]


NODE_MAPPINGS: dict[str, tuple[Entry, list[str]]] = {
    "nodes missing": (role("a", DNS, "system:bootstrappers"), ["node-groups"]),
    "both missing": (role("a", DNS), ["node-groups"]),
    "joined": (role("a", DNS, " - ".join(BOTH)), ["joined-groups"]),
    "misspelt": (role("a", DNS, "system:bootstrappers", "system:node"), ["misspelt-group"]),
    "template": (role("a", "system:node:{{EC2PrivateDnsName}}", *BOTH), ["unknown-template"]),
    "no username": (role("a", "", *BOTH), ["node-username"]),
    "another username": (role("a", "node", *BOTH), ["node-username"]),
    "administrator": (role("a", DNS, *BOTH, MASTERS), ["node-extra-groups"]),
    "fargate without proxier": (node("my-Fargate", "hybrid"), ["node-kind"]),
    "windows without its group": (node("windows", "ec2"), ["node-kind"]),
    "fargate as an instance": (node("fargate", "ec2"), ["instances-only"]),
    "user": ({**user("a"), "username": DNS, "groups": BOTH}, ["instances-only"]),
    "instance by session name": (node("eksctl-x-NodeInstanceRole-1", "hybrid"), ["session-node"]),
    "session name of an SSO role": (node("AWSReservedSSO_X_0123456789abcdef", "hybrid"), ["session-node"]),
    "windows": (node("windows", "windows"), []),
    "fargate": (node("AmazonEKSFargatePodExecutionRole", "fargate"), []),
    "hybrid": (node("hybrid-worker", "hybrid"), []),
    "any name": (node("a", "hybrid"), []),
    "karpenter": (node("KarpenterNodeRole-x", "ec2"), []),
}  # fmt: skip


@pytest.mark.parametrize("case", NODE_MAPPINGS)
def test_a_node_mapping(case: str) -> None:
    entry, expected = NODE_MAPPINGS[case]
    assert codes(users(entry) if "userarn" in entry else roles(entry)) == expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (role("a", "{{SessionName}}"), ["chosen-username"]),
        (role("a", "{{SessionNameRaw}}@x"), ["chosen-username"]),
        (role("a", "a:{{SessionName}}"), []),
        (role("a", "{{AccountID}}:{{SessionName}}"), []),
        (role("AWSReservedSSO_X_0123456789abcdef", "{{SessionName}}"), []),
        (role("a", "a", "g-{{SessionName}}"), ["chosen-group"]),
        (role("AWSReservedSSO_X_0123456789abcdef", "x", "g-{{SessionName}}"), []),
        (role("a", "system:serviceaccount:kube-system:default"), ["reserved-username"]),
        (role("a", "eks:certificate-controller"), ["reserved-username"]),
        (role("a", "systems:a"), []),
        (role("a", "", "g"), ["no-username"]),
        (role("a", ""), ["nothing-given"]),
        (role("a", "a", ""), ["empty-group"]),
    ],
)  # fmt: skip
def test_a_username_or_group(entry: Entry, expected: list[str]) -> None:
    assert codes(roles(entry)) == expected


def test_a_user_has_no_session_name() -> None:
    assert (
        codes(users(user("a", "{{SessionName}}"), user("b", "b", "g-{{SessionNameRaw}}"))) == ["user-session-name"] * 2
    )


def test_administrators_are_counted_as_the_authenticator_sees_them() -> None:
    """Shadowed and pathed ones are none; nodes have a finding of their own."""
    three = [role(name, name, MASTERS) for name in "abc"]
    odd = [role("p/d", "d", MASTERS), role("e", "e", MASTERS), role("e", "e"), role("f", DNS, *BOTH, MASTERS)]
    assert "many-masters" not in codes(roles(*three, *odd))
    assert "many-masters" in codes(roles(*three, role("g", "g", MASTERS)))


def test_users_who_are_administrators_are_one_finding() -> None:
    [finding] = found(users(*(user(name, name, MASTERS) for name in "ab")), "masters-on-user")
    assert "2 IAM users" in finding.message


def test_data_keys_of_other_names_are_left_alone() -> None:
    assert codes(Document({"eksctlInfo": "x", "note": "x", "mapRoles2": "[]"}))[1:] == []
    assert codes(Document({"maproles": "[]", "map_users": "[]", "mapRole": "[]"})) == ["unknown-data-key"] * 3


def test_data_keys_are_told_in_the_order_of_the_data() -> None:
    names = [f"mapThings{number}" for number in range(30)]
    told = found(Document({**dict.fromkeys(names, "x"), "mapRoles": "[]"}), "unknown-data-key")
    assert [finding.principal for finding in told] == names


def test_content_behind_a_flow_list_is_told() -> None:
    [finding] = found(Document({"mapRoles": "[]  # c\n 0o17\n"}), "ignored-rest")
    assert finding.location is not None
    assert (finding.location.line, finding.location.column, finding.location.text) == (2, 2, "0o17")


@pytest.mark.parametrize("rest", ["...\n", "---\n# c\n", "...\n\n# c", "--- \n...\n---\n", "\r\n", "---  # c\n"])
def test_an_end_without_content_is_not_told(rest: str) -> None:
    assert codes(Document({"mapRoles": f"- {{rolearn: '{PREFIX}/a', username: a}}\n{rest}"})) == []


def test_fields_are_known_in_any_case_and_the_one_that_counts_is_named() -> None:
    text = f"- roleARN: {PREFIX}/a\n  UserName: one\n  rolearn: {PREFIX}/a\n  username: other\n"
    repeated = found(Document({"mapRoles": text}), "repeated-field")
    assert [finding.location.line for finding in repeated if finding.location] == [1, 2]
    assert ["line 3" in repeated[0].impact, "line 4" in repeated[1].impact] == [True, True]


@pytest.mark.parametrize(("field", "meant"), [("group", "groups"), ("user", "username"), ("owner", "")])
def test_an_unknown_field_is_told_with_what_may_be_meant(field: str, meant: str) -> None:
    [finding] = found(Document({"mapUsers": f"- userarn: {USERS}/a\n  username: a\n  {field}: x\n"}), "unknown-field")
    assert (meant or "make it a comment") in finding.hint


def test_hostile_names_do_not_steer_a_terminal() -> None:
    hostile = "\x1b[2J\u202e<\x1b>{{\x1bSessionName}}"
    entries = [role(f"{PREFIX}/{hostile}/x", hostile, hostile), role(f"{PREFIX}/y", "", f"system:master{hostile}")]
    for finding in lint(Document({hostile: "x", "mapRole\x1b": "x", "mapRoles": json.dumps(entries)})):
        assert str(finding).isprintable()


def ordinary(n: int) -> str:
    return f"- rolearn: {PREFIX}/role-{n}\n  username: user-{n}\n  groups:\n  - team-{n % 50}\n"


def odd(n: int) -> str:
    return (
        f"- rolearn: {PREFIX}/path/role-{n // 2}\n  username: eks:User-{n}{{{{SessionName}}}}\n"
        f"  groups: [System:Master, 'g {n} ']\n"
    )


@pytest.mark.parametrize("entry", [ordinary, odd])
def test_the_steps_of_lint_grow_with_the_entries_and_not_their_square(entry: Callable[[int], str]) -> None:
    """Whether nothing is wrong with any of them, or something with every one."""
    lint(Document({"mapRoles": entry(0)}))  # what is made once
    texts = ("".join(map(entry, range(count))) for count in (200, 800))
    few, many = (steps(partial(lint, Document({"mapRoles": text}))) for text in texts)
    assert many < 4.5 * few


@pytest.mark.parametrize("part", ["{", "{{", "<", "${", "a - ", "{a", "{ ", "<a", "{{ a"])
def test_the_steps_of_lint_grow_with_the_length_of_names_and_not_its_square(part: str) -> None:
    names = (part * count for count in (500, 2_000))
    few, many = (steps(partial(lint, roles(role(name, name, name)))) for name in names)
    assert many < 4.5 * few
