"""All guards together: they fire at once, are allowed by name, and hold for any document."""

from __future__ import annotations

import ast
import json
import pickle
import re
from typing import Any

import pytest
from hypothesis import given

from awsauth.core.access.matching import account_of
from awsauth.core.access.node_mappings import PRESETS, WINDOWS_GROUP
from awsauth.core.document.document import MAX_BYTES, Document
from awsauth.core.findings import Finding, Severity
from awsauth.core.guards.context import GuardContext
from awsauth.core.guards.guards import GUARDS, enforce, raise_for_violations, run_guards
from awsauth.core.lint.policy import Policy
from awsauth.errors import GuardError, UsageError
from tests.support.changed import ADMIN, BOTH, DNS, MASTERS, OUT_OF_THE_WAY, PREFIX, node, refused, role, roles
from tests.support.documents import strategies

UNREADABLE = "- rolearn: ["


MINE = GuardContext(
    caller_arn=f"{PREFIX}/admin",
    uid="new",
    revision_uid="old",
    binary_bytes=MAX_BYTES,
    policy=Policy(required_groups=[MASTERS]),
)
EVERYTHING = roles(node(), ADMIN)
BAD = Document({"mapRoles": UNREADABLE + "#" * 1000})
OF_OTHERS = ("regrant", "gains", "unread-object", "repeated-data-key", "managed-by-tool", "authentication-mode")
AT_ONCE = [name for name in GUARDS if name not in OF_OTHERS]


def test_all_guards_fire_at_once_and_the_error_lists_each() -> None:
    with pytest.raises(GuardError) as error:
        enforce(EVERYTHING, BAD, MINE)
    assert [finding.code for finding in error.value.findings] == AT_ONCE
    for finding in error.value.findings:
        assert f"- {finding.code}: {finding}" in str(error.value)


def test_the_error_in_full() -> None:
    with pytest.raises(GuardError) as error:
        enforce(roles(ADMIN), roles(), OUT_OF_THE_WAY)
    assert str(error.value) == (
        "The change is refused for one reason.\n"
        f"- last-admin: `{PREFIX}/admin` is no longer an administrator after the change, and no other one is left. "
        "After that, no principal in aws-auth can repair the cluster's access. Map another administrator first. "
        f"To proceed, allow last-admin={PREFIX}/admin.\n"
        f"To make the change anyway, pass allow=['last-admin={PREFIX}/admin']."
    )


def test_what_the_error_offers_is_what_allows_it() -> None:
    """Law: passing the names that the error gives lets the change through, and one less does not."""
    with pytest.raises(GuardError) as error:
        enforce(EVERYTHING, BAD, MINE)
    offered = json.loads(error.value.hint.partition("allow=")[2].rstrip(".").replace("'", '"'))
    assert len(offered) == len(AT_ONCE)
    enforce(EVERYTHING, BAD, MINE, allow=offered)
    for name in offered:
        with pytest.raises(GuardError, match="refused for one reason"):
            enforce(EVERYTHING, BAD, MINE, allow=[other for other in offered if other != name])


def test_a_name_alone_allows_it_for_all() -> None:
    findings = enforce(EVERYTHING, BAD, MINE, allow=AT_ONCE)
    assert [finding.code for finding in findings] == AT_ONCE


def test_a_principal_allows_it_for_that_one_only() -> None:
    before, after = roles(node("a"), node("b")), roles()
    with pytest.raises(GuardError) as error:
        enforce(before, after, OUT_OF_THE_WAY, allow=[f"node-mapping={PREFIX}/team/A"])
    assert [finding.principal for finding in error.value.findings] == [f"{PREFIX}/b"]


def test_an_unknown_guard_is_named_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as error:
        enforce(Document({}), Document({}), allow=["last_admin"])
    assert str(error.value) == (
        "There is no guard `last_admin`.\nThe guards are node-mapping, last-admin, own-access, "
        "unreadable, too-large, regrant, gains, foreign-history, unread-object, repeated-data-key, managed-by-tool, authentication-mode, policy."
    )


