"""Kinds of trouble that people had with ``aws-auth``: each told in every layout, and nothing said of what looks like it."""

from __future__ import annotations

import re
from typing import Final

import pytest

from awsauth.core.document.document import Document
from awsauth.core.findings import Finding, Severity
from awsauth.core.lint.lint import lint

ROLE: Final = "arn:aws:iam::111122223333:role"
USER: Final = "arn:aws:iam::111122223333:user"
EC2: Final = "system:node:{{EC2PrivateDNSName}}"
SESSION: Final = "system:node:{{SessionName}}"
NODES: Final = "system:bootstrappers, system:nodes"
SSO: Final = f"{ROLE}/AWSReservedSSO_"


def role(arn: str, username: str, groups: str = "") -> dict[str, str]:
    return {"mapRoles": f"- rolearn: {arn}\n  username: {username}\n  groups: [{groups}]\n"}


def user(arn: str, username: str, groups: str = "") -> dict[str, str]:
    return {"mapUsers": f"- userarn: {arn}\n  username: {username}\n  groups: [{groups}]\n"}


def item(text: str) -> dict[str, str]:
    return {"mapRoles": re.sub(r"ROLE(\d?)", rf"{ROLE}/ci\1", text)}


TOLD: Final[dict[str, list[dict[str, str]]]] = {
    "person-as-node": [
        role(f"{ROLE}/admin", SESSION, "system:masters"),
        role(f"{ROLE}/developers", EC2, "view"),
        role(f"{SSO}Admins_0123456789abcdef", f'"{SESSION}"', '"system:masters"'),
        user(f"{USER}/alice", EC2, "system:masters"),
        user(f"{USER}/bob", SESSION, "view"),
        item(f'[{{"rolearn": "ROLE", "username": "{SESSION}", "groups": ["deployers", "view"]}}]'),
    ],
    "continued-value": [
        item("- groups:\n  username: ci\n  rolearn: ROLE\n    - system:masters\n"),
        item("- rolearn: ROLE\n    username ci\n  groups: [view]\n"),
        item("- rolearn: ROLE\n  username: ci\n    - system:masters\n"),
        item("- {rolearn: ROLE\n   extra, username: ci}\n"),
        {"mapUsers": f"-   username: al\n    userarn: {USER}/al\n\n      - view\n"},
    ],
    "sso-suffix": [
        role(f"{SSO}AWSReadOnlyAccess", "ro", "view"),
        role(f"{SSO}Admins_0123456789abcde", "admin", "system:masters"),
        role(f"{ROLE}/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admins", "admin"),
        role(f"{SSO.lower()}admins", "admin"),
        user(f"{SSO}Admins_0123456789ABCDEG", "admin"),
    ],
    "typographic-character": [
        role(f"{ROLE}/ci\u2013runner", "ci"),
        role(f"{ROLE}/ci", "ci", '"\u2014 system:masters"'),
        role(f"{ROLE}/ci", "\u201cci\u201d"),
        user(f"{USER}/\uff41lice", "alice"),
        item('[{"rolearn": "ROLE", "username": "ci", "groups": ["team\u2011a"]}]'),
    ],
    "not-an-arn": [
        role("arn:aws:iam::111122223333:group/DevOps", "devops", "view"),
        user("arn:aws:iam::111122223333:group/team/DevOps", "devops"),
        user("arn:aws-cn:iam::111122223333:group/DevOps", "devops", "system:masters"),
        item('[{"rolearn": "arn:aws:iam::111122223333:group/x", "username": "x"}]'),
        item("- {rolearn: 'ARN:aws:iam::111122223333:group/x', username: x}\n"),
        role("arn:aws:iam::<ACCOUNT>:group/DevOps", "devops"),
        role("arn:aws:iam::<AWS_Account>role/ci", "ci"),
        role("arn:aws:iam:111122223333:role/ci", "ci"),
    ],
    "repeated-field": [
        item("- rolearn: ROLE\n  username: a\n  rolearn: ROLE2\n  username: b\n"),
        item("- groups:\n  - x\n  rolearn: ROLE\n  username: a\n  rolearn: ROLE2\n  username: b\n  groups: [y]\n"),
        item("- {rolearn: ROLE, username: a, rolearn: ROLE2, username: b}\n"),
        item("-   'rolearn': ROLE\n    groups: [x]\n    'rolearn': ROLE2\n    username: b\n"),
        item("- rolearn: ROLE\n  username: a\n\n  rolearn: ROLE2\n  username: b\n\n  rolearn: ROLE3\n  username: c\n"),
        {"mapUsers": f"- userarn: {USER}/al\n  username: al\n  userarn: {USER}/bo\n  username: bo\n"},
        item("- rolearn: ROLE\n  username: a\n  username: b\n"),
    ],
    "placeholder": [
        role("arn:aws:iam::<ACCOUNT>:role/ci", "ci"),
        role("arn:aws:iam::ACCOUNT_ID:role/ci", "ci"),
        user("arn:aws:iam::XXXXXXXXXXXX:user/al", "al"),
        item('[{"rolearn": "arn:aws:iam::115260554xxx:role/ci", "username": "ci"}]'),
        role('"arn:aws:iam::***********:role/ci"', "ci"),
        role("arn:aws-cn:iam::Account-ID:role/ci", "ci"),
        role(f"{ROLE}/{{name}}", "ci"),
        role(f"{ROLE}/ci", "<admin>"),
        role(f"{ROLE}/ci", EC2, '"<system:nodes>"'),
        role(f"<{ROLE}/ci>", "ci"),
        {"mapAccounts": "- <account>\n"},
    ],
    "template-source": [
        role("${role_arn}", EC2, NODES),
        role("arn:aws:iam::$ACCT:role/ci", "ci", "view"),
        role('"arn:aws:iam::{{ .Values.account }}:role/{{ .Values.role }}"', '"{{ .Values.user }}"', "view"),
        user('"arn:aws:iam::{{ AWS_ACCOUNT }}:user/al"', "al"),
        role("arn:aws:iam::${AWS::AccountId}:role/ci", "ci"),
        {"mapAccounts": '- "${data.aws_caller_identity.current.account_id}"\n'},
        item("- {rolearn: ROLE, username: ci, groups: ['{% if x %}view{% endif %}', \"${GROUP}\"]}\n"),
    ],
    "unknown-data-key": [
        {"mapGroups": "- grouparn: arn:aws:iam::111122223333:group/x\n"},
        {"mapIAMGroups": "[]"},
        {"maproles": "[]"},
        {"mapPolicies": "- x\n"},
        {"map_sso": "- x\n"},
    ],
    "node-kind": [
        role(f"{ROLE}/eks-win-nodes", EC2, NODES),
        role(f"{ROLE}/win2019-role", EC2, NODES),
        role(f"{ROLE}/MyWinNodes", EC2, NODES),
        role(f"{ROLE}/eks-hybrid-nodes", EC2, NODES),
        role(f"{ROLE}/AmazonEKSAutoNodeRole", EC2, NODES),
    ],
    "instances-only": [
        role(f"{ROLE}/AmazonEKSFargatePodExecutionRole", EC2, f"{NODES}, system:node-proxier"),
        role(f"{ROLE}/eksctl-Fargate-x", EC2, NODES),
        user(f"{USER}/al", EC2, NODES),
        role(f"{SSO}Nodes_0123456789abcdef", EC2, NODES),
        user("arn:aws:iam::111122223333:root", EC2, NODES),
    ],
    "session-node": [
        role(f"{ROLE}/win-nodes", SESSION, f"{NODES}, eks:kube-proxy-windows"),
        role(f"{ROLE}/x", SESSION, f"eks:kube-proxy-windows, {NODES}"),
        role(f"{ROLE}/eksctl-a-NodeInstanceRole-1", SESSION, NODES),
        role(f"{ROLE}/KarpenterNodeRole-x", SESSION, NODES),
        user(f"{USER}/al", SESSION, NODES),
        user(f"{USER}/al", SESSION),
        role(f"{SSO}Nodes_0123456789abcdef", SESSION),
    ],
    "node-groups": [
        role(f"{ROLE}/workers", EC2),
        role(f"{ROLE}/workers", f'"{EC2}"', "system:nodes"),
        role(f"{ROLE}/pods-fargate", SESSION, "system:node-proxier"),
        item(f'[{{"rolearn": "ROLE", "username": "{EC2}"}}]'),
        role(f"{ROLE}/node-instance", EC2, "view"),
    ],
}  # fmt: skip

