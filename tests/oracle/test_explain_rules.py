"""Each rule of matching and rendering, by name: the authenticator's own server does it, and we say that it does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from awsauth.core.access.caller import TAKES, Caller
from awsauth.core.document.authenticator import TEMPLATES
from awsauth.core.document.document import Document
from awsauth.core.explain.explain import explain
from tests.support.callers import ACCESS_KEY, attempt_of
from tests.support.changed import PREFIX, USERS, role, roles, user, users

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.explain.explanation import CallerVerdict
    from tests.support.authenticator.authenticator import Authenticator

STS: Final = "arn:aws:sts::111122223333"
CI: Final = f"{STS}:assumed-role/ci/build-7"
INSTANCE: Final = f"{STS}:assumed-role/ci/i-0123456789abcdef0"
ALICE: Final = f"{USERS}/alice"
BY_ACCOUNT: Final = {"mapAccounts": '["111122223333"]'}


class Rule(NamedTuple):
    """A document, a caller, and what comes of it: username and groups where somebody is let in."""

    data: Mapping[str, str]
    caller: str
    verdict: CallerVerdict
    username: str = ""
    groups: tuple[str, ...] = ()


def _roles(*entries: dict[str, Any]) -> Mapping[str, str]:
    return roles(*entries).data


def _users(*entries: dict[str, Any]) -> Mapping[str, str]:
    return users(*entries).data


def _is(template: str, caller: str, verdict: CallerVerdict, username: str = "") -> Rule:
    return Rule(_roles(role("ci", template)), caller, verdict, username)


SSO: Final = {"sso": {"permissionSetName": "P", "accountID": "111122223333"}, "username": "sso"}
SSO_CALLER: Final = f"{STS}:assumed-role/AWSReservedSSO_P_0123456789abcdef/alice@example.com"

RULES: Final = {
    "a session is looked up by its role": Rule(_roles(role("ci", "x", "g")), CI, "let-in", "x", ("g",)),
    "case does not matter": Rule(_roles(role("CI", "x")), CI, "let-in", "x"),
    "nor that of the caller": Rule(_roles(role("ci", "x")), CI.replace("/ci/", "/Ci/"), "let-in", "x"),
    "keys of data are case-sensitive": Rule({"maproles": _roles(role("ci"))["mapRoles"]}, CI, "not-mapped"),
    "keys of an entry are not": Rule({"mapRoles": f"- RoLeArN: {PREFIX}/ci\n  userName: x"}, CI, "let-in", "x"),
    "roles come before users": Rule({**_roles(role("ci", "r")), **_users({"userarn": f"{PREFIX}/ci"})}, CI, "let-in", "r"),
    "users come before accounts": Rule({**_users(user("alice", "u")), **BY_ACCOUNT}, ALICE, "let-in", "u"),
    "a role with its path never matches": Rule(_roles(role("team/ci")), CI, "not-mapped"),
    "a user with its path does": Rule(_users(user("team/alice", "x")), f"{USERS}/team/alice", "let-in", "x"),
    "a user without its path does not": Rule(_users(user("alice")), f"{USERS}/team/alice", "not-mapped"),
    "a session's ARN never matches": Rule(_roles(role(CI)), CI, "not-mapped"),
    "a space behind never matches": Rule(_roles(role(f"{PREFIX}/ci ")), CI, "not-mapped"),
    "of equal roles the last counts": Rule(_roles(role("ci", "1"), role("Ci", "2")), CI, "let-in", "2"),
    "also where it gives less": Rule(_roles(role("ci", "1", "g"), role("ci", "2")), CI, "let-in", "2"),
    "of equal users the last counts": Rule(_users(user("alice", "1"), user("alice", "2")), ALICE, "let-in", "2"),
    "a user's ARN works among the roles": Rule(_roles(role(ALICE, "x")), ALICE, "let-in", "x"),
    "a role's ARN works among the users": Rule(_users({"userarn": f"{PREFIX}/ci", "username": "x"}), CI, "let-in", "x"),
    "the root of an account can be mapped": Rule(_roles(role(f"{USERS[:-5]}:root", "x")), f"{USERS[:-5]}:root", "let-in", "x"),
    "a federated user can be mapped": Rule(
        _users({"userarn": f"{STS}:federated-user/bob", "username": "x"}), f"{STS}:federated-user/bob", "let-in", "x"
    ),
    "sso is off": Rule(_roles(SSO), SSO_CALLER, "not-mapped"),
    "sso with a partition is off, too": Rule(
        _roles({**SSO, "sso": {**SSO["sso"], "partition": "aws"}}), SSO_CALLER, "not-mapped"  # type: ignore[dict-item]
    ),
    "an sso role is mapped without its path": Rule(
        _roles(role("AWSReservedSSO_P_0123456789abcdef", "x")), SSO_CALLER, "let-in", "x"
    ),
    "and not with it": Rule(
        _roles(role("aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_P_0123456789abcdef")), SSO_CALLER, "not-mapped"
    ),
    "another partition is another principal": Rule(_roles(role("arn:aws-cn:iam::111122223333:role/ci")), CI, "not-mapped"),
    "a long s is an s": Rule(_users({"userarn": f"{USERS}/\u017fi", "username": "x"}), f"{USERS}/si", "let-in", "x"),
    "a dotted I takes the place of an i": Rule(_roles(role("ci", "x"), role("c\u0130", "y")), CI, "not-mapped"),
    "an account gives the ARN and no groups": Rule(BY_ACCOUNT, f"{USERS}/Alice", "let-in", f"{USERS}/Alice"),
    "of a session the role's": Rule(BY_ACCOUNT, CI, "let-in", f"{PREFIX}/ci"),
    "an account among numbers is kept": Rule(
        {"mapAccounts": "- 012345678901"}, "arn:aws:iam::012345678901:root", "let-in", "arn:aws:iam::012345678901:root"
    ),
    "a dropped entry gives nothing": Rule(_roles({**role("ci"), **SSO}), CI, "not-mapped"),
    "a dropped username is empty": Rule({"mapRoles": f"- rolearn: {PREFIX}/ci\n  username: yes"}, CI, "let-in", ""),
    "a text that cannot be read gives nothing": Rule({"mapRoles": f"- rolearn: {PREFIX}/ci\n  username: {{{{x}}}}"}, CI, "not-mapped"),
    "and leaves the other keys": Rule({"mapRoles": "- a: [", **BY_ACCOUNT}, CI, "let-in", f"{PREFIX}/ci"),
    "what is not in the first document is not read": Rule({"mapRoles": f"[]\n---\n- rolearn: {PREFIX}/ci"}, CI, "not-mapped"),
    "the session's name": _is("a:{{SessionName}}", CI, "let-in", "a:build-7"),
    "with - for @": _is("{{SessionName}}", f"{STS}:assumed-role/ci/a@b@c", "let-in", "a-b-c"),
    "raw": _is("{{SessionNameRaw}}", f"{STS}:assumed-role/ci/a@b@c", "let-in", "a@b@c"),
    "is empty for a user": Rule(_users(user("alice", "a{{SessionName}}{{SessionNameRaw}}b")), ALICE, "let-in", "ab"),
    "the account": _is("{{AccountID}}", CI, "let-in", "111122223333"),
    "the access key": _is("{{AccessKeyID}}", CI, "let-in", ACCESS_KEY),
    "in groups, too": Rule(_roles(role("ci", "x", "a-{{SessionName}}", "b")), CI, "let-in", "x", ("a-build-7", "b")),
    "templates are spelled exactly": _is("{{sessionname}}{{ AccountID }}{{Other}}", CI, "let-in", "{{sessionname}}{{ AccountID }}{{Other}}"),
    "they are filled in one after the other": Rule(
        _users(user("alice", "{{Access{{SessionName}}KeyID}}")), ALICE, "let-in", ACCESS_KEY
    ),
    "and not again": Rule(_users(user("alice", "{{Account{{SessionName}}ID}}")), ALICE, "let-in", "{{AccountID}}"),
    "an instance": _is("system:node:{{EC2PrivateDNSName}}", INSTANCE, "let-in", "system:node:{{EC2PrivateDNSName}}"),
    "of eight characters": _is("{{EC2PrivateDNSName}}", f"{STS}:assumed-role/ci/i-0a_45678", "let-in", "{{EC2PrivateDNSName}}"),
    "of nine": _is("{{EC2PrivateDNSName}}", f"{STS}:assumed-role/ci/i-012345678", "refused"),
    "no instance": _is("{{EC2PrivateDNSName}}", CI, "refused"),
    "in a group": Rule(_roles(role("ci", "x", "{{EC2PrivateDNSName}}")), CI, "refused"),
    "no user is one": Rule(_users(user("alice", "{{EC2PrivateDNSName}}")), ALICE, "refused"),
    "a refusal is final": Rule({**_roles(role("ci", "{{EC2PrivateDNSName}}")), **BY_ACCOUNT}, CI, "refused"),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_rule(authenticator: Authenticator, rule: Rule) -> None:
    """What we say is what is expected, and what the authenticator does."""
    caller = Caller(rule.caller, access_key_id=ACCESS_KEY)
    document = Document(rule.data)
    said = explain(document, caller)
    [[did]] = authenticator.authenticate_many([attempt_of(document, [caller])])
    assert said.verdict == rule.verdict
    if rule.verdict == "let-in":
        assert (said.username, said.groups) == (rule.username, rule.groups)
        username = rule.username.replace("{{EC2PrivateDNSName}}", f"{caller.session_name}.internal")
        assert did == {
            "username": username, "groups": list(rule.groups), "canonicalARN": caller.canonical_arn, "error": ""
        }  # fmt: skip
    else:
        assert (said.username, said.groups) == (None, None)
        assert (did["error"] == "identity is not mapped") == (rule.verdict == "not-mapped")
        assert did["error"]


@pytest.mark.parametrize(
    "document",
    [
        users(user("alice", "1", "g"), user("Alice", "2")),
        Document({"mapRoles": json.dumps([role("si", "1", "g"), role("\u017fi", "2")])}),
    ],
    ids=["two spellings of a user", "two letters that are equal ignoring case"],
)
def test_what_the_authenticator_leaves_undefined(authenticator: Authenticator, document: Document) -> None:
    """Asked often enough it gives now one answer, now the other; these two are what we name, and no other."""
    caller = Caller(ALICE if document.users else f"{STS}:assumed-role/si/bob", access_key_id=ACCESS_KEY)
    said = explain(document, caller)
    [answers] = authenticator.authenticate_many([attempt_of(document, [caller] * 100)])
    given = {(answer["username"], tuple(answer["groups"])) for answer in answers}
    assert said.verdict == "undefined"
    assert given == {(outcome.username, outcome.groups) for outcome in said.outcomes} == {("1", ("g",)), ("2", ())}
    assert (said.username, said.groups) == (None, None)


def test_spellings_that_come_to_the_same_are_defined() -> None:
    said = explain(users(user("alice", "1"), user("Alice", "1")), ALICE)
    assert (said.verdict, said.username) == ("let-in", "1")


@pytest.mark.parametrize(
    "arn",
    [CI, INSTANCE, ALICE, f"{USERS}/a/b/Alice", f"{STS}:federated-user/bob", f"{USERS[:-5]}:root",
     "arn:aws-cn:sts::111122223333:assumed-role/ci/bob", "arn:aws-iso-e:sts::111122223333:assumed-role/x+=,.@-_/b+=,.@-_"],
)  # fmt: skip
def test_canonical_arn_is_the_authenticators(authenticator: Authenticator, arn: str) -> None:
    caller = Caller(arn)
    [[did]] = authenticator.authenticate_many([attempt_of(Document(BY_ACCOUNT), [caller])])
    assert did["canonicalARN"] == caller.canonical_arn


def test_every_template_is_explained() -> None:
    assert sorted(TAKES) == sorted(f"{{{{{name}}}}}" for name in TEMPLATES)
