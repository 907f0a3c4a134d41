"""Documents of people who were in trouble, rebuilt from public reports: what has to be told of each, and what has to work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from awsauth.core.document.document import Document
from awsauth.core.edit.merge import merge
from awsauth.core.findings import Severity
from awsauth.core.lint.lint import fixes, lint
from awsauth.stores.file import ManifestFile

if TYPE_CHECKING:
    from pathlib import Path

EXPECTED: Final = {
    "01-same-role-twice.yaml": {"duplicate"},
    "03-windows-group-gone.yaml": {"node-kind"},
    "05-trailing-space-quoted.yaml": set(),
    "06-broken-mapusers.yaml": {"unreadable"},
    "09-wrong-namespace.yaml": {"unread-object"},
    "10-iam-group-arn.yaml": {"entry-dropped"},
    "11-human-as-node.yaml": {"account-digits", "person-as-node", "account-number"},
    "12-scalar-groups.yaml": {"wrong-type", "role-path"},
    "14-awk-insert.yaml": {"continued-value"},
    "15-old-module-keys.yaml": {"entry-dropped"},
    "16-em-dash.yaml": {"unreadable"},
    "25-role-taken-by-eks.yaml": set(),
    "26-sso-no-suffix.yaml": {"sso-suffix"},
    "27-from-git.yaml": set(),
    "31-fargate-as-ec2.yaml": {"instances-only", "session-node"},
    "32-node-role-also-fargate.yaml": {"duplicate"},
    "33-appended-data.yaml": {"repeated-data-key"},
}
"""Errors, and warnings of what the report is about. The other files are not manifests of an ``aws-auth``."""
REPAIRED: Final = {"06-broken-mapusers.yaml", "12-scalar-groups.yaml", "15-old-module-keys.yaml", "16-em-dash.yaml"}
ASIDE: Final = {"no-username", "no-administrator", "no-node-mapping"}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_report_is_told(cases: Path, name: str) -> None:
    manifest = ManifestFile(cases / name).read().manifest
    found = [*manifest.findings, *lint(Document(manifest.data))]
    assert {finding.code for finding in found} - ASIDE == EXPECTED[name]


@pytest.mark.parametrize("name", sorted(REPAIRED))
def test_what_can_only_mean_one_thing_is_repaired(cases: Path, name: str) -> None:
    document = Document(ManifestFile(cases / name).read().manifest.data)
    after = merge(document, fixes(document))
    assert not [finding.line for finding in lint(after) if finding.severity is Severity.ERROR]