FINE: Final[dict[str, list[dict[str, str]]]] = {
    "person-as-node": [
        role(f"{ROLE}/admin", "admin:{{SessionName}}", "system:masters"),
        role(f"{ROLE}/workers", EC2, NODES),
        role(f"{ROLE}/workers", EC2, f"{NODES}, system:masters"),
        role(f"{ROLE}/node-instance", EC2, "view"),
        role(f"{ROLE}/pods-fargate", SESSION, f"{NODES}, system:node-proxier"),
    ],
    "continued-value": [
        item("- rolearn: ROLE\n  username: ci\n  groups:\n    - view\n"),
        item('- rolearn: "ROLE"\n  username: "a\n    b"\n'),
        item("- rolearn: ROLE  # of the pipeline\n  username: ci\n"),
        item("- rolearn: >-\n    ROLE\n  username: ci\n"),
        item("- rolearn: ROLE\n\n  username: ci\n"),
    ],
    "sso-suffix": [
        role(f"{SSO}AWSReadOnlyAccess_0123456789abcdef", "ro"),
        role(f"{SSO}Admins_0123456789ABCDEF", "admin"),
        role(f"{ROLE}/Admins", "admin"),
        role(f"{ROLE}/MyAWSReservedSSO_Admins", "admin"),
        role(f"{SSO}a_b_0123456789abcdef", "a"),
    ],
    "typographic-character": [
        role(f"{ROLE}/ci", "\u00e9quipe", "d\u00e9veloppeurs"),
        role(f"{ROLE}/ci", "ci", '"- view"'),
        role(f"{ROLE}/ci", "\u7cfb\u7edf"),
        {"mapRoles": f"# \u2014 a comment \u201cof ours\u201d\n- rolearn: {ROLE}/ci\n  username: ci\n"},
        user(f"{USER}/al", '"it\'s"', "a-b"),
    ],
    "not-an-arn": [
        role(f"{ROLE}/group", "x"),
        user(f"{USER}/group/al", "al"),
        role(f"{ROLE}/ci", "arn:aws:iam::111122223333:group/x"),
        role(f"{ROLE}/ci", "ci", '"arn:aws:iam::111122223333:group/x"'),
        user("arn:aws:iam::111122223333:root", "root"),
    ],
    "repeated-field": [
        item("- rolearn: ROLE\n  username: a\n- rolearn: ROLE2\n  username: a\n"),
        item("- {rolearn: ROLE, username: a}\n- {rolearn: ROLE2, username: a}\n"),
        item("- rolearn: ROLE\n  username: rolearn\n  groups: [username, groups, groups]\n"),
        item("- rolearn: ROLE\n  extra: {username: x, groups: y}\n  username: a\n"),
        item("- rolearn: ROLE\n  username: a\n  # rolearn: ROLE2\n"),
    ],
    "placeholder": [
        role(f"{ROLE}/ACCOUNT_ID", "ACCOUNT_ID", "xxx"),
        role("arn:aws:iam::1234567890:role/ci", "ci"),
        role("arn:aws:iam::us-west-2:role/ci", "ci"),
        role("arn:aws:iam::*:role/ci", "ci"),
        role("arn:aws:iam::aws:policy/AdministratorAccess", "ci"),
        role("arn:aws:iam::$ACCT:role/ci", "ci"),
        user(f"{USER}/xxx", "a-<-b", "'> 3'"),
    ],
    "template-source": [
        role(f"{ROLE}/ci", '\'ci:{{ "{{" }}SessionName{{ "}}" }}\''),
        role(f"{ROLE}/workers", '\'system:node:{{"{{"}}EC2PrivateDNSName{{"}}"}}\'', NODES),
        role(f"{ROLE}/ci", "'ci:{{ `{{SessionName}}` }}'"),
        role(f"{ROLE}/ci", '"ci:{% raw %}{{SessionName}}{% endraw %}"'),
        role(f"{ROLE}/ci", "ci:{{AccountID}}:{{SessionNameRaw}}", '"team-{{SessionName}}"'),
        role("arn:aws:iam::<ACCOUNT>:role/ci", "<user>", "a$"),
    ],
    "unknown-data-key": [
        {"mapRoles": "[]", "mapUsers": "[]", "mapAccounts": "[]"},
        {"notes": "mapRoles"},
        {"config": "[]"},
        {"README": "maproles: x"},
        {"bitmap": "x"},
    ],
    "node-kind": [
        role(f"{ROLE}/darwin-nodes", EC2, NODES),
        role(f"{ROLE}/winner", EC2, NODES),
        role(f"{ROLE}/eks-win-nodes", EC2, f"{NODES}, eks:kube-proxy-windows"),
        role(f"{ROLE}/hybrid-nodes", SESSION, NODES),
        role(f"{ROLE}/autoscaled-nodes", EC2, NODES),
    ],
    "instances-only": [
        role(f"{ROLE}/pods-fargate", SESSION, f"{NODES}, system:node-proxier"),
        role(f"{ROLE}/workers", EC2, NODES),
        role(f"{ROLE}/fargate/workers", EC2, NODES),
        user(f"{USER}/al", "al", "view"),
        role(f"{SSO}Nodes_0123456789abcdef", "people"),
    ],
    "session-node": [
        role(f"{ROLE}/win-nodes", EC2, f"{NODES}, eks:kube-proxy-windows"),
        role(f"{ROLE}/hybrid-nodes", SESSION, NODES),
        role(f"{ROLE}/pods", SESSION, f"{NODES}, system:node-proxier"),
        role(f"{ROLE}/ci", "ci:{{SessionName}}"),
        role(f"{ROLE}/x", SESSION, NODES),
    ],
    "node-groups": [
        user(f"{USER}/al", EC2),
        user(f"{USER}/al", SESSION),
        role(f"{SSO}Nodes_0123456789abcdef", SESSION),
        role(f"{ROLE}/admin", EC2, "system:masters"),
        role(f"{ROLE}/workers", "workers"),
    ],
    "user-session-name": [
        user(f"{USER}/al", SESSION),
        user(f"{USER}/al", SESSION, "view"),
        user(f"{USER}/al", "staff:{{AccountID}}"),
        role(f"{ROLE}/ci", "ci:{{SessionName}}"),
        user(f"{USER}/al", "al", "team-{{AccountID}}"),
    ],
}  # fmt: skip


