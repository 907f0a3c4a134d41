"""Access entries: read as EKS has them, and what they mean for a change to aws-auth."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from awsauth.aws.access_entries import AccessEntries
from awsauth.aws.eks import describe_cluster
from awsauth.aws.session import AwsSession
from awsauth.core.document.document import Document
from awsauth.core.entries.findings import IamFacts, entry_findings
from awsauth.core.entries.model import NODE_TYPES, AccessEntry, AccessPolicy, EntriesState
from awsauth.core.findings import Severity
from awsauth.core.guards.context import GuardContext
from awsauth.core.guards.guards import enforce
from awsauth.errors import AwsPermissionError, GuardError
from tests.support.aws.aws_environment import KEYS, only
from tests.support.aws.eks_fake import EksFake
from tests.support.changed import (
    ADMIN,
    MASTERS,
    OUT_OF_THE_WAY,
    PREFIX,
    USERS,
    node,
    refusals,
    refused,
    role,
    roles,
    said,
    user,
    users,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from awsauth.aws.access_entries import ReadEntries
    from awsauth.core.entries.model import AuthenticationMode
    from awsauth.core.findings import Finding
    from tests.support.aws.eks_fake import FakeCluster

POLICY = "arn:aws:eks::aws:cluster-access-policy"
CLUSTER_ADMIN = AccessPolicy(f"{POLICY}/AmazonEKSClusterAdminPolicy")


@pytest.fixture
def eks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[EksFake]:
    with EksFake() as fake:
        only(monkeypatch, tmp_path, KEYS | fake.environment)
        yield fake


def cluster_of(eks: EksFake, mode: str = "API_AND_CONFIG_MAP", authority: str = "x") -> FakeCluster:
    return eks.add_cluster("prod", authentication_mode=mode, certificate_authority=authority)


def read(eks: EksFake) -> ReadEntries:
    session = AwsSession(region=eks.region)
    return AccessEntries(session, describe_cluster(session, "prod")).read()


def context(*entries: AccessEntry, **more: Any) -> GuardContext:
    return GuardContext(
        caller_arn=f"{USERS}/somebody-else", authentication_mode="API_AND_CONFIG_MAP", access_entries=entries, **more
    )


def standard(name: str, *policies: AccessPolicy, username: str = "u", groups: tuple[str, ...] = ()) -> AccessEntry:
    return AccessEntry(f"{PREFIX}/{name}", "STANDARD", username, groups, policies)


# Reading them.


def test_entries_are_read_with_all_that_they_give(eks: EksFake) -> None:
    entries = cluster_of(eks).entries
    entries.create(f"{PREFIX}/team/ops", {"kubernetesGroups": ["ops", "view"], "username": "ops"})
    scope = {"type": "namespace", "namespaces": ["apps-*"]}
    for name, access_scope in (("AmazonEKSClusterAdminPolicy", {"type": "cluster"}), ("AmazonEKSEditPolicy", scope)):
        entries.associate(f"{PREFIX}/team/ops", {"policyArn": f"{POLICY}/{name}", "accessScope": access_scope})
    entries.create(f"{PREFIX}/node", {"type": "EC2_LINUX"})
    found = read(eks)
    assert found.notes == ()
    ops = next(entry for entry in found.entries if entry.principal_arn == f"{PREFIX}/team/ops")
    edit = AccessPolicy(f"{POLICY}/AmazonEKSEditPolicy", ("apps-*",))
    assert (ops.type, ops.username, sorted(ops.groups)) == ("STANDARD", "ops", ["ops", "view"])
    assert set(ops.policies) == {CLUSTER_ADMIN, edit}
    assert EntriesState("API", found.entries).by_principal[f"{PREFIX}/ops"] is ops
    assert [entry.principal_arn for entry in found.entries if entry.lets_nodes_in] == [f"{PREFIX}/node"]
    assert "AmazonEKSEditPolicy in apps-*" in ops.gives


def test_times_and_tags_are_read(eks: EksFake) -> None:
    entries = cluster_of(eks).entries
    made = entries.create(f"{PREFIX}/ops", {"tags": {"awsauth/owner": "platform", "team": "a"}})
    made.created = datetime(2026, 3, 1, 12, tzinfo=timezone.utc).timestamp()
    [ops] = read(eks).entries
    assert (ops.created, ops.owner) == (datetime(2026, 3, 1, 12, tzinfo=timezone.utc), "platform")
    # Entries are equal whatever their times and other tags are, and have one owner.
    assert ops == replace(ops, created=None, modified=None, tags={"awsauth/owner": "platform"}, entry_arn="")
    assert ops != replace(ops, tags={"team": "a"})


def test_many_entries_are_read_page_by_page(eks: EksFake) -> None:
    eks.page = 3
    entries = cluster_of(eks).entries
    for number in range(10):
        entries.create(f"{PREFIX}/r{number}", {})
    assert len(read(eks).entries) == 10
    assert eks.operations().count("ListAccessEntries") == 4


def test_a_cluster_that_does_not_look_at_entries_is_not_asked(eks: EksFake) -> None:
    cluster_of(eks, "CONFIG_MAP")
    assert read(eks).entries == ()
    assert eks.operations() == ["DescribeCluster"]


def test_the_right_to_list_is_named(eks: EksFake) -> None:
    cluster_of(eks)
    eks.deny("ListAccessEntries")
    with pytest.raises(AwsPermissionError, match="eks:ListAccessEntries"):
        read(eks)


@pytest.mark.parametrize(
    ("operation", "kind"), [("DescribeAccessEntry", ""), ("ListAssociatedAccessPolicies", "STANDARD")]
)
def test_what_may_only_be_listed_is_kept_and_noted_once(eks: EksFake, operation: str, kind: str) -> None:
    entries = cluster_of(eks).entries
    for name in ("a", "b"):
        entries.create(f"{PREFIX}/{name}", {})
    eks.deny(operation)
    found = read(eks)
    assert [(entry.principal_arn, entry.type) for entry in found.entries] == [
        (f"{PREFIX}/a", kind),
        (f"{PREFIX}/b", kind),
    ]
    assert len(found.notes) == 1
    assert f"eks:{operation}" in found.notes[0]


@pytest.mark.parametrize("operation", ["DescribeAccessEntry", "ListAssociatedAccessPolicies"])
def test_an_entry_that_goes_meanwhile_is_left_out(eks: EksFake, operation: str) -> None:
    entries = cluster_of(eks).entries
    for name in ("a", "b"):
        entries.create(f"{PREFIX}/{name}", {})
    eks.fail(operation, "ResourceNotFoundException", "The specified principalArn could not be found", 404)
    found = read(eks)
    assert (len(found.entries), found.notes) == (1, ())


# Which mappings they win over.


def without_effect(document: Document, mode: AuthenticationMode | None, entries: list[AccessEntry]) -> list[Finding]:
    return list(entry_findings(document, EntriesState(mode, tuple(entries)), IamFacts()))


def test_an_entry_has_the_path_and_the_mapping_has_not() -> None:
    document = Document({**roles(role("ops", "ops", "view")).data, **users(user("team/anna", "anna")).data})
    entries = [standard("team/ops"), AccessEntry(f"{USERS}/team/anna", "STANDARD"), AccessEntry(f"{USERS}/anna")]
    found = without_effect(document, None, entries)
    assert [finding.principal for finding in found] == [f"{PREFIX}/ops", f"{USERS}/team/anna"]
    assert {(finding.code, finding.severity) for finding in found} == {("entry-shadows", Severity.WARNING)}
    assert "The mapping to `ops` in `view` has no effect. The entry gives: username `u`." in str(found[0])
    assert [finding.location.key for finding in found if finding.location] == ["mapRoles", "mapUsers"]


def test_an_entry_for_nodes_makes_their_mapping_needless() -> None:
    document = roles(node(), node("other"))
    entries = [AccessEntry(f"{PREFIX}/node", "EC2_LINUX")]
    [found] = without_effect(document, "API_AND_CONFIG_MAP", entries)
    assert found.severity is Severity.NOTE
    assert "nodes of type EC2_LINUX" in found.impact
    assert without_effect(document, "API_AND_CONFIG_MAP", []) == []


def test_text_from_outside_cannot_steer_a_terminal() -> None:
    entry = AccessEntry(
        f"{PREFIX}/x\x1b[2J", "STANDARD", "a\x1b[2J", ("b\x1b[2J",), (AccessPolicy("c/\x1b[2J", ("\x1b",)),)
    )
    assert "\x1b" not in entry.gives
    [found] = without_effect(roles(role(f"{PREFIX}/x\x1b[2J", "a\x1b")), None, [entry])
    assert "\x1b" not in str(found)


def test_in_api_mode_all_of_a_document_is_without_effect() -> None:
    [found] = without_effect(roles(node(), ADMIN), "API", [AccessEntry(f"{PREFIX}/node", "EC2_LINUX")])
    assert (found.code, found.severity) == ("authentication-mode", Severity.WARNING)
    assert without_effect(Document({"mapRoles": "[]"}), "API", []) == []


# What they mean for the guards.


@pytest.mark.parametrize("kind", sorted(NODE_TYPES))
def test_nodes_with_an_entry_of_their_own_need_no_mapping(kind: str) -> None:
    entry = AccessEntry(f"{PREFIX}/team/node", kind)
    in_use = {f"{PREFIX}/node": "in use"}
    assert refused(roles(node()), roles()) == ["node-mapping"]
    assert refused(roles(node()), roles(), context(entry, nodes=in_use)) == []
    assert refused(roles(node("other")), roles(), context(entry)) == ["node-mapping"]


@pytest.mark.parametrize("kind", ["STANDARD", ""])
def test_an_entry_that_is_not_for_nodes_saves_no_node_mapping(kind: str) -> None:
    """It may be the mistake that keeps the nodes out, and go tomorrow."""
    assert refused(roles(node()), roles(), context(AccessEntry(f"{PREFIX}/node", kind))) == ["node-mapping"]


@pytest.mark.parametrize(
    "entry",
    [
        standard("ops", CLUSTER_ADMIN),
        AccessEntry(f"{USERS}/anna", "STANDARD", policies=(CLUSTER_ADMIN,)),
        standard("ops", groups=("owners",)),
        standard("ops", username="boss"),
    ],
)
def test_an_administrator_by_an_entry_counts(entry: AccessEntry) -> None:
    bound = {"admin_groups": frozenset({"owners"}), "admin_usernames": frozenset({"boss"})}
    assert refused(roles(ADMIN), roles(), context(**bound)) == ["last-admin"]
    assert refused(roles(ADMIN), roles(), context(entry, **bound)) == []


@pytest.mark.parametrize(
    "entry",
    [
        standard("ops", AccessPolicy(CLUSTER_ADMIN.policy_arn, ("apps",))),
        standard("ops", AccessPolicy(f"{POLICY}/AmazonEKSAdminPolicy")),
        standard("ops", groups=("owners",)),
        AccessEntry(f"{PREFIX}/aws-service-role/eks.amazonaws.com/X", "STANDARD", policies=(CLUSTER_ADMIN,)),
        AccessEntry(f"{PREFIX}/ops"),
    ],
    ids=["in a namespace", "another policy", "groups", "a service", "not readable"],
)
def test_an_entry_of_less_than_an_administrator_does_not_count(entry: AccessEntry) -> None:
    assert refused(roles(ADMIN), roles(), context(entry)) == ["last-admin"]


def test_an_administrator_whose_entry_gives_less_is_none() -> None:
    """The mapping to system:masters has no effect, so the other one is the last."""
    demoted = context(standard("b"))
    both = roles(ADMIN, role("b", "b", MASTERS))
    assert refused(both, roles(ADMIN), demoted) == []
    assert refused(both, roles(role("b", "b", MASTERS)), demoted) == ["last-admin"]
    assert refused(both, roles(role("b", "b", MASTERS))) == []


def test_whoever_comes_in_by_an_entry_keeps_the_access() -> None:
    caller = GuardContext(caller_arn=f"{PREFIX}/ops", access_entries=(standard("team/ops"),))
    ops = role("ops", "ops", "view")
    assert refused(roles(ops), roles(), GuardContext(caller_arn=f"{PREFIX}/ops")) == ["own-access"]
    assert refused(roles(ops), roles(), caller) == []
    by_account = Document({"mapAccounts": '["111122223333"]'})
    assert refused(by_account, Document({}), GuardContext(caller_arn=f"{PREFIX}/ops")) == ["own-access"]
    assert refused(by_account, Document({}), caller) == []


def test_what_an_entry_wins_over_is_still_not_given_back_unasked() -> None:
    """On the day that the entry goes the mapping counts."""
    again = context(standard("ops"), regranted={f"{PREFIX}/ops": (MASTERS,)})
    boss = role("boss", "boss", MASTERS)
    assert refused(roles(boss), roles(boss, role("ops", "ops", MASTERS)), again) == ["regrant"]


def test_a_change_without_effect_is_said() -> None:
    entry = standard("team/ops", groups=("view",))
    [added] = said(roles(), roles(role("ops", "ops", MASTERS)), context(entry))
    assert (added.code, added.severity, added.principal) == ("entry-shadows", Severity.WARNING, f"{PREFIX}/ops")
    assert "The change has no effect on it. The entry: username `u`; groups `view`." in str(added)
    [gone] = said(roles(role("ops")), roles(), context(entry))
    assert "keeps its access" in gone.message
    assert "Delete the entry too" in gone.hint
    assert said(roles(role("ops")), roles(role("ops"), role("new")), context(entry)) == []


def test_in_the_oldest_mode_entries_mean_nothing() -> None:
    config_map = GuardContext(
        caller_arn=f"{USERS}/x", authentication_mode="CONFIG_MAP", access_entries=(standard("ops", CLUSTER_ADMIN),)
    )
    assert refused(roles(ADMIN), roles(), config_map) == ["last-admin"]


def test_in_api_mode_a_change_is_refused_for_that_alone() -> None:
    """Nobody is locked out by a change that the cluster does not look at."""
    api = GuardContext(caller_arn=f"{PREFIX}/admin", authentication_mode="API")
    before = roles(node(), ADMIN)
    assert refused(before, roles(), api) == ["authentication-mode"]
    assert refused(before, before, api) == []
    with pytest.raises(GuardError, match="does not read aws-auth") as error:
        enforce(before, roles(), api)
    assert "access entries" in str(error.value)
    assert enforce(before, roles(), api, allow=["authentication-mode"])
    assert refused(before, roles(ADMIN), OUT_OF_THE_WAY) == ["node-mapping"]


UNREAD = AccessEntry(f"{PREFIX}/admin")


def test_an_entry_that_could_not_be_read_takes_no_administrator_out_of_sight() -> None:
    ci = role("ci", "ci")
    assert refused(roles(ADMIN, ci), roles(ci), context(UNREAD)) == ["last-admin"]
    assert refused(roles(ADMIN, ci), roles(ADMIN), context(UNREAD)) == []


def test_who_has_an_entry_that_could_not_be_read_is_no_certain_administrator() -> None:
    """Whoever goes may be the last one, if the entry gives less than the mapping."""
    other = role("other", "other", MASTERS)
    [found] = refusals(roles(ADMIN, other), roles(ADMIN), context(UNREAD))
    assert found.code == "last-admin"
    assert "it is not certain that another one is left" in found.message


def test_an_entry_of_the_caller_that_could_not_be_read_does_not_hide_what_is_lost() -> None:
    around = GuardContext(caller_arn=f"{PREFIX}/ops", access_entries=(AccessEntry(f"{PREFIX}/ops"),))
    assert "own-access" in refused(roles(role("ops", "ops", "team")), roles(), around)