@pytest.mark.parametrize(
    ("allow", "hint"),
    [
        ("last-admin", "Pass a list, for one guard too: ['last-admin']."),
        (["node-mapping="], "Write `node-mapping=ARN`, or `node-mapping` alone to allow it for all principals."),
        ([3], "Pass names of guards."),
        (3, "Pass a list."),
    ],
)
def test_a_bare_text_or_nobody_is_a_usage_error(allow: Any, hint: str) -> None:
    """A forgotten list, or a variable that was not set, allows nothing."""
    with pytest.raises(UsageError) as error:
        enforce(Document({}), Document({}), allow=allow)
    assert error.value.hint == hint


def test_what_is_only_said_refuses_nothing() -> None:
    [found] = enforce(roles(role("a")), roles())
    assert found.severity is Severity.WARNING


def test_the_error_survives_pickling() -> None:
    """Errors cross processes; their findings with them."""
    with pytest.raises(GuardError) as error:
        enforce(roles(ADMIN), roles())
    copy = pickle.loads(pickle.dumps(error.value))  # noqa: S301 - made on the line before
    assert (str(copy), copy.findings) == (str(error.value), error.value.findings)


def test_hostile_names_do_not_steer_a_terminal() -> None:
    hostile = roles(role(f"{PREFIX}/<\x1b[2J\u202e>", DNS, *BOTH))
    [found] = [finding for finding in run_guards(hostile, roles()) if finding.code == "node-mapping"]
    assert "\x1b" not in str(found)
    assert "\u202e" not in str(found)


def test_many_templates_in_a_name_take_no_time() -> None:
    """A username of a thousand templates is compared in a moment."""
    bound = GuardContext(admin_usernames=frozenset({"a" * 5000 + "b"}))
    assert refused(roles(role("a", "{{SessionName}}a" * 1000)), roles(), bound) == []


@given(strategies.documents)
def test_no_change_is_never_refused(data: dict[str, str]) -> None:
    """Law: whatever a document holds, leaving it as it is fires no guard."""
    assert run_guards(Document(data), Document(data)) == ()


@given(strategies.documents, strategies.documents)
def test_additions_are_never_refused(data: dict[str, str], more: dict[str, str]) -> None:
    """Law: a change after which nobody loses anything, in a text that can be read, fires no guard."""
    before = Document(data)
    known = {role.role_arn.lower() for role in before.roles} | {user.user_arn.lower() for user in before.users}
    new = [r for r in Document(more).roles if r.sso is None and r.role_arn.lower() not in known]
    # Whoever comes in by the account has a username already, which a mapping would change.
    new = [r for r in new if account_of(r.role_arn) not in before.accounts]
    listed = [
        {"rolearn": r.role_arn, "username": r.username, "groups": list(r.groups)}
        for r in (*before.roles, *new)
        if r.sso is None
    ]
    if not before.problems:
        assert run_guards(before, Document({**data, "mapRoles": json.dumps(listed)})) == ()


@given(strategies.documents)
def test_clearing_everything_is_refused_whenever_a_node_or_administrator_could_come_in(data: dict[str, str]) -> None:
    """Law: the same answer as from the entries that count, found the slow way."""
    before = Document(data)
    codes = set(refused(before, Document({}), GuardContext()))
    last = {r.role_arn.lower(): r for r in before.roles if r.sso is None}
    can = [r for r in last.values() if ":role/" in r.role_arn and r.role_arn.count("/") == 1 and r.role_arn.isascii()]
    # Fargate has no Windows.
    nodes = [r for r in can if r.username != PRESETS["fargate"].username or WINDOWS_GROUP not in r.groups]
    if any(r.username.startswith("system:node:") and "system:nodes" in r.groups for r in nodes):
        assert "node-mapping" in codes
    if any(MASTERS in r.groups for r in can):
        assert "last-admin" in codes


def test_a_principal_with_an_invisible_character_is_allowed_as_the_error_names_it() -> None:
    finding = Finding("policy", Severity.ERROR, "It may not stand here.", "", "", principal="a\u200bb")
    with pytest.raises(GuardError) as caught:
        raise_for_violations([finding])
    shown = re.search(r"allow=(\[.*\])", caught.value.hint)
    assert shown
    for allow in (ast.literal_eval(shown[1]), ["policy=a\u200bb"]):
        raise_for_violations([finding], allow)