SPLIT: Final = [
    item("- rolearn: ROLE\n- username: ci\n- groups: [x]\n"),
    item("- groups:\n  - x\n- rolearn: ROLE\n- username: ci\n"),
    item("- username: ci\n  groups: [x]\n- rolearn: ROLE\n"),
    item("- rolearn: ROLE2\n  username: b\n  groups: [x]\n- rolearn: ROLE\n  username: ci\n- groups: [x]\n"),
    item('[{"rolearn": "ROLE"}, {"username": "ci"}]'),
    {"mapUsers": f"-  userarn: {USER}/al\n-  username: al\n"},
]
NOT_SPLIT: Final = [
    item("- rolearn: ROLE\n- rolearn: ROLE2\n  username: b\n"),
    item("- rolearn: ROLE\n  username: a\n- groups: [x]\n- rolearn: ROLE2\n  username: b\n"),
    item("- username: a\n- groups: [x]\n"),
    item("- rolearn: ROLE\n  username: a\n- username: b\n  groups: [x]\n"),
    item("- rolearn: ROLE\n  username: a\n- extra: x\n"),
    item('- sso: {permissionSetName: A, accountID: "111122223333"}\n- rolearn: ROLE\n  username: a\n'),
    item("- rolearn: 1\n- username: a\n"),
    item("- rolearn: ROLE\n  sso: {permissionSetName: A}\n- groups: [x]\n- username: a\n"),
]


