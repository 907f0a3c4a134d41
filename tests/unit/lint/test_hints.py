"""Hints that people follow at night: each is right for the callers that the mapping is for, and says all that is lost."""

from __future__ import annotations

from typing import Final

import pytest

from awsauth.core.document.document import Document
from awsauth.core.edit.merge import merge
from awsauth.core.findings import Finding, Severity
from awsauth.core.lint.lint import lint
from tests.unit.lint.test_kinds import EC2, NODES, ROLE, SESSION, SSO, USER, role, told, user

ADMIN: Final = role(f"{ROLE}/boss", "boss", "system:masters")["mapRoles"]
NODE: Final = role(f"{ROLE}/n", EC2, NODES)["mapRoles"]
OWN_NAME: Final = "Give the mapping a username of its own, and remove the groups of nodes. Keep `system:masters`."
MOVED: Final = "Map another role to `system:masters`. Then remove it here."


# A node mapping with a person's groups: an administrator stays one.


@pytest.mark.parametrize("data", [
    role(f"{SSO}Admins_0123456789abcdef", SESSION, f"system:masters, {NODES}"),
    role("$devops_role", SESSION, f"{NODES}, system:node-proxier, system:masters"),
    role(f"{ROLE}/gitlab-runner", EC2, f"{NODES}, system:masters"),
    role(f"{ROLE}/my-ci", f'"{EC2}"', f"{NODES}, 'system:masters'"),
    user(f"{USER}/alice", SESSION, f"system:masters, {NODES}"),
    {"mapRoles": f'[{{"rolearn": "{ROLE}/TerraformAdmin", "username": "{SESSION}", "groups": ["system:masters", "system:nodes"]}}]'},
])  # fmt: skip
def test_people_keep_their_groups_and_get_a_name_of_their_own(data: dict[str, str]) -> None:
    [finding] = told("node-extra-groups", data)
    assert finding.hint == OWN_NAME
    assert "such a node" not in finding.impact
    assert finding.advice == "by-hand"


@pytest.mark.parametrize("name", [
    "nodes", "eksctl-x-nodegroup-ng-NodeInstanceRole-1A2B", "KarpenterNodeRole-x", "eks-worker-role", "hybrid-machines",
])  # fmt: skip
def test_nodes_lose_a_group_only_after_another_role_has_it(name: str) -> None:
    [finding] = told("node-extra-groups", role(f"{ROLE}/{name}", EC2, f"{NODES}, system:masters"))
    assert finding.hint == MOVED


@pytest.mark.parametrize("name", ["eks_engine", "cluster-role", "jenkins-nodes", "admin-worker", "x"])
def test_without_a_clear_sign_the_hint_says_both(name: str) -> None:
    [finding] = told("node-extra-groups", role(f"{ROLE}/{name}", EC2, f"{NODES}, system:masters"))
    assert finding.hint == f"For nodes: {MOVED} For people and programs: {OWN_NAME}"


@pytest.mark.parametrize("data", [
    role(f"{ROLE}/admin", "admin", "system:masters"), role(f"{ROLE}/nodes", EC2, NODES),
    role(f"{ROLE}/pods-fargate", SESSION, f"{NODES}, system:node-proxier"),
    role(f"{ROLE}/win-nodes", EC2, f"{NODES}, eks:kube-proxy-windows"),
    role(f"{ROLE}/gitlab-nodes", EC2, NODES),
])  # fmt: skip
def test_nodes_with_their_own_groups_are_fine(data: dict[str, str]) -> None:
    assert told("node-extra-groups", data) == []


@pytest.mark.parametrize(("data", "severity", "hint"), [
    (user(f"{USER}/al", "al", f"system:masters, {NODES}"), Severity.WARNING, "Remove the groups of nodes."),
    (role(f"{ROLE}/github-deployer", "ci", f"view, {NODES}"), Severity.ERROR, "Remove the groups of nodes."),
    (role(f"{SSO}Ops_0123456789abcdef", "ops", "system:nodes"), Severity.WARNING, "Remove the groups of nodes."),
    (role(f"{ROLE}/node-role", '""', NODES), Severity.ERROR, f"Write the username `{EC2}` for EC2, "),
    (role(f"{ROLE}/x", "x", NODES), Severity.ERROR, "For nodes: Write the username"),
])  # fmt: skip
def test_no_node_is_made_of_a_person_who_has_the_group_of_nodes(
    data: dict[str, str], severity: Severity, hint: str
) -> None:
    [finding] = told("node-username", data)
    assert (finding.severity, finding.hint[: len(hint)]) == (severity, hint)


