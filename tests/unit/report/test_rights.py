"""Who has a right: by mappings, accounts, access entries and access policies, with the way to it."""

from __future__ import annotations

import json

import pytest

from awsauth.core.document.document import Document
from awsauth.core.entries.model import AccessEntry, AccessPolicy, EntriesState
from awsauth.core.report.rbac import Rbac, RbacRule
from awsauth.core.report.who_can import Grants, who_has_right
from tests.support.access_entries import POLICY
from tests.support.changed import MASTERS, PREFIX, USERS, role, roles, user, users
from tests.unit.report.test_rbac import PODS, binding, group, rbac, role as cluster_role

GET = RbacRule("get", "pods", namespace="web")
ACCOUNT = "111122223333"
READ = rbac(cluster_role("read", PODS), binding("read", group("viewers"), namespace="web"))


def ways(document: Document, found: Rbac = READ, asked: RbacRule = GET, *entries: AccessEntry) -> Grants:
    return who_has_right(document, EntriesState("API_AND_CONFIG_MAP", entries), found, asked)


def entry(name: str, *policies: str, groups: tuple[str, ...] = (), namespaces: tuple[str, ...] = ()) -> AccessEntry:
    given = tuple(AccessPolicy(f"{POLICY}/{one}", namespaces) for one in policies)
    return AccessEntry(f"{PREFIX}/{name}", "STANDARD", name, groups, given)


def test_the_way_as_text() -> None:
    document = roles(role("ci", "ci", "viewers"), role("boss", "boss", MASTERS), role("no", "no", "other"))
    view = entry("dev", "AmazonEKSViewPolicy", namespaces=("we*",))
    assert str(ways(document, READ, GET, view)) == (
        "3 principals can `get pods in web`.\n"
        f"  `{PREFIX}/ci` (mapRoles line 1, column 14):"
        " group viewers > RoleBinding web/to-read > ClusterRole read > get pods.\n"
        f"  `{PREFIX}/boss` (mapRoles line 1, column 105): group system:masters > * *.\n"
        f"  `{PREFIX}/dev` (access entry): access policy AmazonEKSViewPolicy in we* >"
        " get, list, watch configmaps, endpoints, persistentvolumeclaims, persistentvolumeclaims/status, pods,"
        " replicationcontrollers, replicationcontrollers/scale, serviceaccounts, services, services/status."
    )
    assert str(ways(Document({}))) == "No principal can `get pods in web`."


def test_every_way_of_a_principal_is_there() -> None:
    both = rbac(cluster_role("read", PODS), binding("read", group("viewers"), group("readers")))
    found = ways(roles(role("ci", "ci", "viewers", "readers")), both)
    assert [grant.right and grant.right.subject for grant in found] == ["group viewers", "group readers"]
    assert str(found).startswith("One principal can")


def test_an_entry_takes_the_place_of_a_mapping() -> None:
    document = roles(role("ci", "ci", "viewers"))
    assert len(ways(document, READ, GET, entry("ci"))) == 0
    [grant] = ways(document, READ, GET, entry("ci", groups=("viewers",)))
    assert (grant.key, grant.location) == ("access entry", None)


def test_a_condition_of_the_principal_or_of_the_way() -> None:
    bob = rbac(cluster_role("read", PODS), binding("read", {"kind": "User", "name": "ci:bob"}))
    [grant] = ways(roles(role("ci", "ci:{{SessionName}}")), bob)
    assert grant.conditions == ("If its session is called `bob`.",)
    twice = users(user("a", "a", "viewers"), user("A", "a", "viewers"))
    assert all("undefined" in grant.conditions[0] for grant in ways(twice))


@pytest.mark.parametrize(
    ("subject", "principals"),
    [
        (group("system:authenticated"), [f"{PREFIX}/ci", ACCOUNT]),
        ({"kind": "User", "name": f"{USERS}/bob"}, [f"{USERS}/bob"]),
        ({"kind": "User", "name": f"{PREFIX}/ci"}, []),  # it is mapped to another name
        ({"kind": "User", "name": "arn:aws:iam::999922223333:user/bob"}, []),
    ],
)
def test_the_principals_of_an_account(subject: dict[str, str], principals: list[str]) -> None:
    document = Document({**roles(role("ci", "ci")).data, "mapAccounts": f'["{ACCOUNT}"]'})
    found = ways(document, rbac(cluster_role("read", PODS), binding("read", subject)))
    assert [grant.principal for grant in found] == principals
    assert all(grant.conditions for grant in found if grant.key == "mapAccounts")


def test_an_unknown_policy_is_a_problem_and_not_a_no() -> None:
    found = ways(Document({}), READ, GET, entry("dev", "AmazonEKSNewPolicy"))
    assert (len(found), [problem.code for problem in found.problems]) == (0, ["not-looked-at"])
    assert f"Not checked: whether `{PREFIX}/dev` can by its access policy AmazonEKSNewPolicy." in str(found)
    assert not ways(Document({}), READ, GET, entry("dev", "AmazonEKSNewPolicy", namespaces=("db",))).problems


def test_a_missing_role_gives_nothing() -> None:
    found = rbac(binding("gone", group("viewers")))
    assert not ways(roles(role("ci", "ci", "viewers")), found).grants


def test_json() -> None:
    found = ways(roles(role("ci", "ci", "viewers")), READ, GET._replace(name="db"))
    value = json.loads(json.dumps(found.to_json()))
    assert (value["kind"], value["name"]) == ("right", "get pods named db in web")
    assert value["grants"][0]["right"]["binding"]["name"] == "to-read"
    assert value["grants"][0]["right"]["rules"][0]["resources"] == ["pods"]