def cases(table: dict[str, list[dict[str, str]]]) -> list[tuple[str, dict[str, str]]]:
    return [(code, data) for code, documents in table.items() for data in documents]


def told(code: str, data: dict[str, str]) -> list[Finding]:
    return [finding for finding in lint(Document(data)) if finding.code == code]


@pytest.mark.parametrize(("code", "data"), cases(TOLD))
def test_it_is_told_once(code: str, data: dict[str, str]) -> None:
    assert len(told(code, data)) == 1


@pytest.mark.parametrize(("code", "data"), cases(FINE))
def test_what_looks_like_it_is_left_alone(code: str, data: dict[str, str]) -> None:
    assert told(code, data) == []


@pytest.mark.parametrize("data", TOLD["person-as-node"])
def test_a_person_with_a_nodes_name_is_one_finding(data: dict[str, str]) -> None:
    """Advice to make a node of a person, or to take the person's groups away, would do harm."""
    errors = [finding.code for finding in lint(Document(data)) if finding.severity is not Severity.NOTE]
    assert errors == ["person-as-node"]


@pytest.mark.parametrize("data", TOLD["continued-value"])
def test_a_value_that_runs_on_is_quoted_as_a_whole(data: dict[str, str]) -> None:
    codes = {finding.code for finding in lint(Document(data))}
    assert not codes & {"not-an-arn", "arn-space"}
    [finding] = told("continued-value", data)
    assert " as a whole." in finding.message


