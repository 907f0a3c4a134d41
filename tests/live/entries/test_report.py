"""The report of a real cluster: RBAC, access entries and their history, IAM; and what may not be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import EnsureEntry
from tests.support.entry_changes import DEV, EDIT, VIEW
from tests.support.rbac_manifests import rules
from tests.support.recovery_stage import GOOD, OPS, ROLE

if TYPE_CHECKING:
    from awsauth.core.report.rows import AccessReport, ReportRow
    from tests.support.controlplane.cluster import Cluster
    from tests.support.entry_changes import Entries


def by_name(report: AccessReport) -> dict[str, ReportRow]:
    return {row.access.principal.rpartition("/")[2]: row for row in report.principals}


def test_a_row_has_what_the_cluster_eks_and_iam_know(entries: Entries) -> None:
    entries.mode("API_AND_CONFIG_MAP")
    entries.stage.cluster.put_aws_auth(GOOD)
    cluster = entries.stage.cluster
    # No controller fills `view` and `edit` in here, so the roles that they select stand for them.
    view, edit = "system:aggregate-to-view", "system:aggregate-to-edit"
    cluster.kubectl("create", "clusterrolebinding", "report-viewers", f"--clusterrole={view}", "--group=viewers")
    cluster.kubectl("create", "rolebinding", "report-edits", f"--clusterrole={edit}", "--group=devs", "-n", "default")
    try:
        with entries.client(author="me") as client:
            client.apply(EnsureEntry(principal_arn=DEV, groups=["devs"], policies=[VIEW]), reason="a new team")
            client.add_role_mapping(f"{ROLE}seer", username="seer", groups=["viewers"], reason="Grafana")
            report = client.report()
    finally:
        cluster.kubectl("delete", "clusterrolebinding", "report-viewers")
        cluster.kubectl("delete", "rolebinding", "report-edits", "-n", "default")
    found = by_name(report)
    assert report.mode == "API_AND_CONFIG_MAP"
    ops, dev, seer = found["recover-ops"], found["dev"], found["seer"]
    assert ops.access.principal == OPS
    assert [str(one) for one in ops.rights] == ["cluster-admin"]
    assert ops.iam
    assert ops.iam.exists
    assert dev.last_change
    assert (dev.last_change.revision, dev.last_change.reason) == (1, "a new team")
    assert "recover-ops" in dev.last_change.by
    assert [str(one) for one in dev.roles or ()] == [f"ClusterRole {edit} in default"]
    assert "secrets in default" in [str(one) for one in dev.rights]
    assert [str(one) for one in seer.roles or ()] == [f"ClusterRole {view}"]
    assert [str(one) for one in seer.rights] == ["read only"]
    assert seer.last_change
    assert seer.last_change.reason == "Grafana"
    assert seer.iam
    assert not seer.iam.exists
    assert found["recover-node"].node == "ec2"


def test_what_eks_and_iam_refuse_is_not_checked(entries: Entries) -> None:
    entries.mode("API_AND_CONFIG_MAP")
    entries.stage.cluster.put_aws_auth(GOOD)
    entries.eks.deny("ListAccessEntries")
    with entries.client() as client:
        report = client.report()
    (node,) = report.principals
    assert node.access.decided_by == "unknown"
    assert any("access entries" in one.message for one in report.not_checked)


def test_in_mode_config_map_the_report_says_what_iam_did_not_tell(entries: Entries) -> None:
    entries.mode("CONFIG_MAP")
    entries.stage.map_caller()
    foreign = "arn:aws:iam::999988887777:role/foreign"
    with entries.client() as client:
        client.add_role_mapping(foreign, username="x")
        report = client.report()
    assert by_name(report)["foreign"].iam is None
    assert [one for one in report.not_checked if foreign in one.message]


def test_without_rights_on_rbac_the_roles_are_not_checked(cluster: Cluster) -> None:
    cluster.put_aws_auth({"mapRoles": f"- rolearn: {DEV}\n  username: dev\n  groups: [{EDIT}]\n"})
    with AwsAuthClient.from_kubeconfig(path=cluster.user(rules("reader", "Role")).kubeconfig) as client:
        report = client.report()
    (row,) = report.principals
    assert row.roles is None
    assert [str(one) for one in row.rights] == ["not checked"]
    told = " ".join(one.message for one in report.not_checked)
    assert "Not checked: the rights in RBAC." in told
    assert "the principals in IAM" in told


def test_with_the_rules_of_a_reader_only_aws_is_not_checked(cluster: Cluster) -> None:
    cluster.put_aws_auth({"mapRoles": f"- rolearn: {DEV}\n  username: dev\n"})
    user = cluster.user(rules("reader", "Role"), cluster_rules=rules("reader", "ClusterRole"))
    with AwsAuthClient.from_kubeconfig(path=user.kubeconfig) as client:
        report = client.report()
    assert report.principals[0].roles == ()
    assert [one.message for one in report.not_checked] == [
        "Not checked: the principals in IAM. The cluster's name in EKS is unknown."
    ]
