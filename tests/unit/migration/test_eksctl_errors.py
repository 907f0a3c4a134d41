"""What eksctl's migration does to people's access, and what this one does with the same clusters.

Read in eksctl 99984ad (``pkg/actions/accessentry``). The same table is in ``docs/how-to/migrate.md``.
"""

from __future__ import annotations

import json

from awsauth.core.document.document import Document
from awsauth.core.entries.findings import FoundPrincipal, IamFacts
from awsauth.core.entries.model import EntriesState
from awsauth.core.migration.classify import migration_plan
from tests.support.changed import MASTERS, PREFIX, node, role, roles
from tests.unit.migration.test_verdicts import CONFIG_MAP, MADE, entry, known


def test_eksctl_hard_codes_the_partition_of_policies() -> None:
    arn = "arn:aws-us-gov:iam::111122223333:role/admin"
    [found] = migration_plan(roles(role(arn, "admin", MASTERS)), CONFIG_MAP, known(arn)).items
    assert found.entry
    assert found.entry.policies[0].policy_arn.startswith("arn:aws-us-gov:eks::aws:")


def test_eksctl_keeps_the_first_duplicate() -> None:
    document = roles(role("ci", "first", MASTERS), role("ci", "last"))
    assert migration_plan(document, CONFIG_MAP, known(f"{PREFIX}/ci")).entries == (entry("ci", "last"),)


def test_eksctl_skips_fargate_and_hybrid_nodes() -> None:
    document = roles(node("fargate", "fargate"), node("edge", "hybrid"))
    fargate, hybrid = migration_plan(document, CONFIG_MAP, known(f"{PREFIX}/fargate", f"{PREFIX}/edge")).items
    assert fargate.entry
    assert hybrid.entry
    assert (fargate.entry.type, hybrid.entry.type) == ("FARGATE_LINUX", "HYBRID_LINUX")


def test_eksctl_drops_the_other_groups_of_administrators() -> None:
    [made] = migration_plan(roles(role("a", "a", MASTERS, "auditors")), CONFIG_MAP, known(f"{PREFIX}/a")).entries
    assert (made.groups, made.is_administrator) == (("auditors",), True)


def test_eksctl_deletes_the_config_map() -> None:
    plan = migration_plan(roles(role("ci", "ci")), CONFIG_MAP, known(f"{PREFIX}/ci"))
    assert any("leave aws-auth as it is" in step for step in plan.steps)


def test_eksctl_looks_up_roles_of_other_accounts_by_name_in_its_own() -> None:
    other = "arn:aws:iam::444455556666:role/ci"
    facts = known(f"{PREFIX}/ci", iam=IamFacts({}, {other: "Another account."}))
    [made] = migration_plan(roles(role(other, "ci")), CONFIG_MAP, facts).entries
    assert made.principal_arn == other


def test_eksctl_ends_at_the_first_missing_role() -> None:
    iam = IamFacts({f"{PREFIX}/gone": None}, {}, {f"{PREFIX}/ci": FoundPrincipal(f"{PREFIX}/ci", MADE)})
    plan = migration_plan(roles(role("gone"), role("ci", "ci")), CONFIG_MAP, known(iam=iam))
    assert [item.verdict for item in plan.items] == ["dead", "equal"]


def test_eksctl_does_not_check_usernames() -> None:
    [found] = migration_plan(roles(role("ci", "{{SessionName}}")), CONFIG_MAP, known(f"{PREFIX}/ci")).items
    assert (found.verdict, found.entry) == ("needs-choice", None)


def test_eksctl_panics_at_sso_entries() -> None:
    sso = {"sso": {"permissionSetName": "Admin", "accountID": "111122223333"}, "username": "x", "groups": []}
    document = Document({"mapRoles": json.dumps([sso, role("ci", "ci")])})
    items = migration_plan(document, CONFIG_MAP, known(f"{PREFIX}/ci")).items
    assert [item.verdict for item in items] == ["dead", "equal"]
    assert str(items[0]).startswith("`(sso)`: ")


def test_eksctl_lists_entries_before_the_switch() -> None:
    """EKS makes entries at the switch, which then collide with planned ones."""
    document = roles(role("ci", "ci"))
    assert "Plan again" in migration_plan(document, CONFIG_MAP, known(f"{PREFIX}/ci")).steps[0]
    by_eks = entry("ci", "ci")
    assert migration_plan(document, EntriesState("API_AND_CONFIG_MAP", (by_eks,)), known(f"{PREFIX}/ci")).entries == ()


def test_eksctl_skips_accounts_and_service_linked_roles() -> None:
    document = Document({
        "mapRoles": json.dumps([role("AWSServiceRoleForAmazonEMRContainers", "emr")]), "mapAccounts": '["444455556666"]',
    })  # fmt: skip
    plan = migration_plan(document, CONFIG_MAP, known())
    assert [(item.verdict, item.blocks_api) for item in plan.items] == [("impossible", True)] * 2
    assert plan.steps[-1].endswith("access: 2.")