def test_iam_groups_are_told_what_people_do_instead() -> None:
    for code in ("not-an-arn", "unknown-data-key"):
        [finding] = told(code, TOLD[code][0])
        assert "IAM groups cannot be mapped" in finding.message
        assert finding.hint == "Map a role instead, and allow the users in the group to assume it."


@pytest.mark.parametrize(("data", "named"), [
    (TOLD["typographic-character"][0], "U+2013 EN DASH"), (TOLD["typographic-character"][1], "U+2014 EM DASH"),
    (TOLD["typographic-character"][2], "U+201C LEFT DOUBLE QUOTATION MARK"),
    (TOLD["typographic-character"][3], "U+FF41 FULLWIDTH LATIN SMALL LETTER A"),
])  # fmt: skip
def test_a_typographic_character_is_named_with_its_place(data: dict[str, str], named: str) -> None:
    [finding] = told("typographic-character", data)
    assert named in finding.message
    assert finding.location


def test_a_no_break_space_in_a_group_is_named() -> None:
    [finding] = told("invisible-character", role(f"{ROLE}/ci", "ci", '"the\u00a0team"'))
    assert "U+00A0 NO-BREAK SPACE" in finding.message
    assert finding.hint == "Write `the team`."


def test_a_blank_between_two_words_of_an_arn_is_not_removed_by_a_program() -> None:
    [finding] = told("arn-space", role(f'"{ROLE}/ci team"', "ci"))
    assert finding.fix == ()


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("mapUsers: |\n  - userarn: x", "Move `mapUsers:` and the lines below it to the left"),
        (f"- rolearn: {ROLE}/b\n  username: system:node:", "Write `username: system:node:{{EC2PrivateDNSName}}`"),
        (f"- rolearn: {ROLE}/b\n  username: {{{{SessionName}}}}", 'Write `username: "{{SessionName}}"`'),
        ("- rolearn: {arn-aws}iam::111122223333:role/b", "Replace the placeholder `{arn-aws}`"),
        ("- username: {team}-ci\n  rolearn: x", "Replace the placeholder `{team}`"),
        (f"- rolearn: {ROLE}/b\n  username: [", "Correct this line or the one above it, or roll back"),
    ],
)
def test_a_line_that_people_are_known_to_write_is_told_as_it_should_be(line: str, hint: str) -> None:
    [finding] = Document({"mapRoles": f"- rolearn: {ROLE}/a\n  username: a\n{line}\n"}).problems
    assert finding.hint.startswith(hint)


def test_a_list_in_one_group_is_told_once() -> None:
    codes = [finding.code for finding in lint(Document(role(f"{ROLE}/ci", "ci", "'system:masters,view'")))]
    assert codes.count("listed-groups") == 1
    assert "misspelt-group" not in codes


@pytest.mark.parametrize(
    "data", [user(f"{USER}/al", SESSION), user(f"{USER}/al", EC2), user(f"{USER}/al", SESSION, NODES)]
)
def test_no_hint_makes_a_node_of_a_person(data: dict[str, str]) -> None:
    """One finding, whose hint is a username of its own."""
    [finding] = [one for one in lint(Document(data)) if one.severity is not Severity.NOTE]
    assert re.search("username of (its|their) own", finding.hint)


@pytest.mark.parametrize(("arn", "right"), [
    ("arn:aws:iam:111122223333:role/ci", f"{ROLE}/ci"), ("arn:aws:iam::111122223333:role:ci", f"{ROLE}/ci"),
    ("arn:aws:iam::111122223333role/ci", f"{ROLE}/ci"), ("arn:aws:iam::111122223333::role/ci", f"{ROLE}/ci"),
    ("arn:aws:iam:eu-west-1:111122223333:role/ci", f"{ROLE}/ci"), ("arn:aws:iam:arn:aws:iam::111122223333:user/a/b", f"{USER}/a/b"),
    ("arn:aws:iam::<ACCOUNT>role/ci", "arn:aws:iam::<ACCOUNT>:role/ci"),
    ("arn:aws:iam:111122223333:role/team/ci", f"{ROLE}/ci"), ("arn:aws:iam::111122223333:ci", ""),
    ("arn:aws:iam::1111:role:ci", "arn:aws:iam::1111:role/ci"),
    ("arn:aws:iam::1111::role/AWSReservedSSO_X", "arn:aws:iam::1111:role/AWSReservedSSO_X"),
    ("arn:aws:eks:eu-west-1:111122223333:role/ci", ""), ("ci", ""),
])  # fmt: skip
def test_an_arn_with_a_mark_too_few_or_too_many_is_shown_right(arn: str, right: str) -> None:
    [finding] = told("not-an-arn", role(arn, "ci"))
    assert finding.hint == f"Write `{right}`." if right else "Write `" not in finding.hint


