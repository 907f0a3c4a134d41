"""The rows of an access report: what is known, and what was not checked."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.access.matching import casefold_arn
from awsauth.core.cluster.facts import Binding, Bindings
from awsauth.core.document.document import Document
from awsauth.core.entries.findings import FoundPrincipal, IamFacts
from awsauth.core.entries.model import NOT_LOOKED_AT, AccessEntry, EntriesState, access_view
from awsauth.core.findings import Finding, Severity, note
from awsauth.core.lint.lint import list_mappings
from awsauth.core.report.rbac import EVERYTHING, PolicyRule, Rbac
from awsauth.core.report.rows import (
    COLUMNS,
    NO_CLUSTER,
    AccessReport,
    IamStatus,
    LastChange,
    ReportFacts,
    access_report,
)
from awsauth.core.report.summary import UNCHECKED
from awsauth.errors import AwsAuthError
from awsauth.report.formats import report_as_csv
from awsauth.report.html import report_as_html
from tests.support.access_entries import ROLE, USER, entry
from tests.support.fictional_cluster import DOCUMENT, MADE, report

if TYPE_CHECKING:
    from pathlib import Path

NOTHING_KNOWN = ReportFacts((), {}, notes=(NO_CLUSTER,))


def rows(found: AccessReport) -> dict[str, dict[str, str]]:
    return {
        row.access.principal.rpartition("/")[2]: dict(zip(COLUMNS, row.cells, strict=True)) for row in found.principals
    }


def bare(data: dict[str, str], state: EntriesState | None = None) -> AccessReport:
    document = Document(data)
    return access_report("x", MADE, document, access_view(document, state or EntriesState(), {}), NOTHING_KNOWN)


def test_a_row_has_the_source_that_decides() -> None:
    found = rows(report())
    assert found["deployer"]["source"] == "mapRoles line 7, column 12"
    assert found["anna"]["source"] == "mapUsers line 1, column 12"
    assert found["444455556666"]["source"] == "mapAccounts line 1, column 3"
    assert found["web"]["source"] == found["old-ci"]["source"] == "access entry"
    assert found["batch"]["source"] == "nothing: No caller can have this ARN."
    assert found["web"]["policies"] == "AmazonEKSEditPolicy in shop, web, AmazonEKSViewPolicy"


def test_a_row_has_the_last_change_the_owner_and_the_facts_of_iam() -> None:
    found = rows(report())
    deployer = found["deployer"]
    assert deployer["owner"] == "shop"
    assert deployer["last change"] == (
        "revision 7, 2026-10-12 14:05 UTC, by arn:aws:iam::111122223333:role/pipeline, release 42"
    )
    assert deployer["IAM"] == "created 2025-03-01, last used 2026-11-28"
    assert found["prod-nodes"]["IAM"] == "created 2025-03-01, not used in 400 days"
    assert found["anna"]["IAM"] == "created 2025-03-01"  # IAM does not tell when a user's keys were used
    assert found["contractor"]["IAM"] == "does not exist"
    assert found["platform"]["last change"] == "not recorded, 2026-09-01 14:05 UTC, by an unknown writer"
    assert found["anna"]["last change"] == "not in the history"


def test_a_role_of_an_access_entry_has_the_entrys_path() -> None:
    """A role of the same name with another path is another principal."""
    document = Document({})
    state = EntriesState("API", (entry("team/a"),))
    iam = IamFacts({f"{ROLE}/team/a": None}, {}, {f"{ROLE}/team/a": FoundPrincipal(f"{ROLE}/a", MADE)})
    view = access_view(document, state, {})
    (row,) = access_report("x", MADE, document, view, ReportFacts((), {}, iam=iam)).principals
    assert row.iam is not None
    assert not row.iam.exists


def test_a_row_has_the_kind_of_its_nodes() -> None:
    found = rows(report())
    assert {name: row["node"] for name, row in found.items() if row["node"]} == {
        "prod-nodes": "ec2",
        "spot-nodes": "EC2_LINUX",
    }


def test_a_row_has_the_bound_roles_and_a_summary_of_the_rights() -> None:
    found = {name: (row["roles"], row["rights"]) for name, row in rows(report()).items()}
    assert found["deployer"] == (
        "ClusterRole edit in shop, ClusterRole edit in web",
        "secrets in shop, web, exec in shop, web, workloads in shop, web",
    )
    assert found["monitoring"] == ("ClusterRole view", "read only")
    assert found["anna"] == ("Role debugger in shop, ClusterRole view", "exec in shop")
    assert found["platform"] == ("", "cluster-admin")
    assert found["contractor"] == ("", "unknown")  # AWS publishes no rules of its policy
    assert found["spot-nodes"] == ("", "nodes")
    assert found["batch"] == ("", "none")
    assert found["AWSReservedSSO_Admins_0123456789abcdef"] == ("", "cluster-admin")


def test_rights_that_were_not_checked_are_not_none() -> None:
    found = {name: (row["roles"], row["rights"]) for name, row in rows(bare(dict(DOCUMENT.data))).items()}
    assert found["deployer"] == found["444455556666"] == (UNCHECKED, UNCHECKED)
    assert found["prod-nodes"] == (UNCHECKED, f"nodes, {UNCHECKED}")
    # Membership in system:masters needs no binding.
    assert found["AWSReservedSSO_Admins_0123456789abcdef"] == (UNCHECKED, "cluster-admin")


def test_an_account_has_the_rights_of_its_principals_that_a_binding_names() -> None:
    name = "arn:aws:iam::444455556666:user/guest"
    bound = Bindings({name: (Binding("ClusterRoleBinding", "guest", "", "ClusterRole", "cluster-admin"),)})
    facts = ReportFacts((), {}, rbac=Rbac(bound, {("ClusterRole", "", "cluster-admin"): EVERYTHING}))
    document = Document({"mapAccounts": '- "444455556666"'})
    view = access_view(document, EntriesState(), {})
    (row,) = access_report("x", MADE, document, view, facts).principals
    assert [str(one) for one in row.rights] == ["cluster-admin"]


def test_an_account_has_no_rights_of_its_principals_with_a_mapping() -> None:
    name = "arn:aws:iam::444455556666:user/guest"
    bound = Bindings({name: (Binding("ClusterRoleBinding", "guest", "", "ClusterRole", "cluster-admin"),)})
    facts = ReportFacts((), {}, rbac=Rbac(bound, {("ClusterRole", "", "cluster-admin"): EVERYTHING}))
    document = Document({"mapAccounts": '- "444455556666"', "mapUsers": f"- userarn: {name}\n  username: guest\n"})
    view = access_view(document, EntriesState(), {})
    found = {row.kind: row.rights for row in access_report("x", MADE, document, view, facts).principals}
    assert found == {"user": (), "account": ()}


def test_a_finding_is_with_its_principal_and_otherwise_with_the_cluster() -> None:
    found = report()
    shown = {row.access.principal.rpartition("/")[2]: [one.code for one in row.findings] for row in found.principals}
    assert shown["batch"] == ["role-path"]
    assert shown["old-ci"] == ["entry-wider"]
    assert shown["contractor"] == ["entry-orphan"]
    with_rows = {one.code for row in found.principals for one in row.findings}
    assert not with_rows & {one.code for one in found.findings}


def test_what_was_not_checked_is_said_in_each_row_and_at_the_top() -> None:
    found = bare(dict(DOCUMENT.data))
    assert found.not_checked == (NO_CLUSTER,)
    assert {row.iam for row in found.principals} == {None}
    assert {row["IAM"] for name, row in rows(found).items() if ":" not in name} >= {UNCHECKED}


def test_a_text_that_cannot_be_read_is_not_an_empty_one() -> None:
    found = bare({"mapRoles": "- rolearn: {", "mapUsers": ""})
    assert found.principals == ()
    assert [one.message for one in found.not_checked if "mapRoles" in one.message] == [
        "Not checked: the principals in mapRoles. The authenticator cannot read it."
    ]
    assert found.table == [tuple(map(str.upper, COLUMNS))]


def test_an_access_entry_that_could_not_be_read_has_no_empty_cells() -> None:
    found = rows(bare({}, EntriesState("API", (entry("a", type=""),))))
    assert (found["a"]["username"], found["a"]["groups"]) == (UNCHECKED, UNCHECKED)


def test_entries_that_could_not_be_listed_leave_the_source_open() -> None:
    found = rows(bare(dict(DOCUMENT.data), EntriesState("API_AND_CONFIG_MAP", None)))
    assert found["deployer"]["source"].startswith("unknown: ")


def test_a_note_about_a_fact_that_was_not_looked_at_is_not_a_finding() -> None:
    assert NOT_LOOKED_AT not in {one.code for one in report().findings}


def test_each_mapped_principal_of_a_real_document_has_a_row(corpus: Path) -> None:
    read = 0
    for path in sorted(corpus.iterdir()):
        client = AwsAuthClient.from_file(path)
        with suppress(AwsAuthError):
            mapped = {casefold_arn(one.principal) for one in list_mappings(client.read()) if one.principal}
            found = client.report()
            assert {casefold_arn(row.access.principal) for row in found.principals} == mapped
            assert len(report_as_csv(found).splitlines()) == len(found.principals) + 1
            assert report_as_html(found).isascii()
            read += 1
    assert read > 100


def test_the_path_of_a_role_is_no_condition_of_its_access_entry() -> None:
    bound = Bindings(groups={"admins": (Binding("ClusterRoleBinding", "a", "", "ClusterRole", "cluster-admin"),)})
    facts = ReportFacts((), {}, rbac=Rbac(bound, {("ClusterRole", "", "cluster-admin"): EVERYTHING}))
    state = EntriesState("API", (entry("team/a", groups=("admins",)),))
    (row,) = access_report("x", MADE, Document({}), access_view(Document({}), state, {}), facts).principals
    assert [str(one) for one in row.rights] == ["cluster-admin"]


@pytest.mark.parametrize(
    "name",
    ["arn:aws:iam::444455556666:role/team/guest", "arn:aws:iam::777788889999:user/guest"],
    ids=["with a path", "of another account"],
)
def test_an_account_has_no_rights_of_a_username_that_none_of_its_principals_has(name: str) -> None:
    bound = Bindings({name: (Binding("ClusterRoleBinding", "guest", "", "ClusterRole", "cluster-admin"),)})
    facts = ReportFacts((), {}, rbac=Rbac(bound, {("ClusterRole", "", "cluster-admin"): EVERYTHING}))
    document = Document({"mapAccounts": '- "444455556666"'})
    (row,) = access_report("x", MADE, document, access_view(document, EntriesState(), {}), facts).principals
    assert row.rights == ()


def test_rights_of_a_mapping_are_not_all_if_an_access_entry_may_decide() -> None:
    bound = Bindings(groups={"g": (Binding("ClusterRoleBinding", "v", "", "ClusterRole", "view"),)})
    facts = ReportFacts(
        (), {}, rbac=Rbac(bound, {("ClusterRole", "", "view"): (PolicyRule(("get",), ("",), ("pods",)),)})
    )
    document = Document({"mapRoles": f"- rolearn: {ROLE}/a\n  username: a\n  groups: [g]\n"})
    view = access_view(document, EntriesState("API_AND_CONFIG_MAP", None), {})
    (row,) = access_report("x", MADE, document, view, facts).principals
    assert [str(one) for one in row.rights] == ["read only", UNCHECKED]
    assert dict(zip(COLUMNS, row.cells, strict=True))["policies"] == UNCHECKED


def test_an_access_entry_that_could_not_be_read_has_no_part_that_looks_empty() -> None:
    state = EntriesState("API", (AccessEntry(f"{ROLE}/a"),))
    view = access_view(Document({}), state, {})
    (row,) = access_report("x", MADE, Document({}), view, ReportFacts((), {}, rbac=Rbac())).principals
    cells = dict(zip(COLUMNS, row.cells, strict=True))
    assert {cells[name] for name in ("username", "groups", "policies", "roles", "rights")} == {UNCHECKED}


def test_a_user_in_two_spellings_has_the_rights_of_both_under_a_condition() -> None:
    users = "".join(
        f"- userarn: arn:aws:iam::444455556666:user/{name}\n  username: u\n  groups: [{group}]\n"
        for name, group in [("a", "system:masters"), ("A", "x")]
    )
    document = Document({"mapUsers": users})
    view = access_view(document, EntriesState(), {})
    (row,) = access_report("x", MADE, document, view, ReportFacts((), {}, rbac=Rbac())).principals
    assert str(row.rights[0]) == "cluster-admin (under a condition)"
    overridden = EntriesState("API_AND_CONFIG_MAP", (AccessEntry("arn:aws:iam::444455556666:user/a", "STANDARD", "u"),))
    view = access_view(document, overridden, {})
    (row,) = access_report("x", MADE, document, view, ReportFacts((), {}, rbac=Rbac())).principals
    assert row.rights == ()


def test_the_page_tells_roles_of_one_name_and_roles_under_a_condition_apart() -> None:
    bound = Bindings({"ci:bob": (Binding("ClusterRoleBinding", "x", "", "ClusterRole", "edit"),)}, {"g": (
        Binding("ClusterRoleBinding", "v", "", "ClusterRole", "view"),
        Binding("RoleBinding", "v", "web", "Role", "view"),
    )})  # fmt: skip
    document = Document({"mapRoles": f"- rolearn: {ROLE}/a\n  username: 'ci:{{{{SessionName}}}}'\n  groups: [g]\n"})
    view = access_view(document, EntriesState(), {})
    page = report_as_html(access_report("x", MADE, document, view, ReportFacts((), {}, rbac=Rbac(bound))))
    found = [page.count(f"<li>{one}</li>") for one in ("edit (under a condition)", "view", "view in web")]
    assert found == [1, 1, 1]


def test_the_table_has_the_columns_that_a_row_fills() -> None:
    document = {"mapRoles": f"- rolearn: {ROLE}/a\n  username: a\n  groups: [x, '']\n"}
    one = bare(document)
    of_one = dict(zip(*one.table, strict=True))
    assert (of_one["PRINCIPAL"], of_one["USERNAME"], of_one["GROUPS"]) == (f"{ROLE}/a", "a", "x, (empty)")
    assert not {"NODE", "OWNER", "FINDINGS"} & of_one.keys()
    names, *_ = bare({**document, "mapUsers": f"- userarn: {USER}/b\n  username: b\n"}).table
    assert "GROUPS" in names


def test_the_last_change_of_a_mapping_is_found_in_any_case_and_that_of_an_entry_by_its_arn() -> None:
    document, state = Document({"mapRoles": f"- rolearn: {ROLE}/CI\n"}), EntriesState("API", (entry("Web"),))
    for view, arn, other in (
        (access_view(document, EntriesState(), {}), f"{ROLE}/ci", f"{ROLE}/CI"),
        (access_view(Document({}), state, {}), f"{ROLE}/Web", f"{ROLE}/web"),
    ):
        changes = {arn: LastChange(7), other: LastChange(8)}
        (row,) = access_report("x", MADE, document, view, ReportFacts((), changes)).principals
        assert row.last_change == LastChange(7)


def test_findings_about_no_principal_and_notes_are_with_no_row() -> None:
    general = Finding("too-large", Severity.ERROR, "It is large.", "", "")
    skipped = note(NOT_LOOKED_AT, "Not checked: x.", "", principal=f"{ROLE}/other")
    document = Document({"mapRoles": f"- rolearn: {ROLE}/a\n- 3\n"})
    view = access_view(document, EntriesState(), {})
    found = access_report("x", MADE, document, view, ReportFacts((general, skipped), {}))
    assert [row.findings for row in found.principals] == [()]
    assert (found.findings, found.not_checked) == ((general,), (skipped,))


def test_the_place_of_several_mappings_is_that_of_the_last_one() -> None:
    found = bare({"mapUsers": f"- userarn: {USER}/a\n- userarn: {USER}/A\n"})
    assert str(found.principals[0].location) == "mapUsers line 2, column 12"


def test_a_condition_leaves_it_open_whether_there_are_more_rights() -> None:
    groups = {"a": "[system:masters]", "A": "[]"}
    users = "".join(f"- userarn: {USER}/{name}\n  groups: {group}\n" for name, group in groups.items())
    [row] = bare({"mapUsers": users}).principals
    shown = [str(one) for one in row.rights]
    assert (shown[0], shown[-1]) == ("cluster-admin (under a condition)", UNCHECKED)


def test_a_role_without_its_path_is_the_one_that_iam_has() -> None:
    document = Document({"mapRoles": f"- rolearn: {ROLE}/ci\n"})
    iam = IamFacts({}, {}, {f"{ROLE}/ci": FoundPrincipal(f"{ROLE}/team/ci", MADE)})
    view = access_view(document, EntriesState(), {})
    (row,) = access_report("x", MADE, document, view, ReportFacts((), {}, iam=iam)).principals
    assert row.iam == IamStatus(exists=True, created=MADE)
