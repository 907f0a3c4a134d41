"""The guard of gains: removals and rollbacks that uncover an entry by which a principal gets more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

import awsauth
from awsauth.core.access.matching import Access, casefold_arn, gains
from awsauth.core.document.document import Document
from awsauth.core.entries.model import AccessEntry
from awsauth.core.guards.context import GuardContext
from awsauth.errors import GuardError
from tests.support.callers import close_data
from tests.support.changed import (
    ADMIN,
    DNS,
    MASTERS,
    OUT_OF_THE_WAY,
    PREFIX,
    refusals,
    refused,
    role,
    roles,
    user,
    users,
)
from tests.support.documents.strategies import examples, randoms

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from random import Random

CI = f"{PREFIX}/ci"
ACCOUNT = {"mapAccounts": '["111122223333"]'}


def under_both(*entries: dict[str, object]) -> Document:
    """Return roles, the role `ci` again among the users as an administrator, and one administrator more."""
    again = {"userarn": CI, "username": "root", "groups": [MASTERS]}
    return Document({**roles(*entries, ADMIN).data, "mapUsers": json.dumps([again])})


def with_account(document: Document) -> Document:
    return Document({**document.data, **ACCOUNT})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (under_both(role("ci", "ci", "viewers")), under_both()),
        (under_both(role("Ci", "ci", "viewers")), under_both()),
        (roles(role("ci", "ci", MASTERS), role("ci", "ci", "viewers"), ADMIN), roles(role("ci", "ci", MASTERS), ADMIN)),
        (roles(role("ci", "root"), role("CI", "ci")), roles(role("ci", "root"))),
        (with_account(roles(role("ci", "ci", "viewers"))), with_account(roles())),
        (
            users(user("ci", "ci", "dev"), user("CI", "ci", MASTERS), user("admin", "admin", MASTERS)),
            users(user("CI", "ci", MASTERS), user("admin", "admin", MASTERS)),
        ),
        (with_account(users(user("ci", DNS))), with_account(users())),
    ],
    ids=["both keys", "another case", "duplicate", "username", "account", "two spellings", "for instances only"],
)
def test_a_removal_that_gives_more_is_refused(before: Document, after: Document) -> None:
    assert refused(before, after) == ["gains"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (roles(role("ci", "ci", "viewers")), roles()),
        (roles(role("ci", "ci"), role("ci", "ci", "viewers")), roles(role("ci", "ci"))),
        (roles(role("ci", "ci", "viewers")), roles(role("ci", "ci", "viewers", "editors"))),
        (
            roles(role("ci", "ci", MASTERS), role("ci", "ci")),
            roles(role("ci", "ci", MASTERS), role("ci", "ci", MASTERS)),
        ),
        (under_both(role("ci", "ci", "viewers")), under_both(role("ci", "root", MASTERS))),
        (with_account(roles()), with_account(roles(role("ci", "ci", "viewers")))),
        (with_account(roles(role("team/ci", "ci"))), with_account(roles())),
        (users(user("ci", "ci", "dev"), user("CI", "ci", "dev")), users(user("CI", "ci", "dev"))),
        (roles(), with_account(roles())),
    ],
    ids=[
        "only mapping",
        "less",
        "asked for",
        "duplicate",
        "both keys",
        "mapping",
        "role with its path",
        "same",
        "account",
    ],
)
def test_what_gives_nothing_or_is_asked_for_is_not(before: Document, after: Document) -> None:
    assert "gains" not in refused(before, after)


def test_the_refusal_in_full() -> None:
    [found] = refusals(under_both(role("ci", "ci", "viewers")), under_both())
    assert str(found) == (
        f"`{CI}` gets username `root`, group `{MASTERS}`; before the change username `ci`, group `viewers`. "
        "The change removes its winning mapping, and its entry in mapUsers wins from then on. "
        "Remove its user mapping in mapUsers too, or change that mapping instead of removing it. "
        f"To proceed, allow gains={CI}."
    )


def test_an_access_entry_that_wins_leaves_nothing_to_gain() -> None:
    entry = AccessEntry(CI, "STANDARD", "x")
    known = GuardContext(
        caller_arn=OUT_OF_THE_WAY.caller_arn, authentication_mode="API_AND_CONFIG_MAP", access_entries=(entry,)
    )
    assert refused(under_both(role("ci", "ci", "viewers")), under_both(), known) == []


def memory(data: Mapping[str, str]) -> awsauth.AwsAuthClient:
    return awsauth.AwsAuthClient.in_memory(dict(data))


def test_every_way_to_remove_is_looked_at_and_each_is_allowed_by_name() -> None:
    before = with_account(roles(role("ci", "ci", "viewers"), ADMIN)).data
    for change in (
        awsauth.RemoveRole(role_arn=CI),
        awsauth.RemoveUsername(username="ci"),
        awsauth.RenamePrincipal(principal_arn=CI, new_arn=f"{PREFIX}/new"),
        awsauth.ReplaceText(key="mapRoles", text=roles(ADMIN).data["mapRoles"]),
    ):
        with pytest.raises(GuardError) as error:
            memory(before).apply([change])
        assert [(one.code, one.principal) for one in error.value.findings] == [("gains", CI)]
        for allow in (["gains"], [f"gains={CI}"]):
            assert memory(before).apply([change], allow=allow).changed


def test_a_rollback_that_takes_a_mapping_out_is_looked_at(tmp_path: Path) -> None:
    """The role was an administrator among the users, and a role mapping has made less of it since."""
    data = users({"userarn": CI, "username": "root", "groups": [MASTERS]}, user("admin", "admin", MASTERS)).data
    metadata = {"name": "aws-auth", "namespace": "kube-system"}
    path = tmp_path / "aws-auth.yaml"
    path.write_text(
        json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}), "utf-8"
    )
    for client in (memory(data), awsauth.AwsAuthClient.from_file(path)):
        client.apply([awsauth.EnsureRole(role_arn=CI, username="ci", groups=["viewers"])])
        with pytest.raises(GuardError, match=r"gains: .* gets username `root`, group `system:masters`"):
            client.rollback()
        assert client.rollback(allow=["gains"]).changed


def test_a_role_in_whose_place_another_spelling_stands_is_looked_at() -> None:
    """The authenticator stores both under one name, the last one, and finds only the other one."""
    taken, other = f"{PREFIX}/si", f"{PREFIX}/s\u0130"
    admin = role(taken, "admin", MASTERS)
    for below in ({}, users({"userarn": taken, "username": "x"}).data):
        before, after = (Document({**one.data, **below}) for one in (roles(admin, role(other, "x")), roles(admin)))
        assert [one.principal for one in refusals(before, after) if one.code == "gains"] == [taken]


@given(randoms)
@examples(150)
def test_entries_that_only_go_give_nobody_more(random: Random) -> None:
    """Law: after a change that takes entries out, and that no guard refuses, nobody gets more than before."""
    before = Document(close_data(random))
    listed = [entry for entry in before.reading("mapRoles").mapped if entry.sso is None]
    kept = [role(one.principal, one.username, *one.groups) for one in listed if random.random() < 0.6]
    after = Document({**before.data, **roles(*kept).data})
    before = Document(
        {**before.data, **roles(*(role(one.principal, one.username, *one.groups) for one in listed)).data}
    )
    told = {casefold_arn(finding.principal) for finding in refusals(before, after) if finding.code == "gains"}
    old, new = Access.of(before), Access.of(after)
    more = {
        arn for arn in {**old.by_principal, **new.by_principal} if gains(old.of_principal(arn), new.of_principal(arn))
    }
    assert more == told
