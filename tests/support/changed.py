"""Documents before and after a change, and what the guards make of it."""

from __future__ import annotations

import json
from typing import Any

from awsauth.core.access.node_mappings import PRESETS, NodeKind
from awsauth.core.document.document import Document
from awsauth.core.findings import Finding, Severity
from awsauth.core.guards.context import GuardContext
from awsauth.core.guards.guards import run_guards

PREFIX = "arn:aws:iam::111122223333:role"
USERS = "arn:aws:iam::111122223333:user"
BOTH = ["system:bootstrappers", "system:nodes"]
DNS = "system:node:{{EC2PrivateDNSName}}"
MASTERS = "system:masters"
OUT_OF_THE_WAY = GuardContext(caller_arn=f"{USERS}/somebody-else")
"""The caller is known and comes in by something else."""

Entry = dict[str, Any]


def role(name: str, username: str = "x", *groups: str) -> Entry:
    return {"rolearn": name if ":" in name else f"{PREFIX}/{name}", "username": username, "groups": list(groups)}


def user(name: str, username: str = "x", *groups: str) -> Entry:
    return {"userarn": f"{USERS}/{name}", "username": username, "groups": list(groups)}


def node(name: str = "node", kind: NodeKind = "ec2") -> Entry:
    return role(name, PRESETS[kind].username, *PRESETS[kind].groups)


ADMIN = role("admin", "admin", MASTERS)


def roles(*entries: Entry) -> Document:
    return Document({"mapRoles": json.dumps(entries)})


def users(*entries: Entry) -> Document:
    return Document({"mapUsers": json.dumps(entries)})


def refusals(before: Document, after: Document, context: GuardContext = OUT_OF_THE_WAY) -> list[Finding]:
    """Return what a change is refused for."""
    return [finding for finding in run_guards(before, after, context) if finding.severity is Severity.ERROR]


def refused(before: Document, after: Document, context: GuardContext = OUT_OF_THE_WAY) -> list[str]:
    """Return the names of the guards that refuse a change."""
    return [finding.code for finding in refusals(before, after, context)]


def said(before: Document, after: Document, context: GuardContext) -> list[Finding]:
    """Return what guards have to say without refusing."""
    return [finding for finding in run_guards(before, after, context) if finding.severity is not Severity.ERROR]
