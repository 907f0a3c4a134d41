"""Mappings and access entries in one list: the source that decides for each principal, and who gets a group."""

from __future__ import annotations

import json

import pytest

import awsauth
from awsauth.core.entries.model import AccessEntry, AccessPolicy, AuthenticationMode, EntriesState, access_view
from awsauth.core.findings import Finding, Severity
from awsauth.core.report.who_can import who_gets

PREFIX = "arn:aws:iam::111122223333:role"
POLICY = "arn:aws:eks::aws:cluster-access-policy"
DOCUMENT = awsauth.Document({
    "mapRoles": f"- rolearn: {PREFIX}/ops\n  username: ops\n  groups: [system:masters]\n"
    f"- rolearn: {PREFIX}/ci\n  username: ci\n  groups: [builders]\n"
    f"- rolearn: {PREFIX}/team/lost\n  username: lost\n",
    "mapAccounts": '["444455556666"]',
})  # fmt: skip
OPS = AccessEntry(
    f"{PREFIX}/team/ops", "STANDARD", "ops", ("viewers",), (AccessPolicy(f"{POLICY}/AmazonEKSViewPolicy", ("a", "b")),)
)
BOSS = AccessEntry(
    f"{PREFIX}/boss", "STANDARD", "boss", (), (AccessPolicy(f"{POLICY}/AmazonEKSClusterAdminPolicy"),),
    tags={"awsauth/owner": "platform"},
)  # fmt: skip
NOTE = Finding("not-looked-at", Severity.NOTE, "Not checked.", "", "")


def shown(state: EntriesState) -> list[tuple[str, str, str]]:
    found = access_view(DOCUMENT, state, {f"role/{PREFIX}/ci": "web"}).principals
    return [(one.principal.rpartition(":role/")[2], one.decided_by, one.owner) for one in found]


def test_an_entry_decides_for_its_principal_and_has_the_real_path() -> None:
    assert shown(EntriesState("API_AND_CONFIG_MAP", (BOSS, OPS))) == [
        ("team/ops", "entry", ""),
        ("ci", "mapping", "web"),
        ("team/lost", "nothing", ""),
        ("444455556666", "mapping", ""),
        ("boss", "entry", "platform"),
    ]


def test_in_mode_api_no_mapping_counts() -> None:
    found = {(decided, name) for name, decided, _ in shown(EntriesState("API", (OPS,)))}
    assert found == {("entry", "team/ops"), ("nothing", "ci"), ("nothing", "team/lost"), ("nothing", "444455556666")}


def test_in_mode_config_map_no_entry_counts() -> None:
    assert [decided for _, decided, _ in shown(EntriesState("CONFIG_MAP", (OPS, BOSS)))] == [
        "mapping", "mapping", "nothing", "mapping",
    ]  # fmt: skip


def test_entries_that_cannot_be_listed_leave_it_open() -> None:
    view = access_view(DOCUMENT, EntriesState("API_AND_CONFIG_MAP", None, (NOTE,)), {})
    assert [one.decided_by for one in view.principals] == ["unknown", "unknown", "nothing", "unknown"]
    assert view.notes == (NOTE,)


def test_a_mapping_under_an_entry_is_said() -> None:
    view = access_view(DOCUMENT, EntriesState("API_AND_CONFIG_MAP", (OPS, BOSS)), {})
    ops, boss = view.principals[0], view.principals[-1]
    assert (ops.reason, ops.username, ops.groups) == ("Its access entry overrides its mapping.", "ops", ("viewers",))
    assert (boss.reason, boss.mapped) == ("It has an access entry.", False)
    assert view.to_json()["principals"][0]["entry"]["policies"][0]["namespaces"] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "mode", "principals"),
    [
        ("system:masters", "API_AND_CONFIG_MAP", ["boss"]),
        ("system:masters", "CONFIG_MAP", ["ops"]),
        ("viewers", "API", ["team/ops"]),
        ("builders", "API_AND_CONFIG_MAP", ["ci"]),
        ("builders", "API", []),
        ("AmazonEKSViewPolicy", "API", ["team/ops"]),
        ("AmazonEKSClusterAdminPolicy", "API", ["boss"]),
    ],
)
def test_who_gets_a_group_or_policy(name: str, mode: AuthenticationMode, principals: list[str]) -> None:
    state = EntriesState(mode, (OPS, BOSS))
    found = who_gets(DOCUMENT, state, name, None)
    assert [one.principal.rpartition(":role/")[2] for one in found] == principals


def test_who_gets_a_policy_in_namespaces_only_is_said() -> None:
    state = EntriesState("API", (OPS,), (NOTE,))
    found = who_gets(DOCUMENT, state, "AmazonEKSViewPolicy", None)
    assert str(found).endswith(
        f"One principal gets the group `AmazonEKSViewPolicy`.\n  `{PREFIX}/team/ops` (access entry). In the namespaces a, b.\n"
        "  ! Not checked."
    )


def test_a_principal_is_mapped_whatever_decides() -> None:
    found = access_view(DOCUMENT, EntriesState("API_AND_CONFIG_MAP", (BOSS, OPS)), {}).principals
    assert [one.mapped for one in found] == [True, True, True, True, False]


@pytest.mark.parametrize(
    ("state", "name", "given"),
    [
        (EntriesState("API_AND_CONFIG_MAP"), "ci", ("mapping", "It has no access entry.", "ci", ("builders",))),
        (EntriesState("CONFIG_MAP"), "ci", ("mapping", "aws-auth maps it.", "ci", ("builders",))),
        (EntriesState(), "ci", ("mapping", "aws-auth maps it.", "ci", ("builders",))),
        (EntriesState(), "team/lost", ("nothing", "No caller can have this ARN.", "", ())),
        (
            EntriesState("API"),
            "ci",
            ("nothing", "The authentication mode is API: the cluster does not use aws-auth.", "", ()),
        ),
        (
            EntriesState("API_AND_CONFIG_MAP", None),
            "ci",
            ("unknown", "The access entries could not be read, and one would decide.", "ci", ("builders",)),
        ),
    ],
)
def test_the_source_of_an_access_in_full(state: EntriesState, name: str, given: tuple[object, ...]) -> None:
    [one] = [one for one in access_view(DOCUMENT, state, {}).principals if one.principal == f"{PREFIX}/{name}"]
    assert (one.decided_by, one.reason, one.username, one.groups) == given


def test_of_several_spellings_the_last_one_is_shown() -> None:
    entries = [{"userarn": f"arn:aws:iam::111122223333:user/{name}", "username": name} for name in ("a", "A")]
    [one] = access_view(awsauth.Document({"mapUsers": json.dumps(entries)}), EntriesState(), {}).principals
    assert one.username == "A"


def test_a_user_with_the_name_of_an_instance_does_not_get_in() -> None:
    entry = {"userarn": "arn:aws:iam::111122223333:user/a", "username": "{{EC2PrivateDNSName}}", "groups": ["view"]}
    [one] = access_view(awsauth.Document({"mapUsers": json.dumps([entry])}), EntriesState(), {}).principals
    assert (one.decided_by, one.reason, one.groups) == (
        "nothing",
        "No user has an EC2 instance's private DNS name.",
        (),
    )