@pytest.mark.parametrize("code", ["node-groups", "session-node"])
def test_a_role_of_a_pipeline_does_not_become_a_node_role(code: str) -> None:
    groups = "" if code == "node-groups" else "eks:kube-proxy-windows"
    [finding] = told(code, role(f"{ROLE}/jenkins", SESSION, groups))
    assert finding.hint == "Give the mapping a username of its own."


def test_a_fargate_role_with_the_names_of_instances_is_told_all_that_it_needs() -> None:
    [finding] = told("instances-only", role("<THE_FARGATE_ROLE>", EC2, NODES))
    assert finding.hint == f"Write `{SESSION}`, and add system:node-proxier to the groups if it is missing."


# The only one is there, and does not count.


def note(data: dict[str, str], code: str = "no-node-mapping") -> Finding:
    [finding] = told(code, data)
    assert finding.severity is Severity.NOTE
    return finding


@pytest.mark.parametrize(("text", "line", "why"), [
    (NODE.replace("111122223333", "1234"), 4, "account-digits"),
    (NODE.replace(f"{ROLE}/n", "NODE_ROLE"), 4, "not-an-arn"),
    (NODE.replace("/n\n", "/team/n\n"), 4, "role-path"),
    (NODE.replace(f"{ROLE}/n", f'"{ROLE}/n "'), 4, "arn-space"),
    (NODE.replace(":role/n", ":instance-profile/n"), 4, "instance-profile"),
    (f"{NODE}- rolearn: {ROLE}/N\n  username: people\n", 4, "duplicate"),
    (NODE.replace("/n\n", "/*\n"), 4, "wildcard"),
])  # fmt: skip
def test_the_only_node_mapping_is_named_with_the_finding_that_says_why(text: str, line: int, why: str) -> None:
    finding = note({"mapRoles": ADMIN + text})
    assert finding.message == (
        f"The only mapping of nodes has no effect: on line {line}, the finding `{why}` says why."
    )
    assert finding.hint == "Correct it as that finding says."
    assert finding.location is not None
    assert finding.location.line == line
    assert told(why, {"mapRoles": ADMIN + text})


@pytest.mark.parametrize(("data", "where", "why"), [
    (user(f"{USER}/al", "al", "system:masters") | {"mapRoles": f"- rolearn: {USER}/al\n  username: al\n"}, "on line 1, ", "shadowed-user"),
    (user("arn:aws:iam::123:user/al", "al", "system:masters"), "on line 1, ", "account-digits"),
    (role(f"{SSO}Admin", "admin", "system:masters"), "on line 1, ", "sso-suffix"),
    ({"mapRoles": f"{NODE}- rolearn: {ROLE}/a\n  username: a\n  groups: -system:masters\n"}, "on line 6, ", "wrong-type"),
    ({"mapusers": user(f"{USER}/al", "al", "system:masters")["mapUsers"]}, "", "unknown-data-key"),
    ({"mapRoles": '- sso: {permissionSetName: A, accountID: "111122223333"}\n  groups: [system:masters]\n'}, "on line 2, ", "sso-entry"),
])  # fmt: skip
def test_the_only_administrator_is_named_with_the_finding_that_says_why(
    data: dict[str, str], where: str, why: str
) -> None:
    finding = note(data, "no-administrator")
    assert finding.message == (
        f"The only mapping to `system:masters` has no effect: {where}the finding `{why}` says why."
    )
    assert told(why, data)


def test_several_are_counted() -> None:
    wrong = NODE.replace("111122223333", "1234")
    finding = note({"mapRoles": ADMIN + wrong + wrong.replace("/n", "/m")})
    assert finding.message == (
        "Each of the 2 mappings of nodes has no effect: on line 4, the finding `account-digits` says why."
    )
    assert finding.hint == "Correct it as that finding says."


def test_of_several_each_cause_is_named_once() -> None:
    wrong = NODE.replace("111122223333", "1234")
    finding = note({"mapRoles": ADMIN + wrong + NODE.replace("/n\n", "/team/n\n") + wrong.replace("/n", "/m")})
    assert finding.message == (
        "Each of the 3 mappings of nodes has no effect: on line 4, the finding `account-digits` says why; "
        "on line 7, the finding `role-path` says why."
    )
    assert finding.hint == "Correct each as its finding says."