@pytest.mark.parametrize(("data", "second"), [
    (role("arn:aws:iam::XXX:role/team/ci", "ci"), "role-path"), (role("arn:aws:iam::<A>:instance-profile/ci", "ci"), "instance-profile"),
    (role("arn:aws:sts::ACCOUNT:assumed-role/ci/x", "ci"), "assumed-role"), (role("arn:aws:iam::<A>:role/*", "ci"), "wildcard"),
    (role('"arn:aws:iam::<A>:role/ci "', "ci"), "arn-space"), (role(f"{SSO}<NAME>-team", "ci"), "sso-suffix"),
    (role("<arn:aws:iam::1234:role/ci>", "ci"), "account-digits"), (role("arn:aws:iam::${A}:role/team/ci", "ci"), "role-path"),
])  # fmt: skip
def test_a_placeholder_does_not_hide_another_fault(data: dict[str, str], second: str) -> None:
    codes = [finding.code for finding in lint(Document(data)) if finding.severity is not Severity.NOTE]
    assert sorted(codes) == sorted([second, "template-source" if "$" in data["mapRoles"] else "placeholder"])


@pytest.mark.parametrize(("data", "severity", "hint"), [
    (role("arn:aws:iam::<ACCOUNT>:role/ci", "ci"), "error", "Write the real value, without the brackets."),
    (role("arn:aws:iam::ACCOUNT:role/ci", "ci"), "error", "Write the real value."),
    (role(f"{ROLE}/ci", "<admin>"), "warning", "Write the real value, without the brackets."),
    (role(f"{ROLE}/ci", "ci", "'<system:masters>'"), "error", "Write `system:masters`."),
    (role(f"{ROLE}/ci", f"<{EC2}>"), "error", f"Write `{EC2}`."),
    (role(f"<{ROLE}/ci>", "ci"), "error", f"Write `{ROLE}/ci`."),
])  # fmt: skip
def test_a_placeholder_is_as_bad_as_its_place(data: dict[str, str], severity: str, hint: str) -> None:
    [finding] = told("placeholder", data)
    assert (finding.severity.value, finding.hint) == (severity, hint)
    assert ("ARN" in finding.impact) == ("username: <" not in data["mapRoles"] and "'<" not in data["mapRoles"])


@pytest.mark.parametrize(("name", "tool", "command"), [
    ("{{ .Values.x }}", "Helm", "helm template"), ('{{ include "x" . }}', "Helm", "helm template"),
    ("{{ user_name }}", "Jinja", "jinja2"), ("{% if x %}", "Jinja", "jinja2"),
    ("${role_name}", "Terraform", "terraform output"), ("${var.x}", "Terraform", "terraform output"),
    ("$NAME", "the shell", "envsubst"), ("${NAME:-x}", "the shell", "envsubst"),
    ("${AWS::AccountId}", "CloudFormation", "awsauth check --cluster"),
])  # fmt: skip
def test_a_template_is_told_with_the_command_that_checks_what_it_renders_to(name: str, tool: str, command: str) -> None:
    [finding] = lint(Document(role(f"{ROLE}/ci", f"'{name}'", "view")))
    assert f"template of {tool}:" in finding.message
    assert f"`{command}" in finding.hint


def test_a_template_with_a_fault_of_its_own_is_told_both() -> None:
    data = role("${ROLE}", EC2, f"{NODES}, system:masters")
    assert [finding.code for finding in lint(Document(data))] == ["template-source", "node-extra-groups"]


