"""Guards of changes of access entries, on both sources."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from awsauth.core.document.document import Document
from awsauth.core.edit.validation import BRIDGE_GROUP
from awsauth.core.entries.model import AccessEntry, AuthenticationMode
from awsauth.core.findings import Finding, Severity
from awsauth.core.guards.access import needs_bridge
from awsauth.core.guards.context import GuardContext, GuardInput, NodeUse
from awsauth.core.guards.entries import mapping_of, taken
from awsauth.core.guards.guards import run_guards
from tests.support.access_entries import ADMIN_POLICY, EDIT, ROLE, USER, VIEW, change, changes, entry, nodes
from tests.support.changed import BOTH, DNS, MASTERS, node, role, roles, user, users

ME = f"{ROLE}/me"
NOTHING = Document({})
BOSS = entry("boss", ADMIN_POLICY)
OTHER = f"{USER}/other"


def context(
    before: list[AccessEntry], after: list[AccessEntry], mode: AuthenticationMode = "API_AND_CONFIG_MAP", **facts: Any
) -> GuardContext:
    facts = {"caller_arn": OTHER, **facts, "access_entries": tuple(before), "entry_diffs": changes(before, after)}
    return GuardContext(authentication_mode=mode, **facts)


def found(
    before: list[AccessEntry], after: list[AccessEntry], document: Document = NOTHING, **facts: Any
) -> list[Finding]:
    return list(run_guards(document, document, context(before, after, **facts)))


def refused(
    before: list[AccessEntry], after: list[AccessEntry], document: Document = NOTHING, **facts: Any
) -> list[str]:
    return [one.code for one in found(before, after, document, **facts) if one.severity is Severity.ERROR]


# Administrators


@pytest.mark.parametrize("mode", ["API", "API_AND_CONFIG_MAP"])
@pytest.mark.parametrize(
    "after", [[], [entry("boss")], [entry("boss", EDIT)], [entry("boss", f"{ADMIN_POLICY}=a")]], ids=str
)
def test_the_last_administrator_stays(mode: AuthenticationMode, after: list[AccessEntry]) -> None:
    assert refused([BOSS, entry("ci", VIEW)], [*after, entry("ci", VIEW)], mode=mode) == ["last-admin"]


@pytest.mark.parametrize(
    ("after", "document", "facts"),
    [
        ([entry("two", ADMIN_POLICY)], NOTHING, {}),
        ([entry("two", groups=("platform",))], NOTHING, {"admin_groups": frozenset({"platform"})}),
        ([entry("two", username="root")], NOTHING, {"admin_usernames": frozenset({"root"})}),
        ([], roles(role("two", "two", MASTERS)), {}),
        ([], roles(role("two", "two", "platform")), {"admin_groups": frozenset({"platform"})}),
    ],
    ids=["by policy", "by group", "by username", "by mapping", "by mapping and RBAC"],
)
def test_another_administrator_is_enough(after: list[AccessEntry], document: Document, facts: dict[str, Any]) -> None:
    assert refused([BOSS, *after], after, document, **facts) == []


def test_mappings_do_not_count_in_the_mode_api() -> None:
    document = roles(role("two", "two", MASTERS))
    assert refused([BOSS], [], document, mode="API") == ["last-admin"]
    assert refused([BOSS], [], document) == []


def test_an_entry_overrides_the_mapping_of_the_last_administrator() -> None:
    document = roles(role("ops", "ops", MASTERS))
    assert refused([], [entry("team/ops", VIEW, username="ops")], document) == ["last-admin"]
    assert refused([], [entry("team/ops", ADMIN_POLICY, username="ops")], document) == []


def test_a_stale_administrator_does_not_remain() -> None:
    old = entry("old", ADMIN_POLICY)
    stale = frozenset({old.principal_arn})
    assert refused([BOSS, old], [old]) == []
    assert refused([BOSS, old], [old], stale_entries=stale) == ["last-admin"]
    # It can be deleted, and its mapping counts.
    assert refused([BOSS, old], [BOSS], stale_entries=stale) == []
    document = roles(role("old", "old", MASTERS))
    assert refused([BOSS, old], [old], document, stale_entries=stale) == []


def test_access_that_a_recovery_removes_does_not_remain() -> None:
    made = entry("me", ADMIN_POLICY, tags={"awsauth/temporary": "2026-01-01T00:00:00Z"})
    given = entry("me", ADMIN_POLICY, tags={"awsauth/temporary-policy": "2026-01-01T00:00:00Z"})
    for temporary in (made, given):
        assert refused([BOSS, temporary], [temporary], caller_arn=ME) == ["last-admin"]
        assert refused([BOSS, temporary], [BOSS]) == []
        assert refused([temporary], []) == []


def test_an_entry_that_could_not_be_read_is_not_certainly_an_administrator() -> None:
    unread = AccessEntry(f"{ROLE}/ops")
    document = roles(role("ops", "ops", MASTERS))
    assert refused([BOSS, unread], [unread], document) == ["last-admin"]
    assert refused([BOSS, unread], [unread]) == ["last-admin"]
    assert refused([unread], [unread, entry("ci")]) == []


def test_a_service_linked_role_is_not_an_administrator() -> None:
    linked = entry(f"{ROLE}/aws-service-role/x.amazonaws.com/AWSServiceRoleForX", ADMIN_POLICY)
    assert refused([BOSS, linked], [linked]) == ["last-admin"]


def test_without_an_administrator_before_nothing_is_lost() -> None:
    assert refused([entry("ci", VIEW)], []) == []


@pytest.mark.parametrize(
    ("left", "codes"),
    [
        (BOSS, []),
        (entry("two", groups=("platform",)), []),
        (entry("two", VIEW), ["last-admin"]),
        (entry("two", ADMIN_POLICY, tags={"awsauth/temporary": "2026-01-01T00:00:00Z"}), ["last-admin"]),
        (entry("two", ADMIN_POLICY, tags={"awsauth/temporary-policy": "2026-01-01T00:00:00Z"}), ["last-admin"]),
        (AccessEntry(f"{ROLE}/two"), ["last-admin"]),
    ],
    ids=["by policy", "by RBAC", "no administrator", "an entry for a recovery", "a policy for a recovery", "unread"],
)
def test_an_administrator_by_an_entry_is_left_when_a_mapping_goes(left: AccessEntry, codes: list[str]) -> None:
    before, facts = roles(role("ops", "ops", MASTERS)), GuardContext(access_entries=(left,), caller_arn=OTHER)
    facts = facts._replace(authentication_mode="API_AND_CONFIG_MAP", admin_groups=frozenset({"platform"}))
    found = run_guards(before, roles(), facts)
    assert [one.code for one in found if one.severity is Severity.ERROR] == codes


def test_a_caller_with_an_entry_loses_nothing_with_its_mapping() -> None:
    before, facts = (
        roles(role("me", "me", MASTERS)),
        GuardContext(access_entries=(entry("me", VIEW), BOSS), caller_arn=ME),
    )
    found = run_guards(before, roles(), facts._replace(authentication_mode="API_AND_CONFIG_MAP"))
    assert [one.code for one in found] == ["entry-shadows"]


# The caller


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (entry("me", VIEW), None),
        (entry("me", VIEW), entry("me")),
        (entry("me", VIEW), entry("me", f"{VIEW}=a")),
        (entry("me", f"{VIEW}=a,b"), entry("me", f"{VIEW}=b")),
        (entry("me", EDIT), entry("me", VIEW)),
        (entry("me", "AmazonEKSAdminViewPolicy"), entry("me", EDIT)),
        (entry("me", groups=("g", "h")), entry("me", groups=("g",))),
        (entry("me"), entry("me", username="y")),
    ],
)
def test_the_caller_keeps_its_access(before: AccessEntry, after: AccessEntry | None) -> None:
    left = [after] if after else []
    assert refused([BOSS, before], [BOSS, *left], caller_arn=ME) == ["own-access"]
    assert refused([BOSS, before], [BOSS, *left]) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (entry("me", f"{VIEW}=a"), entry("me", VIEW)),
        (entry("me", f"{VIEW}=a"), entry("me", f"{VIEW}=a,b")),
        (entry("me", f"{VIEW}=a,a-b"), entry("me", f"{VIEW}=a*")),
        (entry("me", f"{VIEW}=a"), entry("me", EDIT)),
        (entry("me", VIEW, f"{EDIT}=b"), entry("me", "AmazonEKSAdminPolicy")),
        (entry("me", "AmazonEKSAIOpsAssistantPolicy=b"), entry("me", f"{ADMIN_POLICY}=b")),
        (entry("me", "AmazonEKSAIOpsAssistantPolicy", groups=("g",)), entry("me", ADMIN_POLICY)),
        (entry("me", groups=("g",)), entry("me", groups=("h", "g"))),
        (entry("me", ADMIN_POLICY, groups=(BRIDGE_GROUP,)), entry("me", ADMIN_POLICY)),
        (entry("me", groups=(BRIDGE_GROUP,)), entry("me", ADMIN_POLICY)),
    ],
)
def test_the_caller_may_get_more(before: AccessEntry, after: AccessEntry) -> None:
    assert refused([BOSS, before], [BOSS, after], caller_arn=ME) == []


def test_the_caller_moves_from_a_mapping_to_an_entry() -> None:
    document = roles(role("me", "me", MASTERS, "devs"))
    moved = entry("team/me", ADMIN_POLICY, username="arn:aws:sts::111122223333:assumed-role/me/{{SessionName}}")
    assert refused([], [moved], document, caller_arn=ME, caller_username="me") == []
    assert refused([BOSS], [BOSS, entry("me", VIEW, username="me")], document, caller_arn=ME) == ["own-access"]
    devs = roles(role("me", "me", "devs"))
    assert refused([BOSS], [BOSS, entry("me", username="me", groups=("devs",))], devs, caller_arn=ME) == []
    assert refused([BOSS], [BOSS, entry("me", username="x", groups=("devs",))], devs, caller_arn=ME) == ["own-access"]


def test_the_mapping_of_the_caller_counts_without_its_entry() -> None:
    document = roles(role("me", "x", "g"))
    mine = entry("me", groups=("g",))
    assert refused([BOSS, mine], [BOSS], document, caller_arn=ME) == []
    assert refused([BOSS, mine], [BOSS], document, caller_arn=ME, mode="API") == ["own-access"]


def test_an_unknown_caller_is_told() -> None:
    codes = [(one.code, one.severity) for one in found([BOSS, entry("a")], [BOSS], caller_arn=None)]
    assert codes == [("own-access", Severity.WARNING)]


def test_of_two_entries_of_one_name_each_has_to_leave_the_caller_an_administrator() -> None:
    other = entry("b/me")
    before, after = [BOSS, entry("a/me"), other], [BOSS, entry("a/me", ADMIN_POLICY, username="y"), other]
    assert refused(before, after, caller_arn=ME) == ["own-access"]


# Nodes


def lost(
    before: list[AccessEntry], after: list[AccessEntry], document: Document, use: NodeUse, **facts: Any
) -> list[str]:
    return refused([BOSS, *before], [BOSS, *after], document, nodes={f"{ROLE}/path/node": use}, **facts)


@pytest.mark.parametrize("kind", ["EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX", "EC2", "HYPERPOD_LINUX"])
def test_an_entry_of_nodes_stays_while_they_use_it(kind: str) -> None:
    uses: dict[NodeUse, list[str]] = {"in use": ["node-mapping"], "unknown": ["node-mapping"], "unused": []}
    for use, codes in uses.items():
        assert lost([nodes("path/node", kind)], [], NOTHING, use) == codes
    assert lost([nodes("path/node", kind)], [], NOTHING, "in use", mode="API") == ["node-mapping"]


@pytest.mark.parametrize(
    ("kind", "preset", "codes"),
    [
        ("EC2_LINUX", "ec2", []),
        ("EC2_WINDOWS", "windows", []),
        ("FARGATE_LINUX", "fargate", []),
        ("HYBRID_LINUX", "hybrid", []),
        ("EC2_LINUX", "windows", ["node-mapping"]),
        ("EC2_LINUX", "fargate", ["node-mapping"]),
        ("FARGATE_LINUX", "ec2", ["node-mapping"]),
        ("STANDARD", "ec2", ["node-mapping"]),
        ("STANDARD", "fargate", ["node-mapping"]),
    ],
)
def test_an_entry_beside_a_mapping_of_nodes(kind: str, preset: Any, codes: list[str]) -> None:
    document = roles(node("node", preset))
    made = entry("path/node", type=kind, username="" if kind != "STANDARD" else "x")
    assert lost([], [made], document, "in use") == codes
    assert lost([], [made], document, "unused") == []
    assert lost([], [made], document, "in use", mode="API") == []


def test_nodes_can_join_by_their_mapping() -> None:
    document = roles(node())
    assert lost([nodes("path/node")], [], document, "in use") == []
    assert lost([entry("path/node")], [], document, "in use") == []
    assert lost([nodes("path/node")], [], document, "in use", mode="API") == ["node-mapping"]


# Access by the mapping beside an entry


def test_a_mapping_that_grants_more_counts_without_the_entry() -> None:
    document = roles(role("ci", "x", "g", MASTERS))
    ci = entry("ci", VIEW, groups=("g",))
    assert refused([BOSS, ci], [BOSS], document) == ["gains"]
    assert refused([BOSS, ci], [BOSS], document, mode="API") == []
    assert refused([BOSS, ci], [BOSS, entry("ci", ADMIN_POLICY)], document) == []


def test_of_two_spellings_one_for_nodes_does_not_hide_the_gain_by_the_other() -> None:
    document = users(user("ci", DNS, *BOTH), user("CI", "root", MASTERS))
    assert refused([BOSS, entry(f"{USER}/ci")], [BOSS], document) == ["gains"]


def test_of_two_entries_of_one_name_one_administrator_does_not_hide_the_gain_of_the_other() -> None:
    both = [entry("a/ci", ADMIN_POLICY), entry("b/ci")]
    assert refused([BOSS, *both], [BOSS], roles(role("ci", "x", MASTERS))) == ["gains"]
    told = found([BOSS], [BOSS, *both], roles(role("ci", "x", "g")), caller_arn=BOSS.principal_arn)
    assert [one.code for one in told] == ["entry-shadows"] * 2


def test_the_way_back_to_a_mapping_is_open() -> None:
    document = roles(role("ops", "ops", MASTERS, "devs"), role("ci", "ci", "g"), role("root", "root"))
    assert refused([BOSS, entry("ops", ADMIN_POLICY)], [BOSS], document) == []
    ci, root = entry("ci", groups=("g",)), entry("root")
    assert refused([BOSS, ci], [BOSS], document) == ["gains"]
    assert refused([BOSS, ci], [BOSS], document, is_rollback=True) == []
    assert refused([BOSS, entry("ci")], [BOSS], document, is_rollback=True) == ["gains"]
    facts: dict[str, Any] = {"is_rollback": True, "admin_usernames": frozenset({"root"})}
    assert refused([BOSS, root], [BOSS], document, **facts) == ["gains"]


def test_a_mapping_that_grants_less_is_told() -> None:
    document = roles(role("ci", "x", "g"))
    told = found([BOSS, entry("ci", VIEW, groups=("g", "h"))], [BOSS], document, caller_arn=BOSS.principal_arn)
    assert [(one.code, one.severity) for one in told] == [("entry-shadows", Severity.WARNING)]
    assert "is to `x`; its groups: `g`." in str(told[0])
    assert found([BOSS, nodes("ci")], [BOSS], roles(node("ci")), caller_arn=BOSS.principal_arn) == []


def test_a_mapping_that_the_new_entry_overrides_is_told() -> None:
    document = roles(role("ci", "ci", MASTERS, "g"))
    mine = {"caller_arn": BOSS.principal_arn}
    for narrower in (entry("team/ci", VIEW, username="ci"), entry("ci", groups=("g",), username="ci")):
        [told] = found([BOSS], [BOSS, narrower], document, **mine)
        assert (told.code, told.severity) == ("entry-shadows", Severity.WARNING)
        assert "its groups: `system:masters`, `g`." in str(told)
        assert found([BOSS], [BOSS, narrower], document, mode="API", **mine) == []
    assert found([BOSS], [BOSS, entry("ci", ADMIN_POLICY, username="x")], document, **mine) == []
    equal = entry("ci", username="ci", groups=("g",))
    assert found([BOSS], [BOSS, equal], roles(role("ci", "ci", "g")), **mine) == []


def test_an_account_gives_access_without_the_entry() -> None:
    document = Document({"mapAccounts": '["111122223333"]'})
    ci = entry("ci", username="ci")
    assert refused([BOSS, ci], [BOSS], document) == ["gains"]
    # Beside the account an entry is a wish, however wide it is.
    assert refused([BOSS], [BOSS, entry("ci", ADMIN_POLICY)], document) == []
    assert refused([BOSS, ci], [BOSS, entry("ci", ADMIN_POLICY, username="ci")], document) == []


def test_a_mapping_with_another_path_does_not_count() -> None:
    document = roles(role(f"{ROLE}/path/ci", "ci", MASTERS))
    assert found([BOSS, entry("path/ci")], [BOSS], document, caller_arn=BOSS.principal_arn) == []


def test_a_user_in_another_case_counts() -> None:
    document = users(user("CI", "ci", MASTERS))
    assert refused([BOSS, entry(f"{USER}/ci")], [BOSS], document) == ["gains"]


# Rollbacks


def test_a_rollback_does_not_give_back_what_another_writer_took() -> None:
    facts: dict[str, Any] = {"is_rollback": True, "regranted": {f"{ROLE}/ci": ("AmazonEKSEditPolicy",)}}
    before, after = [BOSS, entry("path/ci")], [BOSS, entry("path/ci", EDIT)]
    assert refused(before, after, **facts) == ["regrant"]
    assert refused([BOSS], [BOSS, entry("ci")], **(facts | {"regranted": {f"{ROLE}/ci": ()}})) == ["regrant"]
    assert refused(before, [BOSS, entry("path/ci", VIEW)], **facts) == []
    assert refused(before, after) == []
    # Without an administrator, a rollback gives access back; one who may be an administrator is enough.
    assert refused([entry("ci")], [entry("ci", EDIT), BOSS], **facts) == []
    for_a_while = entry("x", ADMIN_POLICY, tags={"awsauth/temporary": "2026-01-01T00:00:00Z"})
    assert refused([for_a_while, entry("ci")], [for_a_while, entry("ci", EDIT)], **facts) == []
    unread, document = AccessEntry(f"{ROLE}/ops"), roles(role("ops", "ops", MASTERS))
    assert refused([unread, entry("ci")], [unread, entry("ci", EDIT)], document, **facts) == ["regrant"]


def test_a_mapping_that_goes_beside_access_of_a_recovery_leaves_that_access() -> None:
    left = entry("x", ADMIN_POLICY, tags={"awsauth/temporary": "2026-01-01T00:00:00Z"})
    known = GuardContext(caller_arn=OTHER, authentication_mode="API_AND_CONFIG_MAP", access_entries=(left,))
    boss, now = role("boss", "boss", MASTERS), role("x", "x", "g")

    def told(after: Document) -> list[str]:
        return [one.message for one in run_guards(roles(now, boss), after, known) if one.code == "entry-shadows"]

    assert told(roles(boss)) == [f"`{ROLE}/x` keeps its access: it has an access entry."]
    assert told(roles(role("x", "x", "g", "h"), boss)) == []


def test_the_rights_that_changes_took() -> None:
    ci, less = entry("ci", f"{VIEW}=b,a", groups=("g", "h")), entry("ci", groups=("h",))
    views = (f"{VIEW} in a", f"{VIEW} in b")
    assert taken([change(ci, less)]) == {ci.principal: (*views, "g")}
    assert taken([change(ci, replace(ci, groups=("h",))), change(less, entry("ci"))]) == {ci.principal: ("g", "h")}
    assert taken([change(less, ci), change(None, ci), change(nodes("node"), None)]) == {}
    # Without the entry there is nothing left to compare.
    assert taken([change(ci, less), change(less, None), change(ci, less)]) == {ci.principal: ()}
    assert taken([change(ci, None), change(BOSS, entry("boss"))]) == {ci.principal: (), BOSS.principal: (MASTERS,)}


# Harmless changes, and the text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([BOSS], [BOSS, entry("ci", VIEW)]),
        ([BOSS, entry("ci", VIEW)], [BOSS]),
        ([BOSS, entry("ci", VIEW)], [BOSS, entry("ci", ADMIN_POLICY, groups=("a",))]),
        ([BOSS], [BOSS, nodes("node")]),
        ([BOSS], [BOSS, entry("old", ADMIN_POLICY)]),
    ],
)
@pytest.mark.parametrize("text", ["- [", '[{"rolearn": "x", "rolearn": "y"}]', ""])
def test_harmless_changes_pass_whatever_aws_auth_holds(before: Any, after: Any, text: str) -> None:
    modes: list[AuthenticationMode] = ["API", "API_AND_CONFIG_MAP"]
    for mode in modes:
        assert found(before, after, Document({"mapRoles": text}), mode=mode, caller_arn=BOSS.principal_arn) == []


# The bridge


@pytest.mark.parametrize(
    ("document", "after", "is_needed"),
    [
        (roles(role("ops", "ops", MASTERS)), entry("team/ops", ADMIN_POLICY), True),
        (roles(role("ops", "ops", "platform")), entry("team/ops", ADMIN_POLICY), True),
        (roles(role("ops", "ops", "platform")), entry("ops", ADMIN_POLICY, groups=("platform",)), False),
        (roles(role("ops", "ops", MASTERS)), entry("ops", f"{ADMIN_POLICY}=a"), False),
        (roles(role("ops", "ops", "view")), entry("ops", ADMIN_POLICY), False),
        (roles(role(f"{ROLE}/team/ops", "ops", MASTERS)), entry("team/ops", ADMIN_POLICY), False),
        (NOTHING, entry("ops", ADMIN_POLICY), False),
        (users(user("ops", "ops", MASTERS)), entry(f"{USER}/ops", ADMIN_POLICY), True),
    ],
)
def test_an_administrator_by_mapping_needs_a_bridge(document: Document, after: AccessEntry, *, is_needed: bool) -> None:
    facts = context([BOSS], [BOSS, after], admin_groups=frozenset({"platform"}))
    assert needs_bridge(GuardInput.of(document, document, facts), change(None, after)) is is_needed
    in_api = context([BOSS], [BOSS, after], mode="API", admin_groups=frozenset({"platform"}))
    assert not needs_bridge(GuardInput.of(document, document, in_api), change(None, after))
    assert not needs_bridge(GuardInput.of(document, document, facts), change(entry("ops"), after))


def test_an_entry_with_the_bridge_of_an_interrupted_change_needs_it_still() -> None:
    after = entry("ops", ADMIN_POLICY)
    case = GuardInput.of(NOTHING, NOTHING, context([BOSS], [BOSS, after]))
    assert needs_bridge(case, change(entry("ops", groups=(BRIDGE_GROUP,)), after)) is True
    assert needs_bridge(case, change(entry("ops", groups=(BRIDGE_GROUP,)), entry("ops"))) is False


def test_the_group_of_the_bridge_stands_as_that_of_administrators() -> None:
    bridged = entry("ops", groups=("g", BRIDGE_GROUP))
    assert mapping_of(bridged, ()).groups == (MASTERS, "g")