def test_at_most_five_causes_are_named() -> None:
    arns = (f'"{ROLE}/a "', f"{ROLE}/t/b", f"{ROLE}/*", "x", f"{SSO}A", "arn:aws:iam::1:user/c")
    admins = "".join(f"- rolearn: {arn}\n  username: x\n  groups: [system:masters]\n" for arn in arns)
    message = note({"mapRoles": admins}, "no-administrator").message
    assert message.startswith("Each of the 6 mappings to `system:masters` has no effect: on line 1, ")
    assert message.count("says why") == 5
    assert message.endswith(" says why, and 1 more.")


@pytest.mark.parametrize("data", [
    {"mapRoles": ADMIN},
    {"mapRoles": f"# system:nodes\n{ADMIN}"},
    {"mapRoles": ADMIN, "notes": NODE},
    {"mapRoles": ADMIN, "mapUsers": "- {userarn: x}\n"},
    {"mapRoles": "[]"},
])  # fmt: skip
def test_without_any_node_mapping_the_note_says_so(data: dict[str, str]) -> None:
    assert note(data).message == "There is no node mapping."


@pytest.mark.parametrize("text", [
    NODE, f"{NODE}{NODE.replace('111122223333', '1234')}", f"{NODE.replace('/n', '/team/n')}{NODE}",
    NODE.replace("111122223333", "<ACCOUNT>"), NODE.replace(f", {NODES}", ""), "- [",
])  # fmt: skip
def test_one_that_counts_is_enough(text: str) -> None:
    """Also one with a placeholder, and one that another finding is about; of a lost text the parser says more."""
    assert told("no-node-mapping", {"mapRoles": text}) == []


def test_a_map_of_nodes_alone_has_a_note_and_no_more() -> None:
    """EKS makes such maps; the cluster's creator is an administrator, who does not stand in the map."""
    [finding] = lint(Document({"mapRoles": NODE}))
    assert (finding.code, finding.severity) == ("no-administrator", Severity.NOTE)
    assert "the cluster's creator" in finding.impact


# ARNs: what is wrong with it, and how to find the right one.


@pytest.mark.parametrize(("arn", "right"), [
    ("arn:aws:iam:arn:aws:iam::111122223333:role/n", f"{ROLE}/n"),
    ("arn:aws:iam::arn:aws:iam::111122223333:role/n", f"{ROLE}/n"),
    ("arn:aws:iam:111122223333:role/n", f"{ROLE}/n"),
    ("arn:aws:iam:eu-west-1:111122223333:role/n", f"{ROLE}/n"),
    ("arn:aws-cn:iam:cn-north-1:111122223333:role/team/n", "arn:aws-cn:iam::111122223333:role/n"),
    ("arn:aws:iam:111122223333:user/team/al", f"{USER}/team/al"),
])  # fmt: skip
def test_an_arn_whose_parts_are_in_disorder_is_put_in_order(arn: str, right: str) -> None:
    [finding] = told("not-an-arn", role(arn, "x"))
    assert (finding.hint, finding.advice) == (f"Write `{right}`.", "apply")
    document = Document(role(arn, "x"))
    assert [one.principal for one in merge(document, finding.fix).reading("mapRoles").mapped] == [right]


@pytest.mark.parametrize("arn", [
    "arn:aws:iam::111122223333:role", "arn:iam:111122223333:role/n",
    "arn:aws:iam:eu-west-1:111122223333:policy/n", "111122223333:role/n",
])  # fmt: skip
def test_an_arn_that_could_mean_several_is_left_to_a_person(arn: str) -> None:
    [finding] = told("not-an-arn", role(arn, "x"))
    assert finding.advice == "by-hand"
    assert finding.hint.startswith("Write the ARN of the role, such as ")


def test_an_arn_that_is_mapped_already_is_not_written_again() -> None:
    text = f"- rolearn: arn:aws:iam:111122223333:role/n\n  username: n\n  groups: [view, edit]\n- rolearn: {ROLE}/n\n  groups: [view]\n"
    [finding] = told("not-an-arn", {"mapRoles": text})
    assert finding.hint == (
        f"Line 4 maps `{ROLE}/n` already. If the principal needs `edit`, add that on line 4. Then remove this entry."
    )
    assert finding.fix == ()