def test_a_fragment_is_not_the_whole_map() -> None:
    for data in (user(f"{USER}/al", "al"), {"mapAccounts": "[]"}):
        assert [one.code for one in lint(Document(data))] == ["no-administrator", "no-node-mapping"]
        assert lint(Document(data, is_fragment=True)) == ()


@pytest.mark.parametrize(("text", "hint"), [
    (TOLD["repeated-field"][0], "Put `- ` before `rolearn` on line 3, with its dash below that of the first mapping."),
    (TOLD["repeated-field"][2], "End a mapping before `rolearn` on line 1."),
    (TOLD["repeated-field"][4], "Put `- ` before `rolearn` on line 4 and before `rolearn` on line 7, with"),
    (item("- rolearn: ROLE\n  username: a\n  groups: [x]\n  rolearn: ROLE2\n"), "Put `- ` before `username` on line 2 or before `groups` on line 3 or before `rolearn` on line 4, with"),
])  # fmt: skip
def test_mappings_that_run_together_are_one_error_that_says_where_a_dash_is_missing(
    text: dict[str, str], hint: str
) -> None:
    [finding] = [one for one in lint(Document(text)) if one.severity is not Severity.NOTE]
    assert (finding.code, finding.severity) == ("repeated-field", Severity.ERROR)
    assert finding.hint.startswith(hint)
    assert "has no access" in finding.impact or "have no access" in finding.impact


@pytest.mark.parametrize("data", SPLIT)
def test_a_split_mapping_is_one_finding(data: dict[str, str]) -> None:
    [finding] = [one for one in lint(Document(data)) if one.severity is not Severity.NOTE]
    assert (finding.code, "Dashes split one mapping" in finding.message) == ("entry-dropped", True)


def test_a_split_mapping_is_joined_at_its_dashes_whatever_stands_behind_them() -> None:
    text = f"- username: ci\n- usernmae: x\n  groups: [a]\n  rolearn: {ROLE}/ci\n"
    [finding] = Document({"mapRoles": text}).problems
    assert finding.hint == "Below `username`, replace the dash before `usernmae` with a blank."


@pytest.mark.parametrize("data", NOT_SPLIT)
def test_entries_of_their_own_are_not_taken_for_parts(data: dict[str, str]) -> None:
    assert not [one for one in lint(Document(data)) if "Dashes split" in one.message]


@pytest.mark.parametrize(("text", "hint"), [
    ("- default: 111122223333\n", 'Write `"111122223333"`.'), ("- - '111122223333'\n", 'Write `"111122223333"`.'),
    ("- {id: 012345678901}\n", 'Write `"012345678901"`.'), ("- [111122223333]\n", 'Write `"111122223333"`.'),
    ("- default: 11112222333\n", "Write its 12 digits in quotes."),
    ("- a: 111122223333\n  b: 444455556666\n", "Write its 12 digits in quotes."),
])  # fmt: skip
def test_an_account_in_a_mapping_is_shown_as_it_should_be(text: str, hint: str) -> None:
    [finding] = Document({"mapAccounts": text}).problems
    assert finding.hint == hint


def test_an_entry_again_in_the_same_line_has_its_column() -> None:
    entry = f'{{"rolearn": "{ROLE}/ci", "username": "ci"}}'
    [finding] = told("duplicate", {"mapRoles": f"[{entry}, {entry}]"})
    assert f"on line 1, column {len(entry) + 16}," in finding.message


@pytest.mark.parametrize("text", [
    "- rolearn: ROLE\n  username: ci\n    - view\n", "- rolearn: ROLE\n  username: ci\n    - view\n    - edit\n",
    "- username: ci\n  rolearn: ROLE\n    - view\n", "-   rolearn: ROLE\n    username: ci\n      - view\n",
    f"- rolearn: ROLE\n  username: {EC2}\n    - system:bootstrappers\n    - system:nodes\n",
])  # fmt: skip
def test_groups_without_their_field_get_it_by_the_hint(text: str) -> None:
    [finding] = told("continued-value", item(text))
    assert finding.hint.startswith("Write `groups:` on a line of its own above `- ")
    lines = item(text)["mapRoles"].split("\n")
    place = next(number for number, line in enumerate(lines) if line.strip() == finding.hint.split("`")[3])
    lines.insert(place, f"{' ' * lines[1].index(lines[1].strip())}groups:")
    after = Document({"mapRoles": "\n".join(lines)})
    assert not [one for one in lint(after) if one.severity is Severity.ERROR]
    assert after.roles[0].groups
