"""The facts of a fictional cluster, for reports: mappings, access entries, history, IAM and findings."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from awsauth.core.cluster.facts import Binding, Bindings
from awsauth.core.document.document import Document
from awsauth.core.entries.findings import FoundPrincipal, IamFacts, entry_findings
from awsauth.core.entries.model import EntriesState, access_view
from awsauth.core.lint.lint import lint
from awsauth.core.report.rbac import PolicyRule, Rbac
from awsauth.core.report.rows import AccessReport, LastChange, ReportFacts, access_report
from tests.support.access_entries import ADMIN_POLICY, EDIT, ROLE, USER, VIEW, entry, nodes

if TYPE_CHECKING:
    from awsauth.core.entries.model import AccessEntry

MADE: Final = datetime(2026, 11, 30, 9, 0, tzinfo=timezone.utc)
_SSO: Final = "AWSReservedSSO_Admins_0123456789abcdef"


def _on(month: int, day: int = 1) -> datetime:
    return datetime(2026, month, day, 14, 5, tzinfo=timezone.utc)


def _edits(namespace: str) -> Binding:
    return Binding("RoleBinding", "deployers", namespace, "ClusterRole", "edit")


_READ: Final = ("get", "list", "watch")
DOCUMENT: Final = Document({
    "mapRoles": f"""\
- rolearn: {ROLE}/prod-nodes
  username: system:node:{{{{EC2PrivateDNSName}}}}
  groups: [system:bootstrappers, system:nodes]
- rolearn: {ROLE}/{_SSO}
  username: admin:{{{{SessionName}}}}
  groups: [system:masters]
- rolearn: {ROLE}/deployer
  username: deployer
  groups: [deployers]
- rolearn: {ROLE}/monitoring
  username: monitoring
  groups: [viewers]
- rolearn: {ROLE}/old-ci
  username: ci
  groups: [builders]
- rolearn: {ROLE}/team/batch
  username: batch
  groups: [batch-runners]
""",
    "mapUsers": f"- userarn: {USER}/anna\n  username: anna\n  groups: [support]\n",
    "mapAccounts": '- "444455556666"\n',
})  # fmt: skip
ENTRIES: Final = (
    replace(nodes("spot-nodes"), created=_on(2), modified=_on(2)),
    entry("team/platform", ADMIN_POLICY, username="platform", created=_on(3), modified=_on(9),
          tags={"awsauth/owner": "platform"}),
    entry("web", f"{EDIT}=web,shop", VIEW, username="web", groups=("deployers",), created=_on(4), modified=_on(4)),
    entry("old-ci", VIEW, username="ci", created=_on(5), modified=_on(5)),
    entry("contractor", "AmazonEKSAuditPolicy", username="contractor", created=_on(6), modified=_on(6)),
)  # fmt: skip
RBAC: Final = Rbac(
    Bindings(
        {"anna": (Binding("RoleBinding", "anna", "shop", "Role", "debugger"),)},
        {
            "deployers": tuple(_edits(space) for space in ("shop", "web")),
            "viewers": (Binding("ClusterRoleBinding", "viewers", "", "ClusterRole", "view"),),
            "support": (Binding("ClusterRoleBinding", "support", "", "ClusterRole", "view"),),
            "builders": (Binding("ClusterRoleBinding", "builders", "", "ClusterRole", "image-builder"),),
            "system:authenticated": (
                Binding("ClusterRoleBinding", "system:basic-user", "", "ClusterRole", "system:basic-user"),
            ),
        },
    ),
    {
        ("ClusterRole", "", "view"): (PolicyRule(_READ, ("",), ("pods", "services", "configmaps")),),
        ("ClusterRole", "", "edit"): (
            PolicyRule((*_READ, "create", "update", "delete"), ("", "apps"), ("pods", "deployments", "secrets")),
            PolicyRule(("create",), ("",), ("pods/exec",)),
        ),
        ("ClusterRole", "", "image-builder"): (PolicyRule(("create",), ("build.example.com",), ("images",)),),
        ("Role", "shop", "debugger"): (PolicyRule(("create",), ("",), ("pods/exec",)),),
        ("ClusterRole", "", "system:basic-user"): (
            PolicyRule(("create",), ("authorization.k8s.io",), ("selfsubjectaccessreviews",)),
        ),
    },
)
_USED: Final = {"deployer": _on(11, 28), "monitoring": _on(11, 29), "team/platform": _on(11, 2), "web": _on(11, 29)}


def facts(document: Document = DOCUMENT, entries: tuple[AccessEntry, ...] = ENTRIES) -> ReportFacts:
    """Return what is known of the cluster beside its mappings and entries."""
    arns = [f"{ROLE}/{name}" for name in (*_USED, "prod-nodes", "spot-nodes", "old-ci", _SSO)]
    real = {arn: FoundPrincipal(arn, datetime(2025, 3, 1, tzinfo=timezone.utc)) for arn in [*arns, f"{USER}/anna"]}
    for name, used in _USED.items():
        real[f"{ROLE}/{name}"] = real[f"{ROLE}/{name}"]._replace(last_used=used)
    created = {arn: one.created for arn, one in real.items()} | {f"{ROLE}/contractor": None}
    iam = IamFacts(created, {}, real)
    state = EntriesState("API_AND_CONFIG_MAP", entries)
    found = (*lint(document), *entry_findings(document, state, iam))
    jane, pipeline = f"arn:aws:sts::111122223333:assumed-role/{_SSO}/jane", "arn:aws:iam::111122223333:role/pipeline"
    changes = {
        f"{ROLE}/{name}".lower(): change
        for name, change in {
            "deployer": LastChange(7, _on(10, 12), pipeline, "release 42"),
            "monitoring": LastChange(5, _on(8, 3), jane, "Grafana needs to read"),
            _SSO: LastChange(2, _on(2, 11), jane, "the administrators"),
        }.items()
    }
    changes |= {
        f"{ROLE}/web": LastChange(1, _on(4), jane, "the web team deploys itself"),
        f"{ROLE}/team/platform": LastChange(0, _on(9)),
    }
    return ReportFacts(found, changes, iam, RBAC)


def report(document: Document = DOCUMENT, entries: tuple[AccessEntry, ...] = ENTRIES) -> AccessReport:
    """Return the report of the cluster, made at a fixed time."""
    owners = {f"role/{ROLE}/deployer".lower(): "shop"}
    view = access_view(document, EntriesState("API_AND_CONFIG_MAP", entries), owners)
    target = "EKS cluster prod in eu-west-1 (account 111122223333)"
    return access_report(target, MADE, document, view, facts(document, entries))