@pytest.mark.parametrize(("arn", "named", "hint"), [
    ("arn:aws:eks:eu-west-1:111122223333:nodegroup/a/b/c", "`eks nodegroup`", "aws eks describe-nodegroup"),
    ("arn:aws:eks:eu-west-1:111122223333:fargateprofile/a/b/c", "`eks fargateprofile`", "Map the role that it uses."),
    ("arn:aws:lambda:eu-west-1:111122223333:function:f", "`lambda function`", "Map the role that it uses."),
    ("arn:aws:ec2:eu-west-1:111122223333:instance/i-0123456789abcdef0", "`ec2 instance`", "Map the role that it uses."),
    ("arn:aws-cn:codebuild:cn-north-1:111122223333:project/p", "`codebuild project`", "Map the role that it uses."),
])  # fmt: skip
def test_the_arn_of_something_else_is_named(arn: str, named: str, hint: str) -> None:
    [finding] = told("not-an-arn", role(arn, "x"))
    assert named in finding.message
    assert hint in finding.hint


@pytest.mark.parametrize("suffix", ["", "_abc123", "_dcf2167pobi47617", "_0123456789ABCDEFG", "_Viewers_012345"])
def test_a_role_of_identity_center_is_told_with_the_command_that_shows_its_name(suffix: str) -> None:
    """Not that it has no suffix, as it may have a wrong one."""
    [finding] = told("sso-suffix", role(f"{SSO}Admins{suffix}", "admin"))
    assert "does not end in `_` and 16 hexadecimal digits" in finding.message
    assert "`aws iam list-roles --path-prefix /aws-reserved/sso.amazonaws.com/`" in finding.hint


@pytest.mark.parametrize("account", ["us-west-2", "64e54544", "123456789", "1111-2222-3333"])
def test_the_account_that_is_wrong_is_named(account: str) -> None:
    [finding] = told("account-digits", role(f"arn:aws:iam::{account}:role/n", "n"))
    assert f"`{account}`" in finding.message
    assert finding.hint == f"Write the 12 digits of the account for `{account}`, with leading zeros."


# Severities.


@pytest.mark.parametrize(("later", "severity"), [
    (("a", "system:masters"), Severity.WARNING), (("b", "system:masters"), Severity.WARNING),
    (("b", "system:masters, view"), Severity.WARNING), (("a", "view"), Severity.ERROR), (("a", ""), Severity.ERROR),
])  # fmt: skip
def test_another_username_of_an_administrator_loses_nothing(later: tuple[str, str], severity: Severity) -> None:
    text = user(f"{USER}/al", "a", "system:masters")["mapUsers"] + user(f"{USER}/al", *later)["mapUsers"]
    [finding] = told("duplicate", {"mapUsers": text})
    assert finding.severity is severity


@pytest.mark.parametrize(("first", "later"), [
    (("a", "view"), ("b", "view")), ((EC2, NODES), (SESSION, f"{NODES}, system:masters")),
    ((EC2, NODES), ("admin", f"{NODES}, system:masters")), (("a", "view"), ("b", "view, edit")), (("a", ""), ("", "")),
])  # fmt: skip
def test_a_username_that_rbac_or_a_node_needs_is_a_loss(first: tuple[str, str], later: tuple[str, str]) -> None:
    text = role(f"{ROLE}/n", *first)["mapRoles"] + role(f"{ROLE}/n", *later)["mapRoles"]
    [finding] = told("duplicate", {"mapRoles": text})
    assert finding.severity is Severity.ERROR


def test_an_empty_group_is_no_loss() -> None:
    text = role(f"{ROLE}/n", "a", "'', view")["mapRoles"] + role(f"{ROLE}/n", "a", "view")["mapRoles"]
    [finding] = told("duplicate", {"mapRoles": text})
    assert (finding.severity, finding.impact) == (Severity.WARNING, "It adds nothing.")
    assert finding.hint == "Remove this entry."


def test_a_mapping_that_works_under_the_other_key_is_a_note() -> None:
    [finding] = told("user-in-map-roles", role(f"{USER}/al", "al", "view"))
    [other] = told("role-in-map-users", user(f"{ROLE}/ci", "ci", "view"))
    assert {finding.severity, other.severity} == {Severity.NOTE}


def test_an_entry_that_another_key_hides_is_removed_and_its_groups_are_not_lost() -> None:
    data = {"mapRoles": f"- rolearn: {USER}/al\n  username: al\n"} | user(f"{USER}/al", "al", "view")
    [finding] = told("shadowed-user", data)
    assert finding.hint == "If the principal needs `view`, add that on line 1. Then remove this entry."


# What the parser drops.


@pytest.mark.parametrize(("group", "right"), [
    ("system: masters", "system:masters"), ("team:  a", "team:a"), ("system:masters:", "system:masters"),
    ("a:b: c-d", "a:b:c-d"), ("system: node:x", "system:node:x"),
])  # fmt: skip
def test_a_group_with_a_blank_after_its_colon_is_shown_as_it_should_be(group: str, right: str) -> None:
    data = {"mapUsers": f"- userarn: {USER}/al\n  username: al\n  groups:\n  - {group}\n"}
    [finding] = told("wrong-type", data)
    assert finding.hint == f"Write `- {right}`."
    assert told("wrong-type", {"mapUsers": data["mapUsers"].replace(group, right)}) == []


@pytest.mark.parametrize("group", ["[a, b]", "{a: b}", "- a", "a: [b]", "a: b\n    c: d"])
def test_a_group_of_another_kind_is_not_guessed(group: str) -> None:
    [finding] = told("wrong-type", {"mapRoles": f"- rolearn: {ROLE}/n\n  groups:\n  - {group}\n"})
    assert finding.hint == "Write one line of text."


def test_two_mistakes_in_one_place_are_shown_line_by_line() -> None:
    text = f"-groups:\n - view\n  rolearn: {ROLE}/n\n  username: n\n"
    [finding] = told("unreadable", {"mapRoles": text})
    assert finding.hint == "Write these lines: `- groups:`, `  - view`."


def test_of_several_findings_at_one_place_the_worst_is_first() -> None:
    """So the note that names an error comes after it."""
    data = role("arn:aws:iam::123:role/n", EC2, NODES) | {"mapusers": "[]"}
    found = lint(Document(data))
    assert [one.code for one in found if one.location] == ["account-digits", "no-node-mapping"]
    assert [one.code for one in found if not one.location] == ["unknown-data-key", "no-administrator"]


@pytest.mark.parametrize("arns", [
    f"{ROLE}/a,{ROLE}/b", f"{ROLE}/a, {ROLE}/b", f"{USER}/a,{USER}/b", f"{ROLE}/a;{USER}/b",
    f"{ROLE}/a {ROLE}/team/b", f"{ROLE}/arn:aws:iam::444455556666:role/b",
])  # fmt: skip
def test_several_arns_in_one_value_are_not_one_arn_with_a_path(arns: str) -> None:
    """A fix would map the last one, and lose the others."""
    for data in (role(f'"{arns}"', "x"), user(f'"{arns}"', "x")):
        [finding] = [one for one in lint(Document(data)) if one.severity is Severity.ERROR]
        assert (finding.code, finding.fix) == ("not-an-arn", ())
        assert finding.message == "This is more than one ARN."


@pytest.mark.parametrize("arn", [f"{ROLE}/{ROLE}/n", f"{ROLE}/team/{ROLE.partition('arn:')[2]}/n"])
def test_an_arn_in_the_place_of_a_name_is_one(arn: str) -> None:
    assert f"`{ROLE}/n`" in told("role-path", role(arn, "n"))[0].hint


def test_a_list_of_arns_needs_an_entry_for_each() -> None:
    [finding] = told("wrong-type", {"mapRoles": f"- rolearn: [{ROLE}/a, {ROLE}/b]\n  username: x\n"})
    assert finding.hint == "Write an entry of its own for each ARN."


@pytest.mark.parametrize("text", [
    f"- \n- userarn: {USER}/al\n  username: al\n", f"- userarn: {USER}/al\n- \n- username: al\n",
    f"- ~\n- ~\n- userarn: {USER}/al\n", f"- {{}}\n- userarn: {USER}/al\n",
    f"- &a {{userarn: {USER}/al}}\n- *a\n- username: al\n", f"- username: al\n- &a {{userarn: {USER}/al}}\n- *a\n- groups: [x]\n",
])  # fmt: skip
def test_an_entry_without_fields_is_not_a_part_of_another_one(text: str) -> None:
    document = Document({"mapUsers": text})
    assert not [finding.line for finding in document.problems if "fails on it" in finding.message]
    assert {finding.code for finding in document.problems} <= {"entry-dropped"}
